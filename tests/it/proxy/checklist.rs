//! The security checklist of `docs/routing-security.md` through the real listener: TLS, both protocols, raw bytes.
//! Behind it stands what every request passes before it is routed, and what would have gone on is the answer.

mod table;

use http::HeaderValue;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use quarterdeck::engine::address::Address;
use quarterdeck::engine::clock::Clock;
use quarterdeck::engine::proxy::audit::Ids;
use quarterdeck::engine::proxy::caller::{CHALLENGE, Callers, Shown};
use quarterdeck::engine::proxy::config::{CallerSettings, Limits, Mode};
use quarterdeck::engine::proxy::edge::{self, Hosts, Policy, headers};
use quarterdeck::engine::proxy::limit::Admission;
use quarterdeck::engine::proxy::listen::identity::Identity;
use quarterdeck::engine::proxy::listen::sockets::Inherited;
use quarterdeck::engine::proxy::listen::{Ending, Listeners, Peer, Serve, Trust};
use quarterdeck::engine::proxy::options::ServeOptions;
use quarterdeck::engine::proxy::refusal::Refusal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// No answer by then is a failure.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a request passes before it is routed.
struct Front {
    hosts: Mutex<Hosts>,
    callers: Callers,
    admission: Admission,
}

impl Front {
    /// The headers that would go on, one a line.
    fn dressed(
        &self,
        request: &Request<()>,
        caller: &quarterdeck::engine::proxy::caller::Caller,
    ) -> Result<String, Refusal> {
        let _permit = self.admission.admit(&caller.user, false)?;
        let given = request.headers().get(headers::AUDIT_ID).map(HeaderValue::as_bytes);
        let audit_id = Ids::new(0).choose(given);
        let policy = Policy {
            caller,
            mode: Mode::Impersonate,
            allow_impersonation: false,
            upgrade: None,
            audit_id: audit_id.as_str(),
        };
        let out = edge::outgoing(request.headers(), &policy)?;
        let lines = out.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
        Ok(format!("{} {}\n{}", request.method(), request.uri().path(), lines.collect::<String>()))
    }

    async fn carried(&self, request: Request<Incoming>, peer: &Peer) -> Result<String, Refusal> {
        let (parts, body) = request.into_parts();
        let hosts = self.hosts.lock().clone();
        edge::check(&parts, &hosts, peer.h2)?;
        let shown = Shown { certificate: peer.certificate.as_deref().map(AsRef::as_ref), uid: peer.uid };
        let caller = self.callers.authenticate(&parts.headers, shown).await?;
        edge::upgrade::upgrade(&parts)?;
        assert_ne!(parts.uri.path(), "/panic", "asked to");
        drop(body.collect().await);
        self.dressed(&Request::from_parts(parts, ()), &caller)
    }
}

impl Serve for Front {
    type Body = Full<Bytes>;

    async fn serve(self: Arc<Self>, request: Request<Incoming>, peer: Arc<Peer>) -> Response<Self::Body> {
        let (parts, body) = request.into_parts();
        let mut answer = Response::builder();
        if edge::check::closes(&parts) {
            answer = answer.header("connection", "close");
        }
        let request = Request::from_parts(parts, body);
        let (code, text) = match self.carried(request, &peer).await {
            Ok(text) => (200, text),
            Err(refusal) => {
                if refusal.code == 401 {
                    answer = answer.header("www-authenticate", CHALLENGE);
                }
                (refusal.code, refusal.status())
            }
        };
        answer.status(code).body(Full::from(text)).expect("a fit answer")
    }

    fn broken(&self) -> Response<Self::Body> {
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        answer
    }
}

/// A proxy that listens and carries nothing further.
struct Rig {
    _root: TempDir,
    ca: String,
    token: String,
    address: SocketAddr,
    ending: Ending,
}

