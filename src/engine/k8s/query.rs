//! A query, read to its end: for `qd get`.

use super::watches::list::{List, Piece};
use crate::engine::cluster::{Answer, ClusterError, Form, ObjectText, Query, Table, TableRow};
use crate::model::cell::{Align, Column};
use crate::model::kind::Kind;
use crate::model::text::{Text, clean};
use http::Request;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Page size, as the `--chunk-size` of kubectl: large enough to be quick, small enough never to hold a whole list
/// twice.
const PAGE: u32 = 500;

/// Maximum number of pages of one list: five million objects. Stops a server that never ends its list.
const PAGES_MAX: u32 = 10_000;

/// Prefers a Table, as kubectl does, over plain JSON, for servers without Tables.
const ACCEPT_TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const ACCEPT_JSON: &str = "application/json";

/// Runs the query, page by page; `translate` turns errors of the client into errors of the port. Fails if a page cannot
/// be read, or if the list never ends; a list whose continue token expires is read again without pages.
pub async fn run(
    client: &kube::Client,
    query: &Query,
    translate: impl Fn(kube::Error) -> ClusterError,
) -> Result<Answer, ClusterError> {
    match read(client, query, Some(PAGE), &translate).await {
        // The token outlived the server's history: one list without pages is consistent by itself.
        Err(ClusterError::Expired) => read(client, query, None, &translate).await,
        other => other,
    }
}

async fn read(
    client: &kube::Client,
    query: &Query,
    limit: Option<u32>,
    translate: &impl Fn(kube::Error) -> ClusterError,
) -> Result<Answer, ClusterError> {
    if let (Form::Objects { managed_fields }, None) = (query.form, &query.name) {
        return objects(client, query, limit, managed_fields).await;
    }
    let mut answer = Collected::new(query);
    let mut token = String::new();
    for _ in 0..PAGES_MAX {
        let request = request(query, limit, &token)?;
        let page: Page = client.request(request).await.map_err(translate)?;
        token = page.metadata.next.clone().unwrap_or_default();
        answer.add(page);
        if token.is_empty() {
            return Ok(answer.finish());
        }
    }
    Err(endless())
}

/// Reads whole objects, parsed one at a time while the list arrives: as values, all of a large list would not fit into
/// memory.
async fn objects(
    client: &kube::Client,
    query: &Query,
    limit: Option<u32>,
    managed_fields: bool,
) -> Result<Answer, ClusterError> {
    let mut all = Vec::new();
    let mut token = String::new();
    for _ in 0..PAGES_MAX {
        let mut list = List::open(client, request(query, limit, &token)?.map(Into::into)).await?;
        loop {
            match list.next().await? {
                Piece::Begin { .. } => {}
                Piece::Object => {
                    let object = serde_json::from_str(list.object()?).map_err(|e| unreadable(query, &e))?;
                    all.push(document(typed(object, &query.kind), managed_fields));
                }
                Piece::End(meta) => {
                    token = meta.next;
                    break;
                }
            }
        }
        if token.is_empty() {
            return Ok(Answer::Objects(all));
        }
    }
    Err(endless())
}

fn endless() -> ClusterError {
    ClusterError::Failed(Text::const_new("the list has no end: stopped after 10,000 pages"))
}

fn unreadable(query: &Query, why: &serde_json::Error) -> ClusterError {
    ClusterError::Failed(Text::from(format!("{}: an object cannot be read: {why}", query.kind.resource())))
}

fn document(mut object: Value, managed_fields: bool) -> ObjectText {
    if !managed_fields && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    ObjectText::from(&object)
}

/// The URL path of the collection of a kind, or of one object in it.
pub fn path(kind: &Kind, namespace: Option<&str>, name: Option<&str>) -> String {
    let root = if kind.id.group.is_empty() { "/api" } else { "/apis" };
    let mut path = format!("{root}/{}", kind.api_version());
    if let (true, Some(ns)) = (kind.namespaced, namespace.filter(|ns| !ns.is_empty())) {
        path.push_str("/namespaces/");
        path.push_str(&escape(ns));
    }
    path.push('/');
    path.push_str(&kind.plural);
    if let Some(name) = name {
        path.push('/');
        path.push_str(&escape(name));
    }
    path
}

/// Percent-encodes all characters but the unreserved ones of RFC 3986.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(
                [byte >> 4, byte & 15]
                    .map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase()),
            );
        }
    }
    out
}

