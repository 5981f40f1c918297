//! The pages of an admin listener, as data: a service lists its pages and answers requests for them.

use futures::future::BoxFuture;
use hyper::{Method, StatusCode};
use serde::Serialize;
use std::fmt::Debug;

/// Page of an admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Path of the page: `/metrics`.
    pub path: &'static str,
    /// GET, which serves HEAD as well, or POST, whose body is read.
    pub method: Method,
    /// True if the page needs no token.
    pub open: bool,
    /// Purpose of the page, in half a sentence.
    pub about: &'static str,
}

/// An answer: status, type and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Value of the Content-Type header.
    pub content_type: &'static str,
    /// The text.
    pub body: String,
}

/// A service with an admin listener.
pub trait AdminApi: Send + Sync + Debug + 'static {
    /// Returns the pages of the service; their paths are unique.
    fn pages(&self) -> &'static [Page];

    /// Answers an authorized request for one of its pages. `body` is empty unless the page is a POST.
    fn answer<'a>(&'a self, page: &'static Page, body: String) -> BoxFuture<'a, Answer>;
}

impl Answer {
    /// Returns plain text with a line feed at its end.
    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        let mut body: String = body.into();
        if !body.ends_with('\n') {
            body.push('\n');
        }
        Self { status, content_type: "text/plain; charset=utf-8", body }
    }

    /// Returns a value as JSON; status 500 if it cannot be serialized.
    pub fn json(value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => Self { status: StatusCode::OK, content_type: "application/json", body },
            Err(why) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()),
        }
    }

    /// Returns `ok` with status 200.
    pub fn ok() -> Self {
        Self::text(StatusCode::OK, "ok")
    }
}
