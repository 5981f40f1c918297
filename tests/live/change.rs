//! The verbs that change clusters, with the real binary on real control planes, judged by what the API servers hold and by
//! their audit logs.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Test;
use crate::rig::{ControlPlane, Options, Outcome, Printed, User, shared, until};

mod rollout;

pub(crate) const TESTS: &[Test] = &[
    ("change_rollout_over_three_clusters_is_resumed_after_one_died", rollout::resumed_after_a_death),
    ("change_verbs_do_what_their_kubectl_twins_do", verbs),
    ("change_plan_file_is_refused_where_the_world_moved", moved),
    ("change_finds_forbidden_and_denied_beforehand", forbidden_and_denied),
];

/// What takes part of a second on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(60);

/// Somebody with few rights.
const LIMITED: &str = "limited";

/// A home of the program: its kubeconfig, its configuration, its journal.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new(kubeconfig: &str, config: &str) -> Outcome<Self> {
        let home = Self { folder: tempfile::tempdir()? };
        home.write(".kube/config", kubeconfig)?;
        home.write(".config/quarterdeck/config.yaml", config)?;
        Ok(home)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Outcome {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(path, text)?)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qd"));
        command.env_clear().env("HOME", self.folder.path()).env("USER", "ann").current_dir(self.folder.path());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Outcome<Printed> {
        let output = self.command(arguments).output()?;
        Ok(Printed {
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
            code: output.status.code(),
        })
    }

    /// Runs a command that must end with 0.
    fn done(&self, arguments: &[&str]) -> Outcome<String> {
        let printed = self.run(arguments)?;
        if printed.code == Some(0) { Ok(printed.stdout) } else { Err(format!("qd {arguments:?}: {printed:#?}").into()) }
    }

    /// Runs a command that must end with 1, and say this.
    fn refused(&self, arguments: &[&str], said: &str) -> Outcome<Printed> {
        let printed = self.run(arguments)?;
        let all = format!("{}{}", printed.stdout, printed.stderr);
        if printed.code == Some(1) && all.contains(said) {
            return Ok(printed);
        }
        Err(format!("qd {arguments:?} does not refuse with {said:?}: {printed:#?}").into())
    }

    fn items(&self, arguments: &[&str]) -> Outcome<Vec<Value>> {
        let document: Value = serde_json::from_str(&self.done(&[arguments, &["-o", "json"]].concat())?)?;
        Ok(document["items"].as_array().cloned().unwrap_or_default())
    }
}

/// Requests of a verb of the API for objects of a namespace that were carried out: not dry runs, and not refused. Each as
/// `resource/name`.
fn carried_out(plane: &ControlPlane, verb: &str, namespace: &str) -> Outcome<Vec<String>> {
    let is_one = |event: &&Value| {
        let is_dry_run = event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun"));
        let is_ours = event["userAgent"].as_str().is_some_and(|agent| agent.starts_with("qd/"));
        let code = event["responseStatus"]["code"].as_u64().unwrap_or(0);
        let object = &event["objectRef"];
        is_ours
            && event["verb"] == verb
            && object["namespace"] == namespace
            && !is_dry_run
            && (200..300).contains(&code)
    };
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name =
        |event: &Value| format!("{}/{}", word(&event["objectRef"]["resource"]), word(&event["objectRef"]["name"]));
    let mut names: Vec<String> = plane.audit()?.iter().filter(is_one).map(name).collect();
    names.sort();
    Ok(names)
}

fn field(plane: &ControlPlane, namespace: &str, object: &str, path: &str) -> Outcome<String> {
    let path = format!("jsonpath={{{path}}}");
    plane.kubectl(&["get", object, "-n", namespace, "--ignore-not-found", "-o", &path])
}

