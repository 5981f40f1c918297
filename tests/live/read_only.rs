//! The access level `read-only`, on real API servers, judged by their audit logs: whatever kubectl sends through the
//! proxy, whatever command runs, whatever key is pressed, nothing but reads arrives.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use quarterdeck::views::keymap::{Context, Keymap};
use serde_json::{Value, json};

use crate::Test;
use crate::console::{Console, ESC};
use crate::proxy::by_namespace;
use crate::proxy::kubectl::Kubectl;
use crate::proxy::serving::{Serving, cluster};
use crate::rig::{ControlPlane, Options, Outcome, User, shared, until};

pub(crate) const TESTS: &[Test] = &[
    ("read_only_proxy_sends_reads_only", proxy_sends_reads_only),
    ("read_only_by_rule_holds_for_its_cluster_alone", by_rule_for_its_cluster_alone),
    ("read_only_proxy_reviews_tokens", proxy_reviews_tokens),
    ("read_only_commands_send_reads_only", commands_send_reads_only),
    ("read_only_console_sends_reads_only", console_sends_reads_only),
];

/// What takes part of a second on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(60);

/// Who asks in the name of the program, so that the audit log tells its requests from those of the rig.
const READER: &str = "reader";

fn plane(name: &str) -> Outcome<ControlPlane> {
    let plane = ControlPlane::start(Options { users: vec![User::master(READER)], nodes: 2, ..Options::named(name) })?;
    plane.create_pods("default", 2, 0)?;
    plane.kubectl(&["create", "deployment", "web", "--image=web"])?;
    plane.kubectl(&["create", "service", "clusterip", "web", "--tcp=80"])?;
    plane.kubectl(&["create", "configmap", "settings", "--from-literal=a=b"])?;
    Ok(plane)
}

/// The reader's requests that are no reads. The last one of all holds `marker`: when it is in the log, nothing is missed.
fn writes(plane: &ControlPlane, marker: &str) -> Outcome<Vec<String>> {
    let of_reader = until("the last request in the audit log", SOON, || {
        let events: Vec<Value> =
            plane.audit()?.into_iter().filter(|event| event["user"]["username"] == READER).collect();
        let is_there = events.iter().any(|event| event["requestURI"].as_str().is_some_and(|uri| uri.contains(marker)));
        if is_there { Ok(events) } else { Err(format!("{marker} was not asked yet").into()) }
    })?;
    let is_read = |event: &Value| {
        let verb = event["verb"].as_str().unwrap_or_default();
        let subresource = event["objectRef"]["subresource"].as_str().unwrap_or_default();
        ["get", "list", "watch"].contains(&verb) && !["exec", "attach", "portforward", "proxy"].contains(&subresource)
    };
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |event: &Value| format!("{} {}", word(&event["verb"]), word(&event["requestURI"]));
    Ok(of_reader.iter().filter(|event| !is_read(event)).map(line).collect())
}

/// Commands of kubectl that change something, each with another verb, subresource or protocol.
const REFUSED: &[&[&str]] = &[
    &["create", "configmap", "new", "--from-literal=a=b"],
    &["apply", "-f", "FILE"],
    &["apply", "--server-side", "-f", "FILE"],
    &["replace", "-f", "FILE"],
    &["patch", "configmap", "settings", "-p", "{\"data\":{\"a\":\"c\"}}"],
    &["label", "configmap", "settings", "a=b"],
    &["delete", "configmap", "settings"],
    &["delete", "--raw", "/api/v1/namespaces/default/configmaps?labelSelector=x"],
    &["create", "--raw", "/api/v1/namespaces/default/pods/pod-0/eviction", "-f", "FILE"],
    &["scale", "deployment", "web", "--replicas=3"],
    &["rollout", "restart", "deployment", "web"],
    &["set", "image", "deployment/web", "web=other"],
    &["cordon", "node-0"],
    &["run", "another", "--image=a"],
    &["expose", "deployment", "web", "--port=80", "--name=other"],
    &["exec", "pod-0", "--", "true"],
    &["attach", "pod-0"],
    &["port-forward", "pod/pod-0", ":80"],
    &["cp", "FILE", "pod-0:/tmp/x"],
    &["debug", "pod-0", "--image=a"],
    &["get", "--raw", "/api/v1/namespaces/default/services/web/proxy/"],
    &["get", "--raw", "/api/v1/nodes/node-0/proxy/pods"],
    &["get", "--raw", "/api/v1/namespaces/default/pods/pod-0/exec?command=true"],
    &["auth", "can-i", "delete", "pods"],
    &["auth", "whoami"],
    &["drain", "node-0", "--force"],
    &["taint", "nodes", "node-0", "a=b:NoSchedule"],
    &["annotate", "pods", "--all", "a=b"],
    &["create", "token", "default"],
    &["certificate", "approve", "none"],
];

