//! What may be sent a second time. The table of the requirement, nothing more; the pauses and the budget that bound it.

use super::failure::Stage;
use crate::engine::proxy::config::RetrySettings;
use crate::engine::proxy::request::Class;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Attempts after the first for a request that was never processed.
pub(super) const UNLOOKED_MAX: u32 = 3;

/// The first pause; each further one is `backoff_factor` times as long.
const PAUSE: Duration = Duration::from_millis(50);

/// Permission to send a request again after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The request was never processed: it may be sent again at once, outside the budget.
    Free,
    /// The request may have been carried out, which does no harm: it may be sent again after a pause, within the
    /// budget.
    Paced,
    /// The request must not be sent again.
    Never,
}

/// Returns whether a failed request may be sent again. `whole` is true if it can be: its body is in memory, or came
/// back unwritten.
pub fn decide(stage: Stage, class: Class, whole: bool) -> Again {
    match (stage, class, whole) {
        (Stage::Unsent | Stage::Unprocessed, _, true) => Again::Free,
        (Stage::Written, Class::Read, true) => Again::Paced,
        // A second update answers a false 409, a second delete a false 404, a second create makes two.
        (_, _, false) | (Stage::Written, Class::Write | Class::Connect, true) => Again::Never,
    }
}

/// Longest pause before the `number`th retry (1 is the first); the pause is a random part of it.
pub fn pause(settings: &RetrySettings, number: u32) -> Duration {
    let factor = settings.backoff_factor.clamp(1.0, 100.0);
    let exponent = i32::try_from(number.saturating_sub(1)).unwrap_or(i32::MAX);
    let longest = settings.max_delay.as_secs_f64();
    let wanted = PAUSE.as_secs_f64() * factor.powi(exponent);
    Duration::from_secs_f64(if wanted.is_finite() { wanted.min(longest) } else { longest }.max(0.0))
}

/// A budget for retries: one for every ten requests, with a reserve for the first ones.
#[derive(Debug)]
pub struct Budget {
    /// Savings, in tenths of a retry.
    tenths: AtomicU32,
}

/// Largest savings, in tenths: a quiet hour does not buy a storm.
const SAVED_MAX: u32 = 1000;
/// Savings at the start, in tenths.
const SAVED_FIRST: u32 = 100;
const PRICE: u32 = 10;

impl Default for Budget {
    fn default() -> Self {
        Self { tenths: AtomicU32::new(SAVED_FIRST) }
    }
}

impl Budget {
    /// Adds a tenth of a retry, for a request that is sent for the first time.
    pub fn earn(&self) {
        // Races lose or win a tenth; the bound holds within the number of threads.
        if self.tenths.load(Ordering::Relaxed) < SAVED_MAX {
            self.tenths.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes one retry; returns false if none is left.
    pub fn spend(&self) -> bool {
        self.tenths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |have| have.checked_sub(PRICE)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_table() {
        use Class::{Connect, Read, Write};
        use Stage::{Unprocessed, Unsent, Written};
        let rows = [
            (Unsent, [Again::Free, Again::Free, Again::Free]),
            (Unprocessed, [Again::Free, Again::Free, Again::Free]),
            (Written, [Again::Paced, Again::Never, Again::Never]),
        ];
        for (stage, expected) in rows {
            for (class, expect) in [Read, Write, Connect].into_iter().zip(expected) {
                assert_eq!(decide(stage, class, true), expect, "{stage:?} {class:?}");
                assert_eq!(decide(stage, class, false), Again::Never, "{stage:?} {class:?} without its body");
            }
        }
    }

    #[test]
    fn pauses_grow_to_their_bound() {
        let settings = RetrySettings { max_retries: 5, backoff_factor: 2.0, max_delay: Duration::from_millis(150) };
        let pauses: Vec<u128> = (1..=4).map(|n| pause(&settings, n).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 150, 150]);
        let wild = RetrySettings { backoff_factor: f64::NAN, ..settings };
        assert!(pause(&wild, u32::MAX) <= Duration::from_millis(150));
    }

    proptest! {
        #[test]
        fn never_more_than_a_tenth_and_the_reserve(steps in proptest::collection::vec(any::<bool>(), 0..4000)) {
            let budget = Budget::default();
            let (mut requests, mut retries) = (0_u32, 0_u32);
            for request in steps {
                if request {
                    requests += 1;
                    budget.earn();
                } else if budget.spend() {
                    retries += 1;
                }
            }
            prop_assert!(retries <= requests / 10 + SAVED_FIRST / PRICE + 1);
        }
    }
}
