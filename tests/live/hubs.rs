//! Hubs on real API servers: definitions with real schemas and status subresources, real lists and watches. What a hub
//! writes is pruned and validated there as it is in the field, so that we read what a hub can really hold.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use quarterdeck::config::{Environment, Flags, load};
use quarterdeck::engine::cluster::{Inventory as _, Listing};
use quarterdeck::engine::fleet::options::{Connect, FleetOptions};
use quarterdeck::engine::k8s::client::ClientContext;
use quarterdeck::engine::k8s::connector::K8sConnector;
use quarterdeck::engine::k8s::credentials::plugin::{Plugins, Terminal};
use quarterdeck::engine::k8s::endpoint::Endpoints;
use quarterdeck::engine::k8s::inventory::FleetInventory;
use quarterdeck::engine::process::detach::Launcher;
use quarterdeck::engine::{Engine, EngineHandle, EngineOptions};
use quarterdeck::model::cluster::{Cluster, ClusterEntry, ClusterName, ClusterState, Source};
use quarterdeck::protocol::Snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Test;
use crate::rig::{ControlPlane, Options, Outcome, until};

mod kinds;

use kinds::{Hubkind, KINDS};

pub(crate) const TESTS: &[Test] = &[
    ("hubs_of_every_kind_are_listed_and_followed", every_kind_is_listed_and_followed),
    ("a_member_of_a_hub_becomes_live_by_the_provider_file", member_becomes_live),
];

/// What is applied shows after this on the busiest machine.
const SOON: Duration = Duration::from_secs(60);

/// A home folder whose kubeconfig has the hub alone, and an inventory of it.
struct Home {
    folder: TempDir,
    environment: Arc<Environment>,
}

impl Home {
    fn of(hub: &ControlPlane) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join(".kube"))?;
        std::fs::write(folder.path().join(".kube/config"), hub.kubeconfig()?)?;
        let environment = Arc::new(Environment::under(folder.path()));
        Ok(Self { folder, environment })
    }

    fn inventory(&self, flags: &Flags) -> Outcome<(FleetInventory, Endpoints)> {
        let config = load(flags, &self.environment)?.config;
        let endpoints = Endpoints::default();
        Ok((FleetInventory::new(Arc::new(config), Arc::clone(&self.environment), endpoints.clone()), endpoints))
    }
}

fn wait<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}

/// Defines a kind and waits until it is served.
fn define(plane: &ControlPlane, kind: &Hubkind) -> Outcome {
    apply(plane, "definition", &kind.definition())?;
    let name = format!("customresourcedefinition/{}.{}", kind.plural, kind.group);
    plane.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &name]).map(drop)
}

fn apply(plane: &ControlPlane, file: &str, object: &Value) -> Outcome {
    let path = plane.folder().join(format!("{file}.json"));
    std::fs::write(&path, object.to_string())?;
    let path = path.to_string_lossy().into_owned();
    // A kind that was just defined is not served by the next request yet.
    until("the object is taken", SOON, || plane.kubectl(&["apply", "--validate=false", "--filename", &path])).map(drop)
}

/// Creates an object and gives it its status, as its controller would.
fn create(plane: &ControlPlane, kind: &Hubkind, name: &str) -> Outcome {
    let object = kind.object(name);
    apply(plane, name, &object)?;
    set_status(plane, kind, name, &object["status"])
}

fn set_status(plane: &ControlPlane, kind: &Hubkind, name: &str, status: &Value) -> Outcome {
    let resource = format!("{}.{}", kind.plural, kind.group);
    let patch = format!("--patch={}", json!({ "status": status }));
    let mut arguments = vec!["patch", &resource, name, "--subresource=status", "--type=merge", &patch];
    if kind.namespaced {
        arguments.push("--namespace=fleet");
    }
    plane.kubectl(&arguments).map(drop)
}

fn delete(plane: &ControlPlane, kind: &Hubkind, name: &str) -> Outcome {
    let resource = format!("{}.{}", kind.plural, kind.group);
    let mut arguments = vec!["delete", &resource, name];
    if kind.namespaced {
        arguments.push("--namespace=fleet");
    }
    plane.kubectl(&arguments).map(drop)
}

/// The first listing that is as wanted.
async fn listed(
    listings: &mut BoxStream<'static, Listing>,
    what: &str,
    wanted: impl Fn(&Listing) -> bool,
) -> Outcome<Listing> {
    let mut last = Listing::default();
    let found = async {
        while let Some(listing) = listings.next().await {
            last = listing;
            if wanted(&last) {
                return true;
            }
        }
        false
    };
    match tokio::time::timeout(SOON, found).await {
        Ok(true) => Ok(last),
        Ok(false) => Err(format!("the listings ended before {what}: {last:#?}").into()),
        Err(_) => Err(format!("waited {SOON:?} for {what}; the last listing was {last:#?}").into()),
    }
}

fn entry<'l>(listing: &'l Listing, kind: &Hubkind, name: &str) -> Option<&'l ClusterEntry> {
    let is_it =
        |source: &Source| matches!(source, Source::Hub { kind: of, name: n, .. } if of == kind.read_as && n == name);
    listing.entries.iter().find(|entry| entry.sources.iter().any(is_it)).map(AsRef::as_ref)
}

fn ready(listing: &Listing, kind: &Hubkind, name: &str) -> Option<bool> {
    entry(listing, kind, name)?.claim.as_ref()?.ready
}

