//! One connection: HTTP/1.1 or HTTP/2 as the handshake chose, within the limits of an edge that anybody may reach.

use super::connections::{ConnectionSlot, EndRequest, RequestGuard};
use super::{Peer, Serve};
use crate::engine::proxy::coalesce::{FlushingTask, gather};
use crate::engine::proxy::edge::check;
use futures::FutureExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More headers than the edge accepts, so that the refusal is a Status of the proxy; hyper answers larger requests
/// without one.
const HEADERS_MAX: usize = check::HEADERS_MAX + 64;
const HEAD_BYTES_MAX: u32 = 352 * 1024;
/// Room for the longest request line of hyper, and for the overhead that both protocols count for each header.
const _: () = assert!(HEAD_BYTES_MAX as usize > check::HEADER_BYTES_MAX + 64 * 1024 + 32 * HEADERS_MAX);

/// Streams of a client on one connection: kube-apiserver's own limit.
const STREAMS_MAX: u32 = 250;

/// Streams that clients may reset before they are answered. A client that closes all its watches at once is no attack.
const RESETS_MAX: usize = 1_024;

/// Window of one stream. Request bodies are 3 MiB at most: such a body waits for the window at most twice.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// Interval between pings. A vanished client is detected within this and [`PING_WAIT`].
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_WAIT: Duration = Duration::from_secs(20);

/// Both protocols, configured once.
#[derive(Debug)]
pub(super) struct Protocols {
    h1: http1::Builder,
    h2: http2::Builder<TokioExecutor>,
}

impl Default for Protocols {
    fn default() -> Self {
        let mut h1 = http1::Builder::new();
        // hyper's own timer also ends connections that wait for the next request; the ledger's does not.
        h1.timer(TokioTimer::new()).header_read_timeout(None);
        h1.max_headers(HEADERS_MAX).max_header_size(HEAD_BYTES_MAX as usize);
        let mut h2 = http2::Builder::new(TokioExecutor::new());
        h2.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(RESETS_MAX)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WAIT);
        Self { h1, h2 }
    }
}

impl Protocols {
    /// Serves one connection until it ends, or is asked to end.
    pub(super) async fn serve<I, S>(&self, io: I, service: Arc<S>, peer: Arc<Peer>, place: Arc<ConnectionSlot>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Serve,
    {
        let is_h2 = peer.h2;
        let watched = Watched { io, place: Arc::clone(&place) };
        let line = Arc::clone(place.line());
        let answers = service_fn(move |request| {
            answer(Arc::clone(&service), request, Arc::clone(&peer), RequestGuard::begin(&place))
        });
        if is_h2 {
            let (io, outlet) = gather(watched.io);
            let turns = FlushingTask::new(self.h2.serve_connection(TokioIo::new(io), answers), outlet);
            drop(watched.place);
            attend(turns, |turns| http2::Connection::graceful_shutdown(turns.get_mut().connection()), &line).await;
        } else {
            watched.place.head_begins();
            let connection = self.h1.serve_connection(TokioIo::new(watched), answers).with_upgrades();
            attend(connection, http1::UpgradeableConnection::graceful_shutdown, &line).await;
        }
    }
}

/// Drives a connection, and ends it on request.
async fn attend<C>(connection: C, finish: impl Fn(Pin<&mut C>), line: &super::connections::ConnectionEntry)
where
    C: Future<Output = Result<(), hyper::Error>>,
{
    tokio::pin!(connection);
    loop {
        tokio::select! {
            biased;
            // Clients go away in every way there is; none of them is news.
            _ended = connection.as_mut() => return,
            asked = line.asked() => match asked {
                EndRequest::Finish => finish(connection.as_mut()),
                EndRequest::Cut => return,
            },
        }
    }
}

/// Answers one request. A panic affects this request only.
async fn answer<S: Serve>(
    service: Arc<S>,
    request: Request<Incoming>,
    peer: Arc<Peer>,
    turn: RequestGuard,
) -> Result<Response<Answering<S::Body>>, Infallible> {
    let served = AssertUnwindSafe(Box::pin(Arc::clone(&service).serve(request, peer))).catch_unwind().await;
    let response = served.unwrap_or_else(|_| service.broken());
    Ok(response.map(|body| Answering { body, _turn: turn }))
}

/// A body that reports its end or its drop.
#[derive(Debug)]
pub(super) struct Answering<B> {
    body: B,
    _turn: RequestGuard,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that reports the beginning of a head.
struct Watched<I> {
    io: I,
    place: Arc<ConnectionSlot>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.place.head_begins();
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
