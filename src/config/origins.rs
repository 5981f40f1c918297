//! The configuration in force as YAML, with the origin of each value in a comment.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Returns a document as YAML, each value with its origin in a comment: `origins` by path (`clusters.prod.weight`).
/// Items of the list `whole` are written in one piece, so that their parts have the origin of the item.
pub(crate) fn yaml(document: &Value, origins: &BTreeMap<String, String>, whole: &str) -> String {
    let mut lines = Lines { out: String::new(), origins, whole };
    if let Value::Object(fields) = document {
        lines.object(fields, 0, "");
    }
    lines.out
}

struct Lines<'a> {
    out: String,
    origins: &'a BTreeMap<String, String>,
    /// List with items that are written in one piece.
    whole: &'a str,
}

impl Lines<'_> {
    fn object(&mut self, fields: &Map<String, Value>, depth: usize, path: &str) {
        for (key, value) in fields {
            let own = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.indent(depth);
            self.entry(key, value, depth, &own);
        }
    }

    fn entry(&mut self, key: &str, value: &Value, depth: usize, path: &str) {
        self.out.push_str(&quoted(key));
        self.out.push(':');
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                self.out.push('\n');
                self.object(fields, depth + 1, path);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                self.out.push('\n');
                for item in items {
                    self.item(item, depth, path);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                self.out.push(' ');
                self.out.push_str(&inline(value));
                let origin = self.origin_of(path);
                self.out.push_str("  # ");
                self.out.push_str(&origin);
                self.out.push('\n');
            }
        }
    }

    /// Writes an object of a list; its first key follows the dash.
    fn item(&mut self, item: &Value, depth: usize, path: &str) {
        let Value::Object(fields) = item else { return };
        // Items are known by name, so that is the step of the path.
        let named = fields.get("name").and_then(Value::as_str);
        let own = named.map_or_else(|| path.to_owned(), |name| format!("{path}.{name}"));
        let first = if named.is_some() { "name" } else { "" };
        let ordered = fields.iter().filter(|(k, _)| *k == first).chain(fields.iter().filter(|(k, _)| *k != first));
        for (place, (key, value)) in ordered.enumerate() {
            self.indent(depth);
            self.out.push_str(if place == 0 { "- " } else { "  " });
            self.entry(key, value, depth + 1, &format!("{own}.{key}"));
        }
    }

    fn indent(&mut self, depth: usize) {
        self.out.push_str(&"  ".repeat(depth));
    }

    /// Returns the origin of a value: its own, or that of the nearest enclosing value that was given as a whole.
    fn origin_of(&self, path: &str) -> String {
        if let Some(origin) = self.origins.get(path) {
            return origin.clone();
        }
        // Of an item that is not written in one piece, what was not given is a default.
        let parts: Vec<&str> = path.split('.').collect();
        let is_whole = parts.first() == Some(&self.whole) || parts.last() == Some(&"name");
        let mut whole = path;
        while let (true, Some((rest, _))) = (is_whole, whole.rsplit_once('.')) {
            if let Some(origin) = self.origins.get(rest) {
                return origin.clone();
            }
            whole = rest;
        }
        "default".to_owned()
    }
}

/// Returns a value in flow style: JSON is YAML.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Returns the text without quotes if YAML reads it as the same text, else quoted.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':'))
        && !text.ends_with(':')
        && !matches!(text.to_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n");
    if is_plain { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}
