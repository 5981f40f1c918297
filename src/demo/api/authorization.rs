//! Questions about the caller itself: everything is allowed, except what a fault forbids.

use serde_json::{Value, json};

use super::super::json::{set, text};
use super::{ApiServer, USER};

/// The answer to a `Self…Review` that was posted.
pub(super) fn review(server: &ApiServer, plural: &str, mut asked: Value) -> Value {
    if !asked.is_object() {
        asked = json!({});
    }
    let user = json!({"username": USER, "groups": ["system:masters", "system:authenticated"]});
    let (kind, group, status) = match plural {
        "selfsubjectreviews" => ("SelfSubjectReview", "authentication.k8s.io/v1", json!({"userInfo": user})),
        "selfsubjectrulesreviews" => (
            "SelfSubjectRulesReview",
            "authorization.k8s.io/v1",
            json!({
                "incomplete": false,
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            }),
        ),
        _ => ("SelfSubjectAccessReview", "authorization.k8s.io/v1", access(server, &asked)),
    };
    set(&mut asked, "", "kind", kind.into());
    set(&mut asked, "", "apiVersion", group.into());
    set(&mut asked, "", "status", status);
    if asked.get("metadata").is_none() {
        set(&mut asked, "", "metadata", super::empty_metadata());
    }
    asked
}

fn access(server: &ApiServer, asked: &Value) -> Value {
    let of = |key: &str| text(asked, &format!("/spec/resourceAttributes/{key}"));
    let (verb, group, plural) = (of("verb"), of("group"), of("resource"));
    if server.faults.borrow().current.forbids(plural) {
        return json!({"allowed": false});
    }
    let is_namespaced = {
        let store = server.store.read();
        store.collection_of(group, plural).is_none_or(|collection| collection.resource.namespaced)
    };
    if !server.member.allows(verb, plural, (is_namespaced, of("namespace"))) {
        return json!({"allowed": false});
    }
    json!({
        "allowed": true,
        "reason": "RBAC: allowed by ClusterRoleBinding \"demo-operator\" of ClusterRole \"cluster-admin\"",
    })
}
