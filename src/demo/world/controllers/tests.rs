//! Controllers after writes, on a clock of our own.

use serde_json::json;

use super::super::super::json::int;
use super::super::super::member::Member;
use super::super::super::patch::PatchType;
use super::super::World;
use super::pods::{is_active, is_ready, key_of};
use super::*;

/// A cluster and its controllers, and how late it is.
struct Cluster {
    store: Store,
    controllers: Controllers,
    at: Duration,
}

impl Cluster {
    fn new() -> Self {
        let (store, _) = World::build(&Member::new("one", 35, 80, 11), now(Duration::ZERO));
        Self { store, controllers: Controllers::new(11), at: Duration::ZERO }
    }

    fn index(&self, resource: (&str, &str)) -> usize {
        self.store.find(resource.0, resource.1).expect("it is served")
    }

    fn get(&self, resource: (&str, &str), key: &str) -> Option<Value> {
        self.store.document(self.index(resource), key)
    }

    fn patch(&mut self, resource: (&str, &str), key: &str, patch: &Value) {
        let place = self.place(resource, key);
        let mut context = Context { now: now(self.at), rng: self.controllers.rng(), dry_run: false };
        let change = |old: &Value| Ok(PatchType::Merge.apply(old, patch).expect("a fit patch"));
        let outcome = write::update(&mut self.store, place, change, &mut context).expect("it fits");
        if let Some(event) = outcome.event {
            self.controllers.note(&self.store, &event, self.at);
        }
    }

    fn delete(&mut self, resource: (&str, &str), key: &str, options: &Value) {
        let place = self.place(resource, key);
        let mut context = Context { now: now(self.at), rng: self.controllers.rng(), dry_run: false };
        let options = DeleteOptions::parse(options, ("", "")).expect("fit options");
        let outcome = write::delete(&mut self.store, place, &options, &mut context).expect("it may go");
        if let Some(event) = outcome.event {
            self.controllers.note(&self.store, &event, self.at);
        }
    }

    fn place<'a>(&self, resource: (&str, &str), key: &'a str) -> Place<'a> {
        let (namespace, name) = key.split_once('/').expect("a key");
        Place { index: self.index(resource), namespace, name, is_status: false }
    }

    /// Lets the controllers work until nothing is left; after each step something must hold.
    fn settle(&mut self, mut holds: impl FnMut(&Self)) {
        for _ in 0..20_000 {
            let Some(due) = self.controllers.next_due() else { return };
            self.at = due.max(self.at);
            self.controllers.run_due(&mut self.store, self.at, now(self.at));
            holds(self);
        }
        panic!("it never ends: {:?}", self.controllers.due);
    }

    fn pods_of(&self, resource: (&str, &str), key: &str) -> Vec<Value> {
        let workload = self.get(resource, key).expect("it is there");
        let name = at(&workload, "/spec/selector/matchLabels/app.kubernetes.io~1name").as_str().expect("a name");
        let pods =
            self.store.collection_of("", "pods").expect("it is served").objects(text(&workload, "/metadata/namespace"));
        let own = pods.iter().filter(|pod| pod.facts.label("app.kubernetes.io/name") == Some(name));
        own.map(|pod| serde_json::from_slice(&pod.json).expect("JSON")).collect()
    }
}

fn now(at: Duration) -> Timestamp {
    let begin: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
    begin + jiff::SignedDuration::try_from(at).expect("a short time")
}

fn restart() -> Value {
    json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-21T12:00:00Z"}}}}})
}

/// As `kubectl rollout status` decides.
fn is_rolled_out(deployment: &Value) -> bool {
    let wanted = int(deployment, "/spec/replicas");
    int(deployment, "/status/observedGeneration") >= int(deployment, "/metadata/generation")
        && int(deployment, "/status/updatedReplicas") == wanted
        && int(deployment, "/status/replicas") == wanted
        && int(deployment, "/status/availableReplicas") == wanted
}

const DEPLOYMENTS: (&str, &str) = ("apps", "deployments");
const SETS: (&str, &str) = ("apps", "replicasets");
const STATEFUL: (&str, &str) = ("apps", "statefulsets");
const DAEMONS: (&str, &str) = ("apps", "daemonsets");
const PODS: (&str, &str) = ("", "pods");
const WEB: &str = "checkout/web";

