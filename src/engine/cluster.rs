//! The port: what the engine needs of a cluster. `engine/k8s` is the adapter for real API servers;
//! the simulated world of the tests is another.

pub mod verdict;
mod write;

pub use write::{
    AccessAnswer, AccessQuestion, ClusterWriter, DeleteOptions, Preconditions, Propagation, WriteBody, WriteError,
    WriteRequest, WriteTarget,
};

use crate::model::cell::Column;
use crate::model::cluster::{ClusterEntry, ClusterName};
use crate::model::document::Aspect;
use crate::model::kind::{Catalog, Kind};
use crate::model::logs::LogSource;
use crate::model::name::Name;
use crate::model::object::{ObjectKey, Row};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Why a cluster did not answer as asked. Texts are one line, harmless, and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum ClusterError {
    /// No connection: refused, no route, name not found, TLS broken, deadline passed.
    #[error("{0}")]
    Unreachable(Text),
    /// 401, or a credential plugin failed: what to do about it.
    #[error("{0}")]
    AuthNeeded(Text),
    /// 403: the server's own sentence; or a request that the cluster's access level does not let leave.
    #[error("{0}")]
    Denied(Text),
    /// 404 on a kind (not served), or on an object.
    #[error("{0}")]
    NotFound(Text),
    /// 410: the resourceVersion or the continue token is too old; list again.
    #[error("resource version expired")]
    Expired,
    /// 429 or 503 with the server's wish for a pause.
    #[error("{what}")]
    Throttled { what: Text, retry_after: Option<Duration> },
    /// Any other status, or an answer that is not Kubernetes'.
    #[error("{0}")]
    Failed(Text),
}

/// What a successful probe learnt.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Probe {
    pub latency: Duration,
    /// `gitVersion`; asked when not yet known or after a reconnect.
    pub version: Option<Text>,
    /// The first credential or certificate to end, and which one it is.
    pub expiry: Option<(UnixSeconds, Text)>,
}

/// Who a cluster says it is.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// The uid of `kube-system`; empty where it may not be read.
    pub uid: Text,
    pub properties: BTreeMap<Text, Text>,
}

/// One list and watch.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchSpec {
    pub kind: Kind,
    /// A label selector; empty for none.
    pub selector: Text,
    /// A field selector (`type=Warning`); empty for none.
    pub fields: Text,
    /// Only these; `None` is all namespaces in one list.
    pub namespaces: Option<Arc<[Text]>>,
}

/// What a watch brings. After an error the stream goes on when polled again: the caller waits first.
///
/// A watch of several namespaces is several lists in one stream, each with its own `Started` and
/// `Listed`; they come interleaved, and one may start again while the others go on.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum WatchItem {
    /// A (re)list begins. What follows until `Listed` of the same `namespace` replaces the rows of
    /// that namespace, or all rows where it is `None` (one list of everything the spec names).
    /// Columns that differ from those before hold for all rows; every namespace starts again then.
    Started {
        namespace: Option<Text>,
        columns: Arc<[Column]>,
        expected: Option<u32>,
    },
    /// One object of the list, or a change after it. Bytes are those of its text on the wire.
    Applied {
        row: Box<Row>,
        bytes: u32,
    },
    /// The list of this namespace (`None`: the one list) is complete.
    Listed {
        namespace: Option<Text>,
    },
    Deleted {
        namespace: Text,
        name: Text,
    },
    /// Whether changes come after the list; told when that turns out to be otherwise than before. `denied` is the
    /// server's sentence where it lets us list and not watch: the list comes again after a while.
    Watching {
        namespace: Option<Text>,
        denied: Option<Text>,
    },
}

/// One question for a script: read once, print, forget.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub kind: Kind,
    /// `None` is all namespaces; ignored for cluster-scoped kinds.
    pub namespace: Option<Name>,
    /// One object by name; `None` lists.
    pub name: Option<Name>,
    /// A label selector; empty for none.
    pub selector: Text,
    /// A field selector; empty for none.
    pub fields: Text,
    pub form: Form,
}

