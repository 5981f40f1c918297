//! Opened documents: the YAML, the description or the events of one object.

use super::object::ObjectKey;
use super::text::Text;
use std::sync::Arc;

/// What of an object is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Aspect {
    /// The object as YAML, Secret values masked.
    Yaml,
    /// As `kubectl describe`, with events, conditions and owner chain.
    Describe,
}

/// The longest document kept, in bytes; the rest is cut and said.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One opened document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub object: ObjectKey,
    pub aspect: Aspect,
    pub body: Body,
}

/// What is there of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Fetching,
    /// Lines without escapes or control characters; secrets masked.
    Ready(Arc<[Text]>),
    /// Why not, and the next step.
    Failed(Text),
    /// It was there and is deleted now; the last text stays.
    Gone(Arc<[Text]>),
}
