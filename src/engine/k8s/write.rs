//! Changes on the wire: the request of each, and what its answer says of it.

mod answer;

use super::client::Connection;
use super::client::sending::{Change, Unanswered};
use super::errors;
use super::query::{escape, path};
use crate::engine::cluster::{
    AccessAnswer, AccessQuestion, ClusterError, DeleteOptions, Preconditions, WriteBody, WriteError, WriteRequest,
    WriteTarget,
};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// By this name the API server remembers which fields are ours.
const FIELD_MANAGER: &str = "quarterdeck";

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// Reads the object, or the subresource, that a change is about.
pub(crate) async fn read(
    connection: &Connection,
    own: &ClusterName,
    target: &WriteTarget,
) -> Result<Value, ClusterError> {
    belongs(own, target).map_err(ClusterError::Failed)?;
    connection.get_json(&target_path(target)).await
}

/// Sends one change once.
pub(crate) async fn write(
    connection: &Connection,
    own: &ClusterName,
    request: WriteRequest,
) -> Result<Value, WriteError> {
    belongs(own, &request.target).map_err(WriteError::NotSent)?;
    let deadline = request.deadline;
    let change = change(request)?;
    match connection.send_change(change, deadline).await {
        Ok((status, body)) => answer::read(status, &body),
        Err(unanswered) => Err(answer::missing(unanswered)),
    }
}

/// Asks whether the user may do something.
pub(crate) async fn review(connection: &Connection, question: AccessQuestion) -> Result<AccessAnswer, ClusterError> {
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": attributes(&question) },
    });
    let change = Change {
        method: Method::POST,
        path: REVIEWS.to_owned(),
        content_type: "application/json",
        body: body.to_string().into_bytes(),
    };
    let (status, bytes) = match connection.send_change(change, None).await {
        Ok(answer) => answer,
        Err(Unanswered::NotSent(error) | Unanswered::Status(_, error) | Unanswered::Lost(error)) => return Err(error),
    };
    if !status.is_success() {
        return Err(errors::of_status(status, &bytes));
    }
    let review: Review = serde_json::from_slice(&bytes).map_err(|e| errors::not_json(&bytes, &e))?;
    let ReviewStatus { allowed, reason, evaluation_error } = review.status;
    let reason = if reason.is_empty() { evaluation_error } else { reason };
    Ok(AccessAnswer { allowed, reason: errors::sentence(&reason) })
}

