//! The two closed enums of the engine: what it learns, and what it wants done.
//!
//! The fleet decides in `on(observation) -> effects`; `act` does, and what comes of it returns as
//! an observation. A recording of observations replays to the same snapshots.

use super::cluster::{ClusterError, Identity, Listing, Probe, WatchItem, WatchSpec};
use super::proxy_link::{ProxyError, ProxySource};
use crate::model::cluster::{ClusterEntry, ClusterName};
use crate::model::document::Aspect;
use crate::model::kind::{Catalog, Kind};
use crate::model::object::ObjectKey;
use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::Text;
use crate::protocol::{LogSource, ProxyAt, Request, RequestId, Reveal};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Counts the connections of one cluster: what an older one still reports is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Generation(pub u64);

/// Names one running list and watch; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WatchId(pub u64);

/// Names one attempt at a document or a tail; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId(pub u64);

/// One connection of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Session {
    pub cluster: ClusterName,
    pub generation: Generation,
}

/// What the engine learns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Observation {
    /// The inventory as it is now.
    Listed(Listing),
    /// The inventory's own task ended with a panic.
    ListingCrashed,
    Requested(Request),
    Connected {
        session: Session,
        outcome: Result<(), ClusterError>,
    },
    Probed {
        session: Session,
        outcome: Result<Probe, ClusterError>,
    },
    Identified {
        session: Session,
        outcome: Result<Identity, ClusterError>,
    },
    Discovered {
        session: Session,
        outcome: Result<Catalog, ClusterError>,
    },
    /// What a watch brought, in its order.
    Watched {
        watch: WatchId,
        items: Vec<WatchItem>,
    },
    /// A watch failed; it waits for [`Effect::Resume`].
    Lost {
        watch: WatchId,
        error: ClusterError,
    },
    /// A watch's task panicked or its stream ended: it must be started anew.
    Ended {
        watch: WatchId,
        why: Text,
    },
    Opened {
        attempt: AttemptId,
        outcome: Result<Vec<Text>, ClusterError>,
    },
    Revealed {
        id: RequestId,
        outcome: Result<(), ClusterError>,
    },
    /// The names of a tailed pod's containers.
    Containers {
        attempt: AttemptId,
        outcome: Result<Vec<Text>, ClusterError>,
    },
    Tailed {
        attempt: AttemptId,
        lines: Vec<Text>,
    },
    TailEnded {
        attempt: AttemptId,
        outcome: Result<(), ClusterError>,
    },
    /// What became of an attempt to have a proxy.
    ProxyLinked {
        attempt: AttemptId,
        outcome: Result<ProxyAt, ProxyError>,
    },
    ProxySeen {
        attempt: AttemptId,
        outcome: Result<Box<Routes>, ProxyError>,
    },
    /// A fence or a reload is done, or refused.
    ProxyDid {
        id: RequestId,
        outcome: Result<(), ProxyError>,
    },
    ProxyKept {
        attempt: AttemptId,
        outcome: Result<bool, ProxyError>,
    },
    ProxyStopped {
        attempt: AttemptId,
        outcome: Result<(), ProxyError>,
    },
    Explained {
        id: RequestId,
        outcome: Result<Box<Explanation>, ProxyError>,
    },
    /// Time passed: something may be due.
    Tick,
}

/// What the engine wants done.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Read the inventory, from now on; `refresh` goes past its cache.
    List {
        refresh: bool,
    },
    Connect {
        session: Session,
        entry: Arc<ClusterEntry>,
    },
    /// Drop the cluster's client and all that runs on it.
    Disconnect(ClusterName),
    Probe(Session),
    Identify(Session),
    Discover(Session),
    Watch {
        session: Session,
        watch: WatchId,
        spec: Box<WatchSpec>,
    },
    /// Go on with a watch that failed.
    Resume(WatchId),
    Unwatch(WatchId),
    Open {
        session: Session,
        attempt: AttemptId,
        object: ObjectKey,
        kind: Box<Kind>,
        aspect: Aspect,
    },
    Reveal {
        session: Session,
        id: RequestId,
        object: ObjectKey,
        kind: Box<Kind>,
        reveal: Reveal,
    },
    /// The pod's containers, and its lines.
    Tail {
        session: Session,
        attempt: AttemptId,
        source: LogSource,
    },
    /// Stop a document's fetch or a tail.
    Cancel(AttemptId),
    /// Find, attach or start a proxy; an earlier one is let go of.
    LinkProxy {
        attempt: AttemptId,
        source: ProxySource,
    },
    /// Ask the proxy of this attempt.
    AskProxy {
        attempt: AttemptId,
        ask: ProxyAsk,
    },
}

/// What is asked of a running proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyAsk {
    Picture,
    Fence { id: RequestId, cluster: Text, fence: TrafficState },
    Reload(RequestId),
    Explain { id: RequestId, text: Text },
    Keep(bool),
    Stop,
}
