//! One HTTP/2 connection whose streams are counted: the 101st request never waits behind a hundred watches.

use super::failure::{Cause, Failure};
use crate::engine::k8s::client::CONNECT_TIMEOUT;
use crate::engine::k8s::client::connector::Socket;
use crate::engine::proxy::body::{Arriving, Outgoing, Streamed, Upload};
use crate::engine::proxy::coalesce::{CoalescingWriter, Ear, FlushingTask, gather};
use crate::model::text::Text;
use futures::FutureExt as _;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use http::header::{CONTENT_LENGTH, Entry, HeaderValue};
use http::{Method, Request, Response};
use hyper::body::{Body as _, Bytes};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Streams on one connection, even if the server allows more: kube-apiserver allows 100.
const STREAMS_MAX: u32 = 90;
/// Streams reserved for short requests.
const RESERVED: u32 = 10;

const STREAM_WINDOW: u32 = 1024 * 1024;
/// Window of all streams together, so that no stream waits because others are not read.
const CONNECTION_WINDOW: u32 = STREAMS_MAX * STREAM_WINDOW;
/// Longest head of an answer.
pub(super) const HEADER_BYTES_MAX: u32 = 256 * 1024;
const PING_AFTER: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams reset by the proxy whose late frames are still expected; a hundred callers may leave at once.
const RESET_STREAMS_MAX: usize = 1024;
/// Cost of small unread frames, as h2 counts it, at which the connection is closed: a caller that stops reading a log
/// of short lines costs up to 25 MiB of it, and must not cost other callers their streams.
const FRAMES_BUDGET: usize = 64 * 1024 * 1024;
/// Bytes of a request body that a stream buffers before the server has room for them.
const SEND_BUFFER: usize = 1024 * 1024;

/// A connection with its count of taken streams.
pub(super) struct Line {
    sender: SendRequest<Bytes>,
    told: Arc<Told>,
    writes: Arc<AtomicU64>,
    streams: AtomicU32,
    /// Takes no new streams; open ones go on.
    retired: AtomicBool,
    /// The loss of the connection was counted already.
    blamed: AtomicBool,
    /// Time at which the connection is to be replaced.
    pub(super) ends: Instant,
    /// Number of sweeps in a row that found it without streams.
    pub(super) quiet: AtomicU32,
}

/// State that the connection's task publishes.
#[derive(Default)]
struct Told {
    /// Streams that the server allows now; 0 before its SETTINGS.
    allowed: AtomicU32,
    ended: AtomicBool,
}

impl Line {
    /// Starts HTTP/2 on a fresh connection and waits for the server's SETTINGS, so that its limit is known before the
    /// first request. `severed` cuts the connection. Fails if the handshake fails or the SETTINGS do not come in time.
    pub(super) async fn open(io: Socket, severed: &CancellationToken, ends: Instant) -> Result<Arc<Self>, Failure> {
        let (io, outlet) = gather(io);
        let (ear, writes) = (outlet.ear(), outlet.writes());
        let (sender, mut connection) = builder().handshake(io).await.map_err(|e| Failure::unopened(&e))?;
        let pings = connection.ping_pong();
        let told = Arc::new(Told::default());
        let mut turns = FlushingTask::new(Speaking { connection, told: Arc::clone(&told) }, outlet);
        let begun = poll_fn(|cx| match Pin::new(&mut turns).poll(cx) {
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending if told.allowed.load(Ordering::Relaxed) > 0 => Poll::Ready(true),
            Poll::Pending => Poll::Pending,
        });
        if !timeout(CONNECT_TIMEOUT, begun).await.unwrap_or(false) {
            let why = "the server did not begin to speak HTTP/2 on a new connection";
            return Err(Failure::unsent(Cause::Broken(Text::new(why))));
        }
        tokio::spawn(severed.clone().run_until_cancelled_owned(async move {
            let why = tokio::select! {
                biased;
                ended = turns => ended.err().map(|e| e.to_string()),
                () = silence(pings, ear) => Some("no answer to a PING".to_owned()),
            };
            if let Some(why) = why {
                tracing::debug!(why, "a connection to a cluster ended");
            }
        }));
        Ok(Arc::new(Self {
            sender,
            told,
            writes,
            streams: AtomicU32::new(0),
            retired: AtomicBool::new(false),
            blamed: AtomicBool::new(false),
            ends,
            quiet: AtomicU32::new(0),
        }))
    }

    /// Sends one request on a taken stream. Fails with the cause, and with the request if none of it was written.
    /// Dropping the future resets the stream.
    pub(super) async fn send(
        &self,
        request: Request<Outgoing>,
    ) -> Result<Response<Arriving>, (Failure, Option<Request<Outgoing>>)> {
        let (mut head, body) = request.into_parts();
        set_length(&mut head, &body);
        let bare = body.is_end_stream();
        // What can be sent twice is kept by who sends it.
        let spare = body.again().is_none().then(|| head.clone());
        let back = |body| spare.map(|head| Request::from_parts(head, body));
        let before = self.writes.load(Ordering::Acquire);
        let (mut answer, mut stream) = match self.sender.clone().send_request(Request::from_parts(head, ()), bare) {
            Ok(opened) => opened,
            Err(error) => return Err((self.unopened(&error), back(body))),
        };
        let (early, upload) = match body {
            Outgoing::Empty => (None, None),
            _ if bare => (None, None),
            Outgoing::Whole(bytes) => {
                // It is in memory anyway. A stream that has ended already says so to who waits for the answer.
                let _refused = stream.send_data(bytes, true);
                (None, None)
            }
            body @ (Outgoing::Stream(_) | Outgoing::Begun { .. }) => {
                // A connection that has died shows it in its next turn; until then the body is untouched.
                tokio::task::yield_now().await;
                match (&mut answer).now_or_never() {
                    Some(Err(error)) => return Err((self.failure(&error, before), back(body))),
                    early => (early, Some(Upload::start(body, stream))),
                }
            }
        };
        let answered = match early {
            Some(answered) => answered,
            None => answer.await,
        };
        let (head, body) = answered.map_err(|error| (self.failure(&error, before), None))?.into_parts();
        let body = Streamed::new(body, &head.headers, upload);
        Ok(Response::from_parts(head, Arriving::Streamed(body)))
    }

