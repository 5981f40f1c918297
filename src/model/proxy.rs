//! The proxy as a screen and a script see it: rules, clusters, the last requests. Holds no secret.

use super::text::Text;
use super::time::UnixSeconds;
use serde::{Deserialize, Serialize};

/// Requests kept for the tail.
pub const TAIL_MAX: usize = 500;

/// State of a running proxy at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Routes {
    /// Time of the report, on the proxy's clock.
    pub at: UnixSeconds,
    /// `https://127.0.0.1:6443`, one per listener; for the port of a single cluster `https://127.0.0.1:7001 (alpha
    /// only)`.
    pub listeners: Vec<Text>,
    /// Folder that clients mount or point KUBECONFIG into.
    pub publish_dir: Text,
    /// Cluster for requests that no rule matches; `None` if they are refused.
    pub home: Option<Text>,
    /// Rules in the order they are tried.
    pub rules: Vec<RuleFacts>,
    /// Clusters in the order of the configuration.
    pub clusters: Vec<UpstreamFacts>,
    /// Findings of the last configuration in force.
    pub findings: Vec<Finding>,
    /// The last load of the configuration.
    pub reload: Reload,
    /// The last requests, the newest last, at most [`TAIL_MAX`].
    pub tail: Vec<Exchange>,
    /// True while the proxy shuts down: it takes no new connections.
    pub draining: bool,
    /// Requests under way, without long-running ones.
    pub in_flight: u64,
    /// Watches, logs, execs and other long-running requests under way.
    pub long_running: u64,
}

/// A rule of a running proxy, with its traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleFacts {
    /// Name of the rule.
    pub name: Text,
    /// Priority from the configuration.
    pub priority: i64,
    /// The conditions in one line: `namespace equals production`.
    pub when: Text,
    /// The action: `prod`, `a, b by weight`, `deny`.
    pub then: Text,
    /// Clusters the rule routes to; empty for a rule that denies.
    pub targets: Vec<Text>,
    /// Requests the rule took.
    pub hits: u64,
    /// Requests that got a status of 500 and above, or no answer.
    pub errors: u64,
    /// Median duration of the last minute or two, in microseconds; `None` until there is a request. Long-running
    /// requests do not count.
    pub p50_us: Option<u64>,
    /// 99th percentile of the same durations.
    pub p99_us: Option<u64>,
    /// File and line of the rule.
    pub place: Text,
}

/// Traffic switch of a cluster, set by an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrafficState {
    /// Takes requests as the rules say.
    #[default]
    Open,
    /// Takes no new keys; requests under way continue.
    Draining,
    /// Takes no requests; its running streams were ended.
    Blocked,
}

/// A cluster of a running proxy, with its traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UpstreamFacts {
    /// Name of the upstream, as rules call it.
    pub name: Text,
    /// Traffic switch an operator set.
    pub traffic: TrafficState,
    /// Region from the configuration; empty if it names none.
    pub region: Text,
    /// Its API servers.
    pub endpoints: Vec<EndpointFacts>,
    /// Requests under way, long-running ones included.
    pub in_flight: u64,
    /// Long-running requests under way: watches, logs, execs.
    pub long_running: u64,
    /// The next step if a token or a credential plugin failed; `None` while credentials work.
    pub credential: Option<Text>,
}

/// State of an endpoint's circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// Requests pass.
    #[default]
    Closed,
    /// A few reads pass, as a trial.
    HalfOpen,
    /// No request passes.
    Open,
}

/// Health of an endpoint, from its last probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointHealth {
    /// No probe has finished yet.
    #[default]
    Unknown,
    /// Answers that it is ready.
    Ready,
    /// Answers that it is not ready.
    NotReady,
    /// Does not answer.
    Unreachable,
    /// Answers, and does not accept our credential.
    Unauthorized,
}

/// An API server of a cluster, with its connections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointFacts {
    /// `host:port`.
    pub address: Text,
    /// Health from its last probes.
    pub health: EndpointHealth,
    /// Reason of the last failed probe; empty while it is ready.
    pub why: Text,
    /// State of its circuit breaker.
    pub breaker: BreakerState,
    /// Open connections.
    pub connections: u32,
    /// Requests under way on these connections.
    pub streams: u32,
    /// Duration of the last probes in milliseconds, the newest last; `None` for a failed probe.
    pub probes: Vec<Option<u32>>,
}

