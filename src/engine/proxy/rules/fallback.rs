//! What holds where no rule does, and what rules by namespace make of a list over all of them. Serving and testing a
//! request ask here alike.

use crate::engine::proxy::config::{Field, ProxyConfig, Rule};
use crate::engine::proxy::request::{RequestInfo, kinds};

/// Returns the cluster for a request that no rule matches: home, or, if there is none, the first cluster for a GET or
/// HEAD of no resource, with which every client begins.
pub fn fallback(config: &ProxyConfig, info: &RequestInfo<'_>) -> Option<usize> {
    let asks_what_is_there = !info.is_resource && matches!(&*info.verb, "get" | "head");
    config.home.or_else(|| (asks_what_is_there && !config.clusters.is_empty()).then_some(0))
}

/// Returns true if `Impersonate-*` of the caller may pass: if the rule allows it. Clients that impersonate run
/// discovery with the same headers; no rule matches discovery, so it is allowed if any rule allows impersonation.
pub fn lets_impersonate(config: &ProxyConfig, rule: Option<&Rule>, info: &RequestInfo<'_>) -> bool {
    match rule {
        Some(rule) => rule.allow_impersonation,
        None => asks_what_there_is(info) && config.rules.iter().any(|rule| rule.allow_impersonation),
    }
}

/// Returns true if namespaces may be in several clusters.
pub fn splits_namespaces(config: &ProxyConfig) -> bool {
    let by_namespace = |rule: &Rule| rule.conditions.iter().any(|c| c.field == Field::Namespace);
    config.clusters.len() > 1 && config.rules.iter().any(by_namespace)
}

/// Returns true for a list or watch over all namespaces of a namespaced kind: if namespaces are split, its answer
/// looks complete but is not. Unknown kinds count as namespaced.
pub fn lists_all_namespaces(info: &RequestInfo<'_>) -> bool {
    info.is_resource
        && info.namespace.is_empty()
        && matches!(&*info.verb, "list" | "watch")
        && kinds::of(&info.api_group, &info.resource).is_none_or(|kind| kind.namespaced)
}

/// Returns true for discovery, OpenAPI and the version: they concern no object, and are the same for every authorized
/// caller.
fn asks_what_there_is(info: &RequestInfo<'_>) -> bool {
    let first = info.path.split('/').nth(1).unwrap_or_default();
    !info.is_resource && &*info.verb == "get" && matches!(first, "api" | "apis" | "openapi" | "version")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::proxy::request;

    #[test]
    fn discovery_is_known_from_objects_and_debugging() {
        let asks = |method, path| asks_what_there_is(&request::parse(method, path).expect("a request"));
        for path in ["/api", "/apis", "/apis/apps/v1", "/openapi/v3", "/openapi/v3/apis/apps/v1?hash=1", "/version"] {
            assert!(asks("GET", path), "{path}");
        }
        for path in ["/api/v1/pods", "/metrics", "/logs/x", "/debug/pprof", "/versions", "/", "/healthz"] {
            assert!(!asks("GET", path), "{path}");
        }
        assert!(!asks("POST", "/version"));
    }

    #[test]
    fn a_list_of_what_has_no_namespace_is_whole() {
        let lists = |path| lists_all_namespaces(&request::parse("GET", path).expect("a request"));
        for path in ["/api/v1/pods", "/apis/apps/v1/deployments?watch=1", "/apis/example.com/v1/things"] {
            assert!(lists(path), "{path}");
        }
        for path in ["/api/v1/nodes", "/api/v1/namespaces", "/api/v1/namespaces/a/pods", "/api", "/version"] {
            assert!(!lists(path), "{path}");
        }
    }
}
