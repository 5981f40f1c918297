//! Changes on a small cluster, without a server.

use super::super::member::Member;
use super::super::world::World;
use super::*;

/// A cluster that stands still.
struct Cluster {
    store: Store,
    rng: fastrand::Rng,
    dry_run: bool,
}

impl Cluster {
    fn new() -> Self {
        let (store, _) = World::build(&Member::new("one", 35, 80, 11), now());
        Self { store, rng: fastrand::Rng::with_seed(1), dry_run: false }
    }

    fn index(&self, group: &str, plural: &str) -> usize {
        self.store.find(group, plural).expect("it is served")
    }

    fn update(&mut self, (group, plural): (&str, &str), key: &str, change: &Value) -> Result<Outcome, Failure> {
        let index = self.index(group, plural);
        let (namespace, name) = key.split_once('/').expect("a key");
        let place = Place { index, namespace, name, is_status: false };
        let mut context = Context { now: now(), rng: &mut self.rng, dry_run: self.dry_run };
        let patch = super::super::patch::PatchType::Merge;
        update(&mut self.store, place, |old| Ok(patch.apply(old, change).expect("a fit patch")), &mut context)
    }

    fn delete(&mut self, (group, plural): (&str, &str), key: &str, options: &Value) -> Result<Outcome, Failure> {
        let index = self.index(group, plural);
        let (namespace, name) = key.split_once('/').expect("a key");
        let place = Place { index, namespace, name, is_status: false };
        let mut context = Context { now: now(), rng: &mut self.rng, dry_run: self.dry_run };
        let options = DeleteOptions::parse(options, ("", ""))?;
        delete(&mut self.store, place, &options, &mut context)
    }

    fn create(&mut self, (group, plural): (&str, &str), namespace: &str, object: Value) -> Result<Outcome, Failure> {
        let place = Place { index: self.index(group, plural), namespace, name: "", is_status: false };
        let mut context = Context { now: now(), rng: &mut self.rng, dry_run: self.dry_run };
        create(&mut self.store, place, object, &mut context)
    }

    fn get(&self, (group, plural): (&str, &str), key: &str) -> Option<Value> {
        self.store.document(self.index(group, plural), key)
    }

    /// The key of some pod that runs.
    fn pod(&self) -> String {
        let pods = self.store.collection_of("", "pods").expect("it is served").objects("checkout");
        let runs = |object: &&std::sync::Arc<store::Object>| object.facts.field("status.phase") == "Running";
        pods.iter().find(runs).expect("a pod runs").facts.key().to_owned()
    }
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

const WEB: &str = "checkout/web";
const DEPLOYMENTS: (&str, &str) = ("apps", "deployments");
const PODS: (&str, &str) = ("", "pods");
const MAPS: (&str, &str) = ("", "configmaps");

#[test]
fn a_generation_grows_with_the_spec_and_not_with_labels_or_status() {
    let mut cluster = Cluster::new();
    let of = |cluster: &Cluster, field: &str| {
        at(&cluster.get(DEPLOYMENTS, WEB).expect("it is there"), &format!("/metadata/{field}")).clone()
    };
    let (generation, version) = (of(&cluster, "generation"), of(&cluster, "resourceVersion"));
    cluster.update(DEPLOYMENTS, WEB, &json!({"metadata": {"labels": {"team": "web"}}})).expect("it fits");
    assert_eq!(of(&cluster, "generation"), generation);
    assert_ne!(of(&cluster, "resourceVersion"), version);
    let status = json!({"status": {"replicas": 99}});
    let outcome = cluster.update(DEPLOYMENTS, WEB, &status).expect("it fits");
    assert!(outcome.event.is_none(), "the status is not changed through the object itself");
    cluster.update(DEPLOYMENTS, WEB, &json!({"spec": {"replicas": 1}})).expect("it fits");
    assert_eq!(of(&cluster, "generation").as_i64(), generation.as_i64().map(|n| n + 1));
    let version = of(&cluster, "resourceVersion");
    cluster.update(DEPLOYMENTS, WEB, &json!({"spec": {"replicas": 1}})).expect("it fits");
    assert_eq!(of(&cluster, "resourceVersion"), version, "nothing changed, nothing is written");
}

#[test]
fn a_change_made_of_another_state_or_another_object_is_refused() {
    let mut cluster = Cluster::new();
    let code = |result: Result<Outcome, Failure>| result.expect_err("it is refused").code;
    let stale = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}});
    assert_eq!(code(cluster.update(DEPLOYMENTS, WEB, &stale)), 409);
    let foreign = json!({"metadata": {"uid": "other"}});
    assert_eq!(code(cluster.update(DEPLOYMENTS, WEB, &foreign)), 422);
    assert_eq!(code(cluster.update(DEPLOYMENTS, WEB, &json!({"metadata": {"name": "x"}}))), 400);
    assert_eq!(code(cluster.update(DEPLOYMENTS, "checkout/none", &json!({}))), 404);
    for precondition in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        assert_eq!(code(cluster.delete(DEPLOYMENTS, WEB, &json!({"preconditions": precondition}))), 409);
    }
    assert!(cluster.get(DEPLOYMENTS, WEB).is_some());
}

