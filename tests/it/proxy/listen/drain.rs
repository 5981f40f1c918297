//! Ending: what runs may end by itself, and what does not is cut.

use super::limits::wait_for;
use super::{Rig, client};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use quarterdeck::engine::proxy::listen::Drained;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn upgraded(rig: &Rig) -> hyper_util::rt::TokioIo<hyper::upgrade::Upgraded> {
    let mut h1 = rig.client().h1(rig.address()).await;
    let request = Request::get("/upgrade").header("host", "localhost").header("connection", "upgrade");
    let request = request.header("upgrade", "echo").body(Empty::<Bytes>::new()).unwrap();
    let answer = h1.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 101);
    hyper_util::rt::TokioIo::new(hyper::upgrade::on(answer).await.unwrap())
}

async fn echoes(stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin)) {
    stream.write_all(b"ping").await.unwrap();
    let mut back = [0; 4];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"ping");
}

#[tokio::test]
async fn a_drain_waits_for_streams_and_counts_what_it_cuts() {
    let mut rig = Rig::start(|options| options.drain = Duration::from_secs(20));
    let mut ends = upgraded(&rig).await;
    let mut stays = upgraded(&rig).await;
    let mut h2 = rig.client().h2(rig.address()).await;
    let watch = Request::get("https://localhost/open").body(Empty::new()).unwrap();
    let watch = h2.send_request(watch).await.unwrap();
    assert_eq!((rig.gate.load().streams, rig.gate.load().requests), (2, 1));
    rig.ending.drain.cancel();
    echoes(&mut ends).await;
    wait_for(|| std::net::TcpStream::connect(rig.address()).is_err()).await;
    echoes(&mut ends).await;
    drop(ends);
    wait_for(|| rig.gate.load().streams == 1).await;
    echoes(&mut stays).await;
    rig.ending.cut.cancel();
    let drained = (&mut rig.running).await.unwrap();
    assert_eq!(drained, Drained { requests_ended: 0, requests_cut: 1, streams_ended: 1, streams_cut: 1 });
    assert_eq!(stays.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(watch.into_body().collect().await.is_err());
}

#[tokio::test]
async fn idle_connections_hold_no_drain_up() {
    let mut rig = Rig::start(|_| {});
    let mut h1 = rig.client().h1(rig.address()).await;
    client::get(&mut h1, "/").await;
    let mut h2 = rig.client().h2(rig.address()).await;
    client::get_all(&mut h2, "/").await;
    rig.ending.drain.cancel();
    let drained = tokio::time::timeout(Duration::from_secs(10), &mut rig.running).await.unwrap().unwrap();
    assert_eq!(drained, Drained::default());
    wait_for(|| h1.is_closed() && h2.is_closed()).await;
}

#[tokio::test]
async fn a_drain_ends_when_its_time_is_over() {
    let mut rig = Rig::start(|options| options.drain = Duration::from_secs(30));
    let mut h1 = rig.client().h1(rig.address()).await;
    let answer = h1.send_request(client::request("/open")).await.unwrap();
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    rig.ending.drain.cancel();
    let drained = (&mut rig.running).await.unwrap();
    assert_eq!(drained, Drained { requests_cut: 1, ..Drained::default() });
    assert!((30..=42).contains(&begun.elapsed().as_secs()));
    assert!(answer.into_body().collect().await.is_err());
}
