//! OpenMetrics text, written from tables on request.

use super::histogram::Histogram;
use super::labelled::Labels;
use super::table::Metric;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use std::fmt;

/// Content type of an exposition.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writer of one metric.
pub(crate) struct Family<'a>(MetricEncoder<'a>);

/// Begins a metric. Fails if the text could not be written.
pub(crate) fn family<'a>(to: &'a mut DescriptorEncoder<'_>, metric: &'a Metric) -> Result<Family<'a>, fmt::Error> {
    to.encode_descriptor(metric.name, trimmed(metric.help), None, metric.metric_type()).map(Family)
}

/// Returns the help without its full stop: the format adds one.
fn trimmed(help: &str) -> &str {
    help.strip_suffix('.').unwrap_or(help)
}

pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

impl Family<'_> {
    fn with(&mut self, labels: Pairs<'_>, write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result) -> fmt::Result {
        // No labels are written as none, not as an empty pair of braces.
        if labels.is_empty() { write(&mut self.0) } else { write(&mut self.0.encode_family(&labels)?) }
    }

    pub(crate) fn info(mut self, labels: Pairs<'_>) -> fmt::Result {
        self.0.encode_info(&labels)
    }

    pub(crate) fn counter(&mut self, labels: Pairs<'_>, value: u64) -> fmt::Result {
        self.with(labels, |to| to.encode_counter::<NoLabelSet, _, u64>(&value, None))
    }

    pub(crate) fn seconds(&mut self, labels: Pairs<'_>, value: f64) -> fmt::Result {
        self.with(labels, |to| to.encode_counter::<NoLabelSet, _, f64>(&value, None))
    }

    pub(crate) fn gauge(&mut self, labels: Pairs<'_>, value: i64) -> fmt::Result {
        self.with(labels, |to| to.encode_gauge(&value))
    }

    pub(crate) fn histogram(&mut self, labels: Pairs<'_>, from: &Histogram) -> fmt::Result {
        let (sum, count, buckets) = from.read();
        self.with(labels, |to| to.encode_histogram::<NoLabelSet>(sum, count, &buckets, None))
    }
}

pub(crate) const NONE: Pairs<'static> = &[];

/// Returns the labels of a series, each with its name.
pub(crate) fn pairs<'a>(metric: &Metric, labels: &'a Labels) -> Vec<(&'static str, &'a str)> {
    metric.labels.iter().copied().zip(labels.iter().map(|label| &**label)).collect()
}
