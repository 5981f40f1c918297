//! A connection: name, TCP, proxy and TLS, within one deadline; each step has its own error text.

use super::CONNECT_TIMEOUT;
use super::proxy::{PROXY_URL, Proxy, Scheme};
use super::resolver::{Forbidden, Resolver, Unresolved};
use super::socks::{self, SocksError};
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::{errors, tls};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use futures::future::BoxFuture;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

/// Idle time after which the kernel probes the peer.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long what was sent may stay without an acknowledgement.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// The round trip of a network where a server's compression costs more than it saves.
const NEAR: Duration = Duration::from_millis(5);

/// Callback for failed TLS handshakes with a server; one that took too long is [`io::ErrorKind::TimedOut`].
pub type TlsFailed = Arc<dyn Fn(&io::Error) + Send + Sync>;

/// Measurements of the connections to a server.
#[derive(Clone, Default)]
pub(crate) struct Observed {
    seen: Arc<Mutex<Seen>>,
    tls_failed: Option<TlsFailed>,
}

#[derive(Debug, Default)]
struct Seen {
    /// When the last seen certificate expires.
    not_after: Option<UnixSeconds>,
    /// How long the last connection took to open, before TLS: one round trip.
    round_trip: Option<Duration>,
}

impl Observed {
    /// Also reports failed handshakes, to `tls_failed`.
    pub(crate) fn telling(tls_failed: TlsFailed) -> Self {
        Self { tls_failed: Some(tls_failed), ..Self::default() }
    }

    /// When the last seen certificate expires; `None` before the first TLS handshake.
    pub(crate) fn not_after(&self) -> Option<UnixSeconds> {
        self.seen.lock().not_after
    }

    /// Returns true if the round trip is so short that compression takes longer than it saves. False if the round trip
    /// is unknown, or if the connection goes through a proxy.
    pub(crate) fn is_near(&self) -> bool {
        self.seen.lock().round_trip.is_some_and(|took| took < NEAR)
    }
}

/// An open connection.
pub(crate) struct Dialled {
    pub(crate) io: TokioIo<Socket>,
    /// Both sides agreed on HTTP/2 by ALPN.
    pub(crate) h2: bool,
}

/// Opens connections to one server.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector<Resolver>,
    proxy: Option<Arc<Proxy>>,
    /// `None` for a server without TLS.
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// PEM of the authority that verifies the server, and may verify an `https://` proxy.
    authority: Option<Arc<[u8]>>,
    /// `host:port`, for messages.
    address: Arc<str>,
    observed: Observed,
}

