//! A bounded recording of observations, and its replay: the same observations at the same times
//! lead to the same snapshots. A recording holds no secret, because no observation does.

use super::fleet::Fleet;
use super::fleet::options::FleetOptions;
use super::observation::Observation;
use crate::model::time::Moment;
use crate::protocol::Snapshot;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An observation and its time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Time of the observation.
    pub at: Moment,
    /// The observation.
    pub observation: Observation,
}

/// Keeps the first observations of an engine, from its start, because a replay needs the start; observations beyond the
/// bound are counted, not kept.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// Written by the engine's loop, read when a recording is saved; locked for a push or a clone.
    kept: Arc<Mutex<Kept>>,
    bound: usize,
}

#[derive(Debug, Default)]
struct Kept {
    records: Vec<Record>,
    missed: u64,
}

impl Recorder {
    /// Returns a recorder that keeps at most `bound` observations.
    pub fn new(bound: usize) -> Self {
        Self { kept: Arc::default(), bound }
    }

    /// Keeps the observation, or counts it if the bound is reached.
    pub fn record(&self, at: Moment, observation: &Observation) {
        let mut kept = self.kept.lock();
        if kept.records.len() < self.bound {
            kept.records.push(Record { at, observation: observation.clone() });
        } else {
            kept.missed += 1;
        }
    }

    /// Returns the observations kept, and the number of those beyond the bound.
    pub fn records(&self) -> (Vec<Record>, u64) {
        let kept = self.kept.lock();
        (kept.records.clone(), kept.missed)
    }
}

/// Returns a recording as lines of JSON: first the options of its fleet, then one record a line. Fails if a value
/// cannot be serialized.
pub fn to_lines(options: &FleetOptions, records: &[Record]) -> Result<String, serde_json::Error> {
    let mut out = serde_json::to_string(options)?;
    for record in records {
        out.push('\n');
        out.push_str(&serde_json::to_string(record)?);
    }
    out.push('\n');
    Ok(out)
}

/// Parses the lines of [`to_lines`]. Fails if a line is not JSON, or is of another version.
pub fn from_lines(text: &str) -> Result<(FleetOptions, Vec<Record>), serde_json::Error> {
    let mut lines = text.lines();
    let options = serde_json::from_str(lines.next().unwrap_or_default())?;
    let records = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok((options, records))
}

/// Returns the snapshot of a fleet after these observations. Effects are not run: their results are in the recording.
pub fn replay(options: FleetOptions, records: impl IntoIterator<Item = Record>) -> Arc<Snapshot> {
    let mut fleet = Fleet::new(options);
    for record in records {
        drop(fleet.on(record.observation, record.at));
    }
    fleet.publish().unwrap_or_else(|| fleet.last_published())
}
