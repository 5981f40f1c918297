//! Bytes both ways between a caller and a cluster, once both have left HTTP.

use crate::engine::proxy::upstream::Tunnel;
use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Bytes of one read, in each direction.
const BUFFER: usize = 16 * 1024;
/// Longest silence of one side after the other has ended. Flowing bytes are no silence.
const GRACE: Duration = Duration::from_secs(2);
/// Number of [`GRACE`] periods a caller may leave output unread, or go on sending bytes that the cluster no longer
/// takes.
const PATIENCE: u32 = 15;

/// Outcome of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spliced {
    /// Bytes from the caller to the cluster.
    pub up: u64,
    /// Bytes from the cluster to the caller.
    pub down: u64,
    /// The proxy ended the tunnel: it drains, or the cluster is blocked.
    pub cut: bool,
}

/// Copies bytes until both sides have ended, one has ended and the other is silent, the caller is gone, or `drain` or
/// a blocked cluster cuts the tunnel. There is no idle timeout: an exec may be silent for hours.
pub async fn splice<C>(client: C, mut tunnel: Box<Tunnel>, drain: CancellationToken) -> Spliced
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    let Tunnel { io, severed, .. } = &mut *tunnel;
    between(client, io, async {
        tokio::select! {
            () = drain.cancelled() => {}
            () = severed.cancelled() => {}
        }
    })
    .await
}

/// Copies bytes between any two streams in the same way; `cut` ends the tunnel.
///
/// A cluster that takes no more input may still have output: of a command that ended while its input was on its way.
/// So only an error towards the caller ends the tunnel at once.
pub async fn between<C, U>(client: C, upstream: U, cut: impl Future<Output = ()>) -> Spliced
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let (up, down, ended) = (Way::default(), Way::default(), Notify::new());
    let (mut client_read, mut client_write) = tokio::io::split(client);
    let (upstream_read, upstream_write) = tokio::io::split(upstream);
    let carrying = async {
        let over = {
            let input = input(&mut client_read, upstream_write, &up, &ended);
            let output = output(upstream_read, &mut client_write, &down, &ended);
            tokio::select! {
                over = async { tokio::try_join!(input, output).map(drop) } => over,
                () = silence(&up, &down, &ended) => Ok(()),
            }
        };
        // With bytes left unread, closing would take back what the caller has not read yet.
        if over.is_ok() && up.leaves_unread() {
            linger(client_read, client_write).await;
        }
    };
    let was_cut = tokio::select! {
        () = carrying => false,
        () = cut => true,
    };
    Spliced { up: up.count(), down: down.count(), cut: was_cut }
}

/// The caller is gone, so the other direction ends too.
struct Gone;

/// Copies from the caller to the cluster. Once the cluster takes no more, discards the rest, so that a caller that
/// writes before it reads is not stuck.
async fn input(
    mut from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    way: &Way,
    ended: &Notify,
) -> Result<(), Gone> {
    let carried = carry(&mut from, to, way).await;
    ended.notify_one();
    match carried {
        Ok(()) => {
            way.set(Doing::Nothing);
            Ok(())
        }
        Err(Broken::Reading) => Err(Gone),
        Err(Broken::Writing) => {
            way.set(Doing::Discarding);
            discard(from).await.map_err(|_| Gone)
        }
    }
}

/// Copies from the cluster to the caller, and ends the caller's side. The copied bytes themselves show the caller
/// whether they are complete.
async fn output(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    way: &Way,
    ended: &Notify,
) -> Result<(), Gone> {
    let carried = carry(from, &mut to, way).await;
    ended.notify_one();
    match carried {
        Ok(()) => {
            way.set(Doing::Nothing);
            Ok(())
        }
        Err(Broken::Reading) => to.shutdown().await.map_err(|_| Gone),
        Err(Broken::Writing) => Err(Gone),
    }
}

