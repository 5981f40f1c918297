//! The adapter of real clusters to the ports `Connector` and `Cluster`: where the pieces of this module meet.

use super::client::{self, ClientContext, Connection};
use super::endpoint::Endpoints;
use super::watches::Watches;
use super::{discovery, documents, errors, logs, probe, query, write};
use crate::engine::clock;
use crate::engine::cluster::{
    AccessAnswer, AccessQuestion, Answer, Cluster, ClusterError, ClusterReader, ClusterWriter, Connector, Identity,
    Probe, Query, WatchItem, WatchSpec, WriteError, WriteRequest, WriteTarget,
};
use crate::model::cluster::{ClusterEntry, ClusterName};
use crate::model::document::Aspect;
use crate::model::kind::{Catalog, Kind};
use crate::model::logs::LogSource;
use crate::model::name::Name;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use std::sync::Arc;

/// Connects the clusters of the inventory, by their endpoints.
#[derive(Debug, Clone)]
pub struct K8sConnector {
    endpoints: Endpoints,
    surroundings: ClientContext,
}

impl K8sConnector {
    /// Makes a connector that looks up each cluster in `endpoints` when it connects.
    pub fn new(endpoints: Endpoints, surroundings: ClientContext) -> Self {
        Self { endpoints, surroundings }
    }

    async fn cluster(&self, entry: &ClusterEntry) -> Result<Arc<dyn Cluster>, ClusterError> {
        if let Some(defect) = &entry.defect {
            return Err(ClusterError::Failed(defect.clone()));
        }
        let gone = || ClusterError::Failed(Text::new("the inventory names it no longer; refresh it"));
        let endpoint = self.endpoints.get(&entry.name).ok_or_else(gone)?;
        let connection = client::build(&endpoint, &self.surroundings)?;
        connection.log_in().await?;
        Ok(Arc::new(K8sCluster::new(entry.name.clone(), connection)))
    }
}

impl Connector for K8sConnector {
    fn connect(&self, entry: Arc<ClusterEntry>) -> BoxFuture<'_, Result<Arc<dyn Cluster>, ClusterError>> {
        async move { self.cluster(&entry).await }.boxed()
    }
}

/// A connected cluster.
#[derive(Debug)]
pub struct K8sCluster {
    name: ClusterName,
    connection: Connection,
    watches: Watches,
    memory: probe::ProbeHistory,
    /// The catalog of the last discovery: owners are looked up in it.
    catalog: Mutex<Catalog>,
}

impl K8sCluster {
    /// Makes the cluster `name` over an open connection. Sends no request.
    pub fn new(name: ClusterName, connection: Connection) -> Self {
        let watches = Watches::over(&connection, name.clone(), clock::seed());
        Self { name, connection, watches, memory: probe::ProbeHistory::default(), catalog: Mutex::default() }
    }

    async fn probed(&self) -> Result<Probe, ClusterError> {
        let probe = probe::probe(&self.connection, &self.memory).await?;
        if let Some(version) = &probe.version {
            self.watches.learn_version(version);
        }
        Ok(probe)
    }

    async fn discovered(&self) -> Result<Catalog, ClusterError> {
        let catalog = discovery::discover(&self.connection).await?;
        *self.catalog.lock() = catalog.clone();
        Ok(catalog)
    }

    /// Fails for a key of another cluster (a mix-up would show one cluster's object as another's), and for an invalid
    /// or empty name: a request without a name returns all objects of the kind.
    fn own(&self, key: &ObjectKey) -> Result<(), ClusterError> {
        if let Err(why) = Name::new(&key.name) {
            return Err(ClusterError::Failed(Text::from(format!("the name of the {} {why}", key.kind.kind))));
        }
        if key.cluster == self.name {
            return Ok(());
        }
        Err(ClusterError::Failed(Text::from(format!("an object of {} was asked of {}", key.cluster, self.name))))
    }

    async fn opened(&self, object: ObjectKey, kind: Kind, aspect: Aspect) -> Result<Vec<Text>, ClusterError> {
        self.own(&object)?;
        let catalog = self.catalog.lock().clone();
        documents::open(&self.connection, &catalog, &object, &kind, aspect).await
    }
}

impl ClusterReader for K8sCluster {
    fn probe(&self) -> BoxFuture<'_, Result<Probe, ClusterError>> {
        self.probed().boxed()
    }

    fn identify(&self) -> BoxFuture<'_, Result<Identity, ClusterError>> {
        probe::identify(&self.connection).boxed()
    }

    fn discover(&self) -> BoxFuture<'_, Result<Catalog, ClusterError>> {
        self.discovered().boxed()
    }

    fn watch(&self, spec: WatchSpec) -> BoxStream<'static, Result<WatchItem, ClusterError>> {
        self.watches.watch(&spec)
    }

    fn open(&self, object: ObjectKey, kind: Kind, aspect: Aspect) -> BoxFuture<'_, Result<Vec<Text>, ClusterError>> {
        self.opened(object, kind, aspect).boxed()
    }

    fn reveal(&self, object: ObjectKey, kind: Kind) -> BoxFuture<'_, Result<String, ClusterError>> {
        async move {
            self.own(&object)?;
            documents::reveal(&self.connection, &object, &kind).await
        }
        .boxed()
    }

    fn containers(&self, pod: ObjectKey) -> BoxFuture<'_, Result<Vec<Text>, ClusterError>> {
        async move {
            self.own(&pod)?;
            logs::containers(&self.connection, &pod).await
        }
        .boxed()
    }

    fn may_list(&self, kind: Kind, namespace: Option<Text>) -> BoxFuture<'_, Result<(), ClusterError>> {
        async move {
            let path = query::path(&kind, namespace.as_deref(), None);
            self.connection.get_json::<serde::de::IgnoredAny>(&format!("{path}?limit=1")).await.map(drop)
        }
        .boxed()
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Answer, ClusterError>> {
        async move { query::run(&self.connection.client, &query, |e| errors::translate(&e)).await }.boxed()
    }

    fn tail(&self, source: LogSource) -> BoxStream<'static, Result<Text, ClusterError>> {
        logs::tail(self.connection.clone(), source)
    }
}

impl ClusterWriter for K8sCluster {
    fn read(&self, target: WriteTarget) -> BoxFuture<'_, Result<serde_json::Value, ClusterError>> {
        async move { write::read(&self.connection, &self.name, &target).await }.boxed()
    }

    fn write(&self, request: WriteRequest) -> BoxFuture<'_, Result<serde_json::Value, WriteError>> {
        write::write(&self.connection, &self.name, request).boxed()
    }

    fn review(&self, question: AccessQuestion) -> BoxFuture<'_, Result<AccessAnswer, ClusterError>> {
        write::review(&self.connection, question).boxed()
    }
}
