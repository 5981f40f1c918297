//! The objects that a change is for: the row under the cursor, or the marked rows over clusters.

use super::line::ChangeLine;
use crate::facts::change::counted;
use crate::model::change::{Intent, Selection, Verb};
use crate::model::cluster::{Access, ClusterName};
use crate::model::object::ObjectKey;
use crate::protocol::{ChangeRequest, Request, RequestId, Snapshot};
use crate::views::listing::Listing;
use crate::views::page::object_name;

/// Objects of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The objects, as the table shows them.
    pub objects: Vec<ObjectKey>,
    /// Marked rows among them that the filter hides.
    pub hidden_marks: u32,
}

impl Choice {
    /// Returns the marked rows of a table, or else the row under the cursor.
    pub fn of(listing: &Listing) -> Self {
        let objects = listing.chosen();
        let is_hidden = |key: &&ObjectKey| listing.rows().place(key).is_none();
        let hidden = listing.marks.iter().filter(is_hidden).count();
        Self { objects, hidden_marks: u32::try_from(hidden).unwrap_or(u32::MAX) }
    }

    /// Returns one object, which is open over the table.
    pub fn one(object: ObjectKey) -> Self {
        Self { objects: vec![object], hidden_marks: 0 }
    }

    /// Returns the clusters of the objects, each once.
    pub fn clusters(&self) -> Vec<ClusterName> {
        let mut clusters: Vec<ClusterName> = self.objects.iter().map(|object| object.cluster.clone()).collect();
        clusters.sort();
        clusters.dedup();
        clusters
    }

    /// Returns the reason for which no plan can come of this, with the next step; `None` if a plan can be made.
    pub fn refusal(&self, verb: Verb, snapshot: &Snapshot) -> Option<String> {
        if self.objects.is_empty() {
            return Some(format!("there is no row to {verb}"));
        }
        if !self.objects.iter().any(|object| takes(verb, object, snapshot)) {
            let kind = self.objects.first().map_or("", |object| &object.kind.kind);
            return Some(format!("{verb} does not take a {kind}; it takes {}", kinds(verb)));
        }
        let clusters = self.clusters();
        let is_open = |name: &&ClusterName| !is_read_only(name, snapshot);
        if clusters.iter().any(|name| is_open(&name)) {
            return None;
        }
        let names: Vec<&str> = clusters.iter().take(3).map(ClusterName::as_str).collect();
        let more = clusters.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let are = if clusters.len() == 1 { "is" } else { "are" };
        Some(format!(
            "{}{more} {are} read-only: leave out --read-only, or set `access` in config.yaml",
            names.join(", ")
        ))
    }

    /// Returns the objects in words: `deployment shop/api in eu-west`, `12 objects in 3 clusters`.
    pub fn words(&self) -> String {
        match self.objects.as_slice() {
            [one] => format!("{} in {}", object_name(one), one.cluster),
            many => {
                let clusters = self.clusters();
                let place = match clusters.as_slice() {
                    [one] => one.to_string(),
                    clusters => counted(clusters.len(), "cluster"),
                };
                format!("{} in {place}", counted(many.len(), "object"))
            }
        }
    }

    /// Returns the request that makes the plan and shows it under `id`.
    pub fn plan(&self, line: ChangeLine, id: RequestId) -> Request {
        let intent = Intent {
            change: line.change,
            selection: Selection::Objects(self.objects.clone()),
            options: line.options,
            hidden_marks: self.hidden_marks,
        };
        Request::Change(ChangeRequest::Plan { id, clusters: self.clusters(), intent: Box::new(intent) })
    }
}

/// Returns true if a verb can change an object, as its cluster serves the kind.
fn takes(verb: Verb, object: &ObjectKey, snapshot: &Snapshot) -> bool {
    let cluster = snapshot.clusters.get(&object.cluster);
    match cluster.and_then(|cluster| cluster.catalog.get(&object.kind)) {
        Some(kind) => verb.takes(kind),
        None => verb.takes_id(&object.kind),
    }
}

fn is_read_only(name: &ClusterName, snapshot: &Snapshot) -> bool {
    snapshot.clusters.get(name).is_some_and(|cluster| cluster.entry.access == Access::ReadOnly)
}

/// Returns the kinds that a verb takes, in words.
fn kinds(verb: Verb) -> &'static str {
    match verb {
        Verb::Delete | Verb::Label => "kinds that the server lets change",
        Verb::RolloutRestart => "Deployments, StatefulSets and DaemonSets",
        Verb::Cordon | Verb::Uncordon => "Nodes",
        Verb::Scale => "Deployments, StatefulSets, ReplicaSets and ReplicationControllers",
    }
}