/// Returns when one side has ended and no bytes flow any more.
async fn silence(up: &Way, down: &Way, ended: &Notify) {
    ended.notified().await;
    let mut patience = PATIENCE;
    loop {
        let before = (up.count(), down.count());
        tokio::time::sleep(GRACE).await;
        if before != (up.count(), down.count()) {
            patience = PATIENCE;
        } else if down.is(Doing::Writing) && patience > 1 {
            // The cluster has said something, and the caller does not read it yet.
            patience -= 1;
        } else {
            return;
        }
    }
}

/// Ends the caller's side, and reads what the caller still sends until it closes.
async fn linger(from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let told = async {
        // An error says that it knows.
        if to.shutdown().await.is_ok() {
            let _gone = discard(from).await;
        }
    };
    let _flood = tokio::time::timeout(GRACE * PATIENCE, told).await;
}

/// Reads to the end.
async fn discard(mut from: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    while from.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// The side of a direction that failed.
enum Broken {
    Reading,
    Writing,
}

/// Copies one direction until its end, and passes the end on.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, way: &Way) -> Result<(), Broken> {
    let mut buffer = vec![0; BUFFER];
    loop {
        way.set(Doing::Reading);
        let read = from.read(&mut buffer).await.map_err(|_| Broken::Reading)?;
        way.set(Doing::Writing);
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return to.shutdown().await.map_err(|_| Broken::Writing);
        };
        // TLS keeps the last of it otherwise.
        let written = async {
            to.write_all(bytes).await?;
            to.flush().await
        };
        written.await.map_err(|_| Broken::Writing)?;
        way.bytes.fetch_add(read as u64, Ordering::Relaxed);
    }
}

/// The present activity of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Doing {
    Reading,
    Writing,
    /// The other side takes no more; the rest is read and dropped.
    Discarding,
    /// There is nothing more to read.
    Nothing,
}

/// The progress of one direction.
#[derive(Debug, Default)]
struct Way {
    bytes: AtomicU64,
    doing: AtomicU8,
}

