//! TLS handshakes that fail, with clients and with API servers.

use super::*;
use crate::proxy::seeing::admin::plain;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

const SHOWING: &str = "home: alpha\nclusters: [ALPHA]\ncallers: {clientCAFile: clients.pem}\n";

/// What `/metrics` says of handshakes that failed on this side: the count of each type.
async fn errors(whole: &Whole, side: &str) -> Vec<(String, u64)> {
    let text = plain(whole.admin.address(), "GET /metrics", "").await;
    let start = format!("qd_proxy_tls_errors_total{{side=\"{side}\",type=\"");
    let of = |line: &str| {
        let (kind, count) = line.strip_prefix(start.as_str())?.split_once("\"} ")?;
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
    assert_eq!(errors(&whole, "client").await, [], "a good one is none");
    drop(TcpStream::connect(whole.address).await.expect("it listens"));
    let mut http = TcpStream::connect(whole.address).await.expect("it listens");
    http.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sent");
    assert!(Client::new(&other.ca()).tls(whole.address, b"h2").await.is_err(), "the proxy's authority is another");
    assert!(whole.client.tls(whole.address, b"spdy/3").await.is_err(), "no protocol of ours");
    let ca = fs::read_to_string(whole.folder.path().join("state/published/ca.crt")).expect("it is published");
    let (certificate, key) = other.client("mallory");
    // With TLS 1.3 the client has ended its part before it is refused.
    let mut refused = Client::showing(&ca, &certificate, &key).tls(whole.address, b"http/1.1").await.expect("so far");
    assert!(refused.read_u8().await.is_err());
    let expected = ["certificate", "closed", "distrusted", "handshake", "not_tls"].map(|kind| (kind.to_owned(), 1));
    let waiting = async {
        while errors(&whole, "client").await.len() < expected.len() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("they are counted");
    assert_eq!(errors(&whole, "client").await, expected);
}

/// A server that answers every connection in this way, and closes it.
async fn answering(with: &'static [u8]) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, end) = (listener.local_addr().expect("an address"), CancellationToken::new());
    tokio::spawn(end.clone().run_until_cancelled_owned(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The whole hello first: closed with bytes unread, a connection is reset, and its answer lost.
            let mut hello = [0; 4096];
            drop(stream.read(&mut hello).await);
            drop(stream.write_all(with).await);
        }
    }));
    (address, end.drop_guard())
}

#[tokio::test]
async fn a_handshake_that_fails_with_an_api_server_is_counted_by_why() {
    let other = Script::with("other", |knobs| knobs.certified = "kubernetes.other.svc").await;
    let (http, _end_http) = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let (shut, _end_shut) = answering(b"").await;
    // What a server says that does not like our certificate: an alert, and which one.
    let (strict, _end_strict) = answering(b"\x15\x03\x03\x00\x02\x02\x2a").await;
    let entry = |name: &str, address| format!("- {{name: {name}, endpoint: 'https://{address}', token: none}}\n");
    let three = entry("http", http) + &entry("shut", shut) + &entry("strict", strict);
    let routing = format!("clusters:\n- OTHER\n{three}");
    // The probes alone meet all of them.
    let whole = Whole::start(&routing, &[&other]).await;
    let expected = ["certificate", "closed", "distrusted", "not_tls"];
    let waiting = async {
        while errors(&whole, "upstream").await.len() < expected.len() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("they are counted");
    let counted: Vec<String> = errors(&whole, "upstream").await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(counted, expected);
    assert_eq!(errors(&whole, "client").await, []);
}
