//! Publishes snapshots to the screens: the latest wins, no side waits, and at most one per pace.

use crate::protocol::Snapshot;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The sending side of the snapshots.
#[derive(Debug)]
pub struct Publisher {
    snapshots: watch::Sender<Arc<Snapshot>>,
    pace: Duration,
    last: Option<Instant>,
}

impl Publisher {
    /// Returns a publisher that publishes at most once per `pace`, and its receiver, which starts with `first`.
    pub fn new(first: Arc<Snapshot>, pace: Duration) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let (snapshots, receiver) = watch::channel(first);
        (Self { snapshots, pace, last: None }, receiver)
    }

    /// Returns the earliest time of the next snapshot.
    pub fn due(&self) -> Instant {
        self.last.map_or_else(Instant::now, |last| last + self.pace)
    }

    /// Replaces the snapshot that screens see.
    pub fn publish(&mut self, snapshot: Option<Arc<Snapshot>>) {
        self.last = Some(Instant::now());
        if let Some(snapshot) = snapshot {
            self.snapshots.send_replace(snapshot);
        }
    }
}