impl Way {
    fn count(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn set(&self, doing: Doing) {
        self.doing.store(doing as u8, Ordering::Relaxed);
    }

    fn is(&self, doing: Doing) -> bool {
        self.doing.load(Ordering::Relaxed) == doing as u8
    }

    /// Returns true if the source may have sent more than was read.
    fn leaves_unread(&self) -> bool {
        self.is(Doing::Writing) || self.is(Doing::Discarding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::{ReadBuf, duplex};
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn bytes_go_both_ways_and_the_end_of_one_side_reaches_the_other() {
        let ((mut client, a), (mut upstream, b)) = (duplex(64), duplex(64));
        let splicing = tokio::spawn(between(a, b, pending()));
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = String::new();
        upstream.read_to_string(&mut heard).await.unwrap();
        upstream.write_all(b"a longer answer").await.unwrap();
        drop(upstream);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!((heard.as_str(), answer.as_str()), ("question", "a longer answer"));
        assert_eq!(splicing.await.unwrap(), Spliced { up: 8, down: 15, cut: false });
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_stays_when_the_other_has_ended_has_two_seconds() {
        let ((client, a), (upstream, b)) = (duplex(64), duplex(64));
        let began = Instant::now();
        drop(upstream);
        let spliced = between(a, b, pending()).await;
        assert_eq!((spliced, began.elapsed()), (Spliced { up: 0, down: 0, cut: false }, GRACE));
        drop(client);
    }

    /// P1: a command ends while its input is still on its way; its output and its exit status are there all the same.
    #[tokio::test(start_paused = true)]
    async fn what_the_cluster_said_arrives_though_it_takes_no_more_input() {
        for round in 0..200 {
            let ((client, a), (mut upstream, b)) = (duplex(64), duplex(64));
            let splicing = tokio::spawn(between(a, b, pending()));
            let (mut reading, mut writing) = tokio::io::split(client);
            let flood = tokio::spawn(async move { while writing.write_all(&[b'i'; 40]).await.is_ok() {} });
            let mut taken = vec![0; 40 * (round % 3)];
            upstream.read_exact(&mut taken).await.unwrap();
            upstream.write_all(b"the output, and EXIT 7").await.unwrap();
            drop(upstream);
            let mut heard = String::new();
            reading.read_to_string(&mut heard).await.unwrap();
            assert_eq!(heard, "the output, and EXIT 7", "round {round}");
            flood.abort();
            drop((reading, flood.await));
            assert_eq!(splicing.await.unwrap().down, 22);
        }
    }

    /// P1: neither a caller who takes his time loses any of it, ...
    #[tokio::test(start_paused = true)]
    async fn output_waits_for_a_caller_who_reads_later() {
        let ((mut client, a), (mut upstream, b)) = (duplex(8), duplex(64));
        let splicing = tokio::spawn(between(a, b, pending()));
        upstream.write_all(b"more than the caller's buffer holds").await.unwrap();
        drop(upstream);
        client.write_all(b"input").await.unwrap();
        tokio::time::sleep(GRACE * (PATIENCE - 2)).await;
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        drop(client);
        assert_eq!(heard, "more than the caller's buffer holds");
        assert!(!splicing.await.unwrap().cut);
    }

    /// P1: ... nor does anybody hold a tunnel for ever: not a cluster that says no more, ...
    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_takes_no_more_and_says_no_more_is_left() {
        struct Refusing;
        impl AsyncRead for Refusing {
            fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                Poll::Pending
            }
        }
        impl AsyncWrite for Refusing {
            fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
        let (client, a) = duplex(64);
        let began = Instant::now();
        let splicing = tokio::spawn(between(a, Refusing, pending()));
        let (mut reading, mut writing) = tokio::io::split(client);
        let flood = tokio::spawn(async move {
            while writing.write_all(b"more and more").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        // The caller hears of the end, ...
        assert_eq!(reading.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(began.elapsed(), GRACE);
        // ... and one who does not care is not read for ever.
        assert_eq!(splicing.await.unwrap(), Spliced { up: 0, down: 0, cut: false });
        assert_eq!(began.elapsed(), GRACE + GRACE * PATIENCE);
        flood.await.unwrap();
    }

    /// P1: ... and not a caller who is gone.
    #[tokio::test(start_paused = true)]
    async fn without_a_caller_it_ends_at_once() {
        let ((client, a), (mut upstream, b)) = (duplex(64), duplex(64));
        let began = Instant::now();
        drop(client);
        upstream.write_all(b"to nobody").await.unwrap();
        assert_eq!(between(a, b, pending()).await.down, 0);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    /// P8: a caller who has no more to say hears all that the cluster has to say.
    #[tokio::test(start_paused = true)]
    async fn of_a_half_closed_tunnel_silence_counts_and_not_time() {
        let ((mut client, a), (mut upstream, b)) = (duplex(64), duplex(64));
        let splicing = tokio::spawn(between(a, b, pending()));
        client.shutdown().await.unwrap();
        let speaking = tokio::spawn(async move {
            for _ in 0..20 {
                tokio::time::sleep(GRACE * 3 / 4).await;
                upstream.write_all(b"tick ").await.unwrap();
            }
            upstream.shutdown().await.unwrap();
        });
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        assert_eq!((heard, splicing.await.unwrap().down), ("tick ".repeat(20), 100));
        speaking.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_no_reason_to_end_and_a_drain_is() {
        let ((client, a), (upstream, b)) = (duplex(64), duplex(64));
        let drain = CancellationToken::new();
        let cut = drain.clone();
        let splicing = tokio::spawn(async move { between(a, b, cut.cancelled()).await });
        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
        assert!(!splicing.is_finished());
        drain.cancel();
        assert!(splicing.await.unwrap().cut);
        drop((client, upstream));
    }
}
