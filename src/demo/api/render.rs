//! Objects, rows and metadata as bytes.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::resource::{Origin, Resource};
use super::super::store::{Object, item_tail};
use super::super::table;
use super::query::Query;
use super::{Failure, Form};

/// How the objects of one request are written.
#[derive(Debug, Clone)]
pub(super) struct Rendering {
    pub(super) resource: Arc<Resource>,
    form: Form,
    include: Include,
    /// What ages are counted from.
    pub(super) now: Timestamp,
}

/// What a Table row carries of its object.
#[derive(Debug, Clone, Copy)]
enum Include {
    None,
    Metadata,
    Object,
}

#[derive(Deserialize)]
struct OnlyMetadata<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

impl Rendering {
    pub(super) fn new(resource: Arc<Resource>, form: Form, query: &Query, now: Timestamp) -> Result<Self, Failure> {
        let include = match query.get("includeObject") {
            "" | "Metadata" => Include::Metadata,
            "None" => Include::None,
            "Object" => Include::Object,
            other => {
                return Err(Failure::bad_request(format!(
                    "includeObject must be one of \"None\", \"Metadata\" or \"Object\", not \"{other}\""
                )));
            }
        };
        if matches!(form, Form::Unsupported | Form::Discovery(_)) {
            return Err(Failure::not_acceptable());
        }
        Ok(Self { resource, form, include, now })
    }

    pub(super) fn is_table(&self) -> bool {
        self.form == Form::Table
    }

    /// What comes before the first item of a list, and what comes after the last.
    pub(super) fn frame(&self, metadata: &Value) -> (String, String) {
        match (self.form, &self.resource.origin) {
            (Form::Table, _) => (
                format!(
                    "{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{metadata},\"columnDefinitions\":{},\"rows\":[",
                    Value::Array(table::columns(&self.resource))
                ),
                "]}\n".to_owned(),
            ),
            (Form::Metadata, _) => (
                format!(
                    "{{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{metadata},\"items\":["
                ),
                "]}\n".to_owned(),
            ),
            // Custom resources are written with sorted keys: the kind follows the items.
            (_, Origin::Custom(_)) => (
                format!("{{\"apiVersion\":\"{}\",\"items\":[", self.resource.api_version()),
                format!("],\"kind\":\"{}List\",\"metadata\":{metadata}}}\n", self.resource.kind),
            ),
            _ => (
                format!(
                    "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[",
                    self.resource.kind,
                    self.resource.api_version()
                ),
                "]}\n".to_owned(),
            ),
        }
    }

    /// One item of a list, or one row.
    pub(super) fn item(&self, object: &Object, out: &mut Vec<u8>) {
        match self.form {
            Form::Table => self.row(object, out),
            Form::Metadata => partial(object, out),
            Form::Object | Form::Discovery(_) | Form::Unsupported => {
                out.push(b'{');
                out.extend_from_slice(item_tail(&self.resource, object));
            }
        }
    }

    /// One object by itself, as `get` answers it and watch events carry it.
    pub(super) fn whole(&self, object: &Object, columns: bool, out: &mut Vec<u8>) {
        match self.form {
            Form::Table => {
                let columns = if columns { Value::Array(table::columns(&self.resource)) } else { Value::Null };
                let revision = revision_of(object);
                out.extend_from_slice(
                    format!(
                        "{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{{\"resourceVersion\":{revision}}},\"columnDefinitions\":{columns},\"rows\":["
                    )
                    .as_bytes(),
                );
                self.row(object, out);
                out.extend_from_slice(b"]}");
            }
            Form::Metadata => partial(object, out),
            Form::Object | Form::Discovery(_) | Form::Unsupported => out.extend_from_slice(&object.json),
        }
    }

    /// The object of a bookmark: nothing but a resourceVersion.
    pub(super) fn bookmark(&self, revision: u64, annotations: &Value) -> Value {
        let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if let (false, Some(map)) = (annotations.is_null(), metadata.as_object_mut()) {
            map.insert("annotations".to_owned(), annotations.clone());
        }
        match self.form {
            Form::Table => {
                json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": null, "rows": []})
            }
            Form::Metadata => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
            }
            Form::Object | Form::Discovery(_) | Form::Unsupported => {
                json!({"kind": self.resource.kind, "apiVersion": self.resource.api_version(), "metadata": metadata})
            }
        }
    }

    fn row(&self, object: &Object, out: &mut Vec<u8>) {
        let document: Value = serde_json::from_slice(&object.json).unwrap_or_default();
        let cells = Value::Array(table::cells(&self.resource, &document, self.now));
        out.extend_from_slice(format!("{{\"cells\":{cells}").as_bytes());
        match self.include {
            Include::None => {}
            Include::Metadata => {
                out.extend_from_slice(b",\"object\":");
                partial(object, out);
            }
            Include::Object => {
                out.extend_from_slice(b",\"object\":");
                out.extend_from_slice(&object.json);
            }
        }
        out.push(b'}');
    }
}

fn partial(object: &Object, out: &mut Vec<u8>) {
    let metadata =
        serde_json::from_slice::<OnlyMetadata<'_>>(&object.json).map_or("{}", |object| object.metadata.get());
    out.extend_from_slice(b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
    out.extend_from_slice(metadata.as_bytes());
    out.push(b'}');
}

/// The resourceVersion of an object, quoted.
fn revision_of(object: &Object) -> Value {
    serde_json::from_slice::<Value>(&object.json)
        .ok()
        .and_then(|value| value.pointer("/metadata/resourceVersion").cloned())
        .unwrap_or_default()
}
