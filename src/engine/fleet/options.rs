//! What the fleet may be told, and the bounds it keeps.

use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// At most this many clusters are all connected by default; with more, only the current one is:
/// a first start must not log in to three hundred clusters unasked.
pub const DEFAULT_CONNECTS: usize = 20;

/// Which clusters are connected without being asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connect {
    All,
    Names(BTreeSet<ClusterName>),
    /// All when there are at most so many, else the current one.
    AtMost(usize),
}

impl Default for Connect {
    fn default() -> Self {
        Self::AtMost(DEFAULT_CONNECTS)
    }
}

/// How the fleet is run. The defaults are what the console uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetOptions {
    /// What the frame calls the fleet.
    pub title: Text,
    /// For jitter and ids.
    pub seed: u64,
    pub connect: Connect,
    /// Around this often each cluster is probed: a dead one is noticed within 40 s.
    pub probe_period: Duration,
    /// A view that was left keeps its rows this long: going back is instant.
    pub warm: Duration,
    /// Watches of views per cluster, beside the always-on ones: the category `all` is ten kinds.
    pub watches_per_cluster: usize,
    /// Watches in all: 1,000 clusters with the four that are always on.
    pub watches: usize,
    /// Whether a routing proxy can be started here.
    #[serde(default)]
    pub starts_proxies: bool,
    /// Clusters connected at once: a laptop's credential plugins and its resolver bear that many.
    pub connects: usize,
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
            connects: 16,
        }
    }
}
