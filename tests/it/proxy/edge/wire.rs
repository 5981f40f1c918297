//! Bytes on the wire. Where the answer has a label, we refused; where it has none, hyper did, before us.

use super::{answers, exchange, h1, h2, server};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The one answer to a request.
async fn one(address: SocketAddr, bytes: &[u8]) -> (u16, String) {
    let read = exchange(address, bytes).await;
    let all = answers(&read);
    assert_eq!(all.len(), 1, "{:?} brought {read:?}", String::from_utf8_lossy(bytes));
    all.into_iter().next().expect("one")
}

fn by(label: &str) -> String {
    label.to_owned()
}

#[tokio::test]
async fn a_plain_request_is_answered() {
    let at = server().await;
    let (code, body) = one(at, &h1(at, "GET /api/v1/pods HTTP/1.1", &[])).await;
    assert_eq!((code, body.as_str()), (200, "GET /api/v1/pods "));
}

#[tokio::test]
async fn content_length_beside_chunks_ends_the_connection_before_what_follows() {
    let at = server().await;
    let smuggled = format!("GET /smuggled HTTP/1.1\r\nHost: {at}\r\n\r\n");
    for lines in ["Content-Length: 6\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 6"]
    {
        let request = format!("POST /first HTTP/1.1\r\nHost: {at}\r\n{lines}\r\n\r\n0\r\n\r\n{smuggled}");
        let read = exchange(at, request.as_bytes()).await;
        let all = answers(&read);
        assert_eq!(all, [(200, by("POST /first "))], "{lines}");
        assert!(!read.contains("smuggled"), "{read}");
        assert!(read.to_lowercase().contains("connection: close"), "{read}");
    }
}

#[tokio::test]
async fn lengths_that_differ_never_reach_us() {
    let at = server().await;
    for lines in [
        &["Content-Length: 3", "Content-Length: 4"][..],
        &["Content-Length: 3, 4"],
        &["Content-Length: +3"],
        &["Content-Length: -1"],
        &["Content-Length: 0x3"],
        &["Content-Length: 99999999999999999999"],
    ] {
        assert_eq!(one(at, &h1(at, "POST / HTTP/1.1", lines)).await, (400, by("")), "{lines:?}");
    }
}

#[tokio::test]
async fn codings_other_than_chunked_are_refused() {
    let at = server().await;
    // hyper refuses what does not end in `chunked`, and any of them in HTTP/1.0; we refuse the rest.
    for coding in ["gzip", "identity", "chunked, gzip", "xchunked", "chunkedx", "chunked;q=1"] {
        let (code, _) = one(at, &h1(at, "POST / HTTP/1.1", &[&format!("Transfer-Encoding: {coding}")])).await;
        assert_eq!(code, 400, "{coding}");
    }
    for coding in ["gzip, chunked", "chunked, chunked", "identity, chunked"] {
        let (code, body) = one(at, &h1(at, "POST / HTTP/1.1", &[&format!("Transfer-Encoding: {coding}")])).await;
        assert_eq!((code, body), (400, by("framing")), "{coding}");
    }
    let old = h1(at, "POST / HTTP/1.0", &["Transfer-Encoding: chunked"]);
    assert_eq!(one(at, &old).await, (400, by("")));
}

#[tokio::test]
async fn lines_out_of_form_never_reach_us() {
    let at = server().await;
    for line in [
        "X-Folded: a\r\n b",
        "X-Space : a",
        " X-Indent: a",
        "X-Nul: a\0b",
        "X-Nul\0: a",
        "X-Return: a\rb",
        "No-Colon",
        ": no name",
        "X(Bad): a",
    ] {
        assert_eq!(one(at, &h1(at, "GET / HTTP/1.1", &[line])).await.0, 400, "{line:?}");
    }
    for line in ["GET /a b HTTP/1.1", "GET / HTTP/2.5", "GET  / HTTP/1.1", "G@T / HTTP/1.1", "GET /\u{1} HTTP/1.1"] {
        let (code, body) = one(at, &h1(at, line, &[])).await;
        assert!(code == 400 || body == "method", "{line:?}: {code} {body}");
    }
}

