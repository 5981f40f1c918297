//! The writing half of the port: one change to one object, and what became of it.
//!
//! The point of [`WriteError`] is the difference between what certainly did not happen and what may have happened.

use super::ClusterError;
use crate::model::cluster::ClusterName;
use crate::model::kind::Kind;
use crate::model::name::Name;
use crate::model::text::Text;
use futures::future::BoxFuture;
use serde_json::Value;
use std::fmt::{self, Debug};
use std::time::Duration;

/// The only way to change a cluster. The transport refuses every change where the access level is read-only, before
/// anything is sent.
pub trait ClusterWriter: Send + Sync + Debug {
    /// Reads the object, or its subresource, as it is now, whole. Fails as every read does: nothing is changed by it.
    fn read(&self, target: WriteTarget) -> BoxFuture<'_, Result<Value, ClusterError>>;

    /// Sends one change, once. Returns the object as the server left it; a delete that is done at once returns a
    /// `metav1.Status`. Fails with what is known of the change.
    fn write(&self, request: WriteRequest) -> BoxFuture<'_, Result<Value, WriteError>>;

    /// Asks with one SelfSubjectAccessReview whether the user may do something. It is a POST: where the access level is
    /// read-only it fails with `Denied` and nothing is sent.
    fn review(&self, question: AccessQuestion) -> BoxFuture<'_, Result<AccessAnswer, ClusterError>>;
}

/// The object, or the subresource of an object, that is read or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteTarget {
    /// The cluster it is meant for; any other refuses it.
    pub cluster: ClusterName,
    /// Kind of the object, as the cluster serves it.
    pub kind: Kind,
    /// Ignored for cluster-scoped kinds.
    pub namespace: Option<Name>,
    /// Name of the object.
    pub name: Name,
    /// `scale`; `None` for the object itself.
    pub subresource: Option<Name>,
}

/// A change of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteRequest {
    /// The object.
    pub target: WriteTarget,
    /// The change.
    pub body: WriteBody,
    /// The state of the object that the change is meant for.
    pub preconditions: Preconditions,
    /// The server checks the change, admission included, and keeps nothing of it.
    pub dry_run: bool,
    /// How long to wait for the answer; `None` is the deadline of the cluster's requests. Logging in before does not count.
    pub deadline: Option<Duration>,
}

/// The state of the object that a change is meant for; in any other state the change is a [`WriteError::Conflict`]. Empty
/// for a create.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// `metadata.uid`.
    pub uid: Option<Text>,
    /// `metadata.resourceVersion`.
    pub resource_version: Option<Text>,
}

/// The change itself. `Debug` shows no values: they may be a Secret's.
#[derive(Clone, PartialEq)]
pub enum WriteBody {
    /// Deletes the object.
    Delete(DeleteOptions),
    /// RFC 7386. The preconditions are added to it.
    MergePatch(Value),
    /// RFC 6902, a list of operations. The preconditions are added to it.
    JsonPatch(Value),
    /// The whole object; its name must be the target's.
    Create(Value),
}

impl Debug for WriteBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete(options) => f.debug_tuple("Delete").field(options).finish(),
            Self::MergePatch(_) => f.write_str("MergePatch(..)"),
            Self::JsonPatch(_) => f.write_str("JsonPatch(..)"),
            Self::Create(_) => f.write_str("Create(..)"),
        }
    }
}

/// How an object goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// `None`: the default of the kind.
    pub propagation: Option<Propagation>,
    /// `None`: the default of the object; 0 deletes at once.
    pub grace_period_s: Option<u32>,
}

/// The fate of the objects that a deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Propagation {
    /// Deleted after it.
    Background,
    /// Deleted before it.
    Foreground,
    /// Kept.
    Orphan,
}

impl Propagation {
    /// As `DeleteOptions.propagationPolicy` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Background => "Background",
            Self::Foreground => "Foreground",
            Self::Orphan => "Orphan",
        }
    }
}

/// The resource attributes of a SelfSubjectAccessReview.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessQuestion {
    /// `delete`, `patch`, ...
    pub verb: Text,
    /// Empty for the core group.
    pub group: Text,
    /// The plural: `deployments`.
    pub resource: Text,
    /// Empty for the object itself.
    pub subresource: Text,
    /// `None`: all namespaces, or a cluster-scoped kind.
    pub namespace: Option<Text>,
    /// `None`: every name.
    pub name: Option<Text>,
}

/// The server's answer to an [`AccessQuestion`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessAnswer {
    /// True if the user may do it.
    pub allowed: bool,
    /// The server's reason; often empty where it does not allow.
    pub reason: Text,
}

/// Why a change was not acknowledged. Texts are one line, harmless and bounded: the server's own sentence where there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum WriteError {
    /// 404: neither the object nor its kind is there.
    #[error("{0}")]
    NotFound(Text),
    /// 409: another uid or resourceVersion than the preconditions name, or, of a create, the object exists.
    #[error("{0}")]
    Conflict(Text),
    /// 422: the object would not be valid.
    #[error("{0}")]
    Invalid(Text),
    /// RBAC or admission does not allow it.
    #[error("{0}")]
    Denied(Text),
    /// 429, with the server's wish for a pause.
    #[error("{what}")]
    Throttled {
        /// The sentence of the server.
        what: Text,
        /// `Retry-After`; `None` if the server gives none.
        retry_after: Option<Duration>,
    },
    /// 413: the server takes no request of this size.
    #[error("{0}")]
    TooLarge(Text),
    /// A dry run that an admission webhook cannot take, because it has side effects.
    #[error("{0}")]
    DryRunUnsupported(Text),
    /// Any other answer that says for certain that nothing was done.
    #[error("{0}")]
    Refused(Text),
    /// Nothing left for the API server, or it did not accept who we are: no connection, no login, a read-only cluster.
    #[error("{0}")]
    NotSent(Text),
    /// Sent, and no answer that tells: cut, late, or a 5xx. The change may have been done: look before doing anything else.
    #[error("{0}")]
    Unknown(Text),
}

impl WriteError {
    /// Returns true if nothing was done for certain.
    pub fn is_certain(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}
