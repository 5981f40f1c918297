//! What one user would see, told one at a time.

use super::cluster::{WIDGETS, Way, crd, pod};
use super::world::{World, subscribe, until, until_within};
use quarterdeck::model::cluster::{ClusterName, ClusterState};
use quarterdeck::model::kind::KindId;
use quarterdeck::protocol::{ClusterRequest, Request, Resolution, ShardKey, ShardState, Snapshot, ViewId};
use std::time::Duration;

pub(crate) fn shard(cluster: &str, kind: &KindId) -> ShardKey {
    ShardKey {
        cluster: ClusterName::new(cluster),
        kind: kind.clone(),
        selector: quarterdeck::model::text::Text::default(),
    }
}

pub(crate) fn state<'a>(snapshot: &'a Snapshot, cluster: &str) -> &'a ClusterState {
    &snapshot.clusters.get(&ClusterName::new(cluster)).expect("the cluster is in the snapshot").state
}

fn is_live(snapshot: &Snapshot, cluster: &str) -> bool {
    snapshot.clusters.get(&ClusterName::new(cluster)).is_some_and(|c| c.state == ClusterState::Live)
}

fn rows(snapshot: &Snapshot, cluster: &str, kind: &KindId) -> usize {
    snapshot.shards.get(&shard(cluster, kind)).map_or(0, |shard| shard.rows.len())
}

#[tokio::test(start_paused = true)]
async fn a_fleet_comes_up_with_its_counts() {
    let world = World::new(&["a", "b"]);
    let mut engine = world.start(1);
    let counted = |s: &Snapshot, name: &str| {
        s.clusters.get(&ClusterName::new(name)).is_some_and(|c| {
            c.facts.pods_total == Some(3) && c.facts.nodes_ready == Some(1) && c.facts.warnings == Some(0)
        })
    };
    let snapshot = until_within(&mut engine, Duration::from_secs(2), "both live", |s| {
        is_live(s, "a") && is_live(s, "b") && counted(s, "a") && counted(s, "b")
    })
    .await;
    assert_eq!(rows(&snapshot, "a", &pod()), 3);
    assert_eq!(snapshot.clusters[&ClusterName::new("a")].facts.version, "v1.35.0");
    assert!(engine.shutdown(Duration::from_secs(1)).await);
    assert_eq!(world.cluster("a").look(|sim| sim.watches), 0, "watches end with the engine");
}