impl Rig {
    fn start() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let mut options = ServeOptions::under(root.path().join("state"));
        options.listen = vec!["127.0.0.1:0".parse().expect("an address")];
        let clock = Clock::Wall.start();
        let identity = Arc::new(Identity::load(&options, clock.moment().wall).expect("an identity"));
        let listeners = Listeners::bind(&options, &identity, &Trust::default(), &[], Inherited::default());
        let listeners = listeners.expect("a listener");
        let Some(Address::Tcp(address)) = listeners.listening().first().map(|l| l.address.clone()) else {
            panic!("no TCP listener")
        };
        let callers = Callers::new(&CallerSettings::default(), (1, "jane"), None);
        let token = identity.token().0.clone();
        callers.accept([token.as_str()]);
        let front = Front {
            hosts: Mutex::new(Hosts::new(&[address]).origin("https://console.example")),
            callers,
            admission: Admission::new(&Limits::default()),
        };
        let ending = listeners.ending();
        tokio::spawn(listeners.run(Arc::new(front), clock));
        Self { _root: root, ca: identity.ca().to_owned(), token, address, ending }
    }

    async fn connect(&self, alpn: &[u8]) -> tokio_rustls::client::TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).expect("a certificate")).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = builder.expect("versions").with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
    }

    /// Everything the proxy answers to these bytes until it closes.
    async fn raw(&self, bytes: &str) -> String {
        let all = async {
            let mut stream = self.connect(b"http/1.1").await;
            drop(stream.write_all(bytes.as_bytes()).await);
            drop(stream.flush().await);
            let mut read = Vec::new();
            drop(stream.read_to_end(&mut read).await);
            String::from_utf8_lossy(&read).into_owned()
        };
        tokio::time::timeout(DEADLINE, all).await.expect("an answer within the deadline")
    }

    /// The answer to one request with the token: its code, and all of it.
    async fn ask(&self, line: &str, headers: &[&str]) -> (u16, String) {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let lines: Vec<&str> = headers.iter().copied().chain([bearer.as_str()]).collect();
        self.ask_as_nobody(line, &lines).await
    }

    /// The same without the token.
    async fn ask_as_nobody(&self, line: &str, headers: &[&str]) -> (u16, String) {
        let lines: String = headers.iter().flat_map(|line| [line, "\r\n"]).collect();
        let host = if lines.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let read = self.raw(&format!("{line}\r\n{host}{lines}Connection: close\r\n\r\n")).await;
        (read.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0), read)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.ending.drain.cancel();
        self.ending.cut.cancel();
    }
}

