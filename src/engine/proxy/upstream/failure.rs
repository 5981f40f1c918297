//! What can go wrong between here and an API server, and how far the request had come by then.

use crate::engine::cluster::ClusterError;
use crate::engine::k8s::errors;
use crate::model::text::Text;

/// How far a request had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// No byte of it was written.
    Unsent,
    /// Written, and the server said that it did not look at it: REFUSED_STREAM, GOAWAY below it.
    Unprocessed,
    /// Written, and nobody knows what became of it.
    Written,
}

/// Why it failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cause {
    /// No connection came up.
    Dial(ClusterError),
    /// The credentials cannot be had.
    Login(ClusterError),
    /// No API server of the cluster may be asked at present.
    Nobody,
    /// All connections were taken for as long as the request could wait.
    Busy,
    /// The connection went away.
    Broken(Text),
    /// The answer is not HTTP, or its head is beyond all limits.
    Malformed(Text),
    /// The caller's own body broke off, or the caller went away.
    Caller,
    /// The deadline passed.
    Late,
}

/// A request that got no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) cause: Cause,
    /// The whole connection went, with all that was on it.
    pub(super) shared: bool,
}

impl Failure {
    pub(super) fn unsent(cause: Cause) -> Self {
        Self { stage: Stage::Unsent, cause, shared: false }
    }

    pub(super) fn written(cause: Cause) -> Self {
        Self { stage: Stage::Written, cause, shared: false }
    }

    /// Reads an error of HTTP/1.1. `returned` says that the connection handed the request back.
    pub(super) fn of(error: &hyper::Error, returned: bool) -> Self {
        let why = Text::from(errors::translate_any(error).to_string());
        if returned {
            return Self::unsent(Cause::Broken(why));
        }
        let cause = if error.is_user() || error.is_body_write_aborted() {
            Cause::Caller
        } else if error.is_parse() {
            Cause::Malformed(why)
        } else {
            Cause::Broken(why)
        };
        Self { shared: matches!(cause, Cause::Broken(_)), ..Self::written(cause) }
    }

    /// Reads an error of an HTTP/2 connection that took no request, or not this one.
    pub(super) fn unopened(error: &h2::Error) -> Self {
        Self::unsent(Cause::Broken(Text::from(errors::translate_any(error).to_string())))
    }

    /// Reads an error that a request on an HTTP/2 stream met.
    pub(super) fn of_stream(error: &h2::Error) -> Self {
        let why = || Text::from(errors::translate_any(error).to_string());
        let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        // A server says which streams it never looked at (RFC 9113, 6.8 and 8.7). Of a GOAWAY, h2 tells only the streams
        // above the last one that it names; the others go on, and if the connection then ends they meet another error.
        if error.is_remote() && (refused || error.is_go_away()) {
            return Self { stage: Stage::Unprocessed, cause: Cause::Broken(why()), shared: false };
        }
        // Neither received nor found by the protocol: it was our side that reset the stream.
        if error.is_reset() && !error.is_remote() && !error.is_library() {
            return Self::written(Cause::Caller);
        }
        Self { shared: !error.is_reset(), ..Self::written(Cause::Broken(why())) }
    }
}
