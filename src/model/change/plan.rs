//! Plans: the objects to change, their old and new values, and the findings of the checks beforehand.

use super::operation::OperationId;
use super::verb::Change;
use super::{Options, Verb};
use crate::model::cluster::{Access, ClusterName};
use crate::model::kind::{Kind, KindId};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use serde::{Deserialize, Serialize};

/// Version of the schema of a plan. A newer one is refused.
pub const SCHEMA: u32 = 1;

/// A plan. As a file it is JSON, readable by its owner only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    /// `quarterdeck.dev/v1alpha1`.
    pub api_version: Text,
    /// `ChangePlan`.
    pub kind: Text,
    /// Version of its schema: see [`SCHEMA`].
    pub schema: u32,
    /// Id of the plan, and of the operation that runs it.
    pub id: OperationId,
    /// Time at which the objects were read.
    pub made_at: UnixSeconds,
    /// The change of each target.
    pub change: Change,
    /// Order and limits of the run.
    pub options: Options,
    /// Marked rows that a filter hid when the plan was made.
    #[serde(default)]
    pub hidden_marks: u32,
    /// The clusters of the selection, in the order of the inventory.
    pub clusters: Vec<PlanCluster>,
    /// The targets by cluster, in the order of `clusters`.
    pub targets: Vec<Target>,
    /// Hash of everything else: it detects mistakes, not forgery.
    #[serde(default)]
    pub digest: Text,
}

/// A cluster of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlanCluster {
    /// Name of the cluster.
    pub name: ClusterName,
    /// The URL of its API server.
    pub server: Text,
    /// The uid of its namespace `kube-system`; empty if that may not be read.
    pub uid: Text,
    /// Its access level when the plan was made.
    pub access: Access,
    /// The kinds of its targets, as it serves them.
    pub kinds: Vec<Kind>,
    /// Why it could not be read, in which case it has no targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Text>,
}

/// Identity of a target, as shown and as written to the journal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TargetKey {
    /// Cluster of the object.
    pub cluster: ClusterName,
    /// Group and kind.
    pub kind: KindId,
    /// Namespace; empty for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub namespace: Text,
    /// Name of the object.
    pub name: Text,
    /// `metadata.uid`.
    pub uid: Text,
}

impl std::fmt::Display for TargetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.cluster, self.object())
    }
}

impl TargetKey {
    /// Returns the object without its cluster: `deployment.apps/api -n shop`.
    pub fn object(&self) -> String {
        let KindId { group, kind } = &self.kind;
        let kind = kind.to_lowercase();
        let dot = if group.is_empty() { "" } else { "." };
        if self.namespace.is_empty() {
            format!("{kind}{dot}{group}/{}", self.name)
        } else {
            format!("{kind}{dot}{group}/{} -n {}", self.name, self.namespace)
        }
    }
}

/// An object of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Target {
    /// Identity of the object.
    pub key: TargetKey,
    /// `metadata.generation`, for kinds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Fields that change; empty if the object is deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Owners of the object, as `replicaset.apps/api-7d9f`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Text>,
    /// `metadata.finalizers`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<Text>,
    /// The tool that will undo the change or bring the object back: `Flux`, `Argo CD`, `Helm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<Text>,
    /// Findings of the checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl Target {
    /// Returns the first finding that prevents the change.
    pub fn refusal(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.kind.is_refusal())
    }

    /// Returns true if the object is already as wanted.
    pub fn is_already_so(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind == FindingKind::AlreadySo)
    }

    /// Returns true if a run will send its change.
    pub fn is_changed(&self) -> bool {
        self.refusal().is_none() && !self.is_already_so()
    }
}

/// A field of an object, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FieldChange {
    /// Path of the field, as a JSON pointer.
    pub path: Text,
    /// Value before; `None` if the field is not set.
    pub old: Option<Text>,
    /// Value after; `None` if the field is removed.
    pub new: Option<Text>,
}

/// A finding about a target, from the checks before any change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Finding {
    /// Kind of the finding.
    pub kind: FindingKind,
    /// Description in one line, cleaned for the terminal.
    pub text: Text,
}

/// Kind of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// The cluster is read-only here.
    ReadOnly,
    /// RBAC forbids the change.
    Forbidden,
    /// Admission, or the validation of the server, rejects the change.
    Denied,
    /// The object is another one than the intent names, or changed since it was shown.
    Moved,
    /// The object does not take the change as it is: a label has another value.
    Unfit,
    /// The object is already as wanted.
    AlreadySo,
    /// The dry run could not be done: the server may still refuse the change.
    NotChecked,
}

impl FindingKind {
    /// Returns true if the finding prevents the change.
    pub fn is_refusal(self) -> bool {
        match self {
            Self::ReadOnly | Self::Forbidden | Self::Denied | Self::Moved | Self::Unfit => true,
            Self::AlreadySo | Self::NotChecked => false,
        }
    }

    /// Returns the finding in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Forbidden => "forbidden",
            Self::Denied => "denied",
            Self::Moved => "moved",
            Self::Unfit => "refused",
            Self::AlreadySo => "already so",
            Self::NotChecked => "not checked",
        }
    }
}

impl Plan {
    /// Returns the verb of its change.
    pub fn verb(&self) -> Verb {
        self.change.verb()
    }

    /// Returns its cluster with this name.
    pub fn cluster(&self, name: &ClusterName) -> Option<&PlanCluster> {
        self.clusters.iter().find(|cluster| cluster.name == *name)
    }

    /// Returns the kind of a target, as its cluster serves it.
    pub fn kind_of(&self, key: &TargetKey) -> Option<&Kind> {
        self.cluster(&key.cluster)?.kinds.iter().find(|kind| kind.id == key.kind)
    }

    /// Returns the targets that a run will change.
    pub fn changed(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.is_changed())
    }
}
