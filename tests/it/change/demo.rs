//! The real program changes a simulated fleet: refused, carried out, killed and resumed.

use crate::fleet::{DEADLINE, Home, Printed, start};
use quarterdeck::demo::{Fleet, Member};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;
use tokio::time::Instant;

const CONFIG: &str = "
clusters:
- {names: [prod], access: protected}
- {names: [closed], access: read-only}
";

/// A fleet of its own, and a home whose configuration protects `prod`.
pub(crate) fn rig() -> (Fleet, Home) {
    let member = |name, seed| Member::new(name, 35, 30, seed);
    let fleet = start(vec![member("lab", 1), member("prod", 2), member("closed", 3)]);
    let home = Home::of(&fleet);
    home.write(".config/quarterdeck/config.yaml", CONFIG);
    (fleet, home)
}

/// A deployment of the first cluster: (namespace, name).
pub(crate) fn deployment(home: &Home) -> (String, String) {
    let list = home.run(&["get", "deploy", "-A", "--clusters", "lab", "-o", "json", "--flat"]).json();
    let text =
        |pointer: &str| list.pointer(&format!("/items/0{pointer}")).and_then(Value::as_str).expect("a text").to_owned();
    (text("/metadata/namespace"), text("/metadata/name"))
}

pub(crate) fn label(home: &Home, cluster: &str, key: &str) -> Option<String> {
    let (namespace, name) = deployment(home);
    let arguments = ["get", "deploy", &name, "-n", &namespace, "--clusters", cluster, "-o", "json", "--flat"];
    let list = home.run(&arguments).json();
    list.pointer(&format!("/items/0/metadata/labels/{key}")).and_then(Value::as_str).map(str::to_owned)
}

fn assert_refused(printed: &Printed, said: &str) {
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(printed.stderr.contains(said), "not {said:?}:\n{}", printed.stderr);
}

#[test]
fn protected_clusters_want_their_name_and_read_only_ones_are_left() {
    let (_fleet, home) = rig();
    let (namespace, name) = deployment(&home);
    let change = |rest: &[&str]| {
        let own = ["label", "deploy", &name, "-n", &namespace, "tried=yes"];
        home.run(&[&own[..], rest].concat())
    };
    let printed = change(&["--clusters", "prod"]);
    assert_refused(&printed, "--confirm prod");
    assert!(printed.stdout.contains("tried: not set -> yes"), "the plan is printed: {printed:#?}");
    assert_refused(&change(&["--clusters", "prod", "--yes"]), "--yes does not serve for prod");
    assert_refused(&change(&["--clusters", "lab,prod", "--yes"]), "nothing was changed");
    assert_refused(&change(&["--clusters", "prod", "--confirm", "production"]), "names nothing");
    assert_refused(&change(&["--clusters", "closed", "--yes"]), "no object can be changed");
    assert_refused(&change(&["--clusters", "lab", "--yes", "--canary", "prod"]), "the canary prod");
    for cluster in ["lab", "prod", "closed"] {
        assert_eq!(label(&home, cluster, "tried"), None, "{cluster} is as it was");
    }
    assert_eq!(home.run(&["plan", "list"]).stdout, "", "nothing began");

    let printed = change(&["--clusters", "*", "--confirm", "prod", "-o", "json"]);
    assert_eq!(printed.code, Some(1), "closed was refused: {printed:#?}");
    let result = printed.json();
    let states: Vec<_> = result["targets"].as_array().into_iter().flatten().map(|t| &t["state"]).collect();
    assert_eq!(
        (&result["state"], states),
        (&"partial".into(), vec![&"done".into(), &"done".into(), &"refused".into()])
    );
    assert_eq!(label(&home, "prod", "tried").as_deref(), Some("yes"));
    assert_eq!(label(&home, "closed", "tried"), None);
}

