//! The fleet as a table: a row per cluster, made of what the snapshot knows about it.

use crate::facts::clusters as facts;
use crate::model::cell::{Cell, Column};
use crate::model::cluster::{Cluster, ClusterName};
use crate::model::kind::KindId;
use crate::model::object::Row;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::{Shard, ShardKey, ShardState, Snapshot};
use crate::views::merge::{Slot, column};
use crate::views::scope::{Scope, matches};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The kind that stands for a cluster in keys and marks.
pub fn cluster_kind() -> KindId {
    KindId::new("quarterdeck.dev", "Cluster")
}

/// A shard of rows, one per cluster. Rows that did not change keep their place in memory.
pub fn slot(snapshot: &Snapshot, before: Option<&Slot>) -> Slot {
    let progress = progress(snapshot);
    let known: BTreeMap<&Text, &Arc<Row>> =
        before.map(|slot| slot.shard.rows.iter().map(|row| (&row.name, row)).collect()).unwrap_or_default();
    let rows = snapshot.clusters.values().map(|cluster| {
        let row = row(cluster, progress.get(&cluster.entry.name), snapshot.at);
        match known.get(&row.name) {
            Some(old) if ***old == row => Arc::clone(old),
            _ => Arc::new(row),
        }
    });
    let shard = Shard {
        revision: snapshot.revision,
        state: ShardState::Live,
        only: None,
        columns: before.map_or_else(facts::columns, |slot| Arc::clone(&slot.shard.columns)),
        rows: rows.collect(),
    };
    Slot { key: shard_key(), shard: Arc::new(shard) }
}

/// Says whether a cluster's row belongs to a scope that names clusters or groups.
pub fn is_in(row: &Row, columns: &[Column], scope: &Scope) -> bool {
    let groups = column(columns, "GROUPS").and_then(|at| row.cells.get(at));
    let in_group = |name: &Text| matches!(groups, Some(Cell::Text(groups)) if groups.split(',').any(|g| g == name));
    scope.clusters.is_empty() || scope.clusters.iter().any(|p| matches(p, &row.name) || in_group(p))
}

fn shard_key() -> ShardKey {
    ShardKey { cluster: ClusterName::new(""), kind: cluster_kind(), selector: Text::default() }
}

/// The progress of lists in each cluster: received and, where all say so, expected.
fn progress(snapshot: &Snapshot) -> BTreeMap<&ClusterName, (u32, u32)> {
    let mut progress = BTreeMap::new();
    for (key, shard) in &*snapshot.shards {
        if let ShardState::Listing { received, expected } = shard.state {
            let (have, want) = progress.entry(&key.cluster).or_insert((0, 0));
            *have += received;
            *want += expected.unwrap_or(received);
        }
    }
    progress
}

fn row(cluster: &Cluster, listing: Option<&(u32, u32)>, now: UnixSeconds) -> Row {
    let entry = &cluster.entry;
    Row {
        cluster: entry.name.clone(),
        namespace: Text::default(),
        name: Text::new(entry.name.as_str()),
        uid: Text::default(),
        version: Text::default(),
        created: None,
        cells: facts::cells(cluster, listing, now),
        health: facts::health(cluster),
        labels: entry.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",").into(),
        owner: None,
    }
}