/// The part of an answered SelfSubjectAccessReview that counts.
#[derive(Debug, Deserialize)]
struct Review {
    status: ReviewStatus,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReviewStatus {
    allowed: bool,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    evaluation_error: String,
}

fn attributes(question: &AccessQuestion) -> Value {
    let named = [
        ("verb", Some(&question.verb)),
        ("group", Some(&question.group)),
        ("resource", Some(&question.resource)),
        ("subresource", Some(&question.subresource)),
        ("namespace", question.namespace.as_ref()),
        ("name", question.name.as_ref()),
    ];
    let fields = named.into_iter().filter_map(|(key, value)| Some((key, value.filter(|v| !v.is_empty())?)));
    fields.map(|(key, value)| (key.to_owned(), Value::from(value.as_str()))).collect::<Map<_, _>>().into()
}

/// Refuses a target of another cluster: a mix-up here would change the wrong one.
fn belongs(own: &ClusterName, target: &WriteTarget) -> Result<(), Text> {
    if target.cluster == *own {
        return Ok(());
    }
    Err(Text::from(format!("a change of {} was asked of {own}", target.cluster)))
}

fn target_path(target: &WriteTarget) -> String {
    let mut path = path(&target.kind, target.namespace.as_deref(), Some(&target.name));
    if let Some(subresource) = &target.subresource {
        path.push('/');
        path.push_str(&escape(subresource));
    }
    path
}

/// The request of a change.
fn change(request: WriteRequest) -> Result<Change, WriteError> {
    let WriteRequest { target, body, preconditions, dry_run, .. } = request;
    if target.kind.namespaced && target.namespace.is_none() {
        let why = format!("{} {} is in a namespace, and none is named", target.kind.id.kind, target.name);
        return Err(WriteError::NotSent(Text::from(why)));
    }
    let query = match &body {
        // A delete with options in its body is read from there alone. The query is for audit logs, which keep no bodies.
        WriteBody::Delete(_) if dry_run => "?dryRun=All".to_owned(),
        WriteBody::Delete(_) => String::new(),
        WriteBody::MergePatch(_) | WriteBody::JsonPatch(_) | WriteBody::Create(_) => {
            let dry_run = if dry_run { "dryRun=All&" } else { "" };
            format!("?{dry_run}fieldManager={FIELD_MANAGER}")
        }
    };
    let (method, content_type, body, base) = match body {
        WriteBody::Delete(options) => {
            let body = delete_options(options, &preconditions, dry_run);
            (Method::DELETE, "application/json", body, target_path(&target))
        }
        WriteBody::MergePatch(patch) => {
            let patch = with_preconditions(patch, &preconditions)?;
            (Method::PATCH, "application/merge-patch+json", patch, target_path(&target))
        }
        WriteBody::JsonPatch(operations) => {
            let operations = after_preconditions(operations, &preconditions)?;
            (Method::PATCH, "application/json-patch+json", operations, target_path(&target))
        }
        WriteBody::Create(object) => (Method::POST, "application/json", object, create_path(&target)),
    };
    Ok(Change { method, path: format!("{base}{query}"), content_type, body: body.to_string().into_bytes() })
}

/// Objects are created in their collection; a subresource (`pods/eviction`) at its own path.
fn create_path(target: &WriteTarget) -> String {
    match target.subresource {
        Some(_) => target_path(target),
        None => path(&target.kind, target.namespace.as_deref(), None),
    }
}

fn delete_options(options: DeleteOptions, preconditions: &Preconditions, dry_run: bool) -> Value {
    let mut body = Map::new();
    body.insert("apiVersion".to_owned(), "v1".into());
    body.insert("kind".to_owned(), "DeleteOptions".into());
    if dry_run {
        body.insert("dryRun".to_owned(), json!(["All"]));
    }
    let fields = held(preconditions);
    if !fields.is_empty() {
        body.insert("preconditions".to_owned(), fields.into());
    }
    if let Some(propagation) = options.propagation {
        body.insert("propagationPolicy".to_owned(), propagation.as_str().into());
    }
    if let Some(seconds) = options.grace_period_s {
        body.insert("gracePeriodSeconds".to_owned(), seconds.into());
    }
    body.into()
}

/// The preconditions by the names they have in `metadata` and in `DeleteOptions`.
fn held(preconditions: &Preconditions) -> Map<String, Value> {
    let named = [("uid", &preconditions.uid), ("resourceVersion", &preconditions.resource_version)];
    named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.as_ref()?.as_str().into()))).collect()
}

/// A merge patch that says which object it was made for: the server compares what it is told of `metadata`.
fn with_preconditions(mut patch: Value, preconditions: &Preconditions) -> Result<Value, WriteError> {
    let fields = held(preconditions);
    if fields.is_empty() && patch.is_object() {
        return Ok(patch);
    }
    let root = patch.as_object_mut().ok_or_else(|| unfit("a merge patch is an object"))?;
    let metadata = root.entry("metadata").or_insert_with(|| Map::new().into());
    let metadata = metadata.as_object_mut().ok_or_else(|| unfit("the metadata of a merge patch is an object"))?;
    metadata.extend(fields);
    Ok(patch)
}

/// The same for a JSON patch. A `test` would be answered as an invalid patch, this is answered as a conflict.
fn after_preconditions(operations: Value, preconditions: &Preconditions) -> Result<Value, WriteError> {
    let Value::Array(operations) = operations else { return Err(unfit("a JSON patch is a list")) };
    let first = held(preconditions).into_iter().map(|(key, value)| {
        let path = format!("/metadata/{key}");
        json!({ "op": "replace", "path": path, "value": value })
    });
    Ok(first.chain(operations).collect())
}

fn unfit(why: &'static str) -> WriteError {
    WriteError::NotSent(Text::const_new(why))
}

#[cfg(test)]
mod tests;
