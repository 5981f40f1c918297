//! The connections to one API server with one TLS identity. Never shared with another identity.

use super::dial::Dialler;
use super::failure::{Cause, Failure};
use super::h1::{self, Seat, Single};
use super::h2::Line;
use crate::engine::proxy::body::{Arriving, Outgoing};
use arc_swap::ArcSwap;
use hyper::Response;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// HTTP/2 connections of one pool: more than 5,000 watches.
const LINES_MAX: usize = 64;
/// HTTP/1.1 connections of one pool, each with one request.
const SINGLES_MAX: u32 = 4096;
/// Idle HTTP/1.1 connections that are kept, and for how long: kube-apiserver closes at 90 s.
const IDLE_MAX: usize = 256;
const IDLE_TIME: Duration = Duration::from_secs(60);
/// Age at which an HTTP/2 connection is replaced, so that new certificates and new servers take effect.
const AGE_MAX: Duration = Duration::from_secs(30 * 60);
/// Sweeps in a row, 5 s apart, without streams, after which a spare HTTP/2 connection is closed.
const QUIET_LOOKS: u32 = 12;

/// Time after a failed dial in which only a request without a connection dials again.
const FAILED_PAUSE: Duration = Duration::from_secs(1);

/// Protocol of the server, known from its last connection.
const UNKNOWN: u8 = 0;
const HTTP1: u8 = 1;
const HTTP2: u8 = 2;

/// The connections to one API server under one trust.
pub(super) struct Pool {
    dialler: Dialler,
    lines: ArcSwap<Vec<Arc<Line>>>,
    idle: Mutex<Vec<Single>>,
    /// Number of HTTP/1.1 connections, idle or not.
    pub(super) h1: AtomicU32,
    spoken: AtomicU8,
    dialling: AtomicBool,
    /// Number of failed dials; `failure` holds the last reason.
    failures: AtomicU64,
    failure: Mutex<Option<(Instant, Failure)>>,
    waiting: AtomicU32,
    changed: Notify,
    /// Takes no new requests; those under way go on.
    retired: AtomicBool,
    /// Cuts all connections at once.
    pub(super) severed: CancellationToken,
}

/// The place of one request on a connection.
pub(super) enum Slot {
    Stream(Arc<Line>),
    Single(Single),
}

