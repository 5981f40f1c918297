//! What holds where no rule does, and what rules by namespace make of a list over all of them. Serving and testing a
//! request ask here alike.

use crate::engine::proxy::config::{Field, ProxyConfig, Rule};
use crate::engine::proxy::request::{RequestInfo, kinds};

/// The cluster that takes what no rule names: home; where there is none, the first cluster, for what every client
/// asks before it asks for anything.
pub fn fallback(config: &ProxyConfig, info: &RequestInfo<'_>) -> Option<usize> {
    let asks_what_is_there = !info.is_resource && matches!(&*info.verb, "get" | "head");
    config.home.or_else(|| (asks_what_is_there && !config.clusters.is_empty()).then_some(0))
}

/// Whether `Impersonate-*` of the caller may go on: where the rule says so. A client that acts as somebody first asks
/// what there is, also as that one, and no rule names that: it may wherever any rule lets it.
pub fn lets_impersonate(config: &ProxyConfig, rule: Option<&Rule>, info: &RequestInfo<'_>) -> bool {
    match rule {
        Some(rule) => rule.allow_impersonation,
        None => asks_what_there_is(info) && config.rules.iter().any(|rule| rule.allow_impersonation),
    }
}

/// Namespaces may lie in several clusters.
pub fn splits_namespaces(config: &ProxyConfig) -> bool {
    let by_namespace = |rule: &Rule| rule.conditions.iter().any(|c| c.field == Field::Namespace);
    config.clusters.len() > 1 && config.rules.iter().any(by_namespace)
}

/// A list of all namespaces of a kind that has them: where namespaces are split, it may look whole and is not. Kinds
/// that are not built in are taken for ones that have them.
pub fn lists_all_namespaces(info: &RequestInfo<'_>) -> bool {
    info.is_resource
        && info.namespace.is_empty()
        && matches!(&*info.verb, "list" | "watch")
        && kinds::of(&info.api_group, &info.resource).is_none_or(|kind| kind.namespaced)
}

/// Discovery, OpenAPI or the version: of no object, and the same for whoever may ask at all.
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
