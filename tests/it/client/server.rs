//! A small server over TLS or without, that answers as it is told and remembers what it was asked.

use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use quarterdeck::engine::k8s::endpoint::Endpoint;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the server was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
    /// The common name of the client's certificate.
    pub(super) client: Option<String>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().expect("the header is text"))
    }
}

/// A running server; it ends with the test's runtime.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// PEM; empty without TLS.
    pub(super) ca: String,
}

type Reply = Response<Full<Bytes>>;
type Answerer = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

impl Server {
    pub(super) async fn plain(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, String::new(), Arc::new(answer)).await
    }

    /// Over TLS, with a certificate for 127.0.0.1 by an authority of its own.
    pub(super) async fn tls(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let authority = Authority::new("test authority");
        let config = authority.server(&authority.issue(&["127.0.0.1"], |_| ()), false);
        Self::start(Some(config), authority.pem(), Arc::new(answer)).await
    }

    pub(super) async fn with(config: ServerConfig, ca: String) -> Self {
        Self::start(Some(config), ca, Arc::new(|_: &Asked| json("{}"))).await
    }

    async fn start(tls: Option<ServerConfig>, ca: String, answer: Answerer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = Self { address, asked: Arc::default(), ca };
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let asked = Arc::clone(&server.asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, asked, answer) = (acceptor.clone(), Arc::clone(&asked), Arc::clone(&answer));
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, None, asked, answer).await,
                        Some(acceptor) => {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            let client = stream.get_ref().1.peer_certificates().and_then(|c| common_name(c.first()?));
                            serve(stream, client, asked, answer).await;
                        }
                    }
                });
            }
        });
        server
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        let scheme = if self.ca.is_empty() { "http" } else { "https" };
        let ca = (!self.ca.is_empty()).then(|| super::inline(&self.ca));
        Endpoint { ca, ..super::endpoint(&format!("{scheme}://{}", self.address)) }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    client: Option<String>,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Answerer,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let one = Asked {
            method: request.method().clone(),
            uri: request.uri().to_string(),
            headers: request.headers().clone(),
            client: client.clone(),
        };
        asked.lock().push(one.clone());
        let reply = answer(&one);
        async move { Ok::<_, Infallible>(reply) }
    });
    // A client that goes away in the middle is part of the tests.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    parsed.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
}

pub(super) fn json(body: &str) -> Reply {
    reply(200, "application/json", body)
}

pub(super) fn reply(status: u16, kind: &str, body: &str) -> Reply {
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    Response::builder().status(status).header("content-type", kind).body(body).expect("a fit reply")
}

/// A `metav1.Status`.
pub(super) fn status(code: u16, message: &str) -> Reply {
    let body = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
        "message": message, "reason": "Test", "code": code});
    reply(code, "application/json", &body.to_string())
}

/// A certificate and its key.
pub(super) struct Issued {
    pub(super) certificate: rcgen::Certificate,
    pub(super) key: KeyPair,
}

impl Issued {
    pub(super) fn pem(&self) -> (String, String) {
        (self.certificate.pem(), self.key.serialize_pem())
    }
}

/// Issues certificates.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names; the first is the common name too.
    pub(super) fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).expect("fit names");
        params.distinguished_name.push(DnType::CommonName, names.first().cloned().unwrap_or_default());
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Issued { certificate, key }
    }

    /// A server's configuration; with `ask` it demands a client certificate of this authority.
    pub(super) fn server(&self, issued: &Issued, ask: bool) -> ServerConfig {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a root");
        let builder = ServerConfig::builder();
        let builder = if ask {
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("roots"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(issued.key.serialize_der()).expect("a key");
        builder.with_single_cert(vec![issued.certificate.der().clone()], key).expect("key and certificate fit")
    }
}
