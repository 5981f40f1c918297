//! Validation of an object before it is kept, and of the fields that may not change.

use serde_json::{Value, json};

use super::super::json::{at, text};
use super::super::resource::Resource;
use super::super::status::Failure;
use super::super::store::{self, Store};
use super::Place;

/// The longest name, and the longest value of a label.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// Whether it is an object of this kind at all.
pub(super) fn form(resource: &Resource, object: &Value) -> Result<(), Failure> {
    if !object.is_object() || !at(object, "/metadata").is_object() {
        return Err(Failure::bad_request("the object provided is unrecognized (must be of type Object with metadata)"));
    }
    let (kind, version) = (text(object, "/kind"), text(object, "/apiVersion"));
    if !kind.is_empty() && kind != resource.kind {
        return Err(Failure::bad_request(format!("the object is of kind {kind}, expected {}", resource.kind)));
    }
    if !version.is_empty() && version != resource.api_version() {
        let expected = resource.api_version();
        let why =
            format!("the API version in the data ({version}) does not match the expected API version ({expected})");
        return Err(Failure::bad_request(why));
    }
    for key in ["labels", "annotations"] {
        let values = at(object, &format!("/metadata/{key}"));
        let is_text = values.is_null() || values.as_object().is_some_and(|map| map.values().all(Value::is_string));
        if !is_text {
            return Err(Failure::bad_request(format!("metadata.{key}: values are strings")));
        }
    }
    Ok(())
}

/// Whether the namespace of a new object is there and takes it.
pub(super) fn namespace(store: &Store, resource: &Resource, object: &Value, namespace: &str) -> Result<(), Failure> {
    let sent = text(object, "/metadata/namespace");
    if !resource.namespaced {
        return Ok(());
    }
    if !sent.is_empty() && sent != namespace {
        return Err(Failure::bad_request(format!(
            "the namespace of the provided object does not match the namespace sent on the request ({sent}, {namespace})"
        )));
    }
    let Some(index) = store.find("", "namespaces") else { return Ok(()) };
    let found = store.document(index, &store::key("", namespace));
    let Some(found) = found else {
        let namespaces = super::resource_at(store, index)?;
        return Err(Failure::not_found(&namespaces, namespace));
    };
    if super::is_terminating(&found) {
        let name = text(object, "/metadata/name");
        return Err(Failure::prohibited(
            resource,
            name,
            &format!("unable to create new content in namespace {namespace} because it is being terminated"),
        ));
    }
    Ok(())
}

/// The name of a new object.
pub(super) fn created(resource: &Resource, object: &Value) -> Result<(), Failure> {
    let name = text(object, "/metadata/name");
    if name.is_empty() {
        let cause = cause("FieldValueRequired", "metadata.name", "Required value: name or generateName is required");
        return Err(invalid(resource, "", &[cause]));
    }
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | ':'));
    let is_framed = !name.starts_with(['-', '.']) && !name.ends_with(['-', '.']);
    if name.len() > NAME_MAX || !is_plain || !is_framed {
        let why = format!("Invalid value: \"{name}\": a lowercase RFC 1123 subdomain is expected");
        return Err(invalid(resource, name, &[cause("FieldValueInvalid", "metadata.name", &why)]));
    }
    if !text(object, "/metadata/resourceVersion").is_empty() {
        return Err(Failure::bad_request("resourceVersion should not be set on objects to be created"));
    }
    Ok(())
}

/// The names in a changed object must be those of the path.
pub(super) fn names(place: Place<'_>, object: &Value) -> Result<(), Failure> {
    for (what, sent, expected) in [
        ("name", text(object, "/metadata/name"), place.name),
        ("namespace", text(object, "/metadata/namespace"), place.namespace),
    ] {
        if sent != expected {
            return Err(Failure::bad_request(format!(
                "the {what} of the object ({sent}) does not match the {what} on the URL ({expected})"
            )));
        }
    }
    Ok(())
}

/// The fields that identify an object.
pub(super) fn identity(resource: &Resource, old: &Value, new: &Value) -> Result<(), Failure> {
    let sent = text(new, "/metadata/uid");
    if sent.is_empty() || sent == text(old, "/metadata/uid") {
        return Ok(());
    }
    let why = format!("Invalid value: \"{sent}\": field is immutable");
    Err(invalid(resource, text(old, "/metadata/name"), &[cause("FieldValueInvalid", "metadata.uid", &why)]))
}

