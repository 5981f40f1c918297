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

/// An effective configuration. Clusters and rules refer to each other by their index in these lists.
#[derive(Debug, Clone, Default)]
pub struct ProxyConfig {
    /// The cluster for requests that no rule matches: discovery, cluster-scoped kinds, other namespaces. `None` sends
    /// discovery to the first cluster, and refuses the others.
    pub home: Option<usize>,
    /// Clusters that requests may go to.
    pub clusters: Vec<UpstreamCluster>,
    /// Rules by priority, the highest first; equal ones in the order of the files.
    pub rules: Vec<Rule>,
    /// Region of the proxy; empty if none is configured.
    pub region: String,
    /// Other regions, the nearest first; a region that is not listed is far.
    pub nearby: Vec<String>,
    /// Settings for authentication.
    pub callers: CallerSettings,
    /// Bounds on connections and requests.
    pub limits: Limits,
    /// Settings of the audit log.
    pub audit: AuditSettings,
    /// Keeps discovery and OpenAPI answers, and revalidates them by ETag.
    pub cache_discovery: bool,
    /// A short hash of the whole configuration, for logs, metrics and `/config`. It reveals no secret.
    pub hash: String,
    /// Source of the configuration, as the user wrote it.
    pub origin: String,
}

/// A cluster, reached through one or more API servers with the same etcd.
#[derive(Debug, Clone)]
pub struct UpstreamCluster {
    /// Name of the cluster, as rules and clients call it.
    pub name: Arc<str>,
    /// Address, trust and identity of each API server. Never empty.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Namespace that clients start in; written to `kubeconfig` and published.
    pub namespace: String,
    /// Labels, for `targetLabels` of rules.
    pub labels: BTreeMap<String, String>,
    /// Share of new keys for weighted targets; 1 by default, 0 takes no new keys.
    pub weight: u32,
    /// Region of the cluster; empty if none is configured.
    pub region: String,
    /// Cost of a request to this cluster, in any unit that all clusters share; for `cheapest`.
    pub cost: f64,
    /// Requests the cluster can take at once, for `most-free`; 0 if not configured.
    pub capacity: u32,
    /// Windows in which the cluster takes no new keys.
    pub maintenance: Vec<Window>,
    /// Identity that requests have when they reach the cluster.
    pub mode: Mode,
    /// Settings of the health probes of its endpoints.
    pub health: HealthSettings,
    /// Settings for retries.
    pub retry: RetrySettings,
    /// Settings of the circuit breakers of its endpoints.
    pub breaker: BreakerSettings,
    /// File and line that define the cluster.
    pub place: String,
}

impl ProxyConfig {
    /// The namespace that clients of a cluster start in; that of the home cluster if `cluster` is `None`.
    pub fn namespace(&self, cluster: Option<&str>) -> &str {
        let found = match cluster {
            Some(name) => self.clusters.iter().find(|c| &*c.name == name),
            None => self.home.and_then(|home| self.clusters.get(home)),
        };
        found.map_or("default", |c| &c.namespace)
    }
}

impl UpstreamCluster {
    /// A cluster with one endpoint, and defaults for everything else.
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

    /// The access level of the cluster: that of its strictest endpoint.
    pub fn access(&self) -> AccessGate {
        self.endpoints.iter().fold(AccessGate::default(), |gate, endpoint| gate.or(endpoint.access.clone()))
    }
}

/// Callers that may use the proxy, besides the bearer of the token it made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerSettings {
    /// CA certificates, PEM: a client certificate they signed authenticates its subject, the CN as user and each O as
    /// a group.
    pub client_ca: Option<Material>,
    /// Settings for the review of ServiceAccount tokens by the home cluster; `None` reviews none.
    pub token_review: Option<ReviewSettings>,
    /// Users by the uid at the other end of a Unix socket. The proxy's own uid is always allowed.
    pub uids: BTreeMap<u32, String>,
    /// Groups of callers with the published token and of callers on the Unix socket.
    pub groups: Vec<String>,
    /// Origins of web pages that may call, authenticated as every caller is; `*` allows all origins.
    pub allowed_origins: Vec<String>,
}

/// Settings for the review of ServiceAccount tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewSettings {
    /// Audiences of which a token must name one; empty means the audience of the API server.
    pub audiences: Vec<String>,
    /// How long the result of a review is used again.
    pub cache: Duration,
}

/// Identity with which requests reach a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The cluster's configured credential replaces the caller's credential.
    #[default]
    Swap,
    /// The configured credential, with headers that impersonate the caller.
    Impersonate,
    /// The caller's own bearer token.
    Passthrough,
}

/// A weekly window in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Days on which the window begins; bit 0 is Monday.
    pub days: u8,
    /// Beginning, in minutes since midnight.
    pub from: u16,
    /// End, in minutes since midnight; the next day if it is not after `from`.
    pub to: u16,
}