fn request(query: &Query, limit: Option<u32>, token: &str) -> Result<Request<Vec<u8>>, ClusterError> {
    let mut parameters = Vec::new();
    if query.name.is_none() {
        for (key, value) in [("labelSelector", &query.selector), ("fieldSelector", &query.fields)] {
            if !value.is_empty() {
                parameters.push(format!("{key}={}", escape(value)));
            }
        }
        parameters.extend(limit.map(|n| format!("limit={n}")));
        if !token.is_empty() {
            parameters.push(format!("continue={}", escape(token)));
        }
    }
    if query.form == (Form::Table { with_objects: true }) {
        parameters.push("includeObject=Object".to_owned());
    }
    let path = path(&query.kind, query.namespace.as_deref(), query.name.as_deref());
    let uri = if parameters.is_empty() { path } else { format!("{path}?{}", parameters.join("&")) };
    let accept = if matches!(query.form, Form::Objects { .. }) { ACCEPT_JSON } else { ACCEPT_TABLE };
    Request::get(uri)
        .header(http::header::ACCEPT, accept)
        .body(Vec::new())
        .map_err(|e| ClusterError::Failed(Text::from(format!("the request could not be written: {e}"))))
}

/// A Table, a list or a single object: known only after it is parsed.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    kind: String,
    #[serde(default, rename = "apiVersion")]
    api_version: String,
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(default, rename = "columnDefinitions")]
    columns: Option<Vec<WireColumn>>,
    #[serde(default)]
    rows: Option<Vec<WireRow>>,
    #[serde(default)]
    items: Option<Vec<Value>>,
    /// All other fields: those of a single object.
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct WireColumn {
    name: String,
    #[serde(default, rename = "type")]
    form: String,
    #[serde(default)]
    priority: i64,
}

#[derive(Debug, Deserialize)]
struct WireRow {
    #[serde(default)]
    cells: Vec<Value>,
    #[serde(default)]
    object: Value,
}

/// The pages so far.
struct Collected<'a> {
    query: &'a Query,
    table: Table,
    objects: Vec<ObjectText>,
}

impl<'a> Collected<'a> {
    fn new(query: &'a Query) -> Self {
        Self { query, table: Table::default(), objects: Vec::new() }
    }

    fn add(&mut self, page: Page) {
        if let Some(columns) = page.columns.filter(|_| self.table.columns.is_empty()) {
            self.table.columns = columns.iter().map(column).collect();
        }
        let keep = self.query.form == (Form::Table { with_objects: true });
        if page.kind == "Table" {
            self.table.rows.extend(page.rows.into_iter().flatten().map(|row| row.read(keep)));
            return;
        }
        let objects = match page.items {
            Some(items) => items,
            None => vec![single(page.rest, page.metadata, &page.kind, &page.api_version)],
        };
        if let Form::Objects { managed_fields } = self.query.form {
            self.objects.extend(objects.into_iter().map(|object| document(object, managed_fields)));
        } else {
            // A server without Tables: the name and the age are all that every object has.
            self.table.columns = vec![Column::new("NAME"), Column::new("CREATED AT")];
            self.table.rows.extend(objects.into_iter().map(|o| plain_row(o, keep)));
        }
    }

    fn finish(self) -> Answer {
        match self.query.form {
            Form::Objects { .. } => Answer::Objects(self.objects),
            Form::Table { .. } => Answer::Table(self.table),
        }
    }
}

fn column(wire: &WireColumn) -> Column {
    let name = clean(&wire.name).to_uppercase();
    Column {
        name: Text::from(name),
        priority: u8::try_from(wire.priority.clamp(0, 255)).unwrap_or(0),
        align: if matches!(wire.form.as_str(), "integer" | "number") { Align::Right } else { Align::Left },
    }
}

impl WireRow {
    fn read(self, keep: bool) -> TableRow {
        let (namespace, name, labels) = identity(&self.object);
        TableRow {
            cells: self.cells.iter().map(cell).collect(),
            namespace,
            name,
            labels,
            object: keep.then_some(self.object),
        }
    }
}

fn plain_row(object: Value, keep: bool) -> TableRow {
    let (namespace, name, labels) = identity(&object);
    let created = object.pointer("/metadata/creationTimestamp").map(cell).unwrap_or_default();
    TableRow { cells: vec![name.clone(), created], namespace, name, labels, object: keep.then_some(object) }
}

