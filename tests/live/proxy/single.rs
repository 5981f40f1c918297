//! Errors of the API server that are about one request, and say nothing of the server.

use quarterdeck::model::proxy::{BreakerState, EndpointHealth};
use serde_json::json;

use crate::Test;
use crate::rig::{ControlPlane, Outcome, until};

use super::kubectl::{Kubectl, SOON};
use super::serving::{Serving, cluster};
use super::wire::{Target, Version};
use super::{pair, routes, wait};

pub(crate) const TESTS: &[Test] = &[("proxy_keeps_a_cluster_open_whatever_one_request_fails_of", single_failures)];

/// More than open a breaker.
const TIMES: usize = 8;

/// P2: a service without endpoints, an aggregated API without a backend, a resourceVersion that is not there yet.
fn single_failures() -> Outcome {
    let planes = pair()?;
    let dead = "v1.dead.example.com";
    create(
        &planes[0],
        &json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "dead" }, "spec": { "ports": [{ "port": 80 }] },
        }),
    )?;
    create(&planes[0], &json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": "dead" } }))?;
    create(
        &planes[0],
        &json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": { "name": dead },
            "spec": {
                "group": "dead.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
                "insecureSkipTLSVerify": true, "service": { "name": "dead", "namespace": "default" },
            },
        }),
    )?;
    let judged = asked(&planes);
    // Discovery of others fails of it.
    planes[0].kubectl(&["delete", "apiservice", dead])?;
    judged
}

fn asked(planes: &[ControlPlane; 2]) -> Outcome {
    let [prod, dev] = planes;
    let clusters =
        cluster("prod", prod, "admin-token")? + "  cost: 1\n" + &cluster("dev", dev, "admin-token")? + "  cost: 2\n";
    // Where the first fails, the second takes over, writes too.
    let rules =
        "rules:\n- name: all\n  failover: true\n  actions: { targetClusters: [prod, dev], loadBalancing: cheapest }\n";
    let proxy = Serving::start(&format!("home: prod\nclusters:\n{clusters}{rules}"), &[])?;
    let target = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), Version::Two)?;
    let direct = Kubectl::direct(&planes[0], "default");
    until("the aggregated API to be served", SOON, || {
        let said = direct.run(&["get", "--raw", "/apis/dead.example.com/v1"])?;
        if said.stderr.contains("NotFound") { Err(said.stderr.into()) } else { Ok(()) }
    })?;
    let failing = [
        ("/api/v1/namespaces/default/services/dead/proxy/", 503, "no endpoints available"),
        ("/apis/dead.example.com/v1/namespaces/default/things", 503, "service unavailable"),
        (
            "/api/v1/namespaces/default/configmaps?resourceVersion=9999999999&resourceVersionMatch=NotOlderThan",
            504,
            "Too large resource version",
        ),
    ];
    for (round, (path, expected, words)) in failing.into_iter().enumerate() {
        wait(async {
            let connection = target.connect().await?;
            let lanes = (0..TIMES).filter_map(|_| connection.share()).map(async |mut lane| {
                let (status, body) = lane.get(&target, path).await?;
                let said = String::from_utf8_lossy(&body).into_owned();
                assert!(status == expected && said.contains(words), "{path}: {status} {said}");
                Outcome::Ok(())
            });
            futures::future::try_join_all(lanes).await?;
            let mut connection = connection;
            let (status, body) = connection.get(&target, "/api/v1/namespaces/default/configmaps").await?;
            assert_eq!(status, 200, "after {path}: {body:?}");
            Ok(())
        })?;
        let name = format!("after-{round}");
        Kubectl::through(&proxy, &planes[0], "default").output(&["create", "configmap", &name])?;
        direct.output(&["get", "configmap", &name, "-o", "name"]).map_err(|error| format!("it moved: {error}"))?;
        let endpoint = routes(&proxy)?.clusters.remove(0).endpoints.remove(0);
        assert_eq!((endpoint.breaker, endpoint.health), (BreakerState::Closed, EndpointHealth::Ready), "{path}");
    }
    Ok(())
}

fn create(plane: &ControlPlane, object: &serde_json::Value) -> Outcome {
    let file = plane.write_kubeconfig("object.json", &object.to_string())?;
    plane.kubectl(&["create", "-f", &file.to_string_lossy()]).map(drop)
}
