//! A body as it comes in: from a caller, or from a cluster.

use super::{Broke, Upload};
use h2::{Reason, RecvStream};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// An incoming body, read only as fast as it is passed on.
#[derive(Debug)]
pub enum Arriving {
    /// A body of a connection that hyper serves.
    Hyper(Incoming),
    /// A body of a stream of a caller's HTTP/2 connection: hyper takes its reset with NO_ERROR for the end.
    Asked(Incoming),
    /// A body of a stream of one of the proxy's own HTTP/2 connections.
    Streamed(Streamed),
}

impl Arriving {
    /// The body of a caller's request.
    pub(in crate::engine::proxy) fn asked(body: Incoming, h2: bool) -> Self {
        if h2 { Self::Asked(body) } else { Self::Hyper(body) }
    }
}

impl From<Incoming> for Arriving {
    fn from(body: Incoming) -> Self {
        Self::Hyper(body)
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Broke;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broke>>> {
        match self.get_mut() {
            Self::Hyper(body) => Pin::new(body).poll_frame(cx).map_err(Broke::Hyper),
            Self::Asked(body) => match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                None if !body.is_end_stream() => Poll::Ready(Some(Err(Broke::Cut))),
                frame => Poll::Ready(frame.map(|frame| frame.map_err(Broke::Hyper))),
            },
            Self::Streamed(body) => body.poll_frame(cx).map_err(|e| Broke::H2(unlike_an_end(e))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Hyper(body) | Self::Asked(body) => body.is_end_stream(),
            Self::Streamed(body) => body.has_ended(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Hyper(body) | Self::Asked(body) => body.size_hint(),
            Self::Streamed(body) => body.left.map(SizeHint::with_exact).unwrap_or_default(),
        }
    }
}

/// The body of an answer on one HTTP/2 stream. Dropping it before its end resets the stream.
#[derive(Debug)]
pub struct Streamed {
    /// The stream; `None` only during the drop.
    stream: Option<RecvStream>,
    /// Bytes still to come; `None` if the head gives no length.
    left: Option<u64>,
    /// The data has ended; trailers may follow.
    data_ended: bool,
    /// The request's own body, if it is still being sent.
    upload: Option<Upload>,
}

impl Streamed {
    pub(in crate::engine::proxy) fn new(stream: RecvStream, head: &HeaderMap, upload: Option<Upload>) -> Self {
        let told = head.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let left = told.or_else(|| stream.is_end_stream().then_some(0));
        Self { stream: Some(stream), left, data_ended: false, upload }
    }

    fn has_ended(&self) -> bool {
        self.stream.as_ref().is_none_or(RecvStream::is_end_stream)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        if !self.data_ended {
            if let Some(data) = ready!(stream.poll_data(cx)?) {
                // It goes on from here, so the server may send as much again; where it has ended, it will not.
                let _ended = stream.flow_control().release_capacity(data.len());
                self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            self.data_ended = true;
        }
        let trailers = ready!(stream.poll_trailers(cx)?);
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

/// Replaces NO_ERROR, in the middle of an answer, by INTERNAL_ERROR: clients would take it for the answer's end.
fn unlike_an_end(error: h2::Error) -> h2::Error {
    if error.reason() == Some(Reason::NO_ERROR) { Reason::INTERNAL_ERROR.into() } else { error }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        // Whoever has as much as the head told reads no further, and may miss the end that comes by itself.
        if (self.left == Some(0) || self.has_ended())
            && let (Some(upload), Some(stream)) = (self.upload.take(), self.stream.take())
        {
            // A server may answer before it has read everything, and read on.
            upload.goes_on(stream);
        }
    }
}
