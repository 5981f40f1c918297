//! Consent: what a user must agree to before a plan runs, and what was agreed to.

use crate::model::cluster::ClusterName;
use serde::{Deserialize, Serialize};

/// The consent that was given beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// `--yes`.
    pub yes: bool,
    /// `--confirm`, each name.
    pub names: Vec<String>,
}

/// A question to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Yes or no, for all that is guarded.
    Agree,
    /// The name of a protected cluster, typed.
    Cluster(ClusterName),
    /// The name of an object that takes others with it, typed: (kind, name).
    Object(String, String),
}

impl Prompt {
    /// Returns true if an answer agrees.
    pub fn is_answered_by(&self, answer: &str) -> bool {
        let answer = answer.trim();
        match self {
            Self::Agree => matches!(answer, "y" | "Y" | "yes"),
            Self::Cluster(name) => answer == name.as_str(),
            Self::Object(_, name) => answer == name,
        }
    }

    /// Returns the question in words.
    pub fn words(&self) -> String {
        match self {
            Self::Agree => "Carry out this plan? [y/N] ".to_owned(),
            Self::Cluster(name) => format!("{name} is protected. Type its name to change it: "),
            Self::Object(kind, name) => format!("{kind} {name} takes its contents with it. Type its name: "),
        }
    }
}

/// A decision about consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// All that is needed was given.
    Given,
    /// These questions are left.
    Ask(Vec<Prompt>),
    /// Consent cannot be given this way: why, and what to do.
    Refused {
        /// The reason.
        why: String,
        /// The next step.
        hint: String,
    },
}