impl Pool {
    pub(super) fn new(dialler: Dialler, severed: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            dialler,
            lines: ArcSwap::default(),
            idle: Mutex::default(),
            h1: AtomicU32::new(0),
            spoken: AtomicU8::new(UNKNOWN),
            dialling: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            failure: Mutex::default(),
            waiting: AtomicU32::new(0),
            changed: Notify::new(),
            retired: AtomicBool::new(false),
            severed,
        })
    }

    pub(super) fn dialler(&self) -> &Dialler {
        &self.dialler
    }

    /// Returns a place on a connection, as soon as there is one. Fails if there is none by `until`, or the dial fails.
    pub(super) async fn acquire(self: &Arc<Self>, long: bool, until: Instant) -> Result<Slot, Failure> {
        match self.take(long) {
            Some(slot) => Ok(slot),
            // In memory of its own, which most requests then do not carry along.
            None => Box::pin(self.wait(long, until)).await,
        }
    }

    /// Waits for a place. A separate task dials, so that a caller that leaves wastes nothing; all waiting requests
    /// share its result.
    async fn wait(self: &Arc<Self>, long: bool, until: Instant) -> Result<Slot, Failure> {
        let failures = self.failures.load(Ordering::Acquire);
        let _waiting = Waiting::new(&self.waiting);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(slot) = self.take(long) {
                return Ok(slot);
            }
            if self.failures.load(Ordering::Acquire) != failures {
                let failure = self.failure.lock().as_ref().map(|(_, failure)| failure.clone());
                return Err(failure.unwrap_or_else(h1::lost));
            }
            if self.spoken.load(Ordering::Relaxed) == HTTP1 {
                if let Some(seat) = self.seat() {
                    return match timeout_at(until, self.open(seat)).await {
                        Ok(Ok(Some(single))) => Ok(Slot::Single(single)),
                        // It speaks HTTP/2 by now.
                        Ok(Ok(None)) => continue,
                        Ok(Err(failure)) => Err(failure),
                        Err(_) => Err(Failure::unsent(Cause::Busy)),
                    };
                }
            } else {
                self.dial_beside();
            }
            if timeout_at(until, changed).await.is_err() {
                return Err(Failure::unsent(Cause::Busy));
            }
        }
    }

    /// Returns a free place: a stream of the least loaded connection, or the connection used last.
    fn take(self: &Arc<Self>, long: bool) -> Option<Slot> {
        let lines = self.lines.load();
        // Others may take what was free a moment ago; as many tries as there are connections.
        for _ in 0..lines.len() {
            let Some(least) = lines.iter().filter(|line| line.is_open()).min_by_key(|line| line.streams()) else {
                break;
            };
            if least.take(long) {
                if least.is_filling() && !self.failed_lately() {
                    self.dial_beside();
                }
                return Some(Slot::Stream(Arc::clone(least)));
            }
        }
        self.take_single().map(Slot::Single)
    }

    fn failed_lately(&self) -> bool {
        self.failure.lock().as_ref().is_some_and(|(at, _)| at.elapsed() < FAILED_PAUSE)
    }

    fn take_single(&self) -> Option<Single> {
        let mut idle = self.idle.lock();
        loop {
            let mut single = idle.pop()?;
            let usable = single.sender.is_ready() && single.since.elapsed() < IDLE_TIME;
            if usable {
                single.since = Instant::now();
                return Some(single);
            }
        }
    }

    /// Takes a slot for one more HTTP/1.1 connection; `None` at the bound.
    fn seat(self: &Arc<Self>) -> Option<Seat> {
        let free = |taken: u32| (taken < SINGLES_MAX).then_some(taken + 1);
        self.h1.fetch_update(Ordering::AcqRel, Ordering::Relaxed, free).ok()?;
        Some(Seat(Arc::clone(self)))
    }

    /// Dials in the background, unless a dial is under way.
    pub(super) fn dial_beside(self: &Arc<Self>) {
        if self.lines.load().len() >= LINES_MAX || self.dialling.swap(true, Ordering::AcqRel) {
            return;
        }
        let dialling = Dialling(Arc::clone(self));
        tokio::spawn(async move {
            let pool = &dialling.0;
            let opened = match pool.seat() {
                Some(seat) => pool.open(seat).await,
                None => Err(Failure::unsent(Cause::Busy)),
            };
            match opened {
                Ok(Some(single)) => pool.keep(single),
                Ok(None) => {}
                Err(failure) => {
                    *pool.failure.lock() = Some((Instant::now(), failure));
                    pool.failures.fetch_add(1, Ordering::AcqRel);
                }
            }
            drop(dialling);
        });
    }

    /// Dials. An HTTP/2 connection joins the pool; an HTTP/1.1 connection is returned. Fails if no connection can be
    /// made.
    async fn open(self: &Arc<Self>, seat: Seat) -> Result<Option<Single>, Failure> {
        let dialled = self.dialler.dial().await.map_err(|e| Failure::unsent(Cause::Dial(e)))?;
        if !dialled.h2 {
            self.spoken.store(HTTP1, Ordering::Relaxed);
            return Single::open(dialled.io, seat, &self.severed).await.map(Some);
        }
        // It counts streams from here on.
        drop(seat);
        self.spoken.store(HTTP2, Ordering::Relaxed);
        let ends = Instant::now() + AGE_MAX.mul_f64(1.0 + fastrand::f64() / 10.0);
        let line = Line::open(dialled.io.into_inner(), &self.severed, ends).await?;
        self.lines.rcu(|lines| lines.iter().filter(|l| l.is_open()).chain([&line]).map(Arc::clone).collect::<Vec<_>>());
        self.changed.notify_waiters();
        Ok(None)
    }

    /// Keeps an HTTP/1.1 connection for the next request.
    pub(super) fn keep(&self, mut single: Single) {
        if self.retired.load(Ordering::Relaxed) {
            return;
        }
        single.since = Instant::now();
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(single);
            drop(idle);
            self.freed();
        }
    }

    /// Wakes waiting requests, after a place became free.
    pub(super) fn freed(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.changed.notify_waiters();
        }
    }

    /// Takes no new requests; those under way go on.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.lines.store(Arc::default());
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    /// Closes connections that are too old, closed by the server or not needed.
    pub(super) fn sweep(self: &Arc<Self>, now: Instant) {
        let old: Vec<Single> = {
            let mut idle = self.idle.lock();
            let (old, kept) =
                idle.drain(..).partition(|s| s.sender.is_closed() || now.duration_since(s.since) >= IDLE_TIME);
            *idle = kept;
            old
        };
        drop(old);
        let lines = self.lines.load_full();
        if lines.is_empty() {
            return;
        }
        let young = lines.iter().filter(|l| l.is_open() && l.ends > now).count();
        let mut open = lines.iter().filter(|l| l.is_open()).count();
        for line in lines.iter() {
            let quiet = if line.streams() == 0 { line.quiet.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
            line.quiet.store(quiet, Ordering::Relaxed);
            // An old one goes when another can take over; the last one stays, whatever its silence.
            let over = (line.ends <= now && young > 0) || (quiet >= QUIET_LOOKS && open > 1);
            if over && line.is_open() {
                line.retire();
                open -= 1;
            }
        }
        if young == 0 {
            self.dial_beside();
        }
        self.lines.rcu(|lines| lines.iter().filter(|l| l.is_open()).map(Arc::clone).collect::<Vec<_>>());
    }

    /// Returns the number of connections, and of streams or requests on them.
    pub(super) fn counts(&self) -> (u32, u32) {
        let lines = self.lines.load();
        let streams: u32 = lines.iter().map(|line| line.streams()).sum();
        let idle = u32::try_from(self.idle.lock().len()).unwrap_or(u32::MAX);
        let singles = self.h1.load(Ordering::Relaxed);
        let connections = u32::try_from(lines.len()).unwrap_or(u32::MAX).saturating_add(singles);
        (connections, streams.saturating_add(singles.saturating_sub(idle)))
    }
}

impl Slot {
    pub(super) fn is_h2(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// Sends one request. Fails with the cause, and with the request if none of it was written.
    pub(super) async fn send(
        &mut self,
        request: http::Request<Outgoing>,
    ) -> Result<Response<Arriving>, (Failure, Option<http::Request<Outgoing>>)> {
        match self {
            Self::Stream(line) => line.send(request).await,
            Self::Single(single) => single.send(request).await.map(|response| response.map(Arriving::from)),
        }
    }

    /// Returns true if the loss of the connection was not counted yet.
    pub(super) fn blame(&self) -> bool {
        match self {
            Self::Stream(line) => line.blame(),
            Self::Single(_) => true,
        }
    }

    /// Returns the place, after the answer has ended.
    pub(super) fn give_back(self, pool: &Pool) {
        match self {
            Self::Stream(line) => {
                line.give_back();
                pool.freed();
            }
            Self::Single(single) => single.settle(),
        }
    }
}

/// Counts a waiting request.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Guard of the single dial in progress; its drop wakes all waiters.
struct Dialling(Arc<Pool>);

impl Drop for Dialling {
    fn drop(&mut self) {
        self.0.dialling.store(false, Ordering::Release);
        self.0.changed.notify_waiters();
    }
}
