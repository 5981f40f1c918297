//! The body of an answer, and what is done when it ends: by its last byte, by an error, or because nobody wants more.

use crate::engine::proxy::body::{Arriving, Broke, Outgoing};
use crate::engine::proxy::refusal::Refusal;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The body of an answer. Frames and trailers pass unchanged.
#[derive(Debug)]
pub struct Answer {
    kind: Kind,
    /// Called with the number of bytes sent, on drop.
    end: Option<Box<dyn Ended>>,
    sent: u64,
}

#[derive(Debug)]
enum Kind {
    Plain(Outgoing),
    /// A watch that ends early, between two chunks, once the token is cancelled: its client resumes it.
    Watch(Arriving, Pin<Box<WaitForCancellationFutureOwned>>),
}

/// A callback for the end of an answer.
pub(super) trait Ended: Send + std::fmt::Debug {
    /// Called once, with the number of body bytes that were sent.
    fn ended(&mut self, sent: u64);
}

impl Answer {
    pub(super) fn empty() -> Self {
        Outgoing::Empty.into()
    }

    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Outgoing::Whole(bytes.into()).into()
    }

    pub(super) fn stream(body: Arriving) -> Self {
        Outgoing::Stream(body).into()
    }

    /// A body whose beginning was read already.
    pub(super) fn begun(read: Bytes, rest: Arriving) -> Self {
        Outgoing::Begun { read, rest }.into()
    }

    /// A stream that may end as soon as `ending` is cancelled.
    pub(super) fn watch(body: Arriving, ending: &CancellationToken) -> Self {
        let ending = Box::pin(ending.clone().cancelled_owned());
        Self { kind: Kind::Watch(body, ending), end: None, sent: 0 }
    }

    /// Sets the callback for the end of the answer.
    #[must_use]
    pub(super) fn then(mut self, end: Box<dyn Ended>) -> Self {
        self.end = Some(end);
        self
    }
}

impl From<Outgoing> for Answer {
    fn from(body: Outgoing) -> Self {
        Self { kind: Kind::Plain(body), end: None, sent: 0 }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Broke;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        let frame = match &mut this.kind {
            Kind::Plain(body) => std::task::ready!(Pin::new(body).poll_frame(cx)),
            Kind::Watch(body, ending) => match Pin::new(body).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    std::task::ready!(ending.as_mut().poll(cx));
                    None
                }
            },
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            this.sent += data.len() as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Plain(body) => body.is_end_stream(),
            Kind::Watch(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Plain(body) => body.size_hint(),
            // It may end sooner.
            Kind::Watch(..) => SizeHint::default(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(mut end) = self.end.take() {
            end.ended(self.sent);
        }
    }
}

/// Returns a refusal as a response that kubectl prints well.
pub(super) fn refused(refusal: &Refusal) -> Response<Answer> {
    let (code, body) = if refusal.in_watch { (200, refusal.event()) } else { (refusal.code, refusal.status()) };
    let mut response = Response::new(Answer::whole(body));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = refusal.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if refusal.code == 401 {
        headers.insert(WWW_AUTHENTICATE, crate::engine::proxy::caller::CHALLENGE);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use parking_lot::Mutex;
    use std::sync::Arc;

    #[derive(Debug)]
    struct Told(Arc<Mutex<Vec<u64>>>);

    impl Ended for Told {
        fn ended(&mut self, sent: u64) {
            self.0.lock().push(sent);
        }
    }

    #[tokio::test]
    async fn the_end_is_told_once_with_what_went_out() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let answer = Answer::whole("abc").then(Box::new(Told(Arc::clone(&told))));
        assert_eq!(answer.size_hint().exact(), Some(3));
        assert_eq!(answer.collect().await.expect("no error").to_bytes(), "abc");
        drop(Answer::whole("never read").then(Box::new(Told(Arc::clone(&told)))));
        assert_eq!(*told.lock(), [3, 0]);
    }

    #[tokio::test]
    async fn a_watch_is_told_in_an_event() {
        let response = refused(&Refusal::new(410, "Expired", "stale_resource_version", "list again").in_watch());
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        let body = response.into_body().collect().await.expect("no error").to_bytes();
        assert!(body.ends_with(b"\n"));
        let event: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((&event["type"], &event["object"]["code"]), (&"ERROR".into(), &410.into()));
        assert_eq!((&event["object"]["kind"], &event["object"]["reason"]), (&"Status".into(), &"Expired".into()));
    }

    #[test]
    fn a_refusal_says_what_clients_act_on() {
        let response = refused(&Refusal::new(503, "ServiceUnavailable", "no_endpoint", "none left").retry_after(1));
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert!(refused(&Refusal::new(401, "Unauthorized", "x", "y")).headers().contains_key(WWW_AUTHENTICATE));
    }
}
