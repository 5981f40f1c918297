//! The state of a cluster, from what is known of it: one decision for the console and for the command line.

use super::ClusterError;
use crate::model::cluster::ClusterState;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;

/// All that is known of a cluster that somebody wants to reach.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The outcome of the last attempt to reach it; `None` while there was none.
    pub answer: Option<Result<(), &'a ClusterError>>,
    /// Since when it does not answer.
    pub since: UnixSeconds,
    /// The next step for its credentials, where they were refused since they were last accepted: any server may answer a
    /// probe to anybody.
    pub doubt: Option<&'a Text>,
    /// The first denial, where nothing of what every cluster is asked for may be listed.
    pub denied: Option<&'a Text>,
    /// Some list was complete once.
    pub has_listed: bool,
}

impl Known<'_> {
    /// Its state, and in it the reason.
    pub fn state(&self) -> ClusterState {
        let doubted = |state| match self.doubt {
            Some(hint) => ClusterState::AuthNeeded { hint: hint.clone() },
            None => state,
        };
        match self.answer {
            None => doubted(ClusterState::Connecting),
            Some(Ok(())) => doubted(match self.denied.filter(|_| !self.has_listed) {
                Some(what) => ClusterState::Denied { what: what.clone() },
                None => ClusterState::Live,
            }),
            Some(Err(ClusterError::AuthNeeded(hint))) => ClusterState::AuthNeeded { hint: hint.clone() },
            Some(Err(ClusterError::Denied(what))) if !self.has_listed => ClusterState::Denied { what: what.clone() },
            Some(Err(error)) => {
                let (since, why) = (self.since, Text::new(error.to_string()));
                if self.has_listed {
                    ClusterState::Stale { since, why }
                } else {
                    ClusterState::Unreachable { why, since }
                }
            }
        }
    }
}