#[test]
fn a_plan_file_is_private_checked_again_and_run_once() {
    let (_fleet, home) = rig();
    let (namespace, name) = deployment(&home);
    let own = ["label", "deploy", &name, "-n", &namespace, "--clusters", "lab"];
    let printed = home.run(&[&own[..], &["round=one", "--plan-out", "plan.json"]].concat());
    assert_eq!(printed.code, Some(0), "{printed:#?}");
    let path = home.path("plan.json");
    assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
    assert_eq!(label(&home, "lab", "round"), None);
    assert!(home.run(&["plan", "show", "plan.json"]).clean().contains("round: not set -> one"));

    let text = std::fs::read_to_string(&path).expect("a plan");
    for (from, to, said) in [
        ("\"one\"", "\"two\"", "digest does not match"),
        ("\"schema\": 1", "\"schema\": 2", "reads up to 1"),
        ("\"ChangePlan\"", "\"Pod\"", "is not ChangePlan"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        home.write("edited.json", text.replace(from, to));
        assert_refused(&home.run(&["plan", "run", "edited.json", "--yes"]), said);
    }
    assert_refused(&home.run(&["plan", "run", "plan.json"]), "--yes");
    assert_refused(&home.run(&["plan", "resume", "plan.json", "--yes"]), "never ran");

    let printed = home.run(&["plan", "run", "plan.json", "--yes"]);
    assert_eq!(printed.code, Some(0), "{printed:#?}");
    assert_eq!(label(&home, "lab", "round").as_deref(), Some("one"));
    assert_refused(&home.run(&["plan", "run", "plan.json", "--yes"]), "was run at");

    // What was shown is no longer there: somebody else set it.
    home.run(&[&own[..], &["round=two", "--overwrite", "--plan-out", "late.json"]].concat());
    assert_eq!(home.run(&[&own[..], &["round=three", "--overwrite", "--yes"]].concat()).code, Some(0));
    let printed = home.run(&["plan", "run", "late.json", "--yes"]);
    assert_refused(&printed, "no object can be changed");
    assert!(printed.stdout.contains("moved: round was one and is three"), "{}", printed.stdout);
    assert_eq!(label(&home, "lab", "round").as_deref(), Some("three"), "nothing was overwritten");
}

#[test]
fn a_killed_rollout_is_resumed_and_the_journal_tells_of_both() {
    let (_fleet, home) = rig();
    let (namespace, _) = deployment(&home);
    let own = ["rollout", "restart", "deploy", "--all", "-n", &namespace, "--clusters", "lab,prod"];
    let mut running = std::process::Command::new(crate::fleet::PROGRAM)
        .env_clear()
        .env("HOME", home.path(""))
        .env("USER", "ann")
        .args([&own[..], &["--confirm", "prod"]].concat())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let began = Instant::now();
    let entries = || home.run(&["journal", "-o", "json"]).json()["items"].as_array().cloned().unwrap_or_default();
    let id = loop {
        assert!(began.elapsed() < DEADLINE, "something is asked in time");
        let asked = entries().into_iter().find(|entry| entry["state"] == "asked");
        if let Some(entry) = asked {
            break entry["operation"].as_str().expect("an id").to_owned();
        }
        std::thread::yield_now();
    };
    let listed = home.run(&["plan", "list"]).stdout;
    assert!(listed.contains(&id) && listed.contains("running"), "{listed}");
    assert_refused(&home.run(&["plan", "resume", &id, "--confirm", "prod"]), "being carried out by process");
    running.kill().expect("it is killed");
    running.wait().expect("it ended");
    assert!(home.run(&["plan", "list"]).stdout.contains("interrupted"));

    assert_refused(&home.run(&["plan", "resume", &id]), "--confirm prod");
    let printed = home.run(&["plan", "resume", &id, "--confirm", "prod"]);
    assert_eq!(printed.code, Some(0), "{printed:#?}");
    assert_refused(&home.run(&["plan", "resume", &id, "--confirm", "prod"]), "nothing is left");
    let entries = entries();
    let count = |what: &str, of: &str| entries.iter().filter(|entry| entry[what] == of).count();
    assert_eq!((count("event", "began"), count("event", "resumed"), count("event", "ended")), (1, 1, 1));
    let mut asked: Vec<String> =
        entries.iter().filter(|e| e["state"] == "asked").map(|e| e["target"].to_string()).collect();
    asked.sort();
    let all = asked.len();
    asked.dedup();
    assert_eq!(asked.len(), all, "no object was asked for twice");
    assert!(began.elapsed() < DEADLINE + Duration::from_secs(60));
}
