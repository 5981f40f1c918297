//! The way to the clusters, against servers that do as they are told.

mod breaking;
mod frames;
mod login;
mod many;
mod names;
mod read_only;
mod requests;
mod upgrades;

pub(super) use upgrades::SWITCHED;

use super::script::Script;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use quarterdeck::config::Environment;
use quarterdeck::engine::k8s::client::ClientContext;
use quarterdeck::engine::k8s::credentials::plugin::{Plugins, Terminal};
use quarterdeck::engine::k8s::endpoint::Endpoint;
use quarterdeck::engine::process::detach::Launcher;
use quarterdeck::engine::proxy::body::Outgoing;
use quarterdeck::engine::proxy::config::{ProxyConfig, UpstreamCluster};
use quarterdeck::engine::proxy::request::Class;
use quarterdeck::engine::proxy::upstream::{Call, Failed, Sent, Upstream, Upstreams};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A read with a deadline no test reaches.
fn read() -> Call {
    let deadline = Some(Instant::now() + Duration::from_secs(30));
    Call { class: Class::Read, long_running: false, proxied: false, deadline }
}

fn write() -> Call {
    Call { class: Class::Write, ..read() }
}

fn watching() -> Call {
    Call { class: Class::Read, long_running: true, proxied: false, deadline: None }
}

fn connecting() -> Call {
    Call { class: Class::Connect, ..watching() }
}

fn upstreams() -> Upstreams {
    let launcher = Launcher::Through(env!("CARGO_BIN_EXE_qd").into());
    let plugins = Plugins::new(launcher, Terminal::Taken);
    let surroundings = ClientContext { environment: Arc::new(Environment::default()), plugins };
    Upstreams::new(surroundings, Arc::new(|_: &std::io::Error| ()), &CancellationToken::new())
}

fn config(clusters: Vec<UpstreamCluster>) -> ProxyConfig {
    ProxyConfig { clusters, ..ProxyConfig::default() }
}

/// One cluster of these API servers.
fn cluster(endpoints: impl IntoIterator<Item = Endpoint>) -> UpstreamCluster {
    let mut endpoints = endpoints.into_iter().map(Arc::new);
    let mut cluster = UpstreamCluster::new("prod", endpoints.next().expect("an endpoint"));
    cluster.endpoints.extend(endpoints);
    cluster
}

/// The only member of a configuration with this cluster; the first keeps it running.
fn member(cluster: UpstreamCluster) -> (Upstreams, Arc<Upstream>) {
    let upstreams = upstreams();
    let member = upstreams.apply(&config(vec![cluster])).remove(0);
    (upstreams, member)
}

/// A member of one scripted server.
fn alone(script: &Script) -> (Upstreams, Arc<Upstream>) {
    member(cluster([script.endpoint()]))
}

fn request(method: Method, path: &str, body: Outgoing) -> Request<Outgoing> {
    Request::builder().method(method).uri(path).header("x-test", "1").body(body).expect("a request")
}

fn get(path: &str) -> Request<Outgoing> {
    request(Method::GET, path, Outgoing::Empty)
}

fn post(path: &str, body: &'static str) -> Request<Outgoing> {
    request(Method::POST, path, Outgoing::Whole(Bytes::from_static(body.as_bytes())))
}

/// The status and the whole body.
async fn whole(sent: Sent) -> (u16, String) {
    let Sent { response, lease, .. } = sent;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("the body comes whole").to_bytes();
    drop(lease);
    (status, String::from_utf8_lossy(&body).into_owned())
}

async fn fetch(member: &Upstream, path: &str) -> Result<(u16, String), Failed> {
    Ok(whole(member.send(get(path), &read()).await?).await)
}
