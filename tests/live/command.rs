//! The command line on real control planes, beside kubectl of the same version.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Test;
use crate::rig::{ControlPlane, Options, Outcome, merged, shared};

pub(crate) const TESTS: &[Test] = &[
    ("get_names_the_cluster_that_failed", get_names_the_cluster_that_failed),
    ("get_prints_what_kubectl_prints", get_prints_what_kubectl_prints),
    ("get_has_the_items_kubectl_has", get_has_the_items_kubectl_has),
    ("get_errors_read_as_kubectls", get_errors_read_as_kubectls),
    ("describe_and_doctor_answer", describe_and_doctor_answer),
];

/// What the program printed.
#[derive(Debug)]
struct Printed {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

fn qd(kubeconfig: &Path, arguments: &[&str]) -> Outcome<Printed> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_qd"));
    command.env_clear().env("HOME", home.path()).env("KUBECONFIG", kubeconfig).args(arguments);
    let output = command.stdin(Stdio::null()).output()?;
    Ok(Printed {
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
        code: output.status.code(),
    })
}

/// What it printed when nothing was wrong.
fn clean(plane: &ControlPlane, arguments: &[&str]) -> Outcome<String> {
    match qd(&plane.kubeconfig_path("admin"), arguments)? {
        Printed { stdout, code: Some(0), stderr } if stderr.is_empty() => Ok(stdout),
        other => Err(format!("qd {}: {other:#?}", arguments.join(" ")).into()),
    }
}

