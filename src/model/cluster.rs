//! Clusters: how each came to be known, what state it is in, what is known of it.

use super::kind::Catalog;
use super::text::Text;
use super::time::UnixSeconds;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// The short, unique name a cluster is shown and addressed by, over all sources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ClusterName(Arc<str>);

impl ClusterName {
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ClusterName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// What an operator may do to a cluster from here. The order is by strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Destructive actions show what they touch, and ask.
    #[default]
    Guarded,
    /// A typed phrase; waves of one cluster first.
    Protected,
    /// No request other than GET ever leaves.
    ReadOnly,
}

/// Where a cluster was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Source {
    /// A context of a kubeconfig file.
    Kubeconfig { file: Text, context: Text },
    /// The pod's own cluster.
    InCluster,
    /// An object on a hub: `kind` is `ClusterProfile`, `ManagedCluster`, ...
    Hub { hub: Text, kind: Text, namespace: Text, name: Text },
    /// An entry of the mapping file.
    Mapping { file: Text, context: Text },
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

/// A hub's claim about a member: three-valued, with its age.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Claim {
    /// `None` is "unknown", never "unhealthy".
    pub ready: Option<bool>,
    pub reason: Text,
    pub observed: Option<UnixSeconds>,
}

/// Why a cluster on plain http treats us as nobody, and the next step.
pub const WITHHELD: &str = "credentials are not sent over http; use https:// in the cluster's server";

/// One cluster of the inventory: all that is known before it is contacted. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClusterEntry {
    pub name: ClusterName,
    /// The kubeconfig context, where there is one: what `kubectl --context` takes.
    pub context: Option<Text>,
    /// All places it was found in; the first one's credentials are used.
    pub sources: Vec<Source>,
    /// The API server's URL; empty when no source names one.
    pub server: Text,
    pub groups: Vec<Text>,
    /// A colour name or `#rrggbb`.
    pub color: Option<Text>,
    pub access: Access,
    /// The context's own namespace.
    pub namespace: Text,
    /// More namespaces to fall back to when listing all of them is denied.
    pub namespaces: Vec<Text>,
    pub labels: BTreeMap<Text, Text>,
    pub provider: Text,
    pub region: Text,
    /// Deadline of one request, seconds.
    pub timeout_s: u32,
    /// The server's certificate is not verified; shown wherever the cluster is.
    pub insecure: bool,
    /// It has credentials that are not sent, because its server is on plain http: see [`WITHHELD`].
    #[serde(default)]
    pub withheld: bool,
    /// It is the current context.
    pub current: bool,
    pub claim: Option<Claim>,
    /// A fingerprint of the endpoint and the identity behind the name (no secret can be told from
    /// it): the engine reconnects when it differs.
    pub endpoint: u64,
    /// Why it cannot be connected as it stands ("context names no cluster"), with the next step.
    pub defect: Option<Text>,
}

impl ClusterEntry {
    /// The context's own namespace; as with kubectl, `default` where it names none.
    pub fn own_namespace(&self) -> Text {
        if self.namespace.is_empty() { Text::const_new("default") } else { self.namespace.clone() }
    }
}

/// What a cluster is to us right now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClusterState {
    /// Known, not connected: no probe, no login.
    #[default]
    Listed,
    Connecting,
    Live,
    /// It answered before and does not now; rows stay, dimmed.
    Stale {
        since: UnixSeconds,
        why: Text,
    },
    /// It answers, and lets us do nothing.
    Denied {
        what: Text,
    },
    AuthNeeded {
        hint: Text,
    },
    Unreachable {
        why: Text,
        since: UnixSeconds,
    },
    /// The user disconnected it.
    Paused,
}

impl ClusterState {
    /// One lower-case word.
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

    /// Why, where there is a why.
    pub fn why(&self) -> &str {
        match self {
            Self::Stale { why, .. } | Self::Unreachable { why, .. } => why,
            Self::Denied { what } => what,
            Self::AuthNeeded { hint } => hint,
            Self::Listed | Self::Connecting | Self::Live | Self::Paused => "",
        }
    }

    /// Since when, where it matters.
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

    /// Says whether the engine works on it: connected, or trying to be.
    pub fn is_wanted(&self) -> bool {
        !matches!(self, Self::Listed | Self::Paused)
    }
}

/// How many probe latencies are kept: half an hour at one every 30 s.
pub const LATENCIES_MAX: usize = 60;

/// What was learnt from a connected cluster. Counts are `None` until known: never a false zero.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// `gitVersion`: `v1.35.2`.
    pub version: Text,
    /// The uid of `kube-system`.
    pub uid: Text,
    /// `cluster.clusterset.k8s.io` and its like, from ClusterProperty.
    pub properties: BTreeMap<Text, Text>,
    pub nodes_ready: Option<u32>,
    pub nodes_total: Option<u32>,
    pub pods_total: Option<u32>,
    pub pods_unhealthy: Option<u32>,
    /// Warning events of the last ten minutes.
    pub warnings: Option<u32>,
    /// Milliseconds of the last probes, oldest first.
    pub latencies_ms: VecDeque<u32>,
    /// When the client certificate, the server's certificate or the token ends: the first of them, and which.
    pub expiry: Option<(UnixSeconds, Text)>,
    /// What could not be read: "pods: cluster-wide list denied; showing payments, default".
    pub missing: Vec<Text>,
}

/// Costs, for `:doctor`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    pub watches: u32,
    pub rows: u64,
    /// Bytes of object text received.
    pub bytes: u64,
    pub relists: u64,
    pub errors: u64,
    /// Attempts since it last answered.
    pub attempts: u32,
    /// When the next attempt is due.
    pub retry_at: Option<UnixSeconds>,
}

/// One cluster as a snapshot shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    pub entry: Arc<ClusterEntry>,
    pub state: ClusterState,
    pub facts: Facts,
    pub costs: Costs,
    pub catalog: Catalog,
}
