//! The console on real control planes: the binary in a pseudo-terminal, one kubeconfig for three clusters.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::Test;
use crate::rig::{ControlPlane, Options, Outcome, User, merged, until};
use crate::terminal::{Terminal, command};

pub(crate) const TESTS: &[Test] = &[
    ("console_shows_three_clusters_and_a_stopped_one", three_clusters_and_a_stopped_one),
    ("console_notices_a_frozen_api_server", frozen_api_server),
    ("console_asks_for_a_login_when_a_token_is_revoked", revoked_token),
    ("console_and_command_line_agree_about_a_viewer_without_rights", viewer_without_rights),
    ("console_falls_back_to_the_namespaces_it_may_read", denied_everywhere_but_one_namespace),
    ("console_lists_again_what_it_may_not_watch", listed_and_not_watched),
    ("console_finds_a_kind_added_while_it_runs", kind_added_while_running),
    ("console_relists_after_compaction", relists_after_compaction),
    ("console_reads_logs_yaml_and_description", reads_logs_yaml_and_description),
    ("console_sends_nothing_but_get", sends_nothing_but_get),
];

const PROGRAM: &str = env!("CARGO_BIN_EXE_qd");

/// What takes part of a second on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(60);

/// How soon a console must notice what a watch alone does not tell.
const NOTICED: Duration = Duration::from_secs(40);

/// After this a cluster that came back is retried at the latest, on a busy machine.
const BACK: Duration = Duration::from_secs(120);

/// How long the effect of a key is waited for where it may have none.
const EFFECT: Duration = Duration::from_millis(200);

const SIZE: (u16, u16) = (180, 40);
pub(crate) const ESC: &str = "\u{1b}";

/// The console in a terminal, with a home of its own.
pub(crate) struct Console {
    pub(crate) terminal: Terminal,
    home: TempDir,
}

impl Console {
    pub(crate) fn open(kubeconfig: &Path, arguments: &[&str]) -> Outcome<Self> {
        let home = tempfile::tempdir()?;
        let kubeconfig = kubeconfig.to_string_lossy().into_owned();
        let all = [&["--kubeconfig", &kubeconfig], arguments].concat();
        let terminal = Terminal::start(command(Path::new(PROGRAM), home.path(), &all), SIZE);
        Ok(Self { terminal, home })
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn until(&self, what: &str, limit: Duration, wanted: impl Fn(&str) -> bool) -> Outcome<String> {
        let failed = |text| format!("waited {limit:?} for {what}; the screen was:\n{text}").into();
        self.terminal.poll(limit, wanted).map_err(failed)
    }

    fn shows(&self, wanted: &[&str]) -> Outcome<String> {
        self.until(&format!("{wanted:?}"), SOON, |text| wanted.iter().all(|part| text.contains(part)))
    }

    /// Closes what lies over the table, and waits until it is gone: a key that came together with `esc` would be read
    /// as one with `alt`.
    fn close(&mut self) -> Outcome {
        self.shows(&["esc back"])?;
        self.terminal.send(ESC);
        self.until("the overlay's end", SOON, |text| !text.contains("esc back")).map(drop)
    }

    /// Sends keys, and waits a moment for what they change on the screen; many change nothing.
    pub(crate) fn press(&mut self, keys: &str) {
        let before = self.terminal.text();
        self.terminal.send(keys);
        drop(self.terminal.poll(EFFECT, |text| text != before));
    }

    pub(crate) fn run(&mut self, line: &str) {
        self.terminal.send(&format!(":{line}\r"));
    }

    pub(crate) fn leave(mut self) -> Outcome {
        self.run("q");
        match self.terminal.end(SOON) {
            0 => Ok(()),
            code => Err(format!("the console ended with {code}").into()),
        }
    }
}

/// The line of the screen that has this in it.
fn row<'a>(text: &'a str, part: &str) -> &'a str {
    text.lines().find(|line| line.contains(part)).unwrap_or_default()
}

fn write_merged(planes: &[ControlPlane]) -> Outcome<PathBuf> {
    let first = planes.first().ok_or("no control plane")?;
    first.write_kubeconfig("fleet.kubeconfig", &merged(planes))
}

