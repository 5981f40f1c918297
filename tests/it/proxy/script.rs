//! An API server that does as it is told: over TLS, HTTP/2 or HTTP/1.1, well or badly. Knobs may be turned while it runs.
//!
//! Without a knob it echoes what it was asked as JSON, serves `/readyz`, and holds requests with `watch=` open until
//! [`Script::emit`] or [`Script::end_watches`].

mod h1;
mod h2;
mod raw;

use http::{HeaderMap, Method};
use hyper::body::Bytes;
use parking_lot::Mutex;
use quarterdeck::engine::k8s::endpoint::{Endpoint, Material, Secret, User};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, broadcast, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a condition of a test may take to come true.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How soon it is looked at again.
const AGAIN: Duration = Duration::from_millis(20);

/// Between the half of a body that goes out and its breaking off, so that the half is on its way.
const BEFORE_CUT: Duration = Duration::from_millis(20);

/// What the server was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Path and query.
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: HeaderMap,
    pub(super) h2: bool,
    /// Which connection it came on, counted from 1.
    pub(super) connection: u32,
    /// The common name of the client's certificate.
    pub(super) client: Option<String>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().expect("the header is text"))
    }
}

/// An answer of a test's own.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    /// Over HTTP/2.
    pub(super) trailers: HeaderMap,
}

impl Reply {
    pub(super) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: body.into(), trailers: HeaderMap::new() }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type Answerer = Arc<dyn Fn(&Asked) -> Option<Reply> + Send + Sync>;

/// How it behaves. Counts are of requests still to be treated so.
#[derive(Clone)]
pub(super) struct Knobs {
    /// The status of `/readyz`.
    pub(super) ready: u16,
    /// Whole `Authorization` values that are accepted; `None` accepts all.
    pub(super) accepts: Option<Vec<String>>,
    /// ALPN offers nothing else.
    pub(super) h1_only: bool,
    /// A client certificate of its own authority is demanded.
    pub(super) asks_certificate: bool,
    /// SETTINGS_MAX_CONCURRENT_STREAMS of new connections; `None` names no limit.
    pub(super) streams: Option<u32>,
    /// Streams answered with REFUSED_STREAM.
    pub(super) refuse: u32,
    /// Requests read whole and answered with a reset, or a closed connection.
    pub(super) vanish: u32,
    /// Answers that break off in the middle of their body.
    pub(super) cut_body: u32,
    /// The reason of the reset that breaks an answer off, over HTTP/2.
    pub(super) cut_for: ::h2::Reason,
    /// A graceful GOAWAY after so many requests of a connection.
    pub(super) goaway_after: Option<u32>,
    /// Connections whose first request meets a GOAWAY that does not cover it.
    pub(super) goaway_below: u32,
    /// Before each head.
    pub(super) slow_head: Duration,
    /// Over HTTP/2, what becomes of the bodies of requests.
    pub(super) bodies: Bodies,
    /// New connections are handled by hand: what they get for their first head; then they echo.
    pub(super) raw: Option<Bytes>,
    /// New connections are accepted, and never speak.
    pub(super) mute: bool,
    /// Asked first; `None` of it means the default.
    pub(super) answer: Option<Answerer>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            ready: 200,
            accepts: None,
            h1_only: false,
            asks_certificate: false,
            streams: Some(100),
            refuse: 0,
            vanish: 0,
            cut_body: 0,
            cut_for: ::h2::Reason::INTERNAL_ERROR,
            goaway_after: None,
            goaway_below: 0,
            slow_head: Duration::ZERO,
            bodies: Bodies::First,
            raw: None,
            mute: false,
            answer: None,
        }
    }
}

/// How the body of a request fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bodies {
    /// Read, then answered.
    First,
    /// Not read for the time being.
    Held,
    /// Answered, and then left.
    Left,
    /// Answered, and then read.
    Last,
}

/// What one request comes to.
enum Plan {
    Reply(Reply),
    Watch,
    Refuse,
    Vanish,
    CutBody,
}

