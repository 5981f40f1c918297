//! Patches as a Kubernetes API server applies them: pure, on whole documents.

use serde_json::{Map, Value};

/// Operations in one JSON patch, as in kube-apiserver.
const OPERATIONS_MAX: usize = 10_000;

/// Why a patch cannot be applied.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PatchError {
    /// It is no patch of its type.
    Malformed(String),
    /// It does not fit the document.
    Inapplicable(String),
    /// It needs what this server does not know: how the lists of a kind are merged.
    Unsupported,
}

/// The three types of patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchType {
    /// RFC 7386.
    Merge,
    /// RFC 6902.
    Json,
    /// Kubernetes' own; without lists it is what a merge patch is.
    Strategic,
}

impl PatchType {
    /// The type a `Content-Type` names.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/merge-patch+json" => Some(Self::Merge),
            "application/json-patch+json" => Some(Self::Json),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            _ => None,
        }
    }

    /// The document with the patch applied.
    pub(super) fn apply(self, document: &Value, patch: &Value) -> Result<Value, PatchError> {
        let mut document = document.clone();
        match self {
            Self::Json => operations(&mut document, patch)?,
            Self::Merge | Self::Strategic if !patch.is_object() => {
                return Err(PatchError::Malformed("a merge patch is an object".to_owned()));
            }
            Self::Strategic if !is_plain(patch) => return Err(PatchError::Unsupported),
            Self::Merge | Self::Strategic => merge(&mut document, patch),
        }
        Ok(document)
    }
}

/// Whether a strategic merge patch means the same as a merge patch: it has neither lists nor directives.
fn is_plain(patch: &Value) -> bool {
    match patch {
        Value::Array(_) => false,
        Value::Object(fields) => fields.iter().all(|(key, value)| !key.starts_with('$') && is_plain(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return };
    for (key, value) in fields {
        if value.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}

fn operations(document: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let malformed = |why: String| PatchError::Malformed(why);
    let operations = patch.as_array().ok_or_else(|| malformed("a JSON patch is a list of operations".to_owned()))?;
    if operations.len() > OPERATIONS_MAX {
        let count = operations.len();
        return Err(malformed(format!(
            "the allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {count}"
        )));
    }
    for operation in operations {
        let text = |key: &str| {
            operation.get(key).and_then(Value::as_str).ok_or_else(|| malformed(format!("an operation without {key}")))
        };
        let (op, path) = (text("op")?, text("path")?);
        let value =
            || operation.get("value").cloned().ok_or_else(|| malformed(format!("{op} of {path} without value")));
        let missing =
            || PatchError::Inapplicable(format!("{op} operation does not apply: doc is missing path: {path}"));
        let done = match op {
            "add" => add(document, path, value()?),
            "remove" => remove(document, path).map(drop),
            "replace" => {
                let new = value()?;
                document.pointer_mut(path).map(|old| *old = new)
            }
            "move" => remove(document, text("from")?).and_then(|moved| add(document, path, moved)),
            "copy" => document.pointer(text("from")?).cloned().and_then(|copied| add(document, path, copied)),
            "test" if document.pointer(path) == Some(&value()?) => Some(()),
            "test" => return Err(PatchError::Inapplicable(format!("testing value {path} failed"))),
            other => return Err(malformed(format!("unexpected kind: {other}"))),
        };
        done.ok_or_else(missing)?;
    }
    Ok(())
}

/// The container a path points into, and the last part of the path.
fn parent<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (before, last) = path.rsplit_once('/')?;
    Some((document.pointer_mut(before)?, last.replace("~1", "/").replace("~0", "~")))
}

/// A place in a list, as RFC 6901 writes it: no sign, no leading zero.
fn index(text: &str) -> Option<usize> {
    let is_plain = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| is_plain)
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *document = value;
        return Some(());
    }
    let (container, key) = parent(document, path)?;
    if let Some(map) = container.as_object_mut() {
        map.insert(key, value);
        return Some(());
    }
    let list = container.as_array_mut()?;
    let place = if key == "-" { list.len() } else { index(&key)? };
    (place <= list.len()).then(|| list.insert(place, value))
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    let (container, key) = parent(document, path)?;
    if let Some(map) = container.as_object_mut() {
        return map.remove(&key);
    }
    let list = container.as_array_mut()?;
    let place = index(&key)?;
    (place < list.len()).then(|| list.remove(place))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The examples of RFC 7386, appendix A, whose patch is an object.
    #[test]
    fn a_merge_patch_is_applied_as_the_rfc_says() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (before, patch, after) in cases {
            assert_eq!(PatchType::Merge.apply(&before, &patch), Ok(after), "{before} {patch}");
        }
        assert!(matches!(PatchType::Merge.apply(&json!({}), &json!([])), Err(PatchError::Malformed(_))));
    }

    #[test]
    fn a_json_patch_is_applied_as_the_rfc_says() {
        let apply = |before: Value, operation: Value| PatchType::Json.apply(&before, &json!([operation]));
        let cases = [
            (json!({"a": [1, 2]}), json!({"op": "add", "path": "/a/1", "value": 9}), json!({"a": [1, 9, 2]})),
            (json!({"a": [1]}), json!({"op": "add", "path": "/a/-", "value": 2}), json!({"a": [1, 2]})),
            (json!({"a": 1}), json!({"op": "remove", "path": "/a"}), json!({})),
            (json!({"a/b": 1}), json!({"op": "replace", "path": "/a~1b", "value": 2}), json!({"a/b": 2})),
            (json!({"a": 1}), json!({"op": "move", "from": "/a", "path": "/b"}), json!({"b": 1})),
            (json!({"a": 1}), json!({"op": "copy", "from": "/a", "path": "/b"}), json!({"a": 1, "b": 1})),
            (json!({"a": null}), json!({"op": "test", "path": "/a", "value": null}), json!({"a": null})),
        ];
        for (before, operation, after) in cases {
            assert_eq!(apply(before, operation.clone()), Ok(after), "{operation}");
        }
        for operation in [
            json!({"op": "remove", "path": "/x"}),
            json!({"op": "replace", "path": "/x", "value": 1}),
            json!({"op": "add", "path": "/x/y", "value": 1}),
            json!({"op": "add", "path": "/l/9", "value": 1}),
            json!({"op": "remove", "path": "/l/01"}),
            json!({"op": "test", "path": "/l", "value": []}),
        ] {
            let error = apply(json!({"l": [1, 2]}), operation.clone());
            assert!(matches!(error, Err(PatchError::Inapplicable(_))), "{operation} {error:?}");
        }
        assert!(matches!(apply(json!({}), json!({"op": "clear", "path": "/"})), Err(PatchError::Malformed(_))));
    }

    #[test]
    fn a_strategic_patch_is_taken_only_where_it_is_a_merge_patch() {
        let template = json!({"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}});
        assert_eq!(PatchType::Strategic.apply(&json!({}), &template), Ok(template));
        for patch in [json!({"spec": {"taints": []}}), json!({"spec": {"$patch": "replace"}})] {
            assert_eq!(PatchType::Strategic.apply(&json!({}), &patch), Err(PatchError::Unsupported), "{patch}");
        }
    }
}
