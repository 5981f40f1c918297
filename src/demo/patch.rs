//! Patches as a Kubernetes API server applies them: pure, on whole documents.

use json_patch::{PatchErrorKind, PatchOperation};
use serde::Deserialize as _;
use serde_json::Value;

/// Operations in one JSON patch, as in kube-apiserver.
const OPERATIONS_MAX: usize = 10_000;

/// Why a patch cannot be applied.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PatchError {
    /// The patch is none of its type.
    Malformed(String),
    /// The patch does not fit the document.
    Inapplicable(String),
    /// The patch needs what this server does not know: how the lists of a kind are merged.
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
            Self::Merge | Self::Strategic => json_patch::merge(&mut document, patch),
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

fn operations(document: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let malformed = |why: String| PatchError::Malformed(why);
    let listed = patch.as_array().ok_or_else(|| malformed("a JSON patch is a list of operations".to_owned()))?;
    if listed.len() > OPERATIONS_MAX {
        let count = listed.len();
        return Err(malformed(format!(
            "the allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {count}"
        )));
    }
    let operations = Vec::<PatchOperation>::deserialize(patch).map_err(|why| malformed(why.to_string()))?;
    json_patch::patch(document, &operations).map_err(|error| {
        let path = &error.path;
        if matches!(error.kind, PatchErrorKind::TestFailed) {
            return PatchError::Inapplicable(format!("testing value {path} failed"));
        }
        let op = listed.get(error.operation).and_then(|operation| operation.get("op")).and_then(Value::as_str);
        let op = op.unwrap_or_default();
        PatchError::Inapplicable(format!("{op} operation does not apply: doc is missing path: {path}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
