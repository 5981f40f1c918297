//! From a change and an object as it is: which fields change, from what to what.

use crate::model::change::{Change, FieldChange, Finding, FindingKind};
use crate::model::kind::KindId;
use crate::model::text::{Text, clean};
use serde_json::Value;

/// The annotation of a pod template that makes a workload roll.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// The fields of one object that a change touches, and what stands against it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Fields with old and new values.
    pub fields: Vec<FieldChange>,
    /// Reason why the object does not need or take the change.
    pub finding: Option<Finding>,
}

/// Returns the fields that the change touches.
pub fn outcome(change: &Change, kind: &KindId, object: &Value) -> Outcome {
    let fields = fields(change, kind, object);
    let finding = unfit(change, object).map(|text| Finding { kind: FindingKind::Unfit, text }).or_else(|| {
        let so = already_so(change, object, &fields)?;
        Some(Finding { kind: FindingKind::AlreadySo, text: so })
    });
    Outcome { fields, finding }
}

fn fields(change: &Change, kind: &KindId, object: &Value) -> Vec<FieldChange> {
    let field = |path: String, new: Option<Text>| FieldChange {
        old: shown(kind, &path, object.pointer(&path)),
        new,
        path: Text::from(path),
    };
    match change {
        Change::Delete { .. } => Vec::new(),
        Change::RolloutRestart { restarted_at } => {
            let path = format!("/spec/template/metadata/annotations/{}", escape(RESTARTED_AT));
            vec![field(path, Some(restarted_at.clone()))]
        }
        Change::Cordon {} => vec![field("/spec/unschedulable".to_owned(), Some(Text::const_new("true")))],
        Change::Uncordon {} => vec![field("/spec/unschedulable".to_owned(), None)],
        Change::Scale { replicas } => {
            vec![field("/spec/replicas".to_owned(), Some(Text::from(replicas.to_string())))]
        }
        Change::Label { set, remove, .. } => {
            let label = |key: &Text| format!("/metadata/labels/{}", escape(key));
            let set = set.iter().map(|(key, value)| field(label(key), Some(value.clone())));
            set.chain(remove.iter().map(|key| field(label(key), None))).collect()
        }
    }
}

/// Says why the object does not take the change as it stands.
fn unfit(change: &Change, object: &Value) -> Option<Text> {
    match change {
        Change::RolloutRestart { .. } if object.pointer("/spec/paused") == Some(&Value::Bool(true)) => {
            Some(Text::const_new("the rollout is paused: resume it first"))
        }
        Change::Label { set, overwrite: false, .. } => set.iter().find_map(|(key, new)| {
            let old = object.pointer(&format!("/metadata/labels/{}", escape(key)))?.as_str()?;
            let differs = old != new.as_str();
            differs.then(|| Text::from(format!("{} is {} already: use --overwrite", clean(key), clean(old))))
        }),
        Change::RolloutRestart { .. }
        | Change::Label { .. }
        | Change::Delete { .. }
        | Change::Cordon {}
        | Change::Uncordon {}
        | Change::Scale { .. } => None,
    }
}

fn already_so(change: &Change, object: &Value, fields: &[FieldChange]) -> Option<Text> {
    if let Change::Delete { .. } = change {
        let since = object.pointer("/metadata/deletionTimestamp")?.as_str()?;
        return Some(Text::from(format!("is being deleted since {}", clean(since))));
    }
    let is_so = fields.iter().all(|field| is_same(field.old.as_deref(), field.new.as_deref(), &field.path));
    is_so.then(|| Text::const_new("nothing to do"))
}

/// Says whether two values of a field mean the same: `unschedulable: false` is as good as none.
fn is_same(a: Option<&str>, b: Option<&str>, path: &str) -> bool {
    let plain = |value: Option<&str>| match value {
        Some("false") if path == "/spec/unschedulable" => None,
        other => other.map(str::to_owned),
    };
    plain(a) == plain(b)
}

/// Says whether the object has every new value.
pub fn is_applied(kind: &KindId, fields: &[FieldChange], object: &Value) -> bool {
    fields.iter().all(|field| {
        let present = shown(kind, &field.path, object.pointer(&field.path));
        is_same(present.as_deref(), field.new.as_deref(), &field.path)
    })
}

