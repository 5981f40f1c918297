//! The proxy's configuration, checked: what the other parts build on. Files become this in `read`.
//!
//! The vocabulary is the requirement's; what goes beyond it is described in `docs/routing.md`.

pub mod effective;
pub mod lines;
pub mod lint;
pub mod read;
pub mod schema;
mod words;

use crate::engine::k8s::access::AccessGate;
use crate::engine::k8s::endpoint::{Endpoint, Material};
use crate::engine::resilience::breaker::BreakerSettings;
use crate::engine::resilience::health::HealthSettings;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// One effective configuration. Clusters and rules are named by their places in these lists.
#[derive(Debug, Clone, Default)]
pub struct ProxyConfig {
    /// Where all goes that no rule names: discovery, cluster-scoped kinds, unmatched namespaces.
    pub home: Option<usize>,
    pub clusters: Vec<UpstreamCluster>,
    /// By priority, highest first; equal ones in the order of the files.
    pub rules: Vec<Rule>,
    /// Where the proxy runs; empty where it was not told.
    pub region: String,
    /// Other regions, the nearest first; those not named are far.
    pub nearby: Vec<String>,
    pub callers: CallerSettings,
    pub limits: Limits,
    pub audit: AuditSettings,
    /// Discovery and OpenAPI answers are kept and revalidated by ETag.
    pub cache_discovery: bool,
    /// A short hash of the whole, for logs, metrics and `/config`. No secret can be told from it.
    pub hash: String,
    /// Where it was read from, as the user wrote it.
    pub origin: String,
}

/// A cluster: one world of objects, reached over one or more endpoints of the same etcd.
#[derive(Debug, Clone)]
pub struct UpstreamCluster {
    pub name: Arc<str>,
    /// Address, trust and identity of each API server. Never empty.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// The namespace written to `kubeconfig` and published for clients.
    pub namespace: String,
    pub labels: BTreeMap<String, String>,
    /// For weighted targets; 1 where not given, 0 takes no new keys.
    pub weight: u32,
    pub region: String,
    /// What a request costs here, in any one unit; for `cheapest`.
    pub cost: f64,
    /// Requests it can take at once, for `most-free`; 0 where nobody said.
    pub capacity: u32,
    /// Windows in which the cluster takes no new keys.
    pub maintenance: Vec<Window>,
    pub mode: Mode,
    pub health: HealthSettings,
    pub retry: RetrySettings,
    pub breaker: BreakerSettings,
    /// Where it stands: file and line.
    pub place: String,
}

impl ProxyConfig {
    /// The namespace of a cluster's clients, as it is published; of home's where none is named.
    pub fn namespace(&self, cluster: Option<&str>) -> &str {
        let found = match cluster {
            Some(name) => self.clusters.iter().find(|c| &*c.name == name),
            None => self.home.and_then(|home| self.clusters.get(home)),
        };
        found.map_or("default", |c| &c.namespace)
    }
}

impl UpstreamCluster {
    /// With one endpoint, and defaults for all else.
    pub fn new(name: &str, endpoint: Arc<Endpoint>) -> Self {
        Self {
            name: Arc::from(name),
            endpoints: vec![endpoint],
            namespace: "default".to_owned(),
            labels: BTreeMap::new(),
            weight: 1,
            region: String::new(),
            cost: 0.0,
            capacity: 0,
            maintenance: Vec::new(),
            mode: Mode::default(),
            health: HealthSettings::default(),
            retry: RetrySettings::default(),
            breaker: BreakerSettings::default(),
            place: String::new(),
        }
    }

    /// Which requests may leave for it: the strictest of its endpoints decides.
    pub fn access(&self) -> AccessGate {
        self.endpoints.iter().fold(AccessGate::default(), |gate, endpoint| gate.or(endpoint.access.clone()))
    }
}

/// Who may call, besides the bearer of the token this proxy made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerSettings {
    /// PEM: client certificates of these CAs are callers, the subject's CN the user and its O the groups.
    pub client_ca: Option<Material>,
    /// ServiceAccount tokens are reviewed by the home cluster.
    pub token_review: Option<ReviewSettings>,
    /// Who the uid at the other end of a Unix socket is. The proxy's own uid always may call.
    pub uids: BTreeMap<u32, String>,
    /// Groups of the token's bearer and of socket callers.
    pub groups: Vec<String>,
    /// Web pages of these origins may call, as whoever they show to be; `*` is all of them.
    pub allowed_origins: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewSettings {
    /// The token must be meant for one of these; none: for the API server.
    pub audiences: Vec<String>,
    /// How long an answer is believed.
    pub cache: Duration,
}

