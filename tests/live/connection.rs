//! Our connection against real API servers: what it learns, and what it says when they refuse.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use quarterdeck::config::Environment;
use quarterdeck::engine::cluster::{ClusterError, ClusterReader as _, WatchItem, WatchSpec};
use quarterdeck::engine::k8s::client::{ClientContext, build};
use quarterdeck::engine::k8s::connector::K8sCluster;
use quarterdeck::engine::k8s::credentials::plugin::{Plugins, Terminal};
use quarterdeck::engine::k8s::endpoint::{Endpoint, Material, Secret, User as Identity};
use quarterdeck::engine::process::detach::Launcher;
use quarterdeck::model::cluster::ClusterName;
use quarterdeck::model::document::Aspect;
use quarterdeck::model::kind::{Catalog, Kind};
use quarterdeck::model::logs::LogSource;
use quarterdeck::model::object::ObjectKey;
use quarterdeck::model::text::Text;

use crate::Test;
use crate::rig::{ControlPlane, Options, Outcome, User, shared, until};

pub(crate) const TESTS: &[Test] = &[
    ("a_real_cluster_is_probed_identified_and_discovered", probed_identified_and_discovered),
    ("a_real_pod_is_opened_and_its_logs_come", opened_and_tailed),
    ("a_refused_user_and_a_revoked_token_are_told_apart", refused_and_revoked),
    ("a_frozen_and_a_stopped_server_are_unreachable_in_time", frozen_and_stopped),
];

/// When a question that ought to have ended by itself has failed.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn connect(plane: &ControlPlane, user: Identity) -> Outcome<K8sCluster> {
    let kubeconfig: serde_json::Value = serde_saphyr::from_str(&plane.kubeconfig()?)?;
    let ca = kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"].as_str().unwrap_or_default();
    let ca = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, ca)?;
    let endpoint = Endpoint {
        ca: Some(Material::Inline(Secret(String::from_utf8(ca)?))),
        user,
        timeout_s: 30,
        ..Endpoint::plain(format!("https://127.0.0.1:{}", plane.port()), plane.name())
    };
    let plugins = Plugins::new(Launcher::Plain, Terminal::Taken);
    let surroundings = ClientContext { environment: Arc::new(Environment::default()), plugins };
    let connection = build(&Arc::new(endpoint), &surroundings)?;
    Ok(K8sCluster::new(ClusterName::new(plane.name()), connection))
}

pub(crate) fn token(token: &str) -> Identity {
    Identity { token: Some(Material::Inline(Secret(token.to_owned()))), ..Identity::default() }
}

pub(crate) fn wait<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}

pub(crate) fn kind<'a>(catalog: &'a Catalog, name: &str) -> Outcome<&'a Kind> {
    catalog.find(name).ok_or_else(|| format!("{name} is not in the catalog").into())
}

fn probed_identified_and_discovered() -> Outcome {
    let [plane, _] = shared()?;
    let uid = plane.kubectl(&["get", "namespace", "kube-system", "--output=jsonpath={.metadata.uid}"])?;
    let names = plane.kubectl(&["api-resources", "--output=name"])?;
    wait(async {
        let pair = plane.client_certificate("carol", "system:masters")?;
        let user = Identity {
            client_certificate: Some(Material::Inline(Secret(pair.certificate))),
            client_key: Some(Material::Inline(Secret(pair.key))),
            ..Identity::default()
        };
        let cluster = connect(plane, user)?;
        let probe = cluster.probe().await?;
        assert!(probe.version.as_deref().is_some_and(|v| v.starts_with("v1.35")), "{probe:?}");
        assert!(probe.expiry.is_some(), "the certificates end some day");
        assert_eq!(cluster.identify().await?.uid, uid);
        let catalog = cluster.discover().await?;
        let mut ours: Vec<String> = catalog.kinds.iter().map(Kind::resource).collect();
        let mut theirs: Vec<&str> = names.lines().collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs, "what kubectl api-resources lists");
        assert_eq!(kind(&catalog, "hpa")?.version, "v2");
        assert!(catalog.category("all").any(|k| k.plural == "deployments"));
        let deploy = kind(&catalog, "deploy")?;
        assert!(deploy.namespaced && deploy.can("watch") && !kind(&catalog, "no")?.namespaced);
        Ok(())
    })
}

