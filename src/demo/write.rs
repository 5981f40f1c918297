//! Changes of objects as an API server makes them: pure, on the store, whoever asks.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json::{at, items, set, text, truth};
use super::resource::Resource;
use super::status::Failure;
use super::store::{self, Store};
use super::world::{rfc3339, suffix, uid};

mod delete;
mod validate;

pub(super) use delete::{DeleteOptions, FOREGROUND, ORPHAN, delete};

/// The surroundings of a change.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) now: Timestamp,
    pub(super) rng: &'a mut fastrand::Rng,
    /// Everything is checked, nothing is kept.
    pub(super) dry_run: bool,
}

/// An object that was changed or went away; controllers look at it.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) resource: std::sync::Arc<Resource>,
    /// As it is now, or as it was last.
    pub(super) object: Value,
    pub(super) is_gone: bool,
}

/// The result of a change: the object, and the event for controllers. No event means that nothing was kept.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) object: Value,
    pub(super) is_gone: bool,
    pub(super) event: Option<Event>,
}

impl Outcome {
    fn of(resource: &std::sync::Arc<Resource>, object: Value, is_gone: bool, is_kept: bool) -> Self {
        let event = || Event { resource: std::sync::Arc::clone(resource), object: object.clone(), is_gone };
        Self { event: is_kept.then(event), object, is_gone }
    }
}

/// Where a change goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The collection in the store.
    pub(super) index: usize,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    /// Only the status is changed, or everything but it.
    pub(super) is_status: bool,
}

/// The resource of a collection.
fn resource_at(store: &Store, index: usize) -> Result<std::sync::Arc<Resource>, Failure> {
    let collection = store.collection(index).ok_or_else(Failure::no_such_resource)?;
    Ok(std::sync::Arc::clone(&collection.resource))
}

/// Creates an object in a namespace. Fails where the object is not valid, exists, or its namespace takes none.
pub(super) fn create(
    store: &mut Store,
    place: Place<'_>,
    mut object: Value,
    context: &mut Context<'_>,
) -> Result<Outcome, Failure> {
    let resource = resource_at(store, place.index)?;
    validate::form(&resource, &object)?;
    validate::namespace(store, &resource, &object, place.namespace)?;
    let prefix = text(&object, "/metadata/generateName").to_owned();
    if text(&object, "/metadata/name").is_empty() && !prefix.is_empty() {
        set(&mut object, "/metadata", "name", format!("{prefix}{}", suffix(context.rng, 5)).into());
    }
    validate::created(&resource, &object)?;
    let name = text(&object, "/metadata/name").to_owned();
    if store.document(place.index, &store::key(place.namespace, &name)).is_some() {
        return Err(Failure::already_exists(&resource, &name));
    }
    validate::object(&resource, &object, None)?;
    if resource.namespaced {
        set(&mut object, "/metadata", "namespace", place.namespace.into());
    }
    set(&mut object, "/metadata", "uid", uid(context.rng).into());
    set(&mut object, "/metadata", "creationTimestamp", rfc3339(context.now).into());
    if has_generation(&resource) {
        set(&mut object, "/metadata", "generation", 1.into());
    }
    if resource.plural == "namespaces" && resource.group.is_empty() {
        set(&mut object, "", "spec", json!({"finalizers": ["kubernetes"]}));
        set(&mut object, "", "status", json!({"phase": "Active"}));
    } else if resource.subresources.contains(&"status") {
        set(&mut object, "", "status", json!({}));
    }
    Ok(keep(store, place.index, &resource, object, context))
}

/// Replaces an object by what `change` makes of it. Fails where it is not there, was changed since, or would not be valid.
pub(super) fn update(
    store: &mut Store,
    place: Place<'_>,
    change: impl FnOnce(&Value) -> Result<Value, Failure>,
    context: &mut Context<'_>,
) -> Result<Outcome, Failure> {
    let resource = resource_at(store, place.index)?;
    let key = store::key(place.namespace, place.name);
    let old = store.document(place.index, &key).ok_or_else(|| Failure::not_found(&resource, place.name))?;
    let mut new = change(&old)?;
    validate::form(&resource, &new)?;
    validate::names(place, &new)?;
    let version = text(&new, "/metadata/resourceVersion");
    if !version.is_empty() && version != text(&old, "/metadata/resourceVersion") {
        return Err(Failure::modified(&resource, place.name));
    }
    validate::identity(&resource, &old, &new)?;
    carry_over(&resource, &old, &mut new, place.is_status);
    validate::object(&resource, &new, Some(&old))?;
    if new == old {
        return Ok(Outcome { object: new, is_gone: false, event: None });
    }
    if has_generation(&resource) && at(&new, "/spec") != at(&old, "/spec") {
        raise_generation(&mut new);
    }
    if resource.plural == "daemonsets" && at(&new, "/spec/template") != at(&old, "/spec/template") {
        raise_template_generation(&mut new);
    }
    let is_deleted = !text(&new, "/metadata/deletionTimestamp").is_empty();
    let had = !items(&old, "/metadata/finalizers").is_empty();
    if is_deleted && had && items(&new, "/metadata/finalizers").is_empty() && resource.plural != "namespaces" {
        // The last finalizer was what held it.
        if !context.dry_run {
            store.put(place.index, new.clone());
            store.remove(place.index, &key);
        }
        return Ok(Outcome::of(&resource, new, true, !context.dry_run));
    }
    Ok(keep(store, place.index, &resource, new, context))
}

