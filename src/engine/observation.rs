//! The two closed enums of the engine: what it learns, and what it wants done.
//!
//! The fleet decides in `on(observation) -> effects`; `effects` does, and what comes of it returns as
//! an observation. Each capability has a variant of both, in a file of its own. A recording of observations replays to the same snapshots.

mod cluster;
mod document;
mod logs;
mod proxy;

pub use cluster::{ClusterEffect, ClusterObservation};
pub use document::{DocumentEffect, DocumentObservation};
pub use logs::{LogsEffect, LogsObservation};
pub use proxy::{ProxyAsk, ProxyEffect, ProxyObservation};

use crate::model::cluster::ClusterName;
use crate::protocol::Request;
use serde::{Deserialize, Serialize};

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

/// A fact that the engine learnt, one variant for each capability.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Observation {
    /// A screen asked for something.
    Requested(Request),
    /// The inventory, connections, watches.
    Cluster(ClusterObservation),
    /// Documents of objects.
    Document(DocumentObservation),
    /// Logs of containers.
    Logs(LogsObservation),
    /// The routing proxy.
    Proxy(ProxyObservation),
    /// Time passed: something may be due.
    Tick,
}

/// Work that the engine wants done, one variant for each capability.
#[derive(Debug, Clone)]
pub enum Effect {
    /// The inventory, connections, watches.
    Cluster(ClusterEffect),
    /// Documents of objects.
    Document(DocumentEffect),
    /// Logs of containers.
    Logs(LogsEffect),
    /// The routing proxy.
    Proxy(ProxyEffect),
}
