//! Clusters: where each was found, its state, and the facts known about it.

use super::kind::Catalog;
use super::text::Text;
use super::time::UnixSeconds;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The short, unique name of a cluster, over all sources: shown in tables and used in commands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ClusterName(Arc<str>);

impl ClusterName {
    /// Returns the name as it is; the inventory makes it unique.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ClusterName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Access level of a cluster: the actions an operator may take from here. Ordered by strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Destructive actions list the objects they touch and ask for confirmation.
    #[default]
    Guarded,
    /// Confirmation is a typed phrase, and actions run one cluster at a time first.
    Protected,
    /// No request other than GET is ever sent.
    ReadOnly,
}

impl Access {
    /// Returns the level in a word, as the configuration has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Guarded => "guarded",
            Self::Protected => "protected",
            Self::ReadOnly => "read-only",
        }
    }
}

/// Place in which a cluster was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Source {
    /// A context of a kubeconfig file.
    Kubeconfig {
        /// The file, as the user would write it.
        file: Text,
        /// Name of the context.
        context: Text,
    },
    /// The cluster of the pod this program runs in.
    InCluster,
    /// An object on a hub: `kind` is `ClusterProfile`, `ManagedCluster`, ...
    Hub {
        /// Context of the hub.
        hub: Text,
        /// Kind of the object.
        kind: Text,
        /// Namespace of the object; empty for cluster-scoped kinds.
        namespace: Text,
        /// Name of the object.
        name: Text,
    },
    /// An entry of the mapping file.
    Mapping {
        /// The file, as the user would write it.
        file: Text,
        /// Context the entry names.
        context: Text,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kubeconfig { file, context } => write!(f, "kubeconfig {file} context {context}"),
            Self::InCluster => f.write_str("in-cluster"),
            Self::Hub { hub, kind, namespace, name } if namespace.is_empty() => write!(f, "{kind} {name} on {hub}"),
            Self::Hub { hub, kind, namespace, name } => write!(f, "{kind} {namespace}/{name} on {hub}"),
            Self::Mapping { file, context } => write!(f, "mapping {file} context {context}"),
        }
    }
}

/// A hub's statement about the health of a member: ready, not ready or unknown, with its age.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Claim {
    /// `None` means "unknown", never "unhealthy".
    pub ready: Option<bool>,
    /// The hub's reason; empty if it gives none.
    pub reason: Text,
    /// Time of the hub's observation, if it gives one.
    pub observed: Option<UnixSeconds>,
}

/// Why a cluster on plain HTTP treats us as anonymous, and the next step.
pub const WITHHELD: &str = "credentials are not sent over http; use https:// in the cluster's server";

/// A cluster of the inventory: everything known before it is contacted. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClusterEntry {
    /// Name of the cluster, unique in the inventory.
    pub name: ClusterName,
    /// The kubeconfig context, as `kubectl --context` takes it; `None` for clusters without one.
    pub context: Option<Text>,
    /// All places in which the cluster was found; the credentials of the first are used.
    pub sources: Vec<Source>,
    /// The API server's URL; empty when no source names one.
    pub server: Text,
    /// Groups the cluster is in, sorted.
    pub groups: Vec<Text>,
    /// A colour name or `#rrggbb`; `None` if the configuration sets none.
    pub color: Option<Text>,
    /// Access level, from the configuration.
    pub access: Access,
    /// Namespace of the context, unless a setting replaces it; empty if neither names one.
    pub namespace: Text,
    /// Namespaces to fall back to when listing all of them is denied.
    pub namespaces: Vec<Text>,
    /// Labels from all sources; the first source wins.
    pub labels: BTreeMap<Text, Text>,
    /// Cloud provider; empty if no source names it.
    pub provider: Text,
    /// Region; empty if no source names it.
    pub region: Text,
    /// Deadline of one request, in seconds.
    pub timeout_s: u32,
    /// True if the server's certificate is not verified; shown wherever the cluster is.
    pub insecure: bool,
    /// True if the credentials are not sent because the server is on plain HTTP: see [`WITHHELD`].
    #[serde(default)]
    pub withheld: bool,
    /// True for the cluster of the current context.
    pub current: bool,
    /// The hub's statement about it; `None` for clusters that no hub lists.
    pub claim: Option<Claim>,
    /// A fingerprint of the endpoint and the identity behind the name; no secret can be derived from it. The engine
    /// reconnects when it changes.
    pub endpoint: u64,
    /// Why the cluster cannot be connected as configured ("context names no cluster"), with the next step; `None` if it
    /// can.
    pub defect: Option<Text>,
}

impl ClusterEntry {
    /// Returns the entry of a cluster of which only the name is known; a request has 5 s.
    pub fn new(name: ClusterName) -> Self {
        Self {
            name,
            context: None,
            sources: Vec::new(),
            server: Text::default(),
            groups: Vec::new(),
            color: None,
            access: Access::default(),
            namespace: Text::default(),
            namespaces: Vec::new(),
            labels: BTreeMap::new(),
            provider: Text::default(),
            region: Text::default(),
            timeout_s: 5,
            insecure: false,
            withheld: false,
            current: false,
            claim: None,
            endpoint: 0,
            defect: None,
        }
    }

