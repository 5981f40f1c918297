//! Plans, results and the journal of changes, as tables and as documents.

use crate::model::API_VERSION;
use crate::model::change::journal::{Actor, JournalEntry, JournalEvent, OperationRecord};
use crate::model::change::{Cascade, Change, FieldChange, OperationState, Plan, PlanCluster, Target, TargetState};
use crate::model::cluster::ClusterName;
use crate::model::text::{Text, width};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Clusters that one line lists.
const NAMED_MAX: usize = 5;

/// Returns a change in words: `scale to 3`.
pub fn words(change: &Change) -> String {
    let verb = change.verb();
    match change {
        Change::Scale { replicas } => format!("{verb} to {replicas}"),
        Change::Label { set, remove, .. } => {
            let set = set.iter().map(|(key, value)| format!("{key}={value}"));
            let labels: Vec<String> = set.chain(remove.iter().map(|key| format!("{key}-"))).collect();
            format!("{verb} {}", labels.join(" "))
        }
        Change::Delete { cascade, grace_period_s } => {
            let cascade = match cascade {
                Cascade::Background => String::new(),
                Cascade::Foreground => ", with all it owns first".to_owned(),
                Cascade::Orphan => ", and leave what it owns".to_owned(),
            };
            let grace = grace_period_s.map(|s| format!(", grace period {s}s")).unwrap_or_default();
            format!("{verb}{cascade}{grace}")
        }
        Change::RolloutRestart { .. } | Change::Cordon {} | Change::Uncordon {} => verb.to_string(),
    }
}

/// Returns a plan as text for the user's consent: by cluster, with old and new values.
pub fn plan(plan: &Plan, waves: &[Vec<ClusterName>]) -> String {
    let changed = plan.changed().count();
    let mut clusters: Vec<&ClusterName> = plan.changed().map(|target| &target.key.cluster).collect();
    clusters.dedup();
    let mut lines = vec![format!(
        "Plan {}: {}, {} in {}",
        plan.id,
        words(&plan.change),
        counted(changed, "object"),
        counted(clusters.len(), "cluster")
    )];
    let mut by_cluster: BTreeMap<&ClusterName, Vec<&Target>> = BTreeMap::new();
    for target in &plan.targets {
        by_cluster.entry(&target.key.cluster).or_default().push(target);
    }
    for cluster in &plan.clusters {
        let targets = by_cluster.remove(&cluster.name).unwrap_or_default();
        if targets.is_empty() && cluster.problem.is_none() {
            continue;
        }
        lines.push(String::new());
        lines.push(heading(cluster, targets.len()));
        lines.extend(targets.iter().map(|target| target_line(target)));
    }
    lines.push(String::new());
    lines.extend(summary(plan, waves));
    lines.join("\n") + "\n"
}

fn heading(cluster: &PlanCluster, targets: usize) -> String {
    match &cluster.problem {
        Some(problem) => format!("{} ({}): not read: {problem}", cluster.name, cluster.access.word()),
        None => format!("{} ({}): {}", cluster.name, cluster.access.word(), counted(targets, "object")),
    }
}

fn target_line(target: &Target) -> String {
    // A label to remove that is not there says nothing.
    let mut parts: Vec<String> = target.fields.iter().filter(|field| field.old != field.new).map(field).collect();
    if !target.owners.is_empty() {
        parts.push(format!("owned by {}", target.owners.join(", ")));
    }
    if !target.finalizers.is_empty() {
        parts.push(format!("finalizers {}", target.finalizers.join(", ")));
    }
    parts.extend(target.managed_by.iter().map(|tool| format!("managed by {tool}")));
    parts.extend(target.findings.iter().map(|finding| {
        let mark = if finding.kind.is_refusal() { "✗ " } else { "" };
        format!("{mark}{}: {}", finding.kind.word(), finding.text)
    }));
    let object = target.key.object();
    if parts.is_empty() { format!("  {object}") } else { format!("  {object}  {}", parts.join("; ")) }
}

