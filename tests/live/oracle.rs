//! The oracle: for the same objects, our cells equal those of the real API server's own Table; and a
//! watch of the real thing brings what a list has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use quarterdeck::engine::cluster::{WatchItem, WatchSpec};
use quarterdeck::engine::k8s::projection::{Interner, Projection};
use quarterdeck::engine::k8s::watches::Watches;
use quarterdeck::model::cell::{Cell, Column};
use quarterdeck::model::cluster::ClusterName;
use quarterdeck::model::kind::{Kind, KindId};
use quarterdeck::model::object::Row;
use quarterdeck::model::text::Text;
use quarterdeck::model::time::UnixSeconds;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Test;
use crate::rig::{ControlPlane, Options, Outcome};
use custom::create_customs;

mod custom;

pub(crate) const TESTS: &[Test] = &[
    ("cells_equal_the_servers_own", cells_equal_the_servers_own),
    ("watches_bring_what_a_list_has", watches_bring_what_a_list_has),
];

/// Kinds with columns of ours: group and version, kind, plural, and whether it is namespaced.
const KINDS: &[(&str, &str, &str, bool)] = &[
    ("v1", "Pod", "pods", true),
    ("apps/v1", "Deployment", "deployments", true),
    ("apps/v1", "StatefulSet", "statefulsets", true),
    ("apps/v1", "DaemonSet", "daemonsets", true),
    ("apps/v1", "ReplicaSet", "replicasets", true),
    ("batch/v1", "Job", "jobs", true),
    ("batch/v1", "CronJob", "cronjobs", true),
    ("v1", "Service", "services", true),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true),
    ("networking.k8s.io/v1", "Ingress", "ingresses", true),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true),
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Secret", "secrets", true),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("v1", "PersistentVolume", "persistentvolumes", false),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", false),
    ("v1", "Node", "nodes", false),
    ("v1", "Namespace", "namespaces", false),
    ("v1", "Event", "events", true),
    ("events.k8s.io/v1", "Event", "events", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", true),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("coordination.k8s.io/v1", "Lease", "leases", true),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false),
    ("example.org/v1", "Widget", "widgets", true),
    ("example.org/v1", "Gadget", "gadgets", true),
    ("example.org/v1", "Sprocket", "sprockets", true),
];

/// One entry of `objects.yaml`.
#[derive(Debug, Deserialize)]
struct Entry {
    kind: String,
    name: String,
    #[serde(default)]
    meta: serde_json::Map<String, Value>,
    #[serde(default)]
    body: serde_json::Map<String, Value>,
    status: Option<Value>,
    #[serde(default)]
    delete: bool,
}

