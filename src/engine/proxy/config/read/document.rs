//! Documents as they come: a configuration, or a ConfigMap or Secret that holds one.

use super::credential::{self, Given};
use super::{At, Document, DocumentForm, Piece, Reader};
use crate::config::schema::check;
use crate::config::tree::{Node, Value};
use crate::config::yaml::Flaw;
use crate::engine::k8s::endpoint::Secret;
use crate::engine::proxy::config::schema;
use base64::Engine as _;
use std::path::PathBuf;

impl Reader<'_> {
    /// Splits documents into configurations to read and credentials, which are collected.
    pub(super) fn unwrap(&mut self, documents: &[Document]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for document in documents {
            match &document.form {
                DocumentForm::Credential { key, path } => {
                    let given = Given {
                        text: Secret(document.text.clone()),
                        origin: document.name.clone(),
                        path: path.clone(),
                        used: false,
                    };
                    self.keep(key, given, &At { file: document.name.clone(), line: 0 });
                }
                DocumentForm::Yaml { folder } => self.yaml(document, folder.as_ref(), &mut pieces),
            }
        }
        for piece in &pieces {
            check(&piece.root, schema::DOCUMENT, &piece.file, &mut self.flaws);
        }
        pieces
    }

    fn yaml(&mut self, document: &Document, folder: Option<&PathBuf>, pieces: &mut Vec<Piece>) {
        match Node::parse(&document.text, &document.name) {
            Ok(nodes) => {
                for root in nodes {
                    let piece = Piece { file: document.name.clone(), folder: folder.cloned(), root };
                    match piece.root.get("kind").and_then(Node::text) {
                        Some("ConfigMap") => self.config_map(&piece, pieces),
                        Some("Secret") => self.secret(&piece),
                        _ => pieces.push(piece),
                    }
                }
            }
            Err(flaw) => self.flaws.push(flaw),
        }
    }

    /// Reads the YAML texts of a ConfigMap, with line numbers of the surrounding file.
    fn config_map(&mut self, outer: &Piece, pieces: &mut Vec<Piece>) {
        let data = outer.root.get("data");
        for (key, node) in data.map(Node::entries).unwrap_or_default() {
            let at = outer.at(node);
            let is_yaml = [".yaml", ".yml", ".json"].iter().any(|end| key.text.ends_with(end));
            let Some(text) = node.text().filter(|_| is_yaml) else {
                self.finding("unknown-key", &at, None, &format!("{} is no YAML file and is left out", key.text));
                continue;
            };
            match Node::parse(text, &outer.file) {
                Ok(nodes) => pieces.extend(nodes.into_iter().map(|root| Piece {
                    file: outer.file.clone(),
                    folder: outer.folder.clone(),
                    root: shifted(root, key.line),
                })),
                Err(flaw) => self.flaws.push(Flaw { line: flaw.line.saturating_add(key.line), ..flaw }),
            }
        }
        if data.is_none() {
            self.flaw(&outer.at(&outer.root), "the ConfigMap has no `data`");
        }
    }

    fn secret(&mut self, outer: &Piece) {
        for (section, is_encoded) in [("data", true), ("stringData", false)] {
            let Some(data) = outer.root.get(section) else { continue };
            for (key, node) in data.entries() {
                let at = outer.at(node);
                let text = node.text().map(|text| if is_encoded { decoded(text) } else { Some(text.to_owned()) });
                let Some(Some(text)) = text else {
                    self.flaw(&at, format!("`{}`: expected base64 of a text", key.text));
                    continue;
                };
                let given = Given { text: Secret(text), origin: at.to_string(), path: None, used: false };
                self.keep(&key.text, given, &at);
            }
        }
    }

    fn keep(&mut self, key: &str, given: Given, at: &At) {
        if !super::is_credential_key(key) {
            let known: Vec<String> = credential::SUFFIXES.iter().map(|(suffix, _)| format!("NAME{suffix}")).collect();
            self.finding("unknown-key", at, None, &format!("{key} is left out: known are {}", known.join(", ")));
            return;
        }
        if let Some(other) = self.credentials.add(key, given) {
            self.flaw(at, format!("`{key}` is given twice: here and in {other}"));
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    let packed: String = text.split_ascii_whitespace().collect();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(packed).ok()?).ok()
}

/// Returns a tree with line numbers of the surrounding file.
fn shifted(node: Node, by: u64) -> Node {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| shifted(item, by)).collect()),
        Value::Map(entries) => {
            let moved = entries.into_iter().map(|(mut key, node)| {
                key.line = key.line.saturating_add(by);
                (key, shifted(node, by))
            });
            Value::Map(moved.collect())
        }
        value @ (Value::Null | Value::Flag(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_)) => value,
    };
    Node { line: node.line.saturating_add(by), value }
}
