//! The only reader of the wall clock, and the one source of randomness.

use crate::model::time::{Moment, UnixSeconds};
use tokio::time::Instant;

/// Returns the time of the wall clock in whole seconds.
#[expect(clippy::disallowed_methods, reason = "this module is where wall time enters")]
pub fn now() -> UnixSeconds {
    UnixSeconds(jiff::Timestamp::now().as_second())
}

/// Returns the time of the wall clock in microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "this module is where wall time enters")]
pub fn now_micros() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// Returns a random seed for jitter and ids; tests pass their own instead.
pub fn seed() -> u64 {
    fastrand::u64(..)
}

/// Source of the engine's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine's clock.
    Wall,
    /// The runtime's clock, which tests pause: it starts at this time and moves with `tokio::time`.
    From(UnixSeconds),
}

/// A clock that was started.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    clock: Clock,
    started: Instant,
}

impl Clock {
    /// Starts the clock now.
    pub fn start(self) -> Running {
        Running { clock: self, started: Instant::now() }
    }
}

impl Running {
    /// Returns the current moment.
    pub fn moment(&self) -> Moment {
        let elapsed = self.started.elapsed();
        let wall = match self.clock {
            Clock::Wall => now(),
            Clock::From(start) => {
                UnixSeconds(start.0.saturating_add(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)))
            }
        };
        Moment { elapsed, wall }
    }

    /// Returns the runtime's instant of a time since the start.
    pub fn instant(&self, elapsed: std::time::Duration) -> Instant {
        self.started + elapsed
    }
}