/// Bounds on retries of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrySettings {
    /// Retries of a request that the server may have carried out.
    pub max_retries: u32,
    /// Factor by which each pause is longer than the one before.
    pub backoff_factor: f64,
    /// Longest pause before a retry.
    pub max_delay: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self { max_retries: 1, backoff_factor: 2.0, max_delay: Duration::from_secs(1) }
    }
}

/// A routing rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Name of the rule, as metrics, logs and refusals give it.
    pub name: Arc<str>,
    /// Priority of the rule; the highest comes first.
    pub priority: i64,
    /// Conditions that must all hold; an empty list always holds.
    pub conditions: Vec<Condition>,
    /// Action for a request that the rule matches.
    pub action: Action,
    /// Passes the client's impersonation headers on, under this rule.
    pub allow_impersonation: bool,
    /// The targets are declared replicas: a target may be chosen for each request.
    pub stateless: bool,
    /// Another target may take over before any byte of the request was accepted.
    pub failover: bool,
    /// A cluster that gets a copy of each read, as an index; its answers are dropped and compared in metrics.
    pub mirror: Option<usize>,
    /// File and line that define the rule.
    pub place: String,
}

/// A condition on one field of a request.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Field that the condition reads.
    pub field: Field,
    /// Comparison of the field with `values`.
    pub operator: Operator,
    /// Values as written, never empty; only `in` has several. For a label each is `key=value`, and the operator
    /// compares the part after the first `=`; `key` alone holds if the label is present.
    pub values: Vec<String>,
    /// Inverts the condition: it holds if the operator does not.
    pub negated: bool,
}

impl Rule {
    /// The denial message, or `None` if the rule routes.
    pub fn denial(&self) -> Option<&str> {
        match &self.action {
            Action::Deny { message } => Some(message),
            Action::Route { .. } => None,
        }
    }
}

/// Field of a request that a condition reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// Namespace of the request; empty if the URL names none.
    Namespace,
    /// Resource: `pods`, `deployments.apps`, `pods/exec`, `*.apps`.
    Resource,
    /// API group; empty for the core group.
    Group,
    /// Subresource; empty if the request names none.
    Subresource,
    /// Kubernetes verb; HTTP methods were turned into verbs while reading.
    Verb,
    /// Class of the request: `read`, `write` or `connect`.
    Class,
    /// Name of the object; empty for lists and most creates.
    Name,
    /// User name of the caller.
    User,
    /// A group of the caller; any one of them may match.
    CallerGroup,
    /// A requirement that the request's label selector implies, or, if `body` is set, a label of the object sent.
    Label {
        /// Reads the labels of the object sent instead of the label selector.
        body: bool,
    },
    /// Region of the proxy, as configured at its start.
    Region,
}

/// Comparison of a text with the values of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// The text is the value.
    Equals,
    /// The text is one of the values.
    In,
    /// The text contains the value.
    Contains,
    /// The text contains a match of the regular expression.
    Regex,
    /// The text starts with the value.
    Prefix,
}

/// Action of a rule.
#[derive(Debug, Clone)]
pub enum Action {
    /// The request goes to one of several clusters.
    Route {
        /// Clusters, as indexes into `ProxyConfig::clusters`.
        targets: Vec<usize>,
        /// Strategy that chooses between the targets.
        balance: Balance,
    },
    /// The request is refused with 403.
    Deny {
        /// Message of the refusal.
        message: String,
    },
}

/// Strategy that chooses one of several clusters for a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Balance {
    /// New keys go to the targets in turn.
    RoundRobin,
    /// Keys are spread by the weights of the targets.
    Weighted,
    /// Keys are spread evenly, by their hash.
    Random,
    /// A new key goes to the target with the fewest requests under way.
    LeastLoaded,
    /// A key goes to the target whose region is nearest to the proxy's.
    NearestRegion,
    /// A key goes to the target with the lowest cost.
    Cheapest,
    /// A new key goes to the target with the most free capacity.
    MostFree,
    /// A key goes to the first target, in order, with an open window. No windows at all are always open.
    TimeWindow(Vec<(usize, Vec<Window>)>),
}

/// Bounds on connections and requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Short requests of one caller at once; 0 means no limit.
    pub per_caller: u32,
    /// Short requests at once, of all callers; further ones are refused with 429. 0 means no limit.
    pub in_flight: u32,
    /// Long-running requests at once, of all callers; 0 means no limit.
    pub long_running: u32,
    /// Open connections at once.
    pub connections: u32,
    /// Longest time a short request may take.
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

/// Settings of the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditSettings {
    /// File of the log; `-` is standard output, and `None` keeps no log.
    pub path: Option<std::path::PathBuf>,
    /// File with an `audit.k8s.io/v1` Policy; `None` uses the default policy.
    pub policy: Option<std::path::PathBuf>,
    /// Size at which the file is rotated, in bytes; 0 never rotates it.
    pub max_bytes: u64,
    /// Rotated files that are kept beside the current one.
    pub max_files: u32,
    /// A full queue makes requests wait; otherwise events are dropped.
    pub blocking: bool,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { path: None, policy: None, max_bytes: 100 << 20, max_files: 5, blocking: false }
    }
}
