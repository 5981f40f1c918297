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

/// The roles in the labels of a node, sorted.
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

/// The cell of kinds for which the server's table has the time of creation, in UTC, instead of an age.
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

#[cfg(test)]
mod tests {
    use crate::engine::k8s::projection::testing::{cells, made, project};
    use crate::model::health::Health;
    use serde_json::{Value, json};

    #[test]
    fn nodes() {
        let mut object = made(json!({"spec": {"unschedulable": true}, "status": {
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
            "addresses": [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1.35.0", "osImage": "Linux"}}}));
        object["metadata"]["labels"] = json!({"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge",
            "node-role.kubernetes.io/": "x"});
        let row = project("", "Node", &object);
        let shown = [
            "Ready,SchedulingDisabled",
            "edge,worker",
            "2m",
            "v1.35.0",
            "10.0.0.1",
            "<none>",
            "Linux",
            "<unknown>",
            "<unknown>",
        ];
        assert_eq!(cells(&row), shown);
        assert_eq!(row.health, Health::Progressing);
        let health =
            |conditions: Value| project("", "Node", &made(json!({"status": {"conditions": conditions}}))).health;
        assert_eq!(health(json!([])), Health::Unknown);
        let lost = json!([{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]);
        assert_eq!(health(lost), Health::Failed("NodeStatusUnknown".into()));
        let full = json!([{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "True"}]);
        assert_eq!(health(full), Health::Degraded("DiskPressure".into()));
    }

    #[test]
    fn events_of_both_apis_read_the_same() {
        let old = made(json!({"type": "Warning", "reason": "BackOff", "message": " back-off\nagain ", "count": 5,
            "involvedObject": {"kind": "Pod", "name": "api", "fieldPath": "spec.containers{c}"},
            "source": {"component": "kubelet", "host": "n-1"}, "reportingComponent": "kubelet", "eventTime": null,
            "firstTimestamp": "2025-12-31T23:00:00Z", "lastTimestamp": "2026-01-01T00:01:00Z"}));
        let new =
            made(json!({"type": "Warning", "reason": "BackOff", "note": " back-off\nagain ", "deprecatedCount": 5,
            "regarding": {"kind": "Pod", "name": "api", "fieldPath": "spec.containers{c}"},
            "deprecatedSource": {"component": "kubelet", "host": "n-1"}, "reportingController": "kubelet",
            "deprecatedFirstTimestamp": "2025-12-31T23:00:00Z", "deprecatedLastTimestamp": "2026-01-01T00:01:00Z"}));
        let expected = [
            "60s",
            "Warning",
            "BackOff",
            "pod/api",
            "spec.containers{c}",
            "kubelet, n-1",
            "back-off again",
            "62m",
            "5",
        ];
        let row = project("", "Event", &old);
        assert_eq!(
            (cells(&row), row.health),
            (expected.map(str::to_owned).to_vec(), Health::Degraded("BackOff".into()))
        );
        assert_eq!(cells(&project("events.k8s.io", "Event", &new)), expected);
    }

    #[test]
    fn an_event_series_has_its_own_count_and_time() {
        let object =
            made(json!({"type": "Normal", "regarding": {"kind": "Node"}, "eventTime": "2026-01-01T00:00:00.000000Z",
            "reportingController": "c", "reportingInstance": "i",
            "series": {"count": 9, "lastObservedTime": "2026-01-01T00:01:30.000000Z"}}));
        let row = project("events.k8s.io", "Event", &object);
        assert_eq!(cells(&row), ["30s", "Normal", "", "node", "", "c, i", "", "2m", "9"]);
        let single = made(json!({"eventTime": "2026-01-01T00:00:00.000000Z", "reportingComponent": "c"}));
        let shown = cells(&project("", "Event", &single));
        assert_eq!(
            (shown[0].as_str(), shown[5].as_str(), shown[7].as_str(), shown[8].as_str()),
            ("2m", "c", "2m", "1")
        );
        assert_eq!(cells(&project("", "Event", &made(json!({}))))[0], "<unknown>");
    }

    #[test]
    fn namespaces_leases_and_definitions() {
        let namespace = |status: Value| project("", "Namespace", &made(json!({"status": status})));
        assert_eq!(cells(&namespace(json!({"phase": "Active"}))), ["Active", "2m"]);
        assert_eq!(namespace(json!({"phase": "Terminating"})).health, Health::Progressing);
        let stuck = json!({"phase": "Terminating", "conditions": [
            {"type": "NamespaceDeletionContentFailure", "status": "True", "reason": "ContentDeletionFailed"}]});
        assert_eq!(namespace(stuck).health, Health::Degraded("ContentDeletionFailed".into()));
        let lease = made(json!({"spec": {"holderIdentity": "n-1"}}));
        assert_eq!(cells(&project("coordination.k8s.io", "Lease", &lease)), ["n-1", "2m"]);
        let definition = |conditions: Value| {
            project(
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                &made(json!({"status": {"conditions": conditions}})),
            )
        };
        let row = definition(json!([{"type": "Established", "status": "True"}]));
        assert_eq!((cells(&row)[0].as_str(), row.health), ("2026-01-01T00:00:00Z", Health::Healthy));
        assert_eq!(definition(json!([])).health, Health::Degraded("NotEstablished".into()));
        let refused = definition(json!([{"type": "NamesAccepted", "status": "False", "reason": "ListKindConflict"}]));
        assert_eq!(refused.health, Health::Failed("ListKindConflict".into()));
    }
}
