//! The whole engine over real sockets: kubeconfig file, client, watches, and the demo fleet's faults.

use jiff::Timestamp;
use quarterdeck::config::{Environment, Flags, load};
use quarterdeck::demo::{Clock, Fault, Fleet, Member, Options};
use quarterdeck::engine::fleet::options::{Connect, FleetOptions};
use quarterdeck::engine::k8s::client::ClientContext;
use quarterdeck::engine::k8s::connector::K8sConnector;
use quarterdeck::engine::k8s::credentials::plugin::{Plugins, Terminal};
use quarterdeck::engine::k8s::endpoint::Endpoints;
use quarterdeck::engine::k8s::inventory::FleetInventory;
use quarterdeck::engine::process::detach::Launcher;
use quarterdeck::engine::{Engine, EngineHandle, EngineOptions};
use quarterdeck::model::cluster::{Cluster, ClusterName, ClusterState};
use quarterdeck::model::document::{Aspect, Body};
use quarterdeck::model::kind::KindId;
use quarterdeck::model::text::Text;
use quarterdeck::protocol::{
    ClusterRequest, DocumentRequest, Interest, Request, RequestId, Resolution, Shard, ShardKey, ShardState, Snapshot,
    ViewId,
};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Long enough for a busy machine; a test that waits this long has failed.
const DEADLINE: Duration = Duration::from_secs(40);

/// A demo fleet, a home folder with its kubeconfig, and an engine on it.
struct Rig {
    fleet: Fleet,
    engine: EngineHandle,
    home: tempfile::TempDir,
}

fn kubeconfig(home: &tempfile::TempDir) -> std::path::PathBuf {
    home.path().join(".kube/config")
}

impl Rig {
    async fn new(clusters: Vec<Member>) -> Self {
        let clock = Clock::running("2026-11-21T12:00:00Z".parse::<Timestamp>().expect("a valid time"));
        let options = Options { clusters, changes_per_second: 0, seed: 1, clock };
        let fleet = Fleet::start(options).await.expect("the demo fleet starts");
        let home = tempfile::tempdir().expect("a folder");
        let file = kubeconfig(&home);
        std::fs::create_dir_all(file.parent().expect("it is inside")).expect("a folder");
        std::fs::write(&file, fleet.kubeconfig()).expect("a file");
        let environment = Arc::new(Environment::under(home.path()));
        let config = Arc::new(load(&Flags::default(), &environment).expect("no config is a config").config);
        let endpoints = Endpoints::default();
        let plugins = Plugins::new(Launcher::own(), Terminal::Taken);
        let connector =
            K8sConnector::new(endpoints.clone(), ClientContext { environment: Arc::clone(&environment), plugins });
        let inventory = FleetInventory::new(config, environment, endpoints);
        let options = FleetOptions {
            connect: Connect::All,
            seed: 1,
            probe_period: Duration::from_secs(2),
            ..FleetOptions::default()
        };
        let options = EngineOptions { fleet: options, ..EngineOptions::default() };
        let engine = Engine::start(options, Arc::new(inventory), Arc::new(connector));
        Self { fleet, engine, home }
    }

    fn ask(&self, request: Request) {
        self.engine.requests.try_send(request).expect("room");
    }

    fn look_at(&self, resource: &str, clusters: &[&str]) {
        let interest = Interest {
            resource: Text::new(resource),
            clusters: clusters.iter().map(|name| ClusterName::new(name)).collect(),
            selector: Text::default(),
            namespaces: Arc::default(),
        };
        self.ask(Request::Cluster(ClusterRequest::Subscribe { view: ViewId(1), interests: vec![interest] }));
    }

    async fn until(&mut self, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let found = tokio::time::timeout(DEADLINE, self.engine.snapshots.wait_for(|snapshot| wanted(snapshot))).await;
        let found = found.ok().and_then(Result::ok).map(|snapshot| Arc::clone(&snapshot));
        if let Some(snapshot) = found {
            return snapshot;
        }
        let now = self.engine.snapshots.borrow().clone();
        let clusters: Vec<_> = now.clusters.values().map(|c| (&c.entry.name, &c.state, &c.facts, &c.costs)).collect();
        let shards: Vec<_> = now.shards.iter().map(|(key, s)| (key, &s.state, s.rows.len())).collect();
        assert!(wanted(&now), "never: {what}\n{clusters:#?}\n{shards:#?}\n{:#?}", now.notices);
        now
    }

    async fn all_live(&mut self) -> Arc<Snapshot> {
        self.until("all live with pods", |s| {
            !s.clusters.is_empty()
                && s.clusters.values().all(|c| c.state == ClusterState::Live && c.facts.pods_total.is_some())
        })
        .await
    }
}

fn cluster<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a Cluster> {
    snapshot.clusters.get(&ClusterName::new(name)).map(Arc::as_ref)
}

fn state<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a ClusterState> {
    cluster(snapshot, name).map(|cluster| &cluster.state)
}

