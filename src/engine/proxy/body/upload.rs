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

/// Longest time from a complete answer to the end of its stream, once the server has the whole request; API servers
/// give short requests as long.
const ENDING: Duration = Duration::from_secs(60);

/// A body that is being sent. Dropping it means that the answer is no longer needed: the task ends, and the stream is
/// reset if it has not ended.
#[derive(Debug)]
pub(in crate::engine::proxy) struct Upload(Option<Going>);

#[derive(Debug)]
struct Going {
    task: AbortHandle,
    /// Passes the rest of the answer to the task.
    rest: oneshot::Sender<RecvStream>,
}

impl Upload {
    /// Sends the body as fast as the server takes it. A failure shows in the answer.
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

    /// Lets the upload go on after the answer is complete except for its end: the server may read on.
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

/// Waits for the end of an answer whose content is no longer needed.
async fn end(mut answer: RecvStream) {
    while let Some(Ok(data)) = answer.data().await {
        if answer.flow_control().release_capacity(data.len()).is_err() {
            return;
        }
    }
    let _trailers = answer.trailers().await;
}

/// Sends the body. Fails with the reason for a reset if the body breaks off.
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

/// Waits until the server takes more; returns false if it takes no more at all. Reserves a single byte, not the whole
/// piece: a waiting stream must not hold capacity that others could use.
async fn room(stream: &mut SendStream<Bytes>) -> bool {
    stream.reserve_capacity(1);
    while stream.capacity() == 0 {
        if !matches!(poll_fn(|cx| stream.poll_capacity(cx)).await, Some(Ok(_))) {
            return false;
        }
    }
    true
}
