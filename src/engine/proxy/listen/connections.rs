//! Who is connected: one line for each open connection, so that the oldest idle one can make room, slow heads are
//! ended, and a drain knows what it waits for.

use super::ports::Listener;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longest time from the first byte of a request's head to its last; also from the handshake to the first head.
pub(super) const HEAD: Duration = Duration::from_secs(10);

/// Longest time a connection may be without a request. Go's clients close theirs after 90 s: the side that closes
/// first decides which side is surprised.
pub(super) const IDLE: Duration = Duration::from_secs(150);

/// Time an idle connection may take to end after it was asked to.
const FAREWELL: Duration = Duration::from_secs(10);

/// Interval between two passes over all connections.
const SWEEP: Duration = Duration::from_secs(1);

const FINISH: u8 = 1;
const CUT: u8 = 2;

/// All open connections of one proxy.
#[derive(Debug)]
pub(super) struct ConnectionTable {
    lines: Mutex<BTreeMap<u64, Arc<ConnectionEntry>>>,
    next: AtomicU64,
    max: AtomicUsize,
    requests: AtomicUsize,
    tunnels: AtomicUsize,
    refused: AtomicU64,
    /// Notified when an entry is removed.
    left: Notify,
    started: Instant,
    ending: Ending,
    /// Cancelled when the drain is over: everything has been counted and is cut.
    over: CancellationToken,
}

/// The tokens that end a proxy.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Stops new connections; requests under way may end by themselves.
    pub drain: CancellationToken,
    /// Ends everything now.
    pub cut: CancellationToken,
}

/// Outcome of a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Requests, watches among them, that ended by themselves.
    pub requests_ended: usize,
    /// Requests that were cut.
    pub requests_cut: usize,
    /// Upgraded streams (exec, attach, port-forward) that ended by themselves.
    pub streams_ended: usize,
    /// Upgraded streams that were cut.
    pub streams_cut: usize,
}

/// The number of connections and requests now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Open connections.
    pub connections: usize,
    /// Requests whose answers have not ended.
    pub requests: usize,
    /// Upgraded streams.
    pub streams: usize,
    /// Connections turned away since the start, because none was idle at the bound.
    pub refused: u64,
}

/// The entry of one connection in the table.
#[derive(Debug)]
pub(super) struct ConnectionEntry {
    listener: Arc<Listener>,
    /// Requests whose answers have not ended, and streams.
    in_flight: AtomicU32,
    /// A head has begun and is not complete.
    is_in_head: AtomicBool,
    /// Start of the idle time or of the head, in milliseconds since the table's start.
    since: AtomicU64,
    asked: AtomicU8,
    asked_at: AtomicU64,
    called: Notify,
}

/// A request to a connection to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndRequest {
    /// Sends GOAWAY, or `Connection: close` after the present request.
    Finish,
    Cut,
}

impl ConnectionEntry {
    fn new(listener: &Arc<Listener>, now: u64) -> Self {
        Self {
            listener: Arc::clone(listener),
            in_flight: AtomicU32::new(0),
            is_in_head: AtomicBool::new(false),
            since: AtomicU64::new(now),
            asked: AtomicU8::new(0),
            asked_at: AtomicU64::new(0),
            called: Notify::new(),
        }
    }

    /// Waits until the connection is asked to end.
    pub(super) async fn asked(&self) -> EndRequest {
        self.called.notified().await;
        if self.asked.load(Ordering::Acquire) == CUT { EndRequest::Cut } else { EndRequest::Finish }
    }

    fn ask(&self, what: u8, now: u64) {
        if self.asked.fetch_max(what, Ordering::AcqRel) < what {
            self.asked_at.store(now, Ordering::Relaxed);
            self.called.notify_one();
        }
    }

    fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) == 0
            && !self.is_in_head.load(Ordering::Relaxed)
            && self.asked.load(Ordering::Relaxed) == 0
    }

    /// The request to end that is due because of the time alone.
    fn overdue(&self, now: u64) -> Option<u8> {
        let past = |since: &AtomicU64, span: Duration| {
            u128::from(now.saturating_sub(since.load(Ordering::Relaxed))) >= span.as_millis()
        };
        if self.in_flight.load(Ordering::Acquire) > 0 {
            return None;
        }
        if self.is_in_head.load(Ordering::Relaxed) {
            return past(&self.since, HEAD).then_some(CUT);
        }
        match self.asked.load(Ordering::Relaxed) {
            0 => past(&self.since, IDLE).then_some(FINISH),
            FINISH => past(&self.asked_at, FAREWELL).then_some(CUT),
            _ => None,
        }
    }
}

impl ConnectionTable {
    pub(super) fn new(max: usize, ending: Ending) -> Self {
        Self {
            lines: Mutex::default(),
            next: AtomicU64::new(0),
            max: AtomicUsize::new(max),
            requests: AtomicUsize::new(0),
            tunnels: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            left: Notify::new(),
            started: Instant::now(),
            ending,
            over: CancellationToken::new(),
        }
    }

    pub(super) fn over(&self) -> &CancellationToken {
        &self.over
    }

    pub(super) fn ending(&self) -> &Ending {
        &self.ending
    }

    pub(super) fn allow(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    pub(super) fn load(&self) -> Load {
        Load {
            connections: self.lines.lock().len(),
            requests: self.requests.load(Ordering::Relaxed),
            streams: self.tunnels.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns a slot for a new connection. At the bound the connection that has been idle longest makes room; if none
    /// is idle, the new connection is turned away.
    pub(super) fn admit(self: &Arc<Self>, listener: &Arc<Listener>) -> Option<Arc<ConnectionSlot>> {
        let now = self.now();
        let line = Arc::new(ConnectionEntry::new(listener, now));
        let mut lines = self.lines.lock();
        // Those asked to end are as good as gone, as far as they go soon; no more than the half is trusted to.
        let max = self.max.load(Ordering::Relaxed);
        let staying = lines.values().filter(|line| line.asked.load(Ordering::Relaxed) == 0).count();
        if staying >= max || lines.len() >= max.saturating_add(max / 2).max(max.saturating_add(1)) {
            let oldest =
                lines.values().filter(|line| line.is_idle()).min_by_key(|line| line.since.load(Ordering::Relaxed));
            let Some(oldest) = oldest else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            };
            oldest.ask(FINISH, now);
        }
        if listener.closing.is_cancelled() {
            // Accepted in the moment the drain began: its one request is answered.
            line.ask(FINISH, now);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lines.insert(number, Arc::clone(&line));
        drop(lines);
        Some(Arc::new(ConnectionSlot { ledger: Arc::clone(self), number, line }))
    }

    /// Ends overdue connections, until the drain is over.
    pub(super) async fn sweep(&self) {
        let mut tick = tokio::time::interval(SWEEP);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.over.cancelled() => return,
                _ = tick.tick() => {}
            }
            let now = self.now();
            for line in self.lines.lock().values() {
                if let Some(what) = line.overdue(now) {
                    line.ask(what, now);
                }
            }
        }
    }

    /// Lets all connections end for at most `patience`, then cuts them.
    pub(super) async fn drain(&self, patience: Duration) -> Drained {
        let before = self.load();
        self.ask_all(FINISH);
        tokio::select! {
            () = self.emptied() => {}
            () = tokio::time::sleep(patience) => {}
            () = self.ending.cut.cancelled() => {}
        }
        let left = self.load();
        self.over.cancel();
        self.ask_all(CUT);
        // What is cut only has to be dropped; a task that does not come to it is not waited for.
        let _late = tokio::time::timeout(FAREWELL, self.emptied()).await;
        Drained {
            requests_ended: before.requests.saturating_sub(left.requests),
            requests_cut: left.requests,
            streams_ended: before.streams.saturating_sub(left.streams),
            streams_cut: left.streams,
        }
    }

    /// Lets the connections of one listener end for at most `patience`, then cuts them.
    pub(super) async fn finish(&self, listener: &Arc<Listener>, patience: Duration) {
        let came = |line: &ConnectionEntry| Arc::ptr_eq(&line.listener, listener);
        self.ask(FINISH, came);
        tokio::select! {
            () = self.none(came) => return,
            () = tokio::time::sleep(patience) => {}
            // What ends the whole proxy does the rest.
            () = self.over.cancelled() => return,
        }
        let cut = self.lines.lock().values().filter(|line| came(line)).count();
        let cluster = listener.listening.cluster.as_deref();
        tracing::warn!(cluster, cut, "connections to the port of a removed cluster did not end in time, and are cut");
        listener.cut.cancel();
        self.ask(CUT, came);
    }

    fn ask_all(&self, what: u8) {
        self.ask(what, |_| true);
    }

    fn ask(&self, what: u8, whom: impl Fn(&ConnectionEntry) -> bool) {
        let now = self.now();
        for line in self.lines.lock().values().filter(|line| whom(line)) {
            line.ask(what, now);
        }
    }

    async fn emptied(&self) {
        self.none(|_| true).await;
    }

    /// Waits until no connection matches.
    async fn none(&self, of: impl Fn(&ConnectionEntry) -> bool) {
        loop {
            let gone = self.left.notified();
            if !self.lines.lock().values().any(|line| of(line)) {
                return;
            }
            gone.await;
        }
    }
}

/// A connection's slot in the table; dropping it frees the slot.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    ledger: Arc<ConnectionTable>,
    number: u64,
    line: Arc<ConnectionEntry>,
}

