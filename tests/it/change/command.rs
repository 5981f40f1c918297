//! The commands that change clusters, as a user types them: what is refused, and with which exit code.

use crate::fleet::{Home, qd, shared};

#[test]
fn a_change_that_chooses_nothing_is_a_mistake_and_asks_nobody() {
    // No cluster is there to be asked: whoever tries says so, and with 1.
    let home = Home::empty();
    for (arguments, said) in [
        (&["delete", "pods"][..], "no object was chosen"),
        (&["delete", "pods", "-A"], "no object was chosen"),
        (&["delete", "pods", "-l", ""], "--selector"),
        (&["delete", "pods", "-l", " "], "the selector is empty"),
        (&["delete", "pods", "--all", "-n", ""], "the namespace is empty"),
        (&["delete", "pods", "a", " "], "name is empty"),
        (&["plan", "run", ""], "no plan was named"),
        (&["delete", "pod", ""], "name is empty"),
        (&["delete", "pod/"], "is empty"),
        (&["delete", "pods", "a", "--all"], "cannot be given together"),
        (&["delete"], "TYPE"),
        (&["rollout", "restart", "deploy"], "no object was chosen"),
        (&["cordon"], "no object was chosen"),
        (&["scale", "deploy/a"], "--replicas"),
        (&["label", "pod", "a"], "no label was given"),
        (&["delete", "pod/a", "--wave", "0"], "--wave"),
        (&["delete", "pod/a", "--settle", "0"], "between 1s"),
        (&["delete", "pod/a", "--confirm", ""], "--confirm"),
        (&["delete", "pod/a", "--cascade", "maybe"], "maybe"),
        (&["delete", "pod/a", "--dry-run", "--plan-out", "x"], "cannot be used with"),
    ] {
        let printed = home.run(arguments);
        assert_eq!((printed.code, printed.stdout.as_str()), (Some(2), ""), "{arguments:?}: {printed:#?}");
        assert!(printed.stderr.contains(said), "{arguments:?} does not say {said:?}:\n{}", printed.stderr);
    }
}

#[test]
fn several_clusters_are_changed_only_when_they_are_named() {
    let home = Home::of(shared());
    let printed = home.run(&["delete", "cm", "settings", "-n", "tests", "--yes"]);
    assert_eq!((printed.code, printed.stdout.as_str()), (Some(2), ""), "{printed:#?}");
    assert!(printed.stderr.contains("--clusters") && printed.stderr.contains("6 clusters"), "{}", printed.stderr);
}

#[test]
fn an_empty_selection_does_nothing_and_says_so() {
    let printed = qd("east,west", &["delete", "cm", "-l", "none=such", "-n", "tests", "--yes"]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(printed.stderr.contains("the selection is empty"), "{}", printed.stderr);
    let printed = qd("east,west", &["delete", "cm", "nowhere", "-n", "tests", "--yes"]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(printed.stderr.contains("not found in any cluster: cm/nowhere"), "{}", printed.stderr);
    let printed = qd("east", &["rollout", "restart", "cm", "settings", "-n", "tests", "--yes"]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(printed.stderr.contains("`rollout restart` does not take configmaps"), "{}", printed.stderr);
}

#[test]
fn a_read_only_fleet_shows_the_plan_and_refuses() {
    let printed = qd("east,west", &["delete", "cm", "settings", "-n", "tests", "--yes", "--read-only"]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(printed.stdout.contains("✗ read-only"), "{}", printed.stdout);
    assert!(
        printed.stderr.contains("nothing was changed") && printed.stderr.contains("--read-only"),
        "{}",
        printed.stderr
    );
    let shown = qd("east,west", &["delete", "cm", "settings", "-n", "tests", "--dry-run", "--read-only"]);
    assert_eq!(shown.code, Some(0), "a dry run only shows: {shown:#?}");
}

#[test]
fn plans_that_are_not_there_are_refused_and_an_empty_journal_is_no_error() {
    let home = Home::empty();
    for (arguments, said) in [
        (&["plan", "show", "nowhere.json"][..], "there is no plan"),
        (&["plan", "run", "20260101-000000-abcdef"], "there is no plan"),
        (&["plan", "resume", "/etc/passwd"], "it is not a plan"),
    ] {
        let printed = home.run(arguments);
        assert_eq!(printed.code, Some(1), "{arguments:?}: {printed:#?}");
        assert!(printed.stderr.contains(said), "{}", printed.stderr);
    }
    assert_eq!(home.run(&["journal"]).code, Some(0));
    assert_eq!(home.run(&["plan", "list"]).code, Some(0));
    assert_eq!(home.run(&["journal", "-o", "json"]).json()["items"], serde_json::json!([]));
}
