//! Logs of containers: followed until they are stopped.

use crate::model::logs::LogSource;
use crate::model::text::Text;
use crate::protocol::RequestId;
use std::sync::Arc;

/// Lines kept of one stream; the oldest go first, and are counted.
pub const LOG_LINES_MAX: usize = 5_000;

/// The logs of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct LogStream {
    pub source: LogSource,
    pub state: LogStreamState,
    /// The newest lines, oldest first, at most [`LOG_LINES_MAX`], without escapes.
    pub lines: Arc<[Arc<str>]>,
    /// Lines that went because of the bound.
    pub dropped: u64,
    /// All containers of the pod, for the chooser.
    pub containers: Arc<[Text]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogStreamState {
    Opening,
    Following,
    Ended,
    Failed(Text),
}

/// A request about logs.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum LogsRequest {
    /// Reads a log, and follows it where its source says so.
    Follow { id: RequestId, source: LogSource },
    /// Stops it.
    Stop(RequestId),
}