fn cell(value: &Value) -> Text {
    match value {
        Value::Null => Text::default(),
        Value::String(s) => Text::new(clean(s)),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Text::new(clean(&other.to_string()))
        }
    }
}

fn identity(object: &Value) -> (Text, Text, BTreeMap<Text, Text>) {
    let text = |pointer: &str| {
        object.pointer(pointer).and_then(Value::as_str).map(|s| Text::new(clean(s))).unwrap_or_default()
    };
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten().map(|(k, v)| (Text::new(clean(k)), cell(v))).collect();
    (text("/metadata/namespace"), text("/metadata/name"), labels)
}

/// Adds `kind` and `apiVersion`: list items do not carry them on the wire, and a document for scripts must.
fn typed(item: Value, kind: &Kind) -> Value {
    let Value::Object(mut fields) = item else { return item };
    fields.entry("apiVersion").or_insert_with(|| Value::String(kind.api_version()));
    fields.entry("kind").or_insert_with(|| Value::String(kind.id.kind.to_string()));
    Value::Object(fields)
}

fn single(mut rest: serde_json::Map<String, Value>, metadata: PageMetadata, kind: &str, version: &str) -> Value {
    rest.insert("apiVersion".to_owned(), Value::String(version.to_owned()));
    rest.insert("kind".to_owned(), Value::String(kind.to_owned()));
    rest.insert("metadata".to_owned(), Value::Object(metadata.rest));
    Value::Object(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kind::KindId;

    fn kind(group: &str, name: &str, plural: &str, namespaced: bool) -> Kind {
        Kind {
            id: KindId::new(group, name),
            version: Text::const_new("v1"),
            plural: Text::new(plural),
            singular: Text::default(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced,
            verbs: Vec::new(),
        }
    }

    fn query(form: Form) -> Query {
        Query {
            kind: kind("", "Pod", "pods", true),
            namespace: crate::model::name::Name::new("a").ok(),
            name: None,
            selector: Text::const_new("app in (x,y)"),
            fields: Text::default(),
            form,
        }
    }

    #[test]
    fn paths_are_those_of_the_api() {
        assert_eq!(path(&kind("", "Pod", "pods", true), Some("a"), None), "/api/v1/namespaces/a/pods");
        assert_eq!(path(&kind("", "Node", "nodes", false), Some("a"), Some("n1")), "/api/v1/nodes/n1");
        assert_eq!(path(&kind("apps", "Deployment", "deployments", true), None, None), "/apis/apps/v1/deployments");
        assert_eq!(
            path(&kind("", "Pod", "pods", true), Some("../x"), Some("a/b")),
            "/api/v1/namespaces/..%2Fx/pods/a%2Fb"
        );
    }

    #[test]
    fn selectors_and_tokens_are_escaped() {
        let request =
            request(&query(Form::Objects { managed_fields: false }), Some(500), "t=1&x").expect("a valid request");
        assert_eq!(
            request.uri().to_string(),
            "/api/v1/namespaces/a/pods?labelSelector=app%20in%20%28x%2Cy%29&limit=500&continue=t%3D1%26x"
        );
    }

    #[test]
    fn a_table_and_one_object_are_told_apart() {
        let q = query(Form::Objects { managed_fields: false });
        let mut all = Collected::new(&q);
        all.add(
            serde_json::from_str(
                r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"q","managedFields":[]},"spec":{"a":1}}"#,
            )
            .unwrap(),
        );
        let Answer::Objects(objects) = all.finish() else { panic!("objects were asked for") };
        assert_eq!(objects[0].text(), r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"q"},"spec":{"a":1}}"#);
        let q = query(Form::Table { with_objects: false });
        let mut all = Collected::new(&q);
        all.add(serde_json::from_str(
            r#"{"kind":"Table","columnDefinitions":[{"name":"Name","type":"string"},{"name":"Ready","type":"string","priority":1}],
                "rows":[{"cells":["p",null],"object":{"metadata":{"name":"p","namespace":"a","labels":{"k":"v"}}}}]}"#,
        ).unwrap());
        let Answer::Table(table) = all.finish() else { panic!("a table was asked for") };
        assert_eq!(table.columns[1], Column::wide("READY"));
        assert_eq!((table.rows[0].cells[1].as_str(), table.rows[0].namespace.as_str()), ("", "a"));
        assert_eq!(table.rows[0].labels.get("k").map(Text::as_str), Some("v"));
    }
}
