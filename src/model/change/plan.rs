//! A plan: which objects change, from what to what, and what was found out about each beforehand.

use super::operation::OperationId;
use super::verb::Change;
use super::{Options, Verb};
use crate::model::cluster::{Access, ClusterName};
use crate::model::kind::{Kind, KindId};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use serde::{Deserialize, Serialize};

/// The version of the form of a plan. One that is newer is refused.
pub const SCHEMA: u32 = 1;

/// A plan. As a file it is JSON, and readable by its owner alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    /// `quarterdeck.dev/v1alpha1`.
    pub api_version: Text,
    /// `ChangePlan`.
    pub kind: Text,
    /// See [`SCHEMA`].
    pub schema: u32,
    /// The id of the plan, and of the operation that carries it out.
    pub id: OperationId,
    /// The time the objects were read.
    pub made_at: UnixSeconds,
    /// The change of each target.
    pub change: Change,
    /// The way it is carried out.
    pub options: Options,
    /// Marked rows that a filter hid when the plan was made.
    #[serde(default)]
    pub hidden_marks: u32,
    /// The clusters of the selection, in the order of the inventory.
    pub clusters: Vec<PlanCluster>,
    /// By cluster, in the order of `clusters`.
    pub targets: Vec<Target>,
    /// A hash of all else: it finds mistakes, not forgery.
    #[serde(default)]
    pub digest: Text,
}

/// A cluster of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlanCluster {
    pub name: ClusterName,
    /// The URL of its API server.
    pub server: Text,
    /// The uid of its namespace `kube-system`; empty where that may not be read.
    pub uid: Text,
    /// Its safety level when the plan was made.
    pub access: Access,
    /// The kinds of its targets, as it serves them.
    pub kinds: Vec<Kind>,
    /// Why it could not be read; it has no targets then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Text>,
}

/// The names of a target, as they are shown and journalled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TargetKey {
    pub cluster: ClusterName,
    pub kind: KindId,
    /// Empty for objects that are in no namespace.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub namespace: Text,
    pub name: Text,
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

/// One object of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Target {
    pub key: TargetKey,
    /// `metadata.generation`, for kinds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Empty where the object goes as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// As `replicaset.apps/api-7d9f`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Text>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<Text>,
    /// The tool that will undo the change or bring the object back: `Flux`, `Argo CD`, `Helm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<Text>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl Target {
    /// Returns the first finding that keeps the target from being changed.
    pub fn refusal(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.kind.is_refusal())
    }

    /// Says whether there is nothing to do.
    pub fn is_already_so(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind == FindingKind::AlreadySo)
    }

    /// Says whether a run will ask for its change.
    pub fn is_changed(&self) -> bool {
        self.refusal().is_none() && !self.is_already_so()
    }
}

/// A field of an object, before and after; `None` where it is not set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FieldChange {
    /// A JSON pointer.
    pub path: Text,
    pub old: Option<Text>,
    pub new: Option<Text>,
}

/// Something that was found out about a target before anything was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Finding {
    pub kind: FindingKind,
    /// One line, harmless.
    pub text: Text,
}

/// The sort of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// The cluster is read-only here.
    ReadOnly,
    /// RBAC forbids it.
    Forbidden,
    /// Admission, or the validation of the server, refuses it.
    Denied,
    /// The object is not the one that was meant, or no longer as it was shown.
    Moved,
    /// The object does not take the change as it stands: a label has another value.
    Unfit,
    /// The change is there already.
    AlreadySo,
    /// The server could not be asked whether it would accept the change.
    NotChecked,
}

impl FindingKind {
    /// Says whether it keeps the target from being changed.
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
    /// Returns its verb.
    pub fn verb(&self) -> Verb {
        self.change.verb()
    }

    /// Returns a cluster by name.
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
