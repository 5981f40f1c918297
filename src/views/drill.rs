//! Where `enter` goes: into what belongs to the object, as k9s has it.

use super::fleet::cluster_kind;
use super::merge::{Slot, column};
use super::place::{Belongs, Within};
use super::selector::Selector;
use crate::model::cell::Cell;
use crate::model::object::Row;
use crate::model::text::Text;

/// What opening a row leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Drill {
    /// The pods of this cluster.
    Cluster,
    /// A table of this kind, of what belongs to the row.
    Rows { resource: Text, within: Within },
    /// The same scope in this namespace: its pods.
    Namespace(Text),
    /// Objects of the kind a CustomResourceDefinition names.
    Kind(Text),
    /// The containers of a pod.
    Containers,
    /// The description: nothing belongs to it that a table could show.
    Describe,
    /// It cannot be opened: why.
    Refused(String),
}

/// How a kind's dependants are found.
enum How {
    /// By the label selector in its SELECTOR column.
    Selected,
    /// By their owner.
    Owned,
}

/// (group, kind, resource of the dependants, how they are found).
const DEPENDANTS: &[(&str, &str, &str, How)] = &[
    ("apps", "Deployment", "pods", How::Selected),
    ("apps", "ReplicaSet", "pods", How::Owned),
    ("apps", "StatefulSet", "pods", How::Owned),
    ("apps", "DaemonSet", "pods", How::Owned),
    ("batch", "Job", "pods", How::Owned),
    ("batch", "CronJob", "jobs", How::Owned),
    ("", "Service", "pods", How::Selected),
    ("", "ReplicationController", "pods", How::Owned),
];

/// Decides what opening the row leads to.
pub fn drill(row: &Row, slot: &Slot) -> Drill {
    let id = &slot.key.kind;
    if *id == cluster_kind() {
        return Drill::Cluster;
    }
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Pod") => Drill::Containers,
        ("", "Namespace") => Drill::Namespace(row.name.clone()),
        ("", "Node") => {
            let on = Belongs::Column { name: Text::const_new("NODE"), value: row.name.clone() };
            Drill::Rows { resource: Text::const_new("pods"), within: within(row, "node", on) }
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Drill::Kind(row.name.clone()),
        (group, kind) => match DEPENDANTS.iter().find(|(g, k, ..)| (*g, *k) == (group, kind)) {
            Some((_, _, resource, How::Owned)) => Drill::Rows {
                resource: Text::const_new(resource),
                within: within(row, kind, Belongs::Owned(row.uid.clone())),
            },
            Some((_, _, resource, How::Selected)) => selected(row, slot, resource),
            None => Drill::Describe,
        },
    }
}

fn within(row: &Row, kind: &str, test: Belongs) -> Within {
    let title = Text::from(format!("{}/{}", kind.to_lowercase(), row.name));
    Within { title, cluster: row.cluster.clone(), test }
}

fn selected(row: &Row, slot: &Slot, resource: &'static str) -> Drill {
    let cell = column(&slot.shard.columns, "SELECTOR").and_then(|at| row.cells.get(at));
    let Some(Cell::Text(wanted)) = cell else {
        return Drill::Refused(format!("{} selects nothing: it has no selector", row.name));
    };
    match Selector::parse(wanted) {
        Ok(selector) if !selector.is_empty() => {
            let test = Belongs::Selected { namespace: row.namespace.clone(), selector };
            Drill::Rows { resource: Text::const_new(resource), within: within(row, &slot.key.kind.kind, test) }
        }
        Ok(_) => Drill::Refused(format!("{} selects nothing: its selector is empty", row.name)),
        Err(why) => Drill::Refused(format!("the selector of {} cannot be read: {why}", row.name)),
    }
}