/// Keeps an object and reads it back, with its new resourceVersion.
fn keep(
    store: &mut Store,
    index: usize,
    resource: &std::sync::Arc<Resource>,
    object: Value,
    context: &Context<'_>,
) -> Outcome {
    if context.dry_run {
        let mut object = object;
        set(&mut object, "", "kind", resource.kind.as_str().into());
        set(&mut object, "", "apiVersion", resource.api_version().as_str().into());
        return Outcome { object, is_gone: false, event: None };
    }
    let key = store::key(text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
    store.put(index, object);
    let kept = store.document(index, &key).unwrap_or_default();
    Outcome::of(resource, kept, false, true)
}

/// Fields that no client changes: they stay as they are, whatever was sent.
fn carry_over(resource: &Resource, old: &Value, new: &mut Value, is_status: bool) {
    if is_status {
        let status = at(new, "/status").clone();
        let version = at(new, "/metadata/resourceVersion").clone();
        *new = old.clone();
        set(new, "", "status", status);
        if !version.is_null() {
            set(new, "/metadata", "resourceVersion", version);
        }
    } else if resource.subresources.contains(&"status") {
        take_over(old, new, "", "status");
    }
    let fixed = [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    ];
    for key in fixed {
        take_over(old, new, "/metadata", key);
    }
}

fn take_over(old: &Value, new: &mut Value, pointer: &str, key: &str) {
    match old.pointer(pointer).and_then(|map| map.get(key)) {
        Some(value) => set(new, pointer, key, value.clone()),
        None => {
            if let Some(map) = new.pointer_mut(pointer).and_then(Value::as_object_mut) {
                map.remove(key);
            }
        }
    }
}

/// Whether the API server counts the changes of a spec: not of all kinds.
fn has_generation(resource: &Resource) -> bool {
    matches!(resource.group.as_str(), "apps" | "batch" | "networking.k8s.io" | "policy" | "apiextensions.k8s.io")
        && resource.plural != "controllerrevisions"
        || matches!(resource.origin, super::resource::Origin::Custom(_))
}

pub(super) fn raise_generation(object: &mut Value) {
    let generation = super::json::int(object, "/metadata/generation");
    set(object, "/metadata", "generation", (generation + 1).into());
}

const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// How often the template of a daemon set was changed, as its annotation says.
pub(super) fn template_generation(daemon_set: &Value) -> i64 {
    let annotation = at(daemon_set, "/metadata/annotations").get(TEMPLATE_GENERATION).and_then(Value::as_str);
    annotation.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn raise_template_generation(daemon_set: &mut Value) {
    let next = template_generation(daemon_set) + 1;
    if !at(daemon_set, "/metadata/annotations").is_object() {
        set(daemon_set, "/metadata", "annotations", json!({}));
    }
    set(daemon_set, "/metadata/annotations", TEMPLATE_GENERATION, next.to_string().into());
}

/// The scale of a workload, as its subresource shows it.
pub(super) fn scale_of(workload: &Value) -> Value {
    let mut metadata = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        set(&mut metadata, "", key, at(workload, &format!("/metadata/{key}")).clone());
    }
    let labels = at(workload, "/spec/selector/matchLabels").as_object();
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": super::json::int(workload, "/spec/replicas")},
        "status": {"replicas": super::json::int(workload, "/status/replicas"), "selector": selector.join(",")},
    })
}

/// The workload with the replicas of a scale that was sent, and what that scale says of the object it was made for. Fails
/// where the scale is of another object, or is none.
pub(super) fn scaled(workload: &Value, scale: &Value) -> Result<Value, Failure> {
    let name = text(workload, "/metadata/name");
    let replicas = match scale.pointer("/spec/replicas") {
        None | Some(Value::Null) => 0,
        Some(value) => {
            value.as_i64().ok_or_else(|| Failure::bad_request("spec.replicas: a whole number is expected"))?
        }
    };
    if replicas < 0 {
        let cause = validate::negative("spec.replicas", replicas);
        return Err(Failure::invalid("Scale", "autoscaling", name, &[cause]));
    }
    let mut new = workload.clone();
    set(&mut new, "/spec", "replicas", replicas.into());
    for key in ["name", "namespace", "uid", "resourceVersion"] {
        let sent = at(scale, &format!("/metadata/{key}"));
        if !sent.is_null() {
            set(&mut new, "/metadata", key, sent.clone());
        }
    }
    Ok(new)
}

/// Whether an object is on its way out.
pub(super) fn is_terminating(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// Whether new pods may be placed on a node.
pub(super) fn is_schedulable(node: &Value) -> bool {
    let is_ready = items(node, "/status/conditions")
        .iter()
        .any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") == "True");
    is_ready && !truth(node, "/spec/unschedulable")
}

#[cfg(test)]
mod tests;
