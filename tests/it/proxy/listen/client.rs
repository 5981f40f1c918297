//! HTTP clients that see their own connection.

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(in crate::proxy) type H1 = http1::SendRequest<Empty<Bytes>>;
pub(in crate::proxy) type H2 = http2::SendRequest<Empty<Bytes>>;

/// Trusts one authority.
pub(in crate::proxy) struct Client(ClientConfig);

impl Client {
    pub(in crate::proxy) fn new(ca: &str) -> Self {
        Self(Self::builder(ca).with_no_client_auth())
    }

    /// One that shows a certificate.
    pub(in crate::proxy) fn showing(ca: &str, certificate: &str, key: &str) -> Self {
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        Self(Self::builder(ca).with_client_auth_cert(chain, key).unwrap())
    }

    fn builder(ca: &str) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
    }

    pub(in crate::proxy) async fn tls(&self, to: SocketAddr, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut settings = self.0.clone();
        settings.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(settings)).connect(name, TcpStream::connect(to).await?).await
    }

    pub(in crate::proxy) async fn h1(&self, to: SocketAddr) -> H1 {
        let stream = self.tls(to, b"http/1.1").await.unwrap();
        let (sender, connection) = http1::Builder::new().handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        sender
    }

    pub(in crate::proxy) async fn h2(&self, to: SocketAddr) -> H2 {
        let stream = self.tls(to, b"h2").await.unwrap();
        let (sender, connection) =
            http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }
}

pub(in crate::proxy) fn request(path: &str) -> Request<Empty<Bytes>> {
    Request::get(path).header("host", "localhost").body(Empty::new()).unwrap()
}

/// The body of an answer over HTTP/1.1.
pub(in crate::proxy) async fn get(client: &mut H1, path: &str) -> String {
    let answer = client.send_request(request(path)).await.unwrap();
    text(answer.into_body()).await
}

/// Status and body of an answer over HTTP/2.
pub(in crate::proxy) async fn get_all(client: &mut H2, path: &str) -> (StatusCode, String) {
    let request = Request::get(format!("https://localhost{path}")).body(Empty::new()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    (answer.status(), text(answer.into_body()).await)
}

pub(in crate::proxy) async fn text(body: hyper::body::Incoming) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}
