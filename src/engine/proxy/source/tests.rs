use super::*;
use crate::config::{Config, Environment, Match, Origin, Rule, Setting};
use crate::engine::cluster::{
    AccessAnswer, AccessQuestion, Answer, Cluster, ClusterError, ClusterReader, ClusterWriter, Connector, Identity,
    Inventory, ObjectText, Probe, Query, WatchItem, WatchSpec, WriteError, WriteRequest, WriteTarget,
};
use crate::engine::k8s::access::AccessGate;
use crate::engine::proxy::config::read::{ConfigErrors, Document, ParsedConfig};
use crate::model::cluster::{Access, ClusterEntry, ClusterName};
use crate::model::document::Aspect;
use crate::model::kind::{Catalog, Kind};
use crate::model::logs::LogSource;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch as signal};

#[test]
fn a_source_reads_as_it_is_typed() {
    let parse = |text: &str| Source::parse(text, |path| PathBuf::from(path));
    assert_eq!(parse("a/b.yaml"), Ok(Source::Path(PathBuf::from("a/b.yaml"))));
    let map = |secret: &str| Source::ConfigMap {
        namespace: "mca-system".to_owned(),
        name: "mca-config".to_owned(),
        secret: secret.to_owned(),
    };
    assert_eq!(parse("configmap:mca-system/mca-config"), Ok(map("mca-config")));
    assert_eq!(parse("configmap:mca-system/mca-config,secret:keys"), Ok(map("keys")));
    for bad in ["", "configmap:", "configmap:a", "configmap:a/", "configmap:a/b/c", "configmap:a/b,keys"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

const ONE: &str = "clusters:\n- {name: a, endpoint: 'https://a.example.com', token: x}\n";

/// A home cluster with one ConfigMap and one Secret, which may be away.
#[derive(Debug, Clone)]
struct Home(Arc<HomeState>);

#[derive(Debug)]
struct HomeState {
    objects: Mutex<Option<(Value, Value)>>,
    changed: signal::Sender<u64>,
}

impl Home {
    fn with(objects: Option<(Value, Value)>) -> Self {
        Self(Arc::new(HomeState { objects: Mutex::new(objects), changed: signal::channel(0).0 }))
    }

    fn set(&self, objects: Option<(Value, Value)>) {
        *self.0.objects.lock() = objects;
        self.0.changed.send_modify(|count| *count += 1);
    }
}

fn away() -> ClusterError {
    ClusterError::Unreachable(Text::new("connection refused"))
}

impl ClusterReader for Home {
    fn probe(&self) -> BoxFuture<'_, Result<Probe, ClusterError>> {
        async { Err(away()) }.boxed()
    }

    fn identify(&self) -> BoxFuture<'_, Result<Identity, ClusterError>> {
        async { Err(away()) }.boxed()
    }

    fn discover(&self) -> BoxFuture<'_, Result<Catalog, ClusterError>> {
        async { Err(away()) }.boxed()
    }

    fn watch(&self, spec: WatchSpec) -> BoxStream<'static, Result<WatchItem, ClusterError>> {
        assert!(spec.fields.starts_with("metadata.name="), "only the one object is watched");
        let start = (self.clone(), self.0.changed.subscribe());
        let next = async |(home, mut changed): (Self, signal::Receiver<u64>)| {
            changed.changed().await.ok()?;
            let is_there = home.0.objects.lock().is_some();
            let item = if is_there { Ok(WatchItem::Listed { namespace: None }) } else { Err(away()) };
            Some((item, (home, changed)))
        };
        futures::stream::unfold(start, next).boxed()
    }

    fn open(&self, _: ObjectKey, _: Kind, _: Aspect) -> BoxFuture<'_, Result<Vec<Text>, ClusterError>> {
        async { Err(away()) }.boxed()
    }

    fn reveal(&self, _: ObjectKey, _: Kind) -> BoxFuture<'_, Result<String, ClusterError>> {
        async { Err(away()) }.boxed()
    }

    fn containers(&self, _: ObjectKey) -> BoxFuture<'_, Result<Vec<Text>, ClusterError>> {
        async { Err(away()) }.boxed()
    }

    fn may_list(&self, _: Kind, _: Option<Text>) -> BoxFuture<'_, Result<(), ClusterError>> {
        async { Err(away()) }.boxed()
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Answer, ClusterError>> {
        async move {
            let (map, secret) = self.0.objects.lock().clone().ok_or_else(away)?;
            let object = if query.kind.plural == "secrets" { secret } else { map };
            Ok(Answer::Objects(vec![ObjectText::from(&object)]))
        }
        .boxed()
    }

    fn tail(&self, _: LogSource) -> BoxStream<'static, Result<Text, ClusterError>> {
        futures::stream::pending().boxed()
    }
}

