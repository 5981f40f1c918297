//! The Table form of objects: the columns and cells a real API server prints.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json::{at, items, text};
use super::resource::{Origin, Resource};

mod misc;
mod pod;
mod workload;

/// The column definitions of a resource.
pub(super) fn columns(resource: &Resource) -> Vec<Value> {
    if let Origin::Custom(printer) = &resource.origin {
        return custom_columns(printer);
    }
    spec(resource).split('|').map(column).collect()
}

/// The cells of one object, as many as there are columns.
pub(super) fn cells(resource: &Resource, object: &Value, now: Timestamp) -> Vec<Value> {
    if let Origin::Custom(printer) = &resource.origin {
        return custom_cells(printer, object, now);
    }
    match resource.plural.as_str() {
        "pods" if resource.group.is_empty() => pod::cells(object, now),
        "deployments"
        | "replicasets"
        | "replicationcontrollers"
        | "statefulsets"
        | "daemonsets"
        | "jobs"
        | "cronjobs"
        | "horizontalpodautoscalers"
        | "poddisruptionbudgets"
        | "controllerrevisions" => workload::cells(&resource.plural, object, now),
        _ => misc::cells(resource, object, now),
    }
}

/// Columns as text: `*` marks those of `-o wide`, `#` integers.
fn spec(resource: &Resource) -> &'static str {
    SPECS
        .iter()
        .find(|(plural, _)| *plural == resource.plural)
        .filter(|_| resource.group != "metrics.k8s.io")
        .map_or_else(|| fallback(resource), |(_, spec)| spec)
}

fn fallback(resource: &Resource) -> &'static str {
    if resource.group == "metrics.k8s.io" { "Name|cpu|memory|window" } else { "Name|Created At@" }
}

const SPECS: &[(&str, &str)] = &[
    ("pods", "Name|Ready|Status|Restarts|Age|IP*|Node*|Nominated Node*|Readiness Gates*"),
    ("deployments", "Name|Ready|Up-to-date|Available|Age|Containers*|Images*|Selector*"),
    ("replicasets", "Name|Desired#|Current#|Ready#|Age|Containers*|Images*|Selector*"),
    ("replicationcontrollers", "Name|Desired#|Current#|Ready#|Age|Containers*|Images*|Selector*"),
    ("statefulsets", "Name|Ready|Age|Containers*|Images*"),
    (
        "daemonsets",
        "Name|Desired#|Current#|Ready#|Up-to-date#|Available#|Node Selector|Age|Containers*|Images*|Selector*",
    ),
    ("jobs", "Name|Status|Completions|Duration|Age|Containers*|Images*|Selector*"),
    ("cronjobs", "Name|Schedule|Timezone|Suspend|Active#|Last Schedule|Age|Containers*|Images*|Selector*"),
    ("horizontalpodautoscalers", "Name|Reference|Targets|MinPods|MaxPods|Replicas|Age"),
    ("poddisruptionbudgets", "Name|Min Available|Max Unavailable|Allowed Disruptions#|Age"),
    ("controllerrevisions", "Name|Controller|Revision#|Age"),
    ("services", "Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector*"),
    ("endpoints", "Name|Endpoints|Age"),
    ("endpointslices", "Name|AddressType|Ports|Endpoints|Age"),
    ("ingresses", "Name|Class|Hosts|Address|Ports|Age"),
    ("ingressclasses", "Name|Controller|Parameters|Age"),
    ("networkpolicies", "Name|Pod-Selector|Age"),
    ("configmaps", "Name|Data|Age"),
    ("secrets", "Name|Type|Data#|Age"),
    ("serviceaccounts", "Name|Secrets|Age"),
    ("namespaces", "Name|Status|Age"),
    ("nodes", "Name|Status|Roles|Age|Version|Internal-IP*|External-IP*|OS-Image*|Kernel-Version*|Container-Runtime*"),
    ("events", "Last Seen|Type|Reason|Object|Subobject*|Source*|Message|First Seen*|Count*|Name*"),
    (
        "persistentvolumeclaims",
        "Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode*",
    ),
    (
        "persistentvolumes",
        "Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|VolumeMode*",
    ),
    ("storageclasses", "Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age"),
    ("csinodes", "Name|Drivers#|Age"),
    ("volumeattachments", "Name|Attacher|PV|Node|Attached|Age"),
    ("rolebindings", "Name|Role|Age|Users*|Groups*|ServiceAccounts*"),
    ("clusterrolebindings", "Name|Role|Age|Users*|Groups*|ServiceAccounts*"),
    ("leases", "Name|Holder|Age"),
    ("priorityclasses", "Name|Value|Global-Default|Age|PreemptionPolicy"),
    ("validatingwebhookconfigurations", "Name|Webhooks#|Age"),
    ("mutatingwebhookconfigurations", "Name|Webhooks#|Age"),
    ("resourcequotas", "Name|Request|Limit|Age"),
];

