//! Printing for people and scripts: merged tables, the multi-cluster envelope, errors as kubectl words them.
//!
//! Pure: answers in, text out. stdout and stderr belong to `cli`.

pub mod document;
pub mod sort;
pub mod table;

use crate::engine::cluster::{Answer, ClusterError};
use crate::model::cluster::ClusterName;
use crate::model::kind::Kind;

/// Answer of one cluster to a read.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The cluster that answered.
    pub cluster: ClusterName,
    /// The kind that was read, as the cluster serves it.
    pub kind: Kind,
    /// The table or the objects.
    pub answer: Answer,
}

/// A cluster that failed, or refused the request.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The cluster that failed.
    pub cluster: ClusterName,
    /// The reason.
    pub error: ClusterError,
}

impl Failure {
    /// Returns the error in one line, as kubectl words it, with the cluster's name before it.
    pub fn line(&self) -> String {
        format!("{}: {}", self.cluster, worded(&self.error))
    }
}

/// Returns the error as kubectl words it.
pub fn worded(error: &ClusterError) -> String {
    match error {
        ClusterError::NotFound(what) => format!("Error from server (NotFound): {what}"),
        ClusterError::Denied(what) => format!("Error from server (Forbidden): {what}"),
        // The hint says it all: what is missing may be a login, or a program.
        ClusterError::AuthNeeded(hint) => format!("error: {hint}"),
        ClusterError::Expired => {
            "Error from server (Expired): the list changed too fast to be read; try again".to_owned()
        }
        ClusterError::Throttled { what, .. } => format!("Error from server (TooManyRequests): {what}"),
        ClusterError::Unreachable(why) => format!("error: unable to reach the server: {why}"),
        ClusterError::Failed(what) => format!("error: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::Text;

    #[test]
    fn errors_read_as_kubectls_and_name_the_cluster() {
        let failure = Failure {
            cluster: ClusterName::new("eu-west"),
            error: ClusterError::NotFound(Text::const_new("pods \"missing\" not found")),
        };
        assert_eq!(failure.line(), "eu-west: Error from server (NotFound): pods \"missing\" not found");
    }
}
