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

/// The reason why a cluster did not answer. Texts are one line, cleaned for the terminal, and hold no secret.
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
    Throttled {
        /// The sentence of the server.
        what: Text,
        /// `Retry-After`; `None` if the server gives none.
        retry_after: Option<Duration>,
    },
    /// Any other status, or an answer that is not Kubernetes'.
    #[error("{0}")]
    Failed(Text),
}

/// The result of a successful probe.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Probe {
    /// Time from the request to the end of the answer.
    pub latency: Duration,
    /// `gitVersion`; asked when not yet known or after a reconnect.
    pub version: Option<Text>,
    /// The first credential or certificate to end, and which one it is.
    pub expiry: Option<(UnixSeconds, Text)>,
}

/// The identity of a cluster, as it tells.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// The uid of `kube-system`; empty where it may not be read.
    pub uid: Text,
    /// Properties by name, from `ClusterProperty` objects of `about.k8s.io`.
    pub properties: BTreeMap<Text, Text>,
}

/// Objects to list and watch.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchSpec {
    /// Kind of the objects.
    pub kind: Kind,
    /// A label selector; empty for none.
    pub selector: Text,
    /// A field selector (`type=Warning`); empty for none.
    pub fields: Text,
    /// Namespaces, each in a list of its own; `None` is all of them in one list.
    pub namespaces: Option<Arc<[Text]>>,
}

/// An item of the stream of a watch. After an error the stream goes on when polled again: the caller waits first.
///
/// A watch of several namespaces is several lists in one stream, each with its own `Started` and
/// `Listed`; they come interleaved, and one may start again while the others go on.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum WatchItem {
    /// A (re)list begins. What follows until `Listed` of the same `namespace` replaces the rows of
    /// that namespace, or all rows where it is `None` (one list of everything the spec names).
    /// Columns that differ from those before hold for all rows; every namespace starts again then.
    Started {
        /// The namespace of the list; `None` for all.
        namespace: Option<Text>,
        /// Columns of the rows that follow.
        columns: Arc<[Column]>,
        /// Objects of the list, where the server says so.
        expected: Option<u32>,
    },
    /// An object of the list, or one that was added or changed after it.
    Applied {
        /// The object as a row.
        row: Box<Row>,
        /// Length of its text on the wire.
        bytes: u32,
    },
    /// The list of this namespace (`None`: the one list) is complete.
    Listed {
        /// The namespace; `None` for all.
        namespace: Option<Text>,
    },
    /// An object was deleted.
    Deleted {
        /// Its namespace; empty for cluster-scoped objects.
        namespace: Text,
        /// Its name.
        name: Text,
    },
    /// Changes follow the list, or do not: sent when that differs from before.
    Watching {
        /// The namespace; `None` for all.
        namespace: Option<Text>,
        /// The sentence of a server that allows to list and not to watch: the list is repeated. `None` if changes follow.
        denied: Option<Text>,
    },
}

/// Objects to read once, for a script.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Kind of the objects.
    pub kind: Kind,
    /// Namespace of the objects; `None` is all of them. Ignored for cluster-scoped kinds.
    pub namespace: Option<Name>,
    /// Name of the object; `None` lists.
    pub name: Option<Name>,
    /// A label selector; empty for none.
    pub selector: Text,
    /// A field selector; empty for none.
    pub fields: Text,
    /// Form of the answer.
    pub form: Form,
}

/// Form of the answer to a [`Query`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The server's own Table.
    Table {
        /// True for the whole object beside each row, to sort by its fields.
        with_objects: bool,
    },
    /// Whole objects.
    Objects {
        /// False leaves `metadata.managedFields` out.
        managed_fields: bool,
    },
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Cells as text.
    Table(Table),
    /// Objects, each with its `apiVersion` and `kind`.
    Objects(Vec<ObjectText>),
}

/// An object as JSON text without blanks, its keys in order. Taken apart it would need some fifteen times the memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectText(Box<str>);

impl ObjectText {
    /// Returns the JSON text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns the object as a value.
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
    /// The columns; the first is the name.
    pub columns: Vec<Column>,
    /// The rows, in the order of the server.
    pub rows: Vec<TableRow>,
}

