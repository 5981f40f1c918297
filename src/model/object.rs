//! Objects as rows: what a table keeps of them, and their full identity.

use super::cell::Cell;
use super::cluster::ClusterName;
use super::health::Health;
use super::kind::KindId;
use super::text::Text;
use super::time::UnixSeconds;
use std::sync::Arc;

/// Which object: (cluster, group, kind, namespace, name, uid). Every action, log line, copy and
/// confirmation names all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ObjectKey {
    pub cluster: ClusterName,
    pub kind: KindId,
    /// Empty for cluster-scoped objects.
    pub namespace: Text,
    pub name: Text,
    /// Empty when not known (an object somebody typed).
    pub uid: Text,
}

/// The controller, or else the first owner, of an object.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Owner {
    pub kind: KindId,
    pub name: Text,
    pub uid: Text,
}

/// What is kept of one object: enough to draw, sort, filter and judge it; some 300 bytes.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Row {
    pub cluster: ClusterName,
    pub namespace: Text,
    pub name: Text,
    pub uid: Text,
    /// `metadata.resourceVersion`: opaque, only ever compared for equality.
    pub version: Text,
    pub created: Option<UnixSeconds>,
    /// One per column of the shard.
    pub cells: Box<[Cell]>,
    pub health: Health,
    /// `key=value` pairs joined by commas, sorted by key; shared between rows that have the same.
    pub labels: Arc<str>,
    pub owner: Option<Arc<Owner>>,
}

impl Row {
    /// The full identity of the row's object.
    pub fn key(&self, kind: &KindId) -> ObjectKey {
        ObjectKey {
            cluster: self.cluster.clone(),
            kind: kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
        }
    }

    /// The value of one label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.split(',').filter_map(|pair| pair.split_once('=')).find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// Says whether nothing but the version changed, so that nothing needs to be drawn.
    pub fn shows_same(&self, other: &Self) -> bool {
        self.cells == other.cells
            && self.health == other.health
            && self.labels == other.labels
            && self.owner == other.owner
            && self.created == other.created
            && self.uid == other.uid
    }
}
