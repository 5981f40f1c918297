//! Clusters as a screen sees them: shards of objects, views of them, and requests about connections.

use crate::model::cell::Column;
use crate::model::cluster::ClusterName;
use crate::model::kind::KindId;
use crate::model::object::Row;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::Revision;
use std::sync::Arc;

/// Identity of a shard: the objects of one kind in one cluster, under one label selector.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardKey {
    /// Cluster of the objects.
    pub cluster: ClusterName,
    /// Group and kind of the objects.
    pub kind: KindId,
    /// Label selector; empty for all objects.
    pub selector: Text,
}

/// Completeness and freshness of a shard's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ShardState {
    /// No list has begun yet.
    #[default]
    Waiting,
    /// The first list is under way.
    Listing {
        /// Objects received so far.
        received: u32,
        /// Objects expected, if the server sends the number.
        expected: Option<u32>,
    },
    /// The list is complete, and a watch keeps it current.
    Live,
    /// The list is complete, and may not be watched: it is read again every half minute.
    Unwatched {
        /// The server's message.
        why: Text,
    },
    /// The watch is lost; rows are as of `since`.
    Stale {
        /// Time of the last contact or of the failure.
        since: UnixSeconds,
        /// The error, in one line.
        why: Text,
    },
    /// The list is denied.
    Denied {
        /// The server's message.
        what: Text,
    },
    /// The cluster does not serve the kind.
    NotServed,
    /// The list failed, and there are no rows.
    Failed {
        /// The error, in one line.
        why: Text,
    },
}

impl ShardState {
    /// Returns true if the rows are the whole list (an empty table then means that there are no objects).
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Live | Self::Unwatched { .. })
    }
}

/// Rows of one shard, sorted by (namespace, name).
#[derive(Debug, Clone, PartialEq)]
pub struct Shard {
    /// Number of the publication in which the shard last changed.
    pub revision: Revision,
    /// Completeness and freshness of the rows.
    pub state: ShardState,
    /// The namespaces shown, if a cluster-wide list was denied; `None` if the rows are of all namespaces.
    pub only: Option<Arc<[Text]>>,
    /// The columns of `Row::cells`, in order.
    pub columns: Arc<[Column]>,
    /// The rows, sorted by (namespace, name).
    pub rows: Arc<[Arc<Row>]>,
}

/// Identity of a live view of a screen. A screen chooses its own; a headless run uses 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ViewId(pub u32);

/// A resource that a view shows. The engine resolves the typed name in each cluster separately.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Interest {
    /// As typed: `po`, `deploy`, `certificates.cert-manager.io`, `all`.
    pub resource: Text,
    /// Clusters to show it from.
    pub clusters: Arc<[ClusterName]>,
    /// A label selector for the servers; empty for none.
    pub selector: Text,
    /// Namespaces the view shows, empty for all: the fallback for clusters that deny listing all of them.
    pub namespaces: Arc<[Text]>,
}

/// Result of an [`Interest`] in one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The cluster is not connected, or its discovery has not finished.
    Pending,
    /// Shards with the objects (several for a category).
    Shards(Arc<[ShardKey]>),
    /// The cluster serves no such kind.
    NotServed,
    /// Discovery failed, with the reason.
    Failed(Text),
}

/// A request about the inventory, connections or watches.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum ClusterRequest {
    /// Replaces all interests of the view; with an empty list its watches end after a while.
    Subscribe {
        /// The view.
        view: ViewId,
        /// All its interests.
        interests: Vec<Interest>,
    },
    /// Connects the clusters.
    Connect(Vec<ClusterName>),
    /// Disconnects the clusters: watches end, rows stay as they were.
    Pause(Vec<ClusterName>),
    /// Retries the clusters now, instead of after their backoff.
    Retry(Vec<ClusterName>),
    /// Reads all sources of the inventory again, bypassing the cache.
    RefreshInventory,
}