#[tokio::test]
async fn a_caller_is_authenticated_on_every_request() {
    let rig = Rig::start();
    let (code, read) = rig.ask("GET /api HTTP/1.1", &[]).await;
    assert_eq!(code, 200, "{read}");
    for headers in [&[][..], &["Authorization: Bearer wrong"], &["Authorization: Basic YTpi"]] {
        let (code, read) = rig.ask_as_nobody("GET /api HTTP/1.1", headers).await;
        assert_eq!(code, 401, "{read}");
        assert!(read.contains("www-authenticate: Bearer") && read.contains("\"kind\":\"Status\""), "{read}");
    }
    // The second request of a connection that the first one was allowed on.
    let host = rig.address;
    let first = format!("GET /api HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\r\n", rig.token);
    let read = rig.raw(&format!("{first}GET /api HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
    assert!(read.contains("HTTP/1.1 200") && read.contains("HTTP/1.1 401"), "{read}");
}

#[tokio::test]
async fn heads_beyond_the_bounds_get_a_status_of_ours() {
    let rig = Rig::start();
    let many: Vec<String> = (0..300).map(|n| format!("X-{n}: a")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = format!("X-Long: {}", "a".repeat(270 * 1024));
    for headers in [&many[..], &[&long]] {
        let (code, read) = rig.ask("GET /api HTTP/1.1", headers).await;
        assert!(code == 431 && read.contains("\"kind\":\"Status\""), "{read}");
    }
    let io = TokioIo::new(rig.connect(b"h2").await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::get(format!("https://{}/api", rig.address)).header("x-long", "a".repeat(270 * 1024));
    let request = request.body(Full::<Bytes>::default()).expect("a fit request");
    let answer =
        tokio::time::timeout(DEADLINE, sender.send_request(request)).await.expect("in time").expect("an answer");
    assert_eq!(answer.status(), 431);
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("\"kind\":\"Status\""), "{body:?}");
}

#[tokio::test]
async fn names_that_are_not_ours_are_refused() {
    let rig = Rig::start();
    for (host, expected) in [("evil.example", 421), ("localhost", 421), ("127.0.0.1:1", 421), ("a b", 400)] {
        assert_eq!(rig.ask("GET /api HTTP/1.1", &[&format!("Host: {host}")]).await.0, expected, "{host}");
    }
    let localhost = format!("Host: localhost:{}", rig.address.port());
    assert_eq!(rig.ask("GET /api HTTP/1.1", &[&localhost]).await.0, 200);
}

#[tokio::test]
async fn pages_are_refused_unless_their_origin_is_allowed() {
    let rig = Rig::start();
    assert_eq!(rig.ask("GET /api HTTP/1.1", &["Origin: https://evil.example"]).await.0, 403);
    assert_eq!(rig.ask("GET /api HTTP/1.1", &["Origin: null"]).await.0, 403);
    let (code, read) = rig.ask("GET /api HTTP/1.1", &["Origin: https://console.example"]).await;
    assert_eq!(code, 200);
    assert!(!read.to_lowercase().contains("access-control-"), "{read}");
    // P3: clients that are no browser name the server itself.
    let own = format!("Origin: https://{}", rig.address);
    assert_eq!(rig.ask("GET /api HTTP/1.1", &[&own]).await.0, 200);
    let (code, read) = rig.ask("GET /api HTTP/1.1", &["Origin: https://other.example"]).await;
    assert!(code == 403 && read.contains("`callers.allowedOrigins`"), "{read}");
}

#[tokio::test]
async fn there_is_exactly_one_host() {
    let rig = Rig::start();
    let host = format!("Host: {}", rig.address);
    assert_eq!(rig.ask("GET /api HTTP/1.1", &[&host, &host]).await.0, 400);
    let bearer = format!("Authorization: Bearer {}", rig.token);
    let read = rig.raw(&format!("GET /api HTTP/1.1\r\n{bearer}\r\nConnection: close\r\n\r\n")).await;
    assert!(read.starts_with("HTTP/1.1 400"), "{read}");
}

#[tokio::test]
async fn this_is_no_forward_proxy() {
    let rig = Rig::start();
    assert_eq!(rig.ask("GET http://evil.example/ HTTP/1.1", &[]).await.0, 400);
    assert_eq!(rig.ask("CONNECT evil.example:443 HTTP/1.1", &[]).await.0, 405);
    assert_eq!(rig.ask("OPTIONS * HTTP/1.1", &[]).await.0, 405);
    assert_eq!(rig.ask("TRACE /api HTTP/1.1", &[]).await.0, 405);
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let rig = Rig::start();
    let bearer = format!("Host: {}\r\nAuthorization: Bearer {}", rig.address, rig.token);
    let read = rig
        .raw(&format!(
            "GET /panic HTTP/1.1\r\n{bearer}\r\n\r\nGET /api HTTP/1.1\r\n{bearer}\r\nConnection: close\r\n\r\n"
        ))
        .await;
    assert!(read.starts_with("HTTP/1.1 500") && read.contains("HTTP/1.1 200"), "{read}");
}

#[tokio::test]
async fn nothing_is_smuggled_behind_a_body() {
    let rig = Rig::start();
    let bearer = format!("Host: {}\r\nAuthorization: Bearer {}", rig.address, rig.token);
    let hidden = format!("GET /smuggled HTTP/1.1\r\n{bearer}\r\n\r\n");
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked",
    ] {
        let read = rig.raw(&format!("POST /api HTTP/1.1\r\n{bearer}\r\n{lines}\r\n\r\n0\r\n\r\n{hidden}")).await;
        assert!(read.starts_with("HTTP/1.1 200") && !read.contains("smuggled"), "{lines}: {read}");
    }
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length : 5",
        "X: a\r\n b",
        "X: a\0b",
    ] {
        let read = rig.raw(&format!("POST /api HTTP/1.1\r\n{bearer}\r\n{lines}\r\n\r\n0\r\n\r\n{hidden}")).await;
        assert!(read.starts_with("HTTP/1.1 400") && !read.contains("smuggled"), "{lines}: {read}");
    }
    let read = rig.raw(&format!("POST /api HTTP/1.0\r\n{bearer}\r\nTransfer-Encoding: chunked\r\n\r\n{hidden}")).await;
    assert!(read.starts_with("HTTP/1.") && read.get(9..12) == Some("400"), "{read}");
}

#[tokio::test]
async fn a_bare_line_feed_is_harmless() {
    let rig = Rig::start();
    let bearer = format!("Host: {}\nAuthorization: Bearer {}", rig.address, rig.token);
    let read = rig.raw(&format!("GET /api HTTP/1.1\n{bearer}\nX-A: b\nConnection: close\n\n")).await;
    assert!(read.starts_with("HTTP/1.1 200") && read.contains("x-a: b\n"), "{read}");
}

#[tokio::test]
async fn paths_that_read_two_ways_are_refused() {
    let rig = Rig::start();
    for path in ["/api/v1//pods", "/api/v1/../x", "/api/v1/a%2Fb", "/api/v1/a%5cb", "/api/%00", "/api/%zz", "/%2e%2e"] {
        assert_eq!(rig.ask(&format!("GET {path} HTTP/1.1"), &[]).await.0, 400, "{path}");
    }
}

#[tokio::test]
async fn tokens_in_a_query_are_refused_and_never_said_again() {
    let rig = Rig::start();
    let (code, read) = rig.ask("GET /api/v1/pods?token=hidden HTTP/1.1", &[]).await;
    assert_eq!(code, 400);
    assert!(!read.contains("hidden"), "{read}");
}

#[tokio::test]
async fn identity_headers_are_ours_alone() {
    let rig = Rig::start();
    let (code, read) = rig
        .ask(
            "GET /api HTTP/1.1",
            &[
                "X-Remote-User: admin",
                "x_remote_group: system:masters",
                "X-Forwarded-For: 1.2.3.4",
                "Cookie: a=b",
                "Proxy-Authorization: Basic x",
                "Connection: x-one, impersonate-user, audit-id",
                "X-One: gone",
                "X-Two: kept",
                "Audit-ID: chosen",
            ],
        )
        .await;
    assert_eq!(code, 200, "{read}");
    let (_, body) = read.split_once("\r\n\r\n").expect("a body");
    let mut lines: Vec<&str> = body.lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["audit-id: chosen", "impersonate-user: jane", "x-two: kept"]);
    for name in ["Impersonate-User", "IMPERSONATE-GROUP", "impersonate_user", "Impersonate-Extra-a"] {
        assert_eq!(rig.ask("GET /api HTTP/1.1", &[&format!("{name}: admin")]).await.0, 403, "{name}");
    }
}

#[tokio::test]
async fn a_token_among_subprotocols_is_a_credential() {
    use base64::Engine as _;
    let rig = Rig::start();
    let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&rig.token);
    let line = format!(
        "Sec-WebSocket-Protocol: v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.{token}, v5.channel.k8s.io"
    );
    let (code, read) = rig.ask_as_nobody("GET /api HTTP/1.1", &[&line]).await;
    assert_eq!(code, 200, "{read}");
    assert!(read.contains("sec-websocket-protocol: v4.channel.k8s.io, v5.channel.k8s.io\n"), "{read}");
    assert!(!read.contains(&token) && !read.contains(&rig.token), "{read}");
}

#[tokio::test]
async fn an_upgrade_with_a_body_is_refused() {
    let rig = Rig::start();
    for line in ["Content-Length: 3", "Transfer-Encoding: chunked"] {
        let headers = ["Upgrade: websocket", "Connection: Upgrade", line];
        assert_eq!(rig.ask("GET /api HTTP/1.1", &headers).await.0, 400, "{line}");
    }
    assert_eq!(rig.ask("PUT /api HTTP/1.1", &["Upgrade: SPDY/3.1", "Connection: Upgrade"]).await.0, 400);
}
