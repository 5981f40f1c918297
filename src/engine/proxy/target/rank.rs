//! The order in which a rule's clusters come for a key.

use super::{Availability, window};
use crate::engine::proxy::config::{Balance, ProxyConfig, UpstreamCluster};
use crate::model::time::UnixSeconds;

/// Everything the order of a rule's clusters depends on.
#[derive(Clone, Copy)]
pub struct Ranking<'a> {
    /// Configuration in force.
    pub config: &'a ProxyConfig,
    /// Targets of the rule, as indexes into `config.clusters`.
    pub targets: &'a [usize],
    /// Strategy of the rule.
    pub balance: &'a Balance,
    /// Hash of the key.
    pub place: u64,
    /// Number of new keys before this one, for round-robin.
    pub turn: u64,
    /// Availability of a cluster, by its index in `config.clusters`.
    pub standing: &'a dyn Fn(usize) -> Availability,
    /// Time of the choice, for windows.
    pub now: UnixSeconds,
}

impl std::fmt::Debug for Ranking<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ranking").field("targets", &self.targets).field("place", &self.place).finish_non_exhaustive()
    }
}

impl Ranking<'_> {
    /// Returns the first target in the order for which `may` is true.
    pub fn best(&self, may: impl Fn(usize) -> bool) -> Option<usize> {
        let candidates = self.targets.iter().enumerate().filter(|(_, cluster)| may(**cluster));
        let scored = candidates.filter_map(|(place, cluster)| Some((self.score(place, *cluster)?, *cluster)));
        let order = |(a, b): (f64, f64), (c, d): (f64, f64)| a.total_cmp(&c).then(b.total_cmp(&d));
        scored.min_by(|(a, _), (b, _)| order(*a, *b)).map(|(_, cluster)| cluster)
    }

    /// The target the key belongs to while all clusters are healthy; `None` if that depends on earlier choices.
    pub fn natural(&self) -> Option<usize> {
        match self.targets {
            [only] => Some(*only),
            _ if self.has_memory() => None,
            _ => self.best(|cluster| self.weight(cluster) > 0),
        }
    }

    /// Returns true if the strategy depends on the present state, so that its choices must be remembered.
    pub fn has_memory(&self) -> bool {
        matches!(self.balance, Balance::RoundRobin | Balance::LeastLoaded | Balance::MostFree)
    }

    /// Returns true if the cluster may get new keys: it has a weight, an operator does not drain it, and it is not in
    /// maintenance.
    pub fn takes_new(&self, cluster: usize) -> bool {
        let in_maintenance = |c: &UpstreamCluster| c.maintenance.iter().any(|w| window::holds(w, self.now));
        self.weight(cluster) > 0
            && self.config.clusters.get(cluster).is_some_and(|c| !in_maintenance(c))
            && (self.standing)(cluster).takes_new
    }

    /// Returns true if the rule leads to the cluster at this time.
    pub fn admits(&self, cluster: usize) -> bool {
        if matches!(self.balance, Balance::TimeWindow(_)) {
            return self.best(|_| true) == Some(cluster);
        }
        self.targets.contains(&cluster)
    }

    /// Returns the hash of the cluster's name.
    pub fn name(&self, cluster: usize) -> u64 {
        hash(&[self.config.clusters.get(cluster).map_or("", |c| &*c.name)])
    }

    /// Returns the target whose name has that hash.
    pub fn find(&self, name: u64) -> Option<usize> {
        self.targets.iter().copied().find(|cluster| self.name(*cluster) == name)
    }

    /// The weight of a target; with a single target a weight of 0 has no effect.
    fn weight(&self, cluster: usize) -> u32 {
        match self.targets {
            [_] => 1,
            _ => self.config.clusters.get(cluster).map_or(0, |c| c.weight),
        }
    }

    /// The score of a target: the lowest comes first, and the second number decides between equals. `None` if the
    /// target does not count at this time.
    fn score(&self, place: usize, cluster: usize) -> Option<(f64, f64)> {
        let member = self.config.clusters.get(cluster)?;
        let weight = if matches!(self.balance, Balance::Random) { 1 } else { self.weight(cluster) };
        let spread = rendezvous(mix(self.place, self.name(cluster)), weight);
        let first = match self.balance {
            Balance::Weighted | Balance::Random => 0.0,
            Balance::RoundRobin => {
                let count = u64::try_from(self.targets.len()).unwrap_or(1).max(1);
                let mine = u64::try_from(place).unwrap_or_default();
                number((mine + count - self.turn % count) % count)
            }
            Balance::LeastLoaded => f64::from((self.standing)(cluster).load),
            Balance::MostFree => -f64::from((self.standing)(cluster).free),
            Balance::Cheapest => member.cost,
            Balance::NearestRegion => number(distance(self.config, &member.region)),
            Balance::TimeWindow(windows) => {
                let open = |(target, windows): &(usize, Vec<_>)| {
                    *target == cluster && (windows.is_empty() || windows.iter().any(|w| window::holds(w, self.now)))
                };
                return Some((number(u64::try_from(windows.iter().position(open)?).ok()?), spread));
            }
        };
        Some((first, spread))
    }
}

/// Returns 0 for the proxy's own region, then the nearby ones in order, then all others.
fn distance(config: &ProxyConfig, region: &str) -> u64 {
    let far = config.nearby.len() + 1;
    let steps = if region == config.region {
        0
    } else {
        config.nearby.iter().position(|near| near == region).map_or(far, |place| place + 1)
    };
    u64::try_from(steps).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "places and turns are small")]
fn number(small: u64) -> f64 {
    small as f64
}

/// Weighted rendezvous hashing: the lowest score wins. Each target wins as often as its weight demands, and when one
/// leaves, only its own keys move.
fn rendezvous(hash: u64, weight: u32) -> f64 {
    // 53 bits are what a float can tell apart; never 0 nor 1.
    let unit = (number(hash >> 11) + 0.5) / number(1 << 53);
    -unit.ln() / f64::from(weight)
}

/// Returns a hash that is the same in every process and version: FNV-1a over the texts, with their ends marked.
pub fn hash(texts: &[&str]) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let all = texts.iter().fold(0xcbf2_9ce4_8422_2325, |hash, text| step(text.bytes().fold(hash, step), 0xff));
    finish(all)
}

/// Combines two hashes into one, spread evenly.
pub fn mix(a: u64, b: u64) -> u64 {
    finish(a.rotate_left(29) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The finalizer of splitmix64.
fn finish(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
