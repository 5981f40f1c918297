//! Whether an object is still the one that the plan shows.

use super::intent::{is_applied, last_key, shown};
use crate::model::change::{Change, Target};
use crate::model::text::Text;
use serde_json::Value;

/// The standing of a target whose object was just read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As the plan shows it: the change may be asked for.
    AsPlanned,
    /// The change is there, or under way in the cluster.
    Applied,
    /// There is nothing left to wait for: the object that was to be deleted is gone.
    Gone,
    /// Not what the plan shows; in words.
    Moved(Text),
}

/// Judges an object that was read (`None`: there is none of this name). `was_asked`: we may have asked for the change
/// already, so that its effect is no surprise.
pub fn standing(change: &Change, target: &Target, object: Option<&Value>, was_asked: bool) -> Standing {
    let is_delete = matches!(change, Change::Delete { .. });
    let Some(object) = object else {
        return if is_delete && was_asked { Standing::Gone } else { Standing::Moved(DELETED) };
    };
    if text(object, "/metadata/uid") != target.key.uid {
        return if is_delete && was_asked { Standing::Gone } else { Standing::Moved(REPLACED) };
    }
    let is_terminating = object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string);
    if is_delete && is_terminating {
        return Standing::Applied;
    }
    if !is_delete && was_asked && is_applied(&target.key.kind, &target.fields, object) {
        return Standing::Applied;
    }
    moved(target, object).map_or(Standing::AsPlanned, Standing::Moved)
}

const DELETED: Text = Text::const_new("moved: it was deleted since the plan was made");
const REPLACED: Text = Text::const_new("moved: it was deleted and made again (another uid)");

/// Says how an object of the same uid differs from the plan. Changes of the status alone do not count.
pub fn moved(target: &Target, object: &Value) -> Option<Text> {
    // A shown value says more than the generation does.
    for field in &target.fields {
        let present = shown(&target.key.kind, &field.path, object.pointer(&field.path));
        if present != field.old {
            let word = |value: &Option<Text>| value.clone().unwrap_or_else(|| Text::const_new("not set"));
            let (old, now) = (word(&field.old), word(&present));
            return Some(Text::from(format!("moved: {} was {old} and is {now}", last_key(&field.path))));
        }
    }
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    if generation != target.generation {
        let word = |value: Option<i64>| value.map_or_else(|| "not set".to_owned(), |n| n.to_string());
        return Some(Text::from(format!(
            "moved: metadata.generation was {} and is {}",
            word(target.generation),
            word(generation)
        )));
    }
    None
}

fn text(object: &Value, pointer: &str) -> Text {
    object.pointer(pointer).and_then(Value::as_str).map(Text::new).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::target;
    use super::*;
    use crate::model::change::Cascade;
    use serde_json::json;

    fn object(generation: i64, replicas: u32) -> Value {
        json!({"metadata": {"uid": "u", "name": "api", "generation": generation, "resourceVersion": "1"},
               "spec": {"replicas": replicas}, "status": {"replicas": replicas}})
    }

    fn is_moved(standing: &Standing) -> bool {
        matches!(standing, Standing::Moved(_))
    }

    #[test]
    fn another_uid_generation_or_value_is_moved_and_status_is_not() {
        let change = Change::Scale { replicas: 5 };
        let target = target(&change, &object(3, 2));
        let now = |object: &Value| standing(&change, &target, Some(object), false);
        assert_eq!(now(&object(3, 2)), Standing::AsPlanned);
        let mut status = object(3, 2);
        status["status"]["replicas"] = json!(1);
        status["metadata"]["resourceVersion"] = json!("99");
        assert_eq!(now(&status), Standing::AsPlanned);
        assert_eq!(now(&object(4, 2)), Standing::Moved("moved: metadata.generation was 3 and is 4".into()));
        assert_eq!(now(&object(4, 1)), Standing::Moved("moved: replicas was 2 and is 1".into()));
        let mut other = object(3, 2);
        other["metadata"]["uid"] = json!("v");
        assert!(is_moved(&now(&other)));
        assert!(is_moved(&standing(&change, &target, None, false)));
    }

    #[test]
    fn our_own_effect_is_no_surprise_once_we_asked() {
        let change = Change::Scale { replicas: 5 };
        let target = target(&change, &object(3, 2));
        assert_eq!(standing(&change, &target, Some(&object(4, 5)), true), Standing::Applied);
        assert!(is_moved(&standing(&change, &target, Some(&object(4, 5)), false)), "somebody else did it");
        assert_eq!(standing(&change, &target, Some(&object(3, 2)), true), Standing::AsPlanned);
        assert!(is_moved(&standing(&change, &target, None, true)), "a scaled object is not meant to go");
    }

    #[test]
    fn a_deleted_object_is_gone_only_for_whoever_asked() {
        let change = Change::Delete { cascade: Cascade::Background, grace_period_s: None };
        let target = target(&change, &object(3, 2));
        assert_eq!(standing(&change, &target, None, true), Standing::Gone);
        assert!(is_moved(&standing(&change, &target, None, false)));
        let mut again = object(3, 2);
        again["metadata"]["uid"] = json!("v");
        assert_eq!(standing(&change, &target, Some(&again), true), Standing::Gone);
        assert!(is_moved(&standing(&change, &target, Some(&again), false)));
        let mut terminating = object(4, 2);
        terminating["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(standing(&change, &target, Some(&terminating), true), Standing::Applied);
    }
}