#[tokio::test]
async fn a_bare_line_feed_is_read_and_harmless() {
    let at = server().await;
    let request = format!("GET /a HTTP/1.1\nHost: {at}\nConnection: close\n\n");
    assert_eq!(one(at, request.as_bytes()).await, (200, by("GET /a ")));
}

#[tokio::test]
async fn there_is_one_host_and_it_is_ours() {
    let at = server().await;
    let with = |host: &str| format!("GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n").into_bytes();
    assert_eq!(one(at, &with("")).await, (400, by("host")));
    assert_eq!(one(at, &with(&format!("Host: {at}\r\nHost: {at}\r\n"))).await, (400, by("host")));
    assert_eq!(one(at, &with(&format!("Host: {at}\r\nHost: evil.example\r\n"))).await, (400, by("host")));
    assert_eq!(one(at, &with("Host: evil.example\r\n")).await, (421, by("host")));
    assert_eq!(one(at, &with(&format!("Host: localhost:{}\r\n", at.port()))).await, (200, by("GET / ")));
    let old = b"GET / HTTP/1.0\r\n\r\n";
    assert_eq!(one(at, old).await, (400, by("host")));
}

#[tokio::test]
async fn other_targets_than_a_path_are_refused() {
    let at = server().await;
    assert_eq!(one(at, &h1(at, "GET http://evil.example/ HTTP/1.1", &[])).await, (400, by("target")));
    assert_eq!(one(at, &h1(at, &format!("GET https://{at}/ HTTP/1.1"), &[])).await, (400, by("target")));
    assert_eq!(one(at, &h1(at, "CONNECT evil.example:443 HTTP/1.1", &[])).await.0, 405);
    assert_eq!(one(at, &h1(at, "OPTIONS * HTTP/1.1", &[])).await, (405, by("method")));
    assert_eq!(one(at, &h1(at, "TRACE / HTTP/1.1", &[])).await, (405, by("method")));
    assert_eq!(one(at, &h1(at, "get / HTTP/1.1", &[])).await, (405, by("method")));
}

#[tokio::test]
async fn pages_of_browsers_are_refused() {
    let at = server().await;
    assert_eq!(one(at, &h1(at, "GET / HTTP/1.1", &["Origin: https://evil.example"])).await, (403, by("origin")));
    assert_eq!(one(at, &h1(at, "GET / HTTP/1.1", &["Sec-Fetch-Site: cross-site"])).await, (403, by("origin")));
}

#[tokio::test]
async fn paths_that_read_two_ways_are_refused() {
    let at = server().await;
    for path in ["/api/v1//pods", "/api/v1/../pods", "/api/v1/namespaces/a%2fb/pods", "/api/%zz", "/api/%00"] {
        assert_eq!(one(at, &h1(at, &format!("GET {path} HTTP/1.1"), &[])).await, (400, by("path")), "{path}");
        let answer = h2(at, &format!("http://{at}{path}"), HeaderMap::new()).await.expect("an answer");
        assert_eq!(answer, (400, by("path")), "{path}");
    }
    // What hyper cuts off neither we nor a cluster see.
    let cut = one(at, &h1(at, "GET /api#/../x HTTP/1.1", &[])).await;
    assert_eq!(cut, (200, by("GET /api ")));
}

