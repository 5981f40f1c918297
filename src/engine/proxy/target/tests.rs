use super::*;
use crate::engine::k8s::endpoint::Endpoint;
use crate::engine::proxy::config::{UpstreamCluster, Window};
use crate::engine::proxy::request::parse;
use std::cell::Cell;
use std::sync::Arc;

const UP: Availability = Availability { routable: true, takes_new: true, load: 0, free: 0 };
const DOWN: Availability = Availability { routable: false, ..UP };
const DRAINED: Availability = Availability { takes_new: false, ..UP };
/// A Saturday.
const NOW: UnixSeconds = UnixSeconds(1_795_262_400);

fn endpoint() -> Arc<Endpoint> {
    Arc::new(Endpoint::plain("https://127.0.0.1:1", ""))
}

fn config(names: &[&str], balance: Balance) -> ProxyConfig {
    let clusters = names.iter().map(|name| UpstreamCluster::new(name, endpoint()));
    let rule = Rule {
        name: Arc::from("r"),
        priority: 0,
        conditions: Vec::new(),
        action: Action::Route { targets: (0..names.len()).collect(), balance },
        allow_impersonation: false,
        stateless: false,
        failover: true,
        mirror: None,
        place: String::new(),
    };
    ProxyConfig { clusters: clusters.collect(), rules: vec![rule], ..ProxyConfig::default() }
}

fn key(user: &str) -> Key<'_> {
    Key { user, rule: "r", namespace: "a", group: "", resource: "pods", stateless: false }
}

struct Scene {
    config: ProxyConfig,
    targets: Targets,
    standing: Vec<Cell<Availability>>,
    now: UnixSeconds,
}

impl Scene {
    fn new(names: &[&str], balance: Balance) -> Self {
        Self {
            config: config(names, balance),
            targets: Targets::new(1),
            standing: names.iter().map(|_| Cell::new(UP)).collect(),
            now: NOW,
        }
    }

    fn restart(&mut self) {
        self.targets = Targets::new(99);
    }

    fn choose(&self, key: &Key<'_>) -> Result<Choice, Refusal> {
        let standing = |cluster: usize| self.standing[cluster].get();
        self.targets.choose(&Clusters { config: &self.config, standing: &standing, now: self.now }, 0, key)
    }

    fn cluster(&self, user: &str) -> usize {
        self.choose(&key(user)).unwrap().cluster
    }

    /// The request is answered as well.
    fn asked(&self, key: &Key<'_>) -> Choice {
        let choice = self.choose(key).unwrap();
        self.targets.succeeded(key, &self.config.clusters[choice.cluster].name, &Held::default());
        choice
    }

    fn candidates(&self, key: &Key<'_>) -> Vec<usize> {
        let standing = |cluster: usize| self.standing[cluster].get();
        self.targets.candidates(&Clusters { config: &self.config, standing: &standing, now: self.now }, 0, key)
    }

    fn counts(&self, users: u32) -> Vec<u32> {
        let mut counts = vec![0; self.config.clusters.len()];
        for user in 0..users {
            counts[self.cluster(&format!("user-{user}"))] += 1;
        }
        counts
    }
}

#[test]
fn replicas_and_restarts_agree_by_name() {
    let mut scene = Scene::new(&["a", "b", "c"], Balance::Weighted);
    let before: Vec<usize> = (0..50).map(|u| scene.cluster(&u.to_string())).collect();
    scene.restart();
    assert_eq!(before, (0..50).map(|u| scene.cluster(&u.to_string())).collect::<Vec<_>>());
    // In another order of the file the names decide, not the places.
    let other = Scene::new(&["c", "a", "b"], Balance::Weighted);
    let named = |scene: &Scene, c: usize| Arc::clone(&scene.config.clusters[c].name);
    for (user, cluster) in before.iter().enumerate() {
        assert_eq!(named(&scene, *cluster), named(&other, other.cluster(&user.to_string())));
    }
}

#[test]
fn weights_are_kept_and_only_keys_of_a_lost_cluster_move() {
    let mut scene = Scene::new(&["a", "b", "c"], Balance::Weighted);
    scene.config.clusters[0].weight = 6;
    scene.config.clusters[1].weight = 3;
    let counts = scene.counts(4000);
    assert!((2200..2600).contains(&counts[0]), "{counts:?}");
    assert!((1050..1350).contains(&counts[1]), "{counts:?}");
    let before: Vec<usize> = (0..300).map(|u| scene.cluster(&u.to_string())).collect();
    scene.restart();
    scene.standing[2].set(DOWN);
    for (user, cluster) in before.iter().enumerate().filter(|(_, c)| **c != 2) {
        assert_eq!(scene.cluster(&user.to_string()), *cluster);
    }
    scene.config.clusters[0].weight = 0;
    scene.restart();
    assert!(scene.counts(200)[0] == 0, "a weight of 0 takes no new key");
}

