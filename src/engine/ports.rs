//! The ports of an engine: its access to the outside.

use super::cluster::{Connector, Inventory};
use super::proxy_link::ProxyLauncher;
use std::sync::Arc;

/// The adapters of one engine.
#[derive(Debug, Clone)]
pub struct Ports {
    /// Lists the clusters.
    pub inventory: Arc<dyn Inventory>,
    /// Connects to clusters.
    pub connector: Arc<dyn Connector>,
    /// Finds and starts routing proxies.
    pub proxies: Arc<dyn ProxyLauncher>,
}
