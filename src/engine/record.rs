//! A bounded recording of observations, and its replay: the same observations at the same moments
//! make the same snapshots. It holds no secret, because no observation does.

use super::fleet::Fleet;
use super::fleet::options::FleetOptions;
use super::observation::Observation;
use crate::model::time::Moment;
use crate::protocol::Snapshot;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One observation and when it was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    pub at: Moment,
    pub observation: Observation,
}

/// Keeps the first observations of an engine, from its start, because a replay needs the start;
/// those after the bound are counted, not kept.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// Written by the engine's loop, read by whoever saves the recording; held for a push or a clone.
    kept: Arc<Mutex<Kept>>,
    bound: usize,
}

#[derive(Debug, Default)]
struct Kept {
    records: Vec<Record>,
    missed: u64,
}

impl Recorder {
    /// Keeps at most `bound` observations.
    pub fn new(bound: usize) -> Self {
        Self { kept: Arc::default(), bound }
    }

    pub fn record(&self, at: Moment, observation: &Observation) {
        let mut kept = self.kept.lock();
        if kept.records.len() < self.bound {
            kept.records.push(Record { at, observation: observation.clone() });
        } else {
            kept.missed += 1;
        }
    }

    /// What was kept, and how many observations came after the bound.
    pub fn records(&self) -> (Vec<Record>, u64) {
        let kept = self.kept.lock();
        (kept.records.clone(), kept.missed)
    }
}

/// A recording as lines of JSON: first the options of its fleet, then one record a line.
pub fn to_lines(options: &FleetOptions, records: &[Record]) -> Result<String, serde_json::Error> {
    let mut out = serde_json::to_string(options)?;
    for record in records {
        out.push('\n');
        out.push_str(&serde_json::to_string(record)?);
    }
    out.push('\n');
    Ok(out)
}

/// Reads what [`to_lines`] wrote.
pub fn from_lines(text: &str) -> Result<(FleetOptions, Vec<Record>), serde_json::Error> {
    let mut lines = text.lines();
    let options = serde_json::from_str(lines.next().unwrap_or_default())?;
    let records = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok((options, records))
}

/// The snapshot that a fleet shows after these observations. Effects are not run: what came of them
/// is in the recording.
pub fn replay(options: FleetOptions, records: impl IntoIterator<Item = Record>) -> Arc<Snapshot> {
    let mut fleet = Fleet::new(options);
    for record in records {
        drop(fleet.on(record.observation, record.at));
    }
    fleet.publish().unwrap_or_else(|| fleet.last_published())
}
