//! Under which name a server is known: on every way to it the same.

use super::*;
use crate::proxy::script::{PATIENCE, inline};
use http::header::{CONNECTION, UPGRADE};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use quarterdeck::engine::proxy::upstream::Upgraded;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::DropGuard;

/// In no address, and in no other certificate.
const NAME: &str = "kubernetes.default.svc";

/// What a connection was for, the name in its handshake, and whether it is HTTP/2.
type Seen = (String, Option<String>, bool);

/// A server on an address, whose certificate is for a name.
struct Named {
    address: SocketAddr,
    ca: String,
    seen: watch::Receiver<Vec<Seen>>,
    _end: DropGuard,
}

impl Named {
    async fn start(h2: bool) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key);
        let mut config = config.expect("they fit");
        let both = [b"h2".to_vec(), b"http/1.1".to_vec()];
        config.alpn_protocols = both.into_iter().skip(usize::from(!h2)).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (saw, seen) = watch::channel(Vec::new());
        let (saw, end) = (Arc::new(saw), CancellationToken::new());
        tokio::spawn(end.clone().run_until_cancelled_owned(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&saw)));
            }
        }));
        Self { address, ca: cert.pem(), seen, _end: end.drop_guard() }
    }

    fn endpoint(&self, name: Option<&str>) -> Endpoint {
        let server = format!("https://{}", self.address);
        let plain = Endpoint::plain(server, "named");
        Endpoint { ca: Some(inline(&self.ca)), tls_server_name: name.map(str::to_owned), timeout_s: 10, ..plain }
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, saw: Arc<watch::Sender<Vec<Seen>>>) {
    // Who finds another name than it looks for goes away here.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let session = stream.get_ref().1;
    let (name, h2) = (session.server_name().map(str::to_owned), session.alpn_protocol() == Some(b"h2"));
    let service = service_fn(move |request: Request<Incoming>| {
        saw.send_modify(|seen| seen.push((request.uri().path().to_owned(), name.clone(), h2)));
        let mut answer = Response::new(Full::new(Bytes::from_static(b"ok")));
        if let Some(protocol) = request.headers().get(UPGRADE) {
            *answer.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
            answer.headers_mut().insert(UPGRADE, protocol.clone());
            answer.headers_mut().insert(CONNECTION, "Upgrade".parse().expect("a value"));
        }
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let io = TokioIo::new(stream);
    // However it ends, the test looks at what was seen.
    if h2 {
        drop(hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await);
    } else {
        drop(hyper::server::conn::http1::Builder::new().serve_connection(io, service).with_upgrades().await);
    }
}

#[tokio::test]
async fn a_server_has_its_name_on_every_way_to_it() {
    for h2 in [false, true] {
        let mut server = Named::start(h2).await;
        let (_keep, member) = member(cluster([server.endpoint(Some(NAME))]));
        assert_eq!(fetch(&member, "/asked").await.expect("an answer").0, 200);
        let exec = Request::post("/exec").header(UPGRADE, "SPDY/3.1").body(()).expect("a request");
        let upgraded = member.upgrade(exec, &connecting()).await.expect("an answer");
        assert!(matches!(upgraded, Upgraded::Switched(_)), "{upgraded:?}");
        let probed = server.seen.wait_for(|seen| seen.iter().any(|(path, ..)| path == "/readyz"));
        let seen = tokio::time::timeout(PATIENCE, probed).await.expect("in time").expect("it runs").clone();
        for way in ["/asked", "/exec", "/readyz"] {
            assert!(seen.iter().any(|(path, ..)| path == way), "{way}: {seen:?}");
        }
        assert!(seen.iter().all(|(_, name, _)| name.as_deref() == Some(NAME)), "{seen:?}");
        // Upgrades and probes have connections of their own, of HTTP/1.1.
        assert!(seen.iter().all(|(path, _, is_h2)| *is_h2 == (h2 && path == "/asked")), "{seen:?}");
    }
}

#[tokio::test]
async fn a_server_under_another_name_gets_nothing() {
    for name in [None, Some("kubernetes.other.svc")] {
        let server = Named::start(true).await;
        let (_keep, member) = member(cluster([server.endpoint(name)]));
        let failed = fetch(&member, "/asked").await.expect_err("its certificate is for another name");
        assert_eq!(failed.refusal.code, 503, "{}", failed.refusal.message);
        let exec = Request::post("/exec").header(UPGRADE, "SPDY/3.1").body(()).expect("a request");
        member.upgrade(exec, &connecting()).await.expect_err("the same for an upgrade");
        assert_eq!(*server.seen.borrow(), []);
    }
}
