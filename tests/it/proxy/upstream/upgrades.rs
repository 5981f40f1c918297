//! Upgrades: a connection of its own, exact bytes, the cluster's own word where it refuses.

use super::*;
use crate::proxy::script::Reply;
use http::header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use quarterdeck::engine::proxy::tunnel::{Spliced, splice};
use quarterdeck::engine::proxy::upstream::{Tunnel, Upgraded};
use quarterdeck::model::proxy::TrafficState;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

pub(in crate::proxy) const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\nearly";

async fn raw(answer: &'static [u8]) -> Script {
    Script::with("raw", |k| (k.raw, k.h1_only) = (Some(Bytes::from_static(answer)), false)).await
}

pub(super) fn exec(protocol: &str) -> Request<()> {
    Request::builder()
        .method(Method::POST)
        .uri("/api/v1/namespaces/n/pods/p/exec?command=sh")
        .header(UPGRADE, protocol)
        .header("x-stream-protocol-version", "v4.channel.k8s.io")
        .header("x-stream-protocol-version", "v3.channel.k8s.io")
        .header("authorization", "Bearer theirs")
        .body(())
        .expect("a request")
}

pub(super) async fn switched(member: &Upstream) -> Box<Tunnel> {
    match member.upgrade(exec("SPDY/3.1"), &connecting()).await.expect("an answer") {
        Upgraded::Switched(tunnel) => tunnel,
        Upgraded::Answered(sent) => panic!("not switched: {sent:?}"),
    }
}

fn spliced(tunnel: Box<Tunnel>) -> (DuplexStream, JoinHandle<Spliced>, CancellationToken) {
    let (client, ours) = tokio::io::duplex(1024);
    let drain = CancellationToken::new();
    (client, tokio::spawn(splice(ours, tunnel, drain.clone())), drain)
}

#[tokio::test]
async fn bytes_are_exact_from_the_first_one_behind_the_101() {
    let script = raw(SWITCHED).await;
    let (_keep, member) = member(cluster([script.endpoint_with("ours")]));
    let tunnel = switched(&member).await;
    assert_eq!(tunnel.response.headers()["x-stream-protocol-version"], "v4.channel.k8s.io");
    assert_eq!((tunnel.endpoint, tunnel.attempts, member.facts().long_running), (0, 1, 1));
    let (mut client, splicing, _drain) = spliced(tunnel);
    client.write_all(b"\x00\xffping").await.expect("written");
    let mut heard = [0; 11];
    client.read_exact(&mut heard).await.expect("echoed");
    assert_eq!(&heard, b"early\x00\xffping");
    client.shutdown().await.expect("half closed");
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.expect("the end comes back");
    assert_eq!(splicing.await.expect("no panic"), Spliced { up: 6, down: 11, cut: false });
    assert_eq!(member.facts().long_running, 0);
    let head = script.heads().into_iter().find(|h| h.starts_with("POST")).expect("a head");
    assert!(head.starts_with("POST /api/v1/namespaces/n/pods/p/exec?command=sh HTTP/1.1\r\n"), "{head}");
    let lines: Vec<&str> = head.lines().filter(|l| l.starts_with("x-stream-protocol-version")).collect();
    assert_eq!(lines, ["x-stream-protocol-version: v4.channel.k8s.io", "x-stream-protocol-version: v3.channel.k8s.io"]);
    let once = |line: &str| head.lines().filter(|l| l.eq_ignore_ascii_case(line)).count() == 1;
    assert!(once("authorization: Bearer ours") && once("connection: upgrade") && once("upgrade: SPDY/3.1"), "{head}");
    assert!(once(&format!("host: {}", script.address)) && !head.contains("theirs"), "{head}");
}

/// P4: the API server wants an `Origin` of a WebSocket. The caller's was meant for the proxy.
#[tokio::test]
async fn a_websocket_goes_on_with_the_origin_of_its_endpoint_and_spdy_with_none() {
    let script = Script::start("origins").await;
    let (_keep, member) = alone(&script);
    for protocol in ["websocket", "WebSocket", "SPDY/3.1"] {
        let mut request = exec(protocol);
        request.headers_mut().append(ORIGIN, "https://page.example".parse().unwrap());
        request.headers_mut().append(ORIGIN, "null".parse().unwrap());
        assert!(matches!(member.upgrade(request, &connecting()).await, Ok(Upgraded::Answered(_))));
    }
    let own = format!("https://{}", script.address);
    let origins: Vec<Vec<String>> = script
        .asked()
        .iter()
        .map(|a| a.headers.get_all(ORIGIN).iter().map(|v| v.to_str().expect("text").to_owned()).collect())
        .collect();
    assert_eq!(origins, [vec![own.clone()], vec![own], vec![]]);
}

