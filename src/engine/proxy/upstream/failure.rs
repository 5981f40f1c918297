//! What can go wrong between here and an API server, and how far the request had come by then.

use crate::engine::cluster::ClusterError;
use crate::engine::k8s::client::errors;
use crate::model::text::Text;
use std::error::Error as _;

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

    /// Reads an error of a connection that was being made, or carried no request of ours alone.
    pub(super) fn of(error: &hyper::Error, returned: bool) -> Self {
        Self::of_request(error, returned, true)
    }

    /// Reads an error that a request met. `returned` says that the connection handed it back, `bare` that it has no body.
    pub(super) fn of_request(error: &hyper::Error, returned: bool, bare: bool) -> Self {
        let why = || Text::from(errors::translate_any(error).to_string());
        if returned {
            return Self::unsent(Cause::Broken(why()));
        }
        if let Some(h2) = h2_error(error) {
            let refused = h2.is_reset() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
            // A GOAWAY that comes while hyper opens the stream fails it too, though the head may go out. The server then
            // misses the body; a request without one it may carry out.
            if h2.is_remote() && (refused || (h2.is_go_away() && !bare)) {
                return Self { stage: Stage::Unprocessed, cause: Cause::Broken(why()), shared: false };
            }
            // Neither received nor found by the protocol: it was our side that reset the stream.
            if h2.is_reset() && !h2.is_remote() && !h2.is_library() {
                return Self::written(Cause::Caller);
            }
        }
        let cause = if error.is_user() || error.is_body_write_aborted() {
            Cause::Caller
        } else if error.is_parse() {
            Cause::Malformed(why())
        } else {
            Cause::Broken(why())
        };
        let alone = h2_error(error).is_some_and(h2::Error::is_reset);
        Self { shared: !alone && matches!(cause, Cause::Broken(_)), ..Self::written(cause) }
    }
}

fn h2_error(error: &hyper::Error) -> Option<&h2::Error> {
    std::iter::successors(error.source(), |&e| e.source()).take(8).find_map(|e| e.downcast_ref())
}
