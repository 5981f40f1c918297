//! Changes of clusters: an intent, its plan, and the state of each target.

pub mod consent;
pub mod file;
pub mod journal;
pub mod label;
pub mod operation;
pub mod plan;
pub mod verb;

pub use consent::{Consent, Given, Prompt};
pub use operation::{OperationId, OperationState, TargetState};
pub use plan::{FieldChange, Finding, FindingKind, Plan, PlanCluster, Target, TargetKey};
pub use verb::{Cascade, Change, Verb};

use super::cluster::ClusterName;
use super::object::ObjectKey;
use super::text::Text;
use serde::{Deserialize, Serialize};

/// A change that the user wants, before any cluster is contacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The change of each object.
    pub change: Change,
    /// The objects.
    pub selection: Selection,
    /// Order and limits of the run.
    pub options: Options,
    /// Marked rows that a filter hides: they are included, and the plan warns of them.
    pub hidden_marks: u32,
}

/// The objects of an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    /// Exactly these objects, as a table showed them.
    Objects(Vec<ObjectKey>),
    /// All objects that match, in each cluster.
    Query(ObjectQuery),
}

/// Objects as a command line names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectQuery {
    /// Kinds as typed, each with the names of its objects; without names, all objects that match the selector.
    pub kinds: Vec<(Text, Vec<Text>)>,
    /// Namespace of the objects; `None` is the namespace of each cluster's context.
    pub namespace: Option<Text>,
    /// True if the objects of all namespaces are included.
    pub all_namespaces: bool,
    /// A label selector; empty for none.
    pub selector: Text,
}

/// Order and limits of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Options {
    /// The cluster that goes first, alone.
    pub canary: Option<ClusterName>,
    /// Clusters changed at the same time.
    pub wave: u32,
    /// Failed targets that are tolerated; beyond that, no further target is begun.
    pub max_failures: u32,
    /// Longest time for a target to settle, in seconds.
    pub settle_s: u32,
    /// Deadline of one request, in seconds.
    pub timeout_s: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { canary: None, wave: 1, max_failures: 0, settle_s: 300, timeout_s: 30 }
    }
}
