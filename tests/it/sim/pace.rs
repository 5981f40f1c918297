//! How often the engine speaks, on a paused clock.

use super::cluster::pod;
use super::scenarios::shard;
use super::world::{World, subscribe, until};
use quarterdeck::protocol::{REQUESTS_MAX, ShardState};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;

#[tokio::test(start_paused = true)]
async fn ten_thousand_changes_in_a_second_make_some_thirty_snapshots() {
    let world = World::new(&["a"]);
    let mut engine = world.start(1);
    let before = until(&mut engine, "live", |s| {
        s.shards.get(&shard("a", &pod())).is_some_and(|shard| shard.state == ShardState::Live)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = engine.snapshots.borrow().revision.max(before.revision);
    for tenth_of_a_ms in 0..10_000_u64 {
        world.change("a", |sim| sim.put(&pod(), "ns-0", "busy", tenth_of_a_ms));
        if tenth_of_a_ms % 10 == 9 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(40)).await;
    let published = engine.snapshots.borrow().revision.0 - before.0;
    assert!((25..=33).contains(&published), "{published} snapshots");
    let snapshot = engine.snapshots.borrow().clone();
    let rows = &snapshot.shards[&shard("a", &pod())].rows;
    assert!(rows.iter().any(|row| row.version == "9999"), "the last change is shown");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_shows_nothing_publishes_nothing() {
    let world = World::new(&["a"]);
    let engine = world.start(2);
    tokio::time::sleep(Duration::from_secs(12)).await;
    let before = engine.snapshots.borrow().clone();
    for _ in 0..100 {
        world.change("a", |sim| sim.put(&pod(), "ns-0", "pod-0", 0));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let now = engine.snapshots.borrow().clone();
    assert_eq!(now.changed_since(before.revision).count(), 0);
    assert!(now.revision.0 - before.revision.0 <= 1, "at most a probe's latency");
}

#[tokio::test(start_paused = true)]
async fn an_idle_fleet_is_only_probed() {
    let world = World::new(&["a"]);
    let engine = world.start(3);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let before = world.cluster("a").look(|sim| sim.calls);
    tokio::time::sleep(Duration::from_secs(300)).await;
    let calls = world.cluster("a").look(|sim| sim.calls) - before;
    assert!((7..=20).contains(&calls), "{calls} calls in five minutes");
    drop(engine);
}

#[tokio::test(start_paused = true)]
async fn a_screen_is_never_kept_waiting() {
    let world = World::new(&["a"]);
    let engine = world.start(4);
    // The loop had no chance to run yet: the queue fills, and says so at once.
    let mut sent = 0;
    loop {
        match engine.requests.try_send(subscribe(1, &["pods"], &["a"])) {
            Ok(()) => sent += 1,
            Err(TrySendError::Full(_)) => break,
            Err(TrySendError::Closed(_)) => panic!("the engine ended"),
        }
    }
    assert_eq!(sent, REQUESTS_MAX);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(engine.requests.try_send(subscribe(1, &["pods"], &["a"])).is_ok());
}
