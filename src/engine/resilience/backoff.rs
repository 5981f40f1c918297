//! Wait before the next attempt: doubling, with full jitter, so that many clients of a
//! server that comes back do not return at once.

use std::time::Duration;

/// Shortest wait: long enough for a restarting server, short enough to go unnoticed.
pub const SHORTEST: Duration = Duration::from_millis(800);
/// Longest wait: a cluster that comes back is seen within half a minute.
pub const LONGEST: Duration = Duration::from_secs(30);

/// Returns the wait after `failures` failures in a row (1 after the first), between [`SHORTEST`] and [`LONGEST`], drawn
/// from the whole range, which doubles with each failure.
pub fn wait(failures: u32, rng: &mut fastrand::Rng) -> Duration {
    let doubled = SHORTEST.saturating_mul(1_u32.checked_shl(failures.min(16)).unwrap_or(u32::MAX));
    let ceiling = doubled.min(LONGEST);
    SHORTEST + ceiling.saturating_sub(SHORTEST).mul_f64(rng.f64())
}

/// Returns a span within 15 % of `around`, so that periodic work of many clusters spreads, and a probe every 30 s with
/// its deadline of 5 s still detects a silent cluster within 40 s.
pub fn jittered(around: Duration, rng: &mut fastrand::Rng) -> Duration {
    around.mul_f64(0.85 + 0.3 * rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_wait_is_within_its_bounds(failures: u32, seed: u64) {
            let wait = wait(failures, &mut fastrand::Rng::with_seed(seed));
            assert!((SHORTEST..=LONGEST).contains(&wait), "{wait:?}");
        }

        #[test]
        fn a_first_wait_is_short(seed: u64) {
            assert!(wait(1, &mut fastrand::Rng::with_seed(seed)) <= SHORTEST * 2);
        }

        #[test]
        fn jitter_keeps_the_scale(seed: u64) {
            let span = jittered(Duration::from_secs(30), &mut fastrand::Rng::with_seed(seed));
            assert!((Duration::from_secs(25)..=Duration::from_secs(35)).contains(&span));
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_waits() {
        let draw = |seed| {
            let mut rng = fastrand::Rng::with_seed(seed);
            (1..9).map(|n| wait(n, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
