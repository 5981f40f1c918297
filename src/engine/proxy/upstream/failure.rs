//! What can go wrong between here and an API server, and how far the request had come by then.

use crate::engine::cluster::ClusterError;
use crate::engine::k8s::errors;
use crate::model::text::Text;

/// The stage a request had reached when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// No byte of it was written.
    Unsent,
    /// The request was written, and the server reported that it did not process it: REFUSED_STREAM, or a GOAWAY below
    /// it.
    Unprocessed,
    /// The request was written, and its fate is unknown.
    Written,
}

/// The cause of a failure.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cause {
    /// No connection could be made.
    Dial(ClusterError),
    /// There are no credentials.
    Login(ClusterError),
    /// No API server of the cluster is available.
    Nobody,
    /// All connections were taken for as long as the request could wait.
    Busy,
    /// The connection was lost.
    Broken(Text),
    /// The answer is not HTTP, or its head is beyond all limits.
    Malformed(Text),
    /// The caller's own body broke off, or the caller went away.
    Caller,
    /// The deadline passed.
    Late,
}

/// A request without an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) cause: Cause,
    /// The whole connection was lost, with all requests on it.
    pub(super) shared: bool,
}

impl Failure {
    pub(super) fn unsent(cause: Cause) -> Self {
        Self { stage: Stage::Unsent, cause, shared: false }
    }

    pub(super) fn written(cause: Cause) -> Self {
        Self { stage: Stage::Written, cause, shared: false }
    }

    /// Converts an error of HTTP/1.1. `returned` is true if the connection handed the request back.
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

    /// Converts an error of an HTTP/2 connection that took no request, or not this one.
    pub(super) fn unopened(error: &h2::Error) -> Self {
        Self::unsent(Cause::Broken(Text::from(errors::translate_any(error).to_string())))
    }

    /// Converts an error of a request on an HTTP/2 stream.
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
