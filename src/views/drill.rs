//! Where `enter` goes: into what belongs to the object, as k9s has it.

use super::fleet::cluster_kind;
use super::merge::{Slot, column};
use super::place::{Belongs, Within};
use super::selector::Selector;
use crate::model::cell::Cell;
use crate::model::object::Row;
use crate::model::text::Text;

/// The place that opening a row leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Drill {
    /// The pods of this cluster.
    Cluster,
    /// A table of this kind, of what belongs to the row.
    Rows {
        /// The kind of the rows.
        resource: Text,
        /// How they belong to the object.
        within: Within,
    },
    /// The same scope in this namespace: its pods.
    Namespace(Text),
    /// Objects of the kind a CustomResourceDefinition names.
    Kind(Text),
    /// The containers of a pod.
    Containers,
    /// The description: nothing belongs to it that a table could show.
    Describe,
    /// The reason why the row cannot be opened.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::ClusterName;
    use crate::model::kind::KindId;
    use crate::protocol::ShardKey;
    use crate::views::fixture::deployment_shard;
    use std::sync::Arc;

    fn opened(group: &str, kind: &str, selector: &str) -> Drill {
        let shard = deployment_shard("eu", &[("payments", "api", selector)]);
        let row = Arc::clone(&shard.rows[0]);
        let key =
            ShardKey { cluster: ClusterName::new("eu"), kind: KindId::new(group, kind), selector: Text::default() };
        drill(&row, &Slot { key, shard: Arc::new(shard) })
    }

    fn resource(drill: Drill) -> (String, Belongs) {
        let Drill::Rows { resource, within } = drill else { panic!("{drill:?}") };
        (resource.to_string(), within.test)
    }

    #[test]
    fn workloads_open_what_belongs_to_them() {
        let owned = Belongs::Owned("eu/payments/api".into());
        for kind in ["ReplicaSet", "StatefulSet", "DaemonSet"] {
            assert_eq!(resource(opened("apps", kind, "")), ("pods".to_owned(), owned.clone()), "{kind}");
        }
        assert_eq!(resource(opened("batch", "CronJob", "")), ("jobs".to_owned(), owned));
        let (pods, test) = resource(opened("apps", "Deployment", "app=api"));
        assert_eq!(pods, "pods");
        assert!(matches!(test, Belongs::Selected { namespace, .. } if namespace == "payments"));
        let (_, test) = resource(opened("", "Node", ""));
        assert_eq!(test, Belongs::Column { name: "NODE".into(), value: "api".into() });
    }

    #[test]
    fn others_open_as_what_they_are() {
        assert_eq!(opened("", "Namespace", ""), Drill::Namespace("api".into()));
        assert_eq!(opened("apiextensions.k8s.io", "CustomResourceDefinition", ""), Drill::Kind("api".into()));
        assert_eq!(opened("", "Pod", ""), Drill::Containers);
        assert_eq!(opened("", "ConfigMap", ""), Drill::Describe);
        assert_eq!(opened("quarterdeck.dev", "Cluster", ""), Drill::Cluster);
        let refused = Drill::Refused("api selects nothing: it has no selector".to_owned());
        assert_eq!(opened("", "Service", ""), refused, "a service without a selector");
    }
}
