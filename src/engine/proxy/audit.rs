//! The audit log: one `audit.k8s.io/v1` Event a line, written by a thread of its own.
//!
//! A request's part of the line is made when it begins and completed when it ends; both are plain bytes, so that no
//! request waits for a disk. What is in the queue when the machine dies is lost: files are synchronised when they are
//! rotated and at the end, not after each line.

mod event;
mod policy;
mod queue;
mod sink;

pub use policy::{Policy, Stage};

use crate::engine::proxy::caller::Caller;
use crate::engine::proxy::config::AuditSettings;
use crate::engine::proxy::edge::impersonation::Impersonated;
use crate::engine::proxy::request::RequestInfo;
use arc_swap::ArcSwap;
use event::Moments;
use policy::Stages;
use queue::Queue;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Longest audit id that is taken over from a caller; an id that is longer or holds other characters is replaced.
const ID_MAX: usize = 64;

/// The id of a request in the proxy's audit log and in the API server's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuditId {
    bytes: [u8; ID_MAX],
    length: u8,
}

/// The audit log. Reloads that change only the policy keep it, and set the policy in it.
#[derive(Debug)]
pub struct Audit {
    queue: Queue,
    policy: ArcSwap<Policy>,
    ids: Ids,
    /// Returns microseconds since 1970.
    now: fn() -> i64,
}

/// Makes audit ids that look random and never repeat in one run.
#[derive(Debug)]
pub struct Ids {
    seed: u64,
    count: AtomicU64,
}

/// A request that was read, after its caller was authenticated or refused.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Audit id of the request.
    pub id: &'a AuditId,
    /// Attributes of the request.
    pub info: &'a RequestInfo<'a>,
    /// Path and query as received; the log removes tokens.
    pub uri: &'a str,
    /// Caller of the request; `None` if authentication failed.
    pub caller: Option<&'a Caller>,
    /// IP address of the client; `None` on a Unix socket.
    pub source: Option<IpAddr>,
    /// `User-Agent` of the request; empty if absent.
    pub user_agent: &'a str,
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Finished<'a> {
    /// HTTP status of the answer; 0 if there was none.
    pub code: u16,
    /// `Status.reason` of the refusal; empty if a cluster answered.
    pub reason: &'a str,
    /// `Status.message` of the refusal; empty if a cluster answered.
    pub message: &'a str,
    /// Cluster that answered; empty if the proxy answered itself.
    pub cluster: &'a str,
    /// Rule that decided; empty if no rule matched.
    pub rule: &'a str,
    /// Number of times the request was sent; 0 if it was never sent.
    pub attempts: u32,
    /// Reason for the last retry; `None` if the request was not sent again.
    pub retried: Option<&'static str>,
    /// Number of times the target of this request's key has changed.
    pub epoch: Option<u64>,
    /// Bytes from and to the caller; for streams only.
    pub bytes: Option<(u64, u64)>,
}

/// Writes the lines of one request. Dropping it without [`Record::finish`] writes that the request panicked.
#[derive(Debug)]
pub struct Record {
    audit: Arc<Audit>,
    id: AuditId,
    omitted: Stages,
    /// The part that all lines share.
    middle: Vec<u8>,
    /// Offset in `middle` behind the caller.
    user_ends: usize,
    received: i64,
    finished: bool,
}

/// Events since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Events that were written.
    pub written: u64,
    /// Events that were dropped because the queue was full.
    pub dropped: u64,
    /// Events that were lost because the file could not be written.
    pub failed: u64,
}

impl Audit {
    /// Opens the log that `settings` name; `None` if they name none. `now` returns microseconds since 1970.
    ///
    /// Fails if the file cannot be opened or its mode cannot be set, or if the writer thread cannot be started.
    pub fn open(settings: &AuditSettings, policy: Policy, seed: u64, now: fn() -> i64) -> Result<Option<Self>, String> {
        let Some(path) = &settings.path else { return Ok(None) };
        let sink = sink::open(path, settings.max_bytes, settings.max_files)?;
        let queue =
            Queue::start(sink, settings.blocking).map_err(|why| format!("cannot start the audit log: {why}"))?;
        Ok(Some(Self { queue, policy: ArcSwap::from_pointee(policy), ids: Ids::new(seed), now }))
    }

    /// Replaces the policy, from the next request on.
    pub fn set_policy(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
    }

    /// Waits until the queue has room, if the settings ask for that; returns at once otherwise. Call it before the
    /// request's record begins.
    pub async fn room(&self) {
        self.queue.room().await;
    }

