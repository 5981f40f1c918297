//! Objects of one kind over a scope: which shards show them, what is missing and why.

use super::merge::Slot;
use super::scope::Scope;
use crate::model::cluster::{Cluster, ClusterName, ClusterState};
use crate::model::text::Text;
use crate::model::time::{UnixSeconds, human};
use crate::protocol::{Resolution, ShardKey, ShardState, Snapshot, ViewId};
use std::sync::Arc;

/// How much a missing cluster should worry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// Nothing is wrong: the kind is not served.
    Quiet,
    /// Nobody asked to connect it, or somebody disconnected it.
    NotConnected,
    /// On its way.
    Progress,
    /// Rows are shown, but old or not all.
    Partial,
    /// Nothing can be shown.
    Trouble,
}

/// A cluster of the scope that does not show all it should.
#[derive(Debug, Clone, PartialEq)]
pub struct Missing {
    /// The cluster.
    pub cluster: ClusterName,
    /// The kind of gap it leaves.
    pub gap: Gap,
    /// `unreachable 6m (connection refused)`.
    pub why: String,
    /// The next step for the user; empty where time does it.
    pub next: String,
    /// Since when its cluster is not as it should be, where `why` says how long.
    pub since: Option<UnixSeconds>,
}

/// The shards of a view, and what is missing from it.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// The shards of the clusters that answered.
    pub slots: Vec<Slot>,
    /// Clusters in the scope.
    pub wanted: usize,
    /// Clusters that show all they have.
    pub complete: usize,
    /// The clusters that are missing or incomplete, the worst last.
    pub missing: Vec<Missing>,
}

/// The kind, the scope and the selector of a view.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The clusters and namespaces looked at.
    pub scope: &'a Scope,
    /// The kind or category as typed.
    pub resource: &'a str,
    /// The label selector of its filter.
    pub selector: &'a str,
}

impl Asked<'_> {
    /// Says whether the shard is of what is asked for: until the engine has taken in a new question, a snapshot still
    /// answers the one before.
    fn is_about(&self, key: &ShardKey, cluster: &Cluster) -> bool {
        let catalog = &cluster.catalog;
        let is_kind = match catalog.find(self.resource) {
            Some(kind) => kind.id == key.kind,
            None => catalog.kinds.is_empty() || catalog.category(self.resource).any(|kind| kind.id == key.kind),
        };
        is_kind && (key.selector.is_empty() || key.selector == self.selector)
    }
}

/// Collects a view's shards over the scope.
pub fn coverage(snapshot: &Snapshot, view: ViewId, asked: &Asked<'_>, now: UnixSeconds) -> Coverage {
    let mut coverage = Coverage::default();
    let resolutions = snapshot.resolutions.get(&view);
    for cluster in snapshot.clusters.values().filter(|c| asked.scope.has_cluster(c)) {
        coverage.wanted += 1;
        let resolution = resolutions.and_then(|r| r.get(&cluster.entry.name));
        let resolution = resolution.filter(|resolution| match resolution {
            Resolution::Shards(keys) => keys.iter().all(|key| asked.is_about(key, cluster)),
            Resolution::Pending | Resolution::NotServed | Resolution::Failed(_) => true,
        });
        let first = coverage.slots.len();
        let missing = shards_of(snapshot, resolution, &mut coverage.slots, now);
        let kept = kept_since(coverage.slots.get(first..).unwrap_or_default());
        let since = if cluster.state.is_wanted() { cluster.state.since() } else { kept };
        match worst(cluster, missing, kept, now) {
            None => coverage.complete += 1,
            Some((gap, why, next)) => {
                // That a kind is not served is all there is to know.
                coverage.complete += usize::from(why == NOT_SERVED);
                coverage.missing.push(Missing { cluster: cluster.entry.name.clone(), gap, why, next, since });
            }
        }
    }
    in_order(&mut coverage.missing);
    coverage.slots.sort_by(|a, b| a.key.cmp(&b.key));
    coverage
}

/// Clusters of a scope that are not live, or live and not complete, each with all of its reason.
pub fn incomplete(snapshot: &Snapshot, scope: &Scope, now: UnixSeconds) -> Vec<Missing> {
    let one = |cluster: &Arc<Cluster>| {
        let lacks = &cluster.facts.missing;
        let partial = (!lacks.is_empty()).then(|| reason(Gap::Partial, lacks.join("; "), ""));
        let (gap, why, next) = worst(cluster, partial, None, now)?;
        Some(Missing { cluster: cluster.entry.name.clone(), gap, why, next, since: cluster.state.since() })
    };
    let mut missing: Vec<Missing> =
        snapshot.clusters.values().filter(|c| scope.has_cluster(c)).filter_map(one).collect();
    in_order(&mut missing);
    missing
}

/// The gravest first; of those, what a command mends before what only time does.
fn in_order(missing: &mut [Missing]) {
    missing.sort_by_cached_key(|m| (std::cmp::Reverse(m.gap), !m.next.contains('`'), m.cluster.clone()));
}

