//! The inventory and the clusters of the simulated world.

use super::cluster::{Sim, SimCluster};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt as _};
use quarterdeck::engine::clock::Clock;
use quarterdeck::engine::cluster::{Cluster, ClusterError, Connector, Inventory, Listing};
use quarterdeck::engine::fleet::options::{Connect, FleetOptions};
use quarterdeck::engine::{Engine, EngineHandle, EngineOptions};
use quarterdeck::model::cluster::{ClusterEntry, ClusterName, Source};
use quarterdeck::model::text::Text;
use quarterdeck::model::time::UnixSeconds;
use quarterdeck::protocol::{ClusterRequest, Interest, Request, Snapshot, ViewId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// When the simulated world begins.
pub(crate) const BEGIN: UnixSeconds = UnixSeconds(1_800_000_000);

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clusters: BTreeMap<ClusterName, SimCluster>,
    listing: watch::Sender<Listing>,
}

impl World {
    pub(crate) fn new(names: &[&str]) -> Arc<Self> {
        let clusters = names.iter().map(|name| (ClusterName::new(name), SimCluster::new(name))).collect();
        let world = Self { clusters, listing: watch::channel(Listing::default()).0 };
        world.list(names);
        Arc::new(world)
    }

    /// The inventory now names these clusters.
    pub(crate) fn list(&self, names: &[&str]) {
        let entries: Vec<_> = names.iter().map(|name| Arc::new(entry(name))).collect();
        self.listing.send_replace(Listing { entries, ..Listing::default() });
    }

    /// The inventory now has these entries.
    pub(crate) fn list_entries(&self, entries: Vec<ClusterEntry>) {
        let entries = entries.into_iter().map(Arc::new).collect();
        self.listing.send_replace(Listing { entries, ..Listing::default() });
    }

    pub(crate) fn cluster(&self, name: &str) -> &SimCluster {
        self.clusters.get(&ClusterName::new(name)).expect("a cluster of this world")
    }

    /// Changes one cluster.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Sim)) {
        self.cluster(name).change(change);
    }

    pub(crate) fn start(self: &Arc<Self>, seed: u64) -> EngineHandle {
        self.start_with(options(seed))
    }

    pub(crate) fn start_with(self: &Arc<Self>, options: EngineOptions) -> EngineHandle {
        Engine::start(options, Arc::new(SimInventory(Arc::clone(self))), Arc::new(SimConnector(Arc::clone(self))))
    }
}

pub(crate) fn options(seed: u64) -> EngineOptions {
    let fleet = FleetOptions { seed, connect: Connect::All, ..FleetOptions::default() };
    EngineOptions { fleet, clock: Clock::From(BEGIN), ..EngineOptions::default() }
}

pub(crate) fn entry(name: &str) -> ClusterEntry {
    ClusterEntry {
        context: Some(Text::new(name)),
        sources: vec![Source::InCluster],
        server: compact_str::format_compact!("https://{name}.sim"),
        namespace: Text::new("ns-0"),
        ..ClusterEntry::new(ClusterName::new(name))
    }
}

#[derive(Debug)]
struct SimInventory(Arc<World>);

impl Inventory for SimInventory {
    fn entries(&self, _refresh: bool) -> BoxStream<'static, Listing> {
        let receiver = self.0.listing.subscribe();
        futures::stream::unfold((receiver, true), |(mut receiver, first)| async move {
            if !first {
                receiver.changed().await.ok()?;
            }
            let listing = receiver.borrow_and_update().clone();
            Some((listing, (receiver, false)))
        })
        .boxed()
    }
}

#[derive(Debug)]
pub(crate) struct SimConnector(pub(crate) Arc<World>);

impl Connector for SimConnector {
    fn connect(&self, entry: Arc<ClusterEntry>) -> BoxFuture<'_, Result<Arc<dyn Cluster>, ClusterError>> {
        Box::pin(async move {
            let cluster = self.0.clusters.get(&entry.name).cloned();
            let cluster = cluster.ok_or_else(|| ClusterError::Unreachable(Text::const_new("no such host")))?;
            cluster.note_connect();
            Ok(Arc::new(cluster) as Arc<dyn Cluster>)
        })
    }
}

/// Subscribes a view to resources over clusters.
pub(crate) fn subscribe(view: u32, resources: &[&str], clusters: &[&str]) -> Request {
    let clusters: Arc<[ClusterName]> = clusters.iter().map(|name| ClusterName::new(name)).collect();
    let interests = resources.iter().map(|resource| Interest {
        resource: Text::new(resource),
        clusters: Arc::clone(&clusters),
        selector: Text::default(),
        namespaces: Arc::default(),
    });
    Request::Cluster(ClusterRequest::Subscribe { view: ViewId(view), interests: interests.collect() })
}

/// Waits until the snapshot is as wanted; says what it was when it never is.
pub(crate) async fn until(engine: &mut EngineHandle, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    until_within(engine, Duration::from_secs(300), what, wanted).await
}

pub(crate) async fn until_within(
    engine: &mut EngineHandle,
    deadline: Duration,
    what: &str,
    wanted: impl Fn(&Snapshot) -> bool,
) -> Arc<Snapshot> {
    let found = tokio::time::timeout(deadline, engine.snapshots.wait_for(|snapshot| wanted(snapshot))).await;
    let found = found.ok().and_then(Result::ok).map(|snapshot| Arc::clone(&snapshot));
    if let Some(snapshot) = found {
        return snapshot;
    }
    let snapshot = engine.snapshots.borrow().clone();
    let states: Vec<_> = snapshot.clusters.values().map(|c| (&c.entry.name, &c.state, &c.facts, &c.costs)).collect();
    let shards: Vec<_> = snapshot.shards.iter().map(|(k, s)| (k.to_owned(), &s.state, s.rows.len())).collect();
    assert!(wanted(&snapshot), "not within {deadline:?}: {what}\n{states:#?}\n{shards:#?}\n{:?}", snapshot.resolutions);
    snapshot
}
