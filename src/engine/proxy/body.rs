//! Bodies on their way through: of requests to a cluster, and of its answers.

mod arriving;
mod upload;

pub use arriving::{Arriving, Streamed};
pub(super) use upload::Upload;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Why a body broke off. The source chain holds the HTTP/2 error, if there is one: the sender of the body resets its
/// own stream with the same reason.
#[derive(Debug, thiserror::Error)]
pub enum Broke {
    /// A connection that hyper serves failed.
    #[error("{0}")]
    Hyper(#[from] hyper::Error),
    /// A stream of one of the proxy's own HTTP/2 connections failed.
    #[error("{0}")]
    H2(#[from] h2::Error),
    /// The sender reset its stream, with NO_ERROR, before the body had ended.
    #[error("the stream was reset before its body had ended")]
    Cut,
}

impl Broke {
    /// The reason to reset the other side's stream with: that of the HTTP/2 error, else CANCEL.
    fn reason(&self) -> h2::Reason {
        let causes = std::iter::successors(Some(self as &dyn std::error::Error), |e| e.source());
        let told = causes.take(8).find_map(|e| e.downcast_ref::<h2::Error>()?.reason());
        told.unwrap_or(h2::Reason::CANCEL)
    }
}

/// A body that is sent. Frames and trailers pass unchanged.
#[derive(Debug)]
pub enum Outgoing {
    /// There is no body.
    Empty,
    /// The whole body is here, so it can be sent again. At most 64 KiB should be read ahead for that.
    Whole(Bytes),
    /// The body goes out as it comes in, once.
    Stream(Arriving),
    /// The beginning of the body was read already.
    Begun {
        /// Bytes that were read ahead; they go out first.
        read: Bytes,
        /// The part that has not been read yet.
        rest: Arriving,
    },
}

impl Outgoing {
    /// Returns a copy of the body; `None` if it can be sent only once.
    pub fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Stream(_) | Self::Begun { .. } => None,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broke;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        match this {
            Self::Empty => Poll::Ready(None),
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Begun { read, .. } if !read.is_empty() => Poll::Ready(Some(Ok(Frame::data(std::mem::take(read))))),
            Self::Begun { rest, .. } => Pin::new(rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
            Self::Begun { read, rest } => read.is_empty() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(body) => body.size_hint(),
            Self::Begun { read, rest } => {
                let (read, rest) = (read.len() as u64, rest.size_hint());
                let mut hint = SizeHint::new();
                hint.set_lower(rest.lower().saturating_add(read));
                if let Some(upper) = rest.upper() {
                    hint.set_upper(upper.saturating_add(read));
                }
                hint
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn a_whole_body_can_be_sent_again_and_says_its_size() {
        let body = Outgoing::Whole(Bytes::from_static(b"abc"));
        let again = body.again().expect("it is all here");
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
        assert_eq!(body.collect().await.expect("no error").to_bytes(), "abc");
        assert_eq!(again.collect().await.expect("no error").to_bytes(), "abc");
    }

    #[tokio::test]
    async fn an_empty_one_ends_at_once() {
        for body in [Outgoing::Empty, Outgoing::Whole(Bytes::new())] {
            assert!(body.is_end_stream());
            assert_eq!(body.size_hint().exact(), Some(0));
            assert!(body.collect().await.expect("no error").to_bytes().is_empty());
        }
    }
}
