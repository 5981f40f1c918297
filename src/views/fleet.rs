//! The fleet as a table: a row per cluster, made of what the snapshot knows about it.

use crate::model::cell::{Cell, Column};
use crate::model::cluster::{Claim, Cluster, ClusterName, ClusterState, Source, WITHHELD};
use crate::model::health::Health;
use crate::model::kind::KindId;
use crate::model::object::Row;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::{Shard, ShardKey, ShardState, Snapshot};
use crate::views::clock::sparkline_to;
use crate::views::merge::{Slot, column};
use crate::views::scope::{Scope, matches};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The kind that stands for a cluster in keys and marks.
pub fn cluster_kind() -> KindId {
    KindId::new("quarterdeck.dev", "Cluster")
}

fn columns() -> Arc<[Column]> {
    Arc::from([
        Column::new("STATE"),
        Column::new("FOR").right(),
        Column::new("VERSION"),
        Column::new("NODES").right(),
        Column::new("PODS").right(),
        Column::new("UNHEALTHY").right(),
        Column::new("WARNINGS").right(),
        Column::new("MS").right(),
        Column { priority: 1, ..Column::new("TREND") },
        Column::new("EXPIRY").right(),
        Column::new("GROUPS"),
        Column::new("SOURCE"),
        Column::wide("ACCESS"),
        Column::wide("REGION"),
        Column::wide("SERVER"),
        Column::new("REASON"),
    ])
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
        columns: before.map_or_else(columns, |slot| Arc::clone(&slot.shard.columns)),
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
    let (entry, facts) = (&cluster.entry, &cluster.facts);
    let count = |n: Option<u32>| n.map_or(Cell::Empty, |n| Cell::Int(i64::from(n)));
    let nodes = match (facts.nodes_ready, facts.nodes_total) {
        (Some(have), Some(want)) => Cell::Ratio { have, want },
        _ => Cell::Empty,
    };
    let source = entry.sources.first().map_or_else(Text::default, short_source);
    let access = match entry.access {
        crate::model::cluster::Access::Guarded => "guarded",
        crate::model::cluster::Access::Protected => "protected",
        crate::model::cluster::Access::ReadOnly => "read-only",
    };
    let cells = [
        Cell::text(cluster.state.word()),
        cluster.state.since().map_or(Cell::Empty, Cell::Since),
        Cell::text(&facts.version),
        nodes,
        count(facts.pods_total),
        count(facts.pods_unhealthy),
        count(facts.warnings),
        count(facts.latencies_ms.back().copied()),
        Cell::text(&trend(&facts.latencies_ms)),
        expiry(facts.expiry.as_ref().map(|(at, _)| *at), now),
        Cell::text(&entry.groups.join(",")),
        Cell::text(&source),
        Cell::text(access),
        Cell::text(&entry.region),
        Cell::text(&entry.server),
        Cell::text(&reason(cluster, listing)),
    ];
    Row {
        cluster: entry.name.clone(),
        namespace: Text::default(),
        name: Text::new(entry.name.as_str()),
        uid: Text::default(),
        version: Text::default(),
        created: None,
        cells: Box::from(cells),
        health: health(cluster),
        labels: entry.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",").into(),
        owner: None,
    }
}

fn short_source(source: &Source) -> Text {
    match source {
        Source::Kubeconfig { file, .. } => Text::new(file.rsplit('/').next().unwrap_or(file)),
        Source::InCluster => Text::const_new("in-cluster"),
        Source::Hub { hub, .. } => compact_str::format_compact!("hub {hub}"),
        Source::Mapping { .. } => Text::const_new("mapping"),
    }
}

/// Says `23d` left, or `expired`.
fn expiry(at: Option<UnixSeconds>, now: UnixSeconds) -> Cell {
    match at {
        None => Cell::Empty,
        Some(at) if at <= now => Cell::text("expired"),
        Some(at) => Cell::Span { from: now, to: Some(at) },
    }
}

/// The verdict on the cluster: what `ctrl-z` and the colours use.
fn health(cluster: &Cluster) -> Health {
    match &cluster.state {
        ClusterState::Live if cluster.facts.nodes_ready < cluster.facts.nodes_total => {
            Health::Degraded(Text::const_new("nodes not ready"))
        }
        ClusterState::Live => Health::Healthy,
        ClusterState::Connecting => Health::Progressing,
        ClusterState::Stale { why, .. } => Health::Degraded(why.clone()),
        ClusterState::AuthNeeded { hint } => Health::Failed(hint.clone()),
        ClusterState::Denied { what } => Health::Failed(what.clone()),
        ClusterState::Unreachable { why, .. } => Health::Failed(why.clone()),
        ClusterState::Listed | ClusterState::Paused => Health::Unknown,
    }
}

/// Why the state is what it is, or how far the work has got, or what is not known.
pub(super) fn reason(cluster: &Cluster, listing: Option<&(u32, u32)>) -> String {
    if let Some(defect) = &cluster.entry.defect {
        return defect.to_string();
    }
    if !cluster.state.why().is_empty() {
        return cluster.state.why().to_owned();
    }
    if let Some((have, want)) = listing {
        return if want > have { format!("listing {have} of {want}") } else { format!("listing {have}") };
    }
    let mut parts: Vec<String> = cluster.facts.missing.iter().map(ToString::to_string).collect();
    if cluster.entry.insecure {
        parts.push("certificate not verified".to_owned());
    }
    if cluster.entry.withheld {
        parts.push(WITHHELD.to_owned());
    }
    if !matches!(cluster.state, ClusterState::Live) {
        parts.extend(cluster.entry.claim.as_ref().map(claim));
    }
    parts.join(" · ")
}

/// The newest latencies as bars; the highest of all that are known would be full.
fn trend(latencies: &VecDeque<u32>) -> String {
    let values: Vec<Option<u32>> = latencies.iter().copied().map(Some).collect();
    sparkline_to(&values, latencies.iter().max().copied().unwrap_or_default())
}

fn claim(claim: &Claim) -> String {
    let ready = match claim.ready {
        Some(true) => "ready",
        Some(false) => "not ready",
        None => "unknown",
    };
    let because = if claim.reason.is_empty() { String::new() } else { format!(" ({})", claim.reason) };
    format!("hub says {ready}{because}")
}