/// Nobody changes a home cluster from here.
impl ClusterWriter for Home {
    fn read(&self, _: WriteTarget) -> BoxFuture<'_, Result<Value, ClusterError>> {
        async { Err(away()) }.boxed()
    }

    fn write(&self, _: WriteRequest) -> BoxFuture<'_, Result<Value, WriteError>> {
        async { Err(WriteError::NotSent(Text::new("connection refused"))) }.boxed()
    }

    fn review(&self, _: AccessQuestion) -> BoxFuture<'_, Result<AccessAnswer, ClusterError>> {
        async { Err(away()) }.boxed()
    }
}

impl Connector for Home {
    fn connect(&self, _: Arc<ClusterEntry>) -> BoxFuture<'_, Result<Arc<dyn Cluster>, ClusterError>> {
        async move {
            let is_there = self.0.objects.lock().is_some();
            if is_there { Ok(Arc::new(self.clone()) as Arc<dyn Cluster>) } else { Err(away()) }
        }
        .boxed()
    }
}

/// An inventory of one cluster, which is current.
#[derive(Debug)]
struct Single;

impl Inventory for Single {
    fn entries(&self, _: bool) -> BoxStream<'static, Listing> {
        let entry = ClusterEntry { timeout_s: 1, current: true, ..ClusterEntry::new(ClusterName::new("home")) };
        let current = Some(entry.name.clone());
        let listing = Listing { entries: vec![Arc::new(entry)], current, ..Listing::default() };
        futures::stream::once(async { listing }).chain(futures::stream::pending()).boxed()
    }
}

struct Rig {
    readings: BoxStream<'static, Result<ParsedConfig, ConfigErrors>>,
    nudge: Arc<Notify>,
    loader: Loader,
}

fn rig(root: &Path, source: Source, home: Home) -> Rig {
    let environment = Arc::new(Environment::under(root));
    let loader = Loader::new(source, environment, Arc::default(), root.join("state"));
    let nudge = Arc::new(Notify::new());
    let ground = LoadContext {
        inventory: Arc::new(Single),
        endpoints: Endpoints::default(),
        connector: Arc::new(home),
        nudge: Arc::clone(&nudge),
    };
    Rig { readings: readings(loader.clone(), ground), nudge, loader }
}

impl Rig {
    async fn next(&mut self) -> Result<ParsedConfig, ConfigErrors> {
        let next = tokio::time::timeout(Duration::from_secs(60), self.readings.next()).await;
        next.expect("a reading within a minute").expect("the stream goes on")
    }

    /// The next that is as wanted; those before are of changes seen halfway.
    async fn until(
        &mut self,
        is_wanted: impl Fn(&Result<ParsedConfig, ConfigErrors>) -> bool,
    ) -> Result<ParsedConfig, ConfigErrors> {
        loop {
            let reading = self.next().await;
            if is_wanted(&reading) {
                return reading;
            }
        }
    }
}

fn servers(reading: &Result<ParsedConfig, ConfigErrors>) -> Vec<String> {
    let clusters = reading.as_ref().map(|r| r.config.clusters.as_slice()).unwrap_or_default();
    clusters.iter().map(|c| c.endpoints[0].server.clone()).collect()
}

