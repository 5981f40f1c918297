//! Servers that refuse, fall silent, lie or are not Kubernetes: each gets its own sentence, in time.

use super::server::{Asked, Authority, Server, json, reply, status};
use super::{connect, endpoint, get};
use quarterdeck::engine::cluster::ClusterError;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

async fn error_of(endpoint: quarterdeck::engine::k8s::endpoint::Endpoint) -> ClusterError {
    get(&connect(endpoint)).await.expect_err("the server is a bad one")
}

fn unreachable(text: impl Into<String>) -> ClusterError {
    ClusterError::Unreachable(text.into().into())
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let error = error_of(endpoint(&format!("https://{address}"))).await;
    assert_eq!(error, unreachable(format!("connection refused ({address})")));
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up_after_the_connect_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let keeping = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok(accepted) = listener.accept().await {
            kept.push(accepted);
        }
    });
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let error = error_of(endpoint(&format!("https://{address}"))).await;
    assert_eq!(error, unreachable(format!("timed out after 5s connecting to {address}")));
    assert!(started.elapsed() < Duration::from_millis(5_500), "{:?}", started.elapsed());
    keeping.abort();
}

/// Writes these bytes to whoever comes, and keeps the connection.
async fn raw(bytes: &'static [u8], keep: bool) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0_u8; 1024];
            drop(stream.read(&mut head).await);
            drop(stream.write_all(bytes).await);
            if keep {
                kept.push(stream);
            }
        }
    });
    address
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("it comes");
        let mut head = [0_u8; 1024];
        drop(stream.read(&mut head).await);
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n").await);
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
    });
    let connection = connect(endpoint(&format!("http://{address}")));
    tokio::time::pause();
    assert_eq!(get(&connection).await, Err(unreachable(format!("timed out after 10s ({address})"))));
}

