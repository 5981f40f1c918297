//! Observations and effects about the routing proxy.

use super::AttemptId;
use crate::engine::proxy_link::{ProxyError, ProxySource};
use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::Text;
use crate::protocol::{ProxyAt, RequestId};
use serde::{Deserialize, Serialize};

/// A fact about the proxy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ProxyObservation {
    /// A [`ProxyEffect::Link`] ended.
    Linked {
        /// The attempt.
        attempt: AttemptId,
        /// Address of the proxy, or why there is none.
        outcome: Result<ProxyAt, ProxyError>,
    },
    /// The state of the proxy was read.
    Seen {
        /// The attempt that linked the proxy.
        attempt: AttemptId,
        /// The state, or why it could not be read.
        outcome: Result<Box<Routes>, ProxyError>,
    },
    /// A change of traffic or a reload ended.
    Done {
        /// Id of the operation.
        id: RequestId,
        /// The error if it failed or was refused.
        outcome: Result<(), ProxyError>,
    },
    /// A [`ProxyAsk::Keep`] ended.
    Kept {
        /// The attempt that linked the proxy.
        attempt: AttemptId,
        /// True if the proxy outlives this program, or why that could not be changed.
        outcome: Result<bool, ProxyError>,
    },
    /// A [`ProxyAsk::Stop`] ended.
    Stopped {
        /// The attempt that linked the proxy.
        attempt: AttemptId,
        /// The error if the proxy did not end.
        outcome: Result<(), ProxyError>,
    },
    /// A [`ProxyAsk::Explain`] ended.
    Explained {
        /// Id of the request.
        id: RequestId,
        /// The route, or why there is none.
        outcome: Result<Box<Explanation>, ProxyError>,
    },
}

/// Work on the proxy.
#[derive(Debug, Clone)]
pub enum ProxyEffect {
    /// Finds, attaches or starts a proxy; releases an earlier one.
    Link {
        /// Identity of this attempt.
        attempt: AttemptId,
        /// The proxy to link.
        source: ProxySource,
    },
    /// Sends a request to the linked proxy.
    Ask {
        /// The attempt that linked the proxy.
        attempt: AttemptId,
        /// The request.
        ask: ProxyAsk,
    },
}

/// A request to a running proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyAsk {
    /// Reads its state.
    Routes,
    /// Opens, drains or blocks one of its clusters.
    SetTraffic {
        /// Id of the operation.
        id: RequestId,
        /// Name of the cluster in the proxy's configuration.
        cluster: Text,
        /// The new state.
        state: TrafficState,
    },
    /// Makes it read its configuration again.
    Reload(RequestId),
    /// Asks for the route of a request.
    Explain {
        /// Id of the request.
        id: RequestId,
        /// `GET /api/v1/pods`, or a kubectl command line.
        text: Text,
    },
    /// Lets it outlive this program, or takes that back.
    Keep(bool),
    /// Drains it and ends it.
    Stop,
}
