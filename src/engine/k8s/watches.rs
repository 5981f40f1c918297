//! Lists and watches: from bytes on the wire to rows.
//!
//! `list_watch` lists, watches, resumes and lists again; it yields the text of each object, which becomes a row at once
//! and is dropped.

mod definitions;
mod follow;
mod items;
pub(super) mod list;
mod list_watch;
mod objects;
mod tables;
mod target;
#[cfg(test)]
mod tests;
mod version;

use crate::engine::cluster::{ClusterError, WatchItem, WatchSpec};
use crate::engine::k8s::client::Connection;
use crate::engine::k8s::client::connector::Observed;
use crate::engine::k8s::projection::Projection;
use crate::model::cluster::ClusterName;
use crate::model::kind::Kind;
use crate::model::text::Text;
use definitions::{Columns, Definition};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use list_watch::Past;
use objects::Objects;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tables::Tables;
use version::Streaming;

/// Pause between two lists of a kind that cannot be watched: one without the verb (metrics), or one that we may list
/// and not watch. Only while the kind is shown.
const REFRESH: Duration = Duration::from_secs(30);

/// An item of a watch.
type Item = Result<WatchItem, ClusterError>;

/// The watches of one cluster, and the state they share.
#[derive(Clone)]
pub struct Watches(Arc<Shared>);

/// State that all watches of one cluster share.
struct Shared {
    client: kube::Client,
    observed: Observed,
    cluster: ClusterName,
    streaming: Streaming,
    remembered: definitions::Remembered,
    /// Where the jitter of timeouts comes from. The lock guards one draw.
    random: Mutex<fastrand::Rng>,
}

impl std::fmt::Debug for Watches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watches({})", self.0.cluster)
    }
}

impl Watches {
    /// Makes the watches of a server to which the round trip is unknown.
    pub fn new(client: kube::Client, cluster: ClusterName, seed: u64) -> Self {
        Self::with(client, Observed::default(), cluster, seed)
    }

    /// As [`Watches::new`], over a connection and with what it learns.
    pub fn over(connection: &Connection, cluster: ClusterName, seed: u64) -> Self {
        Self::with(connection.client.clone(), connection.observed(), cluster, seed)
    }

    fn with(client: kube::Client, observed: Observed, cluster: ClusterName, seed: u64) -> Self {
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        let (streaming, remembered) = Default::default();
        Self(Arc::new(Shared { client, observed, cluster, streaming, remembered, random }))
    }

    /// Tells which version the server has, to spare the watches asking.
    pub fn learn_version(&self, git_version: &str) {
        self.0.streaming.learn(git_version);
    }

    /// Lists and watches until dropped; never ends by itself. After an error it goes on when polled
    /// again, at once: the caller waits first.
    pub fn watch(&self, spec: &WatchSpec) -> BoxStream<'static, Item> {
        let namespaces = spec.namespaces.clone().filter(|_| spec.kind.namespaced);
        let part = |namespace: Option<Text>| Part::new(Arc::clone(&self.0), spec.clone(), namespace).stream();
        match namespaces {
            None => part(None),
            Some(none) if none.is_empty() => nothing(&spec.kind),
            Some(some) => stream::select_all(some.iter().map(|ns| part(Some(ns.clone())))).boxed(),
        }
    }
}

/// No namespaces at all: a complete list without rows.
fn nothing(kind: &Kind) -> BoxStream<'static, Item> {
    let columns = Projection::builtin(&kind.id).map_or_else(|| Arc::from([]), |p| p.columns());
    let items =
        [WatchItem::Started { namespace: None, columns, expected: Some(0) }, WatchItem::Listed { namespace: None }];
    stream::iter(items.map(Ok)).chain(stream::pending()).boxed()
}

/// A list and watch of a part of a spec: everything, or one namespace.
struct Part {
    shared: Arc<Shared>,
    spec: WatchSpec,
    namespace: Option<Text>,
    running: Option<Running>,
    past: Past,
}

/// A list and watch under way, by how its rows are made.
enum Running {
    Objects(Box<Objects>),
    /// With an eye on the definition that says which columns there are.
    Custom(Box<(Objects, Definition)>),
    Tables(Box<Tables>),
}

impl Running {
    /// The next item; `None` to begin again from nothing.
    async fn next(&mut self) -> Option<Item> {
        match self {
            Self::Objects(objects) => Some(objects.next().await),
            Self::Tables(tables) => Some(tables.next().await),
            Self::Custom(both) => {
                let (objects, definition) = both.as_mut();
                tokio::select! {
                    biased;
                    () = definition.changed() => None,
                    item = objects.next() => Some(item),
                }
            }
        }
    }
}

impl Part {
    fn new(shared: Arc<Shared>, spec: WatchSpec, namespace: Option<Text>) -> Self {
        Self { shared, spec, namespace, running: None, past: Past::default() }
    }

    fn stream(self) -> BoxStream<'static, Item> {
        stream::unfold(self, |mut part| async move {
            let item = part.next().await;
            Some((item, part))
        })
        .boxed()
    }

    async fn next(&mut self) -> Item {
        loop {
            let mut running = match self.running.take() {
                Some(running) => running,
                None => self.start().await?,
            };
            if let Some(item) = running.next().await {
                self.running = Some(running);
                return item;
            }
            if let Running::Custom(both) = running {
                self.past = both.0.past();
            }
        }
    }

    async fn start(&mut self) -> Result<Running, ClusterError> {
        let kind = &self.spec.kind;
        let (projection, defined) = match definitions::columns(&self.shared, kind).await? {
            Columns::Served => {
                let tables = Tables::new(&self.shared, &self.spec, self.namespace.as_ref());
                return Ok(Running::Tables(Box::new(tables)));
            }
            Columns::Builtin(projection) => (projection, false),
            Columns::Defined(projection) => (projection, true),
        };
        let definition = defined.then(|| Definition::new(&self.shared, kind, projection.clone()));
        let objects = Objects::new(&self.shared, &self.spec, self.namespace.as_ref(), projection, self.past);
        Ok(match definition {
            Some(definition) => Running::Custom(Box::new((objects, definition))),
            None => Running::Objects(Box::new(objects)),
        })
    }
}
