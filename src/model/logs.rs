//! Sources of container logs.

use super::object::ObjectKey;
use super::text::Text;

/// Container whose log is read, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogSource {
    /// The pod.
    pub pod: ObjectKey,
    /// Name of the container; empty means the only one, or the one `kubectl logs` would choose.
    pub container: Text,
    /// Keeps the stream open for new lines.
    pub follow: bool,
    /// Reads the previous instance of the container.
    pub previous: bool,
    /// Asks the server to begin each line with its time.
    pub timestamps: bool,
    /// Start of the log, in seconds before now; if `tail_lines` is `None` too, the log is read from its beginning.
    pub since_s: Option<u32>,
    /// Number of lines to begin with, counted from the end; `None` sets no limit.
    pub tail_lines: Option<u32>,
}
