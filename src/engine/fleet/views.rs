//! Views of the screens: their interests, and the resolution of each in every cluster.

use crate::engine::fleet::baseline_watches;
use crate::engine::fleet::member::Member;
use crate::engine::fleet::shard::WatchKey;
use crate::model::cluster::ClusterName;
use crate::model::kind::{Catalog, Kind};
use crate::model::text::Text;
use crate::protocol::{Interest, Resolution, ShardKey};
use compact_str::format_compact;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Live views at once, over all screens; beyond that, the one subscribed first is dropped.
pub(super) const VIEWS_MAX: usize = 64;

/// Interests of a view, and their resolutions.
#[derive(Debug, Default)]
pub(super) struct View {
    pub interests: Vec<Interest>,
    pub resolutions: BTreeMap<ClusterName, Resolution>,
    pub dirty: bool,
}

impl View {
    pub(super) fn new(interests: Vec<Interest>) -> Self {
        Self { interests, resolutions: BTreeMap::new(), dirty: true }
    }

    fn looks_at<'a>(&'a self, cluster: &'a ClusterName) -> impl Iterator<Item = &'a Interest> {
        self.interests.iter().filter(move |interest| interest.clusters.contains(cluster))
    }

    /// Resolves the view in one cluster, notes the result, and returns the watches it takes.
    pub(super) fn resolve(&mut self, member: &Member) -> Vec<(WatchKey, Kind)> {
        let cluster = member.name();
        let interests: Vec<&Interest> = self.looks_at(cluster).collect();
        if interests.is_empty() {
            self.dirty |= self.resolutions.remove(cluster).is_some();
            return Vec::new();
        }
        let found: Vec<Found> = interests.iter().map(|interest| find(interest, member)).collect();
        let (resolution, watches) = join(cluster, found);
        if self.resolutions.get(cluster) != Some(&resolution) {
            self.resolutions.insert(cluster.clone(), resolution);
            self.dirty = true;
        }
        watches
    }

    /// Drops a cluster that is no longer in the inventory.
    pub(super) fn forget(&mut self, cluster: &ClusterName) {
        self.dirty |= self.resolutions.remove(cluster).is_some();
    }

    /// Returns the namespaces to fall back to where not all of them may be listed.
    pub(super) fn namespaces(&self, cluster: &ClusterName) -> impl Iterator<Item = &Text> {
        self.interests
            .iter()
            .filter(move |interest| interest.clusters.contains(cluster))
            .flat_map(|interest| interest.namespaces.iter())
    }
}

/// Result of one interest in one cluster.
enum Found {
    Watches(Vec<(WatchKey, Kind)>),
    Pending,
    NotServed,
    Failed(Text),
}

fn find(interest: &Interest, member: &Member) -> Found {
    match (&member.catalog, &member.catalog_error) {
        (Some(catalog), _) => match find_in(interest, catalog) {
            Found::NotServed => failed_group(interest, catalog).map_or(Found::NotServed, Found::Failed),
            found @ (Found::Watches(_) | Found::Pending | Found::Failed(_)) => found,
        },
        (None, error) => match (find_in(interest, &baseline_watches::catalog()), error) {
            // Pods can be shown before the server said what else it has.
            (Found::Watches(watches), _) if member.is_serving() => Found::Watches(watches),
            (_, Some(error)) => Found::Failed(error.clone()),
            _ => Found::Pending,
        },
    }
}

fn find_in(interest: &Interest, catalog: &Catalog) -> Found {
    let key =
        |kind: &Kind| WatchKey { kind: kind.id.clone(), selector: interest.selector.clone(), fields: Text::default() };
    if let Some(kind) = catalog.find(&interest.resource) {
        if !kind.can("list") {
            return Found::Failed(format_compact!("{} cannot be listed", kind.resource()));
        }
        return Found::Watches(vec![(key(kind), kind.clone())]);
    }
    let kinds = catalog.category(&interest.resource).filter(|kind| kind.can("list"));
    let watches: Vec<_> = kinds.map(|kind| (key(kind), kind.clone())).collect();
    if watches.is_empty() { Found::NotServed } else { Found::Watches(watches) }
}

/// Returns the failure of the typed kind's group, if there is one: the kind may be missing because the group's server
/// is unavailable.
fn failed_group(interest: &Interest, catalog: &Catalog) -> Option<Text> {
    let (_, typed) = interest.resource.split_once('.')?;
    let (group, why) = catalog.failed_groups.iter().find(|(group, _)| typed.ends_with(group.as_str()))?;
    Some(format_compact!("{group}: {why}"))
}

/// Joins the results of several interests of a view in a cluster: watches win, and a failure shows only if there are
/// none.
fn join(cluster: &ClusterName, found: Vec<Found>) -> (Resolution, Vec<(WatchKey, Kind)>) {
    let (mut watches, mut pending, mut failed) = (Vec::new(), false, None);
    for found in found {
        match found {
            Found::Watches(more) => watches.extend(more),
            Found::Pending => pending = true,
            Found::NotServed => {}
            Found::Failed(why) => failed = Some(why),
        }
    }
    let resolution = if !watches.is_empty() {
        let mut keys: Vec<ShardKey> = Vec::new();
        for (key, _) in &watches {
            let key = shard_key(cluster, key);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Resolution::Shards(keys.into())
    } else if pending {
        Resolution::Pending
    } else {
        failed.map_or(Resolution::NotServed, Resolution::Failed)
    };
    (resolution, watches)
}

pub(super) fn shard_key(cluster: &ClusterName, key: &WatchKey) -> ShardKey {
    ShardKey { cluster: cluster.clone(), kind: key.kind.clone(), selector: key.selector.clone() }
}

/// Returns the resolutions of a view as a snapshot has them.
pub(super) fn published(view: &View) -> Arc<BTreeMap<ClusterName, Resolution>> {
    Arc::new(view.resolutions.clone())
}
