//! Opened documents: the YAML, the description or the events of one object.

use super::object::ObjectKey;
use super::text::Text;
use std::sync::Arc;

/// View of an object that a document shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Aspect {
    /// The object as YAML, Secret values masked.
    Yaml,
    /// As `kubectl describe`, with events, conditions and owner chain.
    Describe,
}

/// Longest document kept, in bytes; a longer one is cut, with a note at its end.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An opened document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The object it shows.
    pub object: ObjectKey,
    /// The view of the object.
    pub aspect: Aspect,
    /// Its text, or why there is none.
    pub body: Body,
}

/// Content of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// The first read is under way.
    Fetching,
    /// Lines without escapes or control characters; secrets masked.
    Ready(Arc<[Text]>),
    /// The document could not be read: why, and the next step.
    Failed(Text),
    /// The object was read and is deleted now; the last text stays.
    Gone(Arc<[Text]>),
}
