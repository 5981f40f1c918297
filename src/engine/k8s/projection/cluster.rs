//! Nodes, namespaces, events, leases and definitions of custom resources.

use super::wire::{Condition, Maybe, Meta, Object, Seq, Str, condition, is_true, join, since};
use super::{Projected, health};
use crate::model::cell::Cell;
use crate::model::health::Health;
use crate::model::text::Text;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct NodeSpec {
    unschedulable: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeStatus<'a> {
    #[serde(borrow)]
    conditions: Seq<Condition<'a>>,
    #[serde(borrow)]
    addresses: Seq<NodeAddress<'a>>,
    #[serde(borrow)]
    node_info: Maybe<NodeInfo<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct NodeAddress<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    address: Str<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeInfo<'a> {
    #[serde(borrow)]
    kubelet_version: Str<'a>,
    os_image: Str<'a>,
    kernel_version: Str<'a>,
    container_runtime_version: Str<'a>,
}

type Node<'a> = Object<'a, NodeSpec, NodeStatus<'a>>;

fn node_status(node: &Node<'_>) -> String {
    // The last condition of a type counts, should there be two.
    let ready = node.status.conditions.iter().rfind(|c| *c.kind == *"Ready");
    let mut status = match ready {
        Some(c) if *c.status == *"True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node.spec.unschedulable {
        status.push_str(",SchedulingDisabled");
    }
    status
}

/// The roles its labels name, sorted.
fn node_roles(meta: &Meta<'_>) -> Cell {
    let roles: BTreeSet<&str> = meta
        .labels
        .iter()
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None if **key == *"kubernetes.io/role" => Some(&**value),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    if roles.is_empty() { Cell::None } else { join(roles.into_iter(), ",") }
}

/// Conditions of a node that are bad when true.
const NODE_TROUBLES: [&str; 4] = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

fn node_verdict(node: &Node<'_>) -> Health {
    let conditions = &node.status.conditions;
    match condition(conditions, "Ready") {
        None => Health::Unknown,
        Some(c) if *c.status != *"True" => Health::Failed(health::reason(c.reason.or("NotReady"))),
        Some(_) => match NODE_TROUBLES.into_iter().find(|trouble| is_true(conditions, trouble)) {
            Some(trouble) => Health::Degraded(Text::const_new(trouble)),
            None if node.spec.unschedulable => Health::Progressing,
            None => Health::Healthy,
        },
    }
}

