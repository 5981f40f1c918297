//! The verbs: each change that an object can take, with its parameters.

use crate::model::kind::{Kind, KindId};
use crate::model::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The name of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Delete,
    RolloutRestart,
    Cordon,
    Uncordon,
    Scale,
    Label,
}

/// The kinds of objects that a verb takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// All that can be changed.
    All,
    /// These (group, kind).
    Only(&'static [(&'static str, &'static str)]),
}

/// A row of the table of verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerbSpec {
    /// The verb of the row.
    pub verb: Verb,
    /// The words of the command line.
    pub name: &'static str,
    /// The past of it, as in "3 objects restarted".
    pub past: &'static str,
    /// The verb that RBAC knows.
    pub api_verb: &'static str,
    /// The subresource that is written; empty for the object itself.
    pub subresource: &'static str,
    /// The kinds that take it.
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

/// All verbs, one a row.
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

    /// Says whether objects of this kind take the verb.
    pub fn takes(self, kind: &Kind) -> bool {
        let spec = self.spec();
        let can = kind.verbs.is_empty() || kind.can(spec.api_verb) || !spec.subresource.is_empty();
        can && self.takes_id(&kind.id)
    }

    /// Says whether the verb is meant for this kind, whatever a server lets be done with it.
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

/// The fate of the objects that a deleted object owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cascade {
    /// They are deleted after it.
    #[default]
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay.
    Orphan,
}

/// A change of one object, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Change {
    Delete {
        cascade: Cascade,
        /// Seconds; `None`: the object's own.
        grace_period_s: Option<u32>,
    },
    RolloutRestart {
        /// The value of the annotation, the same for all targets: by it a restart that was asked for is known again.
        restarted_at: Text,
    },
    Cordon {},
    Uncordon {},
    Scale {
        replicas: u32,
    },
    Label {
        set: BTreeMap<Text, Text>,
        remove: BTreeSet<Text>,
        /// A label that has another value may be set.
        overwrite: bool,
    },
}

impl Change {
    /// Returns its verb.
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
