//! Histograms of times that many threads fill at once, without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const MICROS: u64 = 1_000;
const MILLIS: u64 = 1_000_000;

/// Buckets for the time the proxy itself adds: those of kube-apiserver begin at 5 ms and would show one bar.
pub(crate) const OVERHEAD: &[u64] = &[
    10 * MICROS,
    20 * MICROS,
    35 * MICROS,
    50 * MICROS,
    75 * MICROS,
    100 * MICROS,
    150 * MICROS,
    250 * MICROS,
    500 * MICROS,
    MILLIS,
    2_500 * MICROS,
    5 * MILLIS,
    10 * MILLIS,
    25 * MILLIS,
    50 * MILLIS,
    100 * MILLIS,
];

/// Buckets for whole requests, and for the time in API servers.
pub(crate) const REQUEST: &[u64] = &[
    250 * MICROS,
    500 * MICROS,
    MILLIS,
    2_500 * MICROS,
    5 * MILLIS,
    10 * MILLIS,
    25 * MILLIS,
    50 * MILLIS,
    100 * MILLIS,
    250 * MILLIS,
    500 * MILLIS,
    1_000 * MILLIS,
    2_500 * MILLIS,
    5_000 * MILLIS,
    10_000 * MILLIS,
    30_000 * MILLIS,
    60_000 * MILLIS,
];

/// Counts by fixed upper bounds, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// Counts by bucket; the last bucket has no upper bound.
    counts: Box<[AtomicU64]>,
    nanos: AtomicU64,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, nanos: AtomicU64::new(0) }
    }

    pub(crate) fn observe(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let place = self.bounds.partition_point(|bound| *bound < nanos);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Relaxed);
            self.nanos.fetch_add(nanos, Relaxed);
        }
    }

    /// Returns the sum in seconds, the count, and each bucket's bound in seconds with its own count.
    pub(crate) fn read(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let bounds = self.bounds.iter().map(|nanos| seconds(*nanos)).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts.iter().map(|count| count.load(Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        (seconds(self.nanos.load(Relaxed)), count, buckets)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| count.load(Relaxed) == 0)
    }
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

/// Microseconds below this have a bucket each.
const FINE: u64 = 16;
/// Four buckets for each power of two up to 2^36 µs, some 19 hours.
const BUCKETS: usize = 16 + 4 * 32;

/// Latencies for percentiles, right within 25 %: 576 bytes.
#[derive(Debug)]
pub(crate) struct Latency([AtomicU32; BUCKETS]);

impl Latency {
    pub(crate) fn new() -> Self {
        Self([const { AtomicU32::new(0) }; BUCKETS])
    }

    pub(crate) fn observe(&self, micros: u64) {
        if let Some(count) = self.0.get(bucket(micros)) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn clear(&self) {
        for count in &self.0 {
            count.store(0, Relaxed);
        }
    }
}

fn bucket(micros: u64) -> usize {
    if micros < FINE {
        return usize::try_from(micros).unwrap_or(0);
    }
    let power = u64::from(micros.ilog2());
    let quarter = (micros >> (power - 2)) & 3;
    usize::try_from(FINE + (power - 4) * 4 + quarter).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The greatest number of microseconds of a bucket.
fn upper(bucket: usize) -> u64 {
    let place = bucket as u64;
    if place < FINE {
        return place;
    }
    let (power, quarter) = ((place - FINE) / 4 + 4, (place - FINE) % 4);
    (1 << power) + ((quarter + 1) << (power - 2)) - 1
}

/// Returns percentiles over several histograms together, in microseconds; `None` if all are empty.
pub(crate) fn percentiles<const N: usize>(of: &[&Latency], wanted: [u32; N]) -> Option<[u64; N]> {
    let count = |bucket: usize| -> u64 {
        of.iter().filter_map(|one| one.0.get(bucket)).map(|count| u64::from(count.load(Relaxed))).sum()
    };
    let counts: Vec<u64> = (0..BUCKETS).map(count).collect();
    let all: u64 = counts.iter().sum();
    if all == 0 {
        return None;
    }
    Some(wanted.map(|percent| {
        let rank = (all * u64::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        let place = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        upper(place.unwrap_or(BUCKETS - 1))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_on_a_bound_is_within_it() {
        let histogram = Histogram::new(OVERHEAD);
        histogram.observe(Duration::from_micros(10));
        histogram.observe(Duration::from_micros(11));
        histogram.observe(Duration::from_secs(9));
        let (sum, count, buckets) = histogram.read();
        assert_eq!(count, 3);
        assert_eq!(buckets[0].1, 1);
        assert_eq!(buckets[1].1, 1);
        assert_eq!(buckets[OVERHEAD.len()], (f64::INFINITY, 1));
        assert!((sum - 9.000_021).abs() < 1e-9);
    }

    #[test]
    fn bounds_rise() {
        assert!(OVERHEAD.is_sorted() && REQUEST.is_sorted());
    }

    #[test]
    fn every_latency_is_within_its_bucket_and_near_its_bound() {
        for micros in (0..3_000).chain([60_000_000, 1 << 33, u64::MAX >> 28]) {
            let bound = upper(bucket(micros));
            assert!(bound >= micros, "{micros} {bound}");
            assert!(bound <= micros + micros / 4 + 1, "{micros} {bound}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_count_over_all_windows() {
        let (old, new) = (Latency::new(), Latency::new());
        assert_eq!(percentiles(&[&old, &new], [50, 99]), None);
        for _ in 0..98 {
            old.observe(10);
        }
        new.observe(1_000);
        new.observe(1_000);
        assert_eq!(percentiles(&[&old, &new], [50, 98]), Some([10, 10]));
        let [p99] = percentiles(&[&old, &new], [99]).unwrap();
        assert!((1_000..1_250).contains(&p99));
        old.clear();
        assert_eq!(percentiles(&[&old], [50]), None);
    }
}
