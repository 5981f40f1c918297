//! The routing proxy that a screen looks at, and what it asks of it.

use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::RequestId;
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// What a proxy would do with a request: the answer to [`ProxyRequest::Explain`].
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

/// The proxy's part of a snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProxySnapshot {
    /// How this program stands to it.
    pub link: ProxyLink,
    /// [`ProxyRequest::Start`] can be done here.
    pub can_start: bool,
    /// Its last state; it stays when the link is lost.
    pub routes: Option<Arc<Routes>>,
    /// Answers of the tester by the request that asked, at most [`EXPLANATIONS_MAX`].
    pub explanations: Arc<BTreeMap<RequestId, Arc<Explained>>>,
}

/// A request about the routing proxy.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum ProxyRequest {
    /// Looks for a running proxy and keeps its state current, until [`ProxyRequest::Unwatch`].
    Watch(RequestId),
    /// Ends a [`ProxyRequest::Watch`].
    Unwatch(RequestId),
    /// Starts a proxy of this program's own.
    Start,
    /// Ends the proxy this program started; one that others started is left alone.
    Stop,
    /// Lets the proxy this program started outlive it, or takes that back.
    Keep(bool),
    /// Attaches to a proxy by its admin address (`host:port`) and the file that has its token.
    Attach { address: Text, token_file: Text },
    /// Opens, drains or blocks one of the proxy's clusters.
    SetTraffic { id: RequestId, cluster: Text, state: TrafficState },
    /// Reads the proxy's configuration again now.
    Reload(RequestId),
    /// Asks which way a request would go: `GET /api/v1/pods`, or a kubectl command line.
    Explain { id: RequestId, text: Text },
}
