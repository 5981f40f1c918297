//! The command line: the real binary, its output and its exit codes, against simulated fleets.

mod documents;
mod names;

use crate::fleet::{DEADLINE, Home, PROGRAM, Printed, qd, shared, start};
use quarterdeck::demo::{Fault, Member};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use tokio::time::Instant;

/// The two that answer alike.
const BOTH: &str = "east,west";

#[test]
fn help_names_every_command() {
    let home = Home::empty();
    let help = home.run(&["--help"]).clean();
    for command in ["clusters", "get", "describe", "events", "doctor", "config", "completion", "demo"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "no {command} in:\n{help}");
        let own = home.run(&[command, "--help"]).clean();
        assert!(own.contains("Usage: qd"), "{own}");
    }
    assert!(!help.contains("run-detached"), "what is not for users is not offered:\n{help}");
    assert!(home.run(&["--version"]).clean().starts_with("qd "), "the version names the program");
}

#[test]
fn a_wrong_command_line_is_refused_with_2() {
    let home = Home::of(shared());
    for (arguments, said) in [
        (&["get"][..], "TYPE"),
        (&["get", "pods", "--output", "bogus"], "bogus"),
        (&["nonsense"], "nonsense"),
        (&["get", "pods", "-A", "-n", "x"], "cannot be used with"),
        (&["get", "pods", "--timeout", "0"], "between 1s"),
        (&["get", "pod/a", "b"], "TYPE/NAME"),
        (&["get", "pods", "--sort-by", "{.a[*]}"], "not a path"),
        (&["get", "pods", "a", "-A"], "namespace"),
        (&["get", "pods", "--clusters", "eats"], "did you mean east"),
        (&["events", "--for", "api"], "TYPE/NAME"),
        // K2: an empty choice of clusters is none that was meant.
        (&["get", "pods", "--exclude", ""], "--exclude"),
        (&["get", "pods", "--exclude", ","], "--exclude"),
        (&["get", "pods", "--clusters", ""], "--clusters"),
        (&["get", "pods", "--hub", ""], "--hub"),
        (&["get", "pods", "--group", ""], "--group"),
        // K2: an empty name is no question about all objects.
        (&["get", "pod", ""], "name is empty"),
        (&["get", "pod/"], "is empty"),
        (&["get", "/x"], "TYPE"),
        (&["get", ""], "TYPE"),
        (&["describe", "pod", ""], "name is empty"),
        (&["events", "--for", "pod/"], "TYPE/NAME"),
        (&["get", "pods", "--context", ""], "no context matches"),
        (&["get", "pods", "--fail-on", ""], "fail-on"),
        (&["route", "test", "kubectl", "get", "pod", ""], "empty"),
    ] {
        let printed = home.run(arguments);
        assert_eq!((printed.code, printed.stdout.as_str()), (Some(2), ""), "{arguments:?}: {printed:#?}");
        assert!(printed.stderr.contains(said), "{arguments:?} does not say {said:?}:\n{}", printed.stderr);
    }
}

#[test]
fn get_merges_clusters_into_one_table() {
    let printed = qd(BOTH, &["get", "pods", "-A"]);
    let rows = printed.words();
    assert_eq!(rows[0], ["NAMESPACE", "NAME", "CLUSTER", "READY", "STATUS", "RESTARTS", "AGE"]);
    let named: Vec<_> = rows[1..].iter().map(|row| (row[0], row[1], row[2])).collect();
    assert!(named.is_sorted(), "rows are in order: {named:#?}");
    for cluster in ["east", "west"] {
        assert!(named.iter().filter(|row| row.2 == cluster).count() >= 40, "{cluster} has its pods");
    }
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));

    let bare = qd(BOTH, &["get", "pods", "-A", "--no-headers"]).clean();
    assert_eq!(bare.lines().count(), named.len());
    assert!(!bare.contains("NAMESPACE"));
}

