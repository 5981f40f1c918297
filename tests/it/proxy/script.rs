//! An API server that does as it is told: over TLS, HTTP/2 or HTTP/1.1, well or badly. Knobs may be turned while it runs.
//!
//! Without a knob it echoes what it was asked as JSON, serves `/readyz`, and holds requests with `watch=` open until
//! [`Script::emit`] or [`Script::end_watches`].

mod certificates;
mod h1;
mod h2;
mod knobs;
mod raw;
mod state;

pub(super) use knobs::{Bodies, Knobs, Reply};

use certificates::{authority, issue};
use http::{HeaderMap, Method};
use hyper::body::Bytes;
use parking_lot::Mutex;
use quarterdeck::engine::k8s::endpoint::{Endpoint, Material, Secret, User};
use rcgen::ExtendedKeyUsagePurpose;
use state::{Inner, accept};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast, watch};
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
        let certificate = issue(&authority, knobs.certified, ExtendedKeyUsagePurpose::ServerAuth);
        let inner = Arc::new(Inner {
            name: name.to_owned(),
            certificate: (certificate.0.der().clone(), certificate.1.serialize_der()),
            authority,
            knobs: Mutex::new(knobs),
            asked: Mutex::default(),
            names: Mutex::default(),
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

    /// The names by which clients asked for it, in the handshakes that they completed.
    pub(super) fn names(&self) -> Vec<Option<String>> {
        self.inner.names.lock().clone()
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
