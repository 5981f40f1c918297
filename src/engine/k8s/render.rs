//! Opened objects as lines of text: YAML with secrets masked, and descriptions. Pure.

mod generic;
mod page;
mod pod;
mod workload;

use crate::model::document::DOCUMENT_BYTES_MAX;
use crate::model::text::{Text, clean, clean_lines};
use crate::model::time::{UnixSeconds, human};
use page::Page;
use serde_json::{Value, json};

/// Where `kubectl apply` keeps a copy of what it applied: a Secret's values once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Keys whose text is masked in any object that is a Secret.
const SECRET_FIELDS: [&str; 2] = ["data", "stringData"];

/// The input of a description.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The object, as the server sent it.
    pub object: &'a Value,
    /// Its events, in any order.
    pub events: &'a [Value],
    /// Its owners from the nearest up, each as `Kind/name`.
    pub owners: &'a [String],
    /// Time that ages are relative to.
    pub now: UnixSeconds,
}

/// The object as lines of YAML. The values of a Secret are masked, their sizes are not.
pub fn yaml(object: &Value) -> Vec<Text> {
    let text =
        serde_saphyr::to_string(&masked(object)).unwrap_or_else(|why| format!("# cannot be written as YAML: {why}"));
    lines(&text)
}

/// A Secret as YAML with `data` decoded into `stringData`: for one pair of eyes, once.
pub fn revealed(object: &Value) -> String {
    let mut object = object.clone();
    let mut plain = serde_json::Map::new();
    for (key, value) in object.get("data").and_then(Value::as_object).into_iter().flatten() {
        plain.insert(key.clone(), Value::String(decoded(value)));
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("data");
        fields.insert("stringData".to_owned(), Value::Object(plain));
    }
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    let text = serde_saphyr::to_string(&object).unwrap_or_default();
    clean_lines(&text).into_owned()
}

fn decoded(value: &Value) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap_or_default());
    match bytes.map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(binary)) => format!("({} bytes, not text)", binary.as_bytes().len()),
        Err(_) => "(not base64)".to_owned(),
    }
}

/// A copy of the object with the values of a Secret masked.
fn masked(object: &Value) -> Value {
    let mut object = object.clone();
    if !is_secret(&object) {
        return object;
    }
    for field in SECRET_FIELDS {
        for (_, value) in object.get_mut(field).and_then(Value::as_object_mut).into_iter().flatten() {
            *value = json!(format!("•••••• ({} bytes)", size(value, field)));
        }
    }
    if let Some(copy) = object.pointer_mut("/metadata/annotations").and_then(|a| a.get_mut(LAST_APPLIED)) {
        *copy = json!("••••••");
    }
    object
}

fn is_secret(object: &Value) -> bool {
    object.get("kind").and_then(Value::as_str) == Some("Secret")
        && object.get("apiVersion").and_then(Value::as_str) == Some("v1")
}

/// Bytes of one value of a Secret; base64 is counted decoded.
fn size(value: &Value, field: &str) -> usize {
    let text = value.as_str().unwrap_or_default();
    if field == "data" { text.trim_end_matches('=').len() * 3 / 4 } else { text.len() }
}

/// Harmless lines, bounded by [`DOCUMENT_BYTES_MAX`].
fn lines(text: &str) -> Vec<Text> {
    let mut left = DOCUMENT_BYTES_MAX;
    let mut out = Vec::new();
    for line in text.lines() {
        if line.len() > left {
            out.push(Text::const_new("# … the rest is longer than this view keeps"));
            break;
        }
        left -= line.len();
        out.push(Text::new(clean_lines(line).replace('\t', "    ")));
    }
    out
}

/// The object as `kubectl describe` prints it: metadata, the fields of its kind, conditions, owner chain, events.
pub fn describe(subject: &Subject<'_>) -> Vec<Text> {
    let mut page = Page::new(subject.now);
    metadata(&mut page, subject);
    let object = masked(subject.object);
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "Pod" => pod::describe(&mut page, &object),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob" => {
            workload::describe(&mut page, &object);
        }
        "Node" => workload::node(&mut page, &object),
        "Service" => workload::service(&mut page, &object),
        _ => generic::describe(&mut page, &object),
    }
    generic::conditions(&mut page, &object);
    events(&mut page, subject);
    page.finish()
}

fn metadata(page: &mut Page, subject: &Subject<'_>) {
    let object = subject.object;
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    page.field(0, "Name", text("/metadata/name"));
    if !text("/metadata/namespace").is_empty() {
        page.field(0, "Namespace", text("/metadata/namespace"));
    }
    page.field(0, "Kind", &format!("{} ({})", text("/kind"), text("/apiVersion")));
    page.pairs(0, "Labels", object.pointer("/metadata/labels"), "=");
    let mut annotations = object.pointer("/metadata/annotations").cloned().unwrap_or(Value::Null);
    if let Some(map) = annotations.as_object_mut() {
        map.remove(LAST_APPLIED);
    }
    page.pairs(0, "Annotations", Some(&annotations), ": ");
    page.moment(0, "Created", object.pointer("/metadata/creationTimestamp"));
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        page.moment(0, "Terminating since", object.pointer("/metadata/deletionTimestamp"));
        let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array);
        let names: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
        if !names.is_empty() {
            page.field(0, "Waits for", &names.join(", "));
        }
    }
    if !subject.owners.is_empty() {
        page.field(0, "Owned by", &subject.owners.join(" ← "));
    }
}

