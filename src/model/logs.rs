//! Where logs come from.

use super::object::ObjectKey;
use super::text::Text;

/// Where the logs come from and how much of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogSource {
    /// The pod.
    pub pod: ObjectKey,
    /// Empty: the only container, or the one `kubectl logs` would choose.
    pub container: Text,
    pub follow: bool,
    pub previous: bool,
    pub timestamps: bool,
    /// Seconds back; `None` with `tail_lines` `None` is from the beginning.
    pub since_s: Option<u32>,
    pub tail_lines: Option<u32>,
}