    /// Converts an error of a stream; `before` is the number of writes when it was opened.
    fn failure(&self, error: &h2::Error, before: u64) -> Failure {
        if self.lost(error) && self.writes.load(Ordering::Acquire) == before {
            return Failure::unopened(error);
        }
        Failure::of_stream(error)
    }

    /// Converts an error of a stream that was never opened: nothing of the request was or will be written.
    fn unopened(&self, error: &h2::Error) -> Failure {
        self.lost(error);
        Failure::unopened(error)
    }

    /// Returns true if the connection has ended, or takes no new streams after a GOAWAY; retires it then, so that
    /// retries take another one.
    fn lost(&self, error: &h2::Error) -> bool {
        let lost = error.is_io() || error.is_go_away();
        if lost {
            self.retire();
        }
        lost
    }

    /// Takes a stream; returns false if none is free for this kind of request.
    pub(super) fn take(&self, long: bool) -> bool {
        let limit = limit(self.told.allowed.load(Ordering::Relaxed), long);
        self.is_open()
            && self
                .streams
                .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |taken| (taken < limit).then_some(taken + 1))
                .is_ok()
    }

    /// Returns a taken stream that has ended.
    pub(super) fn give_back(&self) {
        self.streams.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn streams(&self) -> u32 {
        self.streams.load(Ordering::Relaxed)
    }

    /// Returns true if four fifths of the streams are taken: time for another connection.
    pub(super) fn is_filling(&self) -> bool {
        self.streams() >= limit(self.told.allowed.load(Ordering::Relaxed), false) * 4 / 5
    }

    /// Returns true if the connection takes new streams.
    pub(super) fn is_open(&self) -> bool {
        !self.retired.load(Ordering::Relaxed) && !self.told.ended.load(Ordering::Relaxed)
    }

    /// Stops new streams; open ones go on.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Returns true for the first call only: a lost connection counts once.
    pub(super) fn blame(&self) -> bool {
        !self.blamed.swap(true, Ordering::Relaxed)
    }
}

fn builder() -> h2::client::Builder {
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_reset_streams(RESET_STREAMS_MAX)
        .max_local_error_reset_streams(None)
        .data_frame_budget(FRAMES_BUDGET)
        // Nothing may be opened before the SETTINGS are there; 0 tells that they are not.
        .initial_max_send_streams(0)
        .enable_push(false);
    builder
}

/// The connection's future. Each request wakes it, so that the state it publishes is at most one request old.
struct Speaking {
    connection: Connection<CoalescingWriter<Socket>, Bytes>,
    told: Arc<Told>,
}

impl Future for Speaking {
    type Output = Result<(), h2::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.connection).poll(cx);
        self.told.allowed.store(count(self.connection.max_concurrent_send_streams()), Ordering::Relaxed);
        polled
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.told.ended.store(true, Ordering::Relaxed);
    }
}

/// Returns when the server has been silent for too long and did not answer a ping.
async fn silence(pings: Option<PingPong>, ear: Ear<Socket>) {
    let Some(mut pings) = pings else { return };
    loop {
        let quiet = ear.heard() + PING_AFTER;
        if Instant::now() < quiet {
            tokio::time::sleep_until(quiet).await;
        } else if !matches!(timeout(PING_TIMEOUT, pings.ping(Ping::opaque())).await, Ok(Ok(_))) {
            return;
        }
    }
}

/// Adds `Content-Length`, as servers expect it, if the length is known and the header is missing.
fn set_length(head: &mut http::request::Parts, body: &Outgoing) {
    let Some(length) = body.size_hint().exact() else { return };
    if (length != 0 || matches!(head.method, Method::POST | Method::PUT | Method::PATCH))
        && let Entry::Vacant(place) = head.headers.entry(CONTENT_LENGTH)
    {
        place.insert(HeaderValue::from(length));
    }
}

fn count(streams: usize) -> u32 {
    u32::try_from(streams).unwrap_or(u32::MAX)
}

/// Returns the number of streams that requests of a kind may use.
fn limit(allowed: u32, long: bool) -> u32 {
    let all = allowed.min(STREAMS_MAX);
    // A server that allows few still needs most of them for watches.
    if long { all - RESERVED.min(all / 4) } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_calls_keep_their_share_and_the_servers_limit_holds() {
        assert_eq!((limit(100, false), limit(100, true)), (90, 80));
        assert_eq!((limit(u32::MAX, false), limit(u32::MAX, true)), (90, 80));
        assert_eq!((limit(8, false), limit(8, true)), (8, 6));
        assert_eq!((limit(1, false), limit(1, true)), (1, 1));
        assert_eq!((limit(0, false), limit(0, true)), (0, 0));
    }
}
