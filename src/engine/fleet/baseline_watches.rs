//! Watches of every connected cluster: the objects that the fleet view counts, and definitions of custom kinds.

use crate::engine::fleet::shard::WatchKey;
use crate::model::kind::{Catalog, Kind, KindId};
use crate::model::text::Text;
use std::sync::Arc;

/// A kind that is always watched.
struct Always {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
    namespaced: bool,
    /// A field selector: with one, the rows are counted but are not a shard of the snapshot.
    fields: &'static str,
}

/// Pods come first, because users look at them first.
const ALWAYS: [Always; 4] = [
    Always {
        group: "",
        version: "v1",
        kind: "Pod",
        plural: "pods",
        short_names: &["po"],
        namespaced: true,
        fields: "",
    },
    Always {
        group: "",
        version: "v1",
        kind: "Node",
        plural: "nodes",
        short_names: &["no"],
        namespaced: false,
        fields: "",
    },
    Always {
        group: "",
        version: "v1",
        kind: "Event",
        plural: "events",
        short_names: &["ev"],
        namespaced: true,
        fields: "type=Warning",
    },
    Always {
        group: "apiextensions.k8s.io",
        version: "v1",
        kind: "CustomResourceDefinition",
        plural: "customresourcedefinitions",
        short_names: &["crd", "crds"],
        namespaced: false,
        fields: "",
    },
];

impl Always {
    fn kind(&self) -> Kind {
        Kind {
            id: KindId::new(self.group, self.kind),
            version: Text::const_new(self.version),
            plural: Text::const_new(self.plural),
            singular: Text::new(self.kind.to_lowercase()),
            short_names: self.short_names.iter().map(|name| Text::const_new(name)).collect(),
            categories: Vec::new(),
            namespaced: self.namespaced,
            verbs: ["get", "list", "watch"].map(Text::const_new).to_vec(),
        }
    }

    fn key(&self) -> WatchKey {
        WatchKey {
            kind: KindId::new(self.group, self.kind),
            selector: Text::default(),
            fields: Text::const_new(self.fields),
        }
    }
}

/// Returns the kinds that are watched in every cluster, in the order in which denials are reported.
pub fn kinds() -> impl Iterator<Item = Kind> {
    let in_order: std::collections::BTreeMap<WatchKey, Kind> = watches().collect();
    in_order.into_values()
}

/// Returns the always-on watches.
pub(super) fn watches() -> impl Iterator<Item = (WatchKey, Kind)> {
    ALWAYS.iter().map(|always| (always.key(), always.kind()))
}

/// Returns the kinds that can be shown before a cluster's discovery has finished.
pub(super) fn catalog() -> Catalog {
    let kinds: Arc<[Kind]> = ALWAYS.iter().map(Always::kind).collect();
    Catalog { kinds, failed_groups: Arc::default() }
}

pub(super) fn pods() -> WatchKey {
    WatchKey::all(KindId::new("", "Pod"))
}

pub(super) fn nodes() -> WatchKey {
    WatchKey::all(KindId::new("", "Node"))
}

pub(super) fn warnings() -> WatchKey {
    WatchKey { fields: Text::const_new("type=Warning"), ..WatchKey::all(KindId::new("", "Event")) }
}

pub(super) fn custom_kinds() -> WatchKey {
    WatchKey::all(KindId::new("apiextensions.k8s.io", "CustomResourceDefinition"))
}
