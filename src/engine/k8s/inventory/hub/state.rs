//! The known members of one hub, folded from updates. Pure.

use super::MEMBERS_MAX;
use crate::engine::k8s::inventory::found::{Address, Found};
use crate::engine::k8s::inventory::member::Member;
use crate::engine::k8s::inventory::member::apis::APIS;
use crate::engine::k8s::inventory::provider::{HubAt, Trust, found};
use crate::model::text::Text;
use crate::model::time::{UnixSeconds, human};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A change of what is known of a hub. Kinds are indices of [`APIS`].
#[derive(Debug, Clone)]
pub enum Update {
    /// The hub cannot be reached, for this reason; it is retried.
    Unreached(Text),
    /// The hub serves these kinds.
    Discovered(Vec<usize>),
    /// All members of a kind.
    Listed(usize, Vec<Member>),
    /// A member of a kind is new or has changed.
    Changed(usize, Box<Member>),
    /// A member of a kind was deleted.
    Gone(usize, Box<Member>),
    /// A kind cannot be listed or watched, for this reason.
    Failed(usize, Text),
    /// The hub does not serve the kind after all.
    NotServed(usize),
}

/// The members of one hub.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    members: BTreeMap<(usize, String, String), Member>,
    /// Kinds without an answer yet; `None` before discovery.
    waiting: Option<BTreeSet<usize>>,
    /// Problems by kind; the key `None` is the hub itself.
    problems: BTreeMap<Option<usize>, Text>,
    /// When the members were cached, while they are only those of the cache.
    remembered: Option<UnixSeconds>,
    /// The cached members are recent enough to be used without the hub.
    is_fresh: bool,
}

impl Hub {
    /// Starts with members of the cache, written at `kept`.
    pub fn remembering(members: Vec<Member>, kept: UnixSeconds, is_fresh: bool) -> Self {
        let mut hub = Self { remembered: Some(kept), is_fresh, ..Self::default() };
        for member in members.into_iter().take(MEMBERS_MAX) {
            if let Some(at) = APIS.iter().position(|api| api.kind == member.kind) {
                hub.members.insert(key(at, &member), member);
            }
        }
        hub
    }

    /// Applies an update. A hub that cannot be reached keeps its cached members; members beyond [`MEMBERS_MAX`] of a
    /// kind are a warning.
    pub fn on(&mut self, update: Update) {
        match update {
            Update::Unreached(why) => {
                self.problems.insert(None, why);
                // What is remembered stays; waiting longer would hold everything up.
                self.waiting = Some(BTreeSet::new());
            }
            Update::Discovered(kinds) => {
                self.problems.remove(&None);
                // Kinds that the hub no longer has went with their members.
                self.members.retain(|(at, ..), _| kinds.contains(at));
                self.waiting = Some(kinds.into_iter().collect());
                if self.waiting.as_ref().is_some_and(BTreeSet::is_empty) {
                    self.remembered = None;
                    let why =
                        "serves no inventory of clusters (ClusterProfile, ManagedCluster, MemberCluster, Cluster)";
                    self.problems.insert(None, Text::const_new(why));
                }
            }
            Update::Listed(at, members) => {
                self.members.retain(|(kind, ..), _| *kind != at);
                let is_cut = members.len() >= MEMBERS_MAX;
                self.members.extend(members.into_iter().map(|member| (key(at, &member), member)));
                self.answered(at, is_cut.then(|| Text::from(format!("only the first {MEMBERS_MAX} are shown"))));
            }
            Update::Changed(at, member) => {
                if self.members.len() < MEMBERS_MAX * APIS.len() {
                    self.members.insert(key(at, &member), *member);
                }
            }
            Update::Gone(at, member) => drop(self.members.remove(&key(at, &member))),
            Update::Failed(at, why) => self.answered(at, Some(why)),
            Update::NotServed(at) => {
                self.members.retain(|(kind, ..), _| *kind != at);
                self.answered(at, None);
            }
        }
    }

    fn answered(&mut self, at: usize, problem: Option<Text>) {
        match problem {
            Some(why) => self.problems.insert(Some(at), why),
            None => self.problems.remove(&Some(at)),
        };
        if let Some(waiting) = &mut self.waiting {
            waiting.remove(&at);
            if waiting.is_empty() && self.problems.is_empty() {
                self.remembered = None;
            }
        }
    }

    /// Returns true if the list still needs an answer of the hub.
    pub fn is_pending(&self) -> bool {
        !self.is_fresh && self.waiting.as_ref().is_none_or(|waiting| !waiting.is_empty())
    }

    /// All members, for the cache; `None` while anything is missing or wrong.
    pub fn whole(&self) -> Option<Vec<Member>> {
        let is_whole = self.remembered.is_none()
            && self.problems.is_empty()
            && self.waiting.as_ref().is_some_and(BTreeSet::is_empty);
        is_whole.then(|| self.members.values().cloned().collect())
    }

    /// Problems with the hub, each with the next step where there is one, and with the age of cached members that are
    /// shown instead.
    pub fn warnings(&self, name: &str, now: UnixSeconds) -> Vec<Text> {
        let age = self.remembered.filter(|_| !self.members.is_empty()).map(|kept| human(now.since(kept)));
        let kept = age.map(|age| format!("; its clusters are shown as of {age} ago")).unwrap_or_default();
        let problems = self.problems.iter().map(|(at, why)| {
            let kind = at.and_then(|at| APIS.get(at)).map(|api| format!(" {}.{}:", api.plural, api.group));
            super::super::found::plain(&format!("hub {name}:{} {why}{kept}", kind.unwrap_or_default()))
        });
        problems.collect()
    }

