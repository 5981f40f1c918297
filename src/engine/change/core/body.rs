//! The body of the one request that changes a target.

use super::intent::{RESTARTED_AT, last_key};
use crate::model::change::{Cascade, Change, Target};
use crate::model::text::Text;
use serde_json::{Map, Value, json};

/// The preconditions of a write: the object that is meant, as it was just read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precondition {
    /// `metadata.uid`.
    pub uid: Text,
    /// `metadata.resourceVersion` just read.
    pub resource_version: Text,
}

/// A request that changes an object; its preconditions go beside it.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A DELETE with options.
    Delete {
        /// Deletion policy for its dependents.
        cascade: Cascade,
        /// Seconds the object has to end by itself; its own default if not given.
        grace_period_s: Option<u32>,
    },
    /// A merge patch.
    Patch(Value),
}

/// Returns the body that makes the change.
pub fn body(change: &Change, target: &Target) -> Body {
    Body::Patch(match change {
        Change::Delete { cascade, grace_period_s } => {
            return Body::Delete { cascade: *cascade, grace_period_s: *grace_period_s };
        }
        Change::RolloutRestart { restarted_at } => {
            json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: restarted_at}}}}})
        }
        Change::Cordon {} => json!({"spec": {"unschedulable": true}}),
        Change::Uncordon {} => json!({"spec": {"unschedulable": null}}),
        Change::Scale { replicas } => json!({"spec": {"replicas": replicas}}),
        Change::Label { .. } => {
            let labels = target.fields.iter().map(|field| {
                let value = field.new.as_ref().map_or(Value::Null, |new| Value::from(new.as_str()));
                (last_key(&field.path), value)
            });
            json!({"metadata": {"labels": labels.collect::<Map<_, _>>()}})
        }
    })
}

/// Reads the preconditions off an object; `None` for what is not an object of an API server.
pub fn precondition(object: &Value) -> Option<Precondition> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).filter(|s| !s.is_empty()).map(Text::new);
    Some(Precondition { uid: text("/metadata/uid")?, resource_version: text("/metadata/resourceVersion")? })
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::target;
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn every_change_is_a_patch_of_its_own_fields() {
        let object = json!({"metadata": {"uid": "u", "resourceVersion": "7", "labels": {"old": "x"}}, "spec": {}});
        let label = Change::Label {
            set: BTreeMap::from([("a/b".into(), "x".into())]),
            remove: BTreeSet::from(["old".into()]),
            overwrite: false,
        };
        for (change, expected) in [
            (Change::Cordon {}, json!({"spec": {"unschedulable": true}})),
            (Change::Uncordon {}, json!({"spec": {"unschedulable": null}})),
            (Change::Scale { replicas: 0 }, json!({"spec": {"replicas": 0}})),
            (label, json!({"metadata": {"labels": {"a/b": "x", "old": null}}})),
        ] {
            let target = target(&change, &object);
            assert_eq!(body(&change, &target), Body::Patch(expected));
        }
        let found = precondition(&object).unwrap();
        assert_eq!((found.uid.as_str(), found.resource_version.as_str()), ("u", "7"));
        assert_eq!(precondition(&json!({"metadata": {"uid": "u"}})), None);
    }
}
