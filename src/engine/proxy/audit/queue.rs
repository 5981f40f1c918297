//! Lines on their way to the disk: bytes behind one short lock, taken in one piece by a thread.

use super::Counts;
use super::sink::Sink;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Bound on the bytes in the queue. At the bound lines are dropped and counted, or requests wait, as the settings ask.
pub(super) const BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// Time the thread waits for more lines, so that it wakes a few times a second and not for each line.
const GATHER: Duration = Duration::from_millis(50);
/// Capacity that a buffer keeps after a burst.
const KEPT: usize = 256 * 1_024;

#[derive(Debug)]
pub(super) struct Queue {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    blocking: bool,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Wakes the thread: there are lines to write, or a flush waits.
    wake: Condvar,
    /// Wakes requests that wait for room.
    room: Notify,
    /// Number of lines that left the queue.
    done: watch::Sender<u64>,
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    lines: u64,
    /// Number of lines since the start.
    pushed: u64,
    hurry: bool,
    closed: bool,
}

impl Queue {
    pub(super) fn start(sink: Sink, blocking: bool) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            room: Notify::new(),
            done: watch::Sender::new(0),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let of_thread = Arc::clone(&shared);
        let writer = std::thread::Builder::new().name("qd-audit".to_owned()).spawn(move || of_thread.run(sink))?;
        Ok(Self { shared, writer: Some(writer), blocking })
    }

    /// Adds a line, which ends with a line break.
    pub(super) fn push(&self, line: &[u8]) {
        let mut waiting = self.shared.waiting.lock();
        // Where requests wait for room, those that run are bounded, and so is what they add.
        if !self.blocking && waiting.bytes.len() + line.len() > BYTES_MAX {
            drop(waiting);
            self.shared.dropped.fetch_add(1, Relaxed);
            return;
        }
        let first = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        waiting.lines += 1;
        waiting.pushed += 1;
        drop(waiting);
        if first {
            self.shared.wake.notify_one();
        }
    }

    pub(super) async fn room(&self) {
        if !self.blocking {
            return;
        }
        loop {
            let mut notified = std::pin::pin!(self.shared.room.notified());
            notified.as_mut().enable();
            if self.shared.waiting.lock().bytes.len() < BYTES_MAX {
                return;
            }
            notified.await;
        }
    }

    pub(super) async fn flush(&self) {
        let mut done = self.shared.done.subscribe();
        let pushed = {
            let mut waiting = self.shared.waiting.lock();
            waiting.hurry = true;
            waiting.pushed
        };
        self.shared.wake.notify_one();
        // The sender lives as long as this does.
        drop(done.wait_for(|done| *done >= pushed).await);
    }

    pub(super) fn counts(&self) -> Counts {
        let Shared { written, dropped, failed, .. } = &*self.shared;
        Counts { written: written.load(Relaxed), dropped: dropped.load(Relaxed), failed: failed.load(Relaxed) }
    }
}

impl Drop for Queue {
    /// Writes the lines in the queue.
    fn drop(&mut self) {
        self.shared.waiting.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing more to say.
            drop(writer.join());
        }
    }
}

impl Shared {
    fn run(&self, mut sink: Sink) {
        let mut bytes = Vec::new();
        let mut healthy = true;
        loop {
            let (lines, closed) = self.take(&mut bytes);
            match sink.write(&bytes) {
                Ok(()) => {
                    self.written.fetch_add(lines, Relaxed);
                    healthy = true;
                }
                Err(why) => {
                    self.failed.fetch_add(lines, Relaxed);
                    if std::mem::replace(&mut healthy, false) {
                        tracing::error!(%why, "the audit log cannot be written; events are lost");
                    }
                }
            }
            bytes.clear();
            bytes.shrink_to(KEPT);
            self.done.send_modify(|done| *done += lines);
            self.room.notify_waiters();
            if closed {
                sink.close();
                return;
            }
        }
    }

    /// Waits for lines, and takes them in exchange for an empty buffer. Returns their number, and true if they are the
    /// last.
    fn take(&self, bytes: &mut Vec<u8>) -> (u64, bool) {
        let mut waiting = self.waiting.lock();
        while waiting.bytes.is_empty() && !waiting.closed {
            waiting.hurry = false;
            self.wake.wait(&mut waiting);
        }
        if !waiting.hurry && !waiting.closed && waiting.bytes.len() < KEPT {
            self.wake.wait_for(&mut waiting, GATHER);
        }
        waiting.hurry = false;
        std::mem::swap(&mut waiting.bytes, bytes);
        (std::mem::take(&mut waiting.lines), waiting.closed)
    }
}