#[test]
fn wide_tables_have_more_columns() {
    let printed = qd("east", &["get", "pods", "-n", "payments", "-o", "wide"]);
    let heading = printed.stdout.lines().next().unwrap_or_default().to_owned();
    for column in ["IP", "NODE", "NOMINATED NODE", "READINESS GATES"] {
        assert!(heading.contains(column), "{heading}");
    }
    assert!(printed.words()[1..].iter().all(|row| row[0] == "payments"));
}

#[test]
fn labels_become_columns() {
    let printed = qd(BOTH, &["get", "cm", "-n", "tests", "-L", "team", "--show-labels"]);
    let rows = printed.words();
    assert_eq!(rows[0], ["NAMESPACE", "NAME", "CLUSTER", "DATA", "AGE", "TEAM", "LABELS"], "{printed:#?}");
    assert_eq!(rows[1][5..], ["tests", "only=yes,team=tests"]);
}

#[test]
fn the_envelope_has_each_cluster_and_a_summary() {
    let value = qd(BOTH, &["get", "cm", "-n", "tests", "-o", "json"]).json();
    assert_eq!(value["apiVersion"], "quarterdeck.dev/v1alpha1");
    assert_eq!(value["kind"], "MultiClusterResult");
    assert_eq!(value["summary"], json!({"total": 2, "successful": 2, "failed": 0, "errors": {}}));
    let names: Vec<_> = value["clusters"].as_array().into_iter().flatten().map(|c| &c["cluster"]).collect();
    assert_eq!(names, ["east", "west"]);
    let item = &value["clusters"][0]["items"][0];
    assert_eq!((&item["kind"], &item["apiVersion"]), (&json!("ConfigMap"), &json!("v1")), "an item says what it is");

    let yaml = qd(BOTH, &["get", "cm", "-n", "tests", "-o", "yaml"]).clean();
    let same: Value = serde_saphyr::from_str(&yaml).expect("YAML that reads back");
    assert_eq!(same, value);
}

#[test]
fn a_flat_list_names_the_cluster_of_each_item() {
    let value = qd(BOTH, &["get", "cm", "-n", "tests", "-o", "json", "--flat"]).json();
    assert_eq!((&value["kind"], &value["apiVersion"]), (&json!("List"), &json!("v1")));
    let items = value["items"].as_array().cloned().unwrap_or_default();
    let from: Vec<_> = items
        .iter()
        .map(|item| (&item["metadata"]["name"], &item["metadata"]["annotations"]["quarterdeck.dev/cluster"]))
        .map(|(name, cluster)| (name.as_str().unwrap_or_default(), cluster.as_str().unwrap_or_default()))
        .collect();
    assert_eq!(from, [("only-east", "east"), ("settings", "east"), ("only-west", "west"), ("settings", "west")]);
}

#[test]
fn names_are_printed_as_kubectl_prints_them() {
    let text = qd("east", &["get", "cm,deploy", "-n", "tests", "-o", "name"]).clean();
    assert_eq!(text, "configmap/only-east\nconfigmap/settings\n");
    let text = qd("east", &["get", "deploy", "-n", "payments", "-o", "name"]).clean();
    assert!(text.contains("deployment.apps/api\n"), "{text}");
}

#[test]
fn selectors_reach_the_servers() {
    let text = qd(BOTH, &["get", "cm", "-A", "-l", "only=yes", "--no-headers"]).clean();
    let names: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(names, ["only-east", "only-west"]);
    let text = qd(BOTH, &["get", "pods", "-A", "--field-selector", "status.phase!=Running", "--no-headers"]).clean();
    assert!(!text.contains(" Running "), "{text}");
}

#[test]
fn sorting_is_over_all_clusters_and_by_value() {
    let arguments = ["get", "cm", "-n", "tests", "--sort-by", "{.data.rank}", "--no-headers"];
    let printed = qd(BOTH, &arguments);
    let order: Vec<_> = printed.words().iter().map(|row| (row[1].to_owned(), row[2].to_owned())).collect();
    let want = [("only-west", "west"), ("settings", "west"), ("settings", "east"), ("only-east", "east")];
    assert_eq!(order, want.map(|(name, cluster)| (name.to_owned(), cluster.to_owned())), "1, 9, 10, 100");
}

