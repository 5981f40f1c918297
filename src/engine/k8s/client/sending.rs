//! A request that may change something: sent at most once, and never forgotten whether it was sent.

use super::{Connection, service::BoxError};
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::errors;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use kube::client::Body;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// An answer is one object, and an object in etcd is smaller.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A request with a body, as it goes to an API server.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    /// Never empty: the body tells whether a request was sent.
    pub(crate) body: Vec<u8>,
}

/// Why there is no whole answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The request did not reach the API server whole, so nothing was done.
    NotSent(ClusterError),
    /// The server answered with this status, and what is known besides is the error's text.
    Status(StatusCode, ClusterError),
    /// Sent whole, and no answer to the end.
    Lost(ClusterError),
}

impl Connection {
    /// Sends a change once; after a 401 once more with newer credentials. Fails with what is known of it. Without a
    /// deadline that of the cluster's requests holds.
    pub(crate) async fn send_change(
        &self,
        change: Change,
        deadline: Option<Duration>,
    ) -> Result<(StatusCode, Bytes), Unanswered> {
        self.log_in().await.map_err(Unanswered::NotSent)?;
        let deadline = deadline.unwrap_or(self.deadline);
        let trace = Trace::new(deadline);
        let request = Request::builder()
            .method(change.method)
            .uri(change.path)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, change.content_type)
            .extension(trace.clone())
            .body(Body::from(change.body))
            .map_err(|_| Unanswered::NotSent(ClusterError::Failed("the path is not one".into())))?;
        let all = async {
            let answer = self.client.send(request).await.map_err(|e| errors::translate(&e))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok((status, body.map_err(|e| errors::translate_any(&*e))?.to_bytes()))
        };
        let result = tokio::time::timeout(deadline, all).await;
        let error = match result {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => errors::timed_out(deadline, &self.address),
        };
        Err(match (trace.give_up(), trace.status()) {
            (Sent::No, _) => Unanswered::NotSent(error),
            (Sent::Whole, Some(status)) => Unanswered::Status(status, error),
            (Sent::Whole, None) => Unanswered::Lost(error),
        })
    }
}

/// Whether the body of a request left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    No,
    Whole,
}

const WAITING: u8 = 0;
const LEFT: u8 = 1;
const GIVEN_UP: u8 = 2;

/// The fate of one request, noted by the transport while it happens. The note travels with the request.
#[derive(Debug, Clone)]
pub(crate) struct Trace(Arc<TraceState>);

#[derive(Debug)]
struct TraceState {
    deadline: Duration,
    body: AtomicU8,
    /// The status of the last answer; 0 while there is none.
    status: AtomicU16,
}

impl Trace {
    fn new(deadline: Duration) -> Self {
        Self(Arc::new(TraceState { deadline, body: AtomicU8::new(WAITING), status: AtomicU16::new(0) }))
    }

    pub(super) fn deadline(&self) -> Duration {
        self.0.deadline
    }

    /// An answer begins.
    pub(super) fn note_status(&self, status: StatusCode) {
        self.0.status.store(status.as_u16(), Ordering::Release);
    }

    /// The request was refused before it was looked at, and comes again as if it was never sent.
    pub(super) fn start_over(&self) {
        self.0.status.store(0, Ordering::Release);
        // After giving up nothing may leave.
        let _ = self.0.body.compare_exchange(LEFT, WAITING, Ordering::AcqRel, Ordering::Acquire);
    }

    fn status(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.0.status.load(Ordering::Acquire)).ok()
    }

    /// Says whether the body left, and lets it leave no more.
    fn give_up(&self) -> Sent {
        match self.0.body.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire) {
            Err(LEFT) => Sent::Whole,
            Ok(_) | Err(_) => Sent::No,
        }
    }

    /// Says whether the body may leave now.
    fn leave(&self) -> bool {
        let before = self.0.body.compare_exchange(WAITING, LEFT, Ordering::AcqRel, Ordering::Acquire);
        !matches!(before, Err(GIVEN_UP))
    }
}

/// The body of a request on its way out. A server that has a head and not the body has done nothing: what counts is whether
/// the body was taken for sending.
pub(super) struct Outgoing {
    body: Body,
    trace: Option<Trace>,
}

impl Outgoing {
    pub(super) fn new(body: Body, trace: Option<Trace>) -> Self {
        Self { body, trace }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.trace.as_ref().is_some_and(|trace| !trace.leave()) {
            return Poll::Ready(Some(Err("given up before it was sent".into())));
        }
        Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        Trace::new(Duration::from_secs(1))
    }

    #[tokio::test]
    async fn a_body_that_was_given_up_never_leaves() {
        let trace = trace();
        let body = Outgoing::new(Body::from(b"{}".to_vec()), Some(trace.clone()));
        assert_eq!(trace.give_up(), Sent::No);
        assert!(body.collect().await.is_err(), "it is not sent any more");
        assert_eq!(trace.give_up(), Sent::No);
    }

    #[tokio::test]
    async fn a_body_that_left_stays_sent_until_the_server_refuses_to_know_us() {
        let trace = trace();
        let body = || Outgoing::new(Body::from(b"{}".to_vec()), Some(trace.clone()));
        assert_eq!(body().collect().await.expect("it leaves").to_bytes(), "{}");
        trace.note_status(StatusCode::UNAUTHORIZED);
        trace.start_over();
        assert_eq!(trace.status(), None);
        assert!(body().collect().await.is_ok(), "it leaves once more");
        assert_eq!((trace.give_up(), trace.status()), (Sent::Whole, None));
    }
}