/// All kinds on one hub: each is found with what its object says; later ones appear, deleted ones go, a condition shows.
fn every_kind_is_listed_and_followed() -> Outcome {
    let plane = ControlPlane::start(Options::named("hub"))?;
    plane.kubectl(&["create", "namespace", "fleet"])?;
    for kind in KINDS {
        define(&plane, kind)?;
        create(&plane, kind, kind.first)?;
    }
    let home = Home::of(&plane)?;
    let (inventory, _) = home.inventory(&Flags { hubs: vec!["hub".to_owned()], ..Flags::default() })?;
    wait(async {
        let mut listings = inventory.entries(false);
        let all = |l: &Listing| l.pending.is_empty() && KINDS.iter().all(|kind| entry(l, kind, kind.first).is_some());
        let listing = listed(&mut listings, "a member of each kind", all).await?;
        assert!(listing.warnings.is_empty(), "{:?}", listing.warnings);
        for kind in KINDS {
            let member = entry(&listing, kind, kind.first).ok_or("no member")?;
            let hub = format!("https://{}", plane.address());
            assert_eq!(member.server, kind.server.replace("HUB", &hub), "{}", kind.read_as);
            assert_eq!(member.region, kind.region, "{}", kind.read_as);
            assert_eq!(ready(&listing, kind, kind.first), Some(true), "{}: {:?}", kind.read_as, member.claim);
        }
        for kind in KINDS {
            let second = format!("{}-second", kind.first);
            create(&plane, kind, &second)?;
            listed(&mut listings, "the one added later", |l| ready(l, kind, &second) == Some(true)).await?;
            set_status(&plane, kind, kind.first, &kind.unwell(kind.first))?;
            listed(&mut listings, "the condition", |l| ready(l, kind, kind.first) == Some(false)).await?;
            delete(&plane, kind, &second)?;
            let gone = |l: &Listing| entry(l, kind, &second).is_none() && entry(l, kind, kind.first).is_some();
            listed(&mut listings, "the deleted one gone", gone).await?;
        }
        // Without conditions nothing is known, and the member is there as before.
        let profile = &KINDS[0];
        set_status(&plane, profile, profile.first, &json!({ "conditions": Value::Null }))?;
        listed(&mut listings, "an unknown state", |l| {
            entry(l, profile, profile.first).is_some() && ready(l, profile, profile.first).is_none()
        })
        .await?;
        Ok(())
    })
}

/// The member, once it is as wanted.
async fn shown(engine: &mut EngineHandle, what: &str, wanted: impl Fn(&Cluster) -> bool) -> Outcome<Arc<Cluster>> {
    let name = ClusterName::new("paris");
    let is_so = |snapshot: &Arc<Snapshot>| snapshot.clusters.get(&name).is_some_and(|cluster| wanted(cluster));
    let found = tokio::time::timeout(SOON, engine.snapshots.wait_for(is_so)).await;
    let found = found.map(|snapshot| snapshot.map(|s| s.clusters.get(&name).cloned()));
    match found {
        Ok(snapshot) => Ok(snapshot?.ok_or("no member")?),
        Err(_) => {
            Err(format!("waited {SOON:?} for {what}: {:#?}", engine.snapshots.borrow().clusters.get(&name)).into())
        }
    }
}

/// The hub says where the member is, the user's provider file how to log in there: a second real API server answers.
fn member_becomes_live() -> Outcome {
    let (hub, member) = (ControlPlane::start(Options::named("hub"))?, ControlPlane::start(Options::named("member"))?);
    hub.kubectl(&["create", "namespace", "fleet"])?;
    let profile = &KINDS[0];
    define(&hub, profile)?;
    let kubeconfig: Value = serde_saphyr::from_str(&member.kubeconfig()?)?;
    let cluster = &kubeconfig["clusters"][0]["cluster"];
    apply(&hub, "paris", &profile.object("paris"))?;
    let access = |server: &Value| {
        let authority = &cluster["certificate-authority-data"];
        json!({ "accessProviders": [
            { "name": "unknown-here", "cluster": { "server": "https://192.0.2.1:6443" } },
            { "name": "static", "cluster": { "server": server, "certificate-authority-data": authority } }] })
    };
    set_status(&hub, profile, "paris", &access(&cluster["server"]))?;

    let home = Home::of(&hub)?;
    let answer = json!({ "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": { "token": kubeconfig["users"][0]["user"]["token"] } });
    let providers = json!({ "providers": [{ "name": "static", "execConfig": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "echo", "args": [answer.to_string()],
        "interactiveMode": "Never" } }] });
    let file = home.folder.path().join("providers.json");
    std::fs::write(&file, providers.to_string())?;
    let flags = Flags { hubs: vec!["hub".to_owned()], provider_file: Some(file), ..Flags::default() };
    let (inventory, endpoints) = home.inventory(&flags)?;
    wait(async {
        let plugins = Plugins::new(Launcher::Through(env!("CARGO_BIN_EXE_qd").into()), Terminal::Taken);
        let surroundings = ClientContext { environment: Arc::clone(&home.environment), plugins };
        let options = EngineOptions {
            fleet: FleetOptions { connect: Connect::All, seed: 1, ..FleetOptions::default() },
            ..EngineOptions::default()
        };
        let connector = Arc::new(K8sConnector::new(endpoints, surroundings));
        let mut engine = Engine::start(options, Arc::new(inventory), connector);
        let paris = shown(&mut engine, "a live member", |paris| {
            paris.state == ClusterState::Live && !paris.facts.version.is_empty()
        });
        let paris = paris.await?;
        assert_eq!(paris.entry.server, cluster["server"].as_str().unwrap_or_default());
        assert!(paris.facts.version.starts_with("v1.35"), "{:?}", paris.facts.version);
        // The hub moves it to where nobody is: the row stays, and is not live.
        set_status(&hub, profile, "paris", &access(&json!("https://127.0.0.1:1")))?;
        shown(&mut engine, "the other address", |paris| {
            paris.entry.server == "https://127.0.0.1:1" && paris.state != ClusterState::Live
        })
        .await?;
        Ok(())
    })
}