/// Said of a cluster whose discovery does not have the kind.
pub const NOT_SERVED: &str = "not served here";

type Reason = (Gap, String, String);

fn reason(gap: Gap, why: impl Into<String>, next: impl Into<String>) -> Reason {
    (gap, why.into(), next.into())
}

/// Adds the shards of one cluster; says what is not complete about them.
fn shards_of(
    snapshot: &Snapshot,
    resolution: Option<&Resolution>,
    slots: &mut Vec<Slot>,
    now: UnixSeconds,
) -> Option<Reason> {
    let keys = match resolution {
        None | Some(Resolution::Pending) => return Some(reason(Gap::Progress, "asking what it serves", "")),
        Some(Resolution::NotServed) => return Some(reason(Gap::Quiet, NOT_SERVED, "")),
        Some(Resolution::Failed(why)) => return Some(reason(Gap::Trouble, why.to_string(), "ctrl-r asks again")),
        Some(Resolution::Shards(keys)) => keys,
    };
    let mut worst: Option<Reason> = None;
    for key in keys.iter() {
        let Some(shard) = snapshot.shards.get(key) else {
            worst = worst.max(Some(reason(Gap::Progress, "waiting for its turn", "")));
            continue;
        };
        slots.push(Slot { key: key.clone(), shard: Arc::clone(shard) });
        worst = worst.max(shard_gap(&shard.state, shard.only.as_deref(), now));
    }
    worst
}

fn shard_gap(state: &ShardState, only: Option<&[Text]>, now: UnixSeconds) -> Option<Reason> {
    match state {
        ShardState::Waiting => Some(reason(Gap::Progress, "waiting for the first list", "")),
        ShardState::Listing { received, expected: Some(of) } => {
            Some(reason(Gap::Progress, format!("listing {received} of {of}"), ""))
        }
        ShardState::Listing { received, expected: None } => {
            Some(reason(Gap::Progress, format!("listing, {received} so far"), ""))
        }
        ShardState::Live => only.map(|names| {
            let why = format!("only {}: listing all namespaces is denied", names.join(", "));
            reason(Gap::Partial, why, "ask for `list` on all namespaces")
        }),
        ShardState::Unwatched { why } => {
            let only = only.map(|names| format!("only {}, ", names.join(", "))).unwrap_or_default();
            let why = format!("{only}listed every 30s: watch is denied ({why})");
            Some(reason(Gap::Partial, why, "ask for `watch`"))
        }
        ShardState::Stale { since, why } => {
            let age = human(now.since(*since));
            Some(reason(Gap::Partial, format!("rows are {age} old ({why})"), "ctrl-r retries now"))
        }
        ShardState::Denied { what } => Some(reason(Gap::Trouble, format!("denied: {what}"), "ask for `list`")),
        ShardState::NotServed => Some(reason(Gap::Quiet, NOT_SERVED, "")),
        ShardState::Failed { why } => Some(reason(Gap::Trouble, format!("failed: {why}"), "ctrl-r retries now")),
    }
}

/// Since when rows that are shown are old, where some are.
fn kept_since(slots: &[Slot]) -> Option<UnixSeconds> {
    let since = |slot: &Slot| {
        let ShardState::Stale { since, .. } = slot.shard.state else { return None };
        (!slot.shard.rows.is_empty()).then_some(since)
    };
    slots.iter().filter_map(since).min()
}

/// The cluster's own trouble outweighs what its shards say.
fn worst(cluster: &Cluster, shards: Option<Reason>, kept: Option<UnixSeconds>, now: UnixSeconds) -> Option<Reason> {
    if let Some(defect) = &cluster.entry.defect {
        let gap = if cluster.state.is_wanted() { Gap::Trouble } else { Gap::NotConnected };
        return Some(reason(gap, defect.to_string(), ""));
    }
    let connect = || format!(":connect {}", cluster.entry.name);
    match &cluster.state {
        ClusterState::Live => shards,
        ClusterState::Listed => Some(reason(Gap::NotConnected, "not connected", connect())),
        ClusterState::Paused => {
            let rows = kept.map(|since| format!("; its rows are {} old", human(now.since(since)))).unwrap_or_default();
            Some(reason(Gap::NotConnected, format!("disconnected{rows}"), connect()))
        }
        ClusterState::Connecting => Some(reason(Gap::Progress, "connecting", "")),
        ClusterState::AuthNeeded { hint } => Some(reason(Gap::Trouble, format!("auth needed ({hint})"), hint.as_str())),
        ClusterState::Denied { what } => Some(reason(Gap::Trouble, format!("denied ({what})"), "")),
        ClusterState::Stale { since, why } => {
            let why = format!("stale {} ({why})", human(now.since(*since)));
            Some(reason(Gap::Partial, why, "ctrl-r retries now"))
        }
        ClusterState::Unreachable { since, why } => {
            let why = format!("unreachable {} ({why})", human(now.since(*since)));
            Some(reason(Gap::Trouble, why, "ctrl-r retries now"))
        }
    }
}
