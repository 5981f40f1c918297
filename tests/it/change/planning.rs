//! What a plan finds out beforehand, and what is looked at again before it is run.

use super::rig::{Rig, all_pods, delete, lenient};
use crate::sim::cluster::{Way, pod};
use crate::sim::write::WriteFault;
use quarterdeck::engine::change::recheck::recheck;
use quarterdeck::engine::cluster::WriteError;
use quarterdeck::model::change::file::seal;
use quarterdeck::model::change::{Change, FindingKind, Intent, ObjectQuery, Options, Plan, Selection};
use quarterdeck::model::cluster::{Access, ClusterName};
use quarterdeck::model::object::ObjectKey;
use quarterdeck::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};

fn findings(plan: &Plan) -> Vec<Option<FindingKind>> {
    plan.targets.iter().map(|target| target.findings.first().map(|finding| finding.kind)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_plan_names_each_cluster_by_server_and_uid_and_changes_nothing() {
    let rig = Rig::new(&["east", "west"]);
    let plan = rig.plan(&all_pods(delete(), Options::default())).await;
    let clusters: Vec<_> = plan.clusters.iter().map(|c| (c.name.as_str(), c.server.as_str(), c.uid.as_str())).collect();
    assert_eq!(clusters, [("east", "https://east.sim", "uid-east"), ("west", "https://west.sim", "uid-west")]);
    assert_eq!(plan.targets.len(), 4, "two pods of ns-0 in each");
    assert!(plan.targets.iter().all(|target| target.is_changed() && !target.key.uid.is_empty()));
    assert!(rig.changes().is_empty());
    assert_eq!(rig.look("east", |sim| (sim.writes.reviews, sim.writes.dry_runs)), (1, 2), "one question a namespace");
}

#[tokio::test(start_paused = true)]
async fn what_rbac_forbids_is_found_and_asked_name_by_name() {
    let rig = Rig::new(&["east"]);
    rig.change("east", |sim| {
        sim.writes.forbidden.insert(("delete".into(), "pods".into()));
    });
    let plan = rig.plan(&all_pods(delete(), Options::default())).await;
    assert_eq!(findings(&plan), [Some(FindingKind::Forbidden); 2]);
    assert_eq!(rig.look("east", |sim| (sim.writes.reviews, sim.writes.dry_runs)), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn what_admission_says_is_in_the_plan() {
    for (error, found) in [
        (WriteError::Denied("admission webhook \"keep\" denied the request".into()), FindingKind::Denied),
        (WriteError::Invalid("spec: Invalid value".into()), FindingKind::Denied),
        (WriteError::DryRunUnsupported("webhook has side effects".into()), FindingKind::NotChecked),
    ] {
        let rig = Rig::new(&["east"]);
        rig.change("east", |sim| sim.writes.faults.push_back(WriteFault::Fails(error.clone())));
        let plan = rig.plan(&all_pods(delete(), Options::default())).await;
        assert_eq!(findings(&plan).iter().flatten().collect::<Vec<_>>(), [&found], "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_only_cluster_is_asked_nothing_but_reads() {
    let mut rig = Rig::new(&["east"]);
    rig.level("east", Access::ReadOnly);
    let plan = rig.plan(&all_pods(delete(), Options::default())).await;
    assert_eq!(findings(&plan), [Some(FindingKind::ReadOnly); 2]);
    assert_eq!(rig.look("east", |sim| (sim.writes.reviews, sim.writes.received)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_does_not_answer_is_said_and_the_others_are_planned() {
    let rig = Rig::new(&["east", "west"]);
    rig.change("west", |sim| sim.way = Way::Silent);
    let plan = rig.plan(&all_pods(delete(), lenient())).await;
    assert_eq!(plan.targets.len(), 2);
    let problem = plan.clusters[1].problem.as_deref().expect("a reason");
    assert!(problem.contains("no answer within 5s"), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_one_cluster_has_is_found_and_one_that_none_has_is_missing() {
    let rig = Rig::new(&["east", "west"]);
    rig.change("west", |sim| sim.delete(&pod(), "ns-0", "pod-0"));
    let kinds = vec![(Text::const_new("pod"), vec!["pod-0".into(), "nowhere".into()])];
    let selection = Selection::Query(ObjectQuery { kinds, ..ObjectQuery::default() });
    let intent = Intent { selection, ..all_pods(delete(), Options::default()) };
    let planned = rig.planned(&intent).await;
    assert_eq!(planned.missing, ["pod/nowhere"]);
    assert_eq!(planned.plan.targets.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_does_not_take_the_verb_is_said() {
    let rig = Rig::new(&["east"]);
    let restart = Change::RolloutRestart { restarted_at: "2027-01-15T08:00:00Z".into() };
    let planned = rig.planned(&all_pods(restart, Options::default())).await;
    assert_eq!((planned.unfit, planned.plan.targets.len()), (vec!["pods".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn a_marked_row_that_was_made_again_has_moved() {
    let rig = Rig::new(&["east", "west"]);
    let key = |cluster: &str, uid: &str| ObjectKey {
        cluster: ClusterName::new(cluster),
        kind: pod(),
        namespace: "ns-0".into(),
        name: "pod-0".into(),
        uid: uid.into(),
    };
    let selection = Selection::Objects(vec![key("east", "ns-0/pod-0"), key("west", "an older one")]);
    let intent = Intent { selection, hidden_marks: 1, ..all_pods(delete(), Options::default()) };
    let plan = rig.plan(&intent).await;
    assert_eq!(findings(&plan), [None, Some(FindingKind::Moved)]);
    assert_eq!(plan.hidden_marks, 1);
}

#[tokio::test(start_paused = true)]
async fn rights_levels_and_objects_are_looked_at_again() {
    let mut rig = Rig::new(&["east", "west"]);
    let plan = rig.plan(&all_pods(delete(), Options::default())).await;
    rig.change("east", |sim| {
        sim.delete(&pod(), "ns-0", "pod-0");
        sim.put(&pod(), "ns-0", "pod-0", 9);
    });
    rig.change("west", |sim| {
        sim.writes.forbidden.insert(("delete".into(), "pods".into()));
    });
    rig.level("east", Access::Protected);
    let again = recheck(&rig.clusters, &plan, &BTreeMap::new()).await.expect("it can be checked");
    let kinds = findings(&again);
    let some = Some(FindingKind::Forbidden);
    assert_eq!(kinds, [Some(FindingKind::Moved), None, some, some]);
    assert_eq!(again.clusters[0].access, Access::Protected);
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_another_fleet_is_refused() {
    let rig = Rig::new(&["east"]);
    let mut plan = rig.plan(&all_pods(delete(), Options::default())).await;
    plan.clusters[0].uid = "uid-of-another".into();
    let error = recheck(&rig.clusters, &seal(plan.clone()), &BTreeMap::new()).await.expect_err("another cluster");
    assert!(error.message.contains("another cluster"), "{error}");
    assert_eq!((error.exit_code(), error.cluster.as_ref().map(ClusterName::as_str)), (1, Some("east")));
    let elsewhere = Rig::new(&["lab"]);
    let error = recheck(&elsewhere.clusters, &plan, &BTreeMap::new()).await.expect_err("no such cluster");
    assert!(error.message.contains("the inventory does not"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn labels_show_old_and_new_and_what_is_so_already_is_left() {
    let rig = Rig::new(&["east"]);
    rig.change("east", |sim| {
        sim.edit(&pod(), "ns-0", "pod-0", |object| object["metadata"]["labels"] = serde_json::json!({"team": "a"}));
    });
    let label =
        Change::Label { set: BTreeMap::from([("team".into(), "a".into())]), remove: BTreeSet::new(), overwrite: false };
    let plan = rig.plan(&all_pods(label, Options::default())).await;
    assert_eq!(findings(&plan), [Some(FindingKind::AlreadySo), None]);
    assert_eq!(plan.targets[1].fields[0].new.as_deref(), Some("a"));
}
