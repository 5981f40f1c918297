//! Shares the values that many rows have in common: labels and owners.

use super::wire::{Meta, OwnerReference};
use crate::model::kind::KindId;
use crate::model::object::Owner;
use crate::model::text::{Text, clean};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Maximum number of label sets, and of owners, that one watch shares. Beyond it both are cleared: rows keep theirs,
/// only the sharing restarts. Pods share theirs by the workload, so this covers thousands of workloads for some 2 MiB.
const SHARED_MAX: usize = 8_192;

/// The texts and owners that rows of one watch share.
#[derive(Debug, Default)]
pub struct Interner {
    labels: HashSet<Arc<str>>,
    owners: HashMap<Text, Arc<Owner>>,
    scratch: String,
}

impl Interner {
    /// `k=v,k2=v2`, sorted by key.
    pub(super) fn labels(&mut self, meta: &Meta<'_>) -> Arc<str> {
        self.scratch.clear();
        for (key, value) in meta.labels.sorted().iter() {
            let comma = if self.scratch.is_empty() { "" } else { "," };
            self.scratch.extend([comma, &clean(key), "=", &clean(value)]);
        }
        if let Some(shared) = self.labels.get(self.scratch.as_str()) {
            return Arc::clone(shared);
        }
        if self.labels.len() >= SHARED_MAX {
            self.labels.clear();
        }
        let shared: Arc<str> = Arc::from(self.scratch.as_str());
        self.labels.insert(Arc::clone(&shared));
        shared
    }

    /// The controller, or else the first owner.
    pub(super) fn owner(&mut self, meta: &Meta<'_>) -> Option<Arc<Owner>> {
        let owners = &meta.owner_references;
        let owner = owners.iter().find(|o| o.controller == Some(true)).or_else(|| owners.first())?;
        if let Some(shared) = self.owners.get(&*owner.uid) {
            return Some(Arc::clone(shared));
        }
        if self.owners.len() >= SHARED_MAX {
            self.owners.clear();
        }
        let shared = Arc::new(named(owner));
        self.owners.insert(Text::new(&*owner.uid), Arc::clone(&shared));
        Some(shared)
    }
}

fn named(owner: &OwnerReference<'_>) -> Owner {
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    Owner {
        kind: KindId::new(&clean(group), &clean(&owner.kind)),
        name: Text::new(clean(&owner.name)),
        uid: Text::new(clean(&owner.uid)),
    }
}