fn shard<'a>(snapshot: &'a Snapshot, name: &str, kind: &KindId) -> Option<&'a Shard> {
    let key = ShardKey { cluster: ClusterName::new(name), kind: kind.clone(), selector: Text::default() };
    snapshot.shards.get(&key).map(Arc::as_ref)
}

fn pods(snapshot: &Snapshot, name: &str) -> usize {
    shard(snapshot, name, &KindId::new("", "Pod")).map_or(0, |shard| shard.rows.len())
}

fn is_shard(snapshot: &Snapshot, name: &str, wanted: impl Fn(&ShardState) -> bool) -> bool {
    shard(snapshot, name, &KindId::new("", "Pod")).is_some_and(|shard| wanted(&shard.state))
}

fn configmap(name: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": {"a": "1"}})
}

#[tokio::test]
async fn the_rows_of_three_clusters_come_together() {
    let mut rig =
        Rig::new(vec![Member::new("a", 35, 30, 1), Member::new("b", 33, 20, 2), Member::new("c", 29, 10, 3)]).await;
    rig.look_at("deploy", &["a", "b", "c"]);
    let snapshot = rig.all_live().await;
    for (name, count) in [("a", 30), ("b", 20), ("c", 10)] {
        assert!(pods(&snapshot, name) >= count, "{name}: {}", pods(&snapshot, name));
        let facts = &cluster(&snapshot, name).expect("listed").facts;
        assert!(facts.version.starts_with("v1."), "{name}: {}", facts.version);
    }
    let snapshot = rig
        .until("counts and deployments", |s| {
            ["a", "b", "c"].iter().all(|name| {
                let facts = &cluster(s, name).expect("listed").facts;
                let deployments = shard(s, name, &KindId::new("apps", "Deployment"));
                facts.nodes_ready.is_some()
                    && facts.warnings.is_some()
                    && !facts.uid.is_empty()
                    && deployments.is_some_and(|d| d.state == ShardState::Live && !d.rows.is_empty())
            })
        })
        .await;
    let resolutions = &snapshot.resolutions[&ViewId(1)];
    assert!(resolutions.values().all(|resolution| matches!(resolution, Resolution::Shards(keys) if keys.len() == 1)));
    assert!(rig.engine.shutdown(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_refusing_cluster_says_why_and_comes_back() {
    let mut rig = Rig::new(vec![Member::new("a", 35, 10, 1), Member::new("b", 35, 10, 2)]).await;
    rig.all_live().await;
    rig.fleet.fault("b", Fault::Refuse);
    let snapshot = rig.until("stale", |s| matches!(state(s, "b"), Some(ClusterState::Stale { .. }))).await;
    assert!(pods(&snapshot, "b") >= 10, "rows stay");
    assert!(!state(&snapshot, "b").expect("listed").why().is_empty());
    assert_eq!(state(&snapshot, "a"), Some(&ClusterState::Live));
    rig.fleet.fault("b", Fault::None);
    rig.until("live again", |s| {
        state(s, "b") == Some(&ClusterState::Live) && is_shard(s, "b", |state| *state == ShardState::Live)
    })
    .await;
}

#[tokio::test]
async fn dead_and_slow_clusters_hold_nobody_up() {
    let mut rig =
        Rig::new(vec![Member::new("a", 35, 10, 1), Member::new("hole", 35, 10, 2), Member::new("slow", 35, 10, 3)])
            .await;
    rig.fleet.fault("hole", Fault::BlackHole);
    rig.fleet.fault("slow", Fault::Latency(Duration::from_millis(400), Duration::from_millis(600)));
    rig.until("a live", |s| state(s, "a") == Some(&ClusterState::Live) && pods(s, "a") >= 10).await;
    rig.until("slow live", |s| state(s, "slow") == Some(&ClusterState::Live) && pods(s, "slow") >= 10).await;
    let snapshot = rig
        .until("unreachable", |s| {
            matches!(state(s, "hole"), Some(ClusterState::Unreachable { .. } | ClusterState::Stale { .. }))
        })
        .await;
    assert!(cluster(&snapshot, "hole").expect("listed").costs.retry_at.is_some());
}

#[tokio::test]
async fn an_expired_credential_is_named_and_retried_when_asked() {
    let mut rig = Rig::new(vec![Member::new("a", 35, 10, 1)]).await;
    rig.all_live().await;
    rig.fleet.fault("a", Fault::Unauthorized("session expired".to_owned()));
    let snapshot = rig.until("auth needed", |s| matches!(state(s, "a"), Some(ClusterState::AuthNeeded { .. }))).await;
    assert!(pods(&snapshot, "a") >= 10, "rows stay");
    rig.fleet.fault("a", Fault::None);
    rig.ask(Request::Cluster(ClusterRequest::Retry(vec![ClusterName::new("a")])));
    rig.until("live", |s| state(s, "a") == Some(&ClusterState::Live) && is_shard(s, "a", |s| *s == ShardState::Live))
        .await;
}

/// Failed watches and repeated lists of a cluster so far.
fn troubles(snapshot: &Snapshot, name: &str) -> u64 {
    cluster(snapshot, name).map_or(0, |cluster| cluster.costs.errors + cluster.costs.relists)
}

#[tokio::test]
async fn broken_watches_mend_and_never_blank_the_table() {
    let mut rig = Rig::new(vec![Member::new("a", 35, 10, 1)]).await;
    rig.all_live().await;
    for fault in [Fault::CutWatch, Fault::HalfLine, Fault::UnknownEvent, Fault::ErrorEvent, Fault::Expired] {
        let mut snapshots = rig.engine.snapshots.clone();
        let never_blank = tokio::spawn(async move {
            while snapshots.changed().await.is_ok() {
                assert!(pods(&snapshots.borrow_and_update(), "a") >= 10, "a blank table");
            }
        });
        let before = troubles(&rig.engine.snapshots.borrow(), "a");
        rig.fleet.fault("a", fault.clone());
        rig.until(&format!("{fault:?} strikes"), |s| troubles(s, "a") > before).await;
        rig.fleet.fault("a", Fault::None);
        let name = format!("after-{fault:?}").to_lowercase();
        rig.look_at("configmaps", &["a"]);
        assert!(rig.fleet.put("a", "", "configmaps", configmap(&name)));
        let maps = KindId::new("", "ConfigMap");
        rig.until(&name, |s| shard(s, "a", &maps).is_some_and(|shard| shard.rows.iter().any(|row| row.name == name)))
            .await;
        assert!(!never_blank.is_finished());
        never_blank.abort();
    }
    rig.fleet.compact("a");
    rig.until("all live", |s| is_shard(s, "a", |state| *state == ShardState::Live)).await;
}

#[tokio::test]
async fn one_denied_kind_leaves_the_cluster_live() {
    let mut rig = Rig::new(vec![Member::new("a", 35, 10, 1)]).await;
    rig.fleet.fault("a", Fault::Forbidden("nodes".to_owned()));
    let snapshot = rig
        .until("denied nodes", |s| {
            let nodes = shard(s, "a", &KindId::new("", "Node"));
            nodes.is_some_and(|nodes| matches!(nodes.state, ShardState::Denied { .. })) && pods(s, "a") >= 10
        })
        .await;
    assert_eq!(state(&snapshot, "a"), Some(&ClusterState::Live));
    let facts = &cluster(&snapshot, "a").expect("listed").facts;
    assert!(facts.missing.iter().any(|what| what.starts_with("nodes")), "{:?}", facts.missing);
    assert_eq!(facts.nodes_total, None);
}

#[tokio::test]
async fn a_changed_kubeconfig_removes_a_cluster_and_keeps_the_other() {
    let mut rig = Rig::new(vec![Member::new("a", 35, 10, 1), Member::new("b", 35, 10, 2)]).await;
    rig.all_live().await;
    let text = std::fs::read_to_string(kubeconfig(&rig.home)).expect("it is there");
    let renamed = text.replace("\"b\"", "\"b2\"");
    assert_ne!(text, renamed, "the kubeconfig quotes its names");
    std::fs::write(kubeconfig(&rig.home), renamed).expect("a file");
    let snapshot =
        rig.until("b is b2", |s| state(s, "b2") == Some(&ClusterState::Live) && state(s, "b").is_none()).await;
    assert_eq!(state(&snapshot, "a"), Some(&ClusterState::Live));
    assert!(snapshot.shards.keys().all(|key| key.cluster.as_str() != "b"));
}

#[tokio::test]
async fn an_open_document_follows_its_object() {
    let mut rig = Rig::new(vec![Member::new("a", 35, 10, 1)]).await;
    let maps = KindId::new("", "ConfigMap");
    rig.fleet.put("a", "", "configmaps", configmap("open"));
    rig.look_at("configmaps", &["a"]);
    let snapshot = rig
        .until("the map", |s| shard(s, "a", &maps).is_some_and(|shard| shard.rows.iter().any(|row| row.name == "open")))
        .await;
    let row =
        shard(&snapshot, "a", &maps).and_then(|s| s.rows.iter().find(|row| row.name == "open")).expect("it is there");
    let id = RequestId(7);
    rig.ask(Request::Document(DocumentRequest::Open { id, object: row.key(&maps), aspect: Aspect::Yaml }));
    let holds = |s: &Snapshot, text: &str| match s.documents.get(&id).map(|document| &document.body) {
        Some(Body::Ready(lines)) => lines.iter().any(|line| line.contains(text)),
        _ => false,
    };
    rig.until("the YAML", |s| holds(s, "a: \"1\"")).await;
    let mut changed = configmap("open");
    changed["data"]["later"] = json!("here");
    rig.fleet.put("a", "", "configmaps", changed);
    rig.until("the change", |s| holds(s, "later: here")).await;
    rig.fleet.delete("a", ("", "configmaps"), "default", "open");
    rig.until("gone", |s| matches!(s.documents.get(&id).map(|d| &d.body), Some(Body::Gone(_)))).await;
    rig.ask(Request::Document(DocumentRequest::Close(id)));
    rig.until("closed", |s| s.documents.is_empty()).await;
}