#[tokio::test(start_paused = true)]
async fn a_refused_cluster_keeps_its_rows_and_comes_back() {
    let world = World::new(&["a"]);
    let mut engine = world.start(2);
    until(&mut engine, "live", |s| rows(s, "a", &pod()) == 3).await;
    world.change("a", |sim| sim.way = Way::Refused);
    let stale = until_within(&mut engine, Duration::from_secs(40), "stale", |s| {
        matches!(state(s, "a"), ClusterState::Stale { .. })
    })
    .await;
    assert_eq!(state(&stale, "a").why(), "connection refused");
    assert_eq!(rows(&stale, "a", &pod()), 3);
    assert!(matches!(stale.shards[&shard("a", &pod())].state, ShardState::Stale { .. }));
    world.change("a", |sim| {
        sim.put(&pod(), "ns-0", "new", 1);
        sim.way = Way::Open;
    });
    until_within(&mut engine, Duration::from_secs(60), "live again", |s| {
        is_live(s, "a") && rows(s, "a", &pod()) == 4 && s.shards[&shard("a", &pod())].state == ShardState::Live
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_cluster_is_noticed_by_its_probe() {
    let world = World::new(&["a"]);
    let mut engine = world.start(3);
    until(&mut engine, "live", |s| rows(s, "a", &pod()) == 3).await;
    world.change("a", |sim| sim.way = Way::Silent);
    until_within(&mut engine, Duration::from_secs(55), "stale", |s| {
        matches!(state(s, "a"), ClusterState::Stale { .. })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_never_answered_says_why_and_holds_nobody_up() {
    let world = World::new(&["a", "dead"]);
    world.change("dead", |sim| sim.way = Way::Silent);
    let mut engine = world.start(4);
    until_within(&mut engine, Duration::from_secs(1), "a live", |s| is_live(s, "a")).await;
    let snapshot = until_within(&mut engine, Duration::from_secs(10), "dead", |s| {
        matches!(state(s, "dead"), ClusterState::Unreachable { .. })
    })
    .await;
    assert!(state(&snapshot, "dead").why().contains("5s"));
    assert!(snapshot.clusters[&ClusterName::new("dead")].costs.retry_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_expired_credential_waits_for_the_user() {
    let world = World::new(&["a"]);
    world.change("a", |sim| sim.unauthorized = true);
    let mut engine = world.start(5);
    let snapshot = until(&mut engine, "auth needed", |s| {
        s.clusters.values().any(|c| matches!(c.state, ClusterState::AuthNeeded { .. }))
    })
    .await;
    assert_eq!(state(&snapshot, "a").why(), "log in again");
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(world.cluster("a").look(|sim| sim.connects), 1, "a plugin must not run again and again");
    world.change("a", |sim| sim.unauthorized = false);
    engine.requests.try_send(Request::Cluster(ClusterRequest::Retry(vec![ClusterName::new("a")]))).expect("room");
    until_within(&mut engine, Duration::from_secs(2), "live", |s| is_live(s, "a")).await;
}

#[tokio::test(start_paused = true)]
async fn a_revoked_credential_is_seen_on_a_watch() {
    let world = World::new(&["a"]);
    let mut engine = world.start(6);
    until(&mut engine, "live", |s| rows(s, "a", &pod()) == 3).await;
    world.change("a", |sim| sim.unauthorized = true);
    let snapshot = until_within(&mut engine, Duration::from_secs(1), "auth needed", |s| {
        matches!(state(s, "a"), ClusterState::AuthNeeded { .. })
    })
    .await;
    assert_eq!(rows(&snapshot, "a", &pod()), 3, "the rows stay");
}

#[tokio::test(start_paused = true)]
async fn a_denied_wide_list_falls_back_to_the_namespaces() {
    let world = World::new(&["a"]);
    world.change("a", |sim| {
        sim.denied_wide.insert(pod());
    });
    let mut engine = world.start(7);
    let snapshot = until(&mut engine, "one namespace", |s| {
        s.shards.get(&shard("a", &pod())).is_some_and(|shard| shard.state == ShardState::Live)
    })
    .await;
    let pods = &snapshot.shards[&shard("a", &pod())];
    assert_eq!(pods.only.as_deref().map(<[_]>::len), Some(1));
    assert_eq!(pods.rows.len(), 2, "ns-0 holds two of the three");
    assert!(is_live(&snapshot, "a"));
    let missing = &snapshot.clusters[&ClusterName::new("a")].facts.missing;
    assert_eq!(missing.as_slice(), ["pods: listing all namespaces is denied; showing ns-0"]);
    // A namespace that the user types is listed as well.
    let mut request = subscribe(1, &["pods"], &["a"]);
    if let Request::Cluster(ClusterRequest::Subscribe { interests, .. }) = &mut request {
        interests[0].namespaces = ["ns-1".into()].into();
    }
    engine.requests.try_send(request).expect("room");
    until(&mut engine, "both namespaces", |s| rows(s, "a", &pod()) == 3).await;
    // Allowed by now, and asked for again.
    world.change("a", |sim| {
        sim.heal();
        sim.put(&pod(), "ns-9", "elsewhere", 1);
    });
    engine.requests.try_send(Request::Cluster(ClusterRequest::Retry(vec![ClusterName::new("a")]))).expect("room");
    let snapshot = until(&mut engine, "all namespaces", |s| rows(s, "a", &pod()) == 4).await;
    assert_eq!(snapshot.shards[&shard("a", &pod())].only, None);
}

/// K5: what may be listed and not watched is as old as its last list, and says so; the rows of a list that is denied
/// later are old.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_watched_is_listed_again() {
    let world = World::new(&["a"]);
    let is = |sim: &mut crate::sim::cluster::Sim, list: bool, watch: bool| {
        sim.heal();
        sim.unwatched.extend((!watch).then(pod));
        sim.denied.extend((!list).then(pod));
    };
    world.change("a", |sim| is(sim, true, false));
    let mut engine = world.start(8);
    let of = |s: &Snapshot| s.shards.get(&shard("a", &pod())).map(|shard| (shard.rows.len(), shard.state.clone()));
    let unwatched = || ShardState::Unwatched { why: "cannot watch pods".into() };
    let snapshot = until(&mut engine, "the list", |s| of(s) == Some((3, unwatched()))).await;
    let missing = &snapshot.clusters[&ClusterName::new("a")].facts.missing;
    assert_eq!(missing.as_slice(), ["pods: watching is denied; listed every 30s"]);

    world.change("a", |sim| sim.put(&pod(), "ns-0", "new", 1));
    until_within(&mut engine, Duration::from_secs(31), "the new pod", |s| of(s) == Some((4, unwatched()))).await;

    world.change("a", |sim| is(sim, false, false));
    // One namespace is what is asked for where all at once are denied.
    let old = |s: &Snapshot| matches!(of(s), Some((3, ShardState::Stale { .. })));
    until_within(&mut engine, Duration::from_secs(31), "old rows", old).await;

    world.change("a", |sim| is(sim, true, false));
    engine.requests.try_send(Request::Cluster(ClusterRequest::Retry(vec![ClusterName::new("a")]))).expect("room");
    until(&mut engine, "the list again", |s| of(s) == Some((4, unwatched()))).await;

    world.change("a", |sim| is(sim, true, true));
    until_within(&mut engine, Duration::from_secs(31), "a watch", |s| of(s) == Some((4, ShardState::Live))).await;
    world.change("a", |sim| sim.put(&pod(), "ns-0", "newer", 1));
    until_within(&mut engine, Duration::from_secs(1), "a change", |s| of(s) == Some((5, ShardState::Live))).await;
}

#[tokio::test(start_paused = true)]
async fn a_denied_kind_leaves_the_rest_alone() {
    let world = World::new(&["a"]);
    let node = KindId::new("", "Node");
    world.change("a", |sim| {
        sim.denied.insert(node.clone());
    });
    let mut engine = world.start(8);
    let snapshot = until(&mut engine, "pods", |s| {
        let denied = s.shards.get(&shard("a", &node)).map(|s| &s.state);
        rows(s, "a", &pod()) == 3 && matches!(denied, Some(ShardState::Denied { .. }))
    })
    .await;
    assert!(is_live(&snapshot, "a"));
    assert_eq!(snapshot.clusters[&ClusterName::new("a")].facts.nodes_total, None, "never a false zero");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_lets_us_do_nothing_is_denied() {
    let world = World::new(&["a"]);
    world.change("a", |sim| {
        for (group, kind) in
            [("", "Pod"), ("", "Node"), ("", "Event"), ("apiextensions.k8s.io", "CustomResourceDefinition")]
        {
            sim.denied.insert(KindId::new(group, kind));
        }
    });
    let mut engine = world.start(9);
    until(&mut engine, "denied", |s| s.clusters.values().any(|c| matches!(c.state, ClusterState::Denied { .. }))).await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_watch_lists_again_without_a_blank_screen() {
    let world = World::new(&["a"]);
    let mut engine = world.start(10);
    until(&mut engine, "live", |s| rows(s, "a", &pod()) == 3).await;
    let mut watched = engine.snapshots.clone();
    let never_blank = tokio::spawn(async move {
        while watched.changed().await.is_ok() {
            let snapshot = watched.borrow_and_update().clone();
            let pods = &snapshot.shards[&shard("a", &pod())];
            assert!(pods.rows.len() >= 3 && pods.state == ShardState::Live, "{:?}", pods.state);
        }
    });
    world.change("a", |sim| {
        sim.put(&pod(), "ns-0", "late", 1);
        sim.compact();
    });
    let snapshot = until(&mut engine, "the new pod", |s| rows(s, "a", &pod()) == 4).await;
    assert!(snapshot.clusters.values().all(|c| c.costs.errors > 0));
    drop(engine);
    never_blank.await.expect("no blank snapshot");
}

#[tokio::test(start_paused = true)]
async fn a_new_custom_kind_is_resolvable_within_seconds() {
    let world = World::new(&["a"]);
    let mut engine = world.start(11);
    engine.requests.try_send(subscribe(1, &["widgets"], &["a"])).expect("room");
    let resolution = |s: &Snapshot| s.resolutions.get(&ViewId(1)).and_then(|r| r.get(&ClusterName::new("a"))).cloned();
    until(&mut engine, "not served", |s| resolution(s) == Some(Resolution::NotServed)).await;
    world.change("a", |sim| {
        sim.put(&crd(), "", WIDGETS, 1);
        sim.put(&KindId::new("sim.dev", "Widget"), "ns-0", "w", 1);
    });
    until_within(&mut engine, Duration::from_secs(4), "served", |s| {
        rows(s, "a", &KindId::new("sim.dev", "Widget")) == 1
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_left_view_stays_warm_and_then_ends() {
    let world = World::new(&["a"]);
    let mut engine = world.start(12);
    let deployment = KindId::new("apps", "Deployment");
    engine.requests.try_send(subscribe(1, &["deployments"], &["a"])).expect("room");
    until(&mut engine, "deployments", |s| {
        s.shards.get(&shard("a", &deployment)).is_some_and(|s| s.state == ShardState::Live)
    })
    .await;
    let watches = world.cluster("a").look(|sim| sim.watches);
    engine.requests.try_send(subscribe(1, &[], &["a"])).expect("room");
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert!(engine.snapshots.borrow().shards.contains_key(&shard("a", &deployment)));
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(!engine.snapshots.borrow().shards.contains_key(&shard("a", &deployment)));
    assert_eq!(world.cluster("a").look(|sim| sim.watches), watches - 1);
}

#[tokio::test(start_paused = true)]
async fn a_changed_inventory_adds_and_removes_and_keeps_the_rest() {
    let world = World::new(&["a", "b", "c"]);
    world.list(&["a", "b"]);
    let mut engine = world.start(13);
    until(&mut engine, "live", |s| is_live(s, "a") && is_live(s, "b")).await;
    world.list(&["a", "c"]);
    let snapshot = until(&mut engine, "c live", |s| is_live(s, "c")).await;
    assert!(!snapshot.clusters.contains_key(&ClusterName::new("b")));
    assert!(snapshot.shards.keys().all(|key| key.cluster != ClusterName::new("b")));
    assert_eq!(world.cluster("a").look(|sim| sim.connects), 1, "what did not change is not connected again");
    assert_eq!(world.cluster("b").look(|sim| sim.watches), 0);
    let mut entry = super::world::entry("a");
    entry.endpoint = 1;
    world.list_entries(vec![entry, super::world::entry("c")]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.cluster("a").look(|sim| sim.connects), 2, "a changed endpoint is connected anew");
    assert_eq!(rows(&engine.snapshots.borrow(), "a", &pod()), 3);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_one_cluster_marks_that_cluster_only() {
    let world = World::new(&["a", "b"]);
    let mut engine = world.start(14);
    until(&mut engine, "live", |s| is_live(s, "a") && is_live(s, "b")).await;
    world.change("a", |sim| sim.panics = true);
    let snapshot = until(&mut engine, "marked", |s| !is_live(s, "a")).await;
    assert!(state(&snapshot, "a").why().contains("panic"));
    assert!(is_live(&snapshot, "b"));
    world.change("a", |sim| {
        sim.heal();
        sim.put(&pod(), "ns-0", "after", 1);
    });
    until(&mut engine, "live again", |s| is_live(s, "a") && rows(s, "a", &pod()) == 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_watch_goes_on_where_it_was() {
    let world = World::new(&["a"]);
    let mut engine = world.start(15);
    until(&mut engine, "live", |s| rows(s, "a", &pod()) == 3).await;
    world.change("a", |sim| {
        sim.cut();
        sim.delete(&pod(), "ns-1", "pod-1");
    });
    let snapshot = until_within(&mut engine, Duration::from_secs(5), "one less", |s| rows(s, "a", &pod()) == 2).await;
    assert!(is_live(&snapshot, "a"));
    assert_eq!(snapshot.clusters[&ClusterName::new("a")].costs.relists, 0);
}
