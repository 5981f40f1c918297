//! Options of the fleet, and its bounds.

use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// Default of [`Connect::AtMost`]: a first start must not log in to three hundred clusters.
pub const DEFAULT_CONNECTS: usize = 20;

/// Clusters that are connected at the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connect {
    /// All clusters.
    All,
    /// The named clusters.
    Names(BTreeSet<ClusterName>),
    /// All clusters if there are at most this many, else the current one only.
    AtMost(usize),
}

impl Default for Connect {
    fn default() -> Self {
        Self::AtMost(DEFAULT_CONNECTS)
    }
}

/// Options of the fleet. The defaults are those of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetOptions {
    /// Title of the fleet in the frame.
    pub title: Text,
    /// Seed for jitter and ids.
    pub seed: u64,
    /// Clusters that are connected at the start.
    pub connect: Connect,
    /// Average time between two probes of a cluster: a dead one is noticed within 40 s.
    pub probe_period: Duration,
    /// Time for which the rows of a closed view are kept, so that going back is instant.
    pub warm: Duration,
    /// Watches of views per cluster, not counting the always-on ones: the category `all` is ten kinds.
    pub watches_per_cluster: usize,
    /// Watches in all: 1,000 clusters with the four that are always on.
    pub watches: usize,
    /// True if a routing proxy can be started here.
    #[serde(default)]
    pub starts_proxies: bool,
    /// Most targets of a change in one protected cluster.
    #[serde(default = "default_bulk_limit")]
    pub bulk_limit: u32,
    /// Clusters connected at once: a laptop's credential plugins and its resolver can take that many.
    pub connects: usize,
}

fn default_bulk_limit() -> u32 {
    20
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self {
            title: Text::default(),
            seed: 0,
            connect: Connect::default(),
            probe_period: Duration::from_secs(30),
            warm: Duration::from_secs(60),
            watches_per_cluster: 16,
            watches: 4096,
            starts_proxies: false,
            bulk_limit: default_bulk_limit(),
            connects: 16,
        }
    }
}
