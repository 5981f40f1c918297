//! The body of the one request that changes a target.

use super::intent::{RESTARTED_AT, last_key};
use crate::model::change::{Cascade, Change, Target};
use crate::model::text::Text;
use serde_json::{Map, Value, json};

/// The preconditions of a write: the object that is meant, as it was just read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precondition {
    pub uid: Text,
    pub resource_version: Text,
}

/// A request that changes an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Delete {
        precondition: Precondition,
        cascade: Cascade,
        grace_period_s: Option<u32>,
    },
    /// A merge patch that carries its preconditions.
    Patch(Value),
}

/// Returns the body that makes the change.
pub fn body(change: &Change, target: &Target, precondition: Precondition) -> Body {
    let mut patch = match change {
        Change::Delete { cascade, grace_period_s } => {
            return Body::Delete { precondition, cascade: *cascade, grace_period_s: *grace_period_s };
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
    };
    if let Some(fields) = patch.as_object_mut() {
        let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("uid".to_owned(), Value::from(precondition.uid.as_str()));
            metadata.insert("resourceVersion".to_owned(), Value::from(precondition.resource_version.as_str()));
        }
    }
    Body::Patch(patch)
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
    fn every_body_carries_uid_and_resource_version() {
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
            let Body::Patch(mut patch) = body(&change, &target, precondition(&object).unwrap()) else {
                panic!("{change:?} is a patch")
            };
            let metadata = patch["metadata"].as_object_mut().unwrap();
            assert_eq!(metadata.remove("uid"), Some(json!("u")));
            assert_eq!(metadata.remove("resourceVersion"), Some(json!("7")));
            if metadata.is_empty() {
                patch.as_object_mut().unwrap().remove("metadata");
            }
            assert_eq!(patch, expected);
        }
        assert_eq!(precondition(&json!({"metadata": {"uid": "u"}})), None);
    }
}