/// A row of a [`Table`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableRow {
    /// The cells, in the order of the columns.
    pub cells: Vec<Text>,
    /// Namespace of the object; empty for cluster-scoped objects.
    pub namespace: Text,
    /// Name of the object.
    pub name: Text,
    /// Labels of the object.
    pub labels: BTreeMap<Text, Text>,
    /// The whole object, if the query asks for it.
    pub object: Option<serde_json::Value>,
}

/// A connected cluster: read from and written to.
pub trait Cluster: ClusterReader + ClusterWriter {}

impl<T: ClusterReader + ClusterWriter + ?Sized> Cluster for T {}

/// The reading half of the port.
pub trait ClusterReader: Send + Sync + Debug {
    /// Probes `/readyz`, then `/version` where that is not allowed or not yet known. Fails if the server is not ready or does
    /// not answer.
    fn probe(&self) -> BoxFuture<'_, Result<Probe, ClusterError>>;

    /// Reads who the cluster is. Fails if it does not answer; what may not be read is left empty.
    fn identify(&self) -> BoxFuture<'_, Result<Identity, ClusterError>>;

    /// Reads all kinds that it serves. Fails if discovery fails as a whole; single groups that fail are named in the catalog.
    fn discover(&self) -> BoxFuture<'_, Result<Catalog, ClusterError>>;

    /// Lists and watches until dropped; never ends by itself. After an error the stream goes on when it is polled again.
    fn watch(&self, spec: WatchSpec) -> BoxStream<'static, Result<WatchItem, ClusterError>>;

    /// Reads the lines of a document, secrets masked. Fails if the object cannot be read.
    fn open(&self, object: ObjectKey, kind: Kind, aspect: Aspect) -> BoxFuture<'_, Result<Vec<Text>, ClusterError>>;

    /// Reads a Secret as YAML with its values decoded. Fails if it cannot be read.
    fn reveal(&self, object: ObjectKey, kind: Kind) -> BoxFuture<'_, Result<String, ClusterError>>;

    /// Reads the names of a pod's containers: init, then regular, then ephemeral. Fails if the pod cannot be read.
    fn containers(&self, pod: ObjectKey) -> BoxFuture<'_, Result<Vec<Text>, ClusterError>>;

    /// Tries to list objects of the kind, in all namespaces or in one, and reads one at most. Fails if that is denied or the
    /// cluster does not answer.
    fn may_list(&self, kind: Kind, namespace: Option<Text>) -> BoxFuture<'_, Result<(), ClusterError>>;

    /// Reads objects once, in pages of 500 behind the scenes; an expired page token starts over without pages. Fails if a
    /// page cannot be read.
    fn query(&self, query: Query) -> BoxFuture<'_, Result<Answer, ClusterError>>;

    /// Streams log lines until the container ends or the stream is dropped. An error ends it.
    fn tail(&self, source: LogSource) -> BoxStream<'static, Result<Text, ClusterError>>;
}

/// Makes clusters out of inventory entries.
pub trait Connector: Send + Sync + Debug {
    /// Prepares credentials and a client; contacts the API server only as far as that needs. Fails if the credentials cannot
    /// be had or the endpoint is unusable.
    fn connect(&self, entry: Arc<ClusterEntry>) -> BoxFuture<'_, Result<Arc<dyn Cluster>, ClusterError>>;
}

/// A source of inventory: the whole list whenever it changes, and what could not be read.
pub trait Inventory: Send + Sync + Debug {
    /// Streams the merged inventory: at once from cache or files, again on each change.
    fn entries(&self, refresh: bool) -> BoxStream<'static, Listing>;
}

/// The inventory at one time.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Listing {
    /// The clusters, in the order of their sources.
    pub entries: Vec<Arc<ClusterEntry>>,
    /// Sources that failed: which, why, and the next step.
    pub warnings: Vec<Text>,
    /// The current context's cluster.
    pub current: Option<ClusterName>,
    /// Sources that have not answered yet; empty when the list is complete.
    #[serde(default)]
    pub pending: Vec<Text>,
}