/// Of those, kubectl says in words of its own that a request was refused, or finds before that there is no such object.
const OWN_WORDS: &[&str] = &["selfsubjectreviews API is not enabled", "\"none\" not found"];

const READ: &[&[&str]] = &[
    &["get", "pods,deployments,configmaps", "-o", "wide"],
    &["describe", "pod", "pod-0"],
    &["logs", "pod-0"],
    &["get", "--raw", "/readyz"],
    &["rollout", "status", "deployment", "web", "--watch=false"],
    &["explain", "pods"],
    &["api-resources"],
    &["wait", "pod/pod-0", "--for=jsonpath={.metadata.name}=pod-0"],
];

fn proxy_sends_reads_only() -> Outcome {
    let plane = plane("prod")?;
    let routing = format!("home: prod\nclusters:\n{}", cluster("prod", &plane, &User::master(READER).token)?);
    let proxy = Serving::start(&routing, &["--read-only"])?;
    let kubectl = Kubectl::through(&proxy, &plane, "default");
    let file = proxy.folder().join("object.json");
    let object =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" }, "data": { "a": "z" } });
    fs::write(&file, object.to_string())?;
    let file = file.to_string_lossy();
    for line in REFUSED {
        let words: Vec<&str> = line.iter().map(|word| if *word == "FILE" { &*file } else { word }).collect();
        let printed = kubectl.run(&words)?;
        // No exit code: `cordon` says what went wrong, and ends with 0.
        let said = format!("{}{}", printed.stdout, printed.stderr);
        let is_ours = said.contains("cluster prod is read-only (flag --read-only): ");
        assert!(is_ours || OWN_WORDS.iter().any(|words| said.contains(words)), "{line:?}: {printed:#?}");
    }
    for line in READ {
        kubectl.output(line)?;
    }
    let data = plane.kubectl(&["get", "configmap", "settings", "-o", "jsonpath={.data.a}"])?;
    assert_eq!(data, "b", "nothing was changed");
    kubectl.output(&["get", "--raw", "/api/v1/namespaces/default/configmaps?labelSelector=marker"])?;
    assert_eq!(writes(&plane, "labelSelector=marker")?, Vec::<String>::new());
    Ok(())
}

fn by_rule_for_its_cluster_alone() -> Outcome {
    let [east, west] = shared()?;
    let namespaces = [east.new_namespace("kept")?, west.new_namespace("changed")?];
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config.yaml");
    fs::write(&config, "clusters:\n- names: [ea*]\n  access: read-only\n")?;
    let clusters = cluster("east", east, "admin-token")? + &cluster("west", west, "admin-token")?;
    let rules = by_namespace(&[(&namespaces[0], "east"), (&namespaces[1], "west")]);
    let routing = format!("home: west\nclusters:\n{clusters}{rules}");
    let proxy = Serving::start(&routing, &["--config", &config.to_string_lossy()])?;
    let create = ["create", "configmap", "mine", "--from-literal=a=b"];
    let refused = Kubectl::through(&proxy, east, &namespaces[0]).run(&create)?;
    let rule = format!("cluster east is read-only ({}:2): POST is not sent", config.display());
    assert!(refused.code == Some(1) && refused.stderr.contains(&rule), "{refused:#?}");
    Kubectl::through(&proxy, west, &namespaces[1]).output(&create)?;
    assert_eq!(east.kubectl(&["get", "configmap", "mine", "-n", &namespaces[0], "--ignore-not-found"])?, "");
    Ok(())
}

