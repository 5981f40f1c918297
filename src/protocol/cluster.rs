//! Clusters on their way to a screen: the shards of objects it looks at, and what it asks of connections.

use crate::model::cell::Column;
use crate::model::cluster::ClusterName;
use crate::model::kind::KindId;
use crate::model::object::Row;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::Revision;
use std::sync::Arc;

/// One shard: the objects of one kind in one cluster, under one label selector (empty: all).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardKey {
    pub cluster: ClusterName,
    pub kind: KindId,
    pub selector: Text,
}

/// How complete and how fresh the rows of a shard are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ShardState {
    /// First list under way: so many received, so many expected where the server says.
    #[default]
    Waiting,
    Listing {
        received: u32,
        expected: Option<u32>,
    },
    Live,
    /// The list is whole and may not be watched: it is read anew every half minute. `why` is the server's sentence.
    Unwatched {
        why: Text,
    },
    /// The watch is lost; rows are as of `since`.
    Stale {
        since: UnixSeconds,
        why: Text,
    },
    /// May not be listed at all.
    Denied {
        what: Text,
    },
    /// The cluster has no such kind.
    NotServed,
    Failed {
        why: Text,
    },
}

impl ShardState {
    /// Says whether the rows are the whole list (an empty table then means none).
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Live | Self::Unwatched { .. })
    }
}

/// Rows of one shard, sorted by (namespace, name).
#[derive(Debug, Clone, PartialEq)]
pub struct Shard {
    pub revision: Revision,
    pub state: ShardState,
    /// Set when a cluster-wide list was denied and only these namespaces are shown.
    pub only: Option<Arc<[Text]>>,
    /// The columns of `Row::cells`, in order.
    pub columns: Arc<[Column]>,
    pub rows: Arc<[Arc<Row>]>,
}

/// Names one live view of one screen. A screen chooses its own; a headless run uses 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ViewId(pub u32);

/// What a view looks at. The engine resolves the typed name in each cluster on its own.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Interest {
    /// As typed: `po`, `deploy`, `certificates.cert-manager.io`, `all`.
    pub resource: Text,
    pub clusters: Arc<[ClusterName]>,
    /// A label selector for the servers; empty for none.
    pub selector: Text,
    /// The namespaces the view shows, empty for all: what to fall back to where listing all of them is denied.
    pub namespaces: Arc<[Text]>,
}

/// What became of an [`Interest`] in one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Not connected, or its discovery is not there yet.
    Pending,
    /// These shards show it (several for a category).
    Shards(Arc<[ShardKey]>),
    /// The cluster serves no such kind.
    NotServed,
    /// Its discovery failed: why.
    Failed(Text),
}

/// A request about the inventory, connections and what is watched.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum ClusterRequest {
    /// Replaces all that the view looks at; an empty list ends its watches after a while.
    Subscribe { view: ViewId, interests: Vec<Interest> },
    /// Connects these clusters.
    Connect(Vec<ClusterName>),
    /// Disconnects them: watches end, rows stay as they were.
    Pause(Vec<ClusterName>),
    /// Tries again now.
    Retry(Vec<ClusterName>),
    /// Reads all sources of the inventory again, past the cache.
    RefreshInventory,
}