fn column(spec: &str) -> Value {
    let (spec, priority) = spec.strip_suffix('*').map_or((spec, 0), |spec| (spec, 1));
    let (spec, kind) = spec.strip_suffix('#').map_or((spec, "string"), |spec| (spec, "integer"));
    let (name, kind_of_text) = spec.strip_suffix('@').map_or((spec, ""), |spec| (spec, "date"));
    let format = if name == "Name" { "name" } else { kind_of_text };
    json!({
        "name": name, "type": kind, "format": format, "priority": priority,
        "description": format!("{name} of the object"),
    })
}

fn custom_columns(printer: &[Value]) -> Vec<Value> {
    let mut columns = vec![column("Name")];
    columns.extend(printer.iter().map(|column| {
        json!({
            "name": text(column, "/name"), "type": text(column, "/type"), "format": text(column, "/format"),
            "description": text(column, "/description"), "priority": at(column, "/priority").as_i64().unwrap_or(0),
        })
    }));
    if printer.is_empty() {
        columns.push(
            json!({"name": "Age", "type": "date", "format": "", "description": "Age of the object", "priority": 0}),
        );
    }
    columns
}

fn custom_cells(printer: &[Value], object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![text(object, "/metadata/name").into()];
    cells.extend(printer.iter().map(|column| {
        let value = by_path(object, text(column, "/jsonPath"));
        match (text(column, "/type"), value) {
            ("date", Value::String(time)) => age_of(time, now).into(),
            (_, value) => value.clone(),
        }
    }));
    if printer.is_empty() {
        cells.push(age(object, now));
    }
    cells
}

/// Follows the JSON paths printer columns use here: `.a.b`, `.a[0].b`, `.a[?(@.type=="X")].b`.
fn by_path<'a>(object: &'a Value, path: &str) -> &'a Value {
    let mut value = object;
    let mut rest = path.trim_start_matches('.');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some((index, after)) = inner.split_once(']') else {
                return &Value::Null;
            };
            value = match index.strip_prefix("?(@.").and_then(|test| test.strip_suffix(')')) {
                Some(test) => {
                    let (field, wanted) = test.split_once("==").unwrap_or((test, ""));
                    let wanted = wanted.trim_matches(['"', '\'']);
                    let found =
                        items(value, "").iter().find(|item| item.get(field).and_then(Value::as_str) == Some(wanted));
                    found.unwrap_or(&Value::Null)
                }
                None => index.parse::<usize>().ok().and_then(|index| value.get(index)).unwrap_or(&Value::Null),
            };
            rest = after.trim_start_matches('.');
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (field, after) = rest.split_at(end);
            value = value.get(field).unwrap_or(&Value::Null);
            rest = after.trim_start_matches('.');
        }
    }
    value
}

/// The age of an object by its creation.
fn age(object: &Value, now: Timestamp) -> Value {
    age_of(text(object, "/metadata/creationTimestamp"), now).into()
}

/// The time since `time`, `<unknown>` when it is not a time.
fn age_of(time: &str, now: Timestamp) -> String {
    time.parse::<Timestamp>()
        .map_or_else(|_| "<unknown>".to_owned(), |then| duration(now.as_second() - then.as_second()))
}

/// Seconds as the server writes them: two units at most, fewer the longer it is.
fn duration(seconds: i64) -> String {
    let two = |big: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{small_unit}") }
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// `k=v,k=v` of a label map, `<none>` when it is empty.
fn labels(value: &Value) -> String {
    let pairs: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    or_none(pairs.join(","))
}

fn or_none(text: String) -> String {
    if text.is_empty() { "<none>".to_owned() } else { text }
}

/// The values at a pointer inside each element, joined.
fn joined(values: &[Value], pointer: &str) -> String {
    values.iter().map(|value| text(value, pointer)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_000, "3h3m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_172_000, "2y1d"),
            (252_288_000, "8y"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn paths_of_printer_columns() {
        let object = json!({"status": {"conditions": [{"type": "A", "status": "x"}, {"type": "Ready", "status": "True"}], "n": [1, 2]}});
        assert_eq!(by_path(&object, ".status.conditions[?(@.type==\"Ready\")].status"), "True");
        assert_eq!(by_path(&object, ".status.n[1]"), 2);
        assert_eq!(by_path(&object, ".spec.none"), &Value::Null);
    }

    #[test]
    fn every_kind_has_as_many_cells_as_columns() {
        for resource in super::super::resource::built_in() {
            let object = json!({"metadata": {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z"}});
            let cells = cells(&resource, &object, Timestamp::UNIX_EPOCH);
            assert_eq!(cells.len(), columns(&resource).len(), "{}", resource.plural);
        }
    }
}
