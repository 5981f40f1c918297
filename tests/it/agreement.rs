//! The console and the command line say the same of a cluster.

use crate::fleet::{Home, PROGRAM, start};
use crate::terminal::{Terminal, command};
use quarterdeck::demo::{Fault, Fleet, Member, Reach};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// A back-off may pass before a fault is seen.
const NOTICED: Duration = Duration::from_secs(120);

/// Wide enough for the longest reason.
const SIZE: (u16, u16) = (300, 30);

/// Each cluster, the state it is in, and words of the reason.
const SITUATIONS: &[(&str, &str, &str)] = &[
    ("well", "live", ""),
    ("rightless", "denied", "events is forbidden: User"),
    ("logged-out", "auth needed", "run `corp login` first"),
    ("pluginless", "auth needed", "`corp-login-missing` is not installed, or not in PATH; install it"),
    ("away", "unreachable", "connection refused"),
    ("misnamed", "unreachable", "not elsewhere.example; set tls-server-name"),
    ("sick", "unreachable", ""),
];

/// A cluster for each situation, and the kubeconfig that leads to them.
fn fleet() -> (Fleet, String) {
    let member = |(nth, (name, ..)): (u64, &(&str, &str, &str))| Member::new(name, 35, 5, nth);
    let mut members: Vec<Member> = (1..).zip(SITUATIONS).map(member).collect();
    for member in &mut members {
        match member.name.as_str() {
            "logged-out" => member.expired = Some("Unauthorized: run `corp login` first".to_owned()),
            "away" => member.reach = Reach::Refused,
            _ => {}
        }
    }
    let fleet = start(members);
    assert!(fleet.fault("rightless", Fault::Forbidden("*".to_owned())));
    assert!(fleet.fault("sick", Fault::InternalError));
    let mut text = String::new();
    let mut of = String::new();
    for line in fleet.kubeconfig().lines() {
        if let Some(name) = line.strip_prefix("- name: ") {
            name.trim_matches('"').clone_into(&mut of);
        }
        match (of.as_str(), line.trim_start()) {
            ("pluginless", token) if token.starts_with("token:") => text.push_str(
                "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: corp-login-missing\n      interactiveMode: Never\n",
            ),
            ("misnamed", server) if server.starts_with("server:") => {
                text.extend([line, "\n    tls-server-name: elsewhere.example\n"]);
            }
            _ => text.extend([line, "\n"]),
        }
    }
    (fleet, text)
}

/// B17: one function decides the state and its reason: the console, `qd clusters` and `qd doctor` have the same.
#[test]
fn the_console_and_the_command_line_agree_about_each_cluster() {
    let (_fleet, kubeconfig) = fleet();
    let home = Home::empty();
    home.write(".kube/config", kubeconfig);
    let mut said: Vec<(String, String, String)> = Vec::new();
    for asked in ["clusters", "doctor"] {
        let printed = home.run(&[asked, "-o", "json"]);
        assert_eq!(printed.code, Some(1), "{printed:#?}");
        assert!(!printed.stderr.contains("must be logged in"), "{printed:#?}");
        let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let listed = printed.json();
        let items = listed["items"].as_array().unwrap().iter();
        let items: Vec<_> = items.map(|item| (text(item, "name"), text(item, "state"), text(item, "reason"))).collect();
        for (name, state, reason) in SITUATIONS {
            let found = items.iter().find(|(n, ..)| n == name).unwrap();
            assert!(found.1 == *state && found.2.contains(reason), "{asked} {found:?}");
        }
        assert!(said.is_empty() || said == items, "{asked}: {items:#?}");
        said = items;
    }
    let mut console = Terminal::start(command(Path::new(PROGRAM), &home.path(""), &[]), SIZE);
    let agrees = |text: &str, (name, state, reason): &(String, String, String)| {
        let row = text.lines().find(|line| line.contains(&format!("▌{name} "))).unwrap_or_default();
        row.contains(state.as_str()) && row.contains(reason.as_str())
    };
    console.wait(&format!("{said:#?}"), NOTICED, |text| said.iter().all(|one| agrees(text, one)));
    console.send(":q\r");
    assert_eq!(console.end(NOTICED), 0);
}
