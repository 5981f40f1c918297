//! The two closed enums of the engine: facts it learns, and work it starts.
//!
//! The fleet decides in `on(observation) -> effects`; `effects` runs the work, and its results return as
//! observations. Each capability has a variant of both, in its own file. A recording of observations replays to the
//! same snapshots.

mod change;
mod cluster;
mod document;
mod logs;
mod proxy;

pub use change::{
    ChangeEffect, ChangeObservation, JournalContents, PlanRequest, PlannedChange, RunBegin, RunEnd, RunProgress,
    RunRequest,
};
pub use cluster::{ClusterEffect, ClusterObservation};
pub use document::{DocumentEffect, DocumentObservation};
pub use logs::{LogsEffect, LogsObservation};
pub use proxy::{ProxyAsk, ProxyEffect, ProxyObservation};

use crate::model::cluster::ClusterName;
use crate::protocol::Request;
use serde::{Deserialize, Serialize};

/// Number of a connection of a cluster; reports of older connections are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Generation(pub u64);

/// Identity of a running list and watch; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WatchId(pub u64);

/// Identity of an attempt at a document, a log, a proxy, a plan or a run; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId(pub u64);

/// A connection of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Session {
    /// The cluster.
    pub cluster: ClusterName,
    /// Number of the connection.
    pub generation: Generation,
}

/// A fact that the engine learned, one variant for each capability.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Observation {
    /// A request of a screen.
    Requested(Request),
    /// The inventory, connections, watches.
    Cluster(ClusterObservation),
    /// Documents of objects.
    Document(DocumentObservation),
    /// Logs of containers.
    Logs(LogsObservation),
    /// The routing proxy.
    Proxy(ProxyObservation),
    /// Changes of clusters.
    Change(ChangeObservation),
    /// Time has passed: something may be due.
    Tick,
}

/// Work for the engine to start, one variant for each capability.
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
    /// Changes of clusters.
    Change(ChangeEffect),
}
