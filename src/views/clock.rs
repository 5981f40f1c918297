//! Times and short histories as text, the same wherever they are shown.

use crate::model::time::UnixSeconds;

/// Returns the time of day: `14:02:31`.
pub fn time_of_day(at: UnixSeconds, utc_offset_s: i64) -> String {
    let s = (at.0 + utc_offset_s).rem_euclid(24 * 3600);
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// Bars of a history: five minutes at a probe every 30 s.
const BARS: usize = 10;

/// Returns the newest values as bars, the highest of them full; a cross stands for a failure.
pub fn sparkline(values: &[Option<u32>]) -> String {
    let newest = values.get(values.len().saturating_sub(BARS)..).unwrap_or_default();
    sparkline_to(newest, newest.iter().flatten().max().copied().unwrap_or_default())
}

/// Returns the newest values as bars, of which one as high as `highest` is full; a cross stands for a failure.
pub fn sparkline_to(values: &[Option<u32>], highest: u32) -> String {
    const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let newest = values.get(values.len().saturating_sub(BARS)..).unwrap_or_default();
    let highest = highest.max(1);
    let bar = |value: &Option<u32>| match value {
        None => '✗',
        Some(value) => {
            let step = u64::from(*value) * 7 / u64::from(highest);
            usize::try_from(step).ok().and_then(|step| STEPS.get(step)).copied().unwrap_or('█')
        }
    };
    newest.iter().map(bar).collect()
}
