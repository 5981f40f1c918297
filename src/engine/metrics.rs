//! Building blocks of OpenMetrics: tables of metrics, histograms, labelled counters, the figures of the process.

pub mod exposition;
pub(crate) mod histogram;
pub(crate) mod labelled;
pub(crate) mod process;
pub mod table;