#[test]
fn all_kinds_of_a_namespace_are_together() {
    let scene = Scene::new(&["a", "b", "c", "d"], Balance::Weighted);
    let cluster = scene.cluster("jane");
    for resource in ["services", "configmaps", "deployments", "leases"] {
        assert_eq!(scene.choose(&Key { resource, ..key("jane") }).unwrap().cluster, cluster);
    }
}

#[test]
fn a_move_is_told_until_a_request_succeeded() {
    let mut scene = Scene::new(&["a", "b"], Balance::Weighted);
    let home = scene.asked(&key("jane"));
    assert!(!home.moved);
    scene.standing[home.cluster].set(DOWN);
    let away = scene.choose(&key("jane")).unwrap();
    assert!(away.cluster != home.cluster && away.moved);
    assert!(scene.choose(&key("jane")).unwrap().moved, "no request has succeeded there");
    assert!(scene.asked(&key("jane")).moved);
    assert!(!scene.choose(&key("jane")).unwrap().moved);
    // Another kind has its own versions to lose.
    assert!(scene.choose(&Key { resource: "services", ..key("jane") }).unwrap().moved);
    // Back again: not at once, and with a word.
    scene.standing[home.cluster].set(UP);
    assert_eq!(scene.cluster("jane"), away.cluster);
    scene.now = UnixSeconds(NOW.0 + HOLD);
    assert_eq!(scene.choose(&key("jane")).unwrap(), Choice { cluster: home.cluster, moved: true });
    scene.asked(&key("jane"));
    assert!(!scene.choose(&key("jane")).unwrap().moved);
}

#[test]
fn a_fresh_proxy_distrusts_what_it_cannot_know() {
    let mut scene = Scene::new(&["a", "b"], Balance::Weighted);
    let home = scene.cluster("jane");
    scene.restart();
    scene.standing[home].set(DOWN);
    // Clients of the proxy before may hold versions of the cluster that is down.
    assert!(scene.choose(&key("jane")).unwrap().moved);
    let scene = Scene::new(&["a", "b"], Balance::RoundRobin);
    assert!(scene.choose(&key("jane")).unwrap().moved);
}

#[test]
fn a_renamed_rule_with_another_target_is_a_move() {
    let mut scene = Scene::new(&["a", "b"], Balance::Weighted);
    scene.config.rules[0].action = Action::Route { targets: vec![0], balance: Balance::Weighted };
    assert!(!scene.asked(&key("jane")).moved);
    scene.config.rules[0].name = Arc::from("s");
    let renamed = Key { rule: "s", ..key("jane") };
    assert!(!scene.choose(&renamed).unwrap().moved, "the same cluster");
    scene.config.rules[0].action = Action::Route { targets: vec![1], balance: Balance::Weighted };
    assert_eq!(scene.choose(&renamed).unwrap(), Choice { cluster: 1, moved: true });
}

#[test]
fn without_failover_a_key_stays_and_the_cluster_is_named() {
    let mut scene = Scene::new(&["a", "b"], Balance::Weighted);
    scene.config.rules[0].failover = false;
    let home = scene.cluster("jane");
    scene.standing[home].set(DOWN);
    let refusal = scene.choose(&key("jane")).unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after, refusal.label), (503, Some(1), "no_endpoint"));
    assert!(refusal.message.contains(&*scene.config.clusters[home].name), "{}", refusal.message);
    scene.restart();
    assert!(scene.choose(&key("jane")).is_err(), "a replica that never saw the key agrees");
}

#[test]
fn drained_clusters_keep_their_keys_and_get_no_new_ones() {
    let scene = Scene::new(&["a", "b"], Balance::Weighted);
    let home = scene.asked(&key("jane")).cluster;
    let fresh = Scene::new(&["a", "b"], Balance::Weighted);
    let other = (0..u32::MAX).map(|user| user.to_string()).find(|user| fresh.cluster(user) == home).unwrap();
    scene.standing[home].set(DRAINED);
    assert_eq!(scene.cluster("jane"), home);
    assert_ne!(scene.cluster(&other), home);
}

#[test]
fn a_cluster_in_maintenance_takes_nothing_new() {
    let mut scene = Scene::new(&["a"], Balance::Weighted);
    scene.cluster("jane");
    scene.config.clusters[0].maintenance = vec![Window { days: 0x7f, from: 0, to: 0 }];
    assert_eq!(scene.cluster("jane"), 0);
    let refusal = scene.choose(&key("joe")).unwrap_err();
    assert_eq!((refusal.code, refusal.label), (503, "no_target"));
}

