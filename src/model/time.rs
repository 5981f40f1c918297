//! Time as cells show it: whole seconds since 1970, and ages as kubectl writes them.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z. Kubernetes' own timestamps have this resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct UnixSeconds(pub i64);

/// A moment on two clocks: the engine's run time, and the wall clock. Delays are measured by the first, which never
/// jumps; times shown to a user come from the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Moment {
    /// Time since the engine started.
    pub elapsed: Duration,
    /// Time of the wall clock.
    pub wall: UnixSeconds,
}

impl UnixSeconds {
    /// Parses an RFC 3339 time; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_second()))
    }

    /// Returns the seconds from `earlier` to `self`; negative if `earlier` is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Writes a span as kubectl does: two units while they matter, one when they no longer do
/// (`85s`, `4m30s`, `3h12m`, `2d5h`, `12d`, `2y40d`). The thresholds are those of
/// `k8s.io/apimachinery/pkg/util/duration.HumanDuration`, so our AGE equals the server's.
pub fn human(seconds: i64) -> String {
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let s = seconds.max(0);
    let two = |major: i64, unit: &str, minor: i64, small: &str| {
        if minor == 0 { format!("{major}{unit}") } else { format!("{major}{unit}{minor}{small}") }
    };
    match s {
        0..120 => format!("{s}s"),
        s if s < 10 * MINUTE => two(s / MINUTE, "m", s % MINUTE, "s"),
        s if s < 3 * HOUR => format!("{}m", s / MINUTE),
        s if s < 8 * HOUR => two(s / HOUR, "h", s % HOUR / MINUTE, "m"),
        s if s < 2 * DAY => format!("{}h", s / HOUR),
        s if s < 8 * DAY => two(s / DAY, "d", s % DAY / HOUR, "h"),
        s if s < 2 * YEAR => format!("{}d", s / DAY),
        s if s < 8 * YEAR => two(s / YEAR, "y", s % YEAR / DAY, "d"),
        s => format!("{}y", s / YEAR),
    }
}

/// Returns the seconds until [`human`] of this span changes, when a screen must be redrawn.
pub fn until_next_change(seconds: i64) -> i64 {
    let s = seconds.max(0);
    let step = match s {
        s if s < 10 * MINUTE => 1,
        s if s < 8 * HOUR => MINUTE,
        s if s < 8 * DAY => HOUR,
        _ => DAY,
    };
    step - s % step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_writes_them() {
        for (seconds, text) in [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (270, "4m30s"),
            (601, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 720, "3h12m"),
            (9 * HOUR, "9h"),
            (2 * DAY + 5 * HOUR, "2d5h"),
            (12 * DAY, "12d"),
            (2 * YEAR + 40 * DAY, "2y40d"),
            (9 * YEAR, "9y"),
        ] {
            assert_eq!(human(seconds), text, "{seconds}");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_age_does_not_change_before_it_says(s in 0_i64..400_000_000) {
            let next = until_next_change(s);
            assert!(next > 0);
            assert_eq!(human(s), human(s + next - 1));
        }
    }
}
