//! How soon the clusters of a hub are known: asked of a real API server, and from the cache.

use std::path::Path;
use std::sync::Arc;

use futures::StreamExt as _;
use quarterdeck::config::{Environment, Flags, load};
use quarterdeck::engine::cluster::Inventory as _;
use quarterdeck::engine::k8s::endpoint::Endpoints;
use quarterdeck::engine::k8s::inventory::FleetInventory;
use serde_json::json;
use tokio::time::Instant;

use crate::figure::{Figure, Unit};
use crate::live::rig::{ControlPlane, Options, Programs};
use crate::{Outcome, Plan};

const PROFILES: usize = 50;

pub(crate) fn hub(plan: &Plan) -> Outcome<Vec<Figure>> {
    if let Some(reason) = Programs::missing() {
        return Err(reason.into());
    }
    let plane = ControlPlane::start(Options::named("hub"))?;
    fill(&plane)?;
    let mut fresh = Figure::new("asked of the hub", Unit::Milliseconds, 5_000.0);
    let mut cached = Figure::new("from the cache", Unit::Milliseconds, 100.0);
    for _ in 0..plan.runs {
        let home = tempfile::tempdir()?;
        std::fs::create_dir(home.path().join(".kube"))?;
        std::fs::write(home.path().join(".kube/config"), plane.kubeconfig()?)?;
        fresh.add(listed(home.path())?);
        cached.add(listed(home.path())?);
    }
    Ok(vec![fresh, cached])
}

fn fill(plane: &ControlPlane) -> Outcome {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "clusterprofiles.multicluster.x-k8s.io",
            "annotations": { "api-approved.kubernetes.io": "unapproved, for a bench" } },
        "spec": { "group": "multicluster.x-k8s.io", "scope": "Namespaced",
            "names": { "plural": "clusterprofiles", "singular": "clusterprofile", "kind": "ClusterProfile" },
            "versions": [{ "name": "v1alpha1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } }] } });
    let profiles: Vec<_> = (0..PROFILES).map(profile).collect();
    for (name, object) in
        [("definition", definition), ("profiles", json!({ "apiVersion": "v1", "kind": "List", "items": profiles }))]
    {
        let file = plane.folder().join(format!("{name}.json"));
        std::fs::write(&file, object.to_string())?;
        plane.kubectl(&["create", "--validate=false", "--filename", &file.to_string_lossy()])?;
        if name == "definition" {
            let resource = "customresourcedefinition/clusterprofiles.multicluster.x-k8s.io";
            plane.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", resource])?;
        }
    }
    Ok(())
}

fn profile(nth: usize) -> serde_json::Value {
    json!({
        "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile",
        "metadata": { "name": format!("member-{nth}"), "namespace": "default" },
        "spec": { "displayName": format!("Member {nth}"), "clusterManager": { "name": "bench" } },
        "status": {
            "conditions": [{ "type": "ControlPlaneHealthy", "status": "True", "reason": "Fine" }],
            "properties": [{ "name": "location", "value": "eu-west-1" }],
            "accessProviders": [{ "name": "google", "cluster": { "server": format!("https://member-{nth}.example.com") } }],
        },
    })
}

/// Milliseconds to the first complete list, as a program that begins has it.
fn listed(home: &Path) -> Outcome<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let environment = Arc::new(Environment::under(home));
    let flags = Flags { hubs: vec!["hub".to_owned()], ..Flags::default() };
    let started = Instant::now();
    let config = Arc::new(load(&flags, &environment)?.config);
    let inventory = FleetInventory::new(config, environment, Endpoints::default());
    let found = runtime.block_on(async {
        let mut listings = inventory.entries(false);
        while let Some(listing) = listings.next().await {
            if listing.pending.is_empty() {
                return listing.entries.len();
            }
        }
        0
    });
    let took = started.elapsed().as_secs_f64() * 1_000.0;
    // The hub itself is one, too.
    if found == PROFILES + 1 { Ok(took) } else { Err(format!("{found} clusters").into()) }
}