struct Inner {
    name: String,
    authority: CertifiedIssuer<'static, KeyPair>,
    certificate: (CertificateDer<'static>, Vec<u8>),
    knobs: Mutex<Knobs>,
    asked: Mutex<Vec<Asked>>,
    /// Heads that raw connections got, as they came.
    heads: Mutex<Vec<String>>,
    probes: AtomicU32,
    /// Connections accepted so far, which numbers them, and those open.
    accepted: AtomicU32,
    open: AtomicU32,
    /// Watches held open, and those whose client went away.
    watching: AtomicU32,
    gone: AtomicU32,
    /// Bodies of requests, over HTTP/2, of which something came.
    begun: AtomicU32,
    /// Why clients reset their streams before the answer.
    resets: Mutex<Vec<::h2::Reason>>,
    /// Something above has changed.
    changed: Notify,
    events: broadcast::Sender<Bytes>,
    end: watch::Sender<u64>,
    /// Sends a graceful GOAWAY on every connection.
    goaway: watch::Sender<u64>,
    frozen: watch::Sender<bool>,
}

/// A running server; it ends when dropped.
pub(super) struct Script {
    inner: Arc<Inner>,
    pub(super) address: SocketAddr,
    running: Mutex<Option<DropGuard>>,
}

impl Script {
    pub(super) async fn start(name: &str) -> Self {
        Self::with(name, |_| ()).await
    }

