//! Informers through the proxy while an API server dies: one whose cluster comes back, and one whose rule names another
//! cluster to go to, which is another world with versions of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Config, ResourceExt as _};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::Test;
use crate::rig::{ControlPlane, Outcome, until};

use super::kubectl::SOON;
use super::serving::{Serving, cluster};
use super::{pair, wait};

pub(crate) const TESTS: &[Test] = &[("proxy_informers_live_through_a_failover", lives_through_failover)];

/// What an informer was told.
#[derive(Debug, Default)]
struct Told {
    /// Name and version of each object.
    world: BTreeMap<String, String>,
    /// What a new list has brought so far.
    coming: BTreeMap<String, String>,
    lists: usize,
    /// Object versions told since the last list, by the world's own names.
    since: BTreeSet<(String, String)>,
    doubled: Vec<String>,
    errors: Vec<String>,
}

impl Told {
    fn take(&mut self, event: Result<Event<ConfigMap>, watcher::Error>) {
        match event {
            Ok(Event::Init) => self.coming.clear(),
            Ok(Event::InitApply(object)) => drop(self.coming.insert(object.name_any(), version(&object))),
            Ok(Event::InitDone) => {
                self.world = std::mem::take(&mut self.coming);
                self.since = self.world.clone().into_iter().collect();
                self.lists += 1;
            }
            Ok(Event::Apply(object)) => {
                let told = (object.name_any(), version(&object));
                if !self.since.insert(told.clone()) {
                    self.doubled.push(format!("{told:?}"));
                }
                self.world.insert(told.0, told.1);
            }
            Ok(Event::Delete(object)) => {
                if self.world.remove(&object.name_any()).is_none() {
                    self.doubled.push(format!("deletion of {}", object.name_any()));
                }
            }
            Err(error) => self.errors.push(error.to_string()),
        }
    }
}

fn version(object: &ConfigMap) -> String {
    object.resource_version().unwrap_or_default()
}

/// A running informer; its task ends when this is dropped.
struct Informer {
    told: Arc<Mutex<Told>>,
    stop: CancellationToken,
}

impl Informer {
    fn start(client: Client, namespace: &str) -> Self {
        let (told, stop) = (Arc::new(Mutex::new(Told::default())), CancellationToken::new());
        let (into, until) = (Arc::clone(&told), stop.clone());
        let objects: Api<ConfigMap> = Api::namespaced(client, namespace);
        tokio::spawn(until.run_until_cancelled_owned(async move {
            let mut events = pin!(watcher::watcher(objects, watcher::Config::default()));
            while let Some(event) = events.next().await {
                let failed = event.is_err();
                into.lock().take(event);
                if failed {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }));
        Self { told, stop }
    }

    /// Waits until it knows just what the cluster has.
    fn agrees(&self, plane: &ControlPlane, namespace: &str) -> Outcome {
        until(&format!("the informer to know {}'s {namespace}", plane.name()), SOON, || {
            let path = "jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}\n{end}";
            let printed = plane.kubectl(&["get", "configmaps", "-n", namespace, "-o", path])?;
            let pairs = printed.lines().filter_map(|line| line.split_once(' '));
            let world: BTreeMap<String, String> = pairs.map(|(name, at)| (name.to_owned(), at.to_owned())).collect();
            let told = self.told.lock();
            if told.world == world { Ok(()) } else { Err(format!("{told:#?} is not {world:#?}").into()) }
        })
    }
}

impl Drop for Informer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn client(proxy: &Serving) -> Outcome<Client> {
    let kubeconfig = Kubeconfig::read_from(proxy.kubeconfig())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

fn write(plane: &ControlPlane, namespace: &str, names: &[&str]) -> Outcome {
    names.iter().try_for_each(|name| plane.kubectl(&["create", "configmap", name, "-n", namespace]).map(drop))
}

const ROUTING: &str = "  healthCheck: { interval: 1s, timeout: 2s, failures: 2 }
  circuitBreaker: { failureThreshold: 3, recoveryTimeout: 1s }
";

const RULES: &str = "rules:
- name: staying
  priority: 2
  conditions: [{ type: namespace, operator: equals, value: staying }]
  actions: { targetCluster: prod }
- name: moving
  priority: 1
  failover: true
  conditions: [{ type: namespace, operator: equals, value: moving }]
  actions: { targetClusters: [prod, dev], loadBalancing: cheapest }
";

fn lives_through_failover() -> Outcome {
    let mut planes = pair()?;
    for plane in planes.iter() {
        for namespace in ["staying", "moving"] {
            plane.kubectl(&["create", "namespace", namespace])?;
        }
    }
    let [prod, dev] = &mut *planes;
    write(prod, "staying", &["a", "b"])?;
    write(prod, "moving", &["only-prod", "both"])?;
    write(dev, "moving", &["only-dev", "both", "third"])?;
    let entry = |name, plane: &ControlPlane, cost| {
        Ok::<_, crate::rig::Error>(format!("{}  cost: {cost}\n{ROUTING}", cluster(name, plane, "admin-token")?))
    };
    let clusters = entry("prod", prod, 1)? + &entry("dev", dev, 2)?;
    let proxy = Serving::start(&format!("home: dev\nclusters:\n{clusters}{RULES}"), &[])?;
    wait(async {
        let client = client(&proxy).await?;
        let staying = Informer::start(client.clone(), "staying");
        let moving = Informer::start(client, "moving");
        tokio::task::block_in_place(|| failover([&staying, &moving], prod, dev))
    })
}

fn failover([staying, moving]: [&Informer; 2], prod: &mut ControlPlane, dev: &ControlPlane) -> Outcome {
    staying.agrees(prod, "staying")?;
    moving.agrees(prod, "moving")?;
    write(prod, "moving", &["before"])?;
    moving.agrees(prod, "moving")?;

    prod.stop_api_server()?;
    // One goes to the other world, and knows all of it and nothing of the first.
    moving.agrees(dev, "moving")?;
    write(dev, "moving", &["after-1", "after-2"])?;
    dev.kubectl(&["delete", "configmap", "both", "-n", "moving"])?;
    moving.agrees(dev, "moving")?;
    assert!(moving.told.lock().lists >= 2, "another world is listed anew: {:#?}", moving.told.lock());

    // The other waits for its cluster, and misses nothing of what happens once that is back.
    prod.start_api_server()?;
    write(prod, "staying", &["c", "d"])?;
    prod.kubectl(&["delete", "configmap", "a", "-n", "staying"])?;
    staying.agrees(prod, "staying")?;
    for informer in [staying, moving] {
        let told = informer.told.lock();
        assert_eq!(told.doubled, Vec::<String>::new(), "{told:#?}");
    }
    Ok(())
}
