//! The interface between the engine and a screen: immutable snapshots down, requests up.
//!
//! A reply is state: a request becomes an [`Operation`] (or a document, a log, a resolution) of the next snapshot, so a
//! second screen, a headless run and a restarted one see the same. Each capability has a file: its requests, and its
//! part of the snapshot.

mod change;
mod cluster;
mod document;
mod logs;
mod proxy;

pub use change::{ChangeRequest, ChangeSnapshot, OPERATIONS_MAX, OperationStatus, PLANS_MAX, PlanStatus, ReadyPlan};
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

/// Number of a publication. A shard carries the number of the publication it last changed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

/// Identity of an operation, a document or a log; chosen by the screen, unique in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct RequestId(pub u64);

/// Work that a user started, running or finished.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Name of the operation, for the user: "reveal secret db".
    pub what: Text,
    /// Cluster it works on; `None` if it is about no single cluster.
    pub cluster: Option<ClusterName>,
    /// State of the work.
    pub progress: Progress,
}

/// State of an [`Operation`].
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Not started yet.
    Queued,
    /// Under way.
    Running {
        /// Steps that are done.
        done: u32,
        /// Steps in all.
        of: u32,
    },
    /// Succeeded.
    Done,
    /// Failed, with the error to show.
    Failed(UserError),
}

/// Notices that a snapshot keeps; the oldest are dropped.
pub const NOTICES_MAX: usize = 256;

/// Severity of a [`Notice`], in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Information that needs no action.
    Note,
    /// A problem that may pass or that has a workaround.
    Warning,
    /// A failure.
    Error,
}

/// A message for the user, numbered so that a screen shows each once.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Counts notices from 1.
    pub number: u64,
    /// Time of the event.
    pub at: UnixSeconds,
    /// Severity of the event.
    pub severity: Severity,
    /// Cluster it is about, if it is about one.
    pub cluster: Option<ClusterName>,
    /// The message, in one line.
    pub text: Text,
}

/// The fleet at one moment, immutable. Cheap to clone, cheap to compare.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Number of this publication.
    pub revision: Revision,
    /// Time of publication.
    pub at: UnixSeconds,
    /// Title of the fleet in the frame: `demo`, or empty.
    pub title: Text,
    /// Current problems of the inventory, source by source, with the next step: why clusters are missing.
    pub inventory: Arc<[Text]>,
    /// Clusters of the inventory.
    pub clusters: Arc<BTreeMap<ClusterName, Arc<Cluster>>>,
    /// Rows of the watched kinds.
    pub shards: Arc<BTreeMap<ShardKey, Arc<Shard>>>,
    /// Result of each interest of a view, by cluster.
    pub resolutions: Arc<BTreeMap<ViewId, Arc<BTreeMap<ClusterName, Resolution>>>>,
    /// Open documents, by the request that opened them.
    pub documents: Arc<BTreeMap<RequestId, Arc<Document>>>,
    /// Open logs, by the request that opened them.
    pub logs: Arc<BTreeMap<RequestId, Arc<LogStream>>>,
    /// Operations, by the request that started them.
    pub operations: Arc<BTreeMap<RequestId, Arc<Operation>>>,
    /// The last [`NOTICES_MAX`] notices, the newest last.
    pub notices: Arc<[Notice]>,
    /// The routing proxy.
    pub proxy: ProxySnapshot,
    /// Plans and operations.
    pub changes: ChangeSnapshot,
}

impl Snapshot {
    /// Returns the shards that changed after `seen`. Since this is the delta to the newest snapshot, a slow reader can
    /// skip revisions.
    pub fn changed_since(&self, seen: Revision) -> impl Iterator<Item = (&ShardKey, &Arc<Shard>)> {
        self.shards.iter().filter(move |(_, shard)| shard.revision > seen)
    }
}

/// Requests that may wait in the engine's queue. A screen keeps as many more itself, then reports that the engine is
/// busy.
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
    /// Changes of clusters.
    Change(ChangeRequest),
}

impl Request {
    /// Returns the id of the long-lived subject that the request begins; `None` for a request that is done once.
    pub fn begins(&self) -> Option<RequestId> {
        match self {
            Self::Document(DocumentRequest::Open { id, .. })
            | Self::Logs(LogsRequest::Follow { id, .. })
            | Self::Proxy(ProxyRequest::Watch(id))
            | Self::Change(
                ChangeRequest::Plan { id, .. } | ChangeRequest::Resume { id, .. } | ChangeRequest::Watch(id),
            ) => Some(*id),
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
            )
            | Self::Change(
                ChangeRequest::Discard(_)
                | ChangeRequest::Run { .. }
                | ChangeRequest::Cancel(_)
                | ChangeRequest::Unwatch(_),
            ) => None,
        }
    }

    /// Returns the id of the long-lived subject that the request ends; `None` for all other requests.
    pub fn ends(&self) -> Option<RequestId> {
        match self {
            Self::Document(DocumentRequest::Close(id))
            | Self::Logs(LogsRequest::Stop(id))
            | Self::Proxy(ProxyRequest::Unwatch(id))
            | Self::Change(ChangeRequest::Discard(id) | ChangeRequest::Unwatch(id)) => Some(*id),
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
            )
            | Self::Change(
                ChangeRequest::Plan { .. }
                | ChangeRequest::Run { .. }
                | ChangeRequest::Resume { .. }
                | ChangeRequest::Cancel(_)
                | ChangeRequest::Watch(_),
            ) => None,
        }
    }
}
