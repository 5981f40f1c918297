//! Clusters: the columns of the fleet, and the sentences about a cluster, for the fleet, the doctor and `qd clusters`.

use super::sparkline::sparkline_to;
use crate::model::cell::{Cell, Column};
use crate::model::cluster::{Claim, Cluster, ClusterEntry, ClusterState, Source, WITHHELD};
use crate::model::health::Health;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use std::collections::VecDeque;
use std::sync::Arc;

/// Returns the columns of the fleet; the name of the cluster stands before them.
pub fn columns() -> Arc<[Column]> {
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

/// Returns the cells of a cluster, in the order of [`columns`]. `listing` has the objects received and expected of the lists
/// under way.
pub fn cells(cluster: &Cluster, listing: Option<&(u32, u32)>, now: UnixSeconds) -> Box<[Cell]> {
    let (entry, facts) = (&cluster.entry, &cluster.facts);
    let count = |n: Option<u32>| n.map_or(Cell::Empty, |n| Cell::Int(i64::from(n)));
    let nodes = match (facts.nodes_ready, facts.nodes_total) {
        (Some(have), Some(want)) => Cell::Ratio { have, want },
        _ => Cell::Empty,
    };
    let source = entry.sources.first().map_or_else(Text::default, found_in);
    Box::from([
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
        Cell::text(entry.access.word()),
        Cell::text(&entry.region),
        Cell::text(&entry.server),
        Cell::text(&reason(cluster, listing)),
    ])
}

/// Returns where a cluster was found, in a word or two: the name of the file, or the hub.
pub fn found_in(source: &Source) -> Text {
    match source {
        Source::Kubeconfig { file, .. } | Source::Mapping { file, .. } => {
            Text::new(file.rsplit('/').next().unwrap_or(file))
        }
        Source::InCluster => Text::const_new("in-cluster"),
        Source::Hub { hub, .. } => compact_str::format_compact!("hub {hub}"),
    }
}

/// Returns why a cluster cannot be used as configured, before it is contacted; `None` if nothing is known against it.
pub fn defect(entry: &ClusterEntry) -> Option<&str> {
    entry.defect.as_deref().or(entry.withheld.then_some(WITHHELD))
}

/// Returns the time left, or `expired`.
fn expiry(at: Option<UnixSeconds>, now: UnixSeconds) -> Cell {
    match at {
        None => Cell::Empty,
        Some(at) if at <= now => Cell::text("expired"),
        Some(at) => Cell::Span { from: now, to: Some(at) },
    }
}

/// Returns the health of a cluster, for colours and the filter of faults.
pub fn health(cluster: &Cluster) -> Health {
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

/// Returns the reason of the state, or the progress of the lists, or what is not known of the cluster.
pub fn reason(cluster: &Cluster, listing: Option<&(u32, u32)>) -> String {
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
