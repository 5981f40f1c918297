//! What was measured, against what it must be, as a table.

use std::fmt::Write as _;

/// How a value is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Microseconds,
    Milliseconds,
    Seconds,
    Kibibytes,
    Mebibytes,
    /// Of one core.
    Percent,
    Times,
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Microseconds => format!("{value:.1} µs"),
            Self::Milliseconds if value < 10.0 => format!("{value:.1} ms"),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Kibibytes => format!("{value:.1} KiB"),
            Self::Mebibytes => format!("{value:.0} MiB"),
            Self::Percent => format!("{value:.1} %"),
            Self::Times => format!("{value:.2}x"),
            Self::Count => format!("{value:.0}"),
        }
    }
}

/// One line of a table: what was measured, every run of it, and the most it may be.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) runs: Vec<f64>,
    /// `None`: nothing is required; it is there to compare with.
    pub(crate) must: Option<f64>,
}

impl Figure {
    pub(crate) fn new(what: &str, unit: Unit, must: impl Into<Option<f64>>) -> Self {
        Self { what: what.to_owned(), unit, runs: Vec::new(), must: must.into() }
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.runs.push(value);
    }

    /// The middle run.
    pub(crate) fn median(&self) -> f64 {
        percentile(&self.runs, 50.0)
    }

    /// The largest run.
    fn worst(&self) -> f64 {
        percentile(&self.runs, 100.0)
    }

    /// Judged by the worst run: what holds only sometimes does not hold.
    fn verdict(&self) -> &'static str {
        match self.must {
            None => "",
            Some(_) if self.runs.is_empty() => "not measured",
            Some(must) if self.worst() <= must => "yes",
            Some(must) if self.median() <= must => "not in every run",
            Some(_) => "**no**",
        }
    }

    fn line(&self) -> String {
        let must = self.must.map_or_else(String::new, |must| format!("≤ {}", self.unit.show(must)));
        let [median, worst] = if self.runs.is_empty() {
            ["-".to_owned(), "-".to_owned()]
        } else {
            [self.unit.show(self.median()), self.unit.show(self.worst())]
        };
        format!("| {} | {median} | {worst} | {} | {must} | {} |", self.what, self.runs.len(), self.verdict())
    }
}

/// The value that so many percent of all are not above; 0 of nothing.
pub(crate) fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank among at most some thousand values"
    )]
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// A Markdown table.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut out = "| figure | median | worst | runs | must | held |\n|---|---:|---:|---:|---:|---|\n".to_owned();
    for figure in figures {
        // Writing to a String cannot fail.
        let _ok = writeln!(out, "{}", figure.line());
    }
    out
}
