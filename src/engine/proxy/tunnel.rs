//! Bytes both ways between a caller and a cluster, once both have left HTTP.

use crate::engine::proxy::upstream::Tunnel;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

/// Read at once, each way.
const BUFFER: usize = 16 * 1024;
/// When one side has ended, the other has this long.
const GRACE: Duration = Duration::from_secs(2);

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spliced {
    /// Bytes from the caller to the cluster.
    pub up: u64,
    /// Bytes from the cluster to the caller.
    pub down: u64,
    /// We ended it: the proxy drains, or the cluster is fenced.
    pub cut: bool,
}

/// Carries bytes until both sides have ended, one has ended and the other had its time, one fails, or `drain` or a fence cuts
/// it. There is no idle timeout: an exec may be silent for hours.
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

/// The same between any two streams; `cut` ends it.
pub async fn between<C, U>(client: C, upstream: U, cut: impl Future<Output = ()>) -> Spliced
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let (counted_up, counted_down) = (AtomicU64::new(0), AtomicU64::new(0));
    let (client_read, client_write) = tokio::io::split(client);
    let (upstream_read, upstream_write) = tokio::io::split(upstream);
    let up = carry(client_read, upstream_write, &counted_up);
    let down = carry(upstream_read, client_write, &counted_down);
    tokio::pin!(up, down, cut);
    let was_cut = tokio::select! {
        ended = &mut up => match ended {
            Ok(()) => rest(&mut down, &mut cut).await,
            Err(_) => false,
        },
        ended = &mut down => match ended {
            Ok(()) => rest(&mut up, &mut cut).await,
            Err(_) => false,
        },
        () = &mut cut => true,
    };
    Spliced { up: counted_up.load(Ordering::Relaxed), down: counted_down.load(Ordering::Relaxed), cut: was_cut }
}

/// The other way's last moments.
async fn rest(
    other: &mut (impl Future<Output = io::Result<()>> + Unpin),
    cut: &mut (impl Future<Output = ()> + Unpin),
) -> bool {
    tokio::select! {
        _ = other => false,
        () = tokio::time::sleep(GRACE) => false,
        () = cut => true,
    }
}

/// One way, until its end; the end goes on to the other side.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, count: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return to.shutdown().await;
        };
        to.write_all(bytes).await?;
        // TLS keeps the last of it otherwise.
        to.flush().await?;
        count.fetch_add(read as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::io::duplex;
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
