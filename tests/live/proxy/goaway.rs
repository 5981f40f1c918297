//! An API server that moves its clients on with GOAWAY, as managed control planes do.

use std::sync::Arc;

use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use quarterdeck::model::proxy::BreakerState;
use tokio::time::timeout;

use crate::Test;
use crate::rig::{ControlPlane, Options, Outcome};

use super::serving::{Serving, cluster};
use super::wire::{ANSWER, Target, Version};
use super::{routes, wait};

pub(crate) const TESTS: &[Test] = &[("proxy_loses_no_request_to_a_goaway", loses_none)];

/// Objects that are made, read and deleted, and how many at once.
const OBJECTS: usize = 200;
const LANES: usize = 16;
const PATH: &str = "/api/v1/namespaces/default/configmaps";

/// P5: with the highest chance that an API server takes, hundreds of requests of all kinds, each carried out once.
fn loses_none() -> Outcome {
    let flags = vec!["--goaway-chance=0.02".to_owned()];
    let plane = ControlPlane::start(Options { api_server_flags: flags, ..Options::named("moving") })?;
    let routing = format!("home: here\nclusters:\n{}", cluster("here", &plane, "admin-token")?);
    let proxy = Serving::start(&routing, &[])?;
    let target = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), Version::Two)?;
    wait(async {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(target.stream().await?)).await?;
        tokio::spawn(connection);
        let target = Arc::new(target);
        let mut lanes = tokio::task::JoinSet::new();
        for lane in 0..LANES {
            let (sender, target) = (sender.clone(), Arc::clone(&target));
            lanes.spawn(async move {
                for object in (lane..OBJECTS).step_by(LANES) {
                    let one = format!("{PATH}/moved-{object}");
                    let body = format!(r#"{{"metadata":{{"name":"moved-{object}"}}}}"#);
                    ask(&sender, &target, (Method::POST, PATH, &body), 201).await?;
                    ask(&sender, &target, (Method::GET, &one, ""), 200).await?;
                    // Nothing of it is an object: the answer is the API server's all the same.
                    ask(&sender, &target, (Method::POST, PATH, ""), 400).await?;
                    let options = if object % 2 == 0 { "" } else { r#"{"kind":"DeleteOptions","apiVersion":"v1"}"# };
                    // Sent twice it would find nothing.
                    ask(&sender, &target, (Method::DELETE, &one, options), 200).await?;
                    ask(&sender, &target, (Method::GET, &one, ""), 404).await?;
                }
                Outcome::Ok(())
            });
        }
        while let Some(lane) = lanes.join_next().await {
            lane??;
        }
        Ok(())
    })?;
    let here = routes(&proxy)?.clusters.remove(0);
    assert_eq!(here.endpoints[0].breaker, BreakerState::Closed);
    Ok(())
}

async fn ask(
    sender: &http2::SendRequest<Full<Bytes>>,
    target: &Target,
    (method, path, body): (Method, &str, &str),
    expected: u16,
) -> Outcome {
    let what = format!("{method} {path} {body:?}");
    let request = Request::builder()
        .method(method)
        .uri(format!("https://{}{path}", target.address))
        .header("authorization", format!("Bearer {}", target.token))
        .header("content-type", "application/json")
        .body(Full::from(body.to_owned()))?;
    let mut sender = sender.clone();
    let answered = async {
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        Outcome::Ok((answer.status(), answer.into_body().collect().await?.to_bytes()))
    };
    let (status, said) = timeout(ANSWER, answered).await.map_err(|_| format!("{what}: no answer"))??;
    if status == expected { Ok(()) } else { Err(format!("{what}: {status} {}", String::from_utf8_lossy(&said)).into()) }
}