    /// With its knobs turned before the first connection.
    pub(super) async fn with(name: &str, turn: impl FnOnce(&mut Knobs)) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let mut knobs = Knobs::default();
        turn(&mut knobs);
        let authority = authority(name);
        let certificate = issue(&authority, "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
        let inner = Arc::new(Inner {
            name: name.to_owned(),
            certificate: (certificate.0.der().clone(), certificate.1.serialize_der()),
            authority,
            knobs: Mutex::new(knobs),
            asked: Mutex::default(),
            heads: Mutex::default(),
            probes: AtomicU32::new(0),
            accepted: AtomicU32::new(0),
            open: AtomicU32::new(0),
            watching: AtomicU32::new(0),
            gone: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            resets: Mutex::default(),
            changed: Notify::new(),
            events: broadcast::channel(64).0,
            end: watch::channel(0).0,
            goaway: watch::channel(0).0,
            frozen: watch::channel(false).0,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let script = Self { inner, address, running: Mutex::default() };
        script.run(listener);
        script
    }

    fn run(&self, listener: TcpListener) {
        let token = CancellationToken::new();
        let inner = Arc::clone(&self.inner);
        tokio::spawn(token.clone().run_until_cancelled_owned(accept(listener, inner, token.clone())));
        *self.running.lock() = Some(token.drop_guard());
    }

    /// Closes the port and all connections.
    pub(super) async fn kill(&self) {
        drop(self.running.lock().take());
        self.until("its connections are closed", |s| s.open() == 0).await;
    }

    /// Comes back on the same port.
    pub(super) async fn revive(&self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is free again");
        self.run(listener);
    }

    /// Stops reading and writing on all connections without closing them.
    pub(super) fn freeze(&self) {
        self.inner.frozen.send_replace(true);
    }

    pub(super) fn turn(&self, turn: impl FnOnce(&mut Knobs)) {
        turn(&mut self.inner.knobs.lock());
        self.inner.changed();
    }

    /// A GOAWAY on every HTTP/2 connection; streams go on.
    pub(super) fn go_away(&self) {
        self.inner.goaway.send_modify(|n| *n += 1);
    }

    /// A frame on every watch.
    pub(super) fn emit(&self, frame: &'static str) {
        drop(self.inner.events.send(Bytes::from_static(frame.as_bytes())));
    }

    pub(super) fn end_watches(&self) {
        self.inner.end.send_modify(|n| *n += 1);
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.inner.asked.lock().clone()
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.inner.heads.lock().clone()
    }

    pub(super) fn probes(&self) -> u32 {
        self.inner.probes.load(Ordering::SeqCst)
    }

    pub(super) fn open(&self) -> u32 {
        self.inner.open.load(Ordering::SeqCst)
    }

    pub(super) fn watching(&self) -> u32 {
        self.inner.watching.load(Ordering::SeqCst)
    }

    /// Watches whose client went away.
    pub(super) fn gone(&self) -> u32 {
        self.inner.gone.load(Ordering::SeqCst)
    }

    pub(super) fn begun(&self) -> u32 {
        self.inner.begun.load(Ordering::SeqCst)
    }

    pub(super) fn resets(&self) -> Vec<::h2::Reason> {
        self.inner.resets.lock().clone()
    }

    /// Waits until it is so.
    pub(super) async fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let waiting = async {
            loop {
                let changed = self.inner.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if so(self) {
                    return;
                }
                // What it is about may not be the server's own.
                drop(tokio::time::timeout(AGAIN, changed).await);
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "{}: never came true: {what}", self.inner.name);
    }

    pub(super) fn name(&self) -> &str {
        &self.inner.name
    }

    /// Its authority, PEM.
    pub(super) fn ca(&self) -> String {
        self.inner.authority.pem()
    }

    /// A client certificate and its key, PEM.
    pub(super) fn client(&self, name: &str) -> (String, String) {
        let (certificate, key) = issue(&self.inner.authority, name, ExtendedKeyUsagePurpose::ClientAuth);
        (certificate.pem(), key.serialize_pem())
    }

    /// How to reach it, without credentials.
    pub(super) fn endpoint(&self) -> Endpoint {
        let server = format!("https://{}", self.address);
        let ca = Some(inline(&self.ca()));
        Endpoint { ca, disable_compression: true, timeout_s: 10, ..Endpoint::plain(server, self.name()) }
    }

    /// With a bearer token.
    pub(super) fn endpoint_with(&self, token: &str) -> Endpoint {
        Endpoint { user: User { token: Some(inline(token)), ..User::default() }, ..self.endpoint() }
    }
}

pub(super) fn inline(text: &str) -> Material {
    Material::Inline(Secret(text.to_owned()))
}

impl Inner {
    fn changed(&self) {
        self.changed.notify_waiters();
    }

    fn reset(&self, reason: ::h2::Reason) {
        self.resets.lock().push(reason);
        self.changed();
    }

    /// Decides about one request, and remembers it.
    fn plan(&self, asked: Asked) -> Plan {
        let mut knobs = self.knobs.lock();
        let path = asked.uri.split('?').next().unwrap_or_default();
        if path.ends_with("/readyz") || path.ends_with("/livez") {
            self.probes.fetch_add(1, Ordering::SeqCst);
            let status = knobs.ready;
            drop(knobs);
            self.changed();
            let body = if status == 200 { "ok" } else { "[+]ping ok\n[-]etcd failed: reason withheld\n" };
            return Plan::Reply(Reply::new(status, body));
        }
        let refused = knobs.accepts.as_ref().is_some_and(|all| !all.iter().any(|t| t == asked.header("authorization")));
        let mut spend = |count: fn(&mut Knobs) -> &mut u32| {
            let left = count(&mut knobs);
            let spent = *left > 0;
            *left = left.saturating_sub(1);
            spent
        };
        let plan = if spend(|k| &mut k.refuse) {
            Plan::Refuse
        } else if spend(|k| &mut k.vanish) {
            Plan::Vanish
        } else if refused {
            Plan::Reply(Reply::new(401, r#"{"kind":"Status","status":"Failure","reason":"Unauthorized","code":401}"#))
        } else if spend(|k| &mut k.cut_body) {
            Plan::CutBody
        } else if let Some(reply) = knobs.answer.clone().and_then(|answer| answer(&asked)) {
            Plan::Reply(reply)
        } else if asked.uri.split(['?', '&']).skip(1).any(|pair| matches!(pair, "watch=1" | "watch=true")) {
            Plan::Watch
        } else {
            Plan::Reply(Reply::new(200, self.echo(&asked)))
        };
        drop(knobs);
        self.asked.lock().push(asked);
        self.changed();
        plan
    }

    fn echo(&self, asked: &Asked) -> String {
        serde_json::json!({
            "server": self.name,
            "method": asked.method.as_str(),
            "uri": asked.uri,
            "connection": asked.connection,
            "body": String::from_utf8_lossy(&asked.body),
        })
        .to_string()
    }

    fn tls(&self) -> ServerConfig {
        let knobs = self.knobs.lock();
        let builder = ServerConfig::builder();
        let builder = if knobs.asks_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.authority.der().clone()).expect("a root");
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("roots"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(self.certificate.1.clone()).expect("a key");
        let mut config = builder.with_single_cert(vec![self.certificate.0.clone()], key).expect("they fit");
        config.alpn_protocols =
            if knobs.h1_only { vec![b"http/1.1".to_vec()] } else { vec![b"h2".to_vec(), b"http/1.1".to_vec()] };
        config
    }

    /// Comes once the server is frozen.
    async fn frozen(&self) {
        drop(self.frozen.subscribe().wait_for(|frozen| *frozen).await);
    }
}

async fn accept(listener: TcpListener, inner: Arc<Inner>, token: CancellationToken) {
    while let Ok((stream, _)) = listener.accept().await {
        let number = inner.accepted.fetch_add(1, Ordering::SeqCst) + 1;
        let held = Count::new(&inner, |i| &i.open);
        let inner = Arc::clone(&inner);
        tokio::spawn(token.clone().run_until_cancelled_owned(async move {
            let _held = held;
            // A client that goes away in the middle is part of the tests.
            drop(connection(stream, number, inner).await);
        }));
    }
}

async fn connection(stream: TcpStream, number: u32, inner: Arc<Inner>) -> std::io::Result<()> {
    if inner.knobs.lock().mute {
        std::future::pending::<()>().await;
    }
    stream.set_nodelay(true)?;
    let stream = TlsAcceptor::from(Arc::new(inner.tls())).accept(stream).await?;
    let session = stream.get_ref().1;
    let client = session.peer_certificates().and_then(|c| common_name(c.first()?));
    let speaks_h2 = session.alpn_protocol() == Some(b"h2");
    let raw = inner.knobs.lock().raw.clone();
    let below = speaks_h2 && {
        let mut knobs = inner.knobs.lock();
        let below = knobs.goaway_below > 0;
        knobs.goaway_below = knobs.goaway_below.saturating_sub(1);
        below
    };
    let about = About { number, client, h2: speaks_h2 };
    if below {
        raw::goaway_below(stream).await
    } else if speaks_h2 {
        h2::serve(stream, about, inner).await;
        Ok(())
    } else if let Some(answer) = raw {
        raw::answer(stream, &answer, &inner).await
    } else {
        h1::serve(stream, about, inner).await;
        Ok(())
    }
}

/// What a connection adds to its requests.
#[derive(Clone)]
struct About {
    number: u32,
    client: Option<String>,
    h2: bool,
}

impl About {
    fn asked(&self, parts: http::request::Parts, body: Bytes, trailers: HeaderMap) -> Asked {
        Asked {
            uri: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            method: parts.method,
            headers: parts.headers,
            body,
            trailers,
            h2: self.h2,
            connection: self.number,
            client: self.client.clone(),
        }
    }
}

/// Counts something for as long as it is held.
struct Count(Arc<Inner>, fn(&Inner) -> &AtomicU32);

impl Count {
    fn new(inner: &Arc<Inner>, count: fn(&Inner) -> &AtomicU32) -> Self {
        count(inner).fetch_add(1, Ordering::SeqCst);
        inner.changed();
        Self(Arc::clone(inner), count)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::SeqCst);
        self.0.changed();
    }
}

fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    parsed.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("authority of {name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

fn issue(
    authority: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    usage: ExtendedKeyUsagePurpose,
) -> (rcgen::Certificate, KeyPair) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a fit name");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    (certificate, key)
}
