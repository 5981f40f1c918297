//! Observations and effects about clusters.

use super::{Session, WatchId};
use crate::engine::cluster::{ClusterError, Identity, Listing, Probe, WatchItem, WatchSpec};
use crate::model::cluster::{ClusterEntry, ClusterName};
use crate::model::kind::Catalog;
use crate::model::text::Text;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A fact about the inventory, a connection or a watch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ClusterObservation {
    /// The current inventory.
    Listed(Listing),
    /// The task of the inventory panicked.
    ListingCrashed,
    /// A [`ClusterEffect::Connect`] ended: there is a client, or none.
    Connected {
        /// The connection.
        session: Session,
        /// The error if there is no client.
        outcome: Result<(), ClusterError>,
    },
    /// A [`ClusterEffect::Probe`] ended.
    Probed {
        /// The connection.
        session: Session,
        /// Latency, version and expiry, or why there was no answer.
        outcome: Result<Probe, ClusterError>,
    },
    /// A [`ClusterEffect::Identify`] ended.
    Identified {
        /// The connection.
        session: Session,
        /// Identity of the cluster, or why it could not be read.
        outcome: Result<Identity, ClusterError>,
    },
    /// A [`ClusterEffect::Discover`] ended.
    Discovered {
        /// The connection.
        session: Session,
        /// Kinds the cluster serves, or why they could not be read.
        outcome: Result<Catalog, ClusterError>,
    },
    /// A watch returned items.
    Watched {
        /// The watch.
        watch: WatchId,
        /// The items, in the order of the watch.
        items: Vec<WatchItem>,
    },
    /// A watch failed; it waits for [`ClusterEffect::Resume`].
    Lost {
        /// The watch.
        watch: WatchId,
        /// Why it failed.
        error: ClusterError,
    },
    /// The task of a watch panicked or its stream ended: it must be started again.
    Ended {
        /// The watch.
        watch: WatchId,
        /// Why it ended, in one line.
        why: Text,
    },
}

/// Work on the inventory, a connection or a watch.
#[derive(Debug, Clone)]
pub enum ClusterEffect {
    /// Reads the inventory, and reads it again whenever it changes.
    List {
        /// Bypasses the cache.
        refresh: bool,
    },
    /// Makes a client for the cluster.
    Connect {
        /// The new connection.
        session: Session,
        /// Its entry of the inventory.
        entry: Arc<ClusterEntry>,
    },
    /// Drops the cluster's client and everything that runs on it.
    Disconnect(ClusterName),
    /// Checks that the API server answers.
    Probe(Session),
    /// Reads the identity of the cluster.
    Identify(Session),
    /// Reads the kinds the cluster serves.
    Discover(Session),
    /// Starts a list and watch.
    Watch {
        /// The connection.
        session: Session,
        /// Identity of the watch.
        watch: WatchId,
        /// The objects to watch.
        spec: Box<WatchSpec>,
    },
    /// Continues a watch that failed.
    Resume(WatchId),
    /// Ends a watch.
    Unwatch(WatchId),
}
