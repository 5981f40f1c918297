//! Bytes by hand, for what no library does by itself.

use super::state::Inner;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Reads one head, answers with these bytes in one write, and echoes from there on.
pub(super) async fn answer(mut stream: TlsStream<TcpStream>, answer: &[u8], inner: &Arc<Inner>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    inner.heads.lock().push(String::from_utf8_lossy(&head).into_owned());
    inner.changed();
    stream.write_all(answer).await?;
    stream.flush().await?;
    let (mut read, mut write) = tokio::io::split(stream);
    tokio::select! {
        () = inner.frozen() => std::future::pending().await,
        ended = tokio::io::copy(&mut read, &mut write) => {
            ended?;
            write.shutdown().await
        }
    }
}

/// The preface, then frames; the first HEADERS meets a GOAWAY that covers no stream.
pub(super) async fn goaway_below(mut stream: TlsStream<TcpStream>) -> io::Result<()> {
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    stream.write_all(&frame(SETTINGS, 0, &[])).await?;
    stream.flush().await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await?;
        match head[3] {
            SETTINGS if head[4] == 0 => stream.write_all(&frame(SETTINGS, 1, &[])).await?,
            HEADERS => {
                // No stream was looked at; no error.
                stream.write_all(&frame(GOAWAY, 0, &[0; 8])).await?;
                stream.flush().await?;
                return stream.shutdown().await;
            }
            _ => {}
        }
        stream.flush().await?;
    }
}

/// A frame of the connection itself.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short one").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}
