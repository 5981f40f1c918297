//! The snapshot: changed parts are rebuilt, the others are shared with the last one.

use super::Fleet;
use crate::engine::fleet::member::Member;
use crate::engine::fleet::summary;
use crate::engine::fleet::views::{published, shard_key};
use crate::engine::part::Part;
use crate::model::cluster::Cluster;
use crate::protocol::{Revision, Shard, ShardKey, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Fleet {
    /// Returns the snapshot last published; empty at first.
    pub fn last_published(&self) -> Arc<Snapshot> {
        Arc::new(self.published.clone())
    }

    /// Returns true if [`Fleet::publish`] may have something new.
    pub fn is_dirty(&self) -> bool {
        self.dropped
            || self.warned != self.published.inventory
            || self.cx.notices.is_dirty()
            || self.cx.operations.is_dirty()
            || self.parts.all().into_iter().any(Part::is_dirty)
            || self.views.values().any(|view| view.dirty)
            || self.members.values().any(|member| member.dirty || member.watched.values().any(|w| w.dirty))
    }

    /// Returns the next snapshot; `None` if it would show nothing new.
    pub fn publish(&mut self) -> Option<Arc<Snapshot>> {
        let revision = Revision(self.published.revision.0 + 1);
        let mut next = self.published.clone();
        let mut changed = self.warned != next.inventory;
        next.inventory = Arc::clone(&self.warned);
        changed |= self.publish_shards(&mut next, revision);
        changed |= self.publish_clusters(&mut next);
        changed |= self.publish_views(&mut next);
        self.dropped = false;
        for part in self.parts.all_mut() {
            changed |= part.publish(&mut next);
        }
        if let Some(operations) = self.cx.operations.take_changed() {
            next.operations = Arc::new(operations);
            changed = true;
        }
        if let Some(notices) = self.cx.notices.take_changed() {
            next.notices = notices;
            changed = true;
        }
        if !changed {
            return None;
        }
        next.revision = revision;
        next.at = self.cx.now.wall;
        self.published = next.clone();
        Some(Arc::new(next))
    }

    fn publish_shards(&mut self, next: &mut Snapshot, revision: Revision) -> bool {
        let mut changed = false;
        if self.dropped {
            let members = &self.members;
            let mut shards = BTreeMap::clone(&next.shards);
            shards.retain(|key, _| {
                let member = members.get(&key.cluster);
                member.is_some_and(|member| member.watched.keys().any(|k| shard_key(member.name(), k) == *key))
            });
            changed |= shards.len() != next.shards.len();
            next.shards = Arc::new(shards);
        }
        let mut built: Vec<(ShardKey, Shard)> = Vec::new();
        for member in self.members.values_mut() {
            build_shards(member, revision, &mut built);
        }
        for (key, shard) in built {
            if next.shards.get(&key).is_some_and(|old| is_same(old, &shard)) {
                continue;
            }
            Arc::make_mut(&mut next.shards).insert(key, Arc::new(shard));
            changed = true;
        }
        changed
    }

    fn publish_clusters(&mut self, next: &mut Snapshot) -> bool {
        let mut changed = false;
        if self.dropped {
            let members = &self.members;
            let mut clusters = BTreeMap::clone(&next.clusters);
            clusters.retain(|name, _| members.contains_key(name));
            changed |= clusters.len() != next.clusters.len();
            next.clusters = Arc::new(clusters);
        }
        let now = self.cx.now;
        let mut counted = Vec::new();
        for member in self.members.values_mut().filter(|member| member.dirty) {
            member.dirty = false;
            summary::count(member, now);
            counted.push(member.name().clone());
            let cluster = Cluster {
                entry: Arc::clone(&member.entry),
                state: member.state(),
                facts: member.facts.clone(),
                costs: member.costs.clone(),
                catalog: member.catalog.clone().unwrap_or_default(),
            };
            if next.clusters.get(member.name()).is_some_and(|old| **old == cluster) {
                continue;
            }
            Arc::make_mut(&mut next.clusters).insert(member.name().clone(), Arc::new(cluster));
            changed = true;
        }
        for name in counted {
            self.settle(&name);
        }
        changed
    }

    fn publish_views(&mut self, next: &mut Snapshot) -> bool {
        let views = &mut self.views;
        if !self.dropped && !views.values().any(|view| view.dirty) {
            return false;
        }
        let mut resolutions = BTreeMap::clone(&next.resolutions);
        resolutions.retain(|id, _| views.contains_key(id));
        let mut changed = resolutions.len() != next.resolutions.len();
        for (id, view) in views.iter_mut().filter(|(_, view)| view.dirty) {
            view.dirty = false;
            let new = published(view);
            changed |= resolutions.get(id) != Some(&new);
            resolutions.insert(*id, new);
        }
        next.resolutions = Arc::new(resolutions);
        changed
    }
}

fn build_shards(member: &mut Member, revision: Revision, built: &mut Vec<(ShardKey, Shard)>) {
    let (name, away) = (member.name().clone(), member.away());
    for (key, watched) in member.watched.iter_mut().filter(|(_, watched)| watched.dirty) {
        watched.dirty = false;
        if !key.is_shown() {
            continue;
        }
        let shard = Shard {
            revision,
            state: watched.state(away.clone()),
            only: watched.only(),
            columns: Arc::clone(&watched.columns),
            rows: watched.rows.rows(),
        };
        built.push((shard_key(&name, key), shard));
    }
}

/// Returns true if a screen would draw both alike; equal rows are the same pointers.
fn is_same(a: &Shard, b: &Shard) -> bool {
    a.state == b.state
        && a.only == b.only
        && a.columns == b.columns
        && (Arc::ptr_eq(&a.rows, &b.rows)
            || a.rows.len() == b.rows.len() && a.rows.iter().zip(b.rows.iter()).all(|(a, b)| Arc::ptr_eq(a, b)))
}
