//! Workloads, nodes and services.

use super::page::{Page, plain};
use super::pod;
use serde_json::Value;

/// Fields worth a line of their own, in the order a reader looks for them; absent ones are left out.
const FIELDS: [(&str, &str); 27] = [
    ("Schedule", "/spec/schedule"),
    ("Time Zone", "/spec/timeZone"),
    ("Suspended", "/spec/suspend"),
    ("Concurrency", "/spec/concurrencyPolicy"),
    ("Parallelism", "/spec/parallelism"),
    ("Completions", "/spec/completions"),
    ("Backoff Limit", "/spec/backoffLimit"),
    ("Replicas wanted", "/spec/replicas"),
    ("Replicas", "/status/replicas"),
    ("Updated", "/status/updatedReplicas"),
    ("Ready", "/status/readyReplicas"),
    ("Available", "/status/availableReplicas"),
    ("Unavailable", "/status/unavailableReplicas"),
    ("Scheduled wanted", "/status/desiredNumberScheduled"),
    ("Scheduled", "/status/currentNumberScheduled"),
    ("Misscheduled", "/status/numberMisscheduled"),
    ("Ready", "/status/numberReady"),
    ("Updated", "/status/updatedNumberScheduled"),
    ("Active", "/status/active"),
    ("Succeeded", "/status/succeeded"),
    ("Failed", "/status/failed"),
    ("Strategy", "/spec/strategy/type"),
    ("Max Surge", "/spec/strategy/rollingUpdate/maxSurge"),
    ("Max Unavailable", "/spec/strategy/rollingUpdate/maxUnavailable"),
    ("Update Strategy", "/spec/updateStrategy/type"),
    ("Min Ready Seconds", "/spec/minReadySeconds"),
    ("Service Name", "/spec/serviceName"),
];

pub(super) fn describe(page: &mut Page, object: &Value) {
    if object.pointer("/spec/selector/matchLabels").is_some() {
        page.pairs(0, "Selector", object.pointer("/spec/selector/matchLabels"), "=");
    }
    for (label, pointer) in FIELDS {
        page.some(0, label, object.pointer(pointer));
    }
    for (label, pointer) in [
        ("Started", "/status/startTime"),
        ("Completed", "/status/completionTime"),
        ("Last Schedule", "/status/lastScheduleTime"),
        ("Last Success", "/status/lastSuccessfulTime"),
    ] {
        page.moment(0, label, object.pointer(pointer));
    }
    let template = object.pointer("/spec/template").or_else(|| object.pointer("/spec/jobTemplate/spec/template"));
    if let Some(template) = template {
        page.heading(0, "Pod Template");
        page.pairs(1, "Labels", template.pointer("/metadata/labels"), "=");
        page.some(1, "Service Account", template.pointer("/spec/serviceAccountName"));
        if let Some(spec) = template.get("spec") {
            pod::containers(page, 1, spec, None);
            pod::volumes(page, 1, spec);
        }
    }
    for claim in object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten() {
        let name = claim.pointer("/metadata/name").map(plain).unwrap_or_default();
        let size = claim.pointer("/spec/resources/requests/storage").map(plain).unwrap_or_default();
        let class = claim.pointer("/spec/storageClassName").map_or("default class".to_owned(), plain);
        page.field(0, "Volume Claim", &format!("{name} {size} ({class})"));
    }
}

pub(super) fn node(page: &mut Page, node: &Value) {
    let taints: Vec<String> = node
        .pointer("/spec/taints")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|taint| {
            let part = |key: &str| taint.get(key).map(plain).unwrap_or_default();
            let value = taint.get("value").map(|v| format!("={}", plain(v))).unwrap_or_default();
            format!("{}{value}:{}", part("key"), part("effect"))
        })
        .collect();
    page.field(0, "Taints", if taints.is_empty() { "<none>".to_owned() } else { taints.join("\n") }.as_str());
    let cordoned = node.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or(false);
    page.field(0, "Unschedulable", if cordoned { "true" } else { "false" });
    for address in node.pointer("/status/addresses").and_then(Value::as_array).into_iter().flatten() {
        let kind = address.get("type").map(plain).unwrap_or_default();
        page.some(0, &kind, address.get("address"));
    }
    page.pairs(0, "Capacity", node.pointer("/status/capacity"), ": ");
    page.pairs(0, "Allocatable", node.pointer("/status/allocatable"), ": ");
    page.pairs(0, "System", node.pointer("/status/nodeInfo"), ": ");
    page.some(0, "Pod CIDRs", node.pointer("/spec/podCIDRs"));
    page.some(0, "Provider ID", node.pointer("/spec/providerID"));
}

pub(super) fn service(page: &mut Page, service: &Value) {
    page.pairs(0, "Selector", service.pointer("/spec/selector"), "=");
    for (label, pointer) in [
        ("Type", "/spec/type"),
        ("IP Families", "/spec/ipFamilies"),
        ("Cluster IPs", "/spec/clusterIPs"),
        ("External Name", "/spec/externalName"),
        ("External IPs", "/spec/externalIPs"),
        ("Session Affinity", "/spec/sessionAffinity"),
        ("External Traffic", "/spec/externalTrafficPolicy"),
        ("Internal Traffic", "/spec/internalTrafficPolicy"),
    ] {
        page.some(0, label, service.pointer(pointer));
    }
    let ingress = service.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
    let addresses: Vec<String> =
        ingress.into_iter().flatten().filter_map(|i| i.get("hostname").or_else(|| i.get("ip")).map(plain)).collect();
    if !addresses.is_empty() {
        page.field(0, "Load Balancer", &addresses.join(", "));
    }
    let rows: Vec<Vec<String>> = service
        .pointer("/spec/ports")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|port| {
            ["name", "port", "protocol", "targetPort", "nodePort"]
                .map(|k| port.get(k).map(plain).unwrap_or_default())
                .to_vec()
        })
        .collect();
    page.heading(0, "Ports");
    page.table(1, &["Name", "Port", "Protocol", "Target", "Node Port"], &rows);
}
