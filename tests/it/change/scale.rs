//! A thousand pods over ten clusters: none twice, and no more requests than needed.

use super::rig::{Rig, all_pods, delete};
use crate::sim::cluster::pod;
use quarterdeck::model::change::{OperationState, Options};

#[tokio::test(start_paused = true)]
async fn a_thousand_pods_are_deleted_once_each_with_few_requests() {
    let names: Vec<String> = (0..10).map(|n| format!("c{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rig = Rig::new(&names);
    for name in &names {
        rig.change(name, |sim| (0..98).for_each(|n| sim.put(&pod(), "ns-0", &format!("extra-{n}"), n)));
    }
    let plan = rig.plan(&all_pods(delete(), Options { wave: 10, ..Options::default() })).await;
    assert_eq!(plan.targets.len(), 1_000);
    let calls = |name: &&str| rig.look(name, |sim| (sim.calls, sim.writes.received, sim.writes.reviews));
    let before: Vec<_> = names.iter().map(calls).collect();
    assert!(before.iter().all(|(_, dry_runs, reviews)| (*dry_runs, *reviews) == (100, 1)), "{before:?}");
    let outcome = rig.run(&plan).await;
    assert_eq!(outcome.state, OperationState::Done);
    let changes = rig.changes();
    assert!(changes.len() == 1_000 && changes.values().all(|times| *times == 1));
    let after: Vec<_> = names.iter().map(calls).collect();
    for ((reads, writes, _), (reads_before, writes_before, _)) in after.iter().zip(&before) {
        assert_eq!(writes - writes_before, 100, "one delete a pod");
        assert_eq!(reads - reads_before, 200, "read before, and looked at after");
    }
}
