//! Documents of objects, kept current while they are open; and values of a Secret, handed over once.

use crate::model::document::Aspect;
use crate::model::object::ObjectKey;
use crate::protocol::RequestId;
use std::sync::{Arc, OnceLock};

/// A revealed value, handed over once and owned by the overlay that requested it; never part of a snapshot.
#[derive(Clone, Default)]
pub struct Reveal(Arc<OnceLock<String>>);

impl Reveal {
    /// Sets the value; a second one is ignored.
    pub fn fill(&self, text: String) {
        drop(self.0.set(text));
    }

    /// Returns the value once it is set.
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
    Open {
        /// Id of the document, for [`DocumentRequest::Close`].
        id: RequestId,
        /// The object to show.
        object: ObjectKey,
        /// The view of the object.
        aspect: Aspect,
    },
    /// Closes a document.
    Close(RequestId),
    /// Reads the YAML of a Secret with its values decoded, once.
    RevealSecret {
        /// Id of the operation.
        id: RequestId,
        /// The Secret.
        object: ObjectKey,
        /// Receives the YAML; never recorded.
        #[serde(skip)]
        reveal: Reveal,
    },
}
