//! A cluster through the port: probe, identity, discovery, documents and logs against scripted answers.

use super::server::{Asked, Server, json, reply, status};
use super::{connect, surroundings};
use futures::StreamExt as _;
use quarterdeck::config::Environment;
use quarterdeck::engine::cluster::{ClusterError, ClusterReader as _, Connector as _};
use quarterdeck::engine::k8s::connector::{K8sCluster, K8sConnector};
use quarterdeck::engine::k8s::endpoint::Endpoints;
use quarterdeck::model::cluster::{ClusterEntry, ClusterName};
use quarterdeck::model::document::Aspect;
use quarterdeck::model::kind::{Kind, KindId};
use quarterdeck::model::logs::LogSource;
use quarterdeck::model::object::ObjectKey;
use serde_json::{Value, json as value};
use std::sync::Arc;

fn cluster(server: &Server) -> K8sCluster {
    K8sCluster::new(ClusterName::new("a"), connect(server.endpoint()))
}

fn found(body: &Value) -> http::Response<http_body_util::Full<hyper::body::Bytes>> {
    json(&body.to_string())
}

fn path(asked: &Asked) -> &str {
    asked.uri.split('?').next().unwrap_or_default()
}

const VERSION: &str = r#"{"major":"1","minor":"35","gitVersion":"v1.35.2"}"#;

#[tokio::test]
async fn a_probe_asks_readyz_and_the_version_once() {
    let server = Server::plain(|asked| match path(asked) {
        "/readyz" => reply(200, "text/plain", "ok"),
        _ => json(VERSION),
    })
    .await;
    let cluster = cluster(&server);
    for _ in 0..3 {
        let probe = cluster.probe().await.expect("it is ready");
        assert_eq!(probe.version.as_deref(), Some("v1.35.2"));
    }
    let asked: Vec<_> = server.asked().iter().map(|a| a.uri.clone()).collect();
    assert_eq!(asked, ["/readyz", "/version", "/readyz", "/readyz"]);
}

#[tokio::test]
async fn where_readyz_is_forbidden_or_missing_the_version_counts() {
    for code in [403, 404] {
        let server = Server::plain(move |asked| match path(asked) {
            "/readyz" => status(code, "no"),
            _ => json(VERSION),
        })
        .await;
        assert!(cluster(&server).probe().await.is_ok(), "{code}");
    }
    let server = Server::plain(|_| status(403, "nothing for you")).await;
    assert_eq!(cluster(&server).probe().await, Err(ClusterError::Denied("nothing for you".into())));
}

#[tokio::test]
async fn a_server_that_is_not_ready_names_the_check() {
    let server = Server::plain(|_| reply(500, "text/plain", "[+]ping ok\n[-]etcd failed: reason withheld\n")).await;
    let error = cluster(&server).probe().await.expect_err("it is not ready");
    assert_eq!(error.to_string(), "the API server is not ready: etcd");
}

#[tokio::test]
async fn a_cluster_says_who_it_is_as_far_as_one_may_ask() {
    let server = Server::plain(|asked| match path(asked) {
        "/api/v1/namespaces/kube-system" => found(&value!({"metadata": {"uid": "u-1"}})),
        "/apis/about.k8s.io" => found(&value!({"preferredVersion": {"version": "v1beta1"}})),
        "/apis/about.k8s.io/v1beta1/clusterproperties" => found(&value!({"items": [
            {"metadata": {"name": "cluster.clusterset.k8s.io"}, "spec": {"value": "east\u{1b}"}}]})),
        other => status(404, other),
    })
    .await;
    let identity = cluster(&server).identify().await.expect("it answers");
    assert_eq!(identity.uid, "u-1");
    assert_eq!(identity.properties.get("cluster.clusterset.k8s.io").map(AsRef::as_ref), Some("east"));
    let server = Server::plain(|_| status(403, "no")).await;
    assert_eq!(cluster(&server).identify().await, Ok(quarterdeck::engine::cluster::Identity::default()));
}

#[tokio::test]
async fn an_old_server_is_discovered_group_by_group_and_a_broken_group_takes_only_itself_along() {
    let server = Server::plain(|asked| match path(asked) {
        "/api" => found(&value!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        "/api/v1" => found(&value!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {"name": "pods", "singularName": "", "namespaced": true, "kind": "Pod", "verbs": ["list"], "shortNames": ["po"]},
            {"name": "pods/log", "singularName": "", "namespaced": true, "kind": "Pod", "verbs": ["get"]}]})),
        "/apis" => found(&value!({"kind": "APIGroupList", "groups": [
            {"name": "metrics.k8s.io", "versions": [{"groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"}]},
            {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]}]})),
        "/apis/apps/v1" => found(&value!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
            {"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment", "verbs": ["list"]}]})),
        _ => reply(500, "text/plain", "away"),
    })
    .await;
    let catalog = cluster(&server).discover().await.expect("most of it answers");
    assert_eq!(catalog.kinds.iter().map(Kind::resource).collect::<Vec<_>>(), ["pods", "deployments.apps"]);
    assert_eq!(catalog.find("po").map(Kind::api_version).as_deref(), Some("v1"));
    let failed: Vec<_> = catalog.failed_groups.iter().map(|(group, why)| (group.as_str(), why.as_str())).collect();
    assert_eq!(failed, [("metrics.k8s.io/v1beta1", "away")]);
}

