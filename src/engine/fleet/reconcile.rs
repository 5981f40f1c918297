//! Reconciles the watches of a cluster: the always-on ones, and those that views need.

use super::Fleet;
use crate::engine::fleet::baseline_watches;
use crate::engine::fleet::member::Member;
use crate::engine::fleet::shard::{NamespaceScope, ShardWatch, WatchKey};
use crate::engine::fleet::views::View;
use crate::engine::observation::{ClusterEffect, Effect, WatchId};
use crate::model::cluster::ClusterName;
use crate::model::kind::Kind;
use crate::model::text::Text;
use crate::protocol::{Severity, ViewId};
use compact_str::format_compact;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Namespaces that one watch falls back to at most: each is a list and a watch of its own.
const NAMESPACES_MAX: usize = 16;

/// Cluster, shard and namespace of a running watch.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub cluster: ClusterName,
    pub key: WatchKey,
    pub of: NamespaceScope,
}

/// Running watches of all clusters.
pub(super) type Running = HashMap<WatchId, Place>;

impl Fleet {
    /// Starts, keeps and leaves the watches of a cluster.
    pub(super) fn reconcile(&mut self, name: &ClusterName) {
        let Some(member) = self.members.get_mut(name) else { return };
        let mut wanted: BTreeMap<WatchKey, Kind> = BTreeMap::new();
        for view in self.views.values_mut() {
            wanted.extend(view.resolve(member));
        }
        for (key, kind) in &wanted {
            member.watched.entry(key.clone()).or_insert_with(|| ShardWatch::new(kind.clone(), false));
        }
        if member.is_serving() {
            for (key, kind) in baseline_watches::watches() {
                member.watched.entry(key).or_insert_with(|| ShardWatch::new(kind, true)).pinned = true;
            }
        }
        for (key, watched) in &mut member.watched {
            let keep = watched.pinned || wanted.contains_key(key);
            watched.left = if keep { None } else { watched.left.or(Some(self.cx.now.elapsed)) };
        }
        self.widen(name);
        self.start_idle(name);
    }

    /// Starts the missing watches, within the bounds.
    fn start_idle(&mut self, name: &ClusterName) {
        let Some(member) = self.members.get(name).filter(|member| member.is_serving()) else { return };
        let idle: Vec<(WatchKey, NamespaceScope)> = member
            .watched
            .iter()
            .flat_map(|(key, watched)| watched.streams.iter().map(move |(of, stream)| (key, of, stream)))
            .filter(|(_, _, stream)| stream.id.is_none())
            .map(|(key, of, _)| (key.clone(), of.clone()))
            .collect();
        for (key, of) in idle {
            match self.make_room(name, &key) {
                None => self.restart(name, &key, &of),
                Some(why) => self.refuse(name, &key, why),
            }
        }
    }

    fn refuse(&mut self, name: &ClusterName, key: &WatchKey, why: Text) {
        let watched = self.members.get_mut(name).and_then(|member| member.watched.get_mut(key));
        let Some(watched) = watched.filter(|watched| watched.over_bound.as_ref() != Some(&why)) else { return };
        self.cx.notice(Severity::Warning, Some(name), &format!("{}: {why}", key.kind));
        watched.over_bound = Some(why);
        watched.dirty = true;
    }

    /// Restarts a watch with a broken stream, or starts one that never ran.
    pub(super) fn restart(&mut self, name: &ClusterName, key: &WatchKey, of: &NamespaceScope) {
        let Some(member) = self.members.get_mut(name).filter(|member| member.is_serving()) else { return };
        let session = member.session();
        let Some(watched) = member.watched.get_mut(key) else { return };
        if let Some(old) = watched.streams.get(of).and_then(|stream| stream.id) {
            self.running.remove(&old);
        }
        if let Some(id) = watched.start(key, of, &session, &mut self.cx) {
            member.dirty = true;
            self.running.insert(id, Place { cluster: name.clone(), key: key.clone(), of: of.clone() });
        }
    }

