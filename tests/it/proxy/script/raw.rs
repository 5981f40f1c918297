//! Bytes by hand, for what no library does by itself.

use super::state::Inner;
use hyper::body::Bytes;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// How long a closed connection is still read.
const LINGER: Duration = Duration::from_secs(1);

/// How much input is read before it is left; more is on its way by then.
const TAKEN: usize = 64 * 1024;

/// Reads one head, answers with these bytes in one write, and echoes from there on, or `leaves`. Probes find it ready.
pub(super) async fn answer(
    mut stream: TlsStream<TcpStream>,
    answer: &[u8],
    leaves: Option<Bytes>,
    inner: &Arc<Inner>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if head.starts_with(b"GET /readyz ") {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await?;
        return stream.shutdown().await;
    }
    inner.heads.lock().push(String::from_utf8_lossy(&head).into_owned());
    inner.changed();
    stream.write_all(answer).await?;
    stream.flush().await?;
    if let Some(output) = leaves {
        stream.read_exact(&mut vec![0; TAKEN]).await?;
        stream.write_all(&output).await?;
        // Every other one says that it ends, as Go does.
        return if inner.accepted.load(Ordering::SeqCst).is_multiple_of(2) {
            stream.shutdown().await
        } else {
            stream.flush().await
        };
    }
    let (mut read, mut write) = tokio::io::split(stream);
    tokio::select! {
        () = inner.frozen() => std::future::pending().await,
        ended = tokio::io::copy(&mut read, &mut write) => {
            ended?;
            write.shutdown().await
        }
    }
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// In the table of HPACK: the status 200, and the method that a client of ours begins a head with.
const STATUS_200: u8 = 0x88;
const POST: u8 = 0x83;

/// The first HEADERS meets a GOAWAY that covers no stream.
pub(super) async fn goaway_below(mut stream: TlsStream<TcpStream>) -> io::Result<()> {
    greet(&mut stream).await?;
    while next(&mut stream).await?.kind != HEADERS {}
    // No stream was looked at; no error.
    stream.write_all(&frame(GOAWAY, 0, [0; 4], &[0; 8])).await?;
    stream.flush().await?;
    part(stream).await
}

/// Waits for the client to see the GOAWAY, as long as Go's server does: with bytes left unread it might never.
async fn part(mut stream: TlsStream<TcpStream>) -> io::Result<()> {
    drop(timeout(LINGER, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await);
    stream.shutdown().await
}

/// The first request is answered; the second meets a GOAWAY, when all of it is there, that covers the first alone. What
/// was answered is remembered as a head.
pub(super) async fn goaway_second(mut stream: TlsStream<TcpStream>, inner: &Arc<Inner>) -> io::Result<()> {
    greet(&mut stream).await?;
    let mut answered = None;
    loop {
        let Frame { kind, flags, id, .. } = next(&mut stream).await?;
        if !matches!(kind, HEADERS | DATA) || flags & END_STREAM == 0 {
            continue;
        }
        if let Some(last) = answered {
            stream.write_all(&frame(GOAWAY, 0, [0; 4], &[last, [0; 4]].concat())).await?;
            stream.flush().await?;
            return part(stream).await;
        }
        answered = Some(id);
        inner.heads.lock().push("answered".to_owned());
        let answer = [frame(HEADERS, END_HEADERS, id, &[STATUS_200]), frame(DATA, END_STREAM, id, b"ok")].concat();
        stream.write_all(&answer).await?;
        stream.flush().await?;
    }
}

/// A POST is answered with so many frames of so many bytes and no end, all else with `ok`, one after the other.
pub(super) async fn small_frames(mut stream: TlsStream<TcpStream>, (count, length): (usize, usize)) -> io::Result<()> {
    greet(&mut stream).await?;
    loop {
        let Frame { kind, id, payload, .. } = next(&mut stream).await?;
        if kind != HEADERS {
            continue;
        }
        let mut answer = frame(HEADERS, END_HEADERS, id, &[STATUS_200]);
        if payload.first() == Some(&POST) {
            answer.extend(frame(DATA, 0, id, &vec![b'x'; length]).repeat(count));
        } else {
            answer.extend(frame(DATA, END_STREAM, id, b"ok"));
        }
        stream.write_all(&answer).await?;
        stream.flush().await?;
    }
}

struct Frame {
    kind: u8,
    flags: u8,
    id: [u8; 4],
    payload: Vec<u8>,
}

/// The preface, and our SETTINGS.
async fn greet(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    stream.write_all(&frame(SETTINGS, 0, [0; 4], &[])).await?;
    stream.flush().await
}

/// The next frame; SETTINGS are acknowledged.
async fn next(stream: &mut TlsStream<TcpStream>) -> io::Result<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let [a, b, c, kind, flags, id @ ..] = head;
    let mut payload = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
    stream.read_exact(&mut payload).await?;
    if kind == SETTINGS && flags == 0 {
        stream.write_all(&frame(SETTINGS, 1, [0; 4], &[])).await?;
        stream.flush().await?;
    }
    Ok(Frame { kind, flags, id, payload })
}

/// A frame of this stream, or of the connection itself: 0.
fn frame(kind: u8, flags: u8, id: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).expect("a short one").to_be_bytes();
    let mut frame = vec![a, b, c, kind, flags];
    frame.extend(id);
    frame.extend_from_slice(payload);
    frame
}
