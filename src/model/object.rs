//! Objects as rows of a table, and their full identity.

use super::cell::Cell;
use super::cluster::ClusterName;
use super::health::Health;
use super::kind::KindId;
use super::text::Text;
use super::time::UnixSeconds;
use std::sync::Arc;

/// Identity of an object: (cluster, group, kind, namespace, name, uid). Every action, log line, copy and confirmation
/// names all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ObjectKey {
    /// Cluster the object is in.
    pub cluster: ClusterName,
    /// Group and kind.
    pub kind: KindId,
    /// Empty for cluster-scoped objects.
    pub namespace: Text,
    /// Name of the object.
    pub name: Text,
    /// `metadata.uid`; empty if it is not known, as for an object that the user typed.
    pub uid: Text,
}

/// The controller, or else the first owner, of an object.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Owner {
    /// Group and kind of the owner.
    pub kind: KindId,
    /// Name of the owner, in the namespace of the object or cluster-scoped.
    pub name: Text,
    /// `metadata.uid` of the owner.
    pub uid: Text,
}

/// The part of an object that is kept: enough to draw, sort, filter and judge it; some 300 bytes.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Row {
    /// Cluster the object is in.
    pub cluster: ClusterName,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: Text,
    /// Name of the object.
    pub name: Text,
    /// `metadata.uid`.
    pub uid: Text,
    /// `metadata.resourceVersion`: opaque, only ever compared for equality.
    pub version: Text,
    /// `metadata.creationTimestamp`; `None` if the server sent none.
    pub created: Option<UnixSeconds>,
    /// Cells in the order of the shard's columns, one for each.
    pub cells: Box<[Cell]>,
    /// Verdict of the kind's health rule.
    pub health: Health,
    /// `key=value` pairs joined by commas, sorted by key; shared between rows with the same labels.
    pub labels: Arc<str>,
    /// The controller, or else the first owner; `None` for objects without owners.
    pub owner: Option<Arc<Owner>>,
}

impl Row {
    /// Returns the full identity of the row's object.
    pub fn key(&self, kind: &KindId) -> ObjectKey {
        ObjectKey {
            cluster: self.cluster.clone(),
            kind: kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
        }
    }

    /// Returns the value of a label; `None` if the object does not have it.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.split(',').filter_map(|pair| pair.split_once('=')).find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// Returns true if both rows look the same: at most the version differs, and nothing needs to be drawn.
    pub fn shows_same(&self, other: &Self) -> bool {
        self.cells == other.cells
            && self.health == other.health
            && self.labels == other.labels
            && self.owner == other.owner
            && self.created == other.created
            && self.uid == other.uid
    }
}