    /// Ends the watches that no view came back to, and drops their rows.
    pub(super) fn drop_cold(&mut self, name: &ClusterName) {
        let (warm, now) = (self.options.warm, self.cx.now.elapsed);
        let Some(member) = self.members.get_mut(name) else { return };
        let is_cold = |watched: &ShardWatch| watched.left.is_some_and(|left| left.saturating_add(warm) <= now);
        let cold: Vec<WatchKey> =
            member.watched.iter().filter(|(_, watched)| is_cold(watched)).map(|(key, _)| key.clone()).collect();
        for key in &cold {
            self.drop_watched(name, key);
        }
        if !cold.is_empty() {
            self.start_idle(name);
        }
    }

    fn drop_watched(&mut self, name: &ClusterName, key: &WatchKey) {
        let Some(member) = self.members.get_mut(name) else { return };
        member.dirty = true;
        for id in member.watched.remove(key).iter().flat_map(ShardWatch::ids) {
            self.running.remove(&id);
            self.cx.effects.push(Effect::Cluster(ClusterEffect::Unwatch(id)));
        }
        self.dropped = true;
    }

    /// Lists by namespace a kind whose cluster-wide list is denied.
    pub(super) fn fall_back(&mut self, name: &ClusterName, key: &WatchKey) {
        let Some(member) = self.members.get_mut(name) else { return };
        let namespaces = namespaces(member, &self.views);
        let Some(watched) = member.watched.get_mut(key) else { return };
        let before: Vec<WatchId> = watched.ids().collect();
        watched.narrow(&namespaces, &mut self.cx);
        let after: Vec<WatchId> = watched.ids().collect();
        for gone in before.iter().filter(|id| !after.contains(id)) {
            self.running.remove(gone);
        }
        member.dirty = true;
        self.start_idle(name);
    }

    /// Lists all namespaces at once again, if that was denied: it may be allowed by now.
    pub(super) fn widen_all(&mut self, name: &ClusterName) {
        let Some(member) = self.members.get_mut(name) else { return };
        for watched in member.watched.values_mut().filter(|watched| watched.only().is_some()) {
            for id in watched.ids() {
                self.running.remove(&id);
            }
            watched.widen(&mut self.cx);
        }
        self.start_idle(name);
    }

    /// Updates the watches that list by namespace, when a view names other namespaces.
    fn widen(&mut self, name: &ClusterName) {
        let Some(member) = self.members.get(name) else { return };
        let wanted = namespaces(member, &self.views);
        let behind = |only: Arc<[Text]>| wanted.iter().any(|namespace| !only.contains(namespace));
        let narrow = member.watched.iter().filter(|(_, watched)| watched.only().is_some_and(behind));
        let keys: Vec<WatchKey> = narrow.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.fall_back(name, &key);
        }
    }

    /// Makes room for one more watch by dropping the one left longest ago; returns the reason if there is no room.
    fn make_room(&mut self, name: &ClusterName, key: &WatchKey) -> Option<Text> {
        let member = self.members.get(name)?;
        let pinned = member.watched.get(key).is_some_and(|watched| watched.pinned);
        let of_views = member.watched.values().filter(|w| w.is_running() && !w.pinned).count();
        let runs = member.watched.get(key).is_some_and(ShardWatch::is_running);
        let (each, all) = (self.options.watches_per_cluster, self.options.watches);
        let why = if self.running.len() >= all {
            format_compact!("{all} watches run already: close a view or narrow its scope")
        } else if !pinned && !runs && of_views >= each {
            format_compact!("{each} watches run in this cluster already: close a view")
        } else {
            return None;
        };
        let left = member.watched.iter().filter(|(_, w)| w.is_running()).filter_map(|(k, w)| Some((w.left?, k)));
        let Some(oldest) = left.min().map(|(_, oldest)| oldest.clone()) else { return Some(why) };
        self.drop_watched(name, &oldest);
        None
    }
}

/// Returns the context's namespace, the namespaces of views, and the configured ones.
fn namespaces(member: &Member, views: &BTreeMap<ViewId, View>) -> Arc<[Text]> {
    let viewed = views.values().flat_map(|view| view.namespaces(member.name()));
    let mut all = vec![member.entry.own_namespace()];
    for namespace in viewed.chain(&member.entry.namespaces) {
        if all.len() < NAMESPACES_MAX && !all.contains(namespace) {
            all.push(namespace.clone());
        }
    }
    all.into()
}