#[tokio::test]
async fn a_stream_through_kube_that_falls_silent_fails_and_a_watch_does_not() {
    let address = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", true).await;
    let connection = connect(endpoint(&format!("http://{address}")));
    let list = http::Request::get("/api/v1/pods").body(Vec::new()).expect("a request");
    let watch = http::Request::get("/api/v1/pods?watch=true").body(Vec::new()).expect("a request");
    tokio::time::pause();
    let error = connection.client.request_text(list).await.expect_err("it falls silent");
    let error = quarterdeck::engine::k8s::errors::translate(&error);
    assert_eq!(error, unreachable(format!("{address} fell silent for 10s in the middle of its answer")));
    let quiet = tokio::time::timeout(Duration::from_secs(100), connection.client.request_text(watch)).await;
    assert!(quiet.is_err(), "a watch may be quiet");
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_once_more_and_then_said() {
    let address = raw(b"", false).await;
    let error = error_of(endpoint(&format!("http://{address}"))).await;
    assert_eq!(error, unreachable(format!("the connection was closed before the answer came ({address})")));
}

#[tokio::test]
async fn a_port_without_tls_is_told_apart() {
    let address = raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", true).await;
    let error = error_of(endpoint(&format!("https://{address}"))).await;
    assert_eq!(error, unreachable(format!("no TLS on this port ({address}); is the server http://?")));
    let closed = raw(b"", false).await;
    let error = error_of(endpoint(&format!("https://{closed}"))).await;
    assert_eq!(error, unreachable(format!("the connection was closed during TLS ({closed})")));
}

#[tokio::test]
async fn a_port_that_speaks_no_http_is_told_apart() {
    let address = raw(b"SSH-2.0-OpenSSH_9.9\r\n", true).await;
    let error = error_of(endpoint(&format!("http://{address}"))).await;
    assert_eq!(error, unreachable(format!("the answer is not HTTP; is this the API server's port? ({address})")));
}

#[tokio::test]
async fn certificates_that_do_not_hold_say_why() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let good = ours.issue(&["127.0.0.1"], |_| ());
    let server = Server::with(ours.server(&good, false), theirs.pem()).await;
    let text = error_of(server.endpoint()).await.to_string();
    assert!(text.starts_with("certificate signed by unknown authority"), "{text}");

    // The server's own certificate in place of the authority's (trap 7).
    let server = Server::with(ours.server(&good, false), good.certificate.pem()).await;
    let text = error_of(server.endpoint()).await.to_string();
    assert!(text.contains("it must be the CA, not the server's own certificate"), "{text}");

    let other = ours.issue(&["kubernetes", "10.0.0.1"], |_| ());
    let server = Server::with(ours.server(&other, false), ours.pem()).await;
    assert_eq!(
        error_of(server.endpoint()).await,
        unreachable("certificate is for kubernetes, 10.0.0.1, not 127.0.0.1; set tls-server-name")
    );
    let mut named = server.endpoint();
    named.tls_server_name = Some("kubernetes".to_owned());
    assert_eq!(get(&connect(named)).await, Ok("{}".to_owned()));

    let old = ours.issue(&["127.0.0.1"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let server = Server::with(ours.server(&old, false), ours.pem()).await;
    let text = error_of(server.endpoint()).await.to_string();
    assert!(text.starts_with("the server's certificate expired 5y"), "{text}");
    let mut trusting = server.endpoint();
    trusting.insecure = true;
    let connection = connect(trusting);
    assert_eq!(get(&connection).await, Ok("{}".to_owned()), "insecure-skip-tls-verify is honoured");
    let (at, what) = connection.expiry().expect("the certificate was seen");
    assert_eq!((at.to_string().as_str(), what.as_str()), ("2021-01-01T00:00:00Z", "server certificate"));
}

#[tokio::test]
async fn the_systems_roots_do_not_know_a_private_authority() {
    let server = Server::tls(|_: &Asked| json("{}")).await;
    let mut without = server.endpoint();
    without.ca = None;
    let text = error_of(without).await.to_string();
    assert!(text.starts_with("certificate signed by unknown authority"), "{text}");
}

#[tokio::test]
async fn an_unusable_ca_is_named_before_any_connection() {
    for ca in ["", "not pem", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        let mut bad = endpoint("https://127.0.0.1:1");
        bad.ca = Some(super::inline(ca));
        let text = error_of(bad).await.to_string();
        assert!(text.starts_with("certificate-authority "), "{ca:?}: {text}");
    }
}

#[tokio::test]
async fn what_is_not_kubernetes_is_told_apart() {
    let page = |code| Server::plain(move |_: &Asked| reply(code, "text/html; charset=utf-8", "<html>hello</html>"));
    let server = page(200).await;
    assert_eq!(
        error_of(server.endpoint()).await.to_string(),
        format!("{} answered with HTML, not Kubernetes; a proxy or a login page?", server.address)
    );
    let server = page(502).await;
    assert!(error_of(server.endpoint()).await.to_string().contains("answered with HTML (502)"));
    let server = Server::plain(|_: &Asked| {
        let mut reply = reply(302, "text/plain", "");
        reply.headers_mut().insert("location", "https://login.corp/?x=\t1".parse().expect("a header"));
        reply
    })
    .await;
    let text = error_of(server.endpoint()).await.to_string();
    assert!(text.contains("answered with a redirect to https://login.corp/?x= 1"), "{text}");
    let server = Server::plain(|_: &Asked| json("hello \u{1b}[31m")).await;
    let error = connect(server.endpoint()).get_json::<serde_json::Value>("/api").await.expect_err("it is no JSON");
    assert!(error.to_string().starts_with("the answer is not what Kubernetes sends"), "{error}");
}

#[tokio::test]
async fn each_status_becomes_its_error() {
    for (code, expect) in [
        (403, ClusterError::Denied("no".into())),
        (404, ClusterError::NotFound("no".into())),
        (410, ClusterError::Expired),
        (500, ClusterError::Failed("no".into())),
    ] {
        let server = Server::plain(move |_: &Asked| status(code, "no")).await;
        assert_eq!(error_of(server.endpoint()).await, expect, "{code}");
        assert_eq!(server.asked().len(), 1, "{code} is not asked again");
    }
    let server = Server::plain(|_: &Asked| status(401, "Unauthorized")).await;
    let text = "the context names no credentials; give its user a token, a certificate or a plugin";
    assert_eq!(error_of(server.endpoint()).await, ClusterError::AuthNeeded(text.into()));
}

#[tokio::test]
async fn a_busy_server_is_asked_once_more_unless_it_wants_a_long_pause() {
    for code in [429, 503] {
        let server = Server::plain(move |_: &Asked| status(code, "busy")).await;
        let expect = ClusterError::Throttled { what: "busy".into(), retry_after: None };
        assert_eq!(error_of(server.endpoint()).await, expect);
        assert_eq!(server.asked().len(), 2, "{code}: one retry, not fifteen");
    }
    let server = Server::plain(|_: &Asked| {
        let mut reply = status(503, "busy");
        reply.headers_mut().insert("retry-after", "3600".parse().expect("a header"));
        reply
    })
    .await;
    let expect = ClusterError::Throttled { what: "busy".into(), retry_after: Some(Duration::from_secs(60)) };
    assert_eq!(error_of(server.endpoint()).await, expect);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn only_a_get_is_asked_again() {
    let server = Server::plain(|_: &Asked| status(503, "busy")).await;
    let connection = connect(server.endpoint());
    let post = http::Request::post("/api/v1/pods").body(b"{}".to_vec()).expect("a request");
    assert!(connection.client.request_text(post).await.is_err());
    assert_eq!(server.asked().iter().map(|a| a.method.as_str()).collect::<Vec<_>>(), ["POST"]);
}

#[tokio::test]
async fn a_server_with_a_path_keeps_it() {
    let server = Server::plain(|_: &Asked| json("{}")).await;
    let mut under = server.endpoint();
    under.server.push_str("/k8s/clusters/c-1/");
    connect(under).get("/api/v1/pods?limit=1", "application/json").await.expect("it answers");
    assert_eq!(server.asked()[0].uri, "/k8s/clusters/c-1/api/v1/pods?limit=1");
}

#[tokio::test]
async fn requests_say_who_we_are_and_compression_is_a_choice() {
    let server = Server::plain(|_: &Asked| json("{}")).await;
    get(&connect(server.endpoint())).await.expect("it answers");
    let mut plain = server.endpoint();
    plain.disable_compression = true;
    get(&connect(plain)).await.expect("it answers");
    let asked = server.asked();
    assert_eq!(asked[0].header("user-agent"), concat!("qd/", env!("CARGO_PKG_VERSION")));
    assert_eq!((asked[0].header("accept-encoding"), asked[1].header("accept-encoding")), ("gzip", ""));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_before_any_connection() {
    for bad in ["", "api", "ftp://x", "https://", "https:///x", "https://a b"] {
        let bad = std::sync::Arc::new(endpoint(bad));
        let surroundings = super::surroundings(quarterdeck::config::Environment::default());
        let error = quarterdeck::engine::k8s::client::build(&bad, &surroundings).expect_err("no address");
        assert!(error.to_string().contains("https://host:port is expected"), "{error}");
    }
}