#[test]
fn a_restart_rolls_every_pod_and_is_done_only_when_it_says_so() {
    let mut cluster = Cluster::new();
    let before = cluster.get(DEPLOYMENTS, WEB).expect("it is there");
    let wanted = int(&before, "/spec/replicas");
    assert!(wanted > 3, "the test needs a few pods");
    let old: Vec<String> =
        cluster.pods_of(DEPLOYMENTS, WEB).iter().map(|pod| text(pod, "/metadata/uid").to_owned()).collect();
    cluster.patch(DEPLOYMENTS, WEB, &restart());
    let least = wanted - wanted / 4;
    let mut steps = 0;
    cluster.settle(|cluster| {
        let deployment = cluster.get(DEPLOYMENTS, WEB).expect("it is there");
        let pods = cluster.pods_of(DEPLOYMENTS, WEB);
        let ready = pods.iter().filter(|pod| is_active(pod) && is_ready(pod)).count();
        assert!(
            i64::try_from(ready).unwrap() >= least.min(wanted - 1),
            "{ready} of {wanted} are ready at {:?}",
            cluster.at
        );
        if is_rolled_out(&deployment) {
            let left =
                pods.iter().filter(|pod| is_active(pod) && old.iter().any(|uid| uid == text(pod, "/metadata/uid")));
            assert_eq!(left.count(), 0, "it says that it is done, and old pods are there");
        }
        steps += 1;
    });
    assert!(is_rolled_out(&cluster.get(DEPLOYMENTS, WEB).expect("it is there")));
    assert!(cluster.at > Duration::from_secs(2) && cluster.at < Duration::from_secs(60), "{:?}", cluster.at);
    assert!(steps > 10);
    let pods = cluster.pods_of(DEPLOYMENTS, WEB);
    assert_eq!(i64::try_from(pods.len()).unwrap(), wanted);
    for pod in &pods {
        assert_eq!(text(pod, "/metadata/annotations/kubectl.kubernetes.io~1restartedAt"), "2026-11-21T12:00:00Z");
        assert!(is_ready(pod) && !text(pod, "/spec/nodeName").is_empty());
    }
}

#[test]
fn a_rollout_of_an_image_that_does_not_exist_never_ends_well_and_never_takes_all_down() {
    let mut cluster = Cluster::new();
    let image = json!([{"name": "web", "image": format!("registry.example.com/checkout/web:{BAD_TAG}")}]);
    let wanted = int(&cluster.get(DEPLOYMENTS, WEB).expect("it is there"), "/spec/replicas");
    cluster.patch(DEPLOYMENTS, WEB, &json!({"spec": {"template": {"spec": {"containers": image}}}}));
    cluster.settle(|cluster| {
        assert!(!is_rolled_out(&cluster.get(DEPLOYMENTS, WEB).expect("it is there")) || cluster.at.is_zero());
    });
    let ready = cluster.pods_of(DEPLOYMENTS, WEB).iter().filter(|pod| is_ready(pod)).count();
    assert!(i64::try_from(ready).unwrap() >= wanted - wanted / 4 - 1, "{ready} of {wanted}");
}

#[test]
fn a_workload_follows_its_scale_up_and_down_to_nothing() {
    let mut cluster = Cluster::new();
    // Without pods first: some of those that are there are in trouble.
    for replicas in [0, 9, 2, 3] {
        for (resource, key) in [(DEPLOYMENTS, WEB), (STATEFUL, "payments/ledger")] {
            cluster.patch(resource, key, &json!({"spec": {"replicas": replicas}}));
            cluster.settle(|_| {});
            let workload = cluster.get(resource, key).expect("it is there");
            assert_eq!(cluster.pods_of(resource, key).len(), replicas, "{key}");
            assert_eq!(usize::try_from(int(&workload, "/status/readyReplicas")), Ok(replicas), "{key}");
            assert_eq!(at(&workload, "/status/observedGeneration"), at(&workload, "/metadata/generation"));
        }
    }
}

#[test]
fn a_stateful_set_restarts_one_pod_after_the_other() {
    let (mut cluster, key) = (Cluster::new(), "checkout/session-cache");
    cluster.patch(STATEFUL, key, &json!({"spec": {"replicas": 3}}));
    cluster.settle(|_| {});
    cluster.patch(STATEFUL, key, &restart());
    cluster.settle(|cluster| {
        let ready = cluster.pods_of(STATEFUL, key).iter().filter(|pod| is_active(pod) && is_ready(pod)).count();
        assert!(ready >= 2, "{ready} of 3 are ready");
    });
    let set = cluster.get(STATEFUL, key).expect("it is there");
    assert_eq!(int(&set, "/status/updatedReplicas"), 3);
    assert_eq!(text(&set, "/status/currentRevision"), text(&set, "/status/updateRevision"));
}

