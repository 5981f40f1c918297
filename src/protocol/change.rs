//! Changes of clusters: plans that a screen asked for, and the operations that run them.

use crate::model::change::{Consent, Given, Intent, OperationId, OperationState, Plan, TargetKey, TargetState, Verb};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::RequestId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Plans of screens in a snapshot; the oldest that does not run goes.
pub const PLANS_MAX: usize = 16;

/// Operations in a snapshot, those of this engine and those of the journal; the oldest go.
pub const OPERATIONS_MAX: usize = 100;

/// A request about changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ChangeRequest {
    /// Makes a plan in these clusters and shows it under `id` until it is discarded.
    Plan {
        /// Id of the plan for the screen.
        id: RequestId,
        /// Clusters of the selection.
        clusters: Vec<ClusterName>,
        /// The change, its objects and its options.
        intent: Box<Intent>,
    },
    /// Discards the plan under this id. An operation that runs it goes on.
    Discard(RequestId),
    /// Runs the plan that was shown under `id`. Refused if its digest differs, if the consent does not suffice, or if the
    /// objects moved.
    Run {
        /// Id of the plan for the screen.
        id: RequestId,
        /// Digest of the plan that the user saw.
        digest: Text,
        /// The consent that the user gave.
        given: Given,
    },
    /// Makes a plan of what an interrupted operation left, and shows it under `id`.
    Resume {
        /// Id of the plan for the screen.
        id: RequestId,
        /// The operation.
        operation: OperationId,
    },
    /// Begins nothing new in this operation, and ends it when all that is under way has ended.
    Cancel(OperationId),
    /// Keeps the operations of the journal in the snapshot, until [`ChangeRequest::Unwatch`].
    Watch(RequestId),
    /// Ends a [`ChangeRequest::Watch`].
    Unwatch(RequestId),
}

/// The changes in a snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangeSnapshot {
    /// Plans by the request that asked for them, at most [`PLANS_MAX`].
    pub plans: Arc<BTreeMap<RequestId, Arc<PlanStatus>>>,
    /// Operations, the newest first, at most [`OPERATIONS_MAX`].
    pub operations: Arc<[Arc<OperationStatus>]>,
}

/// A plan that a screen asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanStatus {
    /// The clusters are read: for the plan, or once more before it runs.
    Making,
    /// The plan can be read and agreed to.
    Ready(Box<ReadyPlan>),
    /// The plan could not be made, or was refused when it was to run: the reason and the next step.
    Refused(Text),
    /// The plan is run, or was.
    Running(OperationId),
}

/// A plan as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadyPlan {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Clusters that are changed at the same time, in order.
    pub waves: Vec<Vec<ClusterName>>,
    /// The questions that a user must answer before it runs.
    pub consent: Consent,
    /// Objects that were named and that no cluster has, and kinds that do not take the verb.
    pub missing: Vec<Text>,
}

/// An operation that runs or ran.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationStatus {
    /// Its id.
    pub id: OperationId,
    /// Its verb; `None` if the journal does not tell.
    pub verb: Option<Verb>,
    /// Its state.
    pub state: OperationState,
    /// Time of its start.
    pub at: UnixSeconds,
    /// User and program that began it: `ann, qd (pid 4711)`.
    pub actor: Text,
    /// True if this engine runs it, so that [`ChangeRequest::Cancel`] reaches it.
    pub own: bool,
    /// Why nothing new is begun, if so: it waits for what is under way.
    pub stopping: Option<Text>,
    /// Wave under way and number of waves, from 1; zero before the first.
    pub wave: (u32, u32),
    /// The targets, each with its state and the reason for it.
    pub targets: Arc<[(TargetKey, TargetState, Text)]>,
}
