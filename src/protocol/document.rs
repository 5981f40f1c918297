//! Documents of objects: opened, kept current, closed; and the values of a Secret, handed over once.

use crate::model::document::Aspect;
use crate::model::object::ObjectKey;
use crate::protocol::RequestId;
use std::sync::{Arc, OnceLock};

/// A revealed value, handed over once and owned by the overlay that asked; never part of a snapshot.
#[derive(Clone, Default)]
pub struct Reveal(Arc<OnceLock<String>>);

impl Reveal {
    /// Fills it; a second value is ignored.
    pub fn fill(&self, text: String) {
        drop(self.0.set(text));
    }

    /// The value, once it is there.
    pub fn text(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl std::fmt::Debug for Reveal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.get().is_some() { "Reveal(filled)" } else { "Reveal(empty)" })
    }
}

/// A request about a document.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum DocumentRequest {
    /// Opens a document and keeps it current until it is closed.
    Open { id: RequestId, object: ObjectKey, aspect: Aspect },
    /// Closes it.
    Close(RequestId),
    /// Hands over the YAML of a Secret with its values decoded, once.
    RevealSecret {
        id: RequestId,
        object: ObjectKey,
        #[serde(skip)]
        reveal: Reveal,
    },
}