    /// Returns the context's namespace; as in kubectl, `default` if it names none.
    pub fn own_namespace(&self) -> Text {
        if self.namespace.is_empty() { Text::const_new("default") } else { self.namespace.clone() }
    }
}

/// State of a cluster as the engine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClusterState {
    /// Known and not connected: no probe, no login.
    #[default]
    Listed,
    /// No attempt to reach it has ended yet.
    Connecting,
    /// Connected, and answering.
    Live,
    /// Does not answer now, and did before: its rows stay, dimmed.
    Stale {
        /// Time of the first failure.
        since: UnixSeconds,
        /// The last error, in one line.
        why: Text,
    },
    /// Answers, and denies every list that is always watched.
    Denied {
        /// The server's message.
        what: Text,
    },
    /// The credentials are missing, expired or refused.
    AuthNeeded {
        /// The next step, such as a login.
        hint: Text,
    },
    /// Does not answer, and nothing of it was ever listed.
    Unreachable {
        /// The last error, in one line.
        why: Text,
        /// Time of the first failure.
        since: UnixSeconds,
    },
    /// Disconnected by the user.
    Paused,
}

impl ClusterState {
    /// Returns the state as a lower-case word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Stale { .. } => "stale",
            Self::Denied { .. } => "denied",
            Self::AuthNeeded { .. } => "auth needed",
            Self::Unreachable { .. } => "unreachable",
            Self::Paused => "paused",
        }
    }

    /// Returns the glyph of the state, one column wide.
    pub fn glyph(&self) -> &'static str {
        match self {
            Self::Listed => "·",
            Self::Connecting => "◌",
            Self::Live => "●",
            Self::Stale { .. } => "◐",
            Self::Denied { .. } => "⊘",
            Self::AuthNeeded { .. } => "⚿",
            Self::Unreachable { .. } => "✗",
            Self::Paused => "‖",
        }
    }

    /// Returns the reason of the state; empty for states that have none.
    pub fn why(&self) -> &str {
        match self {
            Self::Stale { why, .. } | Self::Unreachable { why, .. } => why,
            Self::Denied { what } => what,
            Self::AuthNeeded { hint } => hint,
            Self::Listed | Self::Connecting | Self::Live | Self::Paused => "",
        }
    }

    /// Returns the time of the first failure, for states that stand for one.
    pub fn since(&self) -> Option<UnixSeconds> {
        match self {
            Self::Stale { since, .. } | Self::Unreachable { since, .. } => Some(*since),
            Self::Listed
            | Self::Connecting
            | Self::Live
            | Self::Paused
            | Self::Denied { .. }
            | Self::AuthNeeded { .. } => None,
        }
    }

    /// Returns true if the engine is connected to the cluster or trying to be.
    pub fn is_wanted(&self) -> bool {
        !matches!(self, Self::Listed | Self::Paused)
    }
}

/// Probe latencies kept per cluster: half an hour at one every 30 s.
pub const LATENCIES_MAX: usize = 60;

/// Facts learned from a connected cluster. Counts are `None` until known: never a false zero.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// `gitVersion`: `v1.35.2`.
    pub version: Text,
    /// The uid of `kube-system`.
    pub uid: Text,
    /// `cluster.clusterset.k8s.io` and the like, from ClusterProperty.
    pub properties: BTreeMap<Text, Text>,
    /// Nodes whose Ready condition is true.
    pub nodes_ready: Option<u32>,
    /// Nodes in all.
    pub nodes_total: Option<u32>,
    /// Pods in all.
    pub pods_total: Option<u32>,
    /// Pods that the health rule calls degraded or failed.
    pub pods_unhealthy: Option<u32>,
    /// Warning events of the last ten minutes.
    pub warnings: Option<u32>,
    /// Milliseconds of the last probes, oldest first.
    pub latencies_ms: VecDeque<u32>,
    /// The first credential to expire (client certificate, server certificate or token): when, and which.
    pub expiry: Option<(UnixSeconds, Text)>,
    /// Resources that could not be read: "pods: cluster-wide list denied; showing payments, default".
    pub missing: Vec<Text>,
}

/// Costs of one cluster, for `:doctor`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    /// Watches that run now.
    pub watches: u32,
    /// Rows held in memory.
    pub rows: u64,
    /// Bytes of object text received.
    pub bytes: u64,
    /// Lists read again after they had been complete once.
    pub relists: u64,
    /// Failed requests since the start.
    pub errors: u64,
    /// Failed attempts since the cluster last answered.
    pub attempts: u32,
    /// Time of the next attempt; `None` if none is planned.
    pub retry_at: Option<UnixSeconds>,
}

/// A cluster in a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its entry of the inventory.
    pub entry: Arc<ClusterEntry>,
    /// Its state.
    pub state: ClusterState,
    /// Facts learned from it.
    pub facts: Facts,
    /// Its costs, for `:doctor`.
    pub costs: Costs,
    /// Kinds it serves; empty until its discovery has succeeded.
    pub catalog: Catalog,
}
