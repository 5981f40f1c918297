//! The error a user reads: what failed, why, and what to do next.

use crate::model::cluster::ClusterName;
use crate::model::text::Text;

/// Kind of a [`UserError`]; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line is wrong.
    Usage,
    /// A configuration or kubeconfig file is wrong.
    Config,
    /// A cluster failed, or refused a request.
    Cluster,
    /// Refused for safety.
    Refused,
    /// A fault of this program.
    Internal,
}

/// An error as the user sees it: on stderr, in the status line, in a detail overlay.
#[derive(Debug, Clone, PartialEq)]
pub struct UserError {
    /// Kind of the error.
    pub kind: ErrorKind,
    /// Cluster it is about, if it is about one.
    pub cluster: Option<ClusterName>,
    /// The failed operation and the reason, in one line.
    pub message: String,
    /// Causes, from the outermost to the root.
    pub causes: Vec<String>,
    /// Next steps for the user.
    pub hints: Vec<String>,
}

impl UserError {
    /// Returns an error without causes and hints.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, cluster: None, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// Sets the cluster the error is about.
    #[must_use]
    pub fn in_cluster(self, cluster: ClusterName) -> Self {
        Self { cluster: Some(cluster), ..self }
    }

    /// Adds a cause, below those there are.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns the error for a fleet without clusters. `reasons` are the inventory's, one for each source, with the
    /// next step; the console shows the same sentences.
    pub fn no_clusters(reasons: &[Text]) -> Self {
        let error = Self::new(ErrorKind::Config, "no clusters");
        if reasons.is_empty() {
            return error.hint("set KUBECONFIG, pass --kubeconfig or --hub, or try `qd --demo`");
        }
        reasons.iter().fold(error, |error, reason| error.cause(reason.as_str()))
    }

    /// Returns the whole error in one line: `no cluster matches "nope"; known are eu, us`.
    pub fn sentence(&self) -> String {
        let parts = std::iter::once(&self.message).chain(&self.causes).chain(&self.hints);
        parts.map(String::as_str).collect::<Vec<_>>().join("; ")
    }

    /// Returns the exit code, never 0: 1 for failed, refused and partial; 2 for usage; 70 for internal.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Usage => 2,
            ErrorKind::Config | ErrorKind::Cluster | ErrorKind::Refused => 1,
            ErrorKind::Internal => 70,
        }
    }
}

impl std::fmt::Display for UserError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("error: ")?;
        if let Some(cluster) = &self.cluster {
            write!(f, "{cluster}: ")?;
        }
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {cause}")?;
        }
        for hint in &self.hints {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for UserError {}
