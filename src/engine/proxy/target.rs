//! Which of a rule's clusters a request goes to.
//!
//! Several clusters are different worlds: what one calls resource version 7 means nothing to another. So a cluster is
//! chosen once for a key and kept. Most strategies need no memory for that: they rank the clusters by a hash of the key
//! and the cluster's name, which every replica of the proxy computes alike, after a restart too. Remembered is where a
//! key was last, so that drained clusters keep what they have, and so that the first request with a resource version
//! after a move can be told that it is `Expired`.

mod last;
pub mod memory;
pub mod rank;
pub mod window;

pub use last::Held;

use super::config::{Action, Balance, ProxyConfig, Rule};
use super::refusal::Refusal;
use super::request::RequestInfo;
use crate::model::time::UnixSeconds;
use last::Last;
use memory::{BoundedMap, Placed};
use parking_lot::Mutex;
use rank::Ranking;
use std::collections::HashMap;

/// Seconds a key stays where a failure moved it after its own cluster is back: a flapping cluster must not make all
/// clients list again each time.
pub const HOLD: i64 = 60;

/// Keys remembered of each kind; at the bound the least recently used are forgotten.
const KEYS_MAX: usize = 65_536;

/// Rules whose turn is remembered; at the bound all turns start again.
const TURNS_MAX: usize = 4096;

/// Availability of a cluster, as far as its choice depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Availability {
    /// Requests can be sent to the cluster now.
    pub routable: bool,
    /// The cluster takes new keys: an operator neither drains nor blocks it.
    pub takes_new: bool,
    /// Requests under way there, for `least-loaded`.
    pub load: u32,
    /// Requests it could take in addition, for `most-free`.
    pub free: u32,
}

/// The state of the clusters at the time of a choice.
#[derive(Clone, Copy)]
pub struct Clusters<'a> {
    /// Configuration in force.
    pub config: &'a ProxyConfig,
    /// Availability of a cluster, by its index in `config.clusters`.
    pub standing: &'a dyn Fn(usize) -> Availability,
    /// Time of the choice, for windows.
    pub now: UnixSeconds,
}

impl std::fmt::Debug for Clusters<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clusters").field("hash", &self.config.hash).field("now", &self.now).finish_non_exhaustive()
    }
}

/// The cluster for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Index of the cluster in `config.clusters`.
    pub cluster: usize,
    /// The cluster is another than that of the key's last success, or that one is unknown: resource versions and
    /// `continue` tokens of the client may belong to another cluster. True until a request of the key has succeeded
    /// there.
    pub moved: bool,
}

/// Attributes of requests that stay on one cluster together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// User name of the caller.
    pub user: &'a str,
    /// Name of the rule; empty for requests that go home.
    pub rule: &'a str,
    /// Namespace; empty for cluster-scoped kinds and for namespaces themselves.
    pub namespace: &'a str,
    /// API group of the resource.
    pub group: &'a str,
    /// Plural name of the resource.
    pub resource: &'a str,
    /// The request reads one state and carries nothing of an earlier answer: a rule with declared replicas may send it
    /// anywhere.
    pub stateless: bool,
}

impl<'a> Key<'a> {
    /// Returns the key of a request under a rule.
    pub fn of(user: &'a str, rule: &'a str, info: &'a RequestInfo<'_>) -> Self {
        // A namespace stays with the list it is in.
        let namespace = if info.resource == "namespaces" { "" } else { &*info.namespace };
        let fresh = info.resource_version.is_empty() && !info.continues;
        let reads = matches!(&*info.verb, "get" | "list") && !info.is_long_running();
        Self { user, rule, namespace, group: &info.api_group, resource: &info.resource, stateless: fresh && reads }
    }

    fn hashes(&self) -> Hashes {
        let caller = rank::hash(&[self.user, self.namespace]);
        let kind = rank::hash(&[self.group, self.resource]);
        let place = rank::mix(caller, rank::hash(&[self.rule]));
        Hashes { place, exact: rank::mix(place, kind), any_rule: rank::mix(caller, !kind) }
    }
}