    /// The members by cluster: for each, every object of the hub that describes it. Objects belong to one cluster if
    /// they have the same manager and cluster name, or a common address.
    pub fn clusters(&self, at: &HubAt, trust: &Trust) -> Vec<Vec<Found>> {
        let mut clusters: Vec<Vec<Found>> = Vec::new();
        let mut by_name: HashMap<(&str, &str), usize> = HashMap::new();
        let mut by_address: HashMap<Address, usize> = HashMap::new();
        for member in self.members.values() {
            let found = found(member, at, trust);
            // An OCM hub writes one profile for each set that a cluster is bound to.
            let named = (!member.cluster.is_empty()).then_some((member.manager.as_str(), member.cluster.as_str()));
            let known = named.and_then(|named| by_name.get(&named));
            let known = known.or_else(|| found.addresses.iter().find_map(|a| by_address.get(a))).copied();
            let index = known.unwrap_or(clusters.len());
            by_name.extend(named.map(|named| (named, index)));
            for address in &found.addresses {
                by_address.entry(address.clone()).or_insert(index);
            }
            match clusters.get_mut(index) {
                Some(says) => says.push(found),
                None => clusters.push(vec![found]),
            }
        }
        clusters
    }
}

fn key(at: usize, member: &Member) -> (usize, String, String) {
    (at, member.namespace.clone(), member.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::k8s::inventory::member::Way;

    fn hub_at() -> HubAt {
        crate::engine::k8s::inventory::provider::tests::hub()
    }

    fn member(at: usize, namespace: &str, name: &str, cluster: &str, server: &str) -> Member {
        let way = Way { provider: "p".to_owned(), server: server.to_owned(), ..Way::default() };
        Member {
            kind: APIS[at].kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            manager: "open-cluster-management".to_owned(),
            cluster: cluster.to_owned(),
            ways: vec![way],
            ..Member::default()
        }
    }

    fn sizes(hub: &Hub) -> Vec<usize> {
        hub.clusters(&hub_at(), &Trust::default()).iter().map(Vec::len).collect()
    }

    fn warnings(hub: &Hub) -> Vec<Text> {
        hub.warnings("hub", UnixSeconds(1000))
    }

    #[test]
    fn several_profiles_and_the_managed_cluster_are_one() {
        let mut hub = Hub::default();
        hub.on(Update::Discovered(vec![0, 1]));
        assert!(hub.is_pending());
        hub.on(Update::Listed(
            0,
            vec![
                member(0, "set-a", "eu", "eu", "https://proxy/eu"),
                member(0, "set-b", "eu", "eu", "https://proxy/eu"),
                member(0, "set-a", "us", "us", "https://proxy/us"),
            ],
        ));
        assert!(hub.is_pending() && hub.whole().is_none());
        hub.on(Update::Listed(
            1,
            vec![member(1, "", "eu", "eu", "https://eu"), member(1, "", "ap", "ap", "https://ap")],
        ));
        assert_eq!(sizes(&hub), [3, 1, 1]);
        assert!(!hub.is_pending());
        assert_eq!(hub.whole().unwrap().len(), 5);
        hub.on(Update::Gone(1, Box::new(member(1, "", "ap", "ap", ""))));
        hub.on(Update::Changed(1, Box::new(member(1, "", "new", "", "https://us2"))));
        assert_eq!(sizes(&hub), [3, 1, 1]);
    }

    #[test]
    fn one_address_is_one_cluster_even_for_two_managers() {
        let mut hub = Hub::default();
        hub.on(Update::Discovered(vec![0, 4]));
        hub.on(Update::Listed(0, vec![member(0, "a", "x", "", "https://one")]));
        hub.on(Update::Listed(4, vec![member(4, "b", "y", "", "https://ONE:443/"), member(4, "b", "z", "", "")]));
        assert_eq!(sizes(&hub), [2, 1]);
    }

    #[test]
    fn a_forbidden_kind_is_a_warning_and_the_others_count() {
        let mut hub = Hub::default();
        hub.on(Update::Discovered(vec![0, 1]));
        hub.on(Update::Failed(0, Text::from("clusterprofiles is forbidden")));
        hub.on(Update::Listed(1, vec![member(1, "", "eu", "eu", "https://eu")]));
        assert!(!hub.is_pending());
        assert_eq!(sizes(&hub), [1]);
        assert_eq!(warnings(&hub), ["hub hub: clusterprofiles.multicluster.x-k8s.io: clusterprofiles is forbidden"]);
        assert!(hub.whole().is_none(), "a part is not kept as the whole");
        hub.on(Update::Listed(0, vec![]));
        assert!(warnings(&hub).is_empty() && hub.whole().is_some());
    }

    #[test]
    fn what_is_remembered_stands_in_for_a_hub_that_does_not_answer() {
        let kept = vec![member(0, "a", "eu", "", "https://eu")];
        let mut hub = Hub::remembering(kept.clone(), UnixSeconds(400), false);
        assert!(hub.is_pending());
        hub.on(Update::Unreached(Text::from("connection refused")));
        assert!(!hub.is_pending());
        assert_eq!(sizes(&hub), [1]);
        assert_eq!(warnings(&hub), ["hub hub: connection refused; its clusters are shown as of 10m ago"]);
        assert!(hub.whole().is_none());
        assert!(!Hub::remembering(kept, UnixSeconds(900), true).is_pending());
    }

    #[test]
    fn a_hub_without_an_inventory_says_so() {
        let mut hub = Hub::default();
        hub.on(Update::Discovered(vec![]));
        assert!(!hub.is_pending());
        assert!(warnings(&hub)[0].contains("serves no inventory"), "{:?}", warnings(&hub));
        let mut hub = Hub::default();
        hub.on(Update::Discovered(vec![3]));
        hub.on(Update::NotServed(3));
        assert!(!hub.is_pending());
    }
}
