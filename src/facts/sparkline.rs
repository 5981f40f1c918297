//! Short histories as bars of text.

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
