//! Tables of metrics: a capability exposes the metrics of its table, and its document is written from it.

use prometheus_client::metrics::MetricType;
use std::fmt::Write as _;

/// Type of a metric, as in OpenMetrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A count that only grows.
    Counter,
    /// A value that grows and shrinks.
    Gauge,
    /// Values counted by buckets.
    Histogram,
    /// A constant 1; its label is the fact.
    Info,
}

/// A row of a [`MetricTable`].
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name without the prefix, and without the `_total` or `_info` that the format adds.
    pub name: &'static str,
    /// Type of the metric.
    pub kind: MetricKind,
    /// Names of its labels, in the order of their values.
    pub labels: &'static [&'static str],
    /// Its meaning and its unit, in one sentence.
    pub help: &'static str,
    /// True for a metric of the process, which keeps the name that every exporter uses.
    pub process: bool,
}

/// The metrics of one capability, in the order of their exposition.
#[derive(Debug, Clone, Copy)]
pub struct MetricTable {
    /// Prefix of every name except those of the process: `qd_proxy`.
    pub prefix: &'static str,
    /// The metrics.
    pub rows: &'static [Metric],
}

impl Metric {
    /// Returns a metric of a capability.
    pub const fn new(
        name: &'static str,
        kind: MetricKind,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind, labels, help, process: false }
    }

    /// Returns a metric of the process, without labels.
    pub const fn of_process(name: &'static str, kind: MetricKind, help: &'static str) -> Self {
        Self { name, kind, labels: &[], help, process: true }
    }

    pub(crate) fn metric_type(&self) -> MetricType {
        match self.kind {
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Gauge => MetricType::Gauge,
            MetricKind::Histogram => MetricType::Histogram,
            MetricKind::Info => MetricType::Info,
        }
    }
}

impl MetricTable {
    /// Returns the name that a query uses.
    pub fn full_name(&self, metric: &Metric) -> String {
        let suffix = match metric.kind {
            MetricKind::Counter => "_total",
            MetricKind::Info => "_info",
            MetricKind::Gauge | MetricKind::Histogram => "",
        };
        let name = metric.name;
        if metric.process { format!("{name}{suffix}") } else { format!("{}_{name}{suffix}", self.prefix) }
    }

    /// Returns the table as Markdown, for the documents.
    pub fn markdown(&self) -> String {
        let mut table = String::from("| metric | type | labels | what it says |\n|---|---|---|---|\n");
        for metric in self.rows {
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let kind = match metric.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram => "histogram",
                MetricKind::Info => "info",
            };
            let name = self.full_name(metric);
            let _ = writeln!(table, "| `{name}` | {kind} | {} | {} |", labels.join(", "), metric.help);
        }
        table
    }
}
