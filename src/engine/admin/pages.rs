//! The pages of an admin listener, as data: a service lists its own and answers them.

use futures::future::BoxFuture;
use hyper::{Method, StatusCode};
use serde::Serialize;
use std::fmt::Debug;

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub path: &'static str,
    /// GET, which serves HEAD as well, or POST, whose body is read.
    pub method: Method,
    /// Answered without the token.
    pub open: bool,
    /// What it is for, in half a sentence.
    pub about: &'static str,
}

/// An answer: status, type and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: String,
}

/// A service that an admin listener shows and steers.
pub trait AdminApi: Send + Sync + Debug + 'static {
    /// Returns its pages; no path stands there twice.
    fn pages(&self) -> &'static [Page];

    /// Answers a request for one of them that the listener let in. `body` is empty unless the page is a POST.
    fn answer<'a>(&'a self, page: &'static Page, body: String) -> BoxFuture<'a, Answer>;
}

impl Answer {
    /// Plain text; a line feed ends it.
    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        let mut body: String = body.into();
        if !body.ends_with('\n') {
            body.push('\n');
        }
        Self { status, content_type: "text/plain; charset=utf-8", body }
    }

    /// A value as JSON; 500 where it cannot be written.
    pub fn json(value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => Self { status: StatusCode::OK, content_type: "application/json", body },
            Err(why) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()),
        }
    }

    /// `ok`.
    pub fn ok() -> Self {
        Self::text(StatusCode::OK, "ok")
    }
}
