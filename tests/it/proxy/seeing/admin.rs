//! The listener and its client.

use futures::future::BoxFuture;
use quarterdeck::engine::admin::{Admin, Client, Trouble};
use quarterdeck::engine::k8s::endpoint::Secret;
use quarterdeck::engine::proxy::admin_client::ProxyAdminClient;
use quarterdeck::engine::proxy::admin_pages::{ProxyAdmin, ProxyPages};
use quarterdeck::model::proxy::{Explanation, Routes, TrafficState, UpstreamFacts};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A proxy of one cluster that obeys.
#[derive(Debug)]
struct Painted(watch::Sender<TrafficState>);

impl ProxyAdmin for Painted {
    fn metrics(&self, out: &mut String) {
        out.push_str("# EOF\n");
    }

    fn ready(&self) -> Result<(), String> {
        if *self.0.borrow() == TrafficState::Blocked { Err("no cluster takes requests".to_owned()) } else { Ok(()) }
    }

    fn routes(&self) -> Routes {
        let prod = UpstreamFacts { name: "prod".into(), traffic: *self.0.borrow(), ..UpstreamFacts::default() };
        Routes { clusters: vec![prod], ..Routes::default() }
    }

    fn config(&self) -> String {
        "clusters: []".to_owned()
    }

    fn explain(&self, text: &str) -> Result<Explanation, String> {
        match text.split_once(' ') {
            Some(_) => Ok(Explanation { request: text.into(), ..Explanation::default() }),
            None => Err("expected METHOD PATH".to_owned()),
        }
    }

    fn set_traffic(&self, cluster: &str, state: TrafficState) -> Result<(), String> {
        if cluster != "prod" {
            return Err(format!("there is no cluster {cluster}"));
        }
        self.0.send_replace(state);
        Ok(())
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Err("routing.yaml:3: unknown field `rulez`".to_owned())))
    }
}

/// A running listener; ended when it goes.
struct Running {
    address: SocketAddr,
    ended: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ended.cancel();
        self.task.abort();
    }
}

fn token() -> Secret {
    Secret("s3cret".to_owned())
}

async fn start() -> Running {
    let admin = Admin::bind("127.0.0.1:0".parse().unwrap(), token()).await.unwrap();
    let (address, ended) = (admin.address(), CancellationToken::new());
    let pages = ProxyPages(Arc::new(Painted(watch::Sender::new(TrafficState::Open))));
    let task = tokio::spawn(admin.run(Arc::new(pages), ended.clone()));
    Running { address, ended, task }
}

/// The head and the body of an answer to one plain request.
/// The answer to a request of this line, with these headers besides.
pub(in crate::proxy) async fn plain(address: SocketAddr, line: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn a_console_reads_and_steers() {
    let running = start().await;
    let client = Client::new(running.address, token()).map(ProxyAdminClient).unwrap();
    assert_eq!(client.routes().await.unwrap().clusters[0].traffic, TrafficState::Open);
    client.set_traffic("prod", TrafficState::Draining).await.unwrap();
    assert_eq!(client.routes().await.unwrap().clusters[0].traffic, TrafficState::Draining);
    assert_eq!(client.explain("GET /api").await.unwrap().request, "GET /api");
    assert_eq!(client.config().await.unwrap(), "clusters: []\n");
    let refused = client.set_traffic("lab", TrafficState::Open).await.unwrap_err();
    assert_eq!(refused, Trouble::Refused("there is no cluster lab".to_owned()));
    let refused = client.reload().await.unwrap_err();
    assert_eq!(refused, Trouble::Refused("routing.yaml:3: unknown field `rulez`".to_owned()));
    assert!(matches!(client.explain("GET").await, Err(Trouble::Refused(_))));
}

#[tokio::test]
async fn a_wrong_token_and_a_missing_proxy_are_told_apart() {
    let running = start().await;
    let stranger = Client::new(running.address, Secret("other".to_owned())).map(ProxyAdminClient).unwrap();
    let refused = stranger.routes().await.unwrap_err();
    assert!(matches!(&refused, Trouble::Refused(why) if why.contains("does not know this token")), "{refused}");
    let address = running.address;
    running.ended.cancel();
    let mut running = running;
    tokio::time::timeout(Duration::from_secs(10), &mut running.task).await.unwrap().unwrap();
    let gone = Client::new(address, token()).map(ProxyAdminClient).unwrap().routes().await.unwrap_err();
    assert!(matches!(gone, Trouble::Unreachable(_)), "{gone}");
    let far = Client::new("192.0.2.1:6480".parse().unwrap(), token()).unwrap_err();
    assert!(far.to_string().contains("in the clear"), "{far}");
}

#[tokio::test]
async fn a_scraper_and_a_kubelet_need_no_token() {
    let running = start().await;
    let metrics = plain(running.address, "GET /metrics", "").await;
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("application/openmetrics-text; version=1.0.0"));
    assert!(metrics.ends_with("# EOF\n"));
    assert!(plain(running.address, "GET /readyz", "").await.ends_with("ok\n"));
    Client::new(running.address, token())
        .map(ProxyAdminClient)
        .unwrap()
        .set_traffic("prod", TrafficState::Blocked)
        .await
        .unwrap();
    assert!(plain(running.address, "GET /readyz", "").await.starts_with("HTTP/1.1 503"));
    assert!(plain(running.address, "GET /livez", "").await.starts_with("HTTP/1.1 200"));
    let guarded = plain(running.address, "GET /config", "").await;
    assert!(guarded.starts_with("HTTP/1.1 401") && !guarded.contains("clusters:"), "{guarded}");
}

#[tokio::test]
async fn a_body_has_a_bound() {
    let running = start().await;
    let long = "x".repeat(70 * 1024);
    let more = format!("Authorization: Bearer s3cret\r\nContent-Length: {}\r\n\r\n{long}", long.len());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = format!("POST /traffic HTTP/1.1\r\nHost: {}\r\n{more}", running.address);
    // The listener may answer and close before it has read all.
    let _sent = stream.write_all(head.as_bytes()).await;
    let mut answer = [0_u8; 12];
    tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}
