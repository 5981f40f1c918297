//! The error a user reads: what failed, why, and what to do next.

use crate::model::cluster::ClusterName;
use crate::model::text::Text;

/// The kind decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line is wrong.
    Usage,
    /// A configuration or kubeconfig file is wrong.
    Config,
    /// A cluster did not do what was asked.
    Cluster,
    /// Refused for safety.
    Refused,
    /// Ours to mend.
    Internal,
}

/// An error as it is shown: on stderr, in the status line, in a detail overlay.
#[derive(Debug, Clone, PartialEq)]
pub struct UserError {
    pub kind: ErrorKind,
    pub cluster: Option<ClusterName>,
    /// One line: the operation that failed, and why.
    pub message: String,
    /// From the outermost to the root.
    pub causes: Vec<String>,
    /// Things the user can do.
    pub hints: Vec<String>,
}

impl UserError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, cluster: None, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    #[must_use]
    pub fn in_cluster(self, cluster: ClusterName) -> Self {
        Self { cluster: Some(cluster), ..self }
    }

    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// A fleet without clusters: why, as the inventory says it of each of its sources, with the next step. The console shows
    /// the same sentences.
    pub fn no_clusters(reasons: &[Text]) -> Self {
        let error = Self::new(ErrorKind::Config, "no clusters");
        if reasons.is_empty() {
            return error.hint("set KUBECONFIG, pass --kubeconfig or --hub, or try `qd --demo`");
        }
        reasons.iter().fold(error, |error, reason| error.cause(reason.as_str()))
    }

    /// All of it in one line: `no cluster matches "nope"; known are eu, us`.
    pub fn sentence(&self) -> String {
        let parts = std::iter::once(&self.message).chain(&self.causes).chain(&self.hints);
        parts.map(String::as_str).collect::<Vec<_>>().join("; ")
    }

    /// 0 is never an error: 1 failed, refused or partial; 2 usage; 70 internal.
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