#[test]
fn a_daemon_set_restarts_on_every_node() {
    let (mut cluster, key) = (Cluster::new(), "observability/log-shipper");
    let nodes = cluster.pods_of(DAEMONS, key).len();
    cluster.patch(DAEMONS, key, &restart());
    cluster.settle(|cluster| {
        let ready = cluster.pods_of(DAEMONS, key).iter().filter(|pod| is_active(pod) && is_ready(pod)).count();
        assert!(ready + 1 >= nodes, "{ready} of {nodes} are ready");
    });
    let set = cluster.get(DAEMONS, key).expect("it is there");
    let status = |field: &str| usize::try_from(int(&set, &format!("/status/{field}"))).unwrap();
    assert_eq!((status("updatedNumberScheduled"), status("numberReady")), (nodes, nodes));
}

#[test]
fn a_pod_that_is_deleted_comes_again_under_another_name() {
    let mut cluster = Cluster::new();
    let pods = cluster.pods_of(DEPLOYMENTS, WEB);
    let key = key_of(&pods[0]);
    cluster.delete(PODS, &key, &Value::Null);
    assert!(cluster.get(PODS, &key).as_ref().is_some_and(is_terminating));
    cluster.settle(|_| {});
    assert_eq!(cluster.get(PODS, &key), None);
    assert_eq!(cluster.pods_of(DEPLOYMENTS, WEB).len(), pods.len());
}

#[test]
fn what_a_deployment_owns_goes_with_it_or_before_it_or_stays() {
    for (policy, left) in [("Background", false), ("Foreground", false), ("Orphan", true)] {
        let mut cluster = Cluster::new();
        let owned = |cluster: &Cluster| {
            let of_web = |plural: (&str, &str)| {
                let all = cluster.store.collection_of(plural.0, plural.1).expect("it is served").objects("checkout");
                all.iter().filter(|object| object.facts.label("app.kubernetes.io/name") == Some("web")).count()
            };
            of_web(SETS) + of_web(PODS)
        };
        let before = owned(&cluster);
        cluster.delete(DEPLOYMENTS, WEB, &json!({"propagationPolicy": policy}));
        assert_eq!(cluster.get(DEPLOYMENTS, WEB).is_some(), policy != "Background");
        cluster.settle(|cluster| {
            let is_there = cluster.get(DEPLOYMENTS, WEB).is_some();
            assert!(policy != "Foreground" || is_there || owned(cluster) == 0, "it went before what it owns");
        });
        assert_eq!(cluster.get(DEPLOYMENTS, WEB), None);
        assert_eq!(owned(&cluster) == before, left, "{policy}: {} of {before}", owned(&cluster));
        assert_eq!(owned(&cluster) == 0, !left, "{policy}");
    }
}

#[test]
fn a_namespace_goes_when_it_is_empty() {
    let mut cluster = Cluster::new();
    cluster.delete(("", "namespaces"), "/media", &Value::Null);
    cluster.settle(|cluster| {
        let is_gone = cluster.get(("", "namespaces"), "/media").is_none();
        let pods = cluster.store.collection_of("", "pods").expect("it is served").objects("media");
        assert!(!is_gone || pods.is_empty());
    });
    assert_eq!(cluster.get(("", "namespaces"), "/media"), None);
    let left: usize = (0..cluster.store.resources().count())
        .filter_map(|number| cluster.store.collection(number))
        .map(|all| all.objects("media").len())
        .sum();
    assert_eq!(left, 0);
}

#[test]
fn no_pod_is_placed_on_a_node_that_is_cordoned() {
    let mut cluster = Cluster::new();
    let nodes: Vec<String> = cluster
        .store
        .collection_of("", "nodes")
        .unwrap()
        .objects("")
        .iter()
        .map(|node| node.facts.key().to_owned())
        .collect();
    for node in nodes.iter().skip(2) {
        cluster.patch(("", "nodes"), node, &json!({"spec": {"unschedulable": true}}));
    }
    cluster.patch(DEPLOYMENTS, WEB, &restart());
    cluster.settle(|_| {});
    for pod in cluster.pods_of(DEPLOYMENTS, WEB) {
        assert_eq!(format!("/{}", text(&pod, "/spec/nodeName")), nodes[1]);
    }
}

#[test]
fn the_same_writes_give_the_same_objects() {
    let bytes = || {
        let mut cluster = Cluster::new();
        cluster.patch(DEPLOYMENTS, WEB, &restart());
        cluster.settle(|_| {});
        let pods = cluster.store.collection_of("", "pods").unwrap().objects("");
        pods.iter().map(|pod| pod.json.clone()).collect::<Vec<_>>()
    };
    assert_eq!(bytes(), bytes());
}