/// With whose identity requests arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The cluster's configured credential replaces the caller's.
    #[default]
    Swap,
    /// The configured credential, impersonating the caller.
    Impersonate,
    /// The caller's own bearer token.
    Passthrough,
}

/// A weekly window in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Bit 0 is Monday.
    pub days: u8,
    /// Minutes since midnight.
    pub from: u16,
    /// Minutes since midnight; not after `from` means the next day.
    pub to: u16,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RetrySettings {
    pub max_retries: u32,
    pub backoff_factor: f64,
    pub max_delay: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self { max_retries: 1, backoff_factor: 2.0, max_delay: Duration::from_secs(1) }
    }
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub name: Arc<str>,
    pub priority: i64,
    /// All must hold; none at all always holds.
    pub conditions: Vec<Condition>,
    pub action: Action,
    /// Impersonation headers of the client go on, under this rule.
    pub allow_impersonation: bool,
    /// Declared replicas: targets may be chosen per request.
    pub stateless: bool,
    /// Another of its targets may take over before any byte was accepted.
    pub failover: bool,
    /// Reads go to this cluster too; its answers are dropped and compared in metrics.
    pub mirror: Option<usize>,
    /// Where it stands: file and line.
    pub place: String,
}

#[derive(Debug, Clone)]
pub struct Condition {
    pub field: Field,
    pub operator: Operator,
    /// As written, never empty; only `in` has several. Of a label it is `key=value`: the operator looks at what
    /// follows the first `=`; `key` alone holds where the label is there at all.
    pub values: Vec<String>,
    /// The condition holds where the operator does not.
    pub negated: bool,
}

impl Rule {
    /// What it says to whoever it denies; `None` for one that routes.
    pub fn denial(&self) -> Option<&str> {
        match &self.action {
            Action::Deny { message } => Some(message),
            Action::Route { .. } => None,
        }
    }
}

/// What a condition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    Namespace,
    /// `pods`, `deployments.apps`, `pods/exec`, `*.apps`.
    Resource,
    Group,
    Subresource,
    /// Kubernetes verbs; HTTP methods were turned into these while reading.
    Verb,
    /// `read`, `write`, `connect`.
    Class,
    Name,
    User,
    CallerGroup,
    /// A requirement that the request's label selector implies, or, where `body` is set, a label of the object sent.
    Label {
        body: bool,
    },
    /// The caller's region, which the proxy is told at its start.
    Region,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    Equals,
    In,
    Contains,
    Regex,
    Prefix,
}

#[derive(Debug, Clone)]
pub enum Action {
    /// One or several clusters, by their places.
    Route {
        targets: Vec<usize>,
        balance: Balance,
    },
    Deny {
        message: String,
    },
}

/// How one of several clusters is chosen for a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Balance {
    RoundRobin,
    Weighted,
    Random,
    LeastLoaded,
    NearestRegion,
    Cheapest,
    MostFree,
    /// The first target whose window holds, in order.
    TimeWindow(Vec<(usize, Vec<Window>)>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Requests of one caller under way, long-running ones apart.
    pub per_caller: u32,
    /// Requests under way in all, long-running ones apart; above it short ones are turned away.
    pub in_flight: u32,
    pub long_running: u32,
    pub connections: u32,
    /// The longest time a short request may take.
    pub request_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_caller: 1500,
            in_flight: 2000,
            long_running: 5000,
            connections: 5000,
            // A little more than kube-apiserver's own, whose answer tells more.
            request_timeout: Duration::from_secs(75),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct AuditSettings {
    /// Where the log goes; none keeps none. `-` is standard output.
    pub path: Option<std::path::PathBuf>,
    /// An `audit.k8s.io/v1` Policy.
    pub policy: Option<std::path::PathBuf>,
    pub max_bytes: u64,
    pub max_files: u32,
    /// A full queue makes requests wait instead of losing events.
    pub blocking: bool,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { path: None, policy: None, max_bytes: 100 << 20, max_files: 5, blocking: false }
    }
}