#[tokio::test]
async fn headers_are_bounded_over_both_protocols() {
    let at = server().await;
    let many: Vec<String> = (0..300).map(|n| format!("X-{n}: a")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(one(at, &h1(at, "GET / HTTP/1.1", &many)).await, (431, by("headers")));
    assert_eq!(one(at, &h1(at, "GET / HTTP/1.1", &many[..250])).await.0, 200);
    let long = format!("X-Long: {}", "a".repeat(260 * 1024));
    assert_eq!(one(at, &h1(at, "GET / HTTP/1.1", &[&long])).await, (431, by("headers")));

    let uri = format!("http://{at}/");
    let lines = |count: usize, value: &str| -> HeaderMap {
        (0..count)
            .map(|n| {
                let name = HeaderName::from_bytes(format!("x-{n}").as_bytes()).expect("a name");
                (name, HeaderValue::from_str(value).expect("a value"))
            })
            .collect()
    };
    assert_eq!(h2(at, &uri, lines(300, "a")).await.expect("an answer"), (431, by("headers")));
    assert_eq!(h2(at, &uri, lines(250, "a")).await.expect("an answer").0, 200);
    assert_eq!(h2(at, &uri, lines(27, &"a".repeat(10_000))).await.expect("an answer"), (431, by("headers")));
    assert_eq!(h2(at, &uri, lines(20, &"a".repeat(10_000))).await.expect("an answer").0, 200);
}

#[tokio::test]
async fn the_authority_of_http2_is_a_host_too() {
    let at = server().await;
    let host = |value: &str| -> HeaderMap {
        [(http::header::HOST, HeaderValue::from_str(value).expect("a value"))].into_iter().collect()
    };
    let ours = at.to_string();
    let uri = format!("http://{at}/");
    assert_eq!(h2(at, &uri, host(&ours)).await.expect("an answer").0, 200);
    assert_eq!(h2(at, &uri, host("evil.example")).await.expect("an answer"), (400, by("host")));
    let elsewhere = "http://evil.example/";
    assert_eq!(h2(at, elsewhere, HeaderMap::new()).await.expect("an answer"), (421, by("host")));
    assert_eq!(h2(at, elsewhere, host(&ours)).await.expect("an answer"), (400, by("host")));
}

/// A header block of HPACK literals, each name and value shorter than 127 bytes.
fn literals(lines: &[(&str, &str)]) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("a short text");
    let mut block = Vec::new();
    for (name, value) in lines {
        block.push(0);
        for text in [name, value] {
            block.push(length(text));
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// Sends one request of these headers; the type and the error code of the first frame that ends or answers it.
async fn frames(address: SocketAddr, lines: &[(&str, &str)]) -> (u8, u32) {
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const GOAWAY: u8 = 7;
    let block = literals(lines);
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    bytes.extend([0, 0, u8::try_from(block.len()).expect("a short block"), HEADERS, 0x5, 0, 0, 0, 1]);
    bytes.extend(block);
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(&bytes).await.expect("the server reads");
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame");
        let mut body = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut body).await.expect("its body");
        let code = |at: usize| body.get(at..at + 4).map_or(0, |c| u32::from_be_bytes(c.try_into().expect("four")));
        match head[3] {
            HEADERS => return (HEADERS, body.first().map_or(0, |first| u32::from(*first))),
            RST_STREAM => return (RST_STREAM, code(0)),
            GOAWAY => return (GOAWAY, code(4)),
            _ => {}
        }
    }
}

#[tokio::test]
async fn headers_of_one_connection_never_reach_us_over_http2() {
    let at = server().await;
    let authority = at.to_string();
    let begin = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", authority.as_str())];
    let sent = |line: (&'static str, &'static str)| {
        let lines: Vec<(&str, &str)> = begin.into_iter().chain([line]).collect();
        async move { tokio::time::timeout(super::DEADLINE, frames(at, &lines)).await.expect("an answer") }
    };
    // 0x88 is `:status: 200`.
    assert_eq!(sent(("x", "y")).await, (1, 0x88));
    for line in [
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("keep-alive", "timeout=1"),
        ("proxy-connection", "close"),
        ("Upper", "case"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("", "no name"),
        (":authority", "evil.example"),
        (":unknown", "x"),
    ] {
        let (frame, code) = sent(line).await;
        assert!([3, 7].contains(&frame) && code == 1, "{line:?}: frame {frame}, code {code}");
    }
}

#[tokio::test]
async fn an_upgrade_with_a_body_is_refused() {
    let at = server().await;
    let with = |line: &str| {
        format!("GET /x HTTP/1.1\r\nHost: {at}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{line}\r\n\r\nGET /s")
    };
    for line in ["Content-Length: 6", "Transfer-Encoding: chunked", "Upgrade: SPDY/3.1"] {
        let mut stream = TcpStream::connect(at).await.expect("the server listens");
        stream.write_all(with(line).as_bytes()).await.expect("the server reads");
        let mut begin = [0; 12];
        let read = tokio::time::timeout(super::DEADLINE, stream.read_exact(&mut begin)).await.expect("an answer");
        read.expect("an answer");
        assert_eq!(&begin, b"HTTP/1.1 400", "{line}");
    }
}
