//! The proxy as a screen and a script see it: rules, clusters, the last requests. Holds no secret.

use super::text::Text;
use super::time::UnixSeconds;
use serde::{Deserialize, Serialize};

/// Requests kept for the tail.
pub const TAIL_MAX: usize = 500;

/// One picture of a running proxy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Routes {
    pub at: UnixSeconds,
    /// `https://127.0.0.1:6443`, one per listener; of a single cluster's port `https://127.0.0.1:7001 (alpha only)`.
    pub listeners: Vec<Text>,
    /// The folder clients mount or point KUBECONFIG into.
    pub publish_dir: Text,
    pub home: Option<Text>,
    /// In the order they are tried.
    pub rules: Vec<RuleFacts>,
    pub clusters: Vec<UpstreamFacts>,
    pub findings: Vec<Finding>,
    pub reload: Reload,
    /// The newest last, at most [`TAIL_MAX`].
    pub tail: Vec<Exchange>,
    /// Being ended: no new connections.
    pub draining: bool,
    pub in_flight: u64,
    pub long_running: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleFacts {
    pub name: Text,
    pub priority: i64,
    /// The conditions in one line: `namespace equals production`.
    pub when: Text,
    /// `prod`, `a, b by weight`, `deny`.
    pub then: Text,
    pub targets: Vec<Text>,
    pub hits: u64,
    /// Answers of 500 and above, and requests that got none.
    pub errors: u64,
    /// Microseconds; `None` until there is a request.
    pub p50_us: Option<u64>,
    pub p99_us: Option<u64>,
    /// File and line.
    pub place: Text,
}

/// A switch an operator set by hand on a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrafficState {
    #[default]
    Open,
    /// No new keys; what runs, runs on.
    Draining,
    /// Nothing goes there; running streams were ended.
    Fenced,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UpstreamFacts {
    pub name: Text,
    pub fence: TrafficState,
    pub region: Text,
    pub endpoints: Vec<EndpointFacts>,
    pub in_flight: u64,
    pub long_running: u64,
    /// A token or a plugin that failed: what to do.
    pub credential: Option<Text>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    #[default]
    Closed,
    HalfOpen,
    Open,
}

/// What the last probes said of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointHealth {
    #[default]
    Unknown,
    Ready,
    /// It answers that it is not ready.
    NotReady,
    Unreachable,
    /// It is there, and does not accept our credential.
    Unauthorized,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointFacts {
    /// `host:port`.
    pub address: Text,
    pub health: EndpointHealth,
    pub why: Text,
    pub breaker: BreakerState,
    pub connections: u32,
    pub streams: u32,
    /// Milliseconds of the last probes, the newest last; `None` for one that failed.
    pub probes: Vec<Option<u32>>,
}

/// What `qd route lint` finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: FindingSeverity,
    /// A stable word: `split-verbs`.
    pub code: Text,
    /// File and line.
    pub place: Text,
    pub rule: Option<Text>,
    /// One line, with its reason.
    pub text: Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingSeverity {
    Warning,
    Error,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    pub at: UnixSeconds,
    /// The hash of the configuration in force.
    pub hash: Text,
    pub origin: Text,
    /// Why the last one was refused; the one before stays in force.
    pub refused: Option<Text>,
    pub count: u64,
}

/// One request that has ended, or a long-running one that began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    pub number: u64,
    pub at: UnixSeconds,
    pub verb: Text,
    /// The path with its query, tokens redacted.
    pub uri: Text,
    pub user: Text,
    /// Empty where no rule held.
    pub rule: Text,
    pub cluster: Text,
    pub code: u16,
    pub micros: u64,
    pub attempts: u32,
    pub long_running: bool,
}

/// Candidates an [`Explanation`] names after the one that holds.
pub const NEXT_MAX: usize = 3;

/// Rules an [`Explanation`] names that did not hold.
pub const PASSED_MAX: usize = 50;

/// Which way a request would go, and why: the tester's answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The request as it was understood: `GET /api/v1/namespaces/production/pods`.
    pub request: Text,
    /// What the server would make of it: `list pods in production`.
    pub read: Text,
    /// The rule that holds; `None` where none does.
    pub rule: Option<Text>,
    /// The rule's file and line.
    pub place: Text,
    /// Where it would go; `None` where it would be refused.
    pub cluster: Option<Text>,
    /// One line: which conditions held, how the cluster was chosen, or why it is refused.
    pub why: Text,
    /// Whose word on the clusters' health was taken, where that is a question: of a command, in its first request.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub health: Text,
    /// What would be tried next were the cluster, then the rule, not there; at most [`NEXT_MAX`].
    pub next: Vec<Candidate>,
    /// The conditions of the rule that holds.
    #[serde(default)]
    pub conditions: Vec<Checked>,
    /// The rules before it, in their order; the first [`PASSED_MAX`].
    #[serde(default)]
    pub passed: Vec<Passed>,
    /// How many of those rules there are.
    #[serde(default)]
    pub passed_count: u64,
    /// What whoever sends it should know; one line each.
    #[serde(default)]
    pub warnings: Vec<Text>,
    /// What the same command sends besides, in order.
    #[serde(default)]
    pub further: Vec<Explanation>,
}

/// A condition, and what it looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// `namespace equals production`.
    pub condition: Text,
    /// What the request has there; empty for nothing.
    pub value: Text,
}

/// A rule that does not hold, and the first of its conditions that does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub rule: Text,
    /// File and line.
    pub place: Text,
    pub failed: Checked,
}

/// What would come next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// A rule's name, or `home`.
    pub rule: Text,
    /// `None` where it would be refused.
    pub cluster: Option<Text>,
    pub why: Text,
}
