//! What the palette offers, gathered from the snapshot and from what the program itself has.

use super::{ENTRIES_MAX, PaletteEntry, What};
use crate::model::cluster::ClusterState;
use crate::model::kind::{Kind, KindId};
use crate::model::text::{Text, clean};
use crate::protocol::Snapshot;
use crate::views::header::counted;
use std::collections::{BTreeMap, BTreeSet};

/// The names the program brings along.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The newest picture of the engine.
    pub snapshot: &'a Snapshot,
    /// Commands: name, other names and usage, what it does.
    pub commands: &'a [(&'a str, &'a str)],
    /// Themes: name, what it is.
    pub themes: &'a [(&'a str, &'a str)],
}

/// Kinds of all clusters, commands, clusters, groups, namespaces, themes; at most [`ENTRIES_MAX`].
pub fn entries(sources: &Sources<'_>) -> Vec<PaletteEntry> {
    let mut all = kinds(sources.snapshot);
    all.extend(sources.commands.iter().map(|(name, about)| entry(What::Command, name, about, (*name).to_owned())));
    clusters(sources.snapshot, &mut all);
    for name in namespaces(sources.snapshot) {
        all.push(entry(What::Namespace, &name, "", format!("ns {name}")));
    }
    all.extend(sources.themes.iter().map(|(name, about)| entry(What::Theme, name, about, format!("theme {name}"))));
    all.truncate(ENTRIES_MAX);
    all
}

fn entry(what: What, name: &str, more: &str, command: String) -> PaletteEntry {
    PaletteEntry { what, name: Text::new(clean(name)), more: Text::new(clean(more)), command }
}

/// Every kind that some connected cluster lists, once; its plain plural when no other group has the same.
fn kinds(snapshot: &Snapshot) -> Vec<PaletteEntry> {
    let mut found: BTreeMap<&KindId, (&Kind, usize)> = BTreeMap::new();
    for cluster in snapshot.clusters.values() {
        for kind in cluster.catalog.kinds.iter().filter(|k| k.can("list")) {
            found.entry(&kind.id).or_insert((kind, 0)).1 += 1;
        }
    }
    let mut plurals: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, _) in found.values() {
        *plurals.entry(&kind.plural).or_default() += 1;
    }
    let mut all: Vec<&Kind> = found.values().map(|(kind, _)| *kind).collect();
    // Those in most fingers first: core, then the groups of Kubernetes itself, then the rest.
    all.sort_by_key(|k| (k.id.group.contains('.'), !k.id.group.is_empty(), k.plural.clone()));
    let called = |kind: &Kind| {
        let is_unique = plurals.get(kind.plural.as_str()) == Some(&1) || kind.id.group.is_empty();
        let name = if is_unique { kind.plural.to_string() } else { kind.resource() };
        let mut more: Vec<&str> = kind.short_names.iter().map(Text::as_str).collect();
        if !kind.id.group.is_empty() {
            more.push(&kind.id.group);
        }
        entry(What::Kind, &name, &more.join(" "), name.clone())
    };
    all.into_iter().map(called).collect()
}

fn clusters(snapshot: &Snapshot, all: &mut Vec<PaletteEntry>) {
    let mut groups: BTreeMap<&Text, (usize, usize)> = BTreeMap::new();
    for cluster in snapshot.clusters.values() {
        let name = cluster.entry.name.as_str();
        let more = format!("{} {}", cluster.state.word(), cluster.facts.version);
        all.push(entry(What::Cluster, name, more.trim(), format!("@{name}")));
        for group in &cluster.entry.groups {
            let (count, live) = groups.entry(group).or_default();
            *count += 1;
            *live += usize::from(cluster.state == ClusterState::Live);
        }
    }
    for (group, (count, live)) in groups {
        let live = if live == count { String::new() } else { format!(", {live} live") };
        let more = format!("{}{live}", counted(count, "cluster"));
        all.push(entry(What::Group, group, &more, format!("@{group}")));
    }
}

/// Namespaces somebody looks at or has objects in: from the namespace kind where it is watched, else from the rows.
fn namespaces(snapshot: &Snapshot) -> BTreeSet<Text> {
    let mut names = BTreeSet::new();
    for (key, shard) in snapshot.shards.iter() {
        let is_namespaces = key.kind.kind == "Namespace" && key.kind.group.is_empty();
        let mut last: Option<&Text> = None;
        for row in shard.rows.iter() {
            let name = if is_namespaces { &row.name } else { &row.namespace };
            // Rows are sorted by namespace: equal ones follow each other.
            if last != Some(name) && !name.is_empty() {
                names.insert(name.clone());
                last = Some(name);
            }
        }
    }
    names
}
