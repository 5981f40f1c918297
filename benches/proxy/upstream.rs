//! An upstream of our own that nginx cannot be: it holds watches and sends all of them one event.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, ReusableBoxFuture};

use crate::Outcome;
use crate::stage::Stage;

/// A running upstream; it ends with this value.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) address: SocketAddr,
    events: broadcast::Sender<Bytes>,
    open: Arc<AtomicUsize>,
    end: CancellationToken,
}

impl Watched {
    pub(crate) async fn start(stage: &Stage) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(tls(stage)?));
        let (events, _) = broadcast::channel(64);
        let (open, end) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let served = Served { events: events.clone(), open: Arc::clone(&open) };
        tokio::spawn(end.clone().run_until_cancelled_owned(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, served) = (acceptor.clone(), served.clone());
                tokio::spawn(async move {
                    drop(stream.set_nodelay(true));
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service =
                        service_fn(move |request| ready(Ok::<_, Infallible>(served.clone().answer(&request))));
                    let mut builder = Builder::new(TokioExecutor::new());
                    // As kube-apiserver has it.
                    builder.http2().max_concurrent_streams(100);
                    drop(builder.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        }));
        Ok(Self { address, events, open, end })
    }

    /// How many watches are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// One event to all of them.
    pub(crate) fn tell(&self, event: &str) {
        // Nobody listening is none to tell.
        drop(self.events.send(Bytes::from(format!("{event}\n"))));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

fn tls(stage: &Stage) -> Outcome<rustls::ServerConfig> {
    let read = |name: &str| std::fs::read(stage.folder.join(name));
    let certificate = CertificateDer::from_pem_slice(&read("server.crt")?).map_err(|error| format!("{error:?}"))?;
    let key = PrivateKeyDer::from_pem_slice(&read("server.key")?).map_err(|error| format!("{error:?}"))?;
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| suite.suite() == rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config = config.with_no_client_auth().with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[derive(Clone)]
struct Served {
    events: broadcast::Sender<Bytes>,
    open: Arc<AtomicUsize>,
}

impl Served {
    fn answer(self, request: &Request<Incoming>) -> Response<Answer> {
        let body = if request.uri().query().is_some_and(|query| query.contains("watch")) {
            self.open.fetch_add(1, Ordering::SeqCst);
            Answer::Watch(Watch { next: next(self.events.subscribe()), _open: Open(self.open) })
        } else {
            Answer::Whole(Some(Bytes::from_static(b"ok")))
        };
        Response::new(body)
    }
}

/// Counts down when the watch ends.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

type Next = (Option<Bytes>, broadcast::Receiver<Bytes>);

fn next(mut events: broadcast::Receiver<Bytes>) -> ReusableBoxFuture<'static, Next> {
    ReusableBoxFuture::new(async move { (events.recv().await.ok(), events) })
}

struct Watch {
    next: ReusableBoxFuture<'static, Next>,
    _open: Open,
}

enum Answer {
    Whole(Option<Bytes>),
    Watch(Watch),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Watch(watch) => watch.next.poll(context).map(|(event, mut events)| {
                watch.next.set(async move { (events.recv().await.ok(), events) });
                event.map(|event| Ok(Frame::data(event)))
            }),
        }
    }
}