#[tokio::test]
async fn a_refusal_is_handed_back_with_status_and_body() {
    let script = Script::start("refusing").await;
    script.turn(|k| {
        k.answer = Some(Arc::new(|asked| {
            assert!(!asked.h2);
            Some(Reply::new(403, r#"{"message":"pods exec is forbidden"}"#).header("audit-id", "7"))
        }));
    });
    let (_keep, member) = alone(&script);
    let Upgraded::Answered(sent) = member.upgrade(exec("websocket"), &connecting()).await.expect("an answer") else {
        panic!("it cannot have switched");
    };
    assert_eq!(sent.response.headers()["audit-id"], "7");
    assert_eq!(whole(*sent).await, (403, r#"{"message":"pods exec is forbidden"}"#.to_owned()));
    // Nothing is sent on that connection again.
    script.turn(|k| k.answer = None);
    fetch(&member, "/api").await.expect("an answer");
    let asked = script.asked();
    assert_ne!(asked[0].connection, asked[1].connection);
}

#[tokio::test]
async fn another_protocol_than_asked_for_is_no_agreement() {
    for answer in [
        &b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"[..],
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n",
    ] {
        let script = raw(answer).await;
        let (_keep, member) = alone(&script);
        let failed = member.upgrade(exec("SPDY/3.1"), &connecting()).await.expect_err("no tunnel");
        assert_eq!((failed.refusal.code, failed.refusal.label), (502, "malformed"));
        assert!(failed.unsent.is_none());
    }
}

#[tokio::test]
async fn a_wish_without_one_protocol_reaches_nobody() {
    let script = Script::start("idle").await;
    let (_keep, member) = alone(&script);
    let mut request = exec("websocket");
    request.headers_mut().append(UPGRADE, "SPDY/3.1".parse().unwrap());
    assert_eq!(member.upgrade(request, &connecting()).await.expect_err("two").refusal.code, 400);
    let mut request = exec("websocket");
    request.headers_mut().remove(UPGRADE);
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, "v5.channel.k8s.io".parse().unwrap());
    assert_eq!(member.upgrade(request, &connecting()).await.expect_err("none").refusal.code, 400);
    assert!(script.asked().is_empty());
}

#[tokio::test]
async fn another_server_is_asked_when_one_cannot_be_reached() {
    let (dead, alive) = (Script::start("dead").await, raw(SWITCHED).await);
    dead.kill().await;
    let (_keep, member) = member(cluster([dead.endpoint(), alive.endpoint()]));
    for _ in 0..5 {
        assert_eq!(switched(&member).await.endpoint, 1);
    }
}

#[tokio::test]
async fn a_block_and_a_drain_cut_tunnels() {
    let script = raw(SWITCHED).await;
    let (_keep, member) = alone(&script);
    let (client, splicing, _drain) = spliced(switched(&member).await);
    member.set_traffic(TrafficState::Blocked);
    assert!(splicing.await.expect("no panic").cut);
    drop(client);
    member.set_traffic(TrafficState::Open);
    let (client, splicing, drain) = spliced(switched(&member).await);
    drain.cancel();
    assert!(splicing.await.expect("no panic").cut);
    drop(client);
}

#[tokio::test]
async fn when_the_server_ends_the_caller_learns_it() {
    let script = raw(SWITCHED).await;
    let (_keep, member) = alone(&script);
    let (mut client, splicing, _drain) = spliced(switched(&member).await);
    let mut early = [0; 5];
    client.read_exact(&mut early).await.expect("early bytes");
    script.kill().await;
    let mut rest = Vec::new();
    // Its end may come as a reset; the caller's side ends either way.
    drop(client.read_to_end(&mut rest).await);
    drop(client);
    assert!(rest.is_empty() && !splicing.await.expect("no panic").cut);
}
