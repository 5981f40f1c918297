//! The only reader of the wall clock, and the one source of randomness.

use crate::model::time::UnixSeconds;

/// The wall clock, in whole seconds.
#[expect(clippy::disallowed_methods, reason = "this module is where wall time enters")]
pub fn now() -> UnixSeconds {
    UnixSeconds(jiff::Timestamp::now().as_second())
}

/// A seed for jitter and ids; tests pass their own instead.
pub fn seed() -> u64 {
    fastrand::u64(..)
}
