//! Changes of the rows: what each key and command asks of the engine, and what is refused before.

use super::{App, Effect, Msg, Request, VIEW, at_pods, fleet, message, press, screen, setup, type_line};
use crate::model::change::{Change, Intent, OperationId, OperationState, Selection, Verb};
use crate::model::cluster::{Access, Cluster, ClusterEntry, ClusterState};
use crate::model::kind::KindId;
use crate::protocol::{ChangeRequest, ChangeSnapshot, OperationStatus, Snapshot};
use crate::views::fixture::{Fleet, NOW, deployment_shard};
use std::sync::Arc;

fn sent(effects: Vec<Effect>) -> Vec<ChangeRequest> {
    let sent = effects.into_iter().filter_map(|effect| {
        let Effect::Send(Request::Change(request)) = effect else { return None };
        Some(request)
    });
    sent.collect()
}

/// The intent of the one plan that was asked for.
fn planned(effects: Vec<Effect>) -> Intent {
    match sent(effects).as_slice() {
        [ChangeRequest::Plan { intent, clusters, .. }] => {
            let Selection::Objects(objects) = &intent.selection else { panic!("rows are objects") };
            assert!(objects.iter().all(|object| clusters.contains(&object.cluster) && !object.uid.is_empty()));
            (**intent).clone()
        }
        other => panic!("{other:?}"),
    }
}

fn names(intent: &Intent) -> Vec<String> {
    let Selection::Objects(objects) = &intent.selection else { panic!("rows are objects") };
    objects.iter().map(|object| object.name.to_string()).collect()
}

fn deployments() -> Fleet {
    let kind = KindId::new("apps", "Deployment");
    let shard =
        |cluster: &str| deployment_shard(cluster, &[("payments", "api", "app=api"), ("web", "front", "app=front")]);
    Fleet::default()
        .cluster("eu-west", ClusterState::Live)
        .cluster("us-east", ClusterState::Live)
        .rows(VIEW, "eu-west", &kind, shard("eu-west"))
        .rows(VIEW, "us-east", &kind, shard("us-east"))
}

fn at_deployments(snapshot: Arc<Snapshot>) -> App {
    let mut app = App::new(setup((120, 20), Some("deployments")));
    app.update(Msg::Snapshot(snapshot));
    app
}

fn with_access(fleet: &Fleet, access: impl Fn(&str) -> Access) -> Arc<Snapshot> {
    let mut snapshot = Snapshot::clone(&fleet.snapshot());
    for (name, cluster) in Arc::make_mut(&mut snapshot.clusters) {
        let entry = ClusterEntry { access: access(name.as_str()), ..ClusterEntry::clone(&cluster.entry) };
        *cluster = Arc::new(Cluster { entry: Arc::new(entry), ..Cluster::clone(cluster) });
    }
    Arc::new(snapshot)
}

fn running(snapshot: &Snapshot, own: bool) -> Arc<Snapshot> {
    let operation = OperationStatus {
        id: OperationId::new(NOW, 1),
        verb: Some(Verb::Delete),
        state: OperationState::Running,
        at: NOW,
        actor: "ada, qd (pid 1)".into(),
        own,
        stopping: None,
        wave: (1, 1),
        targets: Arc::from([]),
    };
    let changes = ChangeSnapshot { operations: Arc::from([Arc::new(operation)]), ..ChangeSnapshot::default() };
    Arc::new(Snapshot { changes, ..snapshot.clone() })
}

#[test]
fn a_key_plans_the_change_of_the_row_under_the_cursor() {
    let mut app = at_deployments(deployments().snapshot());
    let intent = planned(press(&mut app, "r"));
    assert_eq!(intent.change, Change::RolloutRestart { restarted_at: NOW.to_string().into() });
    assert_eq!((names(&intent).len(), intent.hidden_marks), (1, 0));
    assert_eq!(app.context().name(), "plan");
    assert!(screen(&app).contains("rollout restart: deployment payments/api in eu-west"), "{}", screen(&app));
    assert!(matches!(sent(press(&mut app, "esc")).as_slice(), [ChangeRequest::Discard(_)]));
    let intent = planned(press(&mut app, "ctrl-d"));
    assert_eq!(intent.change.verb(), Verb::Delete);
}

#[test]
fn marked_rows_of_several_clusters_are_planned_together_and_hidden_ones_are_counted() {
    let mut app = at_deployments(deployments().snapshot());
    press(&mut app, "space space space");
    press(&mut app, "/");
    type_line(&mut app, "front");
    let effects = press(&mut app, "r");
    let clusters: Vec<String> = match sent(effects.clone()).as_slice() {
        [ChangeRequest::Plan { clusters, .. }] => clusters.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    };
    let intent = planned(effects);
    assert_eq!(clusters, ["eu-west", "us-east"]);
    assert_eq!((names(&intent).len(), intent.hidden_marks), (3, 2), "both api are hidden");
}

#[test]
fn the_number_of_replicas_is_asked_for() {
    let mut app = at_deployments(deployments().snapshot());
    assert!(sent(press(&mut app, "s")).is_empty());
    assert!(screen(&app).contains("Number of replicas:"), "{}", screen(&app));
    assert!(sent(type_line(&mut app, "x")).is_empty(), "that is no number");
    assert!(screen(&app).contains("type a whole number"), "{}", screen(&app));
    let intent = planned(type_line_after_erasing(&mut app, "5"));
    assert_eq!(intent.change, Change::Scale { replicas: 5 });
    assert_eq!(app.context().name(), "plan");
}

fn type_line_after_erasing(app: &mut App, text: &str) -> Vec<Effect> {
    press(app, "backspace");
    type_line(app, text)
}