/// Returns a value as plan and journal show it. Of a Secret's contents only a hash is shown.
pub fn shown(kind: &KindId, path: &str, value: Option<&Value>) -> Option<Text> {
    let text = match value? {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    };
    let is_secret = kind.group.is_empty() && kind.kind == "Secret";
    let is_content = !path.starts_with("/metadata/labels/") && path != "/type";
    if is_secret && is_content {
        return Some(Text::from(format!("hash:{}", crate::model::change::file::hash(text.as_bytes()))));
    }
    Some(Text::from(clean(&text)))
}

/// Writes a key as a part of a JSON pointer.
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Reads the last part of a JSON pointer.
pub fn last_key(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::{BTreeMap, BTreeSet};

    fn kind() -> KindId {
        KindId::new("apps", "Deployment")
    }

    fn label(key: &str, value: &str, overwrite: bool) -> Change {
        Change::Label { set: BTreeMap::from([(key.into(), value.into())]), remove: BTreeSet::new(), overwrite }
    }

    #[test]
    fn old_and_new_values_are_shown() {
        let object = json!({"spec": {"replicas": 3}, "metadata": {"labels": {"a/b": "x"}}});
        let outcome_of = |change: &Change| outcome(change, &kind(), &object);
        let scale = outcome_of(&Change::Scale { replicas: 5 });
        assert_eq!((scale.fields[0].old.as_deref(), scale.fields[0].new.as_deref()), (Some("3"), Some("5")));
        assert_eq!(scale.finding, None);
        let labelled = outcome_of(&label("a/b", "y", true));
        assert_eq!(labelled.fields[0].path, "/metadata/labels/a~1b");
        assert_eq!(last_key(&labelled.fields[0].path), "a/b");
        assert_eq!(labelled.fields[0].old.as_deref(), Some("x"));
    }

    #[test]
    fn what_is_there_already_is_said() {
        let finding = |change: &Change, object: &Value| outcome(change, &kind(), object).finding.map(|f| f.kind);
        let so = Some(FindingKind::AlreadySo);
        assert_eq!(finding(&Change::Scale { replicas: 3 }, &json!({"spec": {"replicas": 3}})), so);
        assert_eq!(finding(&Change::Uncordon {}, &json!({"spec": {}})), so);
        assert_eq!(finding(&Change::Uncordon {}, &json!({"spec": {"unschedulable": false}})), so);
        assert_eq!(finding(&Change::Cordon {}, &json!({"spec": {"unschedulable": true}})), so);
        assert_eq!(finding(&Change::Cordon {}, &json!({"spec": {"unschedulable": false}})), None);
        let delete = Change::Delete { cascade: crate::model::change::Cascade::Background, grace_period_s: None };
        assert_eq!(finding(&delete, &json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})), so);
        assert_eq!(finding(&delete, &json!({"metadata": {}})), None);
    }

    #[test]
    fn a_label_that_has_another_value_wants_overwrite() {
        let object = json!({"metadata": {"labels": {"team": "a"}}});
        let unfit = outcome(&label("team", "b", false), &kind(), &object).finding.unwrap();
        assert_eq!(unfit.kind, FindingKind::Unfit);
        assert!(unfit.text.contains("--overwrite"), "{}", unfit.text);
        assert_eq!(outcome(&label("team", "b", true), &kind(), &object).finding, None);
        assert_eq!(outcome(&label("other", "b", false), &kind(), &object).finding, None);
    }

    #[test]
    fn a_paused_rollout_is_not_restarted() {
        let change = Change::RolloutRestart { restarted_at: "t".into() };
        let paused = outcome(&change, &kind(), &json!({"spec": {"paused": true}})).finding.unwrap();
        assert_eq!(paused.kind, FindingKind::Unfit);
    }

    #[test]
    fn the_contents_of_a_secret_are_shown_as_a_hash() {
        let secret = KindId::new("", "Secret");
        let value = json!("aHVzaA==");
        let data = shown(&secret, "/data/password", Some(&value)).unwrap();
        assert!(data.starts_with("hash:") && !data.contains("aHVz"), "{data}");
        let annotation = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";
        assert!(shown(&secret, annotation, Some(&value)).unwrap().starts_with("hash:"));
        assert_eq!(shown(&secret, "/metadata/labels/team", Some(&json!("a"))).as_deref(), Some("a"));
    }
}