fn kind_of(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> Kind {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Kind {
        id: KindId::new(group, kind),
        version: Text::new(version),
        plural: Text::new(plural),
        singular: Text::new(kind.to_lowercase()),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        verbs: ["list", "watch"].map(Text::new).to_vec(),
    }
}

/// The path of a kind's collection; objects of ours are in `default`.
fn collection(kind: &Kind) -> String {
    let root = if kind.id.group.is_empty() { "/api" } else { "/apis" };
    let namespace = if kind.namespaced { "/namespaces/default" } else { "" };
    format!("{root}/{}{namespace}/{}", kind.api_version(), kind.plural)
}

fn kinds() -> impl Iterator<Item = Kind> {
    KINDS.iter().map(|&(api_version, kind, plural, namespaced)| kind_of(api_version, kind, plural, namespaced))
}

async fn send(client: &Client, request: Request<Vec<u8>>) -> Outcome<String> {
    let what = format!("{} {}", request.method(), request.uri());
    client.request_text(request).await.map_err(|e| {
        let said = if let kube::Error::Api(status) = &e { status.message.clone() } else { e.to_string() };
        format!("{what}: {said}").into()
    })
}

async fn post(client: &Client, path: &str, object: &Value) -> Outcome<String> {
    let request = Request::post(path).header(CONTENT_TYPE, "application/json").body(object.to_string().into_bytes())?;
    send(client, request).await
}

async fn patch(client: &Client, path: &str, change: &Value) -> Outcome<String> {
    let request = Request::patch(path)
        .header(CONTENT_TYPE, "application/merge-patch+json")
        .body(change.to_string().into_bytes())?;
    send(client, request).await
}

async fn get(client: &Client, path: &str, accept: &str) -> Outcome<String> {
    send(client, Request::get(path).header(ACCEPT, accept).body(Vec::new())?).await
}

/// Creates one entry as it says.
async fn create(client: &Client, entry: Entry) -> Outcome {
    let kind = kinds().find(|k| k.id.kind == entry.kind).ok_or_else(|| format!("no such kind: {}", entry.kind))?;
    let collection = collection(&kind);
    let mut object = entry.body;
    let mut meta = entry.meta;
    meta.insert("name".to_owned(), json!(entry.name));
    object.insert("apiVersion".to_owned(), json!(kind.api_version()));
    object.insert("kind".to_owned(), json!(entry.kind));
    object.insert("metadata".to_owned(), Value::Object(meta));
    post(client, &collection, &Value::Object(object)).await?;
    let path = format!("{collection}/{}", entry.name);
    if let Some(status) = entry.status {
        patch(client, &format!("{path}/status"), &json!({ "status": status })).await?;
    }
    if entry.delete {
        send(client, Request::delete(&path).body(Vec::new())?).await?;
    }
    Ok(())
}

/// A Table of the server, as far as it is compared.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    column_definitions: Vec<Value>,
    rows: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct List {
    items: Vec<Box<RawValue>>,
}

async fn projection_of(client: &Client, kind: &Kind) -> Outcome<Projection> {
    if let Some(projection) = Projection::builtin(&kind.id) {
        return Ok(projection);
    }
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}", kind.resource());
    Ok(Projection::printed(&get(client, &path, "application/json").await?, &kind.version)?)
}

/// The differences between our rows and the server's for one kind, and how many rows were compared.
async fn compare(client: &Client, kind: &Kind, now: impl Fn() -> UnixSeconds) -> Outcome<(Vec<String>, usize)> {
    let path = collection(kind);
    let projection = projection_of(client, kind).await?;
    let list: List = serde_json::from_str(&get(client, &path, "application/json").await?)?;
    let before = now();
    let table = get(client, &path, "application/json;as=Table;v=v1;g=meta.k8s.io").await?;
    let moments = [before, now()];
    let table: Table = serde_json::from_str(&table)?;

    let mut interner = Interner::default();
    let mut ours = BTreeMap::new();
    for item in &list.items {
        let row = projection.row(&ClusterName::new("oracle"), item.get(), &mut interner)?;
        ours.insert((row.name.clone(), row.version.clone()), row);
    }
    let name_at = table.column_definitions.iter().position(|c| c["format"] == "name").ok_or("no name column")?;
    let theirs: Vec<(usize, String, u64)> = table
        .column_definitions
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != name_at)
        .map(|(at, c)| (at, text(&c["name"]).to_uppercase(), c["priority"].as_u64().unwrap_or(0)))
        .collect();
    let mut differences = columns_differ(kind, &projection.columns(), &theirs);
    let mut compared = 0;
    for row in &table.rows {
        let meta = &row["object"]["metadata"];
        let key = (Text::from(text(&meta["name"])), Text::from(text(&meta["resourceVersion"])));
        // An object that changed between the two reads is no witness.
        let Some(mine) = ours.get(&key) else { continue };
        compared += 1;
        for ((at, column, _), cell) in theirs.iter().zip(&mine.cells) {
            let expected = text(&row["cells"][*at]);
            if !shows(cell, &expected, moments) {
                let shown = cell.show(moments[0]);
                differences.push(format!("{} {} {column}: server {expected:?}, ours {shown:?}", kind.id, key.0));
            }
        }
    }
    Ok((differences, compared))
}

fn columns_differ(kind: &Kind, ours: &[Column], theirs: &[(usize, String, u64)]) -> Vec<String> {
    let ours: Vec<(String, bool)> = ours.iter().map(|c| (c.name.to_string(), c.priority > 0)).collect();
    let theirs: Vec<(String, bool)> = theirs.iter().map(|(_, name, priority)| (name.clone(), *priority > 0)).collect();
    if ours == theirs { Vec::new() } else { vec![format!("{}: columns: server {theirs:?}, ours {ours:?}", kind.id)] }
}