#[test]
fn nonsense_is_invalid_with_its_causes() {
    let mut cluster = Cluster::new();
    let pod = cluster.pod();
    let cases = [
        (DEPLOYMENTS, WEB, json!({"spec": {"replicas": -1}}), "spec.replicas"),
        (DEPLOYMENTS, WEB, json!({"spec": {"selector": {"matchLabels": {"a": "b"}}}}), "spec.selector"),
        (DEPLOYMENTS, WEB, json!({"metadata": {"labels": {"a": "not valid"}}}), "metadata.labels"),
        (DEPLOYMENTS, WEB, json!({"metadata": {"labels": {"a/": "b"}}}), "metadata.labels"),
        (PODS, &pod, json!({"spec": {"hostNetwork": true}}), "spec"),
    ];
    for (resource, key, change, field) in cases {
        let failure = cluster.update(resource, key, &change).expect_err("it is nonsense");
        assert_eq!((failure.code, text(&failure.details, "/causes/0/field")), (422, field), "{change}");
        assert!(failure.message.contains(field), "{}", failure.message);
    }
    let failure = cluster.update(DEPLOYMENTS, WEB, &json!({"metadata": {"labels": {"a": 1}}})).expect_err("no text");
    assert_eq!(failure.code, 400);
}

#[test]
fn a_dry_run_checks_everything_and_keeps_nothing() {
    let mut cluster = Cluster::new();
    cluster.dry_run = true;
    let revision = cluster.store.revision();
    let pod = cluster.pod();
    let outcome = cluster.update(DEPLOYMENTS, WEB, &json!({"spec": {"replicas": 3}})).expect("it fits");
    assert_eq!((at(&outcome.object, "/spec/replicas").as_i64(), outcome.event.is_none()), (Some(3), true));
    assert!(cluster.delete(PODS, &pod, &Value::Null).expect("it may go").event.is_none());
    assert!(cluster.create(MAPS, "default", json!({"metadata": {"name": "a"}})).expect("it fits").event.is_none());
    assert_eq!(
        cluster.update(DEPLOYMENTS, WEB, &json!({"spec": {"replicas": -3}})).expect_err("it is nonsense").code,
        422
    );
    assert_eq!(cluster.store.revision(), revision);
}