impl Connector {
    pub(crate) fn new(
        address: &Arc<str>,
        proxy: Option<Arc<Proxy>>,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
        observed: &Observed,
        guarded: bool,
    ) -> Self {
        // Where a proxy leads on, its name is the only one resolved here; the user's own may be anywhere.
        let guarded = guarded && proxy.as_ref().is_none_or(|proxy| proxy.source == PROXY_URL);
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(guarded));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        Self { tcp, proxy, tls, authority: None, address: Arc::clone(address), observed: observed.clone() }
    }

    /// Sets the certificates that verify the server.
    #[must_use]
    pub(crate) fn trusting(self, trust: &tls::Trust) -> Self {
        Self { authority: trust.ca.as_deref().filter(|_| self.proxy.is_some()).map(Arc::from), ..self }
    }

    /// Opens one connection, within [`CONNECT_TIMEOUT`]; the caller speaks HTTP on it. Fails if a step fails or the
    /// whole takes too long.
    pub(crate) async fn dial(self, to: Uri) -> Result<Dialled, ClusterError> {
        let until = Instant::now() + CONNECT_TIMEOUT;
        let stream = timeout_at(until, self.connect(to)).await.map_err(|_| self.late())??;
        let Some((config, name)) = &self.tls else {
            return Ok(Dialled { io: TokioIo::new(Socket(stream)), h2: false });
        };
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream);
        let (why, error) = match timeout_at(until, handshake).await {
            Ok(Ok(stream)) => return Ok(self.secured(stream)),
            Ok(Err(why)) => {
                let error = tls_failed(&why, &self.address);
                (why, error)
            }
            Err(_) => (io::ErrorKind::TimedOut.into(), self.late()),
        };
        if let Some(tell) = &self.observed.tls_failed {
            tell(&why);
        }
        Err(error)
    }

    /// The error if the whole took too long.
    fn late(&self) -> ClusterError {
        let via = self.proxy.as_ref().map(|p| format!(" by way of the proxy {}", p.address())).unwrap_or_default();
        let waited = errors::seconds(CONNECT_TIMEOUT);
        ClusterError::Unreachable(Text::from(format!("timed out after {waited} connecting to {}{via}", self.address)))
    }

    /// Opens the byte stream below TLS.
    async fn connect(&self, to: Uri) -> Result<Box<dyn Stream>, ClusterError> {
        let Some(proxy) = &self.proxy else {
            let since = Instant::now();
            let stream = self.tcp.clone().call(to).await.map_err(|e| tcp_failed(&e, &self.address))?.into_inner();
            self.observed.seen.lock().round_trip = Some(since.elapsed());
            return Ok(Box::new(stream));
        };
        self.through(proxy, to).await
    }

    fn secured(&self, stream: TlsStream<Box<dyn Stream>>) -> Dialled {
        let session = stream.get_ref().1;
        if let Some(leaf) = session.peer_certificates().and_then(<[_]>::first) {
            self.observed.seen.lock().not_after = tls::not_after(leaf);
        }
        let h2 = session.alpn_protocol() == Some(tls::ALPN_H2);
        Dialled { io: TokioIo::new(Socket(Box::new(stream))), h2 }
    }

    /// Opens the byte stream through a proxy.
    async fn through(&self, proxy: &Proxy, to: Uri) -> Result<Box<dyn Stream>, ClusterError> {
        let mut stream = match proxy.scheme {
            Scheme::Http | Scheme::Socks5 => self.reach(proxy).await,
            Scheme::Https => self.encrypted(proxy).await,
        }
        .map_err(|e| proxy_failed(&e, proxy))?;
        // Both kinds need the port spelled out.
        let to = with_port(&to);
        match proxy.scheme {
            Scheme::Http | Scheme::Https => {
                let mut tunnel = authorised(Tunnel::new(proxy.uri.clone(), Ready(Some(Socket(stream)))), proxy);
                let socket = tunnel.call(to).await.map_err(|e| proxy_failed(&e, proxy))?;
                Ok(Box::new(socket.into_inner()))
            }
            Scheme::Socks5 => {
                let place = (to.host().unwrap_or_default(), to.port_u16().unwrap_or_default());
                let connected = socks::connect(&mut stream, proxy.login.as_ref(), place).await;
                connected.map_err(|e| proxy_failed(&e, proxy))?;
                Ok(stream)
            }
        }
    }

    async fn reach(&self, proxy: &Proxy) -> Result<Box<dyn Stream>, ClusterError> {
        let reached = self.tcp.clone().call(proxy.uri.clone()).await;
        Ok(Box::new(reached.map_err(|e| tcp_failed(&e, &proxy.address()))?.into_inner()))
    }

    /// Opens TLS to an `https://` proxy. The cluster's own authority may verify it, as with kubectl, else the system's
    /// roots, as with curl. `insecure-skip-tls-verify` is for the server, not for the proxy, which receives a login;
    /// nor is the client certificate for the proxy.
    async fn encrypted(&self, proxy: &Proxy) -> Result<Box<dyn Stream>, ClusterError> {
        let name = tls::server_name(proxy.uri.host().unwrap_or_default())?;
        let own = self.authority.as_deref().map(|pem| Some(pem.to_vec()));
        let mut failed = None;
        for ca in own.into_iter().chain([None]) {
            let config = tls::configure(&tls::Trust { ca, insecure: false, identity: None })?;
            let stream = self.reach(proxy).await?;
            match TlsConnector::from(Arc::new(config)).connect(name.clone(), stream).await {
                Ok(stream) => return Ok(Box::new(stream)),
                Err(error) => {
                    let is_strange = is_unknown(&error);
                    failed = Some(tls_failed(&error, &proxy.address()));
                    if !is_strange {
                        break;
                    }
                }
            }
        }
        Err(failed.unwrap_or_else(|| ClusterError::Unreachable(Text::const_new("no TLS"))))
    }
}