/// The server wrote its ages at some moment between the two; whole seconds may round by one.
fn shows(cell: &Cell, expected: &str, [from, to]: [UnixSeconds; 2]) -> bool {
    (from.0 - 1..=to.0 + 1).any(|second| cell.show(UnixSeconds(second)) == expected)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    }
}

fn now() -> UnixSeconds {
    quarterdeck::engine::clock::now()
}

fn cells_equal_the_servers_own() -> Outcome {
    let plane = ControlPlane::start(Options::named("oracle"))?;
    plane.with_client(async |client| {
        let entries: Vec<Entry> = serde_saphyr::from_str(include_str!("oracle/objects.yaml"))?;
        let mut refused = Vec::new();
        let mut made = BTreeMap::<String, usize>::new();
        for entry in entries {
            *made.entry(entry.kind.clone()).or_default() += 1;
            if let Err(error) = create(&client, entry).await {
                refused.push(error.to_string());
            }
        }
        create_customs(&client).await?;
        if !refused.is_empty() {
            return Err(format!("the server refused:\n{}", refused.join("\n")).into());
        }
        let mut differences = Vec::new();
        for kind in kinds() {
            let (found, compared) = compare(&client, &kind, now).await?;
            differences.extend(found);
            let wanted = made.get(kind.id.kind.as_str()).copied().unwrap_or(1);
            if compared < wanted {
                differences.push(format!("{}: only {compared} of {wanted} rows to compare", kind.id));
            }
        }
        match differences.len() {
            0 => Ok(()),
            count => Err(format!("{count} differences:\n{}", differences.join("\n")).into()),
        }
    })
}

/// Reads a watch up to the end of its list.
async fn listed(
    stream: &mut (impl futures::Stream<Item = Result<WatchItem, quarterdeck::engine::cluster::ClusterError>> + Unpin),
) -> Outcome<(Vec<String>, BTreeMap<Text, Row>)> {
    let (mut columns, mut rows) = (Vec::new(), BTreeMap::new());
    loop {
        let item = tokio::time::timeout(Duration::from_secs(60), stream.next()).await?.ok_or("the watch ended")?;
        match item? {
            WatchItem::Started { columns: these, .. } => {
                rows.clear();
                columns = these.iter().map(|c| c.name.to_string()).collect();
            }
            WatchItem::Applied { row, bytes } => {
                assert!(bytes > 0);
                rows.insert(row.name.clone(), *row);
            }
            WatchItem::Deleted { name, .. } => drop(rows.remove(&name)),
            WatchItem::Listed { .. } => return Ok((columns, rows)),
            WatchItem::Watching { .. } => {}
        }
    }
}

fn spec(kind: Kind, namespaces: Option<&[&str]>) -> WatchSpec {
    let namespaces = namespaces.map(|all| all.iter().map(|n| Text::new(n)).collect());
    WatchSpec { kind, selector: Text::default(), fields: Text::default(), namespaces }
}

/// The same server with a way to it that breaks off every list of the cache before its first object.
fn without_whole_lists(client: &Client) -> Client {
    let client = client.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            if request.uri().query().is_some_and(|query| query.contains("resourceVersion=0")) {
                return Ok(Response::new(Body::from(br#"{"kind":"List","#.to_vec())));
            }
            client.send(request).await
        }
    });
    Client::new(service, "default")
}