#[test]
fn strategies_look_at_what_they_say() {
    let scene = Scene::new(&["a", "b", "c"], Balance::RoundRobin);
    assert_eq!([0, 1, 2, 3].map(|u| scene.cluster(&format!("u{u}"))), [0, 1, 2, 0]);
    assert_eq!(scene.cluster("u1"), 1, "a key stays");

    let scene = Scene::new(&["a", "b", "c"], Balance::LeastLoaded);
    for (standing, load) in scene.standing.iter().zip([5, 2, 9]) {
        standing.set(Availability { load, ..UP });
    }
    assert_eq!(scene.cluster("jane"), 1);
    scene.standing[1].set(Availability { load: 99, ..UP });
    assert_eq!((scene.cluster("jane"), scene.cluster("joe")), (1, 0));

    let scene = Scene::new(&["a", "b", "c"], Balance::MostFree);
    scene.standing[2].set(Availability { free: 7, ..UP });
    assert_eq!(scene.cluster("jane"), 2);

    let mut scene = Scene::new(&["a", "b", "c"], Balance::Cheapest);
    for (cluster, cost) in scene.config.clusters.iter_mut().zip([3.0, 0.5, 2.0]) {
        cluster.cost = cost;
    }
    assert_eq!(scene.candidates(&key("jane")), [1, 2, 0]);

    let mut scene = Scene::new(&["a", "b", "c"], Balance::NearestRegion);
    for (cluster, region) in scene.config.clusters.iter_mut().zip(["us", "asia", "eu"]) {
        region.clone_into(&mut cluster.region);
    }
    scene.config.region = "eu".to_owned();
    scene.config.nearby = vec!["us".to_owned()];
    assert_eq!(scene.candidates(&key("jane")), [2, 0, 1]);

    let scene = Scene::new(&["a", "b"], Balance::Random);
    let counts = scene.counts(1000);
    assert!(counts.iter().all(|count| (400..600).contains(count)), "{counts:?}");
}

#[test]
fn time_decides_where_windows_do() {
    let saturday = Window { days: 1 << 5, from: 0, to: 0 };
    let balance = Balance::TimeWindow(vec![(1, vec![saturday]), (0, vec![])]);
    let mut scene = Scene::new(&["a", "b"], balance);
    assert_eq!(scene.asked(&key("jane")), Choice { cluster: 1, moved: false });
    scene.now = UnixSeconds(NOW.0 + 86_400);
    assert_eq!(scene.asked(&key("jane")), Choice { cluster: 0, moved: true });
    assert_eq!(scene.asked(&key("jane")), Choice { cluster: 0, moved: false });
}

#[test]
fn declared_replicas_are_chosen_per_request_for_fresh_reads_alone() {
    let mut scene = Scene::new(&["a", "b"], Balance::RoundRobin);
    scene.config.rules[0].stateless = true;
    let read = Key { stateless: true, ..key("jane") };
    let chosen = [(); 4].map(|()| scene.choose(&read).unwrap().cluster);
    assert_eq!(chosen, [0, 1, 0, 1]);
    let first = scene.cluster("jane");
    assert!((0..4).all(|_| scene.cluster("jane") == first), "writes, watches and pages stay");

    let key = |method, url: &'static str| Key::of("u", "r", &parse(method, url).unwrap()).stateless;
    assert!(key("GET", "/api/v1/pods") && key("GET", "/api/v1/namespaces/a/pods/b"));
    for (method, url) in [
        ("GET", "/api/v1/pods?watch"),
        ("GET", "/api/v1/pods?resourceVersion=0"),
        ("GET", "/api/v1/pods?continue=x"),
        ("GET", "/api/v1/namespaces/a/pods/b/log"),
        ("GET", "/api/v1/namespaces/a/pods/b/exec"),
        ("POST", "/api/v1/namespaces/a/pods"),
    ] {
        assert!(!key(method, url), "{method} {url}");
    }
}

#[test]
fn candidates_change_nothing() {
    let scene = Scene::new(&["a", "b", "c"], Balance::RoundRobin);
    assert_eq!(scene.candidates(&key("jane")), [0, 1, 2]);
    assert_eq!(scene.candidates(&key("jane")), [0, 1, 2]);
    assert_eq!(scene.cluster("jane"), 0);
    scene.standing[1].set(DOWN);
    assert_eq!(scene.candidates(&key("joe")), [2, 0]);
}

#[test]
fn what_is_denied_or_nowhere_is_refused() {
    let mut scene = Scene::new(&["a"], Balance::Weighted);
    let standing = |_: usize| UP;
    let clusters = Clusters { config: &scene.config, standing: &standing, now: NOW };
    assert_eq!(scene.targets.choose_home(&clusters, &key("jane")).unwrap_err().code, 403);
    assert_eq!(scene.targets.choose(&clusters, 7, &key("jane")).unwrap_err().code, 403);
    scene.config.home = Some(0);
    let clusters = Clusters { config: &scene.config, standing: &standing, now: NOW };
    let home = Key { rule: "", ..key("jane") };
    assert_eq!(scene.targets.choose_home(&clusters, &home), Ok(Choice { cluster: 0, moved: false }));
    scene.targets.succeeded(&home, "elsewhere", &Held::default());
    assert!(scene.targets.choose_home(&clusters, &home).unwrap().moved);
    scene.config.rules[0].action = Action::Deny { message: "not on Fridays".to_owned() };
    let refusal = scene.choose(&key("jane")).unwrap_err();
    assert_eq!((refusal.code, &*refusal.message), (403, "not on Fridays"));
    assert!(scene.candidates(&key("jane")).is_empty());
}
