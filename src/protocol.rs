//! What crosses between the engine and a screen: immutable snapshots down, requests up.
//!
//! A reply is state: a request becomes an [`Operation`] (or a document, a log, a resolution) of the next snapshot, so a
//! second screen, a headless run and a restarted one see the same. Each capability has a file: its requests, and its
//! part of the snapshot.

mod cluster;
mod document;
mod logs;
mod proxy;

pub use cluster::{ClusterRequest, Interest, Resolution, Shard, ShardKey, ShardState, ViewId};
pub use document::{DocumentRequest, Reveal};
pub use logs::{LOG_LINES_MAX, LogStream, LogStreamState, LogsRequest};
pub use proxy::{EXPLANATIONS_MAX, Explained, ProxyAt, ProxyLink, ProxyRequest, ProxySnapshot};

use crate::error::UserError;
use crate::model::cluster::{Cluster, ClusterName};
use crate::model::document::Document;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Counts publications; a shard carries the one it last changed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

/// Names an operation, a document or a log; chosen by the screen, unique in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct RequestId(pub u64);

/// A running or finished piece of work that somebody asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub what: Text,
    pub cluster: Option<ClusterName>,
    pub progress: Progress,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    Queued,
    Running { done: u32, of: u32 },
    Done,
    Failed(UserError),
}

/// How many notices a snapshot keeps.
pub const NOTICES_MAX: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Note,
    Warning,
    Error,
}

/// Something the user should know, numbered so that a screen shows each once.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub number: u64,
    pub at: UnixSeconds,
    pub severity: Severity,
    pub cluster: Option<ClusterName>,
    pub text: Text,
}

/// An immutable picture of the fleet. Cheap to clone, cheap to compare.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    pub revision: Revision,
    /// When it was published.
    pub at: UnixSeconds,
    /// What the frame calls the fleet: `demo`, or empty.
    pub title: Text,
    /// What is wrong with the inventory now, one source after the other, with the next step: why clusters are not here.
    pub inventory: Arc<[Text]>,
    pub clusters: Arc<BTreeMap<ClusterName, Arc<Cluster>>>,
    pub shards: Arc<BTreeMap<ShardKey, Arc<Shard>>>,
    pub resolutions: Arc<BTreeMap<ViewId, Arc<BTreeMap<ClusterName, Resolution>>>>,
    pub documents: Arc<BTreeMap<RequestId, Arc<Document>>>,
    pub logs: Arc<BTreeMap<RequestId, Arc<LogStream>>>,
    pub operations: Arc<BTreeMap<RequestId, Arc<Operation>>>,
    /// The newest last.
    pub notices: Arc<[Notice]>,
    pub proxy: ProxySnapshot,
}

impl Snapshot {
    /// The shards that changed after `seen`: this is the delta; a slow reader skips revisions and is still right.
    pub fn changed_since(&self, seen: Revision) -> impl Iterator<Item = (&ShardKey, &Arc<Shard>)> {
        self.shards.iter().filter(move |(_, shard)| shard.revision > seen)
    }
}

/// Requests that may wait in the engine's queue; a screen keeps as many more itself, then says that the engine is busy.
pub const REQUESTS_MAX: usize = 64;

/// A request of a screen to the engine, one variant for each capability. Sent with `try_send`.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum Request {
    /// The inventory, connections, watches.
    Cluster(ClusterRequest),
    /// Documents of objects.
    Document(DocumentRequest),
    /// Logs of containers.
    Logs(LogsRequest),
    /// The routing proxy.
    Proxy(ProxyRequest),
}

impl Request {
    /// Returns the id of what the engine keeps up until it is told to end it; `None` for a request that is done once.
    pub fn begins(&self) -> Option<RequestId> {
        match self {
            Self::Document(DocumentRequest::Open { id, .. })
            | Self::Logs(LogsRequest::Follow { id, .. })
            | Self::Proxy(ProxyRequest::Watch(id)) => Some(*id),
            Self::Cluster(
                ClusterRequest::Subscribe { .. }
                | ClusterRequest::Connect(_)
                | ClusterRequest::Pause(_)
                | ClusterRequest::Retry(_)
                | ClusterRequest::RefreshInventory,
            )
            | Self::Document(DocumentRequest::Close(_) | DocumentRequest::RevealSecret { .. })
            | Self::Logs(LogsRequest::Stop(_))
            | Self::Proxy(
                ProxyRequest::Unwatch(_)
                | ProxyRequest::Start
                | ProxyRequest::Stop
                | ProxyRequest::Keep(_)
                | ProxyRequest::Attach { .. }
                | ProxyRequest::SetTraffic { .. }
                | ProxyRequest::Reload(_)
                | ProxyRequest::Explain { .. },
            ) => None,
        }
    }

    /// Returns the id of what the request ends, begun before under the same id.
    pub fn ends(&self) -> Option<RequestId> {
        match self {
            Self::Document(DocumentRequest::Close(id))
            | Self::Logs(LogsRequest::Stop(id))
            | Self::Proxy(ProxyRequest::Unwatch(id)) => Some(*id),
            Self::Cluster(_)
            | Self::Document(DocumentRequest::Open { .. } | DocumentRequest::RevealSecret { .. })
            | Self::Logs(LogsRequest::Follow { .. })
            | Self::Proxy(
                ProxyRequest::Watch(_)
                | ProxyRequest::Start
                | ProxyRequest::Stop
                | ProxyRequest::Keep(_)
                | ProxyRequest::Attach { .. }
                | ProxyRequest::SetTraffic { .. }
                | ProxyRequest::Reload(_)
                | ProxyRequest::Explain { .. },
            ) => None,
        }
    }
}