fn proxy_reviews_tokens() -> Outcome {
    let plane = plane("prod")?;
    plane.kubectl(&["create", "serviceaccount", "caller"])?;
    let token = plane.kubectl(&["create", "token", "caller"])?;
    let routing = format!("home: prod\nclusters:\n{}", cluster("prod", &plane, &User::master(READER).token)?);
    let proxy = Serving::start(&routing, &["--read-only", "--token-review"])?;
    let kubectl = Kubectl::through(&proxy, &plane, "default");
    let as_caller = |words: &[&str]| kubectl.run(&[words, &["--token", token.trim()]].concat());
    let read = as_caller(&["get", "configmap", "settings", "-o", "name"])?;
    assert_eq!((read.code, read.stdout.trim()), (Some(0), "configmap/settings"), "{read:#?}");
    let refused = as_caller(&["delete", "configmap", "settings"])?;
    assert!(refused.stderr.contains("is read-only (flag --read-only)"), "{refused:#?}");
    as_caller(&["get", "--raw", "/api/v1/namespaces/default/configmaps?labelSelector=marker"])?;
    let mut other = writes(&plane, "labelSelector=marker")?;
    other.dedup();
    assert_eq!(other, ["create /apis/authentication.k8s.io/v1/tokenreviews"]);
    Ok(())
}

/// A kubeconfig of the reader's own.
fn kubeconfig(plane: &ControlPlane) -> Outcome<PathBuf> {
    plane.write_kubeconfig("reader.kubeconfig", &plane.kubeconfig_for(READER)?)
}

/// Every command that asks clusters.
const COMMANDS: &[&[&str]] = &[
    &["get", "pods,deployments", "-A"],
    &["get", "configmap", "settings", "-n", "default", "-o", "json"],
    &["describe", "pod", "pod-0", "-n", "default"],
    &["events", "-A"],
    &["clusters"],
    &["doctor"],
    &["route", "test", "DELETE", "/api/v1/namespaces/default/pods/pod-0"],
    &["route", "lint"],
    &["route", "config"],
    &["delete", "pods", "--all", "-n", "default", "--dry-run"],
    &["journal"],
    &["plan", "list"],
    &["plan", "show", "plan.json"],
];

/// Every command that changes clusters. None of them begins, with whatever consent.
const CHANGES: &[&[&str]] = &[
    &["delete", "pod", "pod-0", "-n", "default"],
    &["delete", "pods", "--all", "-A", "--cascade", "orphan", "--grace-period", "0"],
    &["rollout", "restart", "deployment/web", "-n", "default"],
    &["scale", "deployment/web", "-n", "default", "--replicas", "3"],
    &["label", "configmap/settings", "-n", "default", "a=b"],
    &["cordon", "node-0"],
    &["uncordon", "node-1"],
    &["plan", "run", "plan.json"],
];

fn commands_send_reads_only() -> Outcome {
    let plane = plane("prod")?;
    let kubeconfig = kubeconfig(&plane)?;
    plane.kubectl(&["cordon", "node-1"])?;
    let home = tempfile::tempdir()?;
    let qd = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qd"));
        command.env_clear().env("HOME", home.path()).current_dir(home.path()).args(words).stdin(Stdio::null());
        command
    };
    // Made by somebody else, before: a plan has the rights and dry runs of its time.
    let plan = ["label", "configmap/settings", "-n", "default", "a=b", "--plan-out", "plan.json"];
    let planned = qd(&plan).env("KUBECONFIG", plane.kubeconfig_path("admin")).output()?;
    assert!(planned.status.success(), "{planned:#?}");
    let run = |words: &[&str]| qd(words).env("KUBECONFIG", &kubeconfig).env("QD_READ_ONLY", "1").output();
    for words in COMMANDS {
        let output = run(words)?;
        let is_refusal = words.starts_with(&["route", "test"]);
        assert_eq!(output.status.code(), Some(i32::from(is_refusal)), "{words:?}: {output:#?}");
        if is_refusal {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("is read-only (environment QD_READ_ONLY)"), "{said}");
        }
    }
    for words in CHANGES {
        for consent in [&["--yes"][..], &["--confirm", "prod", "--confirm", "pod-0"], &[]] {
            let output = run(&[words, consent].concat())?;
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{words:?} {consent:?}: {output:#?}");
            assert!(said.contains("nothing was changed") && said.contains("QD_READ_ONLY"), "{words:?}: {said}");
        }
    }
    assert_eq!(run(&["plan", "list"])?.stdout, b"", "nothing began");
    run(&["get", "configmaps", "-n", "default", "-l", "marker"])?;
    assert_eq!(writes(&plane, "labelSelector=marker")?, Vec::<String>::new());
    Ok(())
}

