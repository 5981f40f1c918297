//! Configuration: layers of settings, each value with its origin. Pure, except for reading the files.

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

/// The configuration in force. Every value has the layer it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The kubeconfig files to read; empty if there is no home folder and none is set.
    pub kubeconfig: Setting<Vec<PathBuf>>,
    /// The context to treat as current; `None` takes the kubeconfig's own.
    pub context: Setting<Option<String>>,
    /// Contexts of hubs, whose objects list more clusters.
    pub hubs: Setting<Vec<String>>,
    /// File with credential providers, for clusters that a hub lists; `None` if there is none.
    pub provider_file: Setting<Option<PathBuf>>,
    /// Commands that the objects of a hub may name (`auth.exec.command`).
    pub allow_exec: Setting<Vec<String>>,
    /// Age up to which the cached inventory of a hub is used without a request.
    pub cache_ttl: Setting<Duration>,
    /// The console connects all clusters at its start if there are at most this many.
    pub connect_at_start: Setting<u32>,
    /// Clusters that a command contacts at once.
    pub concurrency: Setting<u32>,
    /// Deadline of one request.
    pub timeout: Setting<Duration>,
    /// True if no request other than GET is sent to any cluster.
    pub read_only: Setting<bool>,
    /// kubectl-mc's file that maps clusters of a hub to contexts; `None` if there is no home folder.
    pub mapping_file: Option<PathBuf>,
    /// Groups of clusters, by name.
    pub groups: BTreeMap<String, Setting<Group>>,
    /// Settings of clusters, by match. Of the rules that match a cluster, the first with a value for a setting wins.
    pub clusters: Vec<Setting<Rule>>,
    /// Limits of changes to clusters.
    pub changes: Changes,
    /// Settings of the console.
    pub ui: Ui,
}

/// Limits of changes to clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// Objects that one change may touch in one protected cluster.
    pub bulk_limit: Setting<u32>,
}

/// Settings of the console.
#[derive(Debug, Clone, PartialEq)]
pub struct Ui {
    /// Name of a theme, or `auto`.
    pub theme: Setting<String>,
    /// File of key bindings; `None` keeps the defaults.
    pub keymap: Setting<Option<PathBuf>>,
    /// True if the console uses the mouse.
    pub mouse: Setting<bool>,
    /// True if output may use colour.
    pub color: Setting<bool>,
}

/// The clusters of a group or a rule: all that satisfy every given part. An empty match satisfies none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    /// Globs over the name, the context and the name of the hub's object; any of them.
    pub names: Vec<String>,
    /// Labels, all of them; a value is a glob.
    pub labels: BTreeMap<String, String>,
    /// Folders with the kubeconfig file in or below them; any of them.
    pub folders: Vec<PathBuf>,
}

/// Clusters with a common name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The clusters of the group.
    pub matches: Match,
}

/// Settings of the clusters that match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// The clusters it applies to.
    pub matches: Match,
    /// Access level.
    pub access: Option<Access>,
    /// Namespace to use instead of the context's.
    pub namespace: Option<String>,
    /// Namespaces to fall back to when listing all of them is denied.
    pub namespaces: Option<Vec<String>>,
    /// Name to show instead of the context's.
    pub alias: Option<String>,
    /// A colour name or `#rrggbb`.
    pub color: Option<String>,
    /// Deadline of one request.
    pub timeout: Option<Duration>,
    /// Groups to add the clusters to.
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
