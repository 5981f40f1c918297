//! What crosses between the engine and a screen: immutable snapshots down, requests up.
//!
//! A reply is state: a request becomes an [`Operation`] (or a document, a tail, a resolution) of the
//! next snapshot, so a second screen, a headless run and a restarted one see the same.

use crate::error::UserError;
use crate::model::cell::Column;
use crate::model::cluster::{Cluster, ClusterName};
use crate::model::document::{Aspect, Document};
use crate::model::kind::KindId;
use crate::model::object::{ObjectKey, Row};
use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Counts publications; a shard carries the one it last changed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

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

/// Names an operation, a document or a tail; chosen by the screen, unique in it.
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

/// Lines kept of one tail; the oldest go first, and are counted.
pub const TAIL_LINES_MAX: usize = 5_000;

/// Where the logs come from and how much of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogSource {
    /// The pod.
    pub pod: ObjectKey,
    /// Empty: the only container, or the one `kubectl logs` would choose.
    pub container: Text,
    pub follow: bool,
    pub previous: bool,
    pub timestamps: bool,
    /// Seconds back; `None` with `tail_lines` `None` is from the beginning.
    pub since_s: Option<u32>,
    pub tail_lines: Option<u32>,
}

/// The logs of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct LogStream {
    pub source: LogSource,
    pub state: LogStreamState,
    /// The newest lines, oldest first, at most [`TAIL_LINES_MAX`], without escapes.
    pub lines: Arc<[Arc<str>]>,
    /// Lines that went because of the bound.
    pub dropped: u64,
    /// All containers of the pod, for the chooser.
    pub containers: Arc<[Text]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogStreamState {
    Opening,
    Following,
    Ended,
    Failed(Text),
}

/// Where a running proxy is, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ProxyAt {
    /// `host:port` of its admin listener.
    pub address: Text,
    /// Its process, where it says.
    pub pid: Option<u32>,
    /// Started by this program, which ends it when it ends itself.
    pub own: bool,
    /// Started by this program, and told to stay when it ends.
    pub kept: bool,
}

/// How this program stands to a routing proxy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProxyLink {
    /// None is known.
    #[default]
    None,
    /// One is being started, or a named one attached.
    Starting,
    Attached(ProxyAt),
    /// It is being ended: it drains.
    Stopping,
    /// There was one, or one was asked for.
    Lost {
        why: Text,
        since: UnixSeconds,
    },
}

/// What a proxy would do with a request: the answer to [`Request::TestRoute`].
#[derive(Debug, Clone, PartialEq)]
pub enum Explained {
    /// Asked, not answered yet.
    Waiting,
    Answer(Box<Explanation>),
    /// Not a request, or no proxy to ask: why.
    Refused(Text),
}

/// Answers of the tester a snapshot keeps; the oldest goes.
pub const EXPLANATIONS_MAX: usize = 8;

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
    pub tails: Arc<BTreeMap<RequestId, Arc<LogStream>>>,
    pub operations: Arc<BTreeMap<RequestId, Arc<Operation>>>,
    /// The newest last.
    pub notices: Arc<[Notice]>,
    pub proxy: ProxyLink,
    /// [`Request::StartProxy`] can be done here.
    pub starts_proxies: bool,
    /// The last picture of the proxy; it stays when the link is lost.
    pub routes: Option<Arc<Routes>>,
    pub explanations: Arc<BTreeMap<RequestId, Arc<Explained>>>,
}

impl Snapshot {
    /// The shards that changed after `seen`: this is the delta; a slow reader skips revisions and is still right.
    pub fn changed_since(&self, seen: Revision) -> impl Iterator<Item = (&ShardKey, &Arc<Shard>)> {
        self.shards.iter().filter(move |(_, shard)| shard.revision > seen)
    }
}

/// A revealed value, handed over once and owned by the overlay that asked; never part of a snapshot.
#[derive(Clone, Default)]
pub struct Reveal(Arc<OnceLock<String>>);

impl Reveal {
    /// Fills it; a second value is ignored.
    pub fn fill(&self, text: String) {
        drop(self.0.set(text));
    }

    /// The value, once it is there.
    pub fn text(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl std::fmt::Debug for Reveal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.get().is_some() { "Reveal(filled)" } else { "Reveal(empty)" })
    }
}

/// Requests that may wait in the engine's queue; a screen keeps as many more itself, then says that the engine is busy.
pub const REQUESTS_MAX: usize = 64;

/// What a screen asks of the engine. Sent with `try_send`.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum Request {
    /// Replaces all that the view looks at; an empty list ends its watches after a while.
    Subscribe {
        view: ViewId,
        interests: Vec<Interest>,
    },
    /// Connect these clusters.
    Connect(Vec<ClusterName>),
    /// Disconnect them: watches end, rows stay as they were.
    Pause(Vec<ClusterName>),
    /// Try again now.
    Retry(Vec<ClusterName>),
    /// Re-read all sources of the inventory, past the cache.
    RefreshInventory,
    /// Open a document and keep it current until closed.
    Open {
        id: RequestId,
        object: ObjectKey,
        aspect: Aspect,
    },
    Close(RequestId),
    /// Hand over the YAML of a Secret with its values decoded, once.
    RevealSecret {
        id: RequestId,
        object: ObjectKey,
        #[serde(skip)]
        reveal: Reveal,
    },
    Tail {
        id: RequestId,
        source: LogSource,
    },
    EndTail(RequestId),
    /// Look for a running proxy and keep the picture of it current, until [`Request::UnwatchRoutes`].
    WatchRoutes(RequestId),
    UnwatchRoutes(RequestId),
    /// Start a proxy of this program's own.
    StartProxy,
    /// End the proxy this program started; one that others started is left alone.
    StopProxy,
    /// Let the proxy this program started outlive it, or take that back.
    KeepProxy(bool),
    /// Attach to a proxy by its admin address (`host:port`) and the file that has its token.
    AttachProxy {
        address: Text,
        token_file: Text,
    },
    /// Drain, fence or open one of the proxy's clusters.
    FenceCluster {
        id: RequestId,
        cluster: Text,
        fence: TrafficState,
    },
    /// Read the proxy's configuration again now.
    ReloadRoutes(RequestId),
    /// Which way a request would go: `GET /api/v1/pods`, or a kubectl command line.
    TestRoute {
        id: RequestId,
        text: Text,
    },
}
