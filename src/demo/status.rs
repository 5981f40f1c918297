//! The `Status` documents of failed requests, word for word those of a Kubernetes API server.

use serde_json::{Value, json};

use super::resource::Resource;

/// A failed request: the HTTP code and the `Status` body.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) details: Value,
    /// Value of the `Retry-After` header, in seconds; `None` for no header.
    pub(super) retry_after: Option<u64>,
}

impl Failure {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null, retry_after: None }
    }

    /// The `Status` object.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if let (false, Some(map)) = (self.details.is_null(), body.as_object_mut()) {
            map.insert("details".to_owned(), self.details.clone());
        }
        body
    }

    pub(super) fn unauthorized(hint: &str) -> Self {
        let message = if hint.is_empty() { "Unauthorized" } else { hint };
        Self::new(401, "Unauthorized", message)
    }

    /// The refusal of one verb on one resource, as RBAC words it.
    pub(super) fn forbidden(user: &str, verb: &str, resource: &Resource, namespace: &str, name: &str) -> Self {
        let place = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{namespace}\"")
        };
        let target = if name.is_empty() {
            resource.qualified().to_string()
        } else {
            format!("{} \"{name}\"", resource.qualified())
        };
        let mut failure = Self::new(
            403,
            "Forbidden",
            format!(
                "{target} is forbidden: User \"{user}\" cannot {verb} resource \"{}\" in API group \"{}\" {place}",
                resource.plural, resource.group
            ),
        );
        failure.details = details(resource, name);
        failure
    }

    pub(super) fn forbidden_path(user: &str, verb: &str, path: &str) -> Self {
        let mut failure =
            Self::new(403, "Forbidden", format!("forbidden: User \"{user}\" cannot {verb} path \"{path}\""));
        failure.details = json!({});
        failure
    }

    pub(super) fn not_found(resource: &Resource, name: &str) -> Self {
        let mut failure = Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified()));
        failure.details = details(resource, name);
        failure
    }

    pub(super) fn already_exists(resource: &Resource, name: &str) -> Self {
        let mut failure =
            Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource.qualified()));
        failure.details = details(resource, name);
        failure
    }

    /// A change that lost against another one, or was meant for another object.
    pub(super) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let what = resource.qualified();
        let mut failure =
            Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {what} \"{name}\": {why}"));
        failure.details = details(resource, name);
        failure
    }

    /// The resourceVersion of a change is not the present one.
    pub(super) fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// An object that would not be valid, with the causes.
    pub(super) fn invalid(kind: &str, group: &str, name: &str, causes: &[Value]) -> Self {
        let kind_and_group = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let told = causes.iter().map(|cause| {
            let text = |key: &str| cause.get(key).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}", text("field"), text("message"))
        });
        let told: Vec<String> = told.collect();
        let told = if told.len() == 1 { told.concat() } else { format!("[{}]", told.join(", ")) };
        let mut failure = Self::new(422, "Invalid", format!("{kind_and_group} \"{name}\" is invalid: {told}"));
        failure.details = json!({"name": name, "group": group, "kind": kind, "causes": causes});
        failure
    }

    /// A replacement that was made of another object.
    pub(super) fn precondition(what: &str, sent: &str, is: &str) -> Self {
        let why = format!("Precondition failed: UID in precondition: {sent}, UID in object meta: {is}");
        Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {what}: {why}"))
    }

    /// A patch that does not fit the object.
    pub(super) fn unprocessable(why: &str) -> Self {
        Self::new(422, "Invalid", format!("the server rejected our request due to an error in our request: {why}"))
    }

    /// Something that the server itself does not let happen, whoever asks.
    pub(super) fn prohibited(resource: &Resource, name: &str, why: &str) -> Self {
        let mut failure =
            Self::new(403, "Forbidden", format!("{} \"{name}\" is forbidden: {why}", resource.qualified()));
        failure.details = details(resource, name);
        failure
    }

    /// The answer of an API server for a webhook that refuses a request: 400 where the webhook names no code.
    pub(super) fn denied_by_webhook(webhook: &str, why: &str) -> Self {
        Self::new(400, "BadRequest", format!("admission webhook \"{webhook}\" denied the request: {why}"))
    }

    /// A dry run that would have effects.
    pub(super) fn dry_run_unsupported(webhook: &str) -> Self {
        Self::bad_request(format!("admission webhook \"{webhook}\" does not support dry run"))
    }

    pub(super) fn unsupported_media_type() -> Self {
        let why = "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json";
        Self::new(415, "UnsupportedMediaType", why)
    }

    pub(super) fn too_much(limit: usize) -> Self {
        Self::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {limit}"))
    }

    /// The server is there and can do nothing at the moment.
    pub(super) fn unavailable() -> Self {
        let mut failure = Self::new(503, "ServiceUnavailable", "apiserver is shutting down");
        failure.retry_after = Some(1);
        failure
    }

    /// The failure for a resource type that this server does not serve.
    pub(super) fn no_such_resource() -> Self {
        let mut failure = Self::new(404, "NotFound", "the server could not find the requested resource");
        failure.details = json!({});
        failure
    }

    pub(super) fn method_not_allowed() -> Self {
        let mut failure =
            Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        failure.details = json!({});
        failure
    }

    pub(super) fn not_acceptable() -> Self {
        Self::new(406, "NotAcceptable", "only the following media types are accepted: application/json")
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// A `ListOptions` field that this server refuses.
    pub(super) fn invalid_options(field: &str, why: &str) -> Self {
        let mut failure =
            Self::new(422, "Invalid", format!("ListOptions.meta.k8s.io \"\" is invalid: {field}: Forbidden: {why}"));
        failure.details = json!({
            "group": "meta.k8s.io", "kind": "ListOptions",
            "causes": [{"reason": "FieldValueForbidden", "message": format!("Forbidden: {why}"), "field": field}],
        });
        failure
    }

    pub(super) fn too_many_requests(seconds: u64) -> Self {
        let mut failure = Self::new(429, "TooManyRequests", "too many requests, please try again later");
        failure.details = json!({"retryAfterSeconds": seconds});
        failure.retry_after = Some(seconds);
        failure
    }

    pub(super) fn internal(message: &str) -> Self {
        let mut failure = Self::new(500, "InternalError", format!("Internal error occurred: {message}"));
        failure.details = json!({"causes": [{"message": message}]});
        failure
    }

    /// A request for a resourceVersion this server has not reached.
    pub(super) fn too_large(asked: u64, current: u64) -> Self {
        let mut failure =
            Self::new(504, "Timeout", format!("Timeout: Too large resource version: {asked}, current: {current}"));
        failure.details = json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        });
        failure.retry_after = Some(1);
        failure
    }
}

fn details(resource: &Resource, name: &str) -> Value {
    let mut details = serde_json::Map::new();
    if !name.is_empty() {
        details.insert("name".to_owned(), name.into());
    }
    if !resource.group.is_empty() {
        details.insert("group".to_owned(), resource.group.as_str().into());
    }
    details.insert("kind".to_owned(), resource.plural.as_str().into());
    Value::Object(details)
}