/// The hashes a key is remembered by.
#[derive(Debug, Clone, Copy)]
struct Hashes {
    /// Hash of the caller, the rule and the namespace: all kinds of a namespace are placed together, since they own
    /// and name each other.
    place: u64,
    /// Hash of the whole key: each kind has its own resource versions.
    exact: u64,
    /// Hash without the rule, for when rules are renamed or reordered.
    any_rule: u64,
}

/// The choices made so far.
#[derive(Debug)]
pub struct Targets {
    /// Cluster of each key, and the time of its choice.
    placed: BoundedMap<Placed>,
    /// The cluster of the last success, by the hash of its name.
    last: Last,
    /// Next turn of each rule, by the hash of the rule's name.
    turns: Mutex<HashMap<u64, u64>>,
    random: Mutex<fastrand::Rng>,
}

impl Targets {
    /// Creates an empty memory. The seed decides only choices in which replicas may differ: the target of requests
    /// under `stateless` rules.
    pub fn new(seed: u64) -> Self {
        Self {
            placed: BoundedMap::new(KEYS_MAX),
            last: Last(BoundedMap::new(2 * KEYS_MAX)),
            turns: Mutex::new(HashMap::new()),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
        }
    }

    /// Chooses a cluster for one request under the rule of that index. To try the next cluster after a failure, let
    /// `clusters.standing` return that the first is not routable.
    ///
    /// Fails with 403 if the rule denies the request or does not exist; with 503 if none of its clusters takes the
    /// request, or the key's cluster cannot be reached.
    pub fn choose(&self, clusters: &Clusters<'_>, rule: usize, key: &Key<'_>) -> Result<Choice, Refusal> {
        let Clusters { config, standing, now } = *clusters;
        let rule = config.rules.get(rule).ok_or_else(|| refused("no rule decides here"))?;
        let (targets, balance) = match &rule.action {
            Action::Route { targets, balance } => (targets, balance),
            Action::Deny { message } => {
                return Err(Refusal::new(403, "Forbidden", "denied_by_rule", message.clone()));
            }
        };
        let hashes = key.hashes();
        let mut ranking = Ranking { config, targets, balance, place: hashes.place, turn: 0, standing, now };
        if rule.stateless && key.stateless && targets.len() > 1 {
            ranking.place = self.random.lock().u64(..);
            ranking.turn = self.turn(rule, balance, true);
            let cluster = ranking.best(|c| ranking.takes_new(c) && standing(c).routable).ok_or_else(|| none(rule))?;
            return Ok(Choice { cluster, moved: false });
        }
        let known = self.placed.get(hashes.place);
        let cluster = self.place(&mut ranking, rule, known, true)?;
        let name = ranking.name(cluster);
        if known.is_none_or(|known| known.cluster != name) {
            self.placed.put(hashes.place, Placed { cluster: name, since: now.0 });
        }
        if !standing(cluster).routable {
            return Err(unreachable(config, cluster));
        }
        Ok(Choice { cluster, moved: self.moved(&hashes, &ranking, cluster) })
    }

    /// Chooses the home cluster, for a request that no rule matches.
    ///
    /// Fails with 403 if there is no home cluster, and with 503 if it cannot be reached.
    pub fn choose_home(&self, clusters: &Clusters<'_>, key: &Key<'_>) -> Result<Choice, Refusal> {
        let Clusters { config, standing, .. } = *clusters;
        let cluster = config.home.ok_or_else(|| {
            refused("no rule matches this request, and there is no home cluster: set `home`, or add a rule")
        })?;
        let standing_of_home = standing(cluster);
        if !standing_of_home.routable {
            return Err(unreachable(config, cluster));
        }
        let hashes = key.hashes();
        let name = rank::hash(&[config.clusters.get(cluster).map_or("", |c| &*c.name)]);
        let last = self.last.of(&hashes);
        Ok(Choice { cluster, moved: last.is_some_and(|last| last != name) })
    }