fn events(page: &mut Page, subject: &Subject<'_>) {
    if subject.events.is_empty() {
        return page.field(0, "Events", "<none>");
    }
    let mut rows: Vec<(Option<UnixSeconds>, Vec<String>)> =
        subject.events.iter().map(|e| event(e, subject.now)).collect();
    rows.sort_by_key(|(at, _)| *at);
    page.heading(0, "Events");
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
    page.table(1, &["Type", "Reason", "Age", "From", "Message"], &rows);
}

fn event(event: &Value, now: UnixSeconds) -> (Option<UnixSeconds>, Vec<String>) {
    let text = |pointer: &str| {
        event.pointer(pointer).and_then(Value::as_str).map(|t| clean(t).into_owned()).unwrap_or_default()
    };
    let moment = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).and_then(UnixSeconds::parse);
    let last = moment("/series/lastObservedTime").or_else(|| moment("/lastTimestamp")).or_else(|| moment("/eventTime"));
    let first = moment("/firstTimestamp").or(last);
    let count = event.pointer("/series/count").or_else(|| event.get("count")).and_then(Value::as_u64).unwrap_or(1);
    let ago = |at: Option<UnixSeconds>| at.map_or_else(|| "<unknown>".to_owned(), |at| human(now.since(at)));
    let age = if count > 1 { format!("{} (x{count} over {})", ago(last), ago(first)) } else { ago(last) };
    let from = match text("/source/component") {
        component if component.is_empty() => text("/reportingComponent"),
        component => component,
    };
    (last, vec![text("/type"), text("/reason"), age, from, text("/message")])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Value {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "annotations": {LAST_APPLIED: "{\"data\":{\"k\":\"aHVudGVyMg==\"}}"}},
            "data": {"k": "aHVudGVyMg=="}, "stringData": {"p": "hunter2"}})
    }

    #[test]
    fn no_view_of_a_secret_shows_its_values() {
        let all: String = yaml(&secret()).join("\n")
            + &describe(&Subject { object: &secret(), events: &[], owners: &[], now: UnixSeconds(0) }).join("\n");
        assert!(!all.contains("hunter2") && !all.contains("aHVudGVyMg"), "{all}");
        assert!(all.contains("(7 bytes)"), "{all}");
        let plain = revealed(&secret());
        assert!(plain.contains("k: hunter2") && !plain.contains("aHVudGVyMg"), "{plain}");
    }

    #[test]
    fn a_description_tells_owners_events_and_what_deletion_waits_for() {
        let object = json!({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "n",
            "creationTimestamp": "1970-01-01T00:00:00Z", "deletionTimestamp": "1970-01-01T00:01:00Z", "finalizers": ["a/b"]},
            "spec": {"replicaCount": 3, "list": [{"name": "x"}], "deep": {"a": {"b": "c"}}},
            "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Why", "message": "because\u{1b}[2J"}]}});
        let events = [
            json!({"type": "Warning", "reason": "Failed", "count": 4, "message": "no", "source": {"component": "kubelet"},
            "lastTimestamp": "1970-01-01T00:01:30Z", "firstTimestamp": "1970-01-01T00:00:30Z"}),
        ];
        let owners = ["ReplicaSet/r".to_owned(), "Deployment/d".to_owned()];
        let text =
            describe(&Subject { object: &object, events: &events, owners: &owners, now: UnixSeconds(120) }).join("\n");
        insta::with_settings!({snapshot_path => "../../../tests/snapshots"}, { insta::assert_snapshot!(text) });
    }

    #[test]
    fn a_pod_is_described_container_by_container() {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "api-1", "namespace": "n", "labels": {"app": "api"}},
            "spec": {"nodeName": "n-1", "serviceAccountName": "api", "containers": [{"name": "api", "image": "r/api:1",
                "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}], "args": ["--x"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "100m"}},
                "livenessProbe": {"httpGet": {"path": "/live", "port": 80, "scheme": "HTTP"}, "periodSeconds": 10},
                "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": true}]}],
                "volumes": [{"name": "v", "configMap": {"name": "cm"}}], "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule"}]},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "qosClass": "Burstable", "containerStatuses": [{"name": "api", "ready": false,
                "restartCount": 7, "image": "r/api:1", "containerID": "containerd://x", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": "1970-01-01T00:00:00Z", "finishedAt": "1970-01-01T00:00:10Z"}}}]}});
        let text = describe(&Subject { object: &object, events: &[], owners: &[], now: UnixSeconds(120) }).join("\n");
        insta::with_settings!({snapshot_path => "../../../tests/snapshots"}, { insta::assert_snapshot!(text) });
    }

    #[test]
    fn a_deployment_is_described_with_its_template() {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "namespace": "n"},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "api"}}, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
                "template": {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [{"name": "api", "image": "r/api:1"}]}}},
            "status": {"replicas": 3, "updatedReplicas": 1, "readyReplicas": 2, "availableReplicas": 2, "unavailableReplicas": 1,
                "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "lastTransitionTime": "1970-01-01T00:01:00Z"}]}});
        let text = describe(&Subject { object: &object, events: &[], owners: &[], now: UnixSeconds(120) }).join("\n");
        insta::with_settings!({snapshot_path => "../../../tests/snapshots"}, { insta::assert_snapshot!(text) });
    }
}
