//! Kinds of objects: what a cluster serves, and how a typed name finds one of them.

use super::text::Text;
use std::sync::Arc;

/// A kind without its version: `Deployment` of `apps`. The core group is the empty text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct KindId {
    /// API group; empty for the core group.
    pub group: Text,
    /// Kind in CamelCase: `Deployment`.
    pub kind: Text,
}

impl KindId {
    /// Returns the kind of a group; an empty group is the core group.
    pub fn new(group: &str, kind: &str) -> Self {
        Self { group: Text::new(group), kind: Text::new(kind) }
    }
}

impl std::fmt::Display for KindId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.group.is_empty() { write!(f, "{}", self.kind) } else { write!(f, "{}.{}", self.kind, self.group) }
    }
}

/// A resource as a cluster serves it, from its discovery.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kind {
    /// Group and kind.
    pub id: KindId,
    /// The version the server prefers (`v1`, `v1beta1`).
    pub version: Text,
    /// The path segment: `deployments`.
    pub plural: Text,
    /// Singular name: `deployment`; empty if the server gives none.
    pub singular: Text,
    /// Short names: `deploy`.
    pub short_names: Vec<Text>,
    /// Categories the resource is in: `all`.
    pub categories: Vec<Text>,
    /// True if its objects are in namespaces, false if they are cluster-scoped.
    pub namespaced: bool,
    /// The verbs the server offers: `get`, `list`, `watch`, ...
    pub verbs: Vec<Text>,
}

impl Kind {
    /// Returns true if the server offers the verb for this resource.
    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }

    /// Returns the `apiVersion`: `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.id.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.id.group, self.version) }
    }

    /// Returns the full name of the resource: `pods` or `deployments.apps`.
    pub fn resource(&self) -> String {
        if self.id.group.is_empty() { self.plural.to_string() } else { format!("{}.{}", self.plural, self.id.group) }
    }

    fn is_called(&self, name: &str) -> bool {
        self.plural == name
            || self.singular == name
            || self.short_names.iter().any(|s| s == name)
            || self.id.kind.eq_ignore_ascii_case(name)
    }
}

/// All kinds one cluster serves, in the order of its discovery (core first, then groups by the server's own
/// preference).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Catalog {
    /// The kinds, in discovery order.
    pub kinds: Arc<[Kind]>,
    /// Groups whose discovery failed or is stale, with the reason: an aggregated API that is unavailable.
    pub failed_groups: Arc<[(Text, Text)]>,
}

impl Catalog {
    /// Returns the kind for a typed name (`po`, `deploy`, `deployments.apps`, `certificates.cert-manager.io`,
    /// `deployments.v1.apps`, `Pod`): case-insensitive, first match in discovery order, as in kubectl.
    pub fn find(&self, typed: &str) -> Option<&Kind> {
        let typed = typed.to_lowercase();
        if let Some(kind) = self.kinds.iter().find(|k| k.is_called(&typed)) {
            return Some(kind);
        }
        let (name, rest) = typed.split_once('.')?;
        self.kinds.iter().find(|k| {
            k.is_called(name)
                && (k.id.group == rest
                    || rest.split_once('.').is_some_and(|(v, g)| k.version == v && k.id.group == g)
                    || (k.id.group.is_empty() && k.version == rest))
        })
    }

    /// Returns the kinds of a category (`all`), in discovery order.
    pub fn category<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Kind> {
        self.kinds.iter().filter(move |k| k.categories.iter().any(|c| c == name))
    }

    /// Returns the served kind with this identity.
    pub fn get(&self, id: &KindId) -> Option<&Kind> {
        self.kinds.iter().find(|k| k.id == *id)
    }
}
