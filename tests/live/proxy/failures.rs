//! An API server dies and comes back: fast refusals that say why, the others untouched, and no more than that.

use std::net::TcpListener;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use crate::Test;
use crate::rig::{Outcome, until};

use super::kubectl::{Kubectl, SOON};
use super::serving::{Serving, cluster};
use super::wire::{Connection, Target, Version};
use super::{REQUIRED_RULES, pair, wait};

pub(crate) const TESTS: &[Test] = &[
    ("proxy_says_which_cluster_is_gone_and_serves_it_again", gone_and_back),
    ("proxy_tells_a_frozen_cluster_from_a_slow_one", frozen),
    ("proxy_uses_the_endpoint_that_answers", second_endpoint),
];

/// Probes and breakers that are quick enough for a test.
const QUICK: &str = "  healthCheck: { interval: 1s, timeout: 1s, failures: 2 }
  circuitBreaker: { failureThreshold: 3, recoveryTimeout: 1s, halfOpenRequests: 1 }
";

/// The deadline of what waits for nothing: well above what it takes on a busy machine, and below the timeouts of the
/// proxy and of kubectl.
const FAST: Duration = Duration::from_secs(20);

fn gone_and_back() -> Outcome {
    let mut planes = pair()?;
    for plane in planes.iter() {
        for namespace in ["production", "staging"] {
            plane.kubectl(&["create", "namespace", namespace])?;
        }
    }
    let mut routing = "home: prod-cluster\nclusters:\n".to_owned();
    routing += &(cluster("prod-cluster", &planes[0], "admin-token")? + QUICK);
    for name in ["staging-cluster-1", "staging-cluster-2", "dev-cluster-1", "dev-cluster-2", "dev-cluster-3"] {
        routing += &(cluster(name, &planes[1], "admin-token")? + QUICK);
    }
    let proxy = Serving::start(&(routing + REQUIRED_RULES), &[])?;
    // Twice: a breaker that has closed must open again.
    for round in 0..2 {
        Kubectl::through(&proxy, &planes[0], "production").output(&[
            "create",
            "configmap",
            &format!("kept-{round}"),
        ])?;
        planes[0].stop_api_server()?;
        let production = Kubectl::through(&proxy, &planes[0], "production");
        until("a refusal that is not an accident", SOON, || {
            let refused = production.run(&["get", "--raw", "/api/v1/namespaces/production/configmaps"])?;
            assert_ne!(refused.code, Some(0), "{refused:#?}");
            let told = refused.stderr.contains("prod-cluster");
            if told { Ok(()) } else { Err(format!("{refused:#?}").into()) }
        })?;
        wait(refused_at_once(&proxy))?;
        // The other cluster does not notice, with its reads, writes and watches.
        let staging = Kubectl::through(&proxy, &planes[1], "staging");
        staging.output(&["get", "--raw", "/api/v1/namespaces/staging/configmaps"])?;
        let object = format!(r#"{{"metadata":{{"name":"meanwhile-{round}"}}}}"#);
        let path = "/api/v1/namespaces/staging/configmaps";
        let created = staging.feed(&["create", "--raw", path, "-f", "-"], object.as_bytes())?;
        assert_eq!(created.code, Some(0), "{created:#?}");

        planes[0].start_api_server()?;
        let production = Kubectl::through(&proxy, &planes[0], "production");
        until("the cluster to be served again", SOON, || {
            production.output(&["get", "configmap", &format!("kept-{round}"), "-o", "name"]).map(drop)
        })?;
    }
    Ok(())
}

/// A hundred requests to the dead cluster: each a `Status`, and when to come again.
async fn refused_at_once(proxy: &Serving) -> Outcome {
    let target = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), Version::Two)?;
    let mut connection = target.connect().await?;
    let until = Instant::now() + FAST;
    for _ in 0..100 {
        let asked = connection.open(&target, "/api/v1/namespaces/production/configmaps");
        let answer = timeout_at(until, asked).await.map_err(|_| "refusals wait for something")??;
        let (head, body) = answer.into_parts();
        let body = http_body_util::BodyExt::collect(body).await?.to_bytes();
        let status: serde_json::Value = serde_json::from_slice(&body)?;
        assert_eq!((head.status.as_u16(), &status["kind"]), (503, &"Status".into()), "{head:?} {status}");
        assert_eq!(status["code"], 503, "{status}");
        assert!(head.headers.contains_key("retry-after"), "{head:?}");
    }
    Ok(())
}

fn frozen() -> Outcome {
    let mut planes = pair()?;
    let routing = format!("home: here\nclusters:\n{}{QUICK}", cluster("here", &planes[0], "admin-token")?);
    let proxy = Serving::start(&routing, &[])?;
    let kubectl = Kubectl::through(&proxy, &planes[0], "default").clone();
    kubectl.output(&["get", "--raw", "/version"])?;
    drop(kubectl);
    planes[0].freeze_api_server()?;
    let judged = wait(async {
        let target = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), Version::One)?;
        let mut connection: Connection = target.connect().await?;
        // Nobody waits for ever: once the probes have failed, the answer is at hand.
        let mut last = String::new();
        for _ in 0..20 {
            match timeout(FAST, connection.get(&target, "/api/v1/namespaces")).await {
                Ok(Ok((status, _))) if status.as_u16() == 503 => return Ok(()),
                Ok(Ok((status, body))) => last = format!("{status} {body:?}"),
                Ok(Err(error)) => {
                    last = error.to_string();
                    connection = target.connect().await?;
                }
                Err(late) => {
                    last = late.to_string();
                    connection = target.connect().await?;
                }
            }
        }
        Err(format!("never refused: {last}").into())
    });
    planes[0].thaw_api_server()?;
    judged?;
    let kubectl = Kubectl::through(&proxy, &planes[0], "default");
    until("the cluster to be served again", SOON, || kubectl.output(&["get", "--raw", "/version"]).map(drop))
}

/// Two endpoints of one cluster, one of which nobody is behind: requests do not fail.
fn second_endpoint() -> Outcome {
    let planes = pair()?;
    let dead = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let one = format!("endpoint: https://{}", planes[0].address());
    let both = format!("endpoints: [\"https://{dead}\", \"https://{}\"]", planes[0].address());
    let clusters = cluster("here", &planes[0], "admin-token")?.replace(&one, &both);
    let proxy = Serving::start(&format!("home: here\nclusters:\n{clusters}{QUICK}"), &[])?;
    let kubectl = Kubectl::through(&proxy, &planes[0], "default");
    for _ in 0..10 {
        kubectl.output(&["get", "--raw", "/version"])?;
    }
    kubectl.output(&["create", "configmap", "once"])?;
    kubectl.output(&["delete", "configmap", "once"]).map(drop)
}