#[test]
fn clusters_of_a_routing_file_have_the_access_level_of_their_names() {
    let root = tempfile::tempdir().unwrap();
    let matches = Match { names: vec!["prod-*".to_owned()], ..Match::default() };
    let rule = Rule { matches, access: Some(Access::ReadOnly), ..Rule::default() };
    let origin = Origin::File { file: "config.yaml".to_owned(), line: 3 };
    let settings = Config { clusters: vec![Setting::new(rule, origin)], ..Config::default() };
    let source = Source::Path(root.path().join("routing.yaml"));
    let loader = Loader::new(source, Arc::default(), Arc::new(settings), root.path().join("state"));
    let text = "clusters:\n- {name: prod-eu, endpoints: ['https://a', 'https://b'], token: t}\n- {name: lab, endpoint: 'https://c', token: u}\n";
    let reading = loader.read(&[Document::file("routing.yaml", text, root.path())], &[], None).unwrap();
    let [prod, lab] = reading.config.clusters.as_slice() else { panic!("two clusters") };
    let rule = AccessGate::read_only("config.yaml:3");
    assert!(prod.endpoints.iter().all(|endpoint| endpoint.access == rule));
    assert_eq!((prod.access(), lab.access()), (rule, AccessGate::default()));
}

#[tokio::test]
async fn a_file_is_read_at_once_and_whenever_it_changes() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("proxy.yaml");
    std::fs::write(&path, ONE).unwrap();
    let mut rig = rig(root.path(), Source::Path(path.clone()), Home::with(None));
    assert_eq!(servers(&rig.next().await), ["https://a.example.com"]);
    std::fs::write(&path, "clusters: [").unwrap();
    let refused = rig.until(Result::is_err).await.unwrap_err().to_string();
    assert!(refused.starts_with("~/proxy.yaml:1: "), "{refused}");
    // An editor writes another file and moves it.
    std::fs::write(root.path().join("new"), ONE.replace("token: x", "token: z")).unwrap();
    std::fs::rename(root.path().join("new"), &path).unwrap();
    assert!(rig.until(Result::is_ok).await.is_ok());
    std::fs::remove_file(&path).unwrap();
    assert!(rig.until(Result::is_err).await.unwrap_err().to_string().contains("no such file"));
    // What is asked for is answered even if nothing changed.
    rig.nudge.notify_one();
    assert!(rig.next().await.is_err());
}

#[tokio::test]
async fn a_volume_of_the_kubelet_is_followed_through_its_swap() {
    let root = tempfile::tempdir().unwrap();
    let volume = root.path().join("volume");
    let lay = |name: &str, server: &str, token: &str| {
        let folder = volume.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("clusters.yaml"), format!("clusters:\n- {{name: a, endpoint: '{server}'}}\n"))
            .unwrap();
        std::fs::write(folder.join("a-token"), token).unwrap();
    };
    lay("..1", "https://one.example.com", "t1");
    std::os::unix::fs::symlink("..1", volume.join("..data")).unwrap();
    for name in ["clusters.yaml", "a-token"] {
        std::os::unix::fs::symlink(Path::new("..data").join(name), volume.join(name)).unwrap();
    }
    let mut rig = rig(root.path(), Source::Path(volume.clone()), Home::with(None));
    let reading = rig.next().await.unwrap();
    assert_eq!(reading.config.clusters.len(), 1);
    let token = reading.config.clusters[0].endpoints[0].user.token.clone();
    let path = volume.join("a-token");
    assert_eq!(token, Some(crate::engine::k8s::endpoint::Material::File(path)), "it is read again when renewed");
    // Of one length, and written in the same second: only where the links lead differs.
    lay("..2", "https://two.example.com", "t2");
    std::os::unix::fs::symlink("..2", volume.join("..data_tmp")).unwrap();
    std::fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    // The credential's file is the same and the endpoint is not: that is refused, and shows that it was seen.
    let refused = rig.until(Result::is_err).await.unwrap_err().to_string();
    assert!(refused.contains("two.example.com:443"), "{refused}");
}