fn three_clusters_and_a_stopped_one() -> Outcome {
    let mut planes = Vec::new();
    for name in ["east", "west", "north"] {
        let plane = ControlPlane::start(Options { nodes: 1, ..Options::named(name) })?;
        plane.create_pods("default", 3, 0)?;
        planes.push(plane);
    }
    for plane in &planes {
        plane.wait_for_running("default", 3)?;
    }
    let mut console = Console::open(&write_merged(&planes)?, &[])?;
    console.until("three live clusters", SOON, |text| {
        ["east", "west", "north"].iter().all(|name| row(text, name).contains("live")) && text.contains("3/3 live")
    })?;
    console.run("pods -A");
    console.until("nine pods", SOON, |text| text.contains("3/3 clusters · 9 rows"))?;

    let west = planes.get_mut(1).ok_or("three planes")?;
    west.stop_api_server()?;
    console.until("rows of a cluster that is gone", NOTICED, |text| text.contains("2/3 clusters · 9 rows"))?;
    console.run("clusters");
    let gone = console.until("a reason", NOTICED, |text| {
        let row = row(text, "west");
        (row.contains("unreachable") || row.contains("stale")) && row.contains("refused")
    })?;
    assert!(row(&gone, "east").contains("live"), "{gone}");

    west.start_api_server()?;
    console.until("it to be live again", BACK, |text| text.contains("3/3 live"))?;
    west.kubectl(&["delete", "pod", "pod-0", "--grace-period=0", "--force"])?;
    console.run("pods -A");
    console.until("what changed since", SOON, |text| text.contains("3/3 clusters · 8 rows"))?;
    console.leave()
}

fn frozen_api_server() -> Outcome {
    let mut plane = ControlPlane::start(Options::named("ice"))?;
    let console = Console::open(&plane.kubeconfig_path("admin"), &[])?;
    console.until("a live cluster", SOON, |text| text.contains("1/1 live"))?;
    plane.freeze_api_server()?;
    // A probe comes every 30 s with jitter and waits 5 s for an answer.
    console.until("it to be noticed", Duration::from_secs(60), |text| {
        let row = row(text, "▌ice");
        row.contains("stale") || row.contains("unreachable")
    })?;
    plane.thaw_api_server()?;
    console.until("it to be live again", BACK, |text| text.contains("1/1 live"))?;
    console.leave()
}

fn revoked_token() -> Outcome {
    let users = vec![User::master("operator")];
    let mut plane = ControlPlane::start(Options { users, ..Options::named("east") })?;
    let kubeconfig = plane.write_kubeconfig("operator.kubeconfig", &plane.kubeconfig_for("operator")?)?;
    let console = Console::open(&kubeconfig, &[])?;
    console.until("a live cluster", SOON, |text| text.contains("1/1 live"))?;
    plane.revoke_token("operator")?;
    console.until("the need for a login", BACK, |text| row(text, "▌east").contains("auth needed"))?;
    console.leave()
}

/// B17: a viewer without rights is denied, in the same words, whoever asks.
fn viewer_without_rights() -> Outcome {
    let users = vec![User::named("viewer")];
    let plane = ControlPlane::start(Options { users, ..Options::named("shared") })?;
    let kubeconfig = plane.write_kubeconfig("viewer.kubeconfig", &plane.kubeconfig_for("viewer")?)?;
    let home = tempfile::tempdir()?;
    let mut why = Vec::new();
    for asked in ["clusters", "doctor"] {
        let mut qd = std::process::Command::new(PROGRAM);
        qd.env_clear().env("HOME", home.path()).env("KUBECONFIG", &kubeconfig).args([asked, "-o", "json"]);
        let listed: serde_json::Value = serde_json::from_slice(&qd.output()?.stdout)?;
        let cluster = &listed["items"][0];
        assert_eq!(cluster["state"], "denied", "{listed:#}");
        assert!(cluster["version"].as_str().is_some_and(|version| version.starts_with("v1.")), "{listed:#}");
        why.push(cluster["reason"].as_str().unwrap_or_default().to_owned());
    }
    assert!(why[0].contains("User \"viewer\" cannot list") && why[0] == why[1], "{why:?}");
    let console = Console::open(&kubeconfig, &[])?;
    // The table has room for the beginning of it, the line below for the whole.
    let text = console.until("the denial", SOON, |text| row(text, "▌shared").contains("⊘ denied"))?;
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined.contains(&why[0]), "{}\n{text}", why[0]);
    console.leave()
}

