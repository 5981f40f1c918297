//! Verbs: the changes of an object, with their parameters.

use crate::model::kind::{Kind, KindId};
use crate::model::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Name of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Deletes objects.
    Delete,
    /// Restarts the pods of a workload, as a rollout.
    RolloutRestart,
    /// Marks a node as unschedulable.
    Cordon,
    /// Marks a node as schedulable.
    Uncordon,
    /// Sets the number of replicas.
    Scale,
    /// Sets and removes labels.
    Label,
}

/// Kinds of objects that a verb can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// All kinds that can be changed.
    All,
    /// The kinds given by (group, kind).
    Only(&'static [(&'static str, &'static str)]),
}

/// Row of the table of verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerbSpec {
    /// The verb of the row.
    pub verb: Verb,
    /// Words of the command line: `rollout restart`.
    pub name: &'static str,
    /// Past participle, as in "3 objects restarted".
    pub past: &'static str,
    /// Verb of the request, as RBAC names it.
    pub api_verb: &'static str,
    /// Subresource that is written; empty for the object itself.
    pub subresource: &'static str,
    /// Kinds of objects it can change.
    pub kinds: Kinds,
}

const WORKLOADS: Kinds = Kinds::Only(&[("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet")]);
const SCALABLE: Kinds = Kinds::Only(&[
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "ReplicaSet"),
    ("", "ReplicationController"),
]);
const NODES: Kinds = Kinds::Only(&[("", "Node")]);

const fn patch(verb: Verb, name: &'static str, past: &'static str, kinds: Kinds) -> VerbSpec {
    VerbSpec { verb, name, past, api_verb: "patch", subresource: "", kinds }
}

const DELETE: VerbSpec = VerbSpec { api_verb: "delete", ..patch(Verb::Delete, "delete", "deleted", Kinds::All) };

/// Table of the verbs, a row each.
pub const VERBS: &[VerbSpec] = &[
    DELETE,
    patch(Verb::RolloutRestart, "rollout restart", "restarted", WORKLOADS),
    patch(Verb::Cordon, "cordon", "cordoned", NODES),
    patch(Verb::Uncordon, "uncordon", "uncordoned", NODES),
    VerbSpec { subresource: "scale", ..patch(Verb::Scale, "scale", "scaled", SCALABLE) },
    patch(Verb::Label, "label", "labeled", Kinds::All),
];

impl Verb {
    /// Returns the row of the verb.
    pub fn spec(self) -> &'static VerbSpec {
        VERBS.iter().find(|spec| spec.verb == self).unwrap_or(&DELETE)
    }

    /// Returns true if the verb can change objects of this kind, as the server serves it.
    pub fn takes(self, kind: &Kind) -> bool {
        let spec = self.spec();
        let can = kind.verbs.is_empty() || kind.can(spec.api_verb) || !spec.subresource.is_empty();
        can && self.takes_id(&kind.id)
    }

    /// Returns true if the verb is for this kind, regardless of the verbs that a server offers.
    pub fn takes_id(self, id: &KindId) -> bool {
        match self.spec().kinds {
            Kinds::All => true,
            Kinds::Only(kinds) => kinds.iter().any(|(group, kind)| id.group == *group && id.kind == *kind),
        }
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.spec().name)
    }
}

/// Deletion policy for the dependents of a deleted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cascade {
    /// Dependents are deleted after the object.
    #[default]
    Background,
    /// Dependents are deleted before the object.
    Foreground,
    /// Dependents stay.
    Orphan,
}

/// A change of one object, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Change {
    /// Deletes the object.
    Delete {
        /// Deletion policy for its dependents.
        cascade: Cascade,
        /// Grace period in seconds; `None` keeps the object's own.
        grace_period_s: Option<u32>,
    },
    /// Restarts the pods of a workload, as a rollout.
    RolloutRestart {
        /// Value of the annotation, the same for all targets: a restart that was sent is recognized by it.
        restarted_at: Text,
    },
    /// Marks a node as unschedulable.
    Cordon {},
    /// Marks a node as schedulable.
    Uncordon {},
    /// Sets the number of replicas.
    Scale {
        /// The number.
        replicas: u32,
    },
    /// Sets and removes labels.
    Label {
        /// Labels to set.
        set: BTreeMap<Text, Text>,
        /// Keys of labels to remove.
        remove: BTreeSet<Text>,
        /// True if a label with another value may be overwritten.
        overwrite: bool,
    },
}

impl Change {
    /// Returns the verb of the change.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Delete { .. } => Verb::Delete,
            Self::RolloutRestart { .. } => Verb::RolloutRestart,
            Self::Cordon {} => Verb::Cordon,
            Self::Uncordon {} => Verb::Uncordon,
            Self::Scale { .. } => Verb::Scale,
            Self::Label { .. } => Verb::Label,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_its_own_row() {
        for spec in VERBS {
            assert_eq!(spec.verb.spec(), spec);
        }
        let verbs = [Verb::Delete, Verb::RolloutRestart, Verb::Cordon, Verb::Uncordon, Verb::Scale, Verb::Label];
        assert_eq!(VERBS.iter().map(|spec| spec.verb).collect::<Vec<_>>(), verbs);
    }

    #[test]
    fn a_verb_takes_only_its_kinds() {
        assert!(Verb::RolloutRestart.takes_id(&KindId::new("apps", "DaemonSet")));
        assert!(!Verb::RolloutRestart.takes_id(&KindId::new("", "Pod")));
        assert!(!Verb::Scale.takes_id(&KindId::new("apps", "DaemonSet")));
        assert!(!Verb::Cordon.takes_id(&KindId::new("example.com", "Node")));
        assert!(Verb::Delete.takes_id(&KindId::new("example.com", "Node")));
    }
}
