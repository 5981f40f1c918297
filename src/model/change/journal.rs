//! The journal of changes: actor, change, targets and outcome of each operation.

use super::operation::{OperationId, OperationState, TargetState};
use super::plan::TargetKey;
use super::verb::{Change, Verb};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// Time of the event.
    pub at: UnixSeconds,
    /// The operation.
    pub operation: OperationId,
    /// The event.
    #[serde(flatten)]
    pub event: JournalEvent,
}

/// An event of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum JournalEvent {
    /// The operation begins: written before the first effect.
    Began {
        /// The process that runs it.
        by: Actor,
        /// The change of each target.
        change: Change,
        /// Clusters of its targets.
        clusters: Vec<ClusterName>,
        /// Number of targets of the plan.
        targets: u32,
        /// Digest of the plan.
        digest: Text,
    },
    /// A later process continues it.
    Resumed {
        /// That process.
        by: Actor,
    },
    /// A target has a new state.
    Target {
        /// Index of the target in the plan.
        index: u32,
        /// The target.
        target: TargetKey,
        /// Its new state.
        state: TargetState,
        /// Reason of the state; empty if there is none.
        #[serde(default, skip_serializing_if = "Text::is_empty")]
        detail: Text,
    },
    /// No target is under way any more.
    Ended {
        /// Outcome of the operation.
        state: OperationState,
    },
}

/// User and process that run an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// Name of the user; empty if it is not known.
    pub user: Text,
    /// Id of the process.
    pub process: u32,
}

/// An operation, rebuilt from its entries of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// Id of the operation, and of its plan.
    pub id: OperationId,
    /// Time of its first entry.
    pub began: UnixSeconds,
    /// Time of its last entry.
    pub last: UnixSeconds,
    /// The process that began it.
    pub by: Actor,
    /// Verb of its change.
    pub verb: Verb,
    /// The change of each target.
    pub change: Change,
    /// Clusters of its targets.
    pub clusters: Vec<ClusterName>,
    /// Number of targets of its plan, with and without an entry.
    pub targets: u32,
    /// Digest of its plan.
    pub digest: Text,
    /// Last entry of each target, by its index in the plan.
    pub known: BTreeMap<u32, KnownTarget>,
    /// Outcome; `None` if the journal has no end of it.
    pub ended: Option<OperationState>,
}

/// Last entry of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownTarget {
    /// The target.
    pub target: TargetKey,
    /// Its state.
    pub state: TargetState,
    /// Reason of the state; empty if there is none.
    pub detail: Text,
    /// True if the request for its change may have been sent.
    pub was_asked: bool,
}

impl OperationRecord {
    /// Returns the state of the operation. `is_held` is true if a process works on it.
    pub fn state(&self, is_held: bool) -> OperationState {
        match self.ended {
            _ if is_held => OperationState::Running,
            Some(state) => state,
            None if self.is_resumable() => OperationState::Interrupted,
            // Killed between its last target and its end.
            None => OperationState::of(self.known.values().map(|known| known.state)),
        }
    }

    /// Returns the number of targets in a state; targets without an entry are pending.
    pub fn count(&self, state: TargetState) -> usize {
        let told = self.known.values().filter(|known| known.state == state).count();
        let untold = usize::try_from(self.targets).unwrap_or(usize::MAX).saturating_sub(self.known.len());
        if state == TargetState::Pending { told + untold } else { told }
    }

    /// Returns true if a resumed run would have work.
    pub fn is_resumable(&self) -> bool {
        self.count(TargetState::Pending) > 0 || self.known.values().any(|known| known.state.is_resumed())
    }
}

/// Returns the operations of a journal, in the order they began. Entries of an operation whose first entry is lost are
/// dropped.
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
