//! JSON and YAML: the multi-cluster envelope and one flat `List`, written while their items arrive.

use crate::engine::cluster::ObjectText;
use crate::model::API_VERSION;
use crate::model::cluster::ClusterName;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Annotation with the cluster of an item of a flat list.
pub const CLUSTER_ANNOTATION: &str = "quarterdeck.dev/cluster";

/// Format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, indented with four spaces as in kubectl.
    Json,
    /// YAML.
    Yaml,
}

/// The kind of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `MultiClusterResult`: the items or the error of each cluster, and a summary.
    Envelope,
    /// A v1 `List` of all items, which scripts written for kubectl can read.
    Flat,
}

/// Result of one cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its objects; may be incomplete if there is an error.
    pub items: Vec<ObjectText>,
    /// Why there are no items, or not all; `None` if the cluster answered in full.
    pub error: Option<String>,
}

impl Part {
    /// Returns the bytes of the items held.
    pub fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.text().len()).sum()
    }
}

/// Writes a document cluster by cluster, in the order given; holds objects only as text.
#[derive(Debug)]
pub struct Writer {
    format: Format,
    shape: Shape,
    clusters: usize,
    items: usize,
    errors: Map<String, Value>,
}

impl Writer {
    /// Returns a writer that has written nothing yet.
    pub fn new(format: Format, shape: Shape) -> Self {
        Self { format, shape, clusters: 0, items: 0, errors: Map::new() }
    }

    /// Writes the text before the first cluster. Fails if a write to `out` does.
    pub fn begin(&self, out: &mut dyn Write) -> io::Result<()> {
        match (self.format, self.shape) {
            (Format::Json, Shape::Envelope) => {
                write!(out, "{{\n    \"apiVersion\": \"{API_VERSION}\",\n    \"clusters\": [")
            }
            (Format::Json, Shape::Flat) => write!(out, "{{\n    \"apiVersion\": \"v1\",\n    \"items\": ["),
            (Format::Yaml, Shape::Envelope) => write!(out, "apiVersion: {API_VERSION}\nclusters:"),
            (Format::Yaml, Shape::Flat) => write!(out, "apiVersion: v1\nitems:"),
        }
    }

    /// Writes one cluster. Fails if a write to `out` does, or if an item cannot be written as YAML.
    pub fn cluster(&mut self, part: &Part, out: &mut dyn Write) -> io::Result<()> {
        self.clusters += 1;
        if let Some(error) = &part.error {
            self.errors.insert(part.cluster.to_string(), json!(error));
        }
        match (self.format, self.shape) {
            (Format::Json, Shape::Envelope) => self.json_entry(part, out),
            (Format::Yaml, Shape::Envelope) => yaml_entry(part, out),
            (_, Shape::Flat) => part.items.iter().try_for_each(|item| self.flat_item(item, &part.cluster, out)),
        }
    }

    fn json_entry(&self, part: &Part, out: &mut dyn Write) -> io::Result<()> {
        let comma = if self.clusters > 1 { "," } else { "" };
        let name = json!(part.cluster.as_str());
        write!(out, "{comma}\n        {{\n            \"cluster\": {name},")?;
        if let Some(error) = &part.error {
            write!(out, "\n            \"error\": {},", json!(error))?;
        }
        out.write_all(b"\n            \"items\": [")?;
        for (at, item) in part.items.iter().enumerate() {
            out.write_all(if at > 0 { b"," } else { b"" })?;
            indented(item.text(), 4, out)?;
        }
        out.write_all(if part.items.is_empty() { b"]" } else { b"\n            ]" })?;
        out.write_all(b"\n        }")
    }

    fn flat_item(&mut self, item: &ObjectText, cluster: &ClusterName, out: &mut dyn Write) -> io::Result<()> {
        self.items += 1;
        let item = annotated(item.value(), cluster);
        match self.format {
            Format::Json => {
                out.write_all(if self.items > 1 { b"," } else { b"" })?;
                indented(&item.to_string(), 2, out)
            }
            // The lines of an item are those it has in a list of its own.
            Format::Yaml => out.write_all(below(&json!({"items": [item]}), 1)?.as_bytes()),
        }
    }

    /// Writes the text after the last cluster; all clusters that were asked must be written by then. `missing` are the
    /// objects that no cluster has, and the objects that some cluster could not look up, each as TYPE/NAME. Fails if
    /// `out` does, or if the summary cannot be written as YAML.
    pub fn end(self, missing: (Vec<String>, Vec<String>), out: &mut dyn Write) -> io::Result<()> {
        let summary = self.summary(missing);
        match (self.format, self.shape) {
            (Format::Json, Shape::Envelope) => {
                out.write_all(if self.clusters > 0 { b"\n    ]," } else { b"]," })?;
                out.write_all(b"\n    \"kind\": \"MultiClusterResult\",\n    \"summary\": ")?;
                pretty(&summary.to_string(), 1, out)?;
                out.write_all(b"\n}\n")
            }
            (Format::Json, Shape::Flat) => {
                out.write_all(if self.items > 0 { b"\n    ]," } else { b"]," })?;
                out.write_all(
                    b"\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n",
                )
            }
            (Format::Yaml, Shape::Envelope) => {
                let rest = json!({"kind": "MultiClusterResult", "summary": summary});
                out.write_all(if self.clusters > 0 { b"\n" } else { b" []\n" })?;
                out.write_all(yaml(&rest)?.as_bytes())
            }
            (Format::Yaml, Shape::Flat) => {
                let rest = json!({"kind": "List", "metadata": {"resourceVersion": ""}});
                out.write_all(if self.items > 0 { b"\n" } else { b" []\n" })?;
                out.write_all(yaml(&rest)?.as_bytes())
            }
        }
    }

