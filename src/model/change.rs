//! Changes of clusters: an intent, the plan made of it, and the state of each of its targets.

pub mod journal;
pub mod operation;
pub mod plan;
pub mod verb;

pub use operation::{OperationId, OperationState, TargetState};
pub use plan::{FieldChange, Finding, FindingKind, Plan, PlanCluster, Target, TargetKey};
pub use verb::{Cascade, Change, Verb};

use super::cluster::ClusterName;
use super::object::ObjectKey;
use super::text::Text;
use serde::{Deserialize, Serialize};

/// A wish of the user, before any cluster is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// The change of each object.
    pub change: Change,
    /// The objects.
    pub selection: Selection,
    /// The way the change is carried out.
    pub options: Options,
    /// Marked rows that a filter hides: they are meant as well, and the plan says so.
    pub hidden_marks: u32,
}

/// The objects that an intent means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Exactly these, as a table showed them.
    Objects(Vec<ObjectKey>),
    /// All that match, in each cluster.
    Query(ObjectQuery),
}

/// Objects as a command line names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectQuery {
    /// Kinds as typed, each with the names that are meant; without names, all that match the selector.
    pub kinds: Vec<(Text, Vec<Text>)>,
    /// `None`: the own namespace of each cluster's context.
    pub namespace: Option<Text>,
    /// Objects of all namespaces are meant.
    pub all_namespaces: bool,
    /// A label selector; empty for none.
    pub selector: Text,
}

/// The way a change is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Options {
    /// The cluster that goes first, alone.
    pub canary: Option<ClusterName>,
    /// Clusters changed at the same time.
    pub wave: u32,
    /// So many targets may fail before no further one is begun.
    pub max_failures: u32,
    /// Seconds a target may take to settle.
    pub settle_s: u32,
    /// Seconds an API server may take for one answer.
    pub timeout_s: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { canary: None, wave: 1, max_failures: 0, settle_s: 300, timeout_s: 30 }
    }
}
