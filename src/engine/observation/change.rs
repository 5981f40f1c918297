//! Observations and effects about changes of clusters.

use super::AttemptId;
use crate::engine::change::core::step::Earlier;
use crate::model::change::journal::{Actor, OperationRecord};
use crate::model::change::{Intent, OperationId, OperationState, Plan, TargetState};
use crate::model::cluster::ClusterEntry;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A fact about changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ChangeObservation {
    /// A [`ChangeEffect::Plan`] or [`ChangeEffect::Resume`] ended.
    Planned {
        /// The attempt.
        attempt: AttemptId,
        /// The plan, or why there is none, with the next step.
        outcome: Result<Box<PlannedChange>, Text>,
    },
    /// A [`ChangeEffect::Run`] was checked again, and the journal has its begin.
    Began {
        /// The attempt.
        attempt: AttemptId,
        /// The run.
        begin: RunBegin,
    },
    /// Something changed in a run.
    Progressed {
        /// The attempt.
        attempt: AttemptId,
        /// The changes since the last one.
        progress: RunProgress,
    },
    /// A [`ChangeEffect::Run`] ended, or was refused before it began.
    Ended {
        /// The attempt.
        attempt: AttemptId,
        /// The result, or why there is none, with the next step.
        outcome: Result<RunEnd, Text>,
    },
    /// A [`ChangeEffect::ReadJournal`] ended.
    JournalRead {
        /// The operations, or why they could not be read.
        outcome: Result<JournalContents, Text>,
    },
}

/// A plan that was made, or made again from what an operation left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// The plan.
    pub plan: Plan,
    /// Objects that were named and that no cluster has, and kinds that do not take the verb.
    pub missing: Vec<Text>,
    /// Results of earlier runs, by the index of the target.
    pub earlier: BTreeMap<usize, Earlier>,
}

/// The begin of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunBegin {
    /// User and process that run it.
    pub by: Actor,
    /// Time of the operation's start; of its first run, if it was resumed.
    pub at: UnixSeconds,
    /// Results of earlier runs, by the index of the target.
    pub earlier: BTreeMap<usize, Earlier>,
}

/// Changes in a run since the last report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunProgress {
    /// The wave that began: its number from 1, and the number of waves.
    pub wave: Option<(u32, u32)>,
    /// Targets with a new state, by index: the state and the reason.
    pub targets: BTreeMap<usize, (TargetState, Text)>,
    /// Why nothing new is begun any more.
    pub stopping: Option<Text>,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    /// State of the operation.
    pub state: OperationState,
    /// Each target in the order of the plan: its state, and the reason.
    pub targets: Vec<(TargetState, Text)>,
    /// Why not all was begun, if so.
    pub stopped: Option<Text>,
    /// Why the journal does not have all of it, if so.
    pub unjournalled: Option<Text>,
}

/// The operations of the journal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JournalContents {
    /// The latest operations, the oldest first; `None` if the journal did not change since it was last read.
    pub records: Option<Vec<OperationRecord>>,
    /// Operations that a process works on.
    pub held: BTreeSet<OperationId>,
}

/// Work on changes.
#[derive(Debug, Clone)]
pub enum ChangeEffect {
    /// Makes a plan.
    Plan {
        /// Identity of this attempt.
        attempt: AttemptId,
        /// The plan to make.
        request: PlanRequest,
    },
    /// Makes a plan of what an operation left.
    Resume {
        /// Identity of this attempt.
        attempt: AttemptId,
        /// The operation.
        operation: OperationId,
        /// The inventory.
        entries: Vec<Arc<ClusterEntry>>,
    },
    /// Checks a plan again and runs it.
    Run {
        /// Identity of this attempt.
        attempt: AttemptId,
        /// The run.
        request: RunRequest,
    },
    /// Ends an attempt at a plan; begins nothing new in a run.
    Cancel(AttemptId),
    /// Reads the journal; as a whole, or only if it changed since it was last read.
    ReadJournal {
        /// True if what was read last is not known any more.
        whole: bool,
    },
}

/// A plan to make.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// Id of the plan.
    pub id: OperationId,
    /// Time of the request.
    pub now: UnixSeconds,
    /// The change, its objects and its options.
    pub intent: Box<Intent>,
    /// The clusters.
    pub entries: Vec<Arc<ClusterEntry>>,
}

/// A run of a plan that was agreed to.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// The plan as it was shown.
    pub plan: Arc<Plan>,
    /// True if it goes on with an operation that was interrupted.
    pub is_resumed: bool,
    /// The clusters of the plan, as the inventory has them.
    pub entries: Vec<Arc<ClusterEntry>>,
    /// Most targets in one protected cluster.
    pub bulk_limit: u32,
}