fn verbs() -> Outcome {
    let [east, _] = shared()?;
    let namespace = east.new_namespace("verbs")?;
    let home = Home::new(&east.kubeconfig()?, "")?;
    east.kubectl(&["create", "deployment", "web", "--image=web", "-n", &namespace])?;
    east.kubectl(&["create", "configmap", "held", "-n", &namespace])?;
    let finalizer = "{\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}";
    east.kubectl(&["patch", "configmap", "held", "-n", &namespace, "--type=merge", "-p", finalizer])?;
    let done = |words: &[&str]| home.done(&[words, &["-n", &namespace, "--yes"]].concat());
    let of = |path: &str| field(east, &namespace, "deployment/web", path);

    done(&["scale", "deploy/web", "--replicas", "3"])?;
    assert_eq!(of(".status.availableReplicas")?, "3", "the command ends when the controllers are done");
    done(&["label", "deploy/web", "team=red"])?;
    home.refused(&["label", "deploy/web", "team=blue", "-n", &namespace, "--yes"], "--overwrite")?;
    assert_eq!(of(".metadata.labels.team")?, "red");
    done(&["label", "deploy/web", "team=blue", "--overwrite"])?;
    assert_eq!(of(".metadata.labels.team")?, "blue");
    done(&["label", "deploy/web", "team-"])?;
    assert_eq!(of(".metadata.labels.team")?, "");

    let held = ["delete", "configmap/held", "-n", &namespace, "--yes", "--settle", "1s"];
    home.refused(&held, "waits for finalizers: example.com/hold")?;
    done(&["delete", "deploy/web", "--cascade", "foreground", "--grace-period", "0"])?;
    assert_eq!(east.kubectl(&["get", "deployments,replicasets,pods", "-n", &namespace, "-o", "name"])?, "");
    assert_eq!(carried_out(east, "delete", &namespace)?, ["configmaps/held", "deployments/web"]);

    home.refused(&["delete", "ns", &namespace, "--yes"], &format!("--confirm {namespace}"))?;
    assert_eq!(home.items(&["plan", "list"])?.len(), 6, "what was refused never began");
    Ok(())
}

/// Between a plan and its run: an object that changed, one that was made again, another cluster of the same name.
fn moved() -> Outcome {
    let [east, west] = shared()?;
    let namespace = east.new_namespace("moved")?;
    for name in ["kept", "changed", "again", "noted"] {
        east.kubectl(&["create", "configmap", name, "-n", &namespace])?;
    }
    let home = Home::new(&east.kubeconfig()?, "")?;
    let plan = ["label", "configmap", "--all", "-n", &namespace, "round=one", "--plan-out", "plan.json"];
    home.done(&plan)?;
    assert_eq!(carried_out(east, "patch", &namespace)?, Vec::<String>::new());

    // The same name, another server.
    let elsewhere = Home::new(&west.kubeconfig()?.replace("west", "east"), "")?;
    elsewhere.write("plan.json", &fs::read_to_string(home.path("plan.json"))?)?;
    elsewhere.refused(&["plan", "run", "plan.json", "--yes"], "kube-system")?;

    east.kubectl(&["label", "configmap", "changed", "-n", &namespace, "round=zero"])?;
    east.kubectl(&["delete", "configmap", "again", "-n", &namespace])?;
    east.kubectl(&["create", "configmap", "again", "-n", &namespace])?;
    // Another resourceVersion, and nothing that the plan shows.
    east.kubectl(&["annotate", "configmap", "noted", "-n", &namespace, "by=hand"])?;
    let printed = home.refused(&["plan", "run", "plan.json", "--yes"], "round was not set and is zero")?;
    assert!(printed.stdout.contains("✗ moved"), "{printed:#?}");
    // The namespace's own `kube-root-ca.crt` is a target like others.
    let changed = carried_out(east, "patch", &namespace)?;
    assert_eq!(changed, ["configmaps/kept", "configmaps/kube-root-ca.crt", "configmaps/noted"]);
    let round = |name: &str| field(east, &namespace, &format!("configmap/{name}"), ".metadata.labels.round");
    assert_eq!((round("changed")?.as_str(), round("again")?.as_str()), ("zero", ""), "nothing was overwritten");
    Ok(())
}

/// A policy of admission that takes no configmap with this label.
fn policy() -> Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": "frozen" },
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": { "resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"] }] },
                "validations": [{
                    "expression": "!has(object.metadata.labels) || !('frozen' in object.metadata.labels)",
                    "message": "the label frozen is taken by policy" }] } },
        { "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": { "name": "frozen" },
            "spec": { "policyName": "frozen", "validationActions": ["Deny"] } },
        { "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": { "name": "away" },
            "webhooks": [{
                "name": "away.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": "Fail", "timeoutSeconds": 1,
                "clientConfig": { "url": "https://127.0.0.1:1/" },
                "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["secrets"] }],
            }] },
    ] })
}

