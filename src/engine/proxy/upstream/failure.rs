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
}

impl Failure {
    pub(super) fn unsent(cause: Cause) -> Self {
        Self { stage: Stage::Unsent, cause }
    }

    /// Reads an error of a connection; `returned` says that it handed the request back.
    pub(super) fn of(error: &hyper::Error, returned: bool) -> Self {
        let why = || Text::from(errors::translate_any(error).to_string());
        if returned {
            return Self::unsent(Cause::Broken(why()));
        }
        if let Some(h2) = h2_error(error) {
            let refused = h2.is_remote() && (h2.is_go_away() || h2.reason() == Some(h2::Reason::REFUSED_STREAM));
            if refused {
                return Self { stage: Stage::Unprocessed, cause: Cause::Broken(why()) };
            }
            // Neither received nor found by the protocol: it was our side that reset the stream.
            if h2.is_reset() && !h2.is_remote() && !h2.is_library() {
                return Self { stage: Stage::Written, cause: Cause::Caller };
            }
        }
        let cause = if error.is_user() || error.is_body_write_aborted() {
            Cause::Caller
        } else if error.is_parse() {
            Cause::Malformed(why())
        } else {
            Cause::Broken(why())
        };
        Self { stage: Stage::Written, cause }
    }
}

fn h2_error(error: &hyper::Error) -> Option<&h2::Error> {
    std::iter::successors(error.source(), |&e| e.source()).take(8).find_map(|e| e.downcast_ref())
}
