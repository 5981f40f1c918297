//! Logs: what the engine learns of them, and what it wants done.

use super::{AttemptId, Session};
use crate::engine::cluster::ClusterError;
use crate::model::logs::LogSource;
use crate::model::text::Text;
use serde::{Deserialize, Serialize};

/// A fact about a log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum LogsObservation {
    /// The names of the pod's containers.
    Containers { attempt: AttemptId, outcome: Result<Vec<Text>, ClusterError> },
    /// More lines.
    Lines { attempt: AttemptId, lines: Vec<Text> },
    /// The stream ended.
    Ended { attempt: AttemptId, outcome: Result<(), ClusterError> },
}

/// Work on a log.
#[derive(Debug, Clone)]
pub enum LogsEffect {
    /// Read the pod's containers, and the lines.
    Follow { session: Session, attempt: AttemptId, source: LogSource },
    /// Stop reading.
    Cancel(AttemptId),
}
