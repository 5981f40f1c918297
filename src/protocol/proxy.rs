//! The routing proxy as a screen sees it, and requests about it.

use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::RequestId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Address and owner of a running proxy.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ProxyAt {
    /// `host:port` of its admin listener.
    pub address: Text,
    /// Its process id, if it reports one.
    pub pid: Option<u32>,
    /// True if this program started it; it then ends with this program, unless it is `kept`.
    pub own: bool,
    /// True if this program started it and lets it run on after its own exit.
    pub kept: bool,
}

/// Connection of this program to a routing proxy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProxyLink {
    /// No proxy is known.
    #[default]
    None,
    /// A proxy is being started, or a named one attached.
    Starting,
    /// Connected to a running proxy.
    Attached(ProxyAt),
    /// The proxy drains and then ends.
    Stopping,
    /// The proxy does not answer any more, or could not be started or attached.
    Lost {
        /// The error, in one line.
        why: Text,
        /// Time of the first failure with this error.
        since: UnixSeconds,
    },
}

/// Answer to [`ProxyRequest::Explain`]: the route of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Explained {
    /// The proxy has not answered yet.
    Waiting,
    /// The route, and why.
    Answer(Box<Explanation>),
    /// The text is not a request, or there is no proxy; with the reason.
    Refused(Text),
}

/// Answers of the tester that a snapshot keeps; the oldest is dropped.
pub const EXPLANATIONS_MAX: usize = 8;

/// The proxy's part of a snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProxySnapshot {
    /// Connection to the proxy.
    pub link: ProxyLink,
    /// True if [`ProxyRequest::Start`] is possible here.
    pub can_start: bool,
    /// Last state of the proxy; it stays when the link is lost.
    pub routes: Option<Arc<Routes>>,
    /// Answers of the tester by the id of the request, at most [`EXPLANATIONS_MAX`].
    pub explanations: Arc<BTreeMap<RequestId, Arc<Explained>>>,
}

/// A request about the routing proxy.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum ProxyRequest {
    /// Looks for a running proxy and keeps its state current, until [`ProxyRequest::Unwatch`].
    Watch(RequestId),
    /// Ends a [`ProxyRequest::Watch`].
    Unwatch(RequestId),
    /// Starts a proxy owned by this program.
    Start,
    /// Ends the proxy that this program started; any other proxy is left alone.
    Stop,
    /// Lets the proxy that this program started outlive it, or takes that back.
    Keep(bool),
    /// Attaches to a running proxy.
    Attach {
        /// Its admin address (`host:port`).
        address: Text,
        /// File with its admin token.
        token_file: Text,
    },
    /// Opens, drains or blocks one of the proxy's clusters.
    SetTraffic {
        /// Id of the operation.
        id: RequestId,
        /// Name of the cluster in the proxy's configuration.
        cluster: Text,
        /// The new state.
        state: TrafficState,
    },
    /// Makes the proxy read its configuration again now.
    Reload(RequestId),
    /// Asks for the route of a request.
    Explain {
        /// Id of the answer in [`ProxySnapshot::explanations`].
        id: RequestId,
        /// `GET /api/v1/pods`, or a kubectl command line.
        text: Text,
    },
}
