//! A request's body on its way up an HTTP/2 stream, beside the wait for its answer.

use super::Outgoing;
use h2::{Reason, SendStream};
use hyper::body::{Body as _, Bytes};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use tokio::task::AbortHandle;

/// Ends when this is dropped: nobody waits for the answer any more. What is left of the stream is then reset.
#[derive(Debug)]
pub(in crate::engine::proxy) struct Upload(Option<AbortHandle>);

impl Upload {
    /// Sends the body as the server takes it. What becomes of it shows in the answer.
    pub(in crate::engine::proxy) fn start(mut body: Outgoing, mut stream: SendStream<Bytes>) -> Self {
        let task = tokio::spawn(async move {
            if let Err(reason) = pass(&mut body, &mut stream).await {
                stream.send_reset(reason);
            }
        });
        Self(Some(task.abort_handle()))
    }

    /// The answer is complete, and the server may read on.
    pub(super) fn goes_on(mut self) {
        self.0 = None;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Errors: the body broke off, for this reason.
async fn pass(body: &mut Outgoing, stream: &mut SendStream<Bytes>) -> Result<(), Reason> {
    loop {
        let next = poll_fn(|cx| {
            // While the caller is silent, the server may have seen enough.
            if stream.poll_reset(cx).is_ready() {
                return Poll::Ready(None);
            }
            Pin::new(&mut *body).poll_frame(cx).map(Some)
        });
        let Some(next) = next.await else { return Ok(()) };
        let sent = match next {
            None => stream.send_data(Bytes::new(), true),
            Some(Err(broke)) => return Err(broke.reason()),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let is_last = body.is_end_stream();
                    if !data.is_empty() && !room(stream).await {
                        return Ok(());
                    }
                    let sent = stream.send_data(data, is_last);
                    if sent.is_ok() && !is_last {
                        continue;
                    }
                    sent
                }
                Err(frame) => match frame.into_trailers() {
                    // Some names may not be trailers of HTTP/2: the body then ends without any.
                    Ok(trailers) => stream.send_trailers(trailers).or_else(|_| stream.send_data(Bytes::new(), true)),
                    // There are no other frames.
                    Err(_) => continue,
                },
            },
        };
        // Refused only where the stream has ended already.
        return sent.or(Ok(()));
    }
}

/// Waits until the server takes more; false when it takes nothing any more. One byte is asked for, not the whole piece: a
/// stream that waits must not hold what others could use.
async fn room(stream: &mut SendStream<Bytes>) -> bool {
    stream.reserve_capacity(1);
    while stream.capacity() == 0 {
        if !matches!(poll_fn(|cx| stream.poll_capacity(cx)).await, Some(Ok(_))) {
            return false;
        }
    }
    true
}
