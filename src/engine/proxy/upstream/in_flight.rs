//! What a request holds of its cluster until its answer's body has ended.

use super::origin::UpstreamEndpoint;
use super::pool::{Pool, Slot};
use crate::engine::resilience::breaker::Outcome;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// A stream that ends by itself within this time, without a byte, is a failure of its server.
const BARREN: Duration = Duration::from_secs(1);

/// Counts one request at its endpoint, and reports its outcome to the breaker.
pub(super) struct Flight {
    pub(super) origin: Arc<UpstreamEndpoint>,
    long: bool,
    trial: bool,
}

impl Flight {
    pub(super) fn new(origin: Arc<UpstreamEndpoint>, long: bool, trial: bool) -> Self {
        origin.in_flight.fetch_add(1, Ordering::Relaxed);
        if long {
            origin.long_running.fetch_add(1, Ordering::Relaxed);
        }
        Self { origin, long, trial }
    }

    /// Reports the outcome; a trial is reported once.
    pub(super) fn record(&mut self, outcome: Outcome) {
        self.origin.record(outcome, std::mem::take(&mut self.trial));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.origin.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.long {
            self.origin.long_running.fetch_sub(1, Ordering::Relaxed);
        }
        // A caller who went away leaves its trial to the next.
        if self.trial {
            self.record(Outcome::Neither);
        }
    }
}

/// Counts a request as under way at its cluster. Drop it when the answer's body has ended or is no longer needed.
pub struct InFlightGuard {
    pub(super) slot: Option<Slot>,
    pub(super) pool: Arc<Pool>,
    /// The count; `None` only while the guard is taken apart.
    pub(super) flight: Option<Flight>,
    pub(super) began: Instant,
}

impl std::fmt::Debug for InFlightGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("began", &self.began).finish_non_exhaustive()
    }
}

impl InFlightGuard {
    /// Reports that the body broke off. A lost connection counts as one failure, however many answers were on it.
    pub fn broke(&mut self) {
        if self.slot.as_ref().is_some_and(Slot::blame) {
            self.record(Outcome::Bad);
        }
    }

    pub(super) fn record(&mut self, outcome: Outcome) {
        if let Some(flight) = &mut self.flight {
            flight.record(outcome);
        }
    }

    /// Returns the connection, and keeps the count for the next attempt of the same request.
    pub(super) fn fly_on(mut self) -> Option<Flight> {
        self.flight.take()
    }

    /// Reports that a long-running answer ended by itself without a byte; counts as a failure only if it ended at
    /// once.
    pub fn ended_empty(&mut self) {
        if self.began.elapsed() < BARREN {
            self.record(Outcome::Bad);
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.give_back(&self.pool);
        }
    }
}
