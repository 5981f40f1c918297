//! The initial state of a simulated cluster.

use std::time::Duration;

use serde_json::{Value, json};

use super::status::Failure;

/// A simulated member cluster.
#[derive(Debug, Clone)]
pub struct Member {
    /// Name of its context, cluster and user in the kubeconfig.
    pub name: String,
    /// Version in the answer to `/version`.
    pub version: Version,
    /// Number of pods at the start.
    pub pods: usize,
    /// Number of nodes; never 0.
    pub nodes: usize,
    /// Behaviour of its port at the start.
    pub reach: Reach,
    /// Least and most delay of each answer; `None` for no delay.
    pub latency: Option<(Duration, Duration)>,
    /// If set, every token gets 401 with this message.
    pub expired: Option<String>,
    /// Discovery offers the aggregated form.
    pub aggregated: bool,
    /// Troubles of its workloads.
    pub story: Story,
    /// RBAC and admission forbid some changes in this cluster; elsewhere all are allowed.
    pub restricted: bool,
    /// Seed of all names, times and numbers.
    pub seed: u64,
}

/// Behaviour of the port of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Connections are answered.
    Open,
    /// Connections are refused.
    Refused,
    /// Connections are never answered.
    BlackHole,
}

/// The troubles of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// A few of each kind of trouble, spread by the seed.
    Plain,
    /// The bad rollout, a node that is gone, evicted pods, a crash loop.
    EuWest,
    /// The bad rollout, pending volumes, failed jobs.
    UsEast,
    /// Older images than elsewhere, and containers killed for memory.
    ApSouth,
    /// Two versions behind, with an older custom resource.
    EdgeLab,
    /// Small and healthy.
    Staging,
    /// Plain, with objects that no sane program writes: control characters, reversed text, huge values.
    Hostile,
}

/// A Kubernetes version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The number after `1.`.
    pub minor: u8,
    /// The last number.
    pub patch: u8,
}

impl Version {
    /// Returns true if this version supports streaming lists: on in 1.32, off in 1.33, on since 1.34.
    pub(super) fn streams_lists(self) -> bool {
        self.minor == 32 || self.minor >= 34
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v1.{}.{}", self.minor, self.patch)
    }
}

impl Member {
    /// A reachable cluster of version 1.`minor` with plain troubles; change the fields for anything else.
    pub fn new(name: &str, minor: u8, pods: usize, seed: u64) -> Self {
        let name = name.to_owned();
        Self {
            version: Version { minor, patch: 2 + u8::try_from(seed % 5).unwrap_or(0) },
            pods,
            nodes: (pods / 30).clamp(3, 200),
            reach: Reach::Open,
            latency: None,
            expired: None,
            aggregated: true,
            story: Story::Plain,
            restricted: false,
            seed: name.bytes().fold(seed, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3).wrapping_add(byte.into())),
            name,
        }
    }

    /// Whether RBAC lets the user do something. In a restricted cluster nothing outside namespaces is changed, and
    /// nothing in `kube-system`; a namespace that is empty stands for all of them.
    pub(super) fn allows(&self, verb: &str, plural: &str, (namespaced, namespace): (bool, &str)) -> bool {
        let is_read = matches!(verb, "get" | "list" | "watch");
        let is_review = plural.starts_with("selfsubject");
        !self.restricted || is_read || is_review || namespaced && !matches!(namespace, "" | "kube-system")
    }

    /// Returns the objection of an admission webhook to a change, if it has one. The cluster's own controllers are not asked.
    pub(super) fn webhook(&self, verb: &str, (namespaced, namespace): (bool, &str), dry_run: bool) -> Option<Failure> {
        if !self.restricted || !namespaced {
            return None;
        }
        match namespace {
            "identity" if verb == "delete" => Some(Failure::denied_by_webhook(
                "check.policy.example.com",
                "objects of team identity are deleted by its own pipeline; ask in #identity",
            )),
            "batch" if dry_run => Some(Failure::dry_run_unsupported("notify.batch.example.com")),
            _ => None,
        }
    }

    /// The answer to `/version`.
    pub(super) fn version_document(&self) -> Value {
        json!({
            "major": "1",
            "minor": self.version.minor.to_string(),
            "gitVersion": self.version.to_string(),
            "gitCommit": format!("{:016x}{:016x}{:08x}", self.seed, !self.seed, self.version.minor),
            "gitTreeState": "clean",
            "buildDate": "2026-01-15T09:12:44Z",
            "goVersion": "go1.24.6",
            "compiler": "gc",
            "platform": "linux/amd64",
        })
    }
}

/// The six clusters of `qd --demo`.
pub(super) fn showcase(seed: u64) -> Vec<Member> {
    let member = |name: &str, (minor, patch), pods, nodes, story| {
        let mut member = Member::new(name, minor, pods, seed);
        member.version.patch = patch;
        member.nodes = nodes;
        member.story = story;
        member
    };
    let mut clusters = vec![
        member("eu-west", (35, 2), 400, 14, Story::EuWest),
        member("us-east", (35, 1), 350, 12, Story::UsEast),
        member("ap-south", (34, 4), 200, 8, Story::ApSouth),
        member("edge-lab", (31, 9), 60, 3, Story::EdgeLab),
        member("staging", (35, 2), 80, 4, Story::Staging),
        member("sa-east", (34, 4), 120, 5, Story::Plain),
    ];
    for cluster in &mut clusters {
        match cluster.name.as_str() {
            "ap-south" => {
                cluster.latency = Some((Duration::from_millis(400), Duration::from_millis(900)));
            }
            "us-east" => cluster.restricted = true,
            "edge-lab" => cluster.aggregated = false,
            "staging" => {
                cluster.expired =
                    Some("Unauthorized: session expired; run `aws sso login --profile staging`".to_owned());
            }
            "sa-east" => cluster.reach = Reach::Refused,
            _ => {}
        }
    }
    clusters
}

/// In a uniform fleet every fifth cluster is restricted.
const RESTRICTED_EVERY: usize = 5;

/// `count` similar clusters named `demo-001` and on; the last `dead` of them cannot be reached, every second one
/// silently.
pub(super) fn uniform(count: usize, pods: usize, dead: usize, seed: u64) -> Vec<Member> {
    (1..=count)
        .map(|number| {
            let minor = 35 - u8::try_from(number % 4).unwrap_or(0);
            let mut member = Member::new(&format!("demo-{number:03}"), minor, pods, seed);
            member.restricted = number % RESTRICTED_EVERY == 0;
            if number + dead > count {
                member.reach = if number % 2 == 0 { Reach::Refused } else { Reach::BlackHole };
            }
            member
        })
        .collect()
}
