//! The routing proxy: what the engine learns of it, and what it wants done.

use super::AttemptId;
use crate::engine::proxy_link::{ProxyError, ProxySource};
use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::Text;
use crate::protocol::{ProxyAt, RequestId};
use serde::{Deserialize, Serialize};

/// A fact about the proxy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ProxyObservation {
    /// An attempt to have a proxy ended.
    Linked {
        attempt: AttemptId,
        outcome: Result<ProxyAt, ProxyError>,
    },
    /// Its state as it is now.
    Seen {
        attempt: AttemptId,
        outcome: Result<Box<Routes>, ProxyError>,
    },
    /// A change of traffic or a reload is done, or refused.
    Done {
        id: RequestId,
        outcome: Result<(), ProxyError>,
    },
    /// Whether it stays when this program ends.
    Kept {
        attempt: AttemptId,
        outcome: Result<bool, ProxyError>,
    },
    Stopped {
        attempt: AttemptId,
        outcome: Result<(), ProxyError>,
    },
    Explained {
        id: RequestId,
        outcome: Result<Box<Explanation>, ProxyError>,
    },
}

/// Work on the proxy.
#[derive(Debug, Clone)]
pub enum ProxyEffect {
    /// Find, attach or start a proxy; an earlier one is let go of.
    Link { attempt: AttemptId, source: ProxySource },
    /// Ask the proxy of this attempt.
    Ask { attempt: AttemptId, ask: ProxyAsk },
}

/// A question or an order to a running proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyAsk {
    /// Its state.
    Routes,
    SetTraffic {
        id: RequestId,
        cluster: Text,
        state: TrafficState,
    },
    Reload(RequestId),
    Explain {
        id: RequestId,
        text: Text,
    },
    Keep(bool),
    Stop,
}
