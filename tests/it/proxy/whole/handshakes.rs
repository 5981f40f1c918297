//! Clients whose TLS handshake fails.

use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SHOWING: &str = "home: alpha\nclusters: [ALPHA]\ncallers: {clientCAFile: clients.pem}\n";

/// What `/metrics` says of failed handshakes: the count of each type.
async fn errors(whole: &Whole) -> Vec<(String, u64)> {
    let mut stream = TcpStream::connect(whole.admin.address()).await.expect("it listens");
    let head = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", whole.admin.address());
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an answer");
    let of = |line: &str| {
        let (kind, count) =
            line.strip_prefix("qd_proxy_tls_errors_total{side=\"client\",type=\"")?.split_once("\"} ")?;
        Some((kind.to_owned(), count.trim().parse().expect("a number")))
    };
    text.lines().filter_map(of).collect()
}

#[tokio::test]
async fn a_failed_handshake_is_counted_by_why() {
    let (alpha, other) = (Script::start("alpha").await, Script::start("other").await);
    let folder = tempfile::tempdir().expect("a folder");
    let clients = folder.path().join("clients.pem");
    fs::write(&clients, alpha.ca()).expect("written");
    let routing = SHOWING.replace("clients.pem", &clients.display().to_string());
    let whole = Whole::start(&routing, &[&alpha]).await;
    assert_eq!(whole.connect().await.server("/api/v1/namespaces/a/pods").await, "alpha");
    assert_eq!(errors(&whole).await, [], "a good one is none");
    drop(TcpStream::connect(whole.address).await.expect("it listens"));
    let mut plain = TcpStream::connect(whole.address).await.expect("it listens");
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sent");
    assert!(Client::new(&other.ca()).tls(whole.address, b"h2").await.is_err(), "the proxy's authority is another");
    assert!(whole.client.tls(whole.address, b"spdy/3").await.is_err(), "no protocol of ours");
    let ca = fs::read_to_string(whole.folder.path().join("state/published/ca.crt")).expect("it is published");
    let (certificate, key) = other.client("mallory");
    // With TLS 1.3 the client has ended its part before it is refused.
    let mut refused = Client::showing(&ca, &certificate, &key).tls(whole.address, b"http/1.1").await.expect("so far");
    assert!(refused.read_u8().await.is_err());
    let expected = ["certificate", "closed", "distrusted", "handshake", "not_tls"].map(|kind| (kind.to_owned(), 1));
    let waiting = async {
        while errors(&whole).await.len() < expected.len() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("they are counted");
    assert_eq!(errors(&whole).await, expected);
}