#[test]
fn named_objects_are_looked_for_in_every_cluster() {
    let text = qd(BOTH, &["get", "cm", "settings", "-n", "tests", "--no-headers"]).clean();
    assert_eq!(text.lines().count(), 2);
    let text = qd(BOTH, &["get", "configmap/only-east", "-n", "tests", "--no-headers"]).clean();
    assert_eq!(text.lines().count(), 1, "one cluster has it, and that is enough: {text}");

    let missing = qd(BOTH, &["get", "cm", "nowhere", "-n", "tests"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(1), ""));
    assert_eq!(missing.stderr, "east, west: Error from server (NotFound): configmaps \"nowhere\" not found\n");
    assert_eq!(qd(BOTH, &["get", "cm", "nowhere", "-n", "tests", "--ignore-not-found"]).clean(), "");
}

#[test]
fn several_kinds_are_several_tables() {
    let text = qd("east", &["get", "deploy,svc", "-n", "payments"]).clean();
    let (first, second) = text.split_once("\n\n").expect("a blank line between tables");
    assert!(first.lines().skip(1).all(|line| line.contains(" deployment.apps/")), "{first}");
    assert!(second.lines().skip(1).all(|line| line.contains(" service/")), "{second}");
}

#[test]
fn an_unknown_kind_is_an_error_and_an_empty_answer_is_none() {
    let unknown = qd(BOTH, &["get", "gizmos"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(1), ""));
    assert_eq!(unknown.stderr, "error: the server doesn't have a resource type \"gizmos\"\n");

    let empty = qd(BOTH, &["get", "pods", "-n", "nowhere"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), ""));
    assert_eq!(empty.stderr, "No resources found in nowhere namespace.\n");
    let nowhere = qd(BOTH, &["get", "nodes", "-l", "none=such"]);
    assert_eq!(nowhere.stderr, "No resources found\n", "what has no namespace is in none");
}