fn forbidden_and_denied() -> Outcome {
    let options = Options { users: vec![User::named(LIMITED)], nodes: 1, ..Options::named("rights") };
    let plane = ControlPlane::start(options)?;
    for name in ["mine", "theirs"] {
        plane.kubectl(&["create", "configmap", name])?;
    }
    plane.kubectl(&["create", "role", "reader", "--verb=get,list", "--resource=configmaps"])?;
    let own = ["--verb=delete", "--resource=configmaps", "--resource-name=mine"];
    plane.kubectl(&[&["create", "role", "owner"][..], &own].concat())?;
    for role in ["reader", "owner"] {
        plane.kubectl(&["create", "rolebinding", role, &format!("--role={role}"), "--user=limited"])?;
    }
    denied(&plane)?;
    cordoned(&plane)?;
    let home = Home::new(&plane.kubeconfig_for(LIMITED)?, "")?;
    let delete = ["delete", "configmaps", "--all", "-n", "default"];
    let shown = home.done(&[&delete[..], &["--dry-run"]].concat())?;
    assert!(shown.contains("✗ forbidden: you may not delete it"), "{shown}");
    assert_eq!(carried_out(&plane, "delete", "default")?, Vec::<String>::new());
    let printed = home.run(&[&delete[..], &["--yes", "-o", "json"]].concat())?;
    let result: Value = serde_json::from_str(&printed.stdout)?;
    assert_eq!((printed.code, &result["state"]), (Some(1), &json!("partial")), "{printed:#?}");
    assert_eq!(carried_out(&plane, "delete", "default")?, ["configmaps/mine"]);
    Ok(())
}

fn denied(plane: &ControlPlane) -> Outcome {
    plane.kubectl(&["create", "secret", "generic", "keys"])?;
    let file = plane.folder().join("policy.json");
    fs::write(&file, policy().to_string())?;
    plane.kubectl(&["create", "-f", &file.to_string_lossy()])?;
    let tries: [&[&str]; 2] = [&["configmap", "mine", "frozen=yes"], &["secret", "keys", "a=b"]];
    for words in tries {
        until("the policies to be in force", SOON, || {
            let printed = plane.try_kubectl(&[&["label", "--dry-run=server"], words].concat())?;
            if printed.code == Some(0) { Err("not yet".into()) } else { Ok(()) }
        })?;
    }
    let home = Home::new(&plane.kubeconfig()?, "")?;
    let label = ["label", "configmap", "mine", "frozen=yes", "-n", "default"];
    let shown = home.done(&[&label[..], &["--dry-run"]].concat())?;
    assert!(shown.contains("✗ denied: ") && shown.contains("the label frozen is taken by policy"), "{shown}");
    home.refused(&[&label[..], &["--yes"]].concat(), "no object can be changed")?;

    // A webhook that cannot be reached denies, too.
    let label = ["label", "secret", "keys", "a=b", "-n", "default"];
    let shown = home.done(&[&label[..], &["--dry-run"]].concat())?;
    assert!(shown.contains("✗ denied: ") && shown.contains("away.example.com"), "{shown}");
    home.refused(&[&label[..], &["--yes"]].concat(), "no object can be changed")?;
    assert_eq!(carried_out(plane, "patch", "default")?, Vec::<String>::new());
    Ok(())
}

fn cordoned(plane: &ControlPlane) -> Outcome {
    let home = Home::new(&plane.kubeconfig()?, "")?;
    let is_cordoned = || plane.kubectl(&["get", "node", "node-0", "-o", "jsonpath={.spec.unschedulable}"]);
    home.done(&["cordon", "node-0", "--yes"])?;
    assert_eq!(is_cordoned()?, "true");
    let again = home.run(&["cordon", "node-0", "--yes"])?;
    assert_eq!((again.code, again.stderr.as_str()), (Some(0), "nothing to do\n"), "{again:#?}");
    home.done(&["uncordon", "nodes", "--all", "--yes"])?;
    assert_eq!(is_cordoned()?, "");
    Ok(())
}
