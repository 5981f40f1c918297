//! The journal: who changed what, where, and what came of it.

use super::operation::{OperationId, OperationState, TargetState};
use super::plan::TargetKey;
use super::verb::{Change, Verb};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    pub at: UnixSeconds,
    pub operation: OperationId,
    #[serde(flatten)]
    pub event: JournalEvent,
}

/// An event of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum JournalEvent {
    /// The intent: written before the first effect.
    Began { by: Actor, change: Change, clusters: Vec<ClusterName>, targets: u32, digest: Text },
    /// A later process goes on with it.
    Resumed { by: Actor },
    /// A target has a new state.
    Target {
        /// Its place in the plan.
        index: u32,
        target: TargetKey,
        state: TargetState,
        #[serde(default, skip_serializing_if = "Text::is_empty")]
        detail: Text,
    },
    /// Nothing is under way any more.
    Ended { state: OperationState },
}

/// Whoever carries an operation out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// The user's name; empty where it is not known.
    pub user: Text,
    /// The id of the process.
    pub process: u32,
}

/// An operation, as the journal tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationRecord {
    pub id: OperationId,
    pub began: UnixSeconds,
    /// The time of its last entry.
    pub last: UnixSeconds,
    pub by: Actor,
    pub verb: Verb,
    pub change: Change,
    pub clusters: Vec<ClusterName>,
    /// All targets of its plan, told of or not.
    pub targets: u32,
    pub digest: Text,
    /// What is known of each target, by its place in the plan.
    pub known: BTreeMap<u32, KnownTarget>,
    /// Whether it ended, and how.
    pub ended: Option<OperationState>,
}

/// The last that the journal says of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownTarget {
    pub target: TargetKey,
    pub state: TargetState,
    pub detail: Text,
    /// The change may have been asked for.
    pub was_asked: bool,
}

impl OperationRecord {
    /// Judges the operation; `is_held`: a process works on it.
    pub fn state(&self, is_held: bool) -> OperationState {
        match self.ended {
            _ if is_held => OperationState::Running,
            Some(state) => state,
            None if self.is_resumable() => OperationState::Interrupted,
            // Killed between its last target and its end.
            None => OperationState::of(self.known.values().map(|known| known.state)),
        }
    }

    /// Counts targets in a state; those the journal does not tell of are pending.
    pub fn count(&self, state: TargetState) -> usize {
        let told = self.known.values().filter(|known| known.state == state).count();
        let untold = usize::try_from(self.targets).unwrap_or(usize::MAX).saturating_sub(self.known.len());
        if state == TargetState::Pending { told + untold } else { told }
    }

    /// Says whether a resumed run would have something to do.
    pub fn is_resumable(&self) -> bool {
        self.count(TargetState::Pending) > 0 || self.known.values().any(|known| known.state.is_resumed())
    }
}

/// Puts the operations of a journal together, in the order they began. Entries of operations whose beginning is lost
/// are left out.
pub fn operations(entries: impl IntoIterator<Item = JournalEntry>) -> Vec<OperationRecord> {
    let mut records: Vec<OperationRecord> = Vec::new();
    let mut places: BTreeMap<OperationId, usize> = BTreeMap::new();
    for JournalEntry { at, operation, event } in entries {
        if let JournalEvent::Began { by, change, clusters, targets, digest } = event {
            if !places.contains_key(&operation) {
                places.insert(operation.clone(), records.len());
                records.push(OperationRecord {
                    id: operation,
                    began: at,
                    last: at,
                    by,
                    verb: change.verb(),
                    change,
                    clusters,
                    targets,
                    digest,
                    known: BTreeMap::new(),
                    ended: None,
                });
            }
            continue;
        }
        let Some(record) = places.get(&operation).and_then(|at| records.get_mut(*at)) else { continue };
        record.last = at;
        match event {
            JournalEvent::Began { .. } => {}
            JournalEvent::Resumed { .. } => record.ended = None,
            JournalEvent::Ended { state } => record.ended = Some(state),
            JournalEvent::Target { index, target, state, detail } => {
                let was_asked = record.known.get(&index).is_some_and(|known| known.was_asked);
                let was_asked = was_asked || matches!(state, TargetState::Asked | TargetState::Settling);
                record.known.insert(index, KnownTarget { target, state, detail, was_asked });
            }
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kind::KindId;

    fn entry(event: JournalEvent) -> JournalEntry {
        JournalEntry { at: UnixSeconds(5), operation: OperationId::new(UnixSeconds(1), 1), event }
    }

    fn began() -> JournalEntry {
        let (by, digest) = (Actor { user: "ann".into(), process: 7 }, Text::const_new("d"));
        entry(JournalEvent::Began { by, change: Change::Cordon {}, clusters: Vec::new(), targets: 3, digest })
    }

    fn target(index: u32, state: TargetState) -> JournalEntry {
        let target = TargetKey {
            cluster: ClusterName::new("east"),
            kind: KindId::new("", "Node"),
            namespace: Text::default(),
            name: "n1".into(),
            uid: "u".into(),
        };
        entry(JournalEvent::Target { index, target, state, detail: Text::default() })
    }

    #[test]
    fn an_entry_is_one_line_that_reads_back() {
        for entry in
            [began(), target(1, TargetState::Asked), entry(JournalEvent::Ended { state: OperationState::Done })]
        {
            let line = serde_json::to_string(&entry).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<JournalEntry>(&line).unwrap(), entry, "{line}");
        }
    }

    #[test]
    fn the_last_word_about_a_target_counts_and_that_it_was_asked_is_kept() {
        let all = operations([began(), target(1, TargetState::Asked), target(1, TargetState::Failed)]);
        let record = &all[0];
        assert_eq!((record.known[&1].state, record.known[&1].was_asked), (TargetState::Failed, true));
        assert_eq!(record.count(TargetState::Pending), 2, "untold ones wait");
        assert_eq!(record.state(false), OperationState::Interrupted);
        assert_eq!(record.state(true), OperationState::Running);
        assert!(record.is_resumable());
    }

    #[test]
    fn a_resumed_operation_has_not_ended() {
        let ended = || entry(JournalEvent::Ended { state: OperationState::Partial });
        let resumed = entry(JournalEvent::Resumed { by: Actor::default() });
        assert_eq!(operations([began(), ended()])[0].ended, Some(OperationState::Partial));
        assert_eq!(operations([began(), ended(), resumed])[0].ended, None);
        assert!(operations([ended()]).is_empty(), "its beginning is lost");
    }
}