    /// `total` counts the clusters asked.
    fn summary(&self, missing: (Vec<String>, Vec<String>)) -> Value {
        let failed = self.errors.len();
        let mut summary = Map::new();
        summary.insert("total".to_owned(), json!(self.clusters));
        summary.insert("successful".to_owned(), json!(self.clusters - failed));
        summary.insert("failed".to_owned(), json!(failed));
        summary.insert("errors".to_owned(), Value::Object(self.errors.clone()));
        for (key, words) in [("notFound", missing.0), ("notKnown", missing.1)] {
            if !words.is_empty() {
                summary.insert(key.to_owned(), json!(words));
            }
        }
        Value::Object(summary)
    }
}

fn annotated(mut object: Value, cluster: &ClusterName) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(CLUSTER_ANNOTATION.to_owned(), json!(cluster.as_str()));
        }
    }
    object
}

/// Writes an entry under `clusters`, item by item. Fails as [`Writer::cluster`] does.
fn yaml_entry(part: &Part, out: &mut dyn Write) -> io::Result<()> {
    let mut entry = Map::from_iter([("cluster".to_owned(), json!(part.cluster.as_str()))]);
    if let Some(error) = &part.error {
        entry.insert("error".to_owned(), json!(error));
    }
    if part.items.is_empty() {
        entry.insert("items".to_owned(), json!([]));
        return out.write_all(below(&json!({"clusters": [entry]}), 1)?.as_bytes());
    }
    // Until `items:`, and then the lines that each item has in a list of its own.
    let lines = below(&json!({"clusters": [entry]}), 1)?;
    out.write_all(lines.as_bytes())?;
    for (at, item) in part.items.iter().enumerate() {
        let alone = json!({"clusters": [{"cluster": "", "items": [item.value()]}]});
        out.write_all(below(&alone, if at == 0 { 2 } else { 3 })?.as_bytes())?;
    }
    Ok(())
}

/// Returns the lines of a value after its first ones, each with the line break before it. Fails if the value cannot be
/// serialized.
fn below(value: &Value, first: usize) -> io::Result<String> {
    let text = yaml(value)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let start = text.match_indices('\n').nth(first - 1).map_or(text.len(), |(at, _)| at);
    Ok(text.get(start..).unwrap_or_default().to_owned())
}

fn yaml(value: &Value) -> io::Result<String> {
    yaml_text(value).map_err(io::Error::other)
}

/// Writes compact JSON as an item of a list, on lines of its own. Fails if a write to `out` does.
fn indented(compact: &str, depth: usize, out: &mut dyn Write) -> io::Result<()> {
    line(depth, out)?;
    pretty(compact, depth, out)
}

/// Writes compact JSON with the layout of [`json_text`], without parsing it; `depth` is the indentation of its first
/// line. Fails if a write to `out` does.
fn pretty(compact: &str, mut depth: usize, out: &mut dyn Write) -> io::Result<()> {
    let bytes = compact.as_bytes();
    let mut start = 0;
    let (mut in_string, mut is_escaped) = (false, false);
    for (at, &byte) in bytes.iter().enumerate() {
        if in_string {
            in_string = is_escaped || byte != b'"';
            is_escaped = !is_escaped && byte == b'\\';
            continue;
        }
        let (before, after) = (at.checked_sub(1).and_then(|at| bytes.get(at)), bytes.get(at + 1));
        let is_empty = |open: Option<&u8>, close: Option<&u8>| {
            matches!((open, close), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
        };
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' if !is_empty(Some(&byte), after) => {
                depth += 1;
                out.write_all(bytes.get(start..=at).unwrap_or_default())?;
                start = at + 1;
                line(depth, out)?;
            }
            b'}' | b']' if !is_empty(before, Some(&byte)) => {
                depth = depth.saturating_sub(1);
                out.write_all(bytes.get(start..at).unwrap_or_default())?;
                start = at;
                line(depth, out)?;
            }
            b',' => {
                out.write_all(bytes.get(start..=at).unwrap_or_default())?;
                start = at + 1;
                line(depth, out)?;
            }
            b':' => {
                out.write_all(bytes.get(start..=at).unwrap_or_default())?;
                start = at + 1;
                out.write_all(b" ")?;
            }
            _ => {}
        }
    }
    out.write_all(bytes.get(start..).unwrap_or_default())
}

fn line(depth: usize, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"\n")?;
    (0..depth).try_for_each(|_| out.write_all(b"    "))
}

/// Returns the value as JSON, indented with four spaces as in kubectl, with a line break at the end. Fails if the value
/// cannot be serialized.
pub fn json_text(value: &Value) -> Result<String, String> {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    serde::Serialize::serialize(value, &mut serializer).map_err(|e| e.to_string())?;
    out.push(b'\n');
    String::from_utf8(out).map_err(|e| e.to_string())
}

/// Returns the value as YAML with a line break at the end. Fails if the value cannot be serialized.
pub fn yaml_text(value: &Value) -> Result<String, String> {
    let mut text = serde_saphyr::to_string(value).map_err(|e| e.to_string())?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