/// A finding of `qd route lint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Severity of the finding.
    pub severity: FindingSeverity,
    /// A stable identifier: `split-verbs`.
    pub code: Text,
    /// File and line it is about.
    pub place: Text,
    /// Rule it is about; `None` if it is about the whole configuration.
    pub rule: Option<Text>,
    /// Description in one line, with the reason.
    pub text: Text,
}

/// Severity of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingSeverity {
    /// Works as written, and may not do what is wanted.
    Warning,
    /// Contradicts itself or its targets: must be changed.
    Error,
}

/// The last load of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    /// Time of the load, also of a refused one.
    pub at: UnixSeconds,
    /// Hash of the configuration in force.
    pub hash: Text,
    /// File or folder it was read from, as the user wrote it.
    pub origin: Text,
    /// Why the last load was refused, in which case the configuration before stays in force; `None` if it was accepted.
    pub refused: Option<Text>,
    /// Configurations accepted since the start; the first counts 0.
    pub count: u64,
}

/// A finished request, or a long-running one that began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Number of the request, counted from 1.
    pub number: u64,
    /// Time of this entry: the end of the request, or the begin of a long-running one.
    pub at: UnixSeconds,
    /// Kubernetes verb: `get`, `list`, `watch`.
    pub verb: Text,
    /// Path with its query, tokens redacted.
    pub uri: Text,
    /// Name of the authenticated caller.
    pub user: Text,
    /// Rule that matched; empty if none did.
    pub rule: Text,
    /// Cluster that answered; empty if the proxy answered itself.
    pub cluster: Text,
    /// HTTP status; 0 if there was no answer.
    pub code: u16,
    /// Microseconds from the arrival of the request to this entry.
    pub micros: u64,
    /// Attempts at clusters, retries included.
    pub attempts: u32,
    /// True for a watch, a log, an exec and the like.
    pub long_running: bool,
}

/// Candidates that an [`Explanation`] lists after the chosen one.
pub const NEXT_MAX: usize = 3;

/// Rules without a match that an [`Explanation`] lists.
pub const PASSED_MAX: usize = 50;

/// Route of a request, and why: the answer of the tester.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The request as parsed: `GET /api/v1/namespaces/production/pods`.
    pub request: Text,
    /// Meaning of the request to an API server: `list pods in production`.
    pub read: Text,
    /// The rule that matches; `None` if none does.
    pub rule: Option<Text>,
    /// File and line of the rule.
    pub place: Text,
    /// The chosen cluster; `None` if the request would be refused.
    pub cluster: Option<Text>,
    /// Reason in one line: the conditions that matched, how the cluster was chosen, or why the request is refused.
    pub why: Text,
    /// Source of the health of the clusters, for answers that do not come from a running proxy; set on the first
    /// request of a command.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub health: Text,
    /// Alternatives if the cluster, and then the rule, were not available; at most [`NEXT_MAX`].
    pub next: Vec<Candidate>,
    /// Conditions of the rule that matches.
    #[serde(default)]
    pub conditions: Vec<Checked>,
    /// Rules tried before it without a match, in order; the first [`PASSED_MAX`].
    #[serde(default)]
    pub passed: Vec<Passed>,
    /// Number of rules tried before it.
    #[serde(default)]
    pub passed_count: u64,
    /// Warnings for the sender, one line each.
    #[serde(default)]
    pub warnings: Vec<Text>,
    /// Further requests of the same command, in order.
    #[serde(default)]
    pub further: Vec<Explanation>,
}

/// A condition and the value it was compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The condition: `namespace equals production`.
    pub condition: Text,
    /// The request's value; empty if it has none.
    pub value: Text,
}

/// A rule that does not match, with the first of its conditions that fails.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Name of the rule.
    pub rule: Text,
    /// File and line of the rule.
    pub place: Text,
    /// The first condition that fails.
    pub failed: Checked,
}

/// An alternative route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Name of the rule, or `home`.
    pub rule: Text,
    /// The cluster; `None` if the request would be refused.
    pub cluster: Option<Text>,
    /// Reason in one line.
    pub why: Text,
}
