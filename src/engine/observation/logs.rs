//! Observations and effects about logs.

use super::{AttemptId, Session};
use crate::engine::cluster::ClusterError;
use crate::model::logs::LogSource;
use crate::model::text::Text;
use serde::{Deserialize, Serialize};

/// A fact about a log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum LogsObservation {
    /// Reading the containers of the pod ended.
    Containers {
        /// The attempt.
        attempt: AttemptId,
        /// Names of the containers, or why they could not be read.
        outcome: Result<Vec<Text>, ClusterError>,
    },
    /// More lines arrived.
    Lines {
        /// The attempt.
        attempt: AttemptId,
        /// The lines, oldest first.
        lines: Vec<Text>,
    },
    /// The stream ended.
    Ended {
        /// The attempt.
        attempt: AttemptId,
        /// The error if it did not end by itself.
        outcome: Result<(), ClusterError>,
    },
}

/// Work on a log.
#[derive(Debug, Clone)]
pub enum LogsEffect {
    /// Reads the containers of the pod, and the lines.
    Follow {
        /// The connection.
        session: Session,
        /// Identity of this attempt.
        attempt: AttemptId,
        /// The container, and how much of its log to read.
        source: Box<LogSource>,
    },
    /// Stops reading.
    Cancel(AttemptId),
}