    /// The audit id of a request: the caller's own id if it is short and plain, else a new one.
    pub fn id(&self, given: Option<&[u8]>) -> AuditId {
        self.ids.choose(given)
    }

    /// Begins a request's record; `None` if the policy wants no line of it.
    pub fn begin(self: &Arc<Self>, received: &Received<'_>) -> Option<Record> {
        let omitted = self.policy.load().decide(received.info, received.caller)?;
        let mut middle = Vec::with_capacity(512);
        let user_ends = event::middle(&mut middle, received);
        let record = Record {
            audit: Arc::clone(self),
            id: *received.id,
            omitted,
            middle,
            user_ends,
            received: (self.now)(),
            finished: false,
        };
        record.write(Stage::RequestReceived, None);
        Some(record)
    }

    /// Returns the number of events since the start, by outcome.
    pub fn counts(&self) -> Counts {
        self.queue.counts()
    }

    /// Waits until every event that was pushed before this call is in the file.
    pub async fn flush(&self) {
        self.queue.flush().await;
    }
}

impl Record {
    /// Records that a rule let the caller impersonate another user, in all lines that follow. Call it once at most.
    pub fn impersonated(&mut self, whom: &Impersonated) {
        let mut said = Vec::with_capacity(128);
        event::impersonated(&mut said, whom);
        self.middle.splice(self.user_ends..self.user_ends, said);
    }

    /// Writes the line for the beginning of a long-running request's answer.
    pub fn started(&self, so_far: &Finished<'_>) {
        self.write(Stage::ResponseStarted, Some(so_far));
    }

    /// Writes the last line: the answer has ended, or the caller is gone.
    pub fn finish(mut self, finished: &Finished<'_>) {
        self.finished = true;
        self.write(Stage::ResponseComplete, Some(finished));
    }

    fn write(&self, stage: Stage, finished: Option<&Finished<'_>>) {
        if self.omitted.has(stage) {
            return;
        }
        let now = if stage == Stage::RequestReceived { self.received } else { (self.audit.now)() };
        let moments = Moments { received: self.received, now };
        let mut line = Vec::with_capacity(self.middle.len() + 512);
        event::line(&mut line, self.id.as_str(), stage, (&self.middle, moments), finished);
        self.audit.queue.push(&line);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.finished {
            let panicked = Finished { code: 500, reason: "InternalError", ..Finished::default() };
            self.write(Stage::Panic, Some(&panicked));
        }
    }
}

impl Ids {
    /// Creates a generator; the seed makes the ids of one process differ from those of another.
    pub fn new(seed: u64) -> Self {
        Self { seed, count: AtomicU64::new(0) }
    }

    /// Returns `given` if it is short and plain; else a new random (version 4) UUID.
    pub fn choose(&self, given: Option<&[u8]>) -> AuditId {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        match given {
            Some(id) if !id.is_empty() && id.len() <= ID_MAX && id.iter().all(plain) => AuditId::of(id),
            _ => self.make(),
        }
    }

    fn make(&self) -> AuditId {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let count = self.count.fetch_add(1, Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let halves = [mixed(self.seed.wrapping_add(count)), mixed(self.seed.rotate_left(32) ^ count)];
        let random = u128::from(halves[0]) << 64 | u128::from(halves[1]);
        // The version and the variant of RFC 9562.
        let id = random & !(0xF << 76 | 0x3 << 62) | 4 << 76 | 2 << 62;
        let digit = |half: u8| HEX.get(usize::from(half)).copied().unwrap_or(b'0');
        let (mut out, mut bytes) = ([b'-'; 36], id.to_be_bytes().into_iter());
        for group in [0..8, 9..13, 14..18, 19..23, 24..36] {
            for (two, byte) in out.get_mut(group).unwrap_or_default().chunks_exact_mut(2).zip(&mut bytes) {
                two.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xF)]);
            }
        }
        AuditId::of(&out)
    }
}

/// Spreads a number over 64 bits (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let once = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let twice = (once ^ once >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    twice ^ twice >> 31
}

impl AuditId {
    fn of(id: &[u8]) -> Self {
        let mut bytes = [0; ID_MAX];
        for (to, from) in bytes.iter_mut().zip(id) {
            *to = *from;
        }
        Self { bytes, length: u8::try_from(id.len().min(ID_MAX)).unwrap_or(0) }
    }

    /// The id as text: ASCII, fit for a header.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl std::fmt::Debug for AuditId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
