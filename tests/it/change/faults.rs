//! What becomes of a change when clusters fail under it: never twice, never silent.

use super::rig::{FullAfter, Rig, all_pods, delete, lenient, states};
use crate::sim::cluster::{Sim, Way, pod};
use crate::sim::write::WriteFault;
use parking_lot::Mutex;
use quarterdeck::engine::change::core::step::Stop;
use quarterdeck::engine::cluster::WriteError;
use quarterdeck::model::change::{Change, OperationState, Options, TargetState};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

fn fault(rig: &Rig, cluster: &str, fault: WriteFault) {
    rig.change(cluster, |sim| sim.writes.faults.push_back(fault));
}

#[tokio::test(start_paused = true)]
async fn a_change_goes_wave_by_wave_and_is_journalled() {
    let rig = Rig::new(&["east", "west"]);
    let plan = rig.plan(&all_pods(delete(), Options::default())).await;
    let outcome = rig.run(&plan).await;
    assert_eq!((outcome.state, states(&outcome)), (OperationState::Done, vec![TargetState::Done; 4]));
    assert_eq!((rig.pods("east"), rig.pods("west")), (1, 1), "the pod of ns-1 stays");
    assert!(rig.changes().values().all(|times| *times == 1));
    let record = rig.record(&plan);
    assert_eq!((record.state(false), record.by.user.as_str()), (OperationState::Done, "ann"));
    assert_eq!(rig.store.kept(&plan.id).expect("readable"), None, "nothing is left of it");
    let again = rig.open(&plan).expect("nobody has it").is_new().expect_err("it ran");
    assert!(again.message.contains("already"), "{again}");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_dies_in_a_wave_stops_the_rest_and_is_resumed() {
    for dies in [WriteFault::Dies, WriteFault::DiesAfter] {
        let rig = Rig::new(&["east", "west", "south"]);
        let plan = rig.plan(&all_pods(delete(), Options { settle_s: 10, timeout_s: 5, ..Options::default() })).await;
        fault(&rig, "west", dies.clone());
        let outcome = rig.run(&plan).await;
        assert_eq!(outcome.state, OperationState::Interrupted, "{dies:?}: {outcome:?}");
        assert!(matches!(outcome.stop, Some(Stop::Failures(_))));
        assert_eq!(states(&outcome)[2], TargetState::Unknown, "{dies:?}");
        assert_eq!(states(&outcome)[4..], [TargetState::Pending; 2], "the next wave did not begin");
        assert_eq!(rig.pods("south"), 3);

        let error = rig.resume(&plan).await.expect_err("it is still dead");
        assert!(error.to_string().contains("west") && error.to_string().contains("nothing is changed"), "{error}");
        rig.change("west", Sim::heal);
        let outcome = rig.resume(&plan).await.expect("it is back");
        assert_eq!(outcome.state, OperationState::Done, "{outcome:?}");
        let changes = rig.changes();
        assert_eq!((changes.len(), changes.values().all(|times| *times == 1)), (6, true), "{dies:?}: {changes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_the_deadline_is_looked_for() {
    let rig = Rig::new(&["east"]);
    let plan = rig.plan(&all_pods(delete(), lenient())).await;
    fault(&rig, "east", WriteFault::Late);
    fault(&rig, "east", WriteFault::CutBefore);
    let outcome = rig.run(&plan).await;
    let mut ends = states(&outcome);
    ends.sort_unstable();
    assert_eq!(ends, [TargetState::Done, TargetState::Unknown], "one was done, of one nothing is known");
    assert_eq!(rig.look("east", |sim| sim.writes.received), 4, "two dry runs, two changes, none again");
    let outcome = rig.resume(&plan).await.expect("resumable");
    assert_eq!(outcome.state, OperationState::Done);
    assert!(rig.changes().values().all(|times| *times == 1));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_refuses_between_plan_and_run_is_told_in_its_words() {
    for (error, state) in [
        (WriteError::Denied("admission webhook \"keep\" denied the request".into()), TargetState::Refused),
        (WriteError::Invalid("spec.replicas: must not be negative".into()), TargetState::Refused),
        (WriteError::Throttled { what: "too many requests".into(), retry_after: None }, TargetState::Done),
        (WriteError::Conflict("the object has been modified".into()), TargetState::Done),
        (WriteError::NotSent("connection refused".into()), TargetState::Failed),
    ] {
        let rig = Rig::new(&["east"]);
        let plan = rig.plan(&all_pods(delete(), lenient())).await;
        fault(&rig, "east", WriteFault::Fails(error.clone()));
        let outcome = rig.run(&plan).await;
        let ends = states(&outcome);
        assert!(ends.contains(&state) && ends.contains(&TargetState::Done), "{error:?}: {ends:?}");
        if state == TargetState::Refused {
            assert!(outcome.targets.iter().any(|(_, why)| why.as_str() == error.to_string()), "{outcome:?}");
            assert_eq!(outcome.state, OperationState::Partial);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_that_was_taken_away_is_a_refusal() {
    let rig = Rig::new(&["east"]);
    let plan = rig.plan(&all_pods(delete(), lenient())).await;
    rig.change("east", |sim| {
        sim.writes.forbidden.insert(("delete".into(), "pods".into()));
    });
    let outcome = rig.run(&plan).await;
    assert_eq!((outcome.state, states(&outcome)), (OperationState::Failed, vec![TargetState::Refused; 2]));
    assert!(rig.changes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_made_again_is_refused_and_left() {
    let rig = Rig::new(&["east"]);
    let plan = rig.plan(&all_pods(delete(), lenient())).await;
    rig.change("east", |sim| {
        sim.delete(&pod(), "ns-0", "pod-0");
        sim.put(&pod(), "ns-0", "pod-0", 9);
    });
    let outcome = rig.run(&plan).await;
    assert_eq!(states(&outcome), [TargetState::Refused, TargetState::Done]);
    assert!(outcome.targets[0].1.contains("another uid"), "{outcome:?}");
    assert_eq!(rig.pods("east"), 2, "the new one is there");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_status_alone_is_no_move_and_one_of_the_spec_is() {
    let rig = Rig::new(&["east"]);
    let set = [("team".into(), "a".into())].into();
    let label = Change::Label { set, remove: [].into(), overwrite: false };
    let plan = rig.plan(&all_pods(label, lenient())).await;
    rig.change("east", |sim| {
        sim.edit(&pod(), "ns-0", "pod-0", |object| object["status"]["phase"] = "Failed".into());
        sim.edit(&pod(), "ns-0", "pod-2", |object| object["metadata"]["generation"] = 2.into());
    });
    let outcome = rig.run(&plan).await;
    assert_eq!(states(&outcome), [TargetState::Done, TargetState::Refused]);
    assert!(outcome.targets[1].1.contains("generation was 1 and is 2"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_finalizers_keep_has_not_settled() {
    let rig = Rig::new(&["east"]);
    let finalizers = serde_json::json!(["example.com/keep"]);
    rig.change("east", |sim| {
        sim.edit(&pod(), "ns-0", "pod-0", |object| object["metadata"]["finalizers"] = finalizers);
    });
    let plan = rig.plan(&all_pods(delete(), lenient())).await;
    assert_eq!(plan.targets[0].finalizers, ["example.com/keep"]);
    let outcome = rig.run(&plan).await;
    assert_eq!(states(&outcome), [TargetState::Failed, TargetState::Done]);
    let why = &outcome.targets[0].1;
    assert!(why.contains("not settled within 30s") && why.contains("example.com/keep"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_a_change_before_anything_is_asked_of_it() {
    for left in 0..4 {
        let rig = Rig::new(&["east", "west"]);
        let plan = rig.plan(&all_pods(delete(), lenient())).await;
        let journal = FullAfter { store: rig.store.clone(), left: Mutex::new(left) };
        let outcome = rig.run_with(&plan, Arc::new(journal)).await;
        assert!(matches!(outcome.stop, Some(Stop::Journal(_))) && outcome.unjournalled.is_some(), "{outcome:?}");
        let asked = rig.record(&plan).known.values().filter(|known| known.was_asked).count();
        assert!(rig.changes().len() <= asked, "after {left}: nothing was asked that is not in the journal");
        assert_eq!(rig.pods("west"), 3, "the second wave did not begin");
        let outcome = rig.resume(&plan).await.expect("there is room again");
        assert_eq!(outcome.state, OperationState::Done, "after {left}: {outcome:?}");
        assert!(rig.changes().values().all(|times| *times == 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_change_waits_for_what_is_under_way() {
    let rig = Rig::new(&["east", "west"]);
    rig.change("east", |sim| sim.latency = std::time::Duration::from_millis(100));
    let plan = rig.plan(&all_pods(delete(), lenient())).await;
    let operation = rig.open(&plan).expect("nobody has it");
    operation.begin(&plan, crate::sim::world::BEGIN).expect("the journal takes it");
    let cancel = CancellationToken::new();
    let timer = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        timer.cancel();
    });
    let outcome = rig.drive(&plan, &operation, Arc::new(rig.store.clone()), cancel).await;
    assert_eq!((outcome.stop.clone(), outcome.state), (Some(Stop::Cancelled), OperationState::Interrupted));
    assert_eq!(states(&outcome)[..2], [TargetState::Done; 2], "under way: {outcome:?}");
    assert_eq!(states(&outcome)[2..], [TargetState::Pending; 2]);
    assert_eq!(rig.pods("west"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_second_run_of_the_same_operation_is_refused_and_told_who_has_it() {
    let rig = Rig::new(&["east"]);
    let plan = rig.plan(&all_pods(delete(), lenient())).await;
    let first = rig.open(&plan).expect("nobody has it");
    let error = rig.open(&plan).expect_err("the first has it");
    assert!(error.message.contains("process 7"), "{error}");
    assert_eq!(error.exit_code(), 1);
    drop(first);
    rig.open(&plan).expect("it is free again");
}

#[tokio::test(start_paused = true)]
async fn a_silent_cluster_costs_its_deadline_and_no_more() {
    let rig = Rig::new(&["east"]);
    let plan = rig.plan(&all_pods(delete(), lenient())).await;
    rig.change("east", |sim| sim.way = Way::Silent);
    let began = tokio::time::Instant::now();
    let outcome = rig.run(&plan).await;
    assert_eq!(states(&outcome), [TargetState::Failed; 2], "nothing was asked: {outcome:?}");
    assert!(began.elapsed() <= std::time::Duration::from_secs(6), "{:?}", began.elapsed());
}