/// Returns true if the only problem is that no known authority verifies the peer.
fn is_unknown(error: &io::Error) -> bool {
    use rustls::{CertificateError, Error};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    matches!(inner, Some(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)))
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Socket>;
    type Error = ClusterError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.dial(to).await.map(|dialled| dialled.io) })
    }
}

fn with_port(to: &Uri) -> Uri {
    if to.port_u16().is_some() {
        return to.clone();
    }
    let port = if to.scheme_str() == Some("http") { 80 } else { 443 };
    let whole = format!("{}://{}:{port}/", to.scheme_str().unwrap_or("https"), to.host().unwrap_or_default());
    whole.parse().unwrap_or_else(|_| to.clone())
}

fn authorised<C>(tunnel: Tunnel<C>, proxy: &Proxy) -> Tunnel<C> {
    use base64::Engine as _;
    let Some((user, password)) = &proxy.login else {
        return tunnel;
    };
    let login = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    match HeaderValue::from_str(&format!("Basic {login}")) {
        Ok(value) => tunnel.with_auth(value),
        Err(_) => tunnel,
    }
}

/// Returns an open connection to the tunnel, which expects to open it itself.
struct Ready(Option<Socket>);

impl Service<Uri> for Ready {
    type Response = TokioIo<Socket>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let socket = self.0.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        std::future::ready(socket.map(TokioIo::new))
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
}

fn tcp_failed(error: &(dyn Error + 'static), address: &str) -> ClusterError {
    if let Some(why) = chain(error).find_map(|e| e.downcast_ref::<Forbidden>()) {
        return ClusterError::Unreachable(Text::from(why.to_string()));
    }
    if let Some(why) = chain(error).find_map(|e| e.downcast_ref::<Unresolved>()) {
        return ClusterError::Unreachable(Text::from(why.to_string()));
    }
    let kind = chain(error).find_map(|e| e.downcast_ref::<io::Error>()).map(io::Error::kind);
    let text = match kind.and_then(errors::of_io) {
        Some(text) => format!("{text} ({address})"),
        None => format!("{} ({address})", errors::sentence(&chain(error).last().unwrap_or(error).to_string())),
    };
    ClusterError::Unreachable(Text::from(text))
}

fn tls_failed(error: &io::Error, address: &str) -> ClusterError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(e) => errors::of_tls(e, address),
        None => match errors::of_io(error.kind()) {
            Some(_) => {
                ClusterError::Unreachable(Text::from(format!("the connection was closed during TLS ({address})")))
            }
            None => ClusterError::Unreachable(Text::from(format!(
                "TLS failed ({address}): {}",
                errors::sentence(&error.to_string())
            ))),
        },
    }
}

fn proxy_failed(error: &(dyn Error + 'static), proxy: &Proxy) -> ClusterError {
    let name = proxy.address();
    let why = match (error.downcast_ref::<ClusterError>(), error.to_string()) {
        (None, text) if matches!(error.downcast_ref(), Some(SocksError::Refused(_))) => text,
        (Some(told), _) => told.to_string().replace(&format!(" ({name})"), ""),
        (None, text) if text.contains("proxy authorization required") => match proxy.login {
            None => "it asks for a user and password".to_owned(),
            Some(_) => "it does not accept the user and password".to_owned(),
        },
        (None, text) if text.contains("unsuccessful") => "it refused to connect us".to_owned(),
        (None, text) => {
            let kind = chain(error).find_map(|e| e.downcast_ref::<io::Error>()).map(io::Error::kind);
            let step = kind.and_then(errors::of_io).map(str::to_owned);
            step.unwrap_or_else(|| errors::sentence(&text).to_string())
        }
    };
    ClusterError::Unreachable(Text::from(format!("the proxy {name} ({}) failed: {why}", proxy.source)))
}

/// Any byte stream.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection in the form that the HTTP client takes.
pub(crate) struct Socket(Box<dyn Stream>);

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
