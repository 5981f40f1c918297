//! A request's body on its way up an HTTP/2 stream, beside the wait for its answer.

use super::Outgoing;
use h2::{Reason, RecvStream, SendStream};
use hyper::body::{Body as _, Bytes};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// A server that has the whole request, and whose answer is complete, ends the stream within this; API servers give short
/// requests as long.
const ENDING: Duration = Duration::from_secs(60);

/// Ends when this is dropped: nobody waits for the answer any more. What is left of the stream is then reset.
#[derive(Debug)]
pub(in crate::engine::proxy) struct Upload(Option<Going>);

#[derive(Debug)]
struct Going {
    task: AbortHandle,
    /// Takes the rest of the answer.
    rest: oneshot::Sender<RecvStream>,
}

impl Upload {
    /// Sends the body as the server takes it. What becomes of it shows in the answer.
    pub(in crate::engine::proxy) fn start(mut body: Outgoing, mut stream: SendStream<Bytes>) -> Self {
        let (rest, answer) = oneshot::channel();
        let task = tokio::spawn(async move {
            match pass(&mut body, &mut stream).await {
                Err(reason) => stream.send_reset(reason),
                // A stream that is let go before its end is reset, and the server may take the request for given up.
                Ok(()) => {
                    if let Ok(answer) = answer.await {
                        let _late = timeout(ENDING, end(answer)).await;
                    }
                }
            }
        });
        Self(Some(Going { task: task.abort_handle(), rest }))
    }

    /// The answer is complete but for its end, and the server may read on.
    pub(super) fn goes_on(mut self, answer: RecvStream) {
        if let Some(going) = self.0.take() {
            // A body that broke off has taken the stream with it.
            drop(going.rest.send(answer));
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(going) = &self.0 {
            going.task.abort();
        }
    }
}

/// Waits for the end of an answer of which nothing is wanted any more.
async fn end(mut answer: RecvStream) {
    while let Some(Ok(data)) = answer.data().await {
        if answer.flow_control().release_capacity(data.len()).is_err() {
            return;
        }
    }
    let _trailers = answer.trailers().await;
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
