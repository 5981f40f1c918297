//! One HTTP/2 connection whose streams are counted: the 101st request never waits behind a hundred watches.

use super::failure::{Cause, Failure};
use super::gate::{Gate, Gated, Open};
use crate::engine::k8s::client::CONNECT_TIMEOUT;
use crate::engine::k8s::client::connector::Socket;
use crate::engine::proxy::body::Outgoing;
use crate::engine::proxy::gather::{Outlet, Turns, gather};
use crate::model::text::Text;
use hyper::client::conn::http2;
use hyper_util::rt::TokioTimer;
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Streams we put on one connection, however many the server allows: kube-apiserver allows 100.
const STREAMS_MAX: u32 = 90;
/// Of them, those that no long-running request may take.
const RESERVED: u32 = 10;

const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// The head of an answer.
pub(super) const HEADER_BYTES_MAX: u32 = 256 * 1024;
const PING_AFTER: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams we gave up whose late frames are still expected; a hundred callers may go at once.
const RESET_STREAMS_MAX: usize = 1024;
/// How often a new connection looks whether the server's SETTINGS are there.
const SETTINGS_POLL: Duration = Duration::from_millis(1);

/// A connection and the streams taken on it.
pub(super) struct Line {
    sender: http2::SendRequest<Outgoing>,
    gate: Arc<Gate>,
    streams: AtomicU32,
    /// What the server allows at present.
    allowed: Arc<AtomicU32>,
    /// No new streams; those there are go on.
    retired: AtomicBool,
    /// Its loss was told.
    blamed: AtomicBool,
    /// When it has served long enough.
    pub(super) ends: Instant,
    /// Looks in a row that found it without streams.
    pub(super) quiet: AtomicU32,
}

impl Line {
    /// Speaks HTTP/2 on a fresh connection and waits for the server's SETTINGS, so that its limit is known
    /// before the first request. `severed` cuts it.
    pub(super) async fn open(io: Socket, severed: &CancellationToken, ends: Instant) -> Result<Arc<Self>, Failure> {
        let (io, outlet) = gather(io);
        let tasks = Tasks { severed: severed.clone(), outlet: Arc::new(Mutex::new(Some(outlet))) };
        let (sender, connection) = http2::Builder::new(tasks)
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .adaptive_window(false)
            .max_header_list_size(HEADER_BYTES_MAX)
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .max_concurrent_reset_streams(RESET_STREAMS_MAX)
            .max_local_error_reset_streams(None)
            // Nothing may be opened before the SETTINGS are there; 0 tells that they are not.
            .initial_max_send_streams(0)
            .handshake(io)
            .await
            .map_err(|e| Failure::of(&e, true))?;
        let until = Instant::now() + CONNECT_TIMEOUT;
        while connection.current_max_send_streams() == 0 {
            if sender.is_closed() || Instant::now() >= until {
                let why = "the server did not begin to speak HTTP/2 on a new connection";
                return Err(Failure::unsent(Cause::Broken(Text::new(why))));
            }
            tokio::time::sleep(SETTINGS_POLL).await;
        }
        let allowed = Arc::new(AtomicU32::new(count(connection.current_max_send_streams())));
        let shown = Arc::clone(&allowed);
        let (mut gated, gate) = Gated::new(connection);
        tokio::spawn(async move {
            // Each request wakes this, so the limit is at most one request old.
            let end = std::future::poll_fn(|cx| {
                let polled = Pin::new(&mut gated).poll(cx);
                if let Some(connection) = gated.connection() {
                    shown.store(count(connection.current_max_send_streams()), Ordering::Relaxed);
                }
                polled
            });
            if let Err(error) = Turns::without_outlet(end).await {
                tracing::debug!(%error, "a connection to a cluster ended");
            }
        });
        Ok(Arc::new(Self {
            sender,
            gate,
            streams: AtomicU32::new(0),
            allowed,
            retired: AtomicBool::new(false),
            blamed: AtomicBool::new(false),
            ends,
            quiet: AtomicU32::new(0),
        }))
    }

    /// Takes a stream, if there is one for this kind of request.
    pub(super) fn take(&self, long: bool) -> bool {
        let limit = limit(self.allowed.load(Ordering::Relaxed), long);
        self.is_open()
            && self
                .streams
                .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |taken| (taken < limit).then_some(taken + 1))
                .is_ok()
    }

    /// A taken stream has ended.
    pub(super) fn give_back(&self) {
        self.streams.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn streams(&self) -> u32 {
        self.streams.load(Ordering::Relaxed)
    }

    /// Four fifths of it are taken: time for another one.
    pub(super) fn is_filling(&self) -> bool {
        self.streams() >= limit(self.allowed.load(Ordering::Relaxed), false) * 4 / 5
    }

    /// Takes new streams.
    pub(super) fn is_open(&self) -> bool {
        !self.retired.load(Ordering::Relaxed) && !self.sender.is_closed()
    }

    /// From now on no new streams.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// True for the first who loses it.
    pub(super) fn blame(&self) -> bool {
        !self.blamed.swap(true, Ordering::Relaxed)
    }

    /// To send on while the second is held; `None` when the connection has ended.
    pub(super) fn sender(&self) -> Option<(http2::SendRequest<Outgoing>, Open<'_>)> {
        self.gate.enter().map(|open| (self.sender.clone(), open))
    }
}

fn count(streams: usize) -> u32 {
    u32::try_from(streams).unwrap_or(u32::MAX)
}

/// The streams that requests of a kind may take up to.
fn limit(allowed: u32, long: bool) -> u32 {
    let all = allowed.min(STREAMS_MAX);
    // A server that allows few still needs most of them for watches.
    if long { all - RESERVED.min(all / 4) } else { all }
}

/// Runs hyper's tasks. The first is the connection itself: cutting it ends all its streams.
#[derive(Clone)]
struct Tasks {
    severed: CancellationToken,
    /// Of the first task, until it has started.
    outlet: Arc<Mutex<Option<Outlet<Socket>>>>,
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        if let Some(outlet) = self.outlet.lock().take() {
            tokio::spawn(self.severed.clone().run_until_cancelled_owned(Turns::new(task, outlet)));
        } else {
            tokio::spawn(task);
        }
    }
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
