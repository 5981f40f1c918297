//! The inventory of clusters: kubeconfig, in-cluster, hubs, mapping file.
//!
//! Each source describes clusters as [`found::Found`]; `merge` joins descriptions of the same cluster, `entries` names
//! and configures the result. All decisions are pure; `run`, `local`, `files`, `hub` and `cache` act.

pub mod alias;
pub mod cache;
pub mod entries;
pub mod found;
pub mod hub;
pub mod kubeconfig;
pub mod local;
pub mod member;
pub mod merge;
pub mod provider;
mod run;

pub use local::Kubeconfigs;

use crate::config::{Config, Environment};
use crate::engine::cluster::{Inventory, Listing};
use crate::engine::k8s::credentials::plugin::{Plugins, Terminal};
use crate::engine::k8s::endpoint::Endpoints;
use crate::engine::process::detach::Launcher;
use futures::stream::BoxStream;
use std::hash::RandomState;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Maximum number of queued listings; only the newest matters, so few.
const LISTINGS_MAX: usize = 4;

/// The inventory of this machine: its kubeconfigs, and the hubs they lead to.
#[derive(Debug, Clone)]
pub struct FleetInventory {
    config: Arc<Config>,
    environment: Arc<Environment>,
    kubeconfigs: Kubeconfigs,
    endpoints: Endpoints,
    plugins: Arc<Plugins>,
    /// Salt of the fingerprints of endpoints, so that they reveal nothing of the secrets in them.
    seed: RandomState,
}

impl FleetInventory {
    /// Makes the inventory of the kubeconfig files that the configuration names. Fills `endpoints` before each listing.
    pub fn new(config: Arc<Config>, environment: Arc<Environment>, endpoints: Endpoints) -> Self {
        let kubeconfigs = Kubeconfigs::Files(config.kubeconfig.value.clone());
        let plugins = Plugins::new(Launcher::own(), Terminal::Taken);
        Self { config, environment, kubeconfigs, endpoints, plugins, seed: RandomState::new() }
    }

    /// Replaces the kubeconfig files, by one in memory for instance.
    #[must_use]
    pub fn with(self, kubeconfigs: Kubeconfigs) -> Self {
        Self { kubeconfigs, ..self }
    }

    /// Logs in to hubs with the plugins of the connector: one login serves both.
    #[must_use]
    pub fn with_plugins(self, plugins: Arc<Plugins>) -> Self {
        Self { plugins, ..self }
    }
}

impl Inventory for FleetInventory {
    fn entries(&self, refresh: bool) -> BoxStream<'static, Listing> {
        let (tx, rx) = mpsc::channel(LISTINGS_MAX);
        // Ends when the stream is dropped.
        let task = AbortOnDropHandle::new(tokio::spawn(run::run(self.clone(), refresh, tx)));
        let next = async |(mut rx, task): (mpsc::Receiver<Listing>, AbortOnDropHandle<()>)| {
            let listing = rx.recv().await?;
            Some((listing, (rx, task)))
        };
        Box::pin(futures::stream::unfold((rx, task), next))
    }
}