impl ConnectionSlot {
    pub(super) fn line(&self) -> &Arc<ConnectionEntry> {
        &self.line
    }

    /// The listener that accepted the connection.
    pub(super) fn listener(&self) -> &Listener {
        &self.line.listener
    }

    /// Marks that a byte of a head was read, or is due now.
    pub(super) fn head_begins(&self) {
        if self.line.in_flight.load(Ordering::Relaxed) == 0 && !self.line.is_in_head.load(Ordering::Relaxed) {
            self.line.since.store(self.ledger.now(), Ordering::Relaxed);
            self.line.is_in_head.store(true, Ordering::Relaxed);
        }
    }

    fn begin(&self) {
        self.line.in_flight.fetch_add(1, Ordering::AcqRel);
        self.line.is_in_head.store(false, Ordering::Relaxed);
    }

    fn end(&self) {
        self.line.since.store(self.ledger.now(), Ordering::Relaxed);
        self.line.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.ledger.lines.lock().remove(&self.number);
        self.ledger.left.notify_waiters();
    }
}

/// Guard of one request, from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct RequestGuard(Arc<ConnectionSlot>);

impl RequestGuard {
    pub(super) fn begin(place: &Arc<ConnectionSlot>) -> Self {
        place.begin();
        place.ledger.requests.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(place))
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.ledger.requests.fetch_sub(1, Ordering::Relaxed);
        self.0.end();
    }
}

/// Guard of an upgraded stream, held as long as the stream lives: a drain waits for it, and its connection counts as
/// busy.
#[derive(Debug)]
pub struct Tunnel(Option<Arc<ConnectionSlot>>);

impl Tunnel {
    pub(super) fn begin(place: Option<Arc<ConnectionSlot>>) -> Self {
        if let Some(place) = &place {
            place.begin();
            place.ledger.tunnels.fetch_add(1, Ordering::Relaxed);
        }
        Self(place)
    }

    /// Cancelled when the stream is to end at once.
    pub fn cut(&self) -> CancellationToken {
        self.0.as_ref().map_or_else(CancellationToken::new, |place| place.listener().cut.clone())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let Some(place) = &self.0 {
            place.ledger.tunnels.fetch_sub(1, Ordering::Relaxed);
            place.end();
        }
    }
}