/// Returns a field in words: `replicas: 1 -> 3`.
fn field(field: &FieldChange) -> String {
    let name = field.path.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
    let value = |value: &Option<Text>| match value.as_deref() {
        Some("") => "\"\"".to_owned(),
        Some(value) => value.to_owned(),
        None => "not set".to_owned(),
    };
    format!("{name}: {} -> {}", value(&field.old), value(&field.new))
}

fn summary(plan: &Plan, waves: &[Vec<ClusterName>]) -> Vec<String> {
    let count = |is: fn(&Target) -> bool| plan.targets.iter().filter(|target| is(target)).count();
    let refused = count(|target| target.refusal().is_some());
    let so = count(|target| target.refusal().is_none() && target.is_already_so());
    let unread = plan.clusters.iter().filter(|cluster| cluster.problem.is_some()).count();
    let mut lines = Vec::new();
    if refused > 0 {
        lines.push(format!("{} will not be changed: see ✗", counted(refused, "object")));
    }
    if so > 0 {
        lines.push(format!("{} with nothing to do", counted(so, "object")));
    }
    if unread > 0 {
        lines.push(format!("{} could not be read and will not be changed", counted(unread, "cluster")));
    }
    if plan.hidden_marks > 0 {
        let hidden = counted(usize::try_from(plan.hidden_marks).unwrap_or(usize::MAX), "marked row");
        lines.push(format!("{hidden} hidden by the filter, and meant as well"));
    }
    if waves.len() > 1 {
        let named = waves.iter().take(NAMED_MAX).map(|wave| {
            let names: Vec<&str> = wave.iter().take(NAMED_MAX).map(ClusterName::as_str).collect();
            let more = wave.len().saturating_sub(NAMED_MAX);
            let rest = if more > 0 { format!(" + {more} more") } else { String::new() };
            names.join(" + ") + &rest
        });
        let more = waves.len().saturating_sub(NAMED_MAX);
        let rest = if more > 0 { format!(", then {more} more") } else { String::new() };
        lines.push(format!("Waves: {}{rest}", named.collect::<Vec<_>>().join(", then ")));
    }
    lines
}

/// Returns `1 object`, `2 objects`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Returns the outcome of a run as a table, target by target.
pub fn result(plan: &Plan, state: OperationState, targets: &[(TargetState, Text)]) -> String {
    let mut rows = vec![["CLUSTER", "NAMESPACE", "OBJECT", "STATE", "DETAIL"].map(str::to_owned).to_vec()];
    for (target, (state, detail)) in plan.targets.iter().zip(targets) {
        let key = &target.key;
        let object = key.object();
        let object = object.split(" -n ").next().unwrap_or_default().to_owned();
        rows.push(vec![
            key.cluster.to_string(),
            key.namespace.to_string(),
            object,
            state.word().to_owned(),
            detail.to_string(),
        ]);
    }
    let counts = counts(targets.iter().map(|(state, _)| *state));
    format!("{}\n{} {}: {counts}\n", columns(&rows), plan.id, state.word())
}

/// Returns the number of targets by state: `3 done, 1 refused`.
pub fn counts(states: impl Iterator<Item = TargetState>) -> String {
    let mut counts: Vec<(TargetState, usize)> = Vec::new();
    for state in states {
        match counts.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => counts.push((state, 1)),
        }
    }
    counts.sort_by_key(|(state, _)| *state);
    let words: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {}", state.word())).collect();
    if words.is_empty() { "no targets".to_owned() } else { words.join(", ") }
}

/// Returns the outcome of a run as a document.
pub fn result_document(plan: &Plan, state: OperationState, targets: &[(TargetState, Text)]) -> Value {
    let targets: Vec<Value> = plan
        .targets
        .iter()
        .zip(targets)
        .map(|(target, (state, detail))| json!({"target": target.key, "state": state, "detail": detail}))
        .collect();
    json!({
        "apiVersion": API_VERSION, "kind": "ChangeResult", "id": plan.id, "change": plan.change,
        "state": state, "targets": targets,
    })
}