#[test]
fn a_failed_cluster_is_never_hidden() {
    let clusters = "east,gone,closed";
    let printed = qd(clusters, &["get", "cm", "-n", "tests"]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(printed.stdout.contains("only-east"), "what was answered is printed");
    let line = |of: &str| printed.stderr.lines().find(|line| line.starts_with(of)).unwrap_or_default().to_owned();
    assert!(line("gone: ").contains("refused"), "{}", printed.stderr);
    assert!(line("closed: ").contains("corp login"), "{}", printed.stderr);
    assert!(printed.stderr.contains("2 of 3 clusters failed"), "{}", printed.stderr);

    let value = qd(clusters, &["get", "cm", "-n", "tests", "-o", "json"]).json();
    assert_eq!((&value["summary"]["failed"], &value["summary"]["successful"]), (&json!(2), &json!(1)));
    assert!(value["summary"]["errors"]["gone"].as_str().is_some_and(|why| why.contains("refused")), "{value:#}");
    assert!(value["clusters"][1]["error"].is_string(), "{value:#}");
}

#[test]
fn fail_on_decides_the_exit_code() {
    let code = |clusters: &str, fail_on: &str| qd(clusters, &["get", "cm", "-A", "--fail-on", fail_on]).code;
    assert_eq!(code("east,gone", "any"), Some(1));
    assert_eq!(code("east,gone", "all"), Some(0));
    assert_eq!(code("gone,closed", "all"), Some(1));
    assert_eq!(code("gone,closed", "none"), Some(0));
}

#[test]
fn a_silent_cluster_costs_its_deadline_and_no_more() {
    let printed = qd("east,hole", &["get", "cm", "-n", "tests", "--timeout", "1s"]);
    assert_eq!(printed.code, Some(1));
    assert!(printed.stdout.contains("only-east"));
    // The sentences of the deadline that ended it: the request's own and the one around it run out together.
    let given_up = |line: &str| ["timed out after 1s", "no answer within 1s"].iter().any(|why| line.contains(why));
    assert!(printed.stderr.lines().any(|line| line.starts_with("hole: ") && given_up(line)), "{}", printed.stderr);
}

#[test]
fn streaming_does_not_wait_for_a_silent_cluster() {
    let home = Home::of(shared());
    let mut child = Command::new(PROGRAM)
        .args(["get", "cm", "-n", "tests", "--stream", "--timeout", "50s", "--clusters", "east,hole"])
        .env_clear()
        .env("HOME", home.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let heading = lines.next().expect("a heading").expect("text");
    assert!(heading.starts_with("NAMESPACE"), "{heading}");
    let row = lines.next().expect("a row").expect("text");
    assert!(row.contains("only-east"), "{row}");
    assert!(child.try_wait().expect("a state").is_none(), "it still waits for the other cluster");
    child.kill().expect("it can be ended");
    child.wait().expect("it ends");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let home = Home::of(shared());
    let mut child = Command::new(PROGRAM)
        .args(["get", "pods", "-A", "--clusters", BOTH])
        .env_clear()
        .env("HOME", home.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn servers_that_misbehave_are_named_with_a_reason() {
    let fleet = start(vec![Member::new("odd", 35, 3, 1)]);
    let home = Home::of(&fleet);
    for (fault, said) in [
        (Fault::Refuse, "refused"),
        (Fault::BlackHole, ""),
        (Fault::BrokenTls, "TLS"),
        (Fault::Unauthorized("the token is old".to_owned()), "the token is old"),
        (Fault::Forbidden("pods".to_owned()), "Forbidden"),
        (Fault::TooManyRequests { retry_after: 1 }, ""),
        (Fault::InternalError, "leader changed"),
        (Fault::Html, "HTML"),
        (Fault::EndlessHead, ""),
        (Fault::NoAnswer, ""),
    ] {
        assert!(fleet.fault("odd", fault.clone()));
        // The server changes its ways beside us: the first answer may still be of the fault before.
        let ask = || home.run(&["get", "pods", "-A", "--timeout", "1s"]);
        let is_said = |printed: &Printed| {
            let line = printed.stderr.lines().find(|line| line.starts_with("odd: ")).unwrap_or_default();
            line.contains(said) && line.len() > "odd: error".len()
        };
        let until = Instant::now() + DEADLINE;
        let printed = loop {
            let printed = ask();
            if is_said(&printed) {
                break printed;
            }
            assert!(Instant::now() < until, "{fault:?} is not said: {printed:#?}");
        };
        assert_eq!((printed.code, printed.stdout.as_str()), (Some(1), ""), "{fault:?}: {printed:#?}");
        assert!(!printed.stderr.contains('\u{1b}') && !printed.stderr.contains("panicked"), "{}", printed.stderr);
    }
}

#[test]
fn an_older_cluster_joins_the_same_table() {
    let printed = qd("east,north", &["get", "nodes"]);
    let rows = printed.words();
    assert_eq!(rows[0][..3], ["NAME", "CLUSTER", "STATUS"], "{printed:#?}");
    for cluster in ["east", "north"] {
        assert!(rows.iter().any(|row| row[1] == cluster), "{printed:#?}");
    }
}

#[test]
fn clusters_are_listed_with_their_state() {
    let printed = qd("east,gone,closed", &["clusters"]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    let rows = printed.words();
    assert_eq!(rows[0][..4], ["NAME", "STATE", "VERSION", "LATENCY"]);
    let row = |name: &str| printed.stdout.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    assert!(row("east").contains(" live ") && row("east").contains("v1.35"), "{printed:#?}");
    assert!(row("gone").contains(" unreachable ") && row("gone").contains("refused"), "{printed:#?}");
    assert!(row("closed").contains(" auth needed ") && row("closed").contains("corp login"), "{printed:#?}");

    let value = qd("east,gone", &["clusters", "-o", "json", "--fail-on", "none"]).json();
    assert_eq!(value["kind"], "ClusterList");
    assert_eq!((&value["items"][0]["state"], &value["items"][1]["state"]), (&json!("live"), &json!("unreachable")));
}

#[test]
fn clusters_can_be_listed_without_contact() {
    let printed = qd("*", &["clusters", "--offline", "--no-headers"]);
    let states: Vec<_> = printed.words().iter().map(|row| row[1].to_owned()).collect();
    assert_eq!(states, ["listed"; 6], "{printed:#?}");
    assert_eq!(qd("*", &["clusters", "--offline", "-o", "name"]).clean().lines().count(), 6);
}

#[test]
fn doctor_looks_deeper() {
    let value = qd(BOTH, &["doctor", "-o", "json"]).json();
    for item in value["items"].as_array().into_iter().flatten() {
        assert_eq!(item["state"], "live");
        assert!(item["kinds"].as_u64().is_some_and(|n| n > 25), "{item:#}");
        assert!(item["uid"].as_str().is_some_and(|uid| !uid.is_empty()), "{item:#}");
    }
    let text = qd("east", &["doctor"]).clean();
    assert!(text.starts_with("NAME") && text.contains("guarded"), "{text}");
}

#[test]
fn events_put_warnings_first() {
    let printed = qd(BOTH, &["events", "-A"]);
    let rows = printed.words();
    assert_eq!(rows[0][..5], ["NAMESPACE", "CLUSTER", "LAST", "SEEN", "TYPE"], "{printed:#?}");
    let kinds: Vec<_> = printed
        .stdout
        .lines()
        .skip(1)
        .map(|line| if line.contains(" Warning ") { "Warning" } else { "Normal" })
        .collect();
    assert!(kinds.len() > 2 && kinds.is_sorted_by(|a, b| a >= b), "{printed:#?}");
    let only = qd(BOTH, &["events", "-A", "--types", "Warning", "--no-headers"]).clean();
    assert!(only.lines().all(|line| line.contains(" Warning ")), "{only}");
}

#[test]
fn describe_says_which_cluster_it_speaks_of() {
    let text = qd(BOTH, &["describe", "cm", "settings", "-n", "tests"]).clean();
    for cluster in ["east", "west"] {
        assert!(text.lines().any(|line| line == format!("Cluster:          {cluster}")), "{text}");
    }
    assert!(text.contains("\n  rank:           10\n"), "a key of the user's is not ours to change:\n{text}");
    let missing = qd(BOTH, &["describe", "cm", "nowhere", "-n", "tests"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(1), ""));
    assert!(missing.stderr.contains("NotFound"), "{}", missing.stderr);
}

#[test]
fn a_described_pod_shows_its_containers_and_events() {
    let printed = qd("east", &["get", "pods", "-n", "payments", "-o", "name"]).clean();
    let pod = printed.lines().next().expect("a pod");
    let text = qd("east", &["describe", pod, "-n", "payments"]).clean();
    for part in ["Name:", "Node:", "Containers:", "Image:", "Conditions:", "Events:"] {
        assert!(text.contains(part), "no {part} in:\n{text}");
    }
}

#[test]
fn effective_configuration_names_its_layers() {
    let home = Home::of(shared());
    let plain = home.run(&["config", "effective"]).clean();
    assert!(plain.contains("concurrency: 10") && plain.contains("# default"), "{plain}");
    let file = home.write("own.yaml", "concurrency: 3\n");
    let path = file.to_string_lossy().into_owned();
    let own = home.run(&["config", "effective", "--config", &path, "--read-only"]).clean();
    let line = |key: &str| own.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    assert!(line("concurrency: 3").contains("own.yaml"), "{own}");
    assert!(line("readOnly: true").contains("--read-only"), "{own}");
}

#[test]
fn a_mistake_in_the_configuration_names_its_place() {
    let home = Home::of(shared());
    let file = home.write("own.yaml", "timeout: 5s\nconcurency: 3\n");
    let printed = home.run(&["clusters", "--offline", "--config", &file.to_string_lossy()]);
    let said = format!("{}{}", printed.stdout, printed.stderr);
    for part in ["own.yaml", "2", "concurency", "concurrency"] {
        assert!(said.contains(part), "no {part} in: {printed:#?}");
    }
    let broken = home.write("broken.yaml", "timeout: [\n");
    let printed = home.run(&["clusters", "--offline", "--config", &broken.to_string_lossy()]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(printed.stderr.contains("broken.yaml"), "{printed:#?}");
}

#[test]
fn completion_is_printed_for_the_usual_shells() {
    let home = Home::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&["completion", shell]).clean();
        assert!(script.contains("qd") && script.contains("describe"), "{shell}: {script}");
        assert!(!script.contains("run-detached"), "{shell} offers what is hidden");
    }
    assert_eq!(home.run(&["completion", "tcsh"]).code, Some(2));
}

#[test]
fn kubeconfigs_that_cannot_be_used_say_what_to_do() {
    let home = Home::empty();
    let nothing = home.run(&["get", "pods"]);
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.stderr.contains("--demo"), "{}", nothing.stderr);

    let no_cluster =
        "apiVersion: v1\nkind: Config\ncontexts:\n- {name: alone, context: {cluster: nope, user: nobody}}\n";
    for (name, text, said) in [
        ("empty", "", "empty"),
        ("malformed", "clusters: [\n", "malformed"),
        ("binary", "\u{0}\u{1}\u{2}", "binary"),
        ("incomplete", no_cluster, "alone"),
    ] {
        let file = home.write(name, text);
        let printed = home.run(&["get", "pods", "--kubeconfig", &file.to_string_lossy()]);
        assert_eq!((printed.code, printed.stdout.as_str()), (Some(1), ""), "{name}: {printed:#?}");
        assert!(printed.stderr.contains(said), "{name}: {}", printed.stderr);
    }
    let printed = home.run(&["get", "pods", "--kubeconfig", "nowhere"]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(printed.stderr.contains("nowhere"), "{}", printed.stderr);
}

#[test]
fn a_file_the_demo_did_not_write_is_left_alone() {
    let home = Home::of(shared());
    let path = home.path(".kube/config");
    let before = std::fs::read(&path).expect("a kubeconfig");
    let printed = home.run(&["demo", "serve", "--count", "1", "--pods", "1", "--write-kubeconfig", ".kube/config"]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(printed.stderr.contains("not written by"), "{}", printed.stderr);
    assert_eq!(std::fs::read(&path).expect("a kubeconfig"), before);
}

#[test]
fn the_served_demo_can_be_asked_by_another_process() {
    let home = Home::empty();
    let mut demo = Command::new(PROGRAM)
        .args(["demo", "serve", "--count", "2", "--pods", "12", "--changes-per-second", "0"])
        .args(["--write-kubeconfig", "fleet.kubeconfig"])
        .env_clear()
        .env("HOME", home.path(""))
        .current_dir(home.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(demo.stdout.take().expect("stdout")).lines();
    let last = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("kubeconfig: "));
    assert!(last.is_some(), "it says where the kubeconfig is");
    let pods = home.run(&["get", "pods", "-A", "--no-headers", "--kubeconfig", "fleet.kubeconfig"]).clean();
    for cluster in ["demo-001", "demo-002"] {
        assert!(pods.matches(cluster).count() >= 12, "{pods}");
    }
    let pid = rustix::process::Pid::from_child(&demo);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal is sent");
    let started = Instant::now();
    let status = loop {
        match demo.try_wait().expect("a state") {
            Some(status) => break status,
            None if started.elapsed() > DEADLINE => panic!("the demo does not end on SIGTERM"),
            None => std::thread::yield_now(),
        }
    };
    assert_eq!(status.code(), Some(0));
}