#[test]
fn every_verb_has_a_command() {
    let mut app = at_deployments(deployments().snapshot());
    for (line, verb) in [
        ("change delete --cascade orphan", Verb::Delete),
        ("change rollout restart", Verb::RolloutRestart),
        ("change scale 3", Verb::Scale),
        ("change label team=web old-", Verb::Label),
    ] {
        press(&mut app, ":");
        assert_eq!(planned(type_line(&mut app, line)).change.verb(), verb, "{line}");
        press(&mut app, "esc");
    }
    press(&mut app, ":");
    assert!(sent(type_line(&mut app, "change cordon")).is_empty());
    assert_eq!(message(&app), "cordon does not take a Deployment; it takes Nodes");
    press(&mut app, ":");
    assert!(sent(type_line(&mut app, "change")).is_empty());
    assert!(message(&app).starts_with("type :change delete"), "{}", message(&app));
}

#[test]
fn a_verb_is_offered_by_the_palette_and_completed() {
    let mut app = at_deployments(deployments().snapshot());
    press(&mut app, "ctrl-a");
    let intent = planned(type_line(&mut app, "change delete"));
    assert_eq!(intent.change.verb(), Verb::Delete);
    press(&mut app, "esc : c h a n g e space r o tab");
    assert!(screen(&app).contains(":change rollout restart"), "{}", screen(&app));
    assert_eq!(planned(press(&mut app, "enter")).change.verb(), Verb::RolloutRestart);
}

#[test]
fn a_kind_that_does_not_take_the_verb_says_which_do() {
    let mut app = at_pods();
    assert!(sent(press(&mut app, "s")).is_empty(), "kept for the shell");
    assert!(message(&app).starts_with("scale does not take a Pod"), "{}", message(&app));
    assert!(sent(press(&mut app, "r")).is_empty());
    assert_eq!(planned(press(&mut app, "ctrl-d")).change.verb(), Verb::Delete);
}

#[test]
fn nothing_is_changed_from_the_fleet_or_from_events() {
    let mut app = App::new(setup((120, 20), None));
    app.update(Msg::Snapshot(fleet().snapshot()));
    assert!(sent(press(&mut app, "ctrl-d s")).is_empty());
    press(&mut app, ":");
    assert!(sent(type_line(&mut app, "change delete")).is_empty());
    assert_eq!(message(&app), "objects are changed in their tables: :pods, :deployments");
    press(&mut app, ":");
    type_line(&mut app, "events");
    assert!(sent(press(&mut app, "ctrl-d")).is_empty());
}

#[test]
fn rows_of_read_only_clusters_are_not_sent_and_the_reason_is_said() {
    let mut app = at_deployments(with_access(&deployments(), |_| Access::ReadOnly));
    assert!(screen(&app).contains("read-only"), "{}", screen(&app));
    assert!(!screen(&app).contains("r restart"), "{}", screen(&app));
    for keys in ["r", "s", "ctrl-d"] {
        assert!(sent(press(&mut app, keys)).is_empty(), "{keys}");
        assert_eq!(message(&app), "eu-west is read-only: leave out --read-only, or set `access` in config.yaml");
    }
    for line in ["change delete", "change scale 3", "change rollout restart", "change label a=b"] {
        press(&mut app, ":");
        assert!(sent(type_line(&mut app, line)).is_empty(), "{line}");
    }
    let one = |name: &str| if name == "eu-west" { Access::ReadOnly } else { Access::Protected };
    let mut app = at_deployments(with_access(&deployments(), one));
    assert!(screen(&app).contains("read-only 1/2"), "{}", screen(&app));
    press(&mut app, "space space space");
    assert_eq!(names(&planned(press(&mut app, "r"))).len(), 3, "the plan shows what is refused");
}

#[test]
fn leaving_asks_while_this_engine_runs_a_change() {
    let snapshot = deployments().snapshot();
    let leaves = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Quit));
    for (keys, again) in [("ctrl-c", "y"), ("ctrl-c", "q"), ("ctrl-c", "ctrl-c"), (": q enter", "y")] {
        let mut app = at_deployments(running(&snapshot, true));
        assert!(!leaves(&press(&mut app, keys)), "{keys} asks");
        let id = OperationId::new(NOW, 1);
        assert!(screen(&app).contains(&format!("qd plan resume {id}")), "{}", screen(&app));
        press(&mut app, "esc");
        assert_eq!(app.context().name(), "table", "esc stays");
        press(&mut app, keys);
        assert!(leaves(&press(&mut app, again)), "{keys} {again}");
    }
    let mut app = at_deployments(running(&snapshot, false));
    assert!(leaves(&press(&mut app, "ctrl-c")), "the change of another process goes on");
}

#[test]
fn the_changes_are_a_page_that_watches_the_journal() {
    let mut app = at_deployments(deployments().snapshot());
    press(&mut app, ":");
    assert!(matches!(sent(type_line(&mut app, "changes")).as_slice(), [ChangeRequest::Watch(_)]));
    app.update(Msg::Snapshot(running(&deployments().snapshot(), true)));
    assert!(screen(&app).contains("1 change · 1 running"), "{}", screen(&app));
    press(&mut app, "enter");
    assert_eq!(app.context().name(), "plan");
    assert!(matches!(sent(press(&mut app, "x")).as_slice(), [ChangeRequest::Cancel(_)]));
    press(&mut app, "esc");
    assert!(matches!(sent(press(&mut app, "[")).as_slice(), [ChangeRequest::Unwatch(_)]));
    assert!(matches!(sent(press(&mut app, "]")).as_slice(), [ChangeRequest::Watch(_)]));
}