pub(super) fn node(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let node: Node<'_> = serde_json::from_str(raw)?;
    let address = |kind: &str| {
        node.status.addresses.iter().find(|a| *a.kind == *kind).map_or(Cell::None, |a| Cell::text(&a.address))
    };
    let known = |text: &str| if text.is_empty() { Cell::Unknown } else { Cell::text(text) };
    let info = &node.status.node_info;
    let cells = Box::new([
        Cell::text(&node_status(&node)),
        node_roles(&node.metadata),
        node.metadata.age(),
        Cell::text(&info.kubelet_version),
        address("InternalIP"),
        address("ExternalIP"),
        known(&info.os_image),
        known(&info.kernel_version),
        known(&info.container_runtime_version),
    ]);
    let health = node_verdict(&node);
    Ok(Projected { cells, health, meta: node.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct NamespaceStatus<'a> {
    #[serde(borrow)]
    phase: Str<'a>,
    #[serde(borrow)]
    conditions: Seq<Condition<'a>>,
}

pub(super) fn namespace(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let namespace: Object<'_, IgnoredAny, NamespaceStatus<'_>> = serde_json::from_str(raw)?;
    let status = &namespace.status;
    let stuck = status.conditions.iter().find(|c| c.kind.ends_with("Failure") && *c.status == *"True");
    let health = match (&*status.phase, stuck) {
        ("Terminating", Some(stuck)) => Health::Degraded(health::reason(stuck.reason.or(&stuck.kind))),
        ("Terminating", None) => Health::Progressing,
        ("Active", _) => Health::Healthy,
        _ => Health::Unknown,
    };
    let cells = Box::new([Cell::text(&status.phase), namespace.metadata.age()]);
    Ok(Projected { cells, health, meta: namespace.metadata })
}

/// An event of `v1`; `events.k8s.io` has the same under other names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    #[serde(rename = "type")]
    kind: Str<'a>,
    reason: Str<'a>,
    #[serde(alias = "note")]
    message: Str<'a>,
    #[serde(borrow, alias = "regarding")]
    involved_object: Maybe<Involved<'a>>,
    #[serde(borrow, alias = "deprecatedSource")]
    source: Maybe<EventSource<'a>>,
    #[serde(alias = "reportingController")]
    reporting_component: Str<'a>,
    reporting_instance: Str<'a>,
    #[serde(alias = "deprecatedFirstTimestamp")]
    first_timestamp: Str<'a>,
    #[serde(alias = "deprecatedLastTimestamp")]
    last_timestamp: Str<'a>,
    #[serde(rename = "eventTime")]
    time: Str<'a>,
    #[serde(alias = "deprecatedCount")]
    count: i64,
    #[serde(borrow)]
    series: Option<Series<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Involved<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
    name: Str<'a>,
    field_path: Str<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct EventSource<'a> {
    #[serde(borrow)]
    component: Str<'a>,
    host: Str<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Series<'a> {
    count: i64,
    #[serde(borrow)]
    last_observed_time: Str<'a>,
}

pub(super) fn event(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let event: Event<'_> = serde_json::from_str(raw)?;
    let first = Str::first(&event.first_timestamp, &event.time);
    let (last, count) = match &event.series {
        Some(series) => (&series.last_observed_time, series.count),
        None => (Str::first(&event.last_timestamp, first), event.count.max(1)),
    };
    let involved = &event.involved_object;
    let mut object = involved.kind.to_lowercase();
    if !involved.name.is_empty() {
        object.extend(["/", &*involved.name]);
    }
    let component = event.source.component.or(&event.reporting_component);
    let instance = event.source.host.or(&event.reporting_instance);
    let source = [component, instance].into_iter().enumerate().filter(|(i, t)| *i == 0 || !t.is_empty());
    let cells = Box::new([
        since(last),
        Cell::text(&event.kind),
        Cell::text(&event.reason),
        Cell::text(&object),
        Cell::text(&involved.field_path),
        join(source.map(|(_, text)| text), ", "),
        Cell::text(event.message.trim()),
        since(first),
        Cell::Int(count),
    ]);
    let health = match &*event.kind {
        "Warning" => Health::Degraded(health::reason(&event.reason)),
        _ => Health::Healthy,
    };
    Ok(Projected { cells, health, meta: event.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LeaseSpec<'a> {
    #[serde(borrow)]
    holder_identity: Str<'a>,
}

pub(super) fn lease(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let lease: Object<'_, LeaseSpec<'_>> = serde_json::from_str(raw)?;
    let cells = Box::new([Cell::text(&lease.spec.holder_identity), lease.metadata.age()]);
    Ok(Projected { cells, health: Health::Unknown, meta: lease.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Conditions<'a> {
    #[serde(borrow)]
    conditions: Seq<Condition<'a>>,
}

/// Kinds for which the server's table has no more than the moment of creation: its zone is UTC,
/// and it is not an age.
pub(super) fn created_at(meta: &Meta<'_>) -> Cell {
    meta.creation_timestamp.time().map_or(Cell::Unknown, |t| Cell::text(&t.to_string()))
}

pub(super) fn definition(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let definition: Object<'_, IgnoredAny, Conditions<'_>> = serde_json::from_str(raw)?;
    let conditions = &definition.status.conditions;
    let refused = conditions.iter().find(|c| c.is("NamesAccepted", "False"));
    let health = match refused {
        Some(c) => Health::Failed(health::reason(c.reason.or("NamesNotAccepted"))),
        None if definition.metadata.is_terminating() => Health::Progressing,
        None if is_true(conditions, "Established") => Health::Healthy,
        None => Health::Degraded(Text::const_new("NotEstablished")),
    };
    let cells = Box::new([created_at(&definition.metadata)]);
    Ok(Projected { cells, health, meta: definition.metadata })
}
