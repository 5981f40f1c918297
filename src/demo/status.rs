//! The `Status` documents a Kubernetes API server answers failures with, word for word.

use serde_json::{Value, json};

use super::resource::Resource;

/// A failed request: the HTTP code and the `Status` body.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) details: Value,
    /// Seconds for a `Retry-After` header.
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

    /// What clients see for a resource type this server does not serve.
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
