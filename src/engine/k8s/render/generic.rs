//! Any kind: its spec and status as indented fields.

use super::page::{Page, plain, titled};
use serde_json::Value;

/// Maximum depth of unfolded objects; deeper objects stand on one line.
const DEPTH_MAX: usize = 8;

/// Fields that other parts of the description show.
const TOLD: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Maps whose keys are chosen by users.
const MAPS: [&str; 11] = [
    "annotations",
    "binaryData",
    "capacity",
    "data",
    "hard",
    "labels",
    "limits",
    "matchLabels",
    "nodeSelector",
    "parameters",
    "requests",
];

pub(super) fn describe(page: &mut Page, object: &Value) {
    for (key, value) in object.as_object().into_iter().flatten() {
        if !TOLD.contains(&key.as_str()) {
            unfold(page, 0, key, value);
        }
    }
}

fn unfold(page: &mut Page, level: usize, key: &str, value: &Value) {
    unfold_as(page, level, (key, &name(key)), value);
}

fn unfold_as(page: &mut Page, level: usize, (key, label): (&str, &str), value: &Value) {
    if level > DEPTH_MAX {
        return page.field(level, label, &plain(value));
    }
    match value {
        Value::Object(fields) if fields.is_empty() => page.field(level, label, "<none>"),
        Value::Object(fields) => {
            page.heading(level, label);
            for (inner, value) in fields {
                if MAPS.contains(&key) {
                    unfold_as(page, level + 1, (inner, inner), value);
                } else if inner != "conditions" {
                    // Conditions have a table of their own.
                    unfold(page, level + 1, inner, value);
                }
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            page.heading(level, label);
            for (at, item) in items.iter().enumerate() {
                let named = item.get("name").or_else(|| item.get("type")).and_then(Value::as_str);
                let at = at.to_string();
                let named = named.unwrap_or(&at);
                unfold_as(page, level + 1, (named, named), item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            page.field(level, label, &plain(value));
        }
    }
}

/// The label of a field. A field name becomes words; a map key (a label, a file name) stays as it is.
fn name(key: &str) -> String {
    if key.chars().all(char::is_alphanumeric) { titled(key) } else { key.to_owned() }
}

/// The table of `status.conditions`, where there are any.
pub(super) fn conditions(page: &mut Page, object: &Value) {
    let Some(conditions) = object.pointer("/status/conditions").and_then(Value::as_array) else { return };
    if conditions.is_empty() {
        return;
    }
    let text = |condition: &Value, key: &str| condition.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows: Vec<Vec<String>> = conditions
        .iter()
        .map(|c| {
            let since = page.ago(c.get("lastTransitionTime"));
            vec![text(c, "type"), text(c, "status"), since, text(c, "reason"), text(c, "message")]
        })
        .collect();
    page.heading(0, "Conditions");
    page.table(1, &["Type", "Status", "Since", "Reason", "Message"], &rows);
}
