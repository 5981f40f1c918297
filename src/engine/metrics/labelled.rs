//! Metrics of rare events, by labels, under one short lock.

use super::table::Metric;
use parking_lot::Mutex;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Series of all these metrics together; further ones are dropped.
const MAX: usize = 2_048;

/// Values of a metric's labels; an unused second one is empty.
pub(crate) type Labels = [Cow<'static, str>; 2];

#[derive(Debug, Default)]
pub(crate) struct LabelledMetrics {
    counts: Mutex<BTreeMap<(&'static str, Labels), u64>>,
    gauges: Mutex<BTreeMap<(&'static str, Labels), i64>>,
}

/// Returns a label that is known at compile time.
pub(crate) fn word(text: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(text)
}

/// Returns a label that is known at run time only, such as a cluster's name.
pub(crate) fn name(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

impl LabelledMetrics {
    pub(crate) fn count(&self, metric: &Metric, labels: Labels) {
        self.add(metric, labels, 1);
    }

    pub(crate) fn add(&self, metric: &Metric, labels: Labels, times: u64) {
        let mut counts = self.counts.lock();
        let full = counts.len() >= MAX;
        match counts.get_mut(&(metric.name, labels.clone())) {
            Some(count) => *count += times,
            None if full => {}
            None => drop(counts.insert((metric.name, labels), times)),
        }
    }

    pub(crate) fn set(&self, metric: &Metric, label: Cow<'static, str>, value: i64) {
        let mut gauges = self.gauges.lock();
        let key = (metric.name, [label, word("")]);
        if gauges.len() < MAX || gauges.contains_key(&key) {
            gauges.insert(key, value);
        }
    }

    pub(crate) fn counts_of(&self, metric: &Metric) -> Vec<(Labels, u64)> {
        let of = |((name, labels), count): (&(&'static str, Labels), &u64)| {
            (*name == metric.name).then(|| (labels.clone(), *count))
        };
        self.counts.lock().iter().filter_map(of).collect()
    }

    pub(crate) fn gauges_of(&self, metric: &Metric) -> Vec<(Labels, i64)> {
        let of = |((name, labels), value): (&(&'static str, Labels), &i64)| {
            (*name == metric.name).then(|| (labels.clone(), *value))
        };
        self.gauges.lock().iter().filter_map(of).collect()
    }
}