/// An operation with its current state.
#[derive(Debug, Clone)]
pub struct Listed<'a> {
    /// The operation, from the journal.
    pub record: &'a OperationRecord,
    /// Its current state.
    pub state: OperationState,
}

/// Returns operations as a table, in the order they are given.
pub fn operations(all: &[Listed<'_>]) -> String {
    let mut rows = vec![["ID", "BEGAN", "BY", "CHANGE", "CLUSTERS", "STATE", "TARGETS"].map(str::to_owned).to_vec()];
    for Listed { record, state } in all {
        let known = record.known.values().map(|known| known.state);
        let untold = usize::try_from(record.targets).unwrap_or(usize::MAX).saturating_sub(record.known.len());
        let states = known.chain(std::iter::repeat_n(TargetState::Pending, untold));
        rows.push(vec![
            record.id.to_string(),
            record.began.to_string(),
            record.by.user.to_string(),
            words(&record.change),
            named(&record.clusters),
            state.word().to_owned(),
            counts(states),
        ]);
    }
    columns(&rows)
}

/// Returns operations as a document.
pub fn operations_document(all: &[Listed<'_>]) -> Value {
    let items = all.iter().map(|Listed { record, state }| {
        let known = record.known.values();
        let targets: Vec<Value> =
            known.map(|k| json!({"target": k.target, "state": k.state, "detail": k.detail})).collect();
        json!({
            "id": record.id, "began": record.began.to_string(), "last": record.last.to_string(), "by": record.by,
            "change": record.change, "clusters": record.clusters, "state": state, "targetCount": record.targets,
            "targets": targets,
        })
    });
    json!({"apiVersion": API_VERSION, "kind": "ChangeList", "items": items.collect::<Vec<_>>()})
}

/// Returns entries of the journal as a table.
pub fn journal(entries: &[JournalEntry]) -> String {
    let mut rows = vec![["TIME", "OPERATION", "CLUSTER", "OBJECT", "STATE", "DETAIL"].map(str::to_owned).to_vec()];
    for JournalEntry { at, operation, event } in entries {
        let (cluster, object, state, detail) = match event {
            JournalEvent::Began { by, change, clusters, targets, .. } => {
                let count = counted(usize::try_from(*targets).unwrap_or(usize::MAX), "object");
                (named(clusters), count, "began".to_owned(), format!("{} {}", words(change), actor(by)))
            }
            JournalEvent::Resumed { by } => (String::new(), String::new(), "resumed".to_owned(), actor(by)),
            JournalEvent::Target { target, state, detail, .. } => {
                (target.cluster.to_string(), target.object(), state.word().to_owned(), detail.to_string())
            }
            JournalEvent::Ended { state } => {
                (String::new(), String::new(), "ended".to_owned(), state.word().to_owned())
            }
        };
        rows.push(vec![at.to_string(), operation.to_string(), cluster, object, state, detail]);
    }
    columns(&rows)
}

/// Returns the actor as text: `by ann (process 7)`.
fn actor(by: &Actor) -> String {
    let user = if by.user.is_empty() { "an unnamed user" } else { by.user.as_str() };
    format!("by {user} (process {})", by.process)
}

/// Returns entries of the journal as a document.
pub fn journal_document(entries: &[JournalEntry]) -> Value {
    let items: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut item = serde_json::to_value(entry).unwrap_or_default();
            if let Some(fields) = item.as_object_mut() {
                fields.insert("at".to_owned(), Value::from(entry.at.to_string()));
            }
            item
        })
        .collect();
    json!({"apiVersion": API_VERSION, "kind": "ChangeJournal", "items": items})
}

fn named(clusters: &[ClusterName]) -> String {
    let names: Vec<&str> = clusters.iter().take(NAMED_MAX).map(ClusterName::as_str).collect();
    let more = clusters.len().saturating_sub(NAMED_MAX);
    if more > 0 { format!("{} + {more} more", names.join(",")) } else { names.join(",") }
}

/// Aligns cells in columns; the last cell of a row is not padded.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, wide) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', (wide + 3).saturating_sub(width(cell))));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
