//! Documents: what the engine learns of them, and what it wants done.

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
    /// Its lines, or why it could not be fetched.
    Opened { attempt: AttemptId, outcome: Result<Vec<Text>, ClusterError> },
    /// A Secret's values were handed over, or why not.
    Revealed { id: RequestId, outcome: Result<(), ClusterError> },
}

/// Work on a document.
#[derive(Debug, Clone)]
pub enum DocumentEffect {
    /// Fetch it.
    Open { session: Session, attempt: AttemptId, object: ObjectKey, kind: Box<Kind>, aspect: Aspect },
    /// Fetch a Secret with its values, and fill `reveal`.
    Reveal { session: Session, id: RequestId, object: ObjectKey, kind: Box<Kind>, reveal: Reveal },
    /// Stop fetching.
    Cancel(AttemptId),
}
