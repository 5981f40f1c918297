//! Configuration: layers that remember their source. Pure, but for reading the files.

mod access;
pub mod effective;
pub mod environment;
pub mod file;
pub mod kubectl_mc;
pub mod load;
pub(crate) mod origins;
pub mod schema;
pub mod selection;
pub mod setting;
pub mod tree;
pub mod yaml;

pub use effective::effective;
pub use environment::Environment;
pub use load::{Flags, Loaded, load};
pub use selection::Selection;
pub use setting::{Origin, Setting};

use crate::model::cluster::Access;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What is in force. Every value knows the layer it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The kubeconfig files to read; empty when there can be none.
    pub kubeconfig: Setting<Vec<PathBuf>>,
    /// The context to treat as current.
    pub context: Setting<Option<String>>,
    /// Contexts whose clusters list others.
    pub hubs: Setting<Vec<String>>,
    /// How to log in to clusters that a hub lists.
    pub provider_file: Setting<Option<PathBuf>>,
    /// Commands that a hub's objects may name (`auth.exec.command`).
    pub allow_exec: Setting<Vec<String>>,
    /// How long the inventory of a hub is believed without asking.
    pub cache_ttl: Setting<Duration>,
    /// The console connects all clusters at its start if there are at most so many.
    pub connect_at_start: Setting<u32>,
    /// Clusters asked at once by a command.
    pub concurrency: Setting<u32>,
    /// Deadline of one request.
    pub timeout: Setting<Duration>,
    /// Nothing but GET leaves for any cluster.
    pub read_only: Setting<bool>,
    /// Which context a hub's cluster is reached by: kubectl-mc's file.
    pub mapping_file: Option<PathBuf>,
    pub groups: BTreeMap<String, Setting<Group>>,
    /// Settings of clusters; of those that match, the first to say something counts.
    pub clusters: Vec<Setting<Rule>>,
    pub changes: Changes,
    pub ui: Ui,
}

/// How clusters may be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// Objects that one change may touch in one protected cluster.
    pub bulk_limit: Setting<u32>,
}

/// The console's own settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Ui {
    /// A theme's name, or `auto`.
    pub theme: Setting<String>,
    /// A file of key bindings.
    pub keymap: Setting<Option<PathBuf>>,
    pub mouse: Setting<bool>,
    /// Colour may be used at all.
    pub color: Setting<bool>,
}

/// Which clusters a group or a rule means: those that match all of what is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    /// Globs over the name, the context and the hub object's name; any of them.
    pub names: Vec<String>,
    /// All of them; a value is a glob.
    pub labels: BTreeMap<String, String>,
    /// Folders that the kubeconfig file is in or below; any of them.
    pub folders: Vec<PathBuf>,
}

/// Clusters addressed by one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    pub matches: Match,
}

/// Settings of the clusters that match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    pub matches: Match,
    pub access: Option<Access>,
    pub namespace: Option<String>,
    pub namespaces: Option<Vec<String>>,
    pub alias: Option<String>,
    pub color: Option<String>,
    pub timeout: Option<Duration>,
    pub groups: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kubeconfig: Setting::default_of(Vec::new()),
            context: Setting::default_of(None),
            hubs: Setting::default_of(Vec::new()),
            provider_file: Setting::default_of(None),
            allow_exec: Setting::default_of(Vec::new()),
            cache_ttl: Setting::default_of(Duration::from_secs(300)),
            connect_at_start: Setting::default_of(20),
            concurrency: Setting::default_of(10),
            timeout: Setting::default_of(Duration::from_secs(30)),
            read_only: Setting::default_of(false),
            mapping_file: None,
            groups: BTreeMap::new(),
            clusters: Vec::new(),
            changes: Changes { bulk_limit: Setting::default_of(20) },
            ui: Ui {
                theme: Setting::default_of("auto".to_owned()),
                keymap: Setting::default_of(None),
                mouse: Setting::default_of(true),
                color: Setting::default_of(true),
            },
        }
    }
}
