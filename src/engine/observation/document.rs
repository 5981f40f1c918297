//! Observations and effects about documents.

use super::{AttemptId, Session};
use crate::engine::cluster::ClusterError;
use crate::model::document::Aspect;
use crate::model::kind::Kind;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::{RequestId, Reveal};
use serde::{Deserialize, Serialize};

/// A fact about a document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum DocumentObservation {
    /// A [`DocumentEffect::Open`] ended.
    Opened {
        /// The attempt.
        attempt: AttemptId,
        /// Lines of the document, or why it could not be read.
        outcome: Result<Vec<Text>, ClusterError>,
    },
    /// A [`DocumentEffect::Reveal`] ended.
    Revealed {
        /// Id of the operation.
        id: RequestId,
        /// The error if the values were not handed over.
        outcome: Result<(), ClusterError>,
    },
}

/// Work on a document.
#[derive(Debug, Clone)]
pub enum DocumentEffect {
    /// Reads a document.
    Open {
        /// The connection.
        session: Session,
        /// Identity of this attempt.
        attempt: AttemptId,
        /// The object to read.
        object: ObjectKey,
        /// Its kind, as the cluster serves it.
        kind: Box<Kind>,
        /// The view of the object.
        aspect: Aspect,
    },
    /// Reads a Secret with its values.
    Reveal {
        /// The connection.
        session: Session,
        /// Id of the operation.
        id: RequestId,
        /// The Secret.
        object: ObjectKey,
        /// Its kind, as the cluster serves it.
        kind: Box<Kind>,
        /// Receives the YAML.
        reveal: Reveal,
    },
    /// Stops reading.
    Cancel(AttemptId),
}
