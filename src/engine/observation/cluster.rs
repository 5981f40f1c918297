//! Clusters: what the engine learns of them, and what it wants done.

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
    /// The inventory as it is now.
    Listed(Listing),
    /// The inventory's own task ended with a panic.
    ListingCrashed,
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
    /// The items of a watch, in its order.
    Watched {
        watch: WatchId,
        items: Vec<WatchItem>,
    },
    /// A watch failed; it waits for [`ClusterEffect::Resume`].
    Lost {
        watch: WatchId,
        error: ClusterError,
    },
    /// A watch's task panicked or its stream ended: it must be started again.
    Ended {
        watch: WatchId,
        why: Text,
    },
}

/// Work on the inventory, a connection or a watch.
#[derive(Debug, Clone)]
pub enum ClusterEffect {
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
}
