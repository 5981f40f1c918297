//! Every file of `deploy/` parses, starts `qd` with flags there are, and names metrics there are.

use clap::Parser as _;
use quarterdeck::cli::Cli;
use quarterdeck::config::Environment;
use quarterdeck::engine::k8s::endpoint::Endpoint;
use quarterdeck::engine::proxy::config::read::{Context, Document, Listed, read};
use quarterdeck::engine::proxy::metrics::catalogue;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("deploy can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn deployed(extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(Path::new("deploy"), &mut found);
    let wanted = found.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == extension));
    wanted.map(|path| (path.clone(), fs::read_to_string(&path).expect("a file of deploy can be read"))).collect()
}

fn documents(path: &Path, text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The command lines of all containers that run `qd`.
fn commands(document: &Value) -> Vec<Vec<String>> {
    let words = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let pod = |list: &str| document.pointer(&format!("/spec/template/spec/{list}")).and_then(Value::as_array);
    let containers = ["initContainers", "containers"].into_iter().filter_map(pod).flatten();
    let part = |container: &Value, name: &str| container.get(name).map(words).unwrap_or_default();
    let lines = containers.map(|container| [part(container, "command"), part(container, "args")].concat());
    lines.filter(|line| line.first().is_some_and(|program| program == "qd")).collect()
}

#[test]
fn the_image_has_every_source_that_its_training_is_built_of() {
    let recipe = fs::read_to_string("deploy/Containerfile").expect("a text");
    let from_here = recipe.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|rest| !rest.starts_with('-'));
    let whole = |path: &Path| fs::canonicalize(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let copied: Vec<PathBuf> = from_here
        .flat_map(|rest| rest.split_whitespace().rev().skip(1).collect::<Vec<_>>())
        .map(|source| whole(Path::new(source)))
        .collect();
    let mut sources = Vec::new();
    files(Path::new("tests/it"), &mut sources);
    let mut beside = 0;
    for source in sources.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "rs")) {
        let text = fs::read_to_string(&source).expect("a text");
        for path in text.lines().filter_map(|line| line.strip_prefix("#[path = \"")?.strip_suffix("\"]")) {
            let module = whole(&source.with_file_name(path));
            assert!(copied.iter().any(|copied| module.starts_with(copied)), "{} needs {path}", source.display());
            beside += 1;
        }
    }
    assert!(beside > 0, "targets of the fuzzer are modules of a test");
}

#[test]
fn manifests_start_qd_with_flags_there_are() {
    let mut lines = Vec::new();
    for (path, text) in deployed("yaml") {
        for document in documents(&path, &text) {
            lines.extend(commands(&document));
        }
    }
    assert_eq!(lines.len(), 2, "the sidecar and the Deployment");
    for (path, text) in deployed("service") {
        let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=%h/.local/bin/"));
        let start = start.unwrap_or_else(|| panic!("{} starts nothing", path.display()));
        lines.push(start.replace("%S", "/state").split(' ').map(str::to_owned).collect());
    }
    for line in &lines {
        if let Err(refusal) = Cli::try_parse_from(line) {
            panic!("`{}`: {refusal}", line.join(" "));
        }
    }
}

#[test]
fn the_routing_of_the_manifests_is_read() {
    let endpoint = Endpoint::plain("https://10.0.0.1:443", "in-cluster");
    let pod = Listed {
        name: "in-cluster".to_owned(),
        context: None,
        namespace: "default".to_owned(),
        region: String::new(),
        labels: BTreeMap::new(),
        endpoint: Ok(Arc::new(endpoint)),
    };
    let (inventory, environment) = ([pod], Environment::default());
    let context = Context { inventory: &inventory, home: None, environment: &environment, origin: "deploy" };
    let mut read_ones = 0;
    for (path, text) in deployed("yaml") {
        for document in documents(&path, &text) {
            let parts = ["data", "stringData"].into_iter().filter_map(|key| document.get(key)?.as_object());
            let texts: Vec<Document> = parts
                .flatten()
                .filter(|(name, _)| matches!(name.as_str(), "clusters.yaml" | "routing.yaml"))
                .filter_map(|(name, text)| Some(Document::remote(name, text.as_str()?)))
                .collect();
            if texts.is_empty() {
                continue;
            }
            let reading = read(&texts, &context).unwrap_or_else(|refused| panic!("{}: {refused}", path.display()));
            assert_eq!((reading.config.home, reading.config.rules.len()), (Some(0), 1), "{}", path.display());
            read_ones += 1;
        }
    }
    assert_eq!(read_ones, 2, "the sidecar's and the Deployment's");
}

