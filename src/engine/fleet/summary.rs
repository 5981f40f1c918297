//! Counts of a cluster for the fleet view, from the rows of its always-on watches.

use crate::engine::fleet::baseline_watches;
use crate::engine::fleet::member::Member;
use crate::engine::fleet::shard::ShardWatch;
use crate::model::cell::{Cell, Column};
use crate::model::object::Row;
use crate::model::text::Text;
use crate::model::time::{Moment, UnixSeconds};
use compact_str::format_compact;
use std::time::Duration;

/// Age in seconds up to which warning events count: an operator on call looks for the last ten minutes.
const WARNINGS_S: i64 = 600;

/// Updates the counts.
pub(super) fn count(member: &mut Member, now: Moment) {
    if let Some(pods) = listed(member, &baseline_watches::pods()) {
        let (total, faults) = (small(pods.rows.len()), small(pods.rows.faults()));
        member.facts.pods_total = Some(total);
        member.facts.pods_unhealthy = Some(faults);
    }
    if let Some(nodes) = member.watched.get_mut(&baseline_watches::nodes()).filter(|nodes| nodes.is_listed()) {
        let status = position(&nodes.columns, "STATUS");
        let rows = nodes.rows.rows();
        member.facts.nodes_total = Some(small(rows.len()));
        member.facts.nodes_ready = Some(small(rows.iter().filter(|row| is_ready(row, status)).count()));
    }
    if let Some(warnings) = member.watched.get_mut(&baseline_watches::warnings()).filter(|events| events.is_listed()) {
        let seen = position(&warnings.columns, "LAST SEEN");
        let rows = warnings.rows.rows();
        let seen = rows.iter().filter_map(|row| last_seen(row, seen));
        let left = seen.map(|at| WARNINGS_S - now.wall.since(at)).filter(|left| *left > 0);
        let (count, first) = left.fold((0, i64::MAX), |(count, first), left| (count + 1, first.min(left)));
        member.facts.warnings = Some(count);
        let ends = u64::try_from(first).ok().filter(|_| count > 0).map(Duration::from_secs);
        member.warnings_due = ends.map(|ends| now.elapsed.saturating_add(ends));
    }
    member.facts.missing = missing(member);
    member.costs.watches = small(member.watched.values().map(|watched| watched.ids().count()).sum());
    member.costs.rows = member.watched.values().map(|watched| watched.rows.len() as u64).sum();
}

fn listed<'a>(member: &'a Member, key: &super::shard::WatchKey) -> Option<&'a ShardWatch> {
    member.watched.get(key).filter(|watched| watched.is_listed())
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn position(columns: &[Column], name: &str) -> Option<usize> {
    columns.iter().position(|column| column.name == name)
}

/// Returns true if a node's STATUS (`Ready`, `NotReady`, `Ready,SchedulingDisabled`) is ready.
fn is_ready(row: &Row, status: Option<usize>) -> bool {
    match status.and_then(|at| row.cells.get(at)) {
        Some(Cell::Text(text)) => text.split(',').any(|word| word == "Ready"),
        _ => !row.health.is_fault(),
    }
}

fn last_seen(row: &Row, column: Option<usize>) -> Option<UnixSeconds> {
    match column.and_then(|at| row.cells.get(at)) {
        Some(Cell::Since(at)) => Some(*at),
        _ => row.created,
    }
}

/// Returns the kinds that could not be read, each with what is shown instead.
fn missing(member: &Member) -> Vec<Text> {
    let shards = member.watched.values().filter_map(|watched| {
        let resource = watched.kind.resource();
        match (watched.denied(), watched.only()) {
            (Some(what), _) => Some(format_compact!("{resource}: {what}")),
            (None, Some(only)) => {
                let shown = only.join(", ");
                Some(format_compact!("{resource}: listing all namespaces is denied; showing {shown}"))
            }
            (None, None) if watched.unwatched().is_some() => {
                Some(format_compact!("{resource}: watching is denied; listed every 30s"))
            }
            (None, None) => None,
        }
    });
    let groups = member.catalog.iter().flat_map(|catalog| catalog.failed_groups.iter());
    shards.chain(groups.map(|(group, why)| format_compact!("{group}: {why}"))).collect()
}
