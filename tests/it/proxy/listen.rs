//! The listeners, with real clients on loopback.

pub(super) mod client;
mod drain;
mod identity;
mod limits;
mod publish;

use client::{Client, get, get_all};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use quarterdeck::engine::address::Address;
use quarterdeck::engine::clock::Clock;
use quarterdeck::engine::proxy::listen::identity::Identity;
use quarterdeck::engine::proxy::listen::sockets::Inherited;
use quarterdeck::engine::proxy::listen::{Drained, Ending, Gate, Listeners, Listening, Peer, Serve, Trust};
use quarterdeck::engine::proxy::options::ServeOptions;
use quarterdeck::model::time::UnixSeconds;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// In real time certificates must hold: the wall clock decides.
fn wall() -> UnixSeconds {
    Clock::Wall.start().moment().wall
}

/// Says who called; hangs, echoes an upgrade or panics when the path asks for it.
struct Echo;

impl Serve for Echo {
    type Body = BoxBody<Bytes, Infallible>;

    async fn serve(self: Arc<Self>, mut request: Request<Incoming>, peer: Arc<Peer>) -> Response<Self::Body> {
        match request.uri().path() {
            "/hang" => std::future::pending().await,
            "/open" => Response::new(Endless.boxed()),
            "/panic" => panic!("asked to"),
            "/upgrade" => {
                let tunnel = peer.tunnel();
                let upgrade = hyper::upgrade::on(&mut request);
                tokio::spawn(async move {
                    let Ok(upgraded) = upgrade.await else { return };
                    let (mut read, mut write) = tokio::io::split(hyper_util::rt::TokioIo::new(upgraded));
                    tokio::select! {
                        () = tunnel.cut().cancelled_owned() => {}
                        _ended = tokio::io::copy(&mut read, &mut write) => {}
                    }
                });
                let answer = Response::builder().status(101).header("upgrade", "echo").header("connection", "upgrade");
                answer.body(Empty::new().boxed()).unwrap()
            }
            _ => {
                let said = format!(
                    "uid={:?} tcp={} certificate={} cluster={:?} h2={} headers={}",
                    peer.uid,
                    peer.address.is_some(),
                    peer.certificate.is_some(),
                    peer.cluster,
                    peer.h2,
                    request.headers().len(),
                );
                Response::new(Full::from(said).boxed())
            }
        }
    }

    fn broken(&self) -> Response<Self::Body> {
        let mut answer = Response::new(Empty::new().boxed());
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        answer
    }
}

/// A body that never ends, as a watch without events.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Pending
    }
}

/// A proxy that listens, and the folder it keeps its things in.
struct Rig {
    root: TempDir,
    identity: Arc<Identity>,
    listening: Vec<Listening>,
    gate: Arc<Gate>,
    ending: Ending,
    running: JoinHandle<Drained>,
}

impl Rig {
    fn start(change: impl FnOnce(&mut ServeOptions)) -> Self {
        Self::trusting(change, &Trust::default(), Clock::Wall)
    }

    fn trusting(change: impl FnOnce(&mut ServeOptions), trust: &Trust, clock: Clock) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut options = ServeOptions::under(root.path().join("state"));
        options.listen = vec!["127.0.0.1:0".parse().unwrap()];
        options.drain = Duration::from_secs(20);
        change(&mut options);
        let clock = clock.start();
        let identity = Arc::new(Identity::load(&options, clock.moment().wall).unwrap());
        let clusters = [Arc::from("alpha"), Arc::from("beta")];
        let listeners = Listeners::bind(&options, &identity, trust, &clusters, Inherited::default()).unwrap();
        let (listening, gate, ending) = (listeners.listening(), listeners.gate(), listeners.ending());
        let running = tokio::spawn(listeners.run(Arc::new(Echo), clock));
        Self { root, identity, listening, gate, ending, running }
    }

    fn address(&self) -> SocketAddr {
        self.address_of(0)
    }

    fn address_of(&self, place: usize) -> SocketAddr {
        match &self.listening.get(place).unwrap().address {
            Address::Tcp(address) => *address,
            Address::Unix(_) => panic!("a socket was opened in place {place}"),
        }
    }

    fn client(&self) -> Client {
        Client::new(self.identity.ca())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.ending.drain.cancel();
        self.ending.cut.cancel();
    }
}

#[tokio::test]
async fn both_protocols_are_served_by_the_name_of_localhost() {
    let rig = Rig::start(|_| {});
    let mut h1 = rig.client().h1(rig.address()).await;
    assert_eq!(get(&mut h1, "/").await, "uid=None tcp=true certificate=false cluster=None h2=false headers=1");
    let mut h2 = rig.client().h2(rig.address()).await;
    assert_eq!(get_all(&mut h2, "/").await.1, "uid=None tcp=true certificate=false cluster=None h2=true headers=0");
}

#[tokio::test]
async fn each_cluster_may_have_a_port_of_its_own() {
    let rig = Rig::start(|options| options.per_cluster = Some(0));
    let names: Vec<Option<&str>> = rig.listening.iter().map(|l| l.cluster.as_deref()).collect();
    assert_eq!(names, [None, Some("alpha"), Some("beta")]);
    let mut beta = rig.client().h1(rig.address_of(2)).await;
    assert!(get(&mut beta, "/").await.contains("cluster=Some(\"beta\")"));
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let rig = Rig::start(|_| {});
    let mut h1 = rig.client().h1(rig.address()).await;
    let answer = h1.send_request(client::request("/panic")).await.unwrap();
    assert_eq!(answer.status(), 500);
    assert!(get(&mut h1, "/").await.contains("h2=false"));
}