#[tokio::test]
async fn a_storm_of_changes_ends_in_the_last_state() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("proxy.yaml");
    std::fs::write(&path, ONE).unwrap();
    let mut rig = rig(root.path(), Source::Path(path.clone()), Home::with(None));
    rig.next().await.unwrap();
    for count in 0..200 {
        let text = if count % 3 == 0 { "clusters: [".to_owned() } else { format!("{ONE}region: r{count}\n") };
        std::fs::write(&path, text).unwrap();
        tokio::task::yield_now().await;
    }
    std::fs::write(&path, format!("{ONE}region: last\n")).unwrap();
    let is_last =
        |reading: &Result<ParsedConfig, ConfigErrors>| reading.as_ref().is_ok_and(|r| r.config.region == "last");
    rig.until(is_last).await.unwrap();
}

#[tokio::test]
async fn a_known_credential_waits_for_an_acknowledgement_of_its_new_place() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("proxy.yaml");
    std::fs::write(&path, ONE).unwrap();
    let mut rig = rig(root.path(), Source::Path(path.clone()), Home::with(None));
    rig.next().await.unwrap();
    std::fs::write(&path, ONE.replace("a.example.com", "evil.example.com")).unwrap();
    let refused = rig.until(Result::is_err).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "~/proxy.yaml:2: the credential of cluster `a` was used elsewhere and would now go to evil.example.com:443: if \
         that is meant, `qd route config --acknowledge a`"
    );
    let reading = rig.loader.read(&rig.loader.documents().unwrap(), &[], None).unwrap();
    assert!(rig.loader.acknowledge(&reading, "b").is_err());
    rig.loader.acknowledge(&reading, "a").unwrap();
    assert_eq!(servers(&rig.until(Result::is_ok).await), ["https://evil.example.com"]);
}

fn objects(server: &str) -> (Value, Value) {
    let clusters = format!("clusters:\n- {{name: a, endpoint: '{server}'}}\n");
    let map = json!({ "kind": "ConfigMap", "data": { "clusters.yaml": clusters, "readme": "x" } });
    (map, json!({ "kind": "Secret", "data": { "a-token": "c2VjcmV0", "other": "eA==" } }))
}

fn config_map() -> Source {
    Source::parse("configmap:mca-system/mca-config,secret:keys", |path| PathBuf::from(path)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_configmap_is_followed_and_its_copy_serves_a_start_without_home() {
    let root = tempfile::tempdir().unwrap();
    let home = Home::with(Some(objects("https://a.example.com")));
    let mut first = rig(root.path(), config_map(), home.clone());
    let reading = first.next().await.unwrap();
    assert_eq!(reading.config.clusters[0].place, "configmap mca-system/mca-config: clusters.yaml:2");
    assert_eq!(reading.origins.get("clusters.a.token").map(String::as_str), Some("secret mca-system/keys: a-token"));
    home.set(Some(objects("https://b.example.com")));
    assert!(first.next().await.is_err(), "the credential is bound to a.example.com");
    home.set(None);
    let refused = first.next().await.unwrap_err().to_string();
    assert!(refused.contains("configmap mca-system/mca-config cannot be read: connection refused"), "{refused}");
    drop(first);
    let mut second = rig(root.path(), config_map(), home.clone());
    assert_eq!(servers(&second.next().await), ["https://a.example.com"], "the last good copy");
    assert!(second.next().await.is_err(), "and why it is one");
    home.set(Some(objects("https://a.example.com")));
    assert_eq!(servers(&second.next().await), ["https://a.example.com"]);
}

#[tokio::test(start_paused = true)]
async fn a_configmap_that_never_was_there_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let mut rig = rig(root.path(), config_map(), Home::with(None));
    assert!(rig.next().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn without_a_configuration_the_inventory_is_the_source() {
    let root = tempfile::tempdir().unwrap();
    let mut rig = rig(root.path(), Source::Inventory, Home::with(None));
    // The one cluster has no endpoint here.
    let reading = rig.next().await.unwrap();
    assert_eq!(reading.findings[0].code, "left-out");
}