#[test]
fn what_manifests_mount_and_select_is_there() {
    for (path, text) in deployed("yaml") {
        for document in documents(&path, &text) {
            let pod = &document["spec"]["template"]["spec"];
            let Some(volumes) = pod["volumes"].as_array() else { continue };
            let names: BTreeSet<&str> = volumes.iter().filter_map(|volume| volume["name"].as_str()).collect();
            let lists = ["initContainers", "containers"].into_iter().filter_map(|list| pod[list].as_array()).flatten();
            let mounts = lists.filter_map(|container| container["volumeMounts"].as_array()).flatten();
            let mounted: BTreeSet<&str> = mounts.filter_map(|mount| mount["name"].as_str()).collect();
            assert_eq!(mounted, names, "{}", path.display());
            let labels = &document["spec"]["template"]["metadata"]["labels"];
            assert_eq!(&document["spec"]["selector"]["matchLabels"], labels, "{}", path.display());
        }
    }
}

/// Names in a text that look like a metric of ours.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("qd_proxy_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

/// Names a query may use.
fn queryable() -> BTreeSet<String> {
    let of = |metric: &quarterdeck::engine::metrics::table::Metric| {
        let name = catalogue::TABLE.full_name(metric);
        if metric.kind == quarterdeck::engine::metrics::table::MetricKind::Histogram {
            ["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")).to_vec()
        } else {
            vec![name]
        }
    };
    catalogue::ALL.iter().flat_map(of).collect()
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_metrics_there_are() {
    let known = queryable();
    let mut asked = BTreeSet::new();
    for (path, text) in [deployed("json"), deployed("yaml")].concat() {
        let of_file = metrics(&text);
        let unknown: Vec<&String> = of_file.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
        asked.extend(of_file);
    }
    assert!(asked.len() > 25, "the dashboard shows most of what there is: {asked:?}");
}

#[test]
fn the_dashboard_is_one_and_its_panels_have_queries() {
    let all = deployed("json");
    let [(_, text)] = all.as_slice() else { panic!("one dashboard, not {}", all.len()) };
    let dashboard: Value = serde_json::from_str(text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<u64> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "ids are unique");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().expect("targets");
        assert!(targets.iter().all(|target| target["expr"].as_str().is_some_and(balanced)), "{panel}");
    }
}

#[test]
fn every_alert_has_a_query_a_severity_and_a_summary() {
    let (path, text) = deployed("yaml").into_iter().find(|(path, _)| path.ends_with("prometheus-rules.yaml")).unwrap();
    let [rules] = documents(&path, &text).try_into().expect("one document");
    let alerts = rules["groups"][0]["rules"].as_array().expect("rules");
    for alert in alerts {
        let expr = alert["expr"].as_str().expect("an expression");
        assert!(balanced(expr) && !metrics(expr).is_empty(), "{alert}");
        assert!(alert["labels"]["severity"].is_string() && alert["annotations"]["summary"].is_string(), "{alert}");
    }
    let names: BTreeSet<&str> = alerts.iter().filter_map(|alert| alert["alert"].as_str()).collect();
    assert_eq!(names.len(), alerts.len());
}

/// Brackets outside of quotes close what they open.
fn balanced(expr: &str) -> bool {
    let mut open = Vec::new();
    for outside in expr.split('"').step_by(2) {
        for c in outside.chars() {
            match c {
                '(' => open.push(')'),
                '{' => open.push('}'),
                '[' => open.push(']'),
                ')' | '}' | ']' if open.pop() != Some(c) => return false,
                _ => {}
            }
        }
    }
    open.is_empty() && expr.matches('"').count().is_multiple_of(2)
}
