//! Many small writes of one turn as one. An HTTP/2 connection writes each frame of data by itself, which costs each a TLS
//! record and a system call; and it is woken by each request, so that it would have a turn for each of them.

use parking_lot::Mutex;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Bytes that may wait for the end of a turn; a TLS record holds as many.
const ROOM: usize = 16 * 1024;

/// Capacity an idle connection keeps for its next turn.
const IDLE_ROOM: usize = 1024;

/// The connection's end of a stream: written and flushed bytes wait for the end of the turn, or until there are many.
pub(super) struct CoalescingWriter<I>(Arc<Mutex<Buffered<I>>>);

/// The other end of the stream, which sends the bytes at the end of the turn.
pub(super) struct Flusher<I>(Arc<Mutex<Buffered<I>>>);

struct Buffered<I> {
    io: I,
    /// Number of writes to `io`; counted before each write.
    writes: Arc<AtomicU64>,
    /// Time of the last read; `None` until an [`Ear`] asks for it.
    heard: Option<Instant>,
    waiting: Vec<u8>,
    /// Number of bytes of `waiting` that were sent already.
    gone: usize,
    /// Error of an earlier turn, returned by the next write or flush.
    failed: Option<io::Error>,
}

/// Splits a stream into its two ends.
pub(super) fn gather<I>(io: I) -> (CoalescingWriter<I>, Flusher<I>) {
    let writes = Arc::default();
    let held = Buffered { io, writes, heard: None, waiting: Vec::new(), gone: 0, failed: None };
    let held = Arc::new(Mutex::new(held));
    (CoalescingWriter(Arc::clone(&held)), Flusher(held))
}

impl<I: AsyncWrite + Unpin> Buffered<I> {
    /// Sends the waiting bytes as far as the stream takes them.
    fn push(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.gone..).filter(|rest| !rest.is_empty()) {
            self.writes.fetch_add(1, Ordering::Release);
            match ready!(Pin::new(&mut self.io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => self.gone += taken,
            }
        }
        self.gone = 0;
        self.waiting.clear();
        self.waiting.shrink_to(IDLE_ROOM);
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.push(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn failure(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for CoalescingWriter<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut held = self.0.lock();
        let before = buf.filled().len();
        ready!(Pin::new(&mut held.io).poll_read(cx, buf))?;
        if let Some(heard) = &mut held.heard
            && buf.filled().len() > before
        {
            *heard = Instant::now();
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for CoalescingWriter<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut held = self.0.lock();
        held.failure()?;
        let more = bufs.iter().map(|buf| buf.len()).sum();
        if held.waiting.len() + more > ROOM {
            ready!(held.push(cx))?;
            if more > ROOM {
                // Much at once gains nothing from another copy.
                held.writes.fetch_add(1, Ordering::Release);
                return Pin::new(&mut held.io).poll_write_vectored(cx, bufs);
            }
        }
        for buf in bufs {
            held.waiting.extend_from_slice(buf);
        }
        Poll::Ready(Ok(more))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Returns only an earlier failure: the flusher flushes at the end of the turn.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.lock().failure())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut held = self.0.lock();
        held.failure()?;
        ready!(held.push(cx))?;
        Pin::new(&mut held.io).poll_shutdown(cx)
    }
}

/// A connection's task: lets all other ready tasks run first, takes its turn, and flushes the bytes it wrote.
pub(super) struct FlushingTask<F, I> {
    connection: Pin<Box<F>>,
    outlet: Flusher<I>,
    has_waited: bool,
}

impl<F: Future, I> FlushingTask<F, I> {
    pub(super) fn new(connection: F, outlet: Flusher<I>) -> Self {
        Self { connection: Box::pin(connection), outlet, has_waited: false }
    }

    pub(super) fn connection(&mut self) -> Pin<&mut F> {
        self.connection.as_mut()
    }
}

impl<F: Future, I: AsyncWrite + Unpin> Future for FlushingTask<F, I> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.has_waited = !self.has_waited;
        if self.has_waited {
            // The scheduler puts a task that wakes itself behind all that are ready.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = self.connection.as_mut().poll(cx);
        if polled.is_pending() {
            self.outlet.let_out(cx);
        }
        polled
    }
}

/// Measures the silence of the other side.
pub(super) struct Ear<I>(Arc<Mutex<Buffered<I>>>);

impl<I> Ear<I> {
    /// Returns the time of the last read, or of the first call if nothing was read.
    pub(super) fn heard(&self) -> Instant {
        *self.0.lock().heard.get_or_insert_with(Instant::now)
    }
}

impl<I> Flusher<I> {
    /// Returns the number of writes to the stream. While it does not grow, nothing is sent.
    pub(super) fn writes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0.lock().writes)
    }

    /// Measures silence from now on.
    pub(super) fn ear(&self) -> Ear<I> {
        let ear = Ear(Arc::clone(&self.0));
        ear.heard();
        ear
    }
}

impl<I: AsyncWrite + Unpin> Flusher<I> {
    /// Flushes the stream. Bytes it does not take now are sent in a later turn, for which the stream wakes the task.
    fn let_out(&self, cx: &mut Context<'_>) {
        let mut held = self.0.lock();
        if let Poll::Ready(Err(error)) = held.flush(cx) {
            held.waiting = Vec::new();
            held.gone = 0;
            held.failed = Some(error);
            cx.waker().wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests;
