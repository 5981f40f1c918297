//! The demo fleet answers as real API servers do: asked through kube's client and by plain requests.
#![expect(clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on says why and fails")]

use std::time::Duration;

use futures::{AsyncBufReadExt as _, StreamExt as _, TryStreamExt as _};
use http::Request;
use http::header::ACCEPT;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use quarterdeck::demo::{Clock, Fleet, Member, Options, Story};
use serde_json::{Value, json};
use tokio::time::timeout;

mod faults;
mod reading;
mod watching;
mod writing;

/// Longer than anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

fn clock() -> Clock {
    Clock::Fixed("2026-11-21T12:00:00Z".parse::<Timestamp>().expect("a valid time"))
}

async fn fleet(clusters: Vec<Member>) -> Fleet {
    let options = Options { clusters, changes_per_second: 0, seed: 1, clock: clock() };
    Fleet::start(options).await.expect("the demo fleet starts")
}

/// One cluster of this minor version called `one`.
async fn single(minor: u8, pods: usize) -> Fleet {
    fleet(vec![Member::new("one", minor, pods, 3)]).await
}

async fn client(fleet: &Fleet, cluster: &str) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(fleet.kubeconfig()).expect("the kubeconfig is valid");
    let options = KubeConfigOptions { context: Some(cluster.to_owned()), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("the context is complete");
    config.default_retry = false;
    Client::try_from(config).expect("a client")
}

fn request(path: &str, accept: &str) -> Request<Vec<u8>> {
    Request::get(path).header(ACCEPT, accept).body(Vec::new()).expect("a request")
}

async fn get(client: &Client, path: &str) -> Value {
    get_as(client, path, "application/json").await
}

async fn get_as(client: &Client, path: &str, accept: &str) -> Value {
    let asked = timeout(PATIENCE, client.request::<Value>(request(path, accept)));
    asked.await.expect("an answer in time").unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The `Status` a request is refused with.
async fn refused(client: &Client, path: &str) -> (u16, String, String) {
    let asked = timeout(PATIENCE, client.request::<Value>(request(path, "application/json")));
    match asked.await.expect("an answer in time") {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("{path}: {other:?}"),
    }
}

/// The lines of a stream as they come.
type Lines = std::pin::Pin<Box<dyn futures::Stream<Item = std::io::Result<String>> + Send>>;

async fn lines(client: &Client, path: &str, accept: &str) -> Lines {
    let stream = timeout(PATIENCE, client.request_stream(request(path, accept)));
    let stream = stream.await.expect("an answer in time").unwrap_or_else(|error| panic!("{path}: {error}"));
    Box::pin(stream.lines())
}

/// The next watch event: its type and object.
async fn event(lines: &mut Lines) -> (String, Value) {
    let line = timeout(PATIENCE, lines.try_next()).await.expect("an event in time");
    let line = line.expect("an unbroken stream").expect("an event before the end");
    let event: Value = serde_json::from_str(&line).expect("an event is JSON");
    (text(&event, "/type"), event["object"].clone())
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| format!("{}/{}", text(item, "/metadata/namespace"), text(item, "/metadata/name"))).collect()
}

