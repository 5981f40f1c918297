//! Indented fields, aligned tables: the form of a description.

use crate::model::text::{Text, clean, width};
use crate::model::time::{UnixSeconds, human};
use serde_json::Value;

/// Spaces per level.
const INDENT: usize = 2;

/// Column at which the values of a level begin: the widest usual label and two spaces.
const LABEL: usize = 18;

/// The lines of a description so far.
#[derive(Debug)]
pub(super) struct Page {
    lines: Vec<Text>,
    now: UnixSeconds,
}

impl Page {
    pub(super) fn new(now: UnixSeconds) -> Self {
        Self { lines: Vec::new(), now }
    }

    pub(super) fn finish(self) -> Vec<Text> {
        self.lines
    }

    /// Adds `Label: value`; further lines of a value are aligned with the first.
    pub(super) fn field(&mut self, level: usize, label: &str, value: &str) {
        let head = format!("{:indent$}{}:", "", clean(label), indent = level * INDENT);
        let start = LABEL.max(width(&head) + 1);
        let mut parts = value.lines();
        let first = parts.next().unwrap_or_default();
        let padding = start - width(&head);
        self.lines.push(Text::from(format!("{head}{:padding$}{}", "", clean(first)).trim_end()));
        for part in parts {
            self.lines.push(Text::from(format!("{:start$}{}", "", clean(part)).trim_end()));
        }
    }

    /// Adds `Label:` alone.
    pub(super) fn heading(&mut self, level: usize, label: &str) {
        self.lines.push(Text::from(format!("{:indent$}{}:", "", clean(label), indent = level * INDENT)));
    }

    /// Adds a field, unless it is empty.
    pub(super) fn some(&mut self, level: usize, label: &str, value: Option<&Value>) {
        match value {
            None | Some(Value::Null) => {}
            Some(value) => self.field(level, label, &plain(value)),
        }
    }

    /// Adds a map as lines, `<none>` if it is empty.
    pub(super) fn pairs(&mut self, level: usize, label: &str, map: Option<&Value>, between: &str) {
        let pairs: Vec<String> = map
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}{between}{}", clean(&plain(value))))
            .collect();
        self.field(level, label, if pairs.is_empty() { "<none>".to_owned() } else { pairs.join("\n") }.as_str());
    }

    /// Adds a time with its age.
    pub(super) fn moment(&mut self, level: usize, label: &str, value: Option<&Value>) {
        let Some(text) = value.and_then(Value::as_str) else { return };
        let shown = match UnixSeconds::parse(text) {
            Some(at) => format!("{text} ({} ago)", human(self.now.since(at))),
            None => text.to_owned(),
        };
        self.field(level, label, &shown);
    }

    /// The age of a time, in one word.
    pub(super) fn ago(&self, value: Option<&Value>) -> String {
        let at = value.and_then(Value::as_str).and_then(UnixSeconds::parse);
        at.map(|at| human(self.now.since(at))).unwrap_or_default()
    }

    /// Adds aligned columns under an underlined heading.
    pub(super) fn table(&mut self, level: usize, heading: &[&str], rows: &[Vec<String>]) {
        let heading: Vec<String> = heading.iter().map(ToString::to_string).collect();
        let rule: Vec<String> = heading.iter().map(|h| "-".repeat(width(h))).collect();
        let all: Vec<&Vec<String>> = [&heading, &rule].into_iter().chain(rows).collect();
        let widths: Vec<usize> = (0..heading.len())
            .map(|at| all.iter().filter_map(|row| row.get(at)).map(|c| width(&clean(c))).max().unwrap_or(0))
            .collect();
        for row in all {
            let mut line = " ".repeat(level * INDENT);
            for (cell, columns) in row.iter().zip(&widths) {
                let cell = clean(cell);
                line.push_str(&cell);
                line.extend(std::iter::repeat_n(' ', columns + 2 - width(&cell)));
            }
            self.lines.push(Text::from(line.trim_end()));
        }
    }
}

/// A value on one line.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<none>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|i| !i.is_object() && !i.is_array()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// `replicaCount` as `Replica Count`, `podIP` as `Pod IP`.
pub(super) fn titled(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    let mut before_lower = false;
    for c in key.chars() {
        if c.is_uppercase() && before_lower {
            out.push(' ');
        }
        before_lower = c.is_lowercase() || c.is_ascii_digit();
        if out.is_empty() { out.extend(c.to_uppercase()) } else { out.push(c) }
    }
    out
}
