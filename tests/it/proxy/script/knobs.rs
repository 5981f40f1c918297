//! What a test may turn, and what it may have answered.

use super::Asked;
use http::HeaderMap;
use hyper::body::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// An answer of a test's own.
#[derive(Debug, Clone, Default)]
pub(in crate::proxy) struct Reply {
    pub(in crate::proxy) status: u16,
    pub(in crate::proxy) headers: Vec<(&'static str, String)>,
    pub(in crate::proxy) body: Bytes,
    /// Over HTTP/2.
    pub(in crate::proxy) trailers: HeaderMap,
}

impl Reply {
    pub(in crate::proxy) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: body.into(), trailers: HeaderMap::new() }
    }

    pub(in crate::proxy) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type Answerer = Arc<dyn Fn(&Asked) -> Option<Reply> + Send + Sync>;

/// How it behaves. Counts are of requests still to be treated so.
#[derive(Clone)]
pub(in crate::proxy) struct Knobs {
    /// The status of `/readyz`.
    pub(in crate::proxy) ready: u16,
    /// Whole `Authorization` values that are accepted; `None` accepts all.
    pub(in crate::proxy) accepts: Option<Vec<String>>,
    /// Whom its certificate is for; it is issued at the start.
    pub(in crate::proxy) certified: &'static str,
    /// ALPN offers nothing else.
    pub(in crate::proxy) h1_only: bool,
    /// A client certificate of its own authority is demanded.
    pub(in crate::proxy) asks_certificate: bool,
    /// SETTINGS_MAX_CONCURRENT_STREAMS of new connections; `None` names no limit.
    pub(in crate::proxy) streams: Option<u32>,
    /// Streams answered with REFUSED_STREAM.
    pub(in crate::proxy) refuse: u32,
    /// Requests read whole and answered with a reset, or a closed connection.
    pub(in crate::proxy) vanish: u32,
    /// Answers that break off in the middle of their body.
    pub(in crate::proxy) cut_body: u32,
    /// The reason of the reset that breaks an answer off, over HTTP/2.
    pub(in crate::proxy) cut_for: ::h2::Reason,
    /// A graceful GOAWAY after so many requests of a connection.
    pub(in crate::proxy) goaway_after: Option<u32>,
    /// Connections whose first request meets a GOAWAY that does not cover it.
    pub(in crate::proxy) goaway_below: u32,
    /// Connections that answer one request, and meet the next with a GOAWAY that does not cover it.
    pub(in crate::proxy) goaway_second: u32,
    /// Before each head.
    pub(in crate::proxy) slow_head: Duration,
    /// What becomes of the bodies of requests; over HTTP/1.1 they are read first or last.
    pub(in crate::proxy) bodies: Bodies,
    /// The answer to a request whose body is not read first.
    pub(in crate::proxy) early: Reply,
    /// New connections of HTTP/2 are handled by hand: a POST is answered with so many frames of so many bytes and no end.
    pub(in crate::proxy) small_frames: Option<(usize, usize)>,
    /// New connections are handled by hand: what they get for their first head; then they echo.
    pub(in crate::proxy) raw: Option<Bytes>,
    /// Of those, what is written behind some input; then they close, with more input unread.
    pub(in crate::proxy) leaves: Option<Bytes>,
    /// New connections are accepted, and never speak.
    pub(in crate::proxy) mute: bool,
    /// Asked first; `None` of it means the default.
    pub(in crate::proxy) answer: Option<Answerer>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            ready: 200,
            accepts: None,
            certified: "127.0.0.1",
            h1_only: false,
            asks_certificate: false,
            streams: Some(100),
            refuse: 0,
            vanish: 0,
            cut_body: 0,
            cut_for: ::h2::Reason::INTERNAL_ERROR,
            goaway_after: None,
            goaway_below: 0,
            goaway_second: 0,
            slow_head: Duration::ZERO,
            bodies: Bodies::First,
            early: Reply::new(200, "early"),
            small_frames: None,
            raw: None,
            leaves: None,
            mute: false,
            answer: None,
        }
    }
}

/// How the body of a request fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Bodies {
    /// Read, then answered.
    First,
    /// Not read for the time being.
    Held,
    /// Answered, and then left.
    Left,
    /// Answered, and then read.
    Last,
}