fn config_map(name: &str, labels: &Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "default", "labels": labels}, "data": {"key": "value"}})
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes() {
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let fleet = fleet(vec![Member::new("one", 35, 120, 9)]).await;
        let client = client(&fleet, "one").await;
        let mut all = String::new();
        for path in
            ["/api/v1/pods", "/api/v1/events", "/apis/apps/v1/deployments", "/apis/cert-manager.io/v1/certificates"]
        {
            all += &client.request_text(request(path, "application/json")).await.expect("a list");
        }
        bodies.push(all);
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn the_showcase_has_every_kind_and_every_trouble() {
    let options = quarterdeck::demo::showcase(clock());
    let fleet = Fleet::start(Options { changes_per_second: 0, ..options }).await.expect("the showcase starts");
    assert_eq!(
        fleet.clusters().collect::<Vec<_>>(),
        ["eu-west", "us-east", "ap-south", "edge-lab", "staging", "sa-east"]
    );
    let (west, east) = (client(&fleet, "eu-west").await, client(&fleet, "us-east").await);
    for path in KINDS {
        let list = get(&east, path).await;
        assert!(!names(&list).is_empty(), "no objects at {path}");
    }
    let table = get_as(&west, "/api/v1/pods", TABLE).await;
    let rows = table["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 400);
    let states: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row["cells"][2].as_str().unwrap_or_default()).collect();
    let expected = [
        "Completed",
        "CrashLoopBackOff",
        "Evicted",
        "ImagePullBackOff",
        "Init:CrashLoopBackOff",
        "Running",
        "Terminating",
    ];
    assert_eq!(states.into_iter().collect::<Vec<_>>(), expected);
    let table = get_as(&east, "/api/v1/pods", TABLE).await;
    let states: std::collections::BTreeSet<&str> = table["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["cells"][2].as_str().unwrap_or_default())
        .collect();
    assert!(states.is_superset(&["Pending", "Init:0/1", "Error", "ImagePullBackOff"].into()), "{states:?}");
    let claims = get(&east, "/api/v1/persistentvolumeclaims").await;
    let pending =
        claims["items"].as_array().expect("items").iter().filter(|claim| text(claim, "/status/phase") == "Pending");
    assert_eq!(pending.count(), 1);
    let staging = client(&fleet, "staging").await;
    let (code, reason, message) = refused(&staging, "/api/v1/pods").await;
    assert_eq!((code, reason.as_str()), (401, "Unauthorized"));
    assert!(message.contains("aws sso login"), "{message}");
}

const KINDS: &[&str] = &[
    "/api/v1/pods",
    "/api/v1/services",
    "/api/v1/configmaps",
    "/api/v1/secrets",
    "/api/v1/persistentvolumeclaims",
    "/api/v1/persistentvolumes",
    "/api/v1/nodes",
    "/api/v1/namespaces",
    "/api/v1/events",
    "/api/v1/serviceaccounts",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/apps/v1/replicasets",
    "/apis/batch/v1/jobs",
    "/apis/batch/v1/cronjobs",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/apis/networking.k8s.io/v1/ingresses",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/storage.k8s.io/v1/storageclasses",
    "/apis/rbac.authorization.k8s.io/v1/roles",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/autoscaling/v2/horizontalpodautoscalers",
    "/apis/policy/v1/poddisruptionbudgets",
    "/apis/coordination.k8s.io/v1/leases",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/cert-manager.io/v1/certificates",
    "/apis/db.example.com/v1/databases",
    "/apis/about.k8s.io/v1beta1/clusterproperties",
];

#[tokio::test]
async fn hostile_objects_are_served_as_they_are() {
    let mut member = Member::new("one", 35, 20, 5);
    member.story = Story::Hostile;
    let fleet = fleet(vec![member]).await;
    let client = client(&fleet, "one").await;
    let maps = get(&client, "/api/v1/namespaces/default/configmaps").await;
    let names = names(&maps);
    assert!(names.iter().any(|name| name.contains('\u{1b}')));
    assert!(names.iter().any(|name| name.contains('\u{202e}')));
    assert!(names.iter().any(|name| name.len() > 300));
    let huge = get(&client, "/api/v1/namespaces/default/configmaps/one-mebibyte").await;
    assert_eq!(text(&huge, "/metadata/annotations/example.com~1huge").len(), 1 << 20);
    let table = get_as(&client, "/api/v1/namespaces/default/pods", TABLE).await;
    assert!(table["rows"].as_array().is_some_and(|rows| rows.len() >= 6));
}

#[tokio::test]
async fn churn_changes_things_and_dies_with_the_fleet() {
    // So few that the history, 1,024 changes, reaches back over any pause of a busy machine.
    let options = Options { changes_per_second: 20, ..Options::single("one", 60, clock()) };
    let fleet = Fleet::start(options).await.expect("the fleet starts");
    let client = client(&fleet, "one").await;
    let list = get(&client, "/api/v1/pods").await;
    let path = format!("/api/v1/pods?watch=true&resourceVersion={}", text(&list, "/metadata/resourceVersion"));
    let mut stream = lines(&client, &path, "application/json").await;
    for _ in 0..20 {
        let (kind, _) = event(&mut stream).await;
        assert!(["ADDED", "MODIFIED", "DELETED"].contains(&kind.as_str()), "{kind}");
    }
    drop(fleet);
    let rest = timeout(PATIENCE, stream.collect::<Vec<_>>()).await;
    assert!(rest.is_ok(), "the watch ends when the fleet is dropped");
}
