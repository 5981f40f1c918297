//! Times and short histories as text, the same wherever they are shown.

use crate::model::time::UnixSeconds;

/// Returns the time of day: `14:02:31`.
pub fn time_of_day(at: UnixSeconds, utc_offset_s: i64) -> String {
    let s = (at.0 + utc_offset_s).rem_euclid(24 * 3600);
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}