fn watches_bring_what_a_list_has() -> Outcome {
    let plane = ControlPlane::start(Options::named("watched"))?;
    plane.with_client(async |client| {
        create_customs(&client).await?;
        let whole = Watches::new(client.clone(), ClusterName::new("a"), 7);
        let [streamed, paged] = ["v1.35.0", "v1.33.0"].map(|version| {
            let watches = Watches::new(without_whole_lists(&client), ClusterName::new("a"), 7);
            watches.learn_version(version);
            watches
        });
        // A kind of ours, one by its definition, one that only its server can show.
        let kinds = [
            kind_of("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false),
            kind_of("example.org/v1", "Widget", "widgets", true),
            kind_of("apiregistration.k8s.io/v1", "APIService", "apiservices", false),
        ];
        for kind in &kinds {
            let (columns, rows) = listed(&mut whole.watch(&spec(kind.clone(), None))).await?;
            for other in [&streamed, &paged] {
                let mut stream = other.watch(&spec(kind.clone(), None));
                if kind.id.kind != "APIService" {
                    let broken = stream.next().await.ok_or("the watch ended")?;
                    assert!(broken.is_err_and(|e| e.to_string().contains("broke off")), "{}", kind.id);
                }
                let (same_columns, same_rows) = listed(&mut stream).await?;
                assert_eq!(columns, same_columns);
                assert_eq!(rows.keys().collect::<Vec<_>>(), same_rows.keys().collect::<Vec<_>>(), "{}", kind.id);
            }
            assert!(!rows.is_empty(), "{}", kind.id);
            assert!(rows.values().all(|row| row.cells.len() == columns.len()));
        }
        changes_arrive(&client, &whole).await?;
        columns_change(&client, &whole, &kinds[1]).await
    })
}

/// A change, a deletion, and lists of two namespaces in one stream.
async fn changes_arrive(client: &Client, watches: &Watches) -> Outcome {
    let maps = kind_of("v1", "ConfigMap", "configmaps", true);
    let object = json!({ "metadata": { "name": "new" }, "data": { "a": "1" } });
    let mut stream = watches.watch(&spec(maps, Some(&["default", "kube-system"])));
    let mut open = BTreeSet::from(["default", "kube-system"].map(Text::new));
    while !open.is_empty() {
        match tokio::time::timeout(Duration::from_secs(60), stream.next()).await?.ok_or("the watch ended")?? {
            WatchItem::Listed { namespace } => drop(open.remove(&namespace.ok_or("no namespace")?)),
            WatchItem::Started { namespace, .. } => assert!(namespace.is_some()),
            WatchItem::Applied { .. } | WatchItem::Deleted { .. } | WatchItem::Watching { .. } => {}
        }
    }
    post(client, "/api/v1/namespaces/default/configmaps", &object).await?;
    send(client, Request::delete("/api/v1/namespaces/default/configmaps/new").body(Vec::new())?).await?;
    let mut seen = false;
    loop {
        match tokio::time::timeout(Duration::from_secs(60), stream.next()).await?.ok_or("the watch ended")?? {
            WatchItem::Applied { row, .. } if row.name == "new" => seen = true,
            WatchItem::Deleted { namespace, name } if name == "new" => {
                assert!(seen && namespace == "default");
                return Ok(());
            }
            WatchItem::Started { .. }
            | WatchItem::Applied { .. }
            | WatchItem::Listed { .. }
            | WatchItem::Deleted { .. }
            | WatchItem::Watching { .. } => {}
        }
    }
}

/// Other columns in the definition begin the watch again with them.
async fn columns_change(client: &Client, watches: &Watches, kind: &Kind) -> Outcome {
    let mut stream = watches.watch(&spec(kind.clone(), None));
    let (before, _) = listed(&mut stream).await?;
    assert!(before.len() > 1);
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.org";
    let mut definition: Value = serde_json::from_str(&get(client, path, "application/json").await?)?;
    definition["spec"]["versions"][0]["additionalPrinterColumns"] =
        json!([{ "name": "Only", "type": "string", "jsonPath": ".metadata.name" }]);
    let request =
        Request::put(path).header(CONTENT_TYPE, "application/json").body(definition.to_string().into_bytes())?;
    send(client, request).await?;
    // The server ends the watches of a definition that changed, with or without an error.
    for _ in 0..100 {
        let Ok((columns, rows)) = listed(&mut stream).await else { continue };
        if columns == ["ONLY"] {
            assert!(rows.values().all(|row| row.cells[0].show(now()) == row.name));
            return Ok(());
        }
    }
    Err("the new columns did not come".into())
}
