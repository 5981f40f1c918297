//! Logs of containers: followed until they are stopped.

use crate::model::logs::LogSource;
use crate::model::text::Text;
use crate::protocol::RequestId;
use std::sync::Arc;

/// Lines kept of one stream; the oldest are dropped and counted.
pub const LOG_LINES_MAX: usize = 5_000;

/// The log of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct LogStream {
    /// The container, and how much of its log is read.
    pub source: LogSource,
    /// State of the stream.
    pub state: LogStreamState,
    /// The newest lines, oldest first, at most [`LOG_LINES_MAX`], without escapes.
    pub lines: Arc<[Arc<str>]>,
    /// Lines dropped because of the bound.
    pub dropped: u64,
    /// All containers of the pod, for the chooser.
    pub containers: Arc<[Text]>,
}

/// State of a [`LogStream`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogStreamState {
    /// The first lines have not arrived yet.
    Opening,
    /// The stream is open.
    Following,
    /// The stream has ended; its lines stay.
    Ended,
    /// The stream failed, with the reason.
    Failed(Text),
}

/// A request about logs.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum LogsRequest {
    /// Reads a log, and follows it if its source asks for that.
    Follow {
        /// Id of the stream, for [`LogsRequest::Stop`].
        id: RequestId,
        /// The container, and how much of its log to read.
        source: LogSource,
    },
    /// Stops a stream.
    Stop(RequestId),
}