/// The values of an object; `old` is what it was, where it was there.
pub(super) fn object(resource: &Resource, new: &Value, old: Option<&Value>) -> Result<(), Failure> {
    let mut causes = Vec::new();
    labels(new, &mut causes);
    replicas(new, &mut causes)?;
    if resource.plural == "nodes" && resource.group.is_empty() {
        let unschedulable = at(new, "/spec/unschedulable");
        if !unschedulable.is_null() && !unschedulable.is_boolean() {
            return Err(Failure::bad_request("spec.unschedulable: true or false is expected"));
        }
    }
    if let Some(old) = old {
        immutable(resource, old, new, &mut causes);
        let was: Vec<&Value> = super::items(old, "/metadata/finalizers").iter().collect();
        let added = super::items(new, "/metadata/finalizers").iter().any(|one| !was.contains(&one));
        if super::is_terminating(old) && added {
            let why = "Forbidden: no new finalizers can be added if the object is being deleted";
            causes.push(cause("FieldValueForbidden", "metadata.finalizers", why));
        }
    }
    if causes.is_empty() { Ok(()) } else { Err(invalid(resource, text(new, "/metadata/name"), &causes)) }
}

fn labels(object: &Value, causes: &mut Vec<Value>) {
    let labels = at(object, "/metadata/labels").as_object();
    for (key, value) in labels.into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        let is_framed = |text: &str| {
            let ends = [text.chars().next(), text.chars().next_back()];
            ends.into_iter().flatten().all(|c| c.is_ascii_alphanumeric())
        };
        let name = key.rsplit_once('/').map_or(key.as_str(), |(_, name)| name);
        if name.is_empty() || name.len() > LABEL_MAX || !is_plain(name) || !is_framed(name) {
            let why =
                format!("Invalid value: \"{key}\": name part must consist of alphanumeric characters, '-', '_' or '.'");
            causes.push(cause("FieldValueInvalid", "metadata.labels", &why));
        }
        if value.len() > LABEL_MAX || !is_plain(value) || !is_framed(value) {
            let why = format!(
                "Invalid value: \"{value}\": a valid label must be an empty string or consist of at most 63 alphanumeric characters, '-', '_' or '.'"
            );
            causes.push(cause("FieldValueInvalid", "metadata.labels", &why));
        }
    }
}

fn replicas(object: &Value, causes: &mut Vec<Value>) -> Result<(), Failure> {
    let replicas = at(object, "/spec/replicas");
    if replicas.is_null() {
        return Ok(());
    }
    match replicas.as_i64() {
        None => Err(Failure::bad_request("spec.replicas: a whole number is expected")),
        Some(count) if count < 0 => {
            causes.push(negative("spec.replicas", count));
            Ok(())
        }
        Some(_) => Ok(()),
    }
}

/// Fields that stay as they were created.
fn immutable(resource: &Resource, old: &Value, new: &Value, causes: &mut Vec<Value>) {
    let fields: &[(&str, &str)] = match (resource.group.as_str(), resource.plural.as_str()) {
        ("apps", "deployments" | "replicasets" | "daemonsets") => &[("/spec/selector", "spec.selector")],
        ("apps", "statefulsets") => &[
            ("/spec/selector", "spec.selector"),
            ("/spec/serviceName", "spec.serviceName"),
            ("/spec/volumeClaimTemplates", "spec.volumeClaimTemplates"),
        ],
        ("batch", "jobs") => &[("/spec/selector", "spec.selector"), ("/spec/template", "spec.template")],
        ("", "secrets") => &[("/type", "type")],
        _ => &[],
    };
    for (pointer, field) in fields {
        if at(old, pointer) != at(new, pointer) {
            causes.push(cause("FieldValueInvalid", field, "Invalid value: field is immutable"));
        }
    }
    if resource.group.is_empty() && resource.plural == "pods" && fixed_of_pod(old) != fixed_of_pod(new) {
        let why = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        causes.push(cause("FieldValueForbidden", "spec", why));
    }
}

/// The fields of a pod's spec that may not change.
fn fixed_of_pod(pod: &Value) -> Value {
    let mut spec = at(pod, "/spec").clone();
    if let Some(map) = spec.as_object_mut() {
        map.remove("activeDeadlineSeconds");
        map.remove("tolerations");
        for key in ["containers", "initContainers"] {
            let containers = map.get_mut(key).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
                container.remove("image");
            }
        }
    }
    spec
}

/// A cause in the details of a `Status`.
fn cause(reason: &str, field: &str, message: &str) -> Value {
    json!({"reason": reason, "message": message, "field": field})
}

/// The cause of a count below zero.
pub(super) fn negative(field: &str, count: i64) -> Value {
    cause("FieldValueInvalid", field, &format!("Invalid value: {count}: must be greater than or equal to 0"))
}

fn invalid(resource: &Resource, name: &str, causes: &[Value]) -> Failure {
    Failure::invalid(&resource.kind, &resource.group, name, causes)
}
