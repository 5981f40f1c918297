//! A change in a terminal: answers that are typed, and ctrl-c.

use super::demo::{deployment, label, rig};
use crate::fleet::{DEADLINE, Home, PROGRAM};
use crate::terminal::{Terminal, command};
use quarterdeck::demo::Fleet;
use serde_json::json;
use std::path::Path;

const CTRL_C: &str = "\u{3}";

fn typing(home: &Home, arguments: &[&str]) -> Terminal {
    let mut command = command(Path::new(PROGRAM), &home.path(""), arguments);
    command.env("USER", "ann");
    Terminal::start(command, (160, 60))
}

fn shows(terminal: &Terminal, words: &str) -> String {
    terminal.wait(words, DEADLINE, |text| text.contains(words))
}

#[test]
fn a_typed_y_agrees_and_anything_else_does_not() {
    let (_fleet, home) = rig();
    let (namespace, name) = deployment(&home);
    let words = ["label", "deploy", &name, "-n", &namespace, "typed=yes", "--clusters", "lab"];
    for no in ["n\r", "\r", "yess\r", "\u{4}"] {
        let mut terminal = typing(&home, &words);
        let text = shows(&terminal, "Carry out this plan? [y/N]");
        assert!(text.contains("typed: not set -> yes"), "the plan is shown first:\n{text}");
        terminal.send(no);
        assert_eq!(terminal.end(DEADLINE), 1, "{no:?}:\n{}", terminal.text());
        assert!(terminal.text().contains("nothing was changed"), "{}", terminal.text());
    }
    assert_eq!(label(&home, "lab", "typed"), None);
    assert_eq!(home.run(&["plan", "list"]).stdout, "", "nothing began");

    let mut terminal = typing(&home, &words);
    shows(&terminal, "[y/N]");
    terminal.send("y\r");
    assert_eq!(terminal.end(DEADLINE), 0, "{}", terminal.text());
    assert_eq!(label(&home, "lab", "typed").as_deref(), Some("yes"));
}

#[test]
fn a_protected_cluster_wants_its_name_typed_and_a_wrong_one_changes_nothing() {
    let (_fleet, home) = rig();
    let (namespace, name) = deployment(&home);
    let words = ["label", "deploy", &name, "-n", &namespace, "typed=yes", "--clusters", "lab,prod"];
    for wrong in ["production\r", "y\r", "PROD\r", "\r"] {
        let mut terminal = typing(&home, &words);
        shows(&terminal, "prod is protected. Type its name to change it:");
        terminal.send(wrong);
        assert_eq!(terminal.end(DEADLINE), 1, "{wrong:?}:\n{}", terminal.text());
        assert!(terminal.text().contains("that is not the name: nothing was changed"), "{}", terminal.text());
    }
    let labels = || ["lab", "prod"].map(|cluster| label(&home, cluster, "typed"));
    assert_eq!(labels(), [None, None]);
    assert_eq!(home.run(&["plan", "list"]).stdout, "", "nothing began");

    let mut terminal = typing(&home, &words);
    shows(&terminal, "Type its name");
    terminal.send("prod\r");
    assert_eq!(terminal.end(DEADLINE), 0, "{}", terminal.text());
    assert_eq!(labels(), [Some("yes".to_owned()), Some("yes".to_owned())]);
}

#[test]
fn ctrl_c_begins_nothing_new_and_what_is_left_is_resumed() {
    let (fleet, home) = rig();
    let (namespace, _) = deployment(&home);
    let words = ["rollout", "restart", "deploy", "--all", "-n", &namespace, "--clusters", "lab,prod"];
    let mut terminal = typing(&home, &words);
    shows(&terminal, "Type its name");
    terminal.send("prod\r");
    shows(&terminal, "wave 1 of 2: lab");
    terminal.send(CTRL_C);
    shows(&terminal, "interrupted: nothing new is begun");
    assert_eq!(terminal.end(DEADLINE), 1, "{}", terminal.text());
    let text = terminal.text();
    assert!(text.contains("go on with `qd plan resume") && !text.contains("wave 2"), "{text}");
    assert_eq!(patches(&fleet, "prod"), 0, "prod was not begun");
    let listed = home.run(&["plan", "list", "-o", "json"]).json();
    let id = listed["items"][0]["id"].as_str().expect("an id").to_owned();
    let resumed = home.run(&["plan", "resume", &id, "--confirm", "prod"]);
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert!(patches(&fleet, "prod") > 0);
}

/// PATCH requests that were no dry runs.
fn patches(fleet: &Fleet, cluster: &str) -> usize {
    fleet.requests(cluster).iter().filter(|r| r.method == "PATCH" && !r.uri.contains("dryRun")).count()
}

#[test]
fn a_slow_change_tells_its_counts_and_a_second_ctrl_c_leaves_at_once() {
    let (fleet, home) = rig();
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "held", "namespace": "tests", "uid": "uid-held", "finalizers": ["example.com/hold"],
        "creationTimestamp": "2026-01-01T00:00:00Z" } });
    assert!(fleet.put("lab", "", "configmaps", object), "lab takes a configmap");
    let words = ["delete", "configmap/held", "-n", "tests", "--clusters", "lab", "--settle", "1h"];
    let mut terminal = typing(&home, &words);
    shows(&terminal, "[y/N]");
    terminal.send("y\r");
    shows(&terminal, "1 settling, 0 ended");
    terminal.send(CTRL_C);
    shows(&terminal, "interrupted: nothing new is begun");
    terminal.send(CTRL_C);
    assert_eq!(terminal.end(DEADLINE), 1, "{}", terminal.text());
    let text = terminal.text();
    assert!(text.contains("left while changes were under way"), "{text}");
    assert!(home.run(&["plan", "list"]).stdout.contains("interrupted"));
}
