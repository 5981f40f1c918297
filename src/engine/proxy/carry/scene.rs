//! One configuration in force, with all that belongs to it. A request holds on to the one it began with.

use crate::engine::proxy::audit::Audit;
use crate::engine::proxy::caller::Callers;
use crate::engine::proxy::config::{Action, Field, ProxyConfig, Rule};
use crate::engine::proxy::metrics::Handles;
use crate::engine::proxy::request::RequestInfo;
use crate::engine::proxy::rules::RuleTable;
use crate::engine::proxy::target::Standing;
use crate::engine::proxy::upstream::Member;
use std::sync::Arc;

/// What a reload replaces as a whole.
#[derive(Debug)]
pub struct Scene {
    pub config: ProxyConfig,
    pub table: RuleTable,
    /// As `config.clusters`.
    pub members: Vec<Arc<Member>>,
    pub handles: Handles,
    pub callers: Arc<Callers>,
    /// Where requests are logged, if anywhere.
    pub audit: Option<Arc<Audit>>,
    /// Some rule looks at namespaces, and there is more than one cluster: a list over all of them is not all there is.
    splits_namespaces: bool,
}

/// Kinds without a namespace, of which a list is always whole. Others that are listed without one may be in part.
const CLUSTER_SCOPED: &[(&str, &str)] = &[
    ("", "nodes"),
    ("", "namespaces"),
    ("", "persistentvolumes"),
    ("", "componentstatuses"),
    ("admissionregistration.k8s.io", ""),
    ("apiextensions.k8s.io", ""),
    ("apiregistration.k8s.io", ""),
    ("certificates.k8s.io", ""),
    ("flowcontrol.apiserver.k8s.io", ""),
    ("node.k8s.io", ""),
    ("scheduling.k8s.io", ""),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("storage.k8s.io", "storageclasses"),
    ("storage.k8s.io", "volumeattachments"),
    ("storage.k8s.io", "csinodes"),
    ("storage.k8s.io", "csidrivers"),
    ("networking.k8s.io", "ingressclasses"),
    ("metrics.k8s.io", "nodes"),
];

impl Scene {
    pub fn new(
        config: ProxyConfig,
        table: RuleTable,
        members: Vec<Arc<Member>>,
        handles: Handles,
        (callers, audit): (Arc<Callers>, Option<Arc<Audit>>),
    ) -> Self {
        let by_namespace = |rule: &Rule| rule.conditions.iter().any(|c| c.field == Field::Namespace);
        let splits_namespaces = config.clusters.len() > 1 && config.rules.iter().any(by_namespace);
        Self { config, table, members, handles, callers, audit, splits_namespaces }
    }

    pub(super) fn rule(&self, place: Option<usize>) -> Option<&Rule> {
        self.config.rules.get(place?)
    }

    /// The name of a cluster by its place.
    pub(super) fn name(&self, cluster: usize) -> &str {
        self.config.clusters.get(cluster).map_or("", |c| &*c.name)
    }

    pub(super) fn place_of(&self, name: &str) -> Option<usize> {
        self.config.clusters.iter().position(|c| &*c.name == name)
    }

    pub(super) fn standing(&self, cluster: usize) -> Standing {
        self.members.get(cluster).map(|m| m.standing()).unwrap_or_default()
    }

    /// Says whether the answer may look whole and is not: namespaces lie in several clusters, and one answers.
    pub(super) fn is_partial(&self, info: &RequestInfo<'_>) -> bool {
        self.splits_namespaces
            && info.is_resource
            && info.namespace.is_empty()
            && matches!(&*info.verb, "list" | "watch")
            && !CLUSTER_SCOPED
                .iter()
                .any(|(group, kind)| *group == info.api_group && (kind.is_empty() || *kind == info.resource))
    }

    /// The cluster that takes what no rule names: home; where there is none, the first cluster, for what every client
    /// asks before it asks for anything.
    pub(super) fn fallback(&self, info: &RequestInfo<'_>) -> Option<usize> {
        let asks_what_is_there = !info.is_resource && matches!(&*info.verb, "get" | "head");
        self.config.home.or_else(|| (asks_what_is_there && !self.config.clusters.is_empty()).then_some(0))
    }

    /// Whether `Impersonate-*` of the caller may go on: where the rule says so. A client that acts as somebody first asks
    /// what there is, also as that one, and no rule names that: it may wherever any rule lets it.
    pub(super) fn lets_impersonate(&self, rule: Option<usize>, info: &RequestInfo<'_>) -> bool {
        match self.rule(rule) {
            Some(rule) => rule.allow_impersonation,
            None => asks_what_there_is(info) && self.config.rules.iter().any(|rule| rule.allow_impersonation),
        }
    }

    /// The message of a rule that denies.
    pub(super) fn denial(rule: &Rule) -> Option<&str> {
        match &rule.action {
            Action::Deny { message } => Some(message),
            Action::Route { .. } => None,
        }
    }
}

/// Discovery, OpenAPI or the version: of no object, and the same for whoever may ask at all.
fn asks_what_there_is(info: &RequestInfo<'_>) -> bool {
    let first = info.path.split('/').nth(1).unwrap_or_default();
    !info.is_resource && &*info.verb == "get" && matches!(first, "api" | "apis" | "openapi" | "version")
}

#[cfg(test)]
mod tests {
    use super::asks_what_there_is;
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
}
