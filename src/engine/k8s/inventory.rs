//! Which clusters are there: kubeconfig, in-cluster, hub, mapping file.

pub mod alias;
pub mod entries;
pub mod files;
pub mod found;
pub mod kubeconfig;
pub mod local;
pub mod member;
pub mod merge;
pub mod provider;

pub use local::Kubeconfigs;

use crate::config::{Config, Environment};
use crate::engine::cluster::{Inventory, Listing};
use crate::engine::k8s::endpoint::Endpoints;
use entries::Joined;
use files::FileWatch;
use futures::stream::BoxStream;
use local::{Local, Reader};
use std::hash::RandomState;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Listings that may wait for their reader; only the newest matters, so few.
const LISTINGS_MAX: usize = 4;

/// The inventory of this machine: its kubeconfigs, and the hubs they lead to.
#[derive(Debug, Clone)]
pub struct FleetInventory {
    config: Arc<Config>,
    environment: Arc<Environment>,
    kubeconfigs: Kubeconfigs,
    endpoints: Endpoints,
    seed: RandomState,
}

impl FleetInventory {
    /// Of the kubeconfig files that the configuration names. Fills `endpoints` before each listing.
    pub fn new(config: Arc<Config>, environment: Arc<Environment>, endpoints: Endpoints) -> Self {
        let kubeconfigs = Kubeconfigs::Files(config.kubeconfig.value.clone());
        Self { config, environment, kubeconfigs, endpoints, seed: RandomState::new() }
    }

    /// Of another kubeconfig: one in memory.
    #[must_use]
    pub fn with(self, kubeconfigs: Kubeconfigs) -> Self {
        Self { kubeconfigs, ..self }
    }

    fn compose(&self, local: &Local) -> Listing {
        let joined = merge::join(local.found.clone(), Vec::new(), local.mapping.as_ref());
        let joined = mark_current(joined, local.current, self.config.context.as_deref());
        let built = entries::build(joined, &self.config, &self.seed);
        self.endpoints.replace(built.endpoints);
        Listing {
            entries: built.entries,
            warnings: local.warnings.clone(),
            current: built.current,
            pending: Vec::new(),
        }
    }
}

/// The context that was asked for, else the kubeconfig's own, is the current one.
fn mark_current(mut joined: Vec<Joined>, own: Option<usize>, wanted: Option<&str>) -> Vec<Joined> {
    let current = match wanted {
        Some(wanted) => joined.iter().position(|j| j.first.context.as_deref() == Some(wanted)),
        None => own,
    };
    if let Some(current) = current.and_then(|i| joined.get_mut(i)) {
        current.current = true;
    }
    joined
}

impl Inventory for FleetInventory {
    fn entries(&self, _refresh: bool) -> BoxStream<'static, Listing> {
        let (tx, rx) = mpsc::channel(LISTINGS_MAX);
        let this = self.clone();
        tokio::spawn(async move { this.run(tx).await });
        Box::pin(futures::stream::unfold(rx, async |mut rx| rx.recv().await.map(|listing| (listing, rx))))
    }
}

impl FleetInventory {
    /// Sends a listing at first and whenever it differs, until nobody listens.
    async fn run(self, tx: mpsc::Sender<Listing>) {
        // A fleet in memory is not the one that the user's mapping means.
        let is_memory = matches!(self.kubeconfigs, Kubeconfigs::Memory { .. });
        let mapping_file = self.config.mapping_file.clone().filter(|_| !is_memory);
        let reader = Reader::new(self.kubeconfigs.clone(), (*self.environment).clone(), mapping_file);
        let mut watch = FileWatch::new(reader.files());
        let (mut reader, mut local) = read(reader).await;
        let mut sent: Option<Listing> = None;
        loop {
            let listing = self.compose(&local);
            if sent.as_ref() != Some(&listing) {
                if tx.send(listing.clone()).await.is_err() {
                    return;
                }
                sent = Some(listing);
            }
            tokio::select! {
                () = watch.changed() => (reader, local) = read(reader).await,
                () = tx.closed() => return,
            }
        }
    }
}

/// Reads away from the runtime's workers: a home folder may be on a network.
async fn read(mut reader: Reader) -> (Reader, Local) {
    let spare = reader.clone();
    #[expect(clippy::disallowed_methods, reason = "reading files is what an adapter is for")]
    let task = tokio::task::spawn_blocking(move || {
        let local = reader.read();
        (reader, local)
    });
    // A join fails only when the runtime ends.
    task.await.unwrap_or_else(|_| (spare, Local::default()))
}