#[test]
fn a_pod_gets_its_time_and_a_second_delete_can_only_shorten_it() {
    let mut cluster = Cluster::new();
    let pod = cluster.pod();
    let grace = |cluster: &Cluster| {
        let pod = cluster.get(PODS, &pod).expect("it is still there");
        super::super::json::int(&pod, "/metadata/deletionGracePeriodSeconds")
    };
    cluster.delete(PODS, &pod, &Value::Null).expect("it may go");
    assert_eq!(grace(&cluster), 30);
    assert!(is_terminating(&cluster.get(PODS, &pod).expect("it is still there")));
    cluster.delete(PODS, &pod, &json!({"gracePeriodSeconds": 90})).expect("it may go");
    assert_eq!(grace(&cluster), 30);
    cluster.delete(PODS, &pod, &json!({"gracePeriodSeconds": 5})).expect("it may go");
    assert_eq!(grace(&cluster), 5);
    assert!(cluster.delete(PODS, &pod, &json!({"gracePeriodSeconds": 0})).expect("it may go").is_gone);
    assert_eq!(cluster.get(PODS, &pod), None);
    assert_eq!(cluster.delete(PODS, &pod, &json!({"gracePeriodSeconds": -1})).expect_err("no time").code, 422);
}

#[test]
fn what_has_a_finalizer_stays_until_it_has_none() {
    let mut cluster = Cluster::new();
    let map = json!({"metadata": {"name": "held", "finalizers": ["example.com/a"]}});
    cluster.create(MAPS, "default", map).expect("it fits");
    let outcome = cluster.delete(MAPS, "default/held", &Value::Null).expect("it may go");
    assert!(!outcome.is_gone && is_terminating(&outcome.object));
    let more = json!({"metadata": {"finalizers": ["example.com/a", "example.com/b"]}});
    assert_eq!(cluster.update(MAPS, "default/held", &more).expect_err("it is on its way out").code, 422);
    let revived =
        cluster.update(MAPS, "default/held", &json!({"metadata": {"deletionTimestamp": null}})).expect("it fits");
    assert!(is_terminating(&revived.object), "nobody takes a deletion back");
    let outcome = cluster.update(MAPS, "default/held", &json!({"metadata": {"finalizers": []}})).expect("it fits");
    assert!(outcome.is_gone);
    assert_eq!(cluster.get(MAPS, "default/held"), None);
}

#[test]
fn a_namespace_takes_nothing_that_is_not_its_own() {
    let mut cluster = Cluster::new();
    let map = |name: &str| json!({"metadata": {"name": name}});
    let code = |result: Result<Outcome, Failure>| result.expect_err("it is refused").code;
    assert_eq!(code(cluster.create(MAPS, "nowhere", map("a"))), 404);
    assert_eq!(code(cluster.create(MAPS, "default", json!({"metadata": {"name": "a", "namespace": "media"}}))), 400);
    assert_eq!(code(cluster.create(MAPS, "default", map("Not A Name"))), 422);
    assert_eq!(code(cluster.create(MAPS, "default", json!({"kind": "Secret", "metadata": {"name": "a"}}))), 400);
    cluster.create(MAPS, "default", map("a")).expect("it fits");
    assert_eq!(code(cluster.create(MAPS, "default", map("a"))), 409);
    let named = cluster.create(MAPS, "default", json!({"metadata": {"generateName": "b-"}})).expect("it fits");
    assert!(text(&named.object, "/metadata/name").len() > 2 && !text(&named.object, "/metadata/uid").is_empty());
    assert_eq!(code(cluster.delete(("", "namespaces"), "/kube-system", &Value::Null)), 403);
    cluster.delete(("", "namespaces"), "/media", &Value::Null).expect("it may go");
    assert_eq!(code(cluster.create(MAPS, "media", map("a"))), 403);
}

#[test]
fn a_scale_changes_the_replicas_of_the_object_it_was_made_for() {
    let cluster = Cluster::new();
    let workload = cluster.get(DEPLOYMENTS, WEB).expect("it is there");
    let mut scale = scale_of(&workload);
    set(&mut scale, "/spec", "replicas", 2.into());
    let new = scaled(&workload, &scale).expect("it fits");
    assert_eq!(at(&new, "/spec/replicas").as_i64(), Some(2));
    set(&mut scale, "/metadata", "resourceVersion", "1".into());
    assert_eq!(text(&scaled(&workload, &scale).expect("it fits"), "/metadata/resourceVersion"), "1");
    set(&mut scale, "/spec", "replicas", (-2).into());
    assert_eq!(scaled(&workload, &scale).expect_err("it is nonsense").code, 422);
}