fn opened_and_tailed() -> Outcome {
    let plane = ControlPlane::start(Options::complete("opened"))?;
    plane.write_log(&["first line", "second line"])?;
    plane.kubectl(&["create", "deployment", "web", "--image=web"])?;
    plane.kubectl(&["create", "secret", "generic", "keys", "--from-literal=password=hunter2"])?;
    plane.wait_for_running("default", 1)?;
    wait(async {
        let cluster = connect(&plane, token("admin-token"))?;
        let catalog = cluster.discover().await?;
        let pods = kind(&catalog, "pods")?.clone();
        let spec =
            WatchSpec { kind: pods.clone(), selector: "app=web".into(), fields: Text::default(), namespaces: None };
        let mut watch = cluster.watch(spec);
        let pod = loop {
            match watch.next().await.ok_or("the watch ended")?? {
                WatchItem::Applied { row, .. } => break row.key(&pods.id),
                WatchItem::Started { .. }
                | WatchItem::Listed { .. }
                | WatchItem::Deleted { .. }
                | WatchItem::Watching { .. } => {}
            }
        };
        let text = cluster.open(pod.clone(), pods.clone(), Aspect::Describe).await?.join("\n");
        for expect in ["ReplicaSet/web-", "Deployment/web", "Scheduled"] {
            assert!(text.contains(expect), "{expect} is not in:\n{text}");
        }
        assert_eq!(cluster.containers(pod.clone()).await?, ["web"]);
        let source = LogSource {
            pod: pod.clone(),
            container: Text::default(),
            follow: false,
            previous: false,
            timestamps: false,
            since_s: None,
            tail_lines: None,
        };
        let lines: Vec<_> = cluster.tail(source).collect().await;
        assert_eq!(lines.into_iter().collect::<Result<Vec<_>, _>>()?, ["first line", "second line"]);

        let secrets = kind(&catalog, "secrets")?.clone();
        let keys = ObjectKey { kind: secrets.id.clone(), name: "keys".into(), uid: Text::default(), ..pod };
        let masked = cluster.open(keys.clone(), secrets.clone(), Aspect::Yaml).await?.join("\n");
        assert!(!masked.contains("hunter2") && !masked.contains("aHVudGVyMg"), "{masked}");
        assert!(cluster.reveal(keys, secrets).await?.contains("hunter2"));
        Ok(())
    })
}

fn refused_and_revoked() -> Outcome {
    let users = vec![User::named("viewer")];
    let mut plane = ControlPlane::start(Options { users, ..Options::named("refused") })?;
    wait(async {
        let cluster = connect(&plane, token("viewer-token"))?;
        cluster.probe().await?;
        let catalog = cluster.discover().await?;
        let pods = kind(&catalog, "pods")?.clone();
        let pod = ObjectKey {
            cluster: ClusterName::new("refused"),
            kind: pods.id.clone(),
            namespace: "default".into(),
            name: "p".into(),
            uid: Text::default(),
        };
        let error = cluster.open(pod, pods, Aspect::Yaml).await.err().ok_or("it was allowed")?;
        let sentence = "pods \"p\" is forbidden: User \"viewer\" cannot get resource \"pods\" in API group \"\" in the namespace \"default\"";
        assert_eq!(error, ClusterError::Denied(sentence.into()));
        assert_eq!(cluster.identify().await?.uid, "");
        Ok(())
    })?;
    plane.revoke_token("viewer")?;
    wait(async {
        let cluster = connect(&plane, token("viewer-token"))?;
        let error = cluster.probe().await.err().ok_or("the token is still good")?;
        assert_eq!(error, ClusterError::AuthNeeded("the token is not accepted; get a new one".into()));
        Ok(())
    })
}

fn frozen_and_stopped() -> Outcome {
    let mut plane = ControlPlane::start(Options::named("frozen"))?;
    let address = format!("127.0.0.1:{}", plane.port());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let cluster = runtime.block_on(async { connect(&plane, token("admin-token")) })?;
    runtime.block_on(cluster.probe())?;
    plane.freeze_api_server()?;
    let probed = runtime.block_on(async { tokio::time::timeout(PATIENCE, cluster.probe()).await });
    let error = probed.map_err(|_| "the probe of a frozen server does not end")?.err().ok_or("it answered")?;
    assert_eq!(error, ClusterError::Unreachable(format!("timed out after 5s ({address})").into()));
    plane.thaw_api_server()?;
    plane.stop_api_server()?;
    until("a refused connection", Duration::from_secs(20), || match runtime.block_on(cluster.probe()) {
        Err(ClusterError::Unreachable(why)) if why.starts_with("connection refused") => Ok(()),
        other => Err(format!("{other:?}").into()),
    })?;
    plane.start_api_server()?;
    runtime.block_on(cluster.probe())?;
    Ok(())
}
