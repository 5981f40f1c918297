//! Waiting for a condition with a deadline.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Outcome;

/// How often a condition is looked at: short against what is waited for, long against what a look costs.
const INTERVAL: Duration = Duration::from_millis(40);

/// Looks until `condition` holds and returns what it gave. After `limit` the error says what was waited for, and why the
/// last look said no.
pub(crate) fn until<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let started = Instant::now();
    loop {
        let reason = match condition() {
            Ok(value) => return Ok(value),
            Err(reason) => reason,
        };
        if started.elapsed() >= limit {
            return Err(format!("waited {limit:?} for {what}: {reason}").into());
        }
        sleep(INTERVAL);
    }
}
