//! Fetches the objects of an opened document; `render` makes its lines.

use super::client::Connection;
use super::query::{escape, path};
use super::render::{self, Subject};
use crate::engine::clock;
use crate::engine::cluster::ClusterError;
use crate::model::document::Aspect;
use crate::model::kind::{Catalog, Kind, KindId};
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use serde_json::Value;

/// Maximum length of an owner chain: pod, replica set, deployment and two more.
const OWNERS_MAX: usize = 5;

/// Maximum number of events fetched for one object.
const EVENTS_MAX: u32 = 500;

pub(crate) async fn open(
    connection: &Connection,
    catalog: &Catalog,
    object: &ObjectKey,
    kind: &Kind,
    aspect: Aspect,
) -> Result<Vec<Text>, ClusterError> {
    let found = fetch(connection, object, kind).await?;
    match aspect {
        Aspect::Yaml => Ok(render::yaml(&found)),
        Aspect::Describe => {
            let (events, owners) =
                futures::join!(events(connection, &found, kind), owners(connection, catalog, &found));
            // Without its events a description is still worth reading.
            let events = events.unwrap_or_default();
            Ok(render::describe(&Subject { object: &found, events: &events, owners: &owners, now: clock::now() }))
        }
    }
}

/// Fetches a Secret and decodes its values. Fails as [`fetch`].
pub(crate) async fn reveal(connection: &Connection, object: &ObjectKey, kind: &Kind) -> Result<String, ClusterError> {
    Ok(render::revealed(&fetch(connection, object, kind).await?))
}

/// Fetches an object. Fails if the request fails, or if the object of that name has another uid.
pub(crate) async fn fetch(connection: &Connection, object: &ObjectKey, kind: &Kind) -> Result<Value, ClusterError> {
    let namespace = kind.namespaced.then_some(object.namespace.as_str());
    let found: Value = connection.get_json(&path(kind, namespace, Some(&object.name))).await?;
    let uid = text(&found, "/metadata/uid");
    if object.uid.is_empty() || uid.is_empty() || uid == object.uid.as_str() {
        return Ok(found);
    }
    let what = format!("{} {} was replaced by another of the same name", kind.id.kind, object.name);
    Err(ClusterError::NotFound(Text::from(what)))
}

async fn events(connection: &Connection, object: &Value, kind: &Kind) -> Result<Vec<Value>, ClusterError> {
    let namespace = text(object, "/metadata/namespace");
    let at = if namespace.is_empty() {
        "/api/v1/events".to_owned()
    } else {
        format!("/api/v1/namespaces/{}/events", escape(namespace))
    };
    let mut fields =
        format!("involvedObject.kind={},involvedObject.name={}", kind.id.kind, text(object, "/metadata/name"));
    // The kubelet writes a node's name where its uid should be.
    if kind.id != KindId::new("", "Node") {
        fields.push_str(",involvedObject.uid=");
        fields.push_str(text(object, "/metadata/uid"));
    }
    let path = format!("{at}?fieldSelector={}&limit={EVENTS_MAX}", escape(&fields));
    let mut list: Value = connection.get_json(&path).await?;
    match list.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        _ => Ok(Vec::new()),
    }
}

/// The owner chain, nearest first, each as `Kind/name`; it ends at an owner that cannot be read.
async fn owners(connection: &Connection, catalog: &Catalog, object: &Value) -> Vec<String> {
    let mut chain = Vec::new();
    let mut current = object.clone();
    while chain.len() < OWNERS_MAX {
        let Some(owner) = owner_of(&current) else { break };
        let (kind, name) = (text(owner, "/kind"), text(owner, "/name"));
        let entry = format!("{kind}/{name}");
        if chain.contains(&entry) {
            break;
        }
        chain.push(entry);
        let group = text(owner, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
        let Some(kind) = catalog.get(&KindId::new(group, kind)) else { break };
        let namespace = kind.namespaced.then(|| text(&current, "/metadata/namespace"));
        match connection.get_json(&path(kind, namespace, Some(name))).await {
            Ok(next) => current = next,
            Err(_) => break,
        }
    }
    chain
}

/// The controller, or else the first owner.
fn owner_of(object: &Value) -> Option<&Value> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find(|o| o.get("controller") == Some(&Value::Bool(true))).or_else(|| owners.first())
}

fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}