/// Views with keys of their own, and the lines and keys that lead there.
const VIEWS: &[(Context, &str, &str)] = &[
    (Context::new("table"), "pods -A", ""),
    (Context::new("table"), "deployments -A", ""),
    (Context::new("fleet"), "clusters", ""),
    (Context::new("detail"), "pods -A", "y"),
    (Context::new("detail"), "pods -A", "d"),
    (Context::new("logs"), "pods -A", "l"),
    (Context::new("doctor"), "doctor", ""),
    (Context::new("routes"), "routes", ""),
];

fn console_sends_reads_only() -> Outcome {
    let plane = plane("prod")?;
    let kubeconfig = kubeconfig(&plane)?;
    let mut console = Console::open(&kubeconfig, &["--read-only"])?;
    console.until("a live cluster", SOON, |text| text.contains("1/1 live"))?;
    let keymap = Keymap::default();
    for (context, line, key) in VIEWS {
        // A proxy that is told to stay would outlive the test.
        let actions =
            keymap.actions_in(*context).filter(|action| !["quit", "keep-proxy"].contains(&action.action.name()));
        for pressed in actions.flat_map(|described| keymap.keys_of(*context, described.action)) {
            let Some(bytes) = bytes(&pressed) else { continue };
            console.press(ESC);
            console.run(line);
            console.press(key);
            console.press(&bytes);
            console.press(ESC);
        }
    }
    started_proxy_is_read_only(&mut console, &plane)?;
    console.press(ESC);
    console.run("configmaps -A label:marker");
    console.run("pods -A -l marker");
    console.leave()?;
    let own = plane.kubectl_command().env("KUBECONFIG", &kubeconfig).args(["get", "pods", "-l", "marker"]).output()?;
    assert!(own.status.success(), "{own:#?}");
    assert_eq!(writes(&plane, "labelSelector=marker")?, Vec::<String>::new());
    Ok(())
}

/// The proxy that the console starts keeps the promise, too.
fn started_proxy_is_read_only(console: &mut Console, plane: &ControlPlane) -> Outcome {
    console.press(ESC);
    console.run("routes");
    let text = console.until("the Routes view", SOON, |text| text.contains("routes"))?;
    if !text.contains("● own") {
        console.terminal.send("s");
        console.until("a proxy of its own", SOON, |text| text.contains("own"))?;
    }
    let published = console.home().join(".local/state/quarterdeck/proxy/published/kubeconfig");
    until("the proxy to publish", SOON, || if published.is_file() { Ok(()) } else { Err("not yet".into()) })?;
    let mut kubectl = plane.kubectl_command();
    let refused = kubectl.env("KUBECONFIG", &published).args(["delete", "pod", "pod-0"]).output()?;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("is read-only (flag --read-only)"), "{said}");
    Ok(())
}

/// How a terminal sends a key, as the keymap writes it.
fn bytes(key: &str) -> Option<String> {
    let named = [("enter", "\r"), ("space", " "), ("tab", "\t"), ("up", "\u{1b}[A"), ("down", "\u{1b}[B")];
    let more = [("right", "\u{1b}[C"), ("left", "\u{1b}[D"), ("pageup", "\u{1b}[5~"), ("pagedown", "\u{1b}[6~")];
    if let Some((_, bytes)) = named.iter().chain(&more).find(|(name, _)| *name == key) {
        return Some((*bytes).to_owned());
    }
    let last = key.chars().last()?;
    match key.len() {
        1 => Some(key.to_owned()),
        6 if key.starts_with("ctrl-") => Some(char::from(u8::try_from(last).ok()? & 0x1f).to_string()),
        7 if key.starts_with("shift-") => Some(last.to_ascii_uppercase().to_string()),
        _ => None,
    }
}
