//! Schemas of configuration files as tables: the checks of the reader, its messages, the JSON Schema and the
//! reference in the documents all come from the same table.

use super::tree::{Node, Value};
use super::yaml::{Flaw, unknown};
use serde_json::{Map, json};

/// Type of the value of a key.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A text.
    Text,
    /// A text that is never shown.
    Secret,
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second, both included.
    Whole(i64, i64),
    /// A number not below the given one.
    Number(f64),
    /// A length of time: `30s`, `5m`, or whole seconds.
    Span,
    /// A text from the given list.
    Word(&'static [&'static str]),
    /// A text or a list of texts.
    Texts,
    /// A map of texts.
    TextMap,
    /// A map with the given keys.
    Object(&'static [Entry]),
    /// A list of maps with the given keys.
    Objects(&'static [Entry]),
    /// A text that is not blank, or `true`.
    Message,
}

/// Key of an object.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The key as written.
    pub name: &'static str,
    /// Type of its value.
    pub shape: Shape,
    /// Its purpose, in a sentence or less.
    pub about: &'static str,
    /// The value that applies if the key is not given; empty if there is nothing to say.
    pub default: &'static str,
    /// True if a document without the key is refused.
    pub required: bool,
}

/// Returns an optional key.
pub(crate) const fn key(name: &'static str, shape: Shape, default: &'static str, about: &'static str) -> Entry {
    Entry { name, shape, about, default, required: false }
}

/// Returns a required key.
pub(crate) const fn must(name: &'static str, shape: Shape, about: &'static str) -> Entry {
    Entry { name, shape, about, default: "", required: true }
}

/// Checks a node against the keys of an object; adds a flaw for each mistake.
pub fn check(node: &Node, entries: &[Entry], file: &str, flaws: &mut Vec<Flaw>) {
    let mut flaw = |line: u64, message: String| flaws.push(Flaw { file: file.to_owned(), line, message });
    let Value::Map(given) = &node.value else {
        flaw(node.line, format!("expected a map, found {}", node.kind()));
        return;
    };
    for entry in entries.iter().filter(|e| e.required && node.get(e.name).is_none()) {
        flaw(node.line, format!("`{}` is missing", entry.name));
    }
    for (key, value) in given {
        if let Some(entry) = entries.iter().find(|e| e.name == key.text) {
            check_value(value, entry, file, flaws);
        } else {
            let known: Vec<&str> = entries.iter().map(|e| e.name).collect();
            flaws.push(Flaw { file: file.to_owned(), line: key.line, message: unknown("key", &key.text, &known) });
        }
    }
}