#[tokio::test]
async fn half_of_discovery_is_better_than_none() {
    let server = Server::plain(|asked| match path(asked) {
        "/api" => found(&value!({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": ""}, "versions": [
            {"version": "v1", "resources": [{"resource": "pods", "scope": "Namespaced", "verbs": ["list"],
                "responseKind": {"group": "", "version": "v1", "kind": "Pod"}}]}]}]})),
        _ => reply(500, "text/plain", "away"),
    })
    .await;
    let catalog = cluster(&server).discover().await.expect("half of it answers");
    assert_eq!((catalog.kinds.len(), catalog.failed_groups[0].0.as_str()), (1, "all but core"));
    let server = Server::plain(|_| status(403, "no")).await;
    assert_eq!(cluster(&server).discover().await, Err(ClusterError::Denied("no".into())));
}

fn kind(group: &str, name: &str, plural: &str) -> Kind {
    Kind {
        id: KindId::new(group, name),
        version: "v1".into(),
        plural: plural.into(),
        singular: name.to_lowercase().into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        verbs: vec!["get".into(), "list".into()],
    }
}

fn pod(uid: &str) -> ObjectKey {
    ObjectKey {
        cluster: ClusterName::new("a"),
        kind: KindId::new("", "Pod"),
        namespace: "ns".into(),
        name: "p".into(),
        uid: uid.into(),
    }
}

#[tokio::test]
async fn a_description_brings_events_and_owners() {
    let server = Server::plain(|asked| match path(asked) {
        "/api" => found(&value!({"kind": "APIGroupDiscoveryList", "items": []})),
        "/apis" => found(&value!({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "apps"}, "versions": [
            {"version": "v1", "resources": [{"resource": "replicasets", "scope": "Namespaced", "verbs": ["get"],
                "responseKind": {"group": "apps", "version": "v1", "kind": "ReplicaSet"}}]}]}]})),
        "/api/v1/namespaces/ns/pods/p" => found(&value!({"kind": "Pod", "metadata": {"name": "p", "namespace": "ns",
            "uid": "u", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "controller": true}]}})),
        "/apis/apps/v1/namespaces/ns/replicasets/rs" => found(&value!({"kind": "ReplicaSet", "metadata": {"name": "rs",
            "namespace": "ns", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}]}})),
        "/api/v1/namespaces/ns/events" => found(&value!({"items": [{"reason": "Pulled", "message": "got it", "type": "Normal"}]})),
        other => status(404, other),
    })
    .await;
    let cluster = cluster(&server);
    cluster.discover().await.expect("it answers");
    let lines = cluster.open(pod("u"), kind("", "Pod", "pods"), Aspect::Describe).await.expect("it is there");
    let text = lines.join("\n");
    for expect in ["ReplicaSet/rs", "Deployment/web", "Pulled"] {
        assert!(text.contains(expect), "{expect} is not in:\n{text}");
    }
    let events = server.asked().into_iter().find(|a| a.uri.contains("/events")).expect("they were asked for");
    assert!(events.uri.contains("involvedObject.uid%3Du"), "{}", events.uri);
    let error = cluster.open(pod("another"), kind("", "Pod", "pods"), Aspect::Yaml).await.expect_err("another pod");
    assert_eq!(error, ClusterError::NotFound("Pod p was replaced by another of the same name".into()));
    let foreign = ObjectKey { cluster: ClusterName::new("b"), ..pod("u") };
    let error = cluster.open(foreign, kind("", "Pod", "pods"), Aspect::Yaml).await.expect_err("another cluster");
    assert_eq!(error.to_string(), "an object of b was asked of a");
}

#[tokio::test]
async fn logs_come_by_lines_from_the_container_kubectl_would_choose() {
    let server = Server::plain(|asked| match path(asked) {
        "/api/v1/namespaces/ns/pods/p" => found(&value!({"spec": {"initContainers": [{"name": "setup"}],
            "containers": [{"name": "app"}, {"name": "side"}]}})),
        _ => reply(200, "text/plain", "one\n\u{1b}[31mtwo\u{1b}[0m\nthree"),
    })
    .await;
    let cluster = cluster(&server);
    assert_eq!(cluster.containers(pod("")).await, Ok(vec!["setup".into(), "app".into(), "side".into()]));
    let source = LogSource {
        pod: pod(""),
        container: quarterdeck::model::text::Text::default(),
        follow: true,
        previous: false,
        timestamps: false,
        since_s: None,
        tail_lines: Some(100),
    };
    let lines: Vec<_> = cluster.tail(source).map(|line| line.expect("a line")).collect().await;
    assert_eq!(lines, ["one", "two", "three"]);
    assert!(server.asked().iter().any(|a| a.uri.ends_with("/log?container=app&follow=true&tailLines=100")));
}

#[tokio::test]
async fn a_connector_says_why_a_cluster_cannot_be_connected() {
    let connector = K8sConnector::new(Endpoints::default(), surroundings(Environment::default()));
    let entry = ClusterEntry {
        server: "".into(),
        namespace: "default".into(),
        provider: "".into(),
        region: "".into(),
        defect: Some("the context names no cluster".into()),
        ..ClusterEntry::new(ClusterName::new("lab"))
    };
    let error = connector.connect(Arc::new(entry.clone())).await.expect_err("it has a defect");
    assert_eq!(error.to_string(), "the context names no cluster");
    let whole = ClusterEntry { defect: None, ..entry };
    let error = connector.connect(Arc::new(whole)).await.expect_err("it has no endpoint");
    assert!(error.to_string().contains("refresh it"), "{error}");
}