fn denied_everywhere_but_one_namespace() -> Outcome {
    let users = vec![User::named("tenant")];
    let plane = ControlPlane::start(Options { users, nodes: 1, ..Options::named("shared") })?;
    let namespace = plane.new_namespace("tenant")?;
    plane.create_pods(&namespace, 2, 0)?;
    plane.create_pods("default", 2, 0)?;
    plane.kubectl(&[
        "create",
        "rolebinding",
        "tenant",
        "--clusterrole=cluster-admin",
        "--user=tenant",
        "-n",
        &namespace,
    ])?;
    plane.wait_for_running(&namespace, 2)?;
    let mut kubeconfig: serde_json::Value = serde_json::from_str(&plane.kubeconfig_for("tenant")?)?;
    kubeconfig["contexts"][0]["context"]["namespace"] = json!(namespace);
    let kubeconfig = plane.write_kubeconfig("tenant.kubeconfig", &kubeconfig.to_string())?;

    let mut console = Console::open(&kubeconfig, &[])?;
    console.until("a live cluster", SOON, |text| row(text, "▌shared").contains("live"))?;
    console.run("pods -A");
    console.until("the pods of one namespace, and why not all", SOON, |text| {
        text.contains("2 rows") && text.contains("pod-1") && text.contains(&format!("only {namespace}"))
    })?;
    console.leave()
}

/// K5: with `list` and without `watch`, rows come every half minute and the view says why; without both they are old;
/// with both they are live.
fn listed_and_not_watched() -> Outcome {
    let users = vec![User::named("lister")];
    let plane = ControlPlane::start(Options { users, ..Options::named("shared") })?;
    let namespace = plane.new_namespace("team")?;
    let may = |verbs: &str| {
        let verbs = verbs.split(',').map(|verb| format!("\"{verb}\"")).collect::<Vec<_>>().join(",");
        let rules = format!(r#"[{{"op":"replace","path":"/rules/0/verbs","value":[{verbs}]}}]"#);
        plane.kubectl(&["patch", "role", "lister", "-n", &namespace, "--type=json", "-p", &rules])
    };
    let add = |name: &str| plane.kubectl(&["create", "configmap", name, "-n", &namespace]);
    plane.kubectl(&["create", "role", "lister", "--verb=get,list", "--resource=pods,configmaps", "-n", &namespace])?;
    plane.kubectl(&["create", "rolebinding", "lister", "--role=lister", "--user=lister", "-n", &namespace])?;
    add("first-map")?;
    let mut kubeconfig: serde_json::Value = serde_json::from_str(&plane.kubeconfig_for("lister")?)?;
    kubeconfig["contexts"][0]["context"]["namespace"] = json!(namespace);
    let kubeconfig = plane.write_kubeconfig("lister.kubeconfig", &kubeconfig.to_string())?;

    let mut console = Console::open(&kubeconfig, &[])?;
    console.until("a live cluster", SOON, |text| row(text, "▌shared").contains("live"))?;
    console.run("configmaps");
    console.shows(&["first-map", "listed every 30s", "watch is denied"])?;
    add("second-map")?;
    console.until("the next list", BACK, |text| text.contains("second-map"))?;
    may("get")?;
    console.until("old rows", BACK, |text| text.contains("second-map") && text.contains("rows are"))?;
    may("get,list,watch")?;
    console.terminal.send("\u{12}");
    console.until("a watch", BACK, |text| {
        text.contains("second-map") && !text.contains("rows are") && !text.contains("watch is denied")
    })?;
    add("third-map")?;
    console.shows(&["third-map"])?;
    console.leave()
}

const WIDGETS: &str = r#"{
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": { "name": "widgets.example.com" },
    "spec": {
        "group": "example.com", "scope": "Namespaced",
        "names": { "plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"] },
        "versions": [{
            "name": "v1", "served": true, "storage": true,
            "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
            "additionalPrinterColumns": [{ "name": "Flavour", "type": "string", "jsonPath": ".spec.flavour" }]
        }]
    }
}"#;

fn kind_added_while_running() -> Outcome {
    let plane = ControlPlane::start(Options::named("east"))?;
    let mut console = Console::open(&plane.kubeconfig_path("admin"), &[])?;
    console.until("a live cluster", SOON, |text| text.contains("1/1 live"))?;
    let definition = plane.write_kubeconfig("widgets.json", WIDGETS)?;
    plane.kubectl(&["create", "-f", &definition.to_string_lossy()])?;
    let widget = json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "first" },
        "spec": { "flavour": "blueberry" },
    });
    let widget = plane.write_kubeconfig("widget.json", &widget.to_string())?;
    until("the new kind to be served", SOON, || plane.kubectl(&["create", "-f", &widget.to_string_lossy()]))?;
    until("the new kind to be known", SOON, || {
        console.run("widgets");
        let shown = console.terminal.poll(Duration::from_secs(2), |text| text.contains("blueberry"));
        shown.map_err(|text| format!("the screen is\n{text}").into())
    })?;
    let text = console.shows(&["first", "FLAVOUR", "east"])?;
    assert!(row(&text, "first").contains("blueberry"), "the printer column of the definition:\n{text}");
    console.leave()
}