    /// Remembers that a cluster answered a request of the key: the client, on the connection of `held`, now holds
    /// resource versions of that cluster.
    pub fn succeeded(&self, key: &Key<'_>, cluster: &str, held: &Held) {
        let (hashes, name) = (key.hashes(), rank::hash(&[cluster]));
        self.last.put(&hashes, name);
        held.0.put(&hashes, name);
    }

    /// Returns the clusters in the order in which they would be tried for this key, the chosen one first. Changes
    /// nothing.
    pub fn candidates(&self, clusters: &Clusters<'_>, rule: usize, key: &Key<'_>) -> Vec<usize> {
        let Clusters { config, standing, now } = *clusters;
        let Some((rule, (targets, balance))) = config.rules.get(rule).and_then(|rule| match &rule.action {
            Action::Route { targets, balance } => Some((rule, (targets, balance))),
            Action::Deny { .. } => None,
        }) else {
            return Vec::new();
        };
        let place = key.hashes().place;
        let turn = self.turn(rule, balance, false);
        let mut ranking = Ranking { config, targets, balance, place, turn, standing, now };
        let mut order: Vec<usize> = self.place(&mut ranking, rule, self.placed.get(place), false).into_iter().collect();
        while let Some(next) = ranking.best(|c| !order.contains(&c) && ranking.takes_new(c) && standing(c).routable) {
            order.push(next);
        }
        order
    }

    /// Returns the cluster of a key; `take` advances the turn for a new key.
    fn place(
        &self,
        ranking: &mut Ranking<'_>,
        rule: &Rule,
        known: Option<Placed>,
        take: bool,
    ) -> Result<usize, Refusal> {
        let known = known.and_then(|known| Some((ranking.find(known.cluster)?, known.since)));
        let routable = |c: usize| (ranking.standing)(c).routable;
        if let Some((cluster, since)) = known.filter(|(cluster, _)| ranking.admits(*cluster)) {
            // Without failover nothing but the configuration moves a key.
            let held = ranking.has_memory() || ranking.now.0.saturating_sub(since) < HOLD;
            if !rule.failover || (held && routable(cluster)) {
                return Ok(cluster);
            }
        }
        ranking.turn = self.turn(rule, ranking.balance, take);
        let ranking = &*ranking;
        let open = |c: usize| ranking.takes_new(c) || known.is_some_and(|(known, _)| known == c);
        let healthy = (rule.failover || ranking.has_memory())
            .then(|| ranking.best(|c| open(c) && (ranking.standing)(c).routable))
            .flatten();
        healthy.or_else(|| ranking.best(open)).ok_or_else(|| none(rule))
    }

    fn moved(&self, hashes: &Hashes, ranking: &Ranking<'_>, cluster: usize) -> bool {
        let name = ranking.name(cluster);
        match self.last.of(hashes) {
            Some(last) => last != name,
            // Perhaps this proxy was just started, or another replica answered: the client was where the key belongs.
            None => ranking.natural() != Some(cluster),
        }
    }

    fn turn(&self, rule: &Rule, balance: &Balance, take: bool) -> u64 {
        if *balance != Balance::RoundRobin {
            return 0;
        }
        let mut turns = self.turns.lock();
        if turns.len() >= TURNS_MAX {
            turns.clear();
        }
        let turn = turns.entry(rank::hash(&[&rule.name])).or_default();
        let now = *turn;
        *turn = now.wrapping_add(u64::from(take));
        now
    }
}

fn refused(message: &'static str) -> Refusal {
    Refusal::new(403, "Forbidden", "no_rule", message)
}

fn none(rule: &Rule) -> Refusal {
    let message = format!("rule {}: none of its clusters takes this request now", rule.name);
    Refusal::new(503, "ServiceUnavailable", "no_target", message).retry_after(1)
}

fn unreachable(config: &ProxyConfig, cluster: usize) -> Refusal {
    let name = config.clusters.get(cluster).map_or("", |c| &*c.name);
    let message = format!("cluster {name} cannot be reached now");
    Refusal::new(503, "ServiceUnavailable", "no_endpoint", message).retry_after(1)
}

#[cfg(test)]
mod tests;
