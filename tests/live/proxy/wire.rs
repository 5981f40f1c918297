//! A plain HTTP client that counts: so many requests over so many connections, and what became of each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::rig::Outcome;

/// After this an answer is not slow but missing.
pub(crate) const ANSWER: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// Whom to ask, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    /// `None` asks in clear text, as `kubectl proxy` wants it.
    tls: Option<Arc<rustls::ClientConfig>>,
    version: Version,
}

impl Target {
    /// A server whose certificate this CA (PEM) has signed.
    pub(crate) fn new(address: SocketAddr, authority: &str, token: &str, version: Version) -> Outcome<Self> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
            roots.add(certificate.map_err(|error| format!("not a CA: {error:?}"))?)?;
        }
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        // The same cipher for everybody who is compared.
        provider.cipher_suites.retain(|suite| suite.suite() == rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = match version {
            Version::One => vec![b"http/1.1".to_vec()],
            Version::Two => vec![b"h2".to_vec()],
        };
        // Every connection makes a whole handshake.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self { address, token: token.to_owned(), tls: Some(Arc::new(config)), version })
    }

    /// A server that speaks HTTP/1.1 in clear text.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self { address, token: String::new(), tls: None, version: Version::One }
    }

    pub(crate) fn request(&self, path: &str) -> Outcome<Request<Empty<Bytes>>> {
        let request = match self.version {
            Version::One => Request::get(path).header("host", self.address.to_string()),
            Version::Two => Request::get(format!("https://{}{path}", self.address)),
        };
        // `kubectl proxy` has a token of its own, and lets ours go before it.
        let token = Some(&self.token).filter(|token| !token.is_empty());
        let request = token.into_iter().fold(request, |r, token| r.header("authorization", format!("Bearer {token}")));
        Ok(request.body(Empty::new())?)
    }

    pub(crate) async fn connect(&self) -> Outcome<Connection> {
        let Some(config) = &self.tls else { return Connection::one(TokioIo::new(self.tcp().await?)).await };
        let stream = self.handshake(config).await?;
        match self.version {
            Version::One => Connection::one(TokioIo::new(stream)).await,
            Version::Two => Connection::two(TokioIo::new(stream)).await,
        }
    }

    /// A connection to speak on by hand.
    pub(crate) async fn stream(&self) -> Outcome<TlsStream<TcpStream>> {
        self.handshake(self.tls.as_ref().ok_or("in clear text")?).await
    }

    async fn tcp(&self) -> Outcome<TcpStream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn handshake(&self, config: &Arc<rustls::ClientConfig>) -> Outcome<TlsStream<TcpStream>> {
        let name = ServerName::IpAddress(self.address.ip().into());
        Ok(TlsConnector::from(Arc::clone(config)).connect(name, self.tcp().await?).await?)
    }
}

/// One connection. An HTTP/2 one may be cloned, and carries several requests at once.
#[derive(Debug)]
pub(crate) enum Connection {
    One(http1::SendRequest<Empty<Bytes>>),
    Two(http2::SendRequest<Empty<Bytes>>),
}

impl Connection {
    async fn one<I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static>(io: I) -> Outcome<Self> {
        let (sender, connection) = http1::handshake(io).await?;
        // How a connection ends is told to whoever waits for an answer on it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self::One(sender))
    }

    async fn two<I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static>(io: I) -> Outcome<Self> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new()).handshake(io).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self::Two(sender))
    }

    /// A second handle of the same connection, where the protocol has that.
    pub(crate) fn share(&self) -> Option<Self> {
        match self {
            Self::One(_) => None,
            Self::Two(sender) => Some(Self::Two(sender.clone())),
        }
    }

    /// The head of the answer; its body still comes.
    pub(crate) async fn open(&mut self, target: &Target, path: &str) -> Outcome<Response<Incoming>> {
        self.send(target.request(path)?).await.map_err(|error| format!("{path}: {error}").into())
    }

    /// The head of the answer to a request of the caller's own.
    pub(crate) async fn send(&mut self, request: Request<Empty<Bytes>>) -> Outcome<Response<Incoming>> {
        let answer = async {
            match self {
                Self::One(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Self::Two(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        Ok(timeout(ANSWER, answer).await.map_err(|_| format!("no answer in {ANSWER:?}"))??)
    }

    /// The whole answer.
    pub(crate) async fn get(&mut self, target: &Target, path: &str) -> Outcome<(StatusCode, Bytes)> {
        let answer = self.open(target, path).await?;
        let status = answer.status();
        let body = timeout(ANSWER, answer.into_body().collect()).await.map_err(|_| "the body does not end")??;
        Ok((status, body.to_bytes()))
    }
}

/// What became of many requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) done: usize,
    /// The first of what went wrong; `wrong` counts all.
    pub(crate) first: Vec<String>,
    pub(crate) wrong: usize,
    pub(crate) seconds: f64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.done += other.done;
        self.wrong += other.wrong;
        self.first.extend(other.first);
        self.first.truncate(5);
    }

    fn failed(&mut self, why: impl std::fmt::Display) {
        self.wrong += 1;
        if self.first.len() < 5 {
            self.first.push(why.to_string());
        }
    }
}

/// How to load a server: `lanes` requests at once on each of `connections`, until `total` were asked.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) path: String,
    pub(crate) connections: usize,
    pub(crate) lanes: usize,
    pub(crate) total: usize,
}

/// Asks as `load` says. Anything but a whole answer of 200 is wrong.
pub(crate) async fn load(target: &Target, load: &Load) -> Outcome<Tally> {
    let (target, wanted) = (Arc::new(target.clone()), Arc::new(load.clone()));
    let asked = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut lanes = tokio::task::JoinSet::new();
    for _ in 0..load.connections {
        let first = target.connect().await?;
        let more: Vec<_> = (1..load.lanes).filter_map(|_| first.share()).collect();
        for connection in more.into_iter().chain([first]) {
            lanes.spawn(lane(connection, Arc::clone(&target), Arc::clone(&wanted), Arc::clone(&asked)));
        }
    }
    let mut tally = Tally::default();
    while let Some(lane) = lanes.join_next().await {
        tally.add(lane?);
    }
    tally.seconds = started.elapsed().as_secs_f64();
    Ok(tally)
}

async fn lane(mut connection: Connection, target: Arc<Target>, load: Arc<Load>, asked: Arc<AtomicUsize>) -> Tally {
    let mut tally = Tally::default();
    while asked.fetch_add(1, Ordering::Relaxed) < load.total {
        match connection.get(&target, &load.path).await {
            Ok((StatusCode::OK, _)) => tally.done += 1,
            Ok((status, body)) => tally.failed(format!("{status}: {}", String::from_utf8_lossy(&body))),
            Err(error) => {
                tally.failed(error);
                match target.connect().await {
                    Ok(again) => connection = again,
                    Err(error) => {
                        tally.failed(error);
                        return tally;
                    }
                }
            }
        }
    }
    tally
}
