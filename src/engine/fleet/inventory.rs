//! Clusters that are added, changed and removed while the engine runs.

use super::Fleet;
use crate::engine::cluster::Listing;
use crate::engine::fleet::member::{Member, Wanted};
use crate::engine::fleet::options::Connect;
use crate::engine::observation::{ClusterEffect, Effect};
use crate::model::cluster::{ClusterEntry, ClusterName};
use crate::protocol::Severity;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Fleet {
    /// Takes the current inventory as a whole; unchanged clusters keep their state.
    pub(super) fn on_listing(&mut self, listing: Listing) {
        for warning in listing.warnings.iter().filter(|warning| !self.warned.contains(*warning)) {
            self.cx.notice(Severity::Warning, None, warning);
        }
        if *self.warned != *listing.warnings {
            self.warned = listing.warnings.into();
        }
        self.current = listing.current;
        let names: BTreeSet<ClusterName> = listing.entries.iter().map(|entry| entry.name.clone()).collect();
        // While a source has not answered yet, what it named before stays.
        let complete = listing.pending.is_empty();
        let gone: Vec<ClusterName> =
            self.members.keys().filter(|name| complete && !names.contains(*name)).cloned().collect();
        for name in gone {
            self.remove(&name);
        }
        let count = names.len();
        for entry in listing.entries {
            self.enter(entry, count);
        }
    }

    /// Takes one cluster of the inventory: new, changed or unchanged.
    fn enter(&mut self, entry: Arc<ClusterEntry>, count: usize) {
        let name = entry.name.clone();
        let is_new = !self.members.contains_key(&name);
        let wanted = is_new && self.is_connected_unasked(&name, count);
        let member = self.members.entry(name.clone()).or_insert_with(|| Member::new(Arc::clone(&entry)));
        let before = std::mem::replace(&mut member.entry, entry);
        let now = &member.entry;
        let moved = before.endpoint != now.endpoint || before.server != now.server || before.defect != now.defect;
        let renamespaced = before.namespace != now.namespace || before.namespaces != now.namespaces;
        member.dirty |= before != *now;
        if wanted || moved && member.wanted == Wanted::Yes {
            self.connect(&name);
        }
        if is_new || renamespaced {
            self.reconcile(&name);
        }
        self.settle(&name);
    }

    fn is_connected_unasked(&self, name: &ClusterName, count: usize) -> bool {
        match &self.options.connect {
            Connect::All => true,
            Connect::Names(names) => names.contains(name),
            Connect::AtMost(limit) => count <= *limit || self.current.as_ref() == Some(name),
        }
    }

    fn remove(&mut self, name: &ClusterName) {
        self.running.retain(|_, place| place.cluster != *name);
        self.members.remove(name);
        self.due.remove(name);
        self.queue.retain(|queued| queued != name);
        for view in self.views.values_mut() {
            view.forget(name);
        }
        self.dropped = true;
        self.cx.effects.push(Effect::Cluster(ClusterEffect::Disconnect(name.clone())));
    }
}