fn check_value(node: &Node, entry: &Entry, file: &str, flaws: &mut Vec<Flaw>) {
    if node.value == Value::Null {
        return;
    }
    let wrong = match entry.shape {
        Shape::Text | Shape::Secret => wrong_text(node),
        Shape::Flag => node.flag().is_none().then(|| "true or false".to_owned()),
        Shape::Whole(least, most) => {
            let fits = node.whole().is_some_and(|n| (least..=most).contains(&n));
            (!fits).then(|| format!("a whole number from {least} to {most}"))
        }
        Shape::Number(least) => {
            (!node.number().is_some_and(|n| n >= least)).then(|| format!("a number not below {least}"))
        }
        Shape::Span => span(node).is_none().then(|| "a length of time such as 30s or 5m".to_owned()),
        Shape::Word(words) => match node.text() {
            Some(text) if word(text, words).is_some() => None,
            Some(text) => {
                let message = format!("`{}`: {}", entry.name, unknown("value", text, words));
                flaws.push(Flaw { file: file.to_owned(), line: node.line, message });
                return;
            }
            None => Some(format!("one of {}", words.join(", "))),
        },
        Shape::Message => {
            let fits = node.text().is_some_and(|t| !t.trim().is_empty()) || node.flag() == Some(true);
            (!fits).then(|| "a text, or true".to_owned())
        }
        Shape::Texts => match &node.value {
            Value::List(items) => {
                items.iter().find_map(wrong_text).map(|_| "a list of texts (put each in quotes)".to_owned())
            }
            Value::Null | Value::Flag(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => {
                wrong_text(node).map(|_| "a text or a list of texts (put it in quotes)".to_owned())
            }
        },
        Shape::TextMap => match &node.value {
            Value::Map(entries) => entries
                .iter()
                .find_map(|(_, n)| wrong_text(n))
                .map(|_| "a map of texts (put numbers in quotes)".to_owned()),
            Value::Null | Value::Flag(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                Some("a map of texts".to_owned())
            }
        },
        Shape::Object(entries) => return check(node, entries, file, flaws),
        Shape::Objects(entries) => {
            if let Value::List(items) = &node.value {
                return items.iter().for_each(|item| check(item, entries, file, flaws));
            }
            Some("a list".to_owned())
        }
    };
    if let Some(expected) = wrong {
        let found = match &node.value {
            // A number where a text should be may be a secret.
            Value::Whole(number) if matches!(entry.shape, Shape::Whole(..)) => number.to_string(),
            Value::Whole(_)
            | Value::Null
            | Value::Flag(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => node.kind().to_owned(),
        };
        let message = format!("`{}`: expected {expected}, found {found}", entry.name);
        flaws.push(Flaw { file: file.to_owned(), line: node.line, message });
    }
}

/// Returns the expected type if the node is no text. YAML reads `123` and `yes` as other types; their spelling is lost
/// by then.
fn wrong_text(node: &Node) -> Option<String> {
    match node.value {
        Value::Text(_) => None,
        Value::Flag(_) | Value::Whole(_) | Value::Number(_) => Some("a text (put it in quotes)".to_owned()),
        Value::Null | Value::List(_) | Value::Map(_) => Some("a text".to_owned()),
    }
}

/// Returns the length of time of the node; `None` if it is not one.
pub fn span(node: &Node) -> Option<std::time::Duration> {
    match &node.value {
        Value::Whole(seconds) => u32::try_from(*seconds).ok().map(|s| std::time::Duration::from_secs(u64::from(s))),
        Value::Text(text) => super::file::span(text),
        Value::Null | Value::Flag(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// Returns the word of the list that the text stands for: `notEquals` and `not_equals` are `not-equals`.
pub fn word(text: &str, words: &[&'static str]) -> Option<&'static str> {
    let bare = |t: &str| t.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_lowercase();
    let wanted = bare(text);
    words.iter().copied().find(|w| bare(w) == wanted)
}

/// Returns the JSON Schema (draft 2020-12) of a whole document.
pub fn json_schema(title: &str, document: &[Entry]) -> serde_json::Value {
    let mut schema = object_schema(document);
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        fields.insert("title".to_owned(), json!(title));
    }
    schema
}

fn object_schema(entries: &[Entry]) -> serde_json::Value {
    let mut properties = Map::new();
    for entry in entries {
        let mut schema = shape_schema(entry.shape);
        if let Some(fields) = schema.as_object_mut() {
            fields.insert("description".to_owned(), json!(entry.about));
        }
        properties.insert(entry.name.to_owned(), schema);
    }
    let required: Vec<&str> = entries.iter().filter(|e| e.required).map(|e| e.name).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if let (false, Some(fields)) = (required.is_empty(), schema.as_object_mut()) {
        fields.insert("required".to_owned(), json!(required));
    }
    schema
}

fn shape_schema(shape: Shape) -> serde_json::Value {
    match shape {
        Shape::Text | Shape::Secret => json!({ "type": "string" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Number(least) => json!({ "type": "number", "minimum": least }),
        Shape::Span => json!({ "type": ["string", "integer"] }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Texts => {
            json!({ "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
        }
        Shape::TextMap => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::Object(entries) => object_schema(entries),
        Shape::Objects(entries) => json!({ "type": "array", "items": object_schema(entries) }),
        Shape::Message => json!({ "oneOf": [{ "type": "string", "minLength": 1 }, { "const": true }] }),
    }
}