/// How the answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The server's own Table; with the whole object beside each row where asked (to sort by its fields).
    Table { with_objects: bool },
    /// Whole objects; without `metadata.managedFields` unless asked.
    Objects { managed_fields: bool },
}

/// What a [`Query`] brings.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Table(Table),
    /// Each with its `apiVersion` and `kind`.
    Objects(Vec<ObjectText>),
}

/// An object as JSON text without blanks, its keys in order. Taken apart it would need some fifteen times the memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectText(Box<str>);

impl ObjectText {
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The object, taken apart.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<&serde_json::Value> for ObjectText {
    fn from(object: &serde_json::Value) -> Self {
        Self(object.to_string().into())
    }
}

/// A server's Table: cells as text, harmless; null is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The first is the name.
    pub columns: Vec<Column>,
    pub rows: Vec<TableRow>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableRow {
    pub cells: Vec<Text>,
    pub namespace: Text,
    pub name: Text,
    pub labels: BTreeMap<Text, Text>,
    /// Where asked for.
    pub object: Option<serde_json::Value>,
}

/// A connected cluster: read from and written to.
pub trait Cluster: ClusterReader + ClusterWriter {}

impl<T: ClusterReader + ClusterWriter + ?Sized> Cluster for T {}

/// The reading half of the port.
pub trait ClusterReader: Send + Sync + Debug {
    /// `/readyz`, then `/version` where that is not allowed or not yet known.
    fn probe(&self) -> BoxFuture<'_, Result<Probe, ClusterError>>;

    fn identify(&self) -> BoxFuture<'_, Result<Identity, ClusterError>>;

    /// All kinds it serves.
    fn discover(&self) -> BoxFuture<'_, Result<Catalog, ClusterError>>;

    /// Lists and watches until dropped. Never ends by itself.
    fn watch(&self, spec: WatchSpec) -> BoxStream<'static, Result<WatchItem, ClusterError>>;

    /// The lines of a document, secrets masked.
    fn open(&self, object: ObjectKey, kind: Kind, aspect: Aspect) -> BoxFuture<'_, Result<Vec<Text>, ClusterError>>;

    /// A Secret's YAML with its values decoded.
    fn reveal(&self, object: ObjectKey, kind: Kind) -> BoxFuture<'_, Result<String, ClusterError>>;

    /// Names of a pod's containers: init, then regular, then ephemeral.
    fn containers(&self, pod: ObjectKey) -> BoxFuture<'_, Result<Vec<Text>, ClusterError>>;

    /// Says whether objects of the kind may be listed, in all namespaces or in one: the error is why not. Reads one object at
    /// most.
    fn may_list(&self, kind: Kind, namespace: Option<Text>) -> BoxFuture<'_, Result<(), ClusterError>>;

    /// Answers once, in pages of 500 behind the scenes; an expired page token starts over without pages.
    fn query(&self, query: Query) -> BoxFuture<'_, Result<Answer, ClusterError>>;

    /// Log lines until the container ends or the stream is dropped.
    fn tail(&self, source: LogSource) -> BoxStream<'static, Result<Text, ClusterError>>;
}

/// Makes clusters out of inventory entries.
pub trait Connector: Send + Sync + Debug {
    /// Prepares credentials and a client; contacts the API server only as far as that needs.
    fn connect(&self, entry: Arc<ClusterEntry>) -> BoxFuture<'_, Result<Arc<dyn Cluster>, ClusterError>>;
}

/// A source of inventory: the whole list whenever it changes, and what could not be read.
pub trait Inventory: Send + Sync + Debug {
    /// Streams the merged inventory: at once from cache or files, again on each change.
    fn entries(&self, refresh: bool) -> BoxStream<'static, Listing>;
}

/// One state of the inventory.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Listing {
    pub entries: Vec<Arc<ClusterEntry>>,
    /// Sources that failed: which, why, and the next step.
    pub warnings: Vec<Text>,
    /// The current context's cluster.
    pub current: Option<ClusterName>,
    /// Sources that have not answered yet; empty when the list is complete.
    #[serde(default)]
    pub pending: Vec<Text>,
}