fn relists_after_compaction() -> Outcome {
    let uncached = vec!["--watch-cache=false".to_owned()];
    let mut plane = ControlPlane::start(Options { api_server_flags: uncached, ..Options::named("east") })?;
    plane.kubectl(&["create", "configmap", "before"])?;
    let mut console = Console::open(&plane.kubeconfig_path("admin"), &["-c", ":cm -n default"])?;
    console.shows(&["before"])?;
    // The watch ends while everything it could go on from is being forgotten.
    console.terminal.signal(Signal::STOP);
    plane.kubectl(&["create", "configmap", "meanwhile"])?;
    plane.kubectl(&["delete", "configmap", "before"])?;
    plane.stop_api_server()?;
    plane.start_api_server()?;
    for name in ["a", "b", "c"] {
        plane.kubectl(&["create", "configmap", name])?;
    }
    plane.compact()?;
    console.terminal.signal(Signal::CONT);
    console.until("the state after the compaction", BACK, |text| {
        text.contains("meanwhile") && !text.contains("before") && text.contains("1 cluster · ")
    })?;
    plane.kubectl(&["create", "configmap", "afterwards"])?;
    console.shows(&["afterwards", "meanwhile"])?;
    console.run("doctor");
    console.shows(&["RELISTS"])?;
    console.close()?;
    console.shows(&["NAMESPACE", "afterwards"])?;
    console.leave()
}

fn reads_logs_yaml_and_description() -> Outcome {
    let plane = ControlPlane::start(Options { nodes: 1, ..Options::named("east") })?;
    plane.create_pods("default", 1, 0)?;
    plane.wait_for_running("default", 1)?;
    plane.write_log(&["first line", "second line"])?;
    let mut console = Console::open(&plane.kubeconfig_path("admin"), &["-c", ":pods -A"])?;
    console.shows(&["pod-0", "Running"])?;
    console.until("the cursor", SOON, |text| text.lines().any(|line| line.starts_with(" ▸")))?;
    console.terminal.send("l");
    console.shows(&["first line", "second line"])?;
    plane.write_log(&["first line", "second line", "third line"])?;
    console.close()?;
    console.shows(&["pod-0", "NAMESPACE"])?;
    console.terminal.send("p");
    console.shows(&["the run before"])?;
    console.close()?;
    console.shows(&["pod-0", "NAMESPACE"])?;
    console.terminal.send("y");
    console.shows(&["kind: Pod", "apiVersion: v1"])?;
    console.close()?;
    console.shows(&["pod-0", "NAMESPACE"])?;
    console.terminal.send("d");
    console.shows(&["registry.example/main:1", "node-0"])?;
    console.close()?;
    console.shows(&["pod-0", "NAMESPACE"])?;
    console.leave()
}

fn sends_nothing_but_get() -> Outcome {
    let users = vec![User::master("watcher")];
    let plane = ControlPlane::start(Options { users, nodes: 1, ..Options::named("east") })?;
    plane.create_pods("default", 2, 0)?;
    let kubeconfig = plane.write_kubeconfig("watcher.kubeconfig", &plane.kubeconfig_for("watcher")?)?;
    let mut console = Console::open(&kubeconfig, &["--read-only"])?;
    console.until("a live cluster", SOON, |text| text.contains("1/1 live"))?;
    for (line, shown) in [
        ("pods -A", "pod-1"),
        ("deploy -A", "deploy"),
        ("secrets -A", "secrets"),
        ("events", "events"),
        ("nodes", "node-0"),
    ] {
        console.run(line);
        console.until(line, SOON, |text| text.contains(shown) && text.contains("1 cluster · "))?;
    }
    console.run("pods -A");
    console.shows(&["pod-1"])?;
    for (key, shown) in [("y", "kind: Pod"), ("d", "Name:"), ("l", "ready")] {
        console.terminal.send(key);
        console.shows(&[shown])?;
        console.close()?;
        console.shows(&["NAMESPACE", "pod-1"])?;
    }
    console.leave()?;

    let asked = until("the last request in the audit log", SOON, || {
        let events = plane.audit()?;
        let own: Vec<_> = events.into_iter().filter(|event| event["user"]["username"] == "watcher").collect();
        let logs = own.iter().any(|event| event["objectRef"]["subresource"] == "log");
        if logs { Ok(own) } else { Err("no log was read yet".into()) }
    })?;
    let other: Vec<_> = asked
        .iter()
        .filter(|event| !event["verb"].as_str().is_some_and(|verb| ["get", "list", "watch"].contains(&verb)))
        .map(|event| format!("{} {}", event["verb"], event["requestURI"]))
        .collect();
    assert_eq!(other, Vec::<String>::new(), "of {} requests", asked.len());
    Ok(())
}
