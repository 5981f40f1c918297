//! What must hold in every snapshot, and between one and the next.

use quarterdeck::model::cluster::{ClusterState, LATENCIES_MAX};
use quarterdeck::protocol::{LOG_LINES_MAX, NOTICES_MAX, Progress, Resolution, ShardKey, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Checks one snapshot against the one seen before it.
pub(crate) fn check(before: &Snapshot, now: &Snapshot) {
    assert!(now.revision >= before.revision, "a snapshot went back");
    assert!(now.at >= before.at);
    delta(before, now);
    for (key, shard) in now.shards.iter() {
        assert!(now.clusters.contains_key(&key.cluster), "a shard of no cluster: {key:?}");
        assert!(shard.revision <= now.revision);
        let sorted = shard.rows.is_sorted_by(|a, b| (&a.namespace, &a.name) < (&b.namespace, &b.name));
        assert!(sorted, "{key:?} is not sorted, or has one object twice");
        for row in shard.rows.iter() {
            assert_eq!(row.cluster, key.cluster);
            assert_eq!(row.cells.len(), shard.columns.len(), "{key:?}: cells and columns differ");
        }
    }
    for (name, cluster) in now.clusters.iter() {
        let silent = matches!(
            cluster.state,
            ClusterState::Listed | ClusterState::Connecting | ClusterState::Live | ClusterState::Paused
        );
        assert!(silent || !cluster.state.why().is_empty(), "{name} is {:?} and does not say why", cluster.state);
        assert!(cluster.facts.latencies_ms.len() <= LATENCIES_MAX);
    }
    for resolutions in now.resolutions.values() {
        for (cluster, resolution) in resolutions.iter() {
            assert!(now.clusters.contains_key(cluster), "a resolution in no cluster: {cluster}");
            if let Resolution::Shards(keys) = resolution {
                assert!(keys.iter().all(|key| now.shards.contains_key(key)), "{keys:?} are not there");
            }
        }
    }
    bounds(now);
}

fn bounds(now: &Snapshot) {
    assert!(now.notices.len() <= NOTICES_MAX);
    assert!(now.notices.is_sorted_by(|a, b| a.number < b.number));
    assert!(now.documents.len() <= 32 && now.logs.len() <= 16 && now.operations.len() <= 256);
    assert!(now.logs.values().all(|tail| tail.lines.len() <= LOG_LINES_MAX));
    for operation in now.operations.values() {
        if let Progress::Failed(error) = &operation.progress {
            assert!(!error.message.is_empty() && error.cluster.is_some(), "{operation:?}");
        }
    }
}

/// The old snapshot with the changed shards put in is the new one.
fn delta(before: &Snapshot, now: &Snapshot) {
    let mut patched: BTreeMap<ShardKey, _> = BTreeMap::clone(&before.shards);
    patched.retain(|key, _| now.shards.contains_key(key));
    for (key, shard) in now.changed_since(before.revision) {
        patched.insert(key.clone(), Arc::clone(shard));
    }
    assert_eq!(patched.len(), now.shards.len());
    let same = patched.iter().zip(now.shards.iter()).all(|((a, x), (b, y))| a == b && Arc::ptr_eq(x, y));
    assert!(same, "a shard changed and its revision did not");
}
