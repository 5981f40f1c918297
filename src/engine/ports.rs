//! The ports of an engine: its access to the outside.

use super::cluster::{Connector, Inventory};
use super::proxy_link::ProxyLauncher;
use crate::model::change::journal::Actor;
use std::path::PathBuf;
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
    /// Place of the journal of changes; `None` if there is none, and then nothing is changed.
    pub changes: Option<ChangeStore>,
}

/// Place of the journal of changes, and whoever writes to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeStore {
    /// Folder of the journal and of the kept plans.
    pub state_folder: PathBuf,
    /// User and process that the journal names.
    pub actor: Actor,
}