fn get_names_the_cluster_that_failed() -> Outcome {
    let mut planes = Vec::new();
    for name in ["east", "west"] {
        let plane = ControlPlane::start(Options { nodes: 1, ..Options::named(name) })?;
        plane.create_pods("default", 2, 0)?;
        planes.push(plane);
    }
    let kubeconfig = planes[0].write_kubeconfig("fleet.kubeconfig", &merged(&planes))?;
    planes[1].stop_api_server()?;
    let printed = qd(&kubeconfig, &["get", "pods", "-A", "-o", "json"])?;
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    let value: Value = serde_json::from_str(&printed.stdout)?;
    assert_eq!(value["kind"], "MultiClusterResult");
    assert_eq!(value["clusters"][0]["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(value["clusters"][1]["cluster"], "west");
    assert!(value["summary"]["errors"]["west"].as_str().is_some_and(|why| why.contains("refused")), "{value:#}");
    assert!(printed.stderr.contains("west: "), "{printed:#?}");
    planes[1].start_api_server()?;
    let value: Value = serde_json::from_str(&qd(&kubeconfig, &["get", "pods", "-A", "-o", "json"])?.stdout)?;
    assert_eq!(value["summary"]["successful"], 2);
    Ok(())
}

/// Kinds whose tables are compared; ages may turn while two programs ask one after the other.
const COMPARED: &[&[&str]] = &[
    &["get", "pods", "-A"],
    &["get", "pods", "-A", "-o", "wide"],
    &["get", "pods", "-A", "--show-labels"],
    &["get", "pods", "-A", "-L", "app", "--no-headers"],
    &["get", "pods", "-A", "-l", "app=web"],
    &["get", "pods", "-A", "--sort-by", "{.metadata.name}"],
    &["get", "deployments", "-A", "-o", "wide"],
    &["get", "replicasets", "-A"],
    &["get", "services", "-A"],
    &["get", "endpointslices", "-A"],
    &["get", "configmaps", "-A"],
    &["get", "secrets", "-A"],
    &["get", "serviceaccounts", "-A"],
    &["get", "clusterroles"],
    &["get", "rolebindings", "-A"],
    &["get", "namespaces"],
    &["get", "nodes", "-o", "wide"],
    &["get", "leases", "-A"],
];

/// Other tests change the same cluster: two programs that ask one after the other may differ, but not for so long.
const MOVING: std::time::Duration = std::time::Duration::from_secs(30);

fn get_prints_what_kubectl_prints() -> Outcome {
    let [plane, _] = shared()?;
    furnish(plane)?;
    for arguments in COMPARED {
        let name = arguments.join(" ");
        let until = std::time::Instant::now() + MOVING;
        loop {
            let (ours, theirs) = (clean(plane, arguments)?, plane.kubectl(arguments)?);
            if without_cluster(&ours, plane.name()) == normal(&theirs) {
                break;
            }
            let late = std::time::Instant::now() > until;
            assert!(!late, "qd {name}\n{ours}\nkubectl {name}\n{theirs}");
        }
    }
    Ok(())
}

/// Something of everything, once.
fn furnish(plane: &ControlPlane) -> Outcome {
    let existing = plane.kubectl(&["get", "deployment", "web", "--ignore-not-found", "-o", "name"])?;
    if existing.is_empty() {
        plane.kubectl(&["create", "deployment", "web", "--image=web", "--replicas=2"])?;
        plane.kubectl(&["expose", "deployment", "web", "--port=80"])?;
        plane.kubectl(&["create", "secret", "generic", "keys", "--from-literal=a=b"])?;
    }
    plane.wait_for_running("default", 2)
}

/// Cells apart, without the ages; cells stand two or more spaces apart.
fn normal(table: &str) -> Vec<Vec<String>> {
    let is_age = |cell: &str| {
        cell.ends_with(['s', 'm', 'h', 'd']) && cell.chars().all(|c| c.is_ascii_digit() || "smhd".contains(c))
    };
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(|cell| if is_age(cell) { "AGE".to_owned() } else { cell.to_owned() }).collect()
    };
    let mut lines: Vec<_> = table.lines().map(cells).collect();
    // What is created while two programs ask one after the other has nothing to do with how it is printed.
    lines.retain(|cells| !cells.is_empty());
    lines
}

fn without_cluster(table: &str, cluster: &str) -> Vec<Vec<String>> {
    let mut lines = normal(table);
    for cells in &mut lines {
        if let Some(at) = cells.iter().position(|cell| cell == "CLUSTER" || cell == cluster) {
            cells.remove(at);
        }
    }
    lines
}

fn get_has_the_items_kubectl_has() -> Outcome {
    let [plane, _] = shared()?;
    furnish(plane)?;
    let arguments = ["get", "deployments,services", "-A"];
    let theirs: Value = serde_json::from_str(&plane.kubectl(&[&arguments[..], &["-o", "json"]].concat())?)?;
    let flat: Value = serde_json::from_str(&clean(plane, &[&arguments[..], &["-o", "json", "--flat"]].concat())?)?;
    let envelope: Value = serde_json::from_str(&clean(plane, &[&arguments[..], &["-o", "json"]].concat())?)?;
    let yaml: Value = serde_saphyr::from_str(&clean(plane, &[&arguments[..], &["-o", "yaml"]].concat())?)?;

    assert_eq!(envelope["clusters"][0]["items"], theirs["items"], "the same items in the same order");
    assert_eq!(yaml, envelope);
    let mut items = flat["items"].as_array().cloned().unwrap_or_default();
    for item in &mut items {
        let annotations = item["metadata"]["annotations"].as_object_mut().ok_or("no annotations")?;
        assert_eq!(annotations.remove("quarterdeck.dev/cluster"), Some("east".into()));
        if annotations.is_empty() {
            item["metadata"].as_object_mut().ok_or("no metadata")?.remove("annotations");
        }
    }
    assert_eq!(Value::Array(items), theirs["items"]);

    let names = ["get", "deployments,services", "-n", "default", "-o", "name"];
    assert_eq!(clean(plane, &names)?, plane.kubectl(&names)?);
    Ok(())
}

fn get_errors_read_as_kubectls() -> Outcome {
    let [plane, _] = shared()?;
    let kubeconfig = plane.kubeconfig_path("admin");
    let questions: [&[&str]; 5] = [
        &["get", "pods", "nowhere"],
        &["get", "gizmos"],
        &["get", "pods", "-n", "nowhere"],
        &["get", "ingresses", "-A"],
        &["get", "storageclasses"],
    ];
    for arguments in questions {
        let (ours, theirs) = (qd(&kubeconfig, arguments)?, plane.try_kubectl(arguments)?);
        assert_eq!(ours.code, theirs.code, "{arguments:?}: {ours:#?} {theirs:#?}");
        let said = ours.stderr.strip_prefix("east: ").unwrap_or(&ours.stderr);
        assert_eq!((said, &ours.stdout), (theirs.stderr.as_str(), &theirs.stdout), "{arguments:?}");
    }
    Ok(())
}

fn describe_and_doctor_answer() -> Outcome {
    let [plane, _] = shared()?;
    furnish(plane)?;
    let text = clean(plane, &["describe", "deployment", "web"])?;
    assert!(text.contains("Cluster:          east") && text.contains("app=web"), "{text}");
    let doctor: Value = serde_json::from_str(&clean(plane, &["doctor", "-o", "json"])?)?;
    assert_eq!(doctor["items"][0]["state"], "live");
    let uid = plane.kubectl(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"])?;
    assert_eq!(doctor["items"][0]["uid"], uid.as_str());
    let events = clean(plane, &["events", "-A", "--no-headers"])?;
    assert!(events.contains("Scheduled") || events.contains("SuccessfulCreate"), "{events}");
    Ok(())
}
