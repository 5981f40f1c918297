//! Pods, and the pod templates of workloads.

use super::page::{Page, plain};
use serde_json::Value;

/// The lists of containers, in the order of their start, and the heading of each.
const LISTS: [(&str, &str, &str); 3] = [
    ("initContainers", "initContainerStatuses", "Init Containers"),
    ("containers", "containerStatuses", "Containers"),
    ("ephemeralContainers", "ephemeralContainerStatuses", "Ephemeral Containers"),
];

pub(super) fn describe(page: &mut Page, pod: &Value) {
    page.some(0, "Node", pod.pointer("/spec/nodeName"));
    page.some(0, "Status", pod.pointer("/status/phase"));
    page.some(0, "Reason", pod.pointer("/status/reason"));
    page.some(0, "Message", pod.pointer("/status/message"));
    page.moment(0, "Started", pod.pointer("/status/startTime"));
    page.some(0, "IP", pod.pointer("/status/podIP"));
    page.some(0, "Service Account", pod.pointer("/spec/serviceAccountName"));
    page.some(0, "Priority Class", pod.pointer("/spec/priorityClassName"));
    page.some(0, "QoS Class", pod.pointer("/status/qosClass"));
    if let Some(spec) = pod.get("spec") {
        containers(page, 0, spec, pod.get("status"));
        placement(page, 0, spec);
        volumes(page, 0, spec);
    }
}

/// All containers of a pod spec; `status` is that of the pod, if it runs.
pub(super) fn containers(page: &mut Page, level: usize, spec: &Value, status: Option<&Value>) {
    for (list, statuses, title) in LISTS {
        let Some(all) = spec.get(list).and_then(Value::as_array).filter(|all| !all.is_empty()) else { continue };
        page.heading(level, title);
        for container in all {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            let known = status.and_then(|s| s.get(statuses)).and_then(Value::as_array);
            let state = known.into_iter().flatten().find(|s| s.get("name").and_then(Value::as_str) == Some(name));
            page.heading(level + 1, name);
            one(page, level + 2, container, state);
        }
    }
}

fn one(page: &mut Page, level: usize, container: &Value, status: Option<&Value>) {
    page.some(level, "Image", container.get("image"));
    page.some(level, "Image ID", status.and_then(|s| s.get("imageID")));
    page.some(level, "Container ID", status.and_then(|s| s.get("containerID")));
    let ports: Vec<String> = items(container, "ports").map(port).collect();
    if !ports.is_empty() {
        page.field(level, "Ports", &ports.join(", "));
    }
    page.some(level, "Command", container.get("command"));
    page.some(level, "Args", container.get("args"));
    if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
        page.field(level, "Sidecar", "restarts always");
    }
    if let Some(status) = status {
        state(page, level, "State", status.get("state"));
        state(page, level, "Last State", status.get("lastState"));
        page.some(level, "Ready", status.get("ready"));
        page.some(level, "Restart Count", status.get("restartCount"));
    }
    for (label, pointer) in [("Limits", "/resources/limits"), ("Requests", "/resources/requests")] {
        if container.pointer(pointer).is_some() {
            page.pairs(level, label, container.pointer(pointer), ": ");
        }
    }
    for (label, key) in [("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")] {
        if let Some(probe) = container.get(key) {
            page.field(level, label, &probe_line(probe));
        }
    }
    let variables: Vec<String> =
        items(container, "envFrom").map(source).chain(items(container, "env").map(variable)).collect();
    if !variables.is_empty() {
        page.field(level, "Environment", &variables.join("\n"));
    }
    let mounts: Vec<String> = items(container, "volumeMounts").map(mount).collect();
    if !mounts.is_empty() {
        page.field(level, "Mounts", &mounts.join("\n"));
    }
}

fn items<'a>(object: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    object.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).map(plain).unwrap_or_default()
}

fn port(port: &Value) -> String {
    let name = text(port, "/name");
    let number = format!("{}/{}", text(port, "/containerPort"), port.get("protocol").map_or("TCP".to_owned(), plain));
    if name.is_empty() { number } else { format!("{number} ({name})") }
}

fn state(page: &mut Page, level: usize, label: &str, state: Option<&Value>) {
    let Some((word, detail)) = state.and_then(Value::as_object).and_then(|s| s.iter().next()) else { return };
    page.field(level, label, &super::page::titled(word));
    page.some(level + 1, "Reason", detail.get("reason"));
    page.some(level + 1, "Message", detail.get("message"));
    page.some(level + 1, "Exit Code", detail.get("exitCode"));
    page.some(level + 1, "Signal", detail.get("signal"));
    page.moment(level + 1, "Started", detail.get("startedAt"));
    page.moment(level + 1, "Finished", detail.get("finishedAt"));
}

fn probe_line(probe: &Value) -> String {
    let how = if let Some(http) = probe.get("httpGet") {
        format!("http-get {}://:{}{}", text(http, "/scheme").to_lowercase(), text(http, "/port"), text(http, "/path"))
    } else if let Some(tcp) = probe.get("tcpSocket") {
        format!("tcp-socket :{}", text(tcp, "/port"))
    } else if let Some(grpc) = probe.get("grpc") {
        format!("grpc :{}", text(grpc, "/port"))
    } else {
        format!("exec {}", text(probe, "/exec/command"))
    };
    let number = |key: &str, otherwise: u64| probe.get(key).and_then(Value::as_u64).unwrap_or(otherwise);
    format!(
        "{how} delay={}s timeout={}s period={}s #success={} #failure={}",
        number("initialDelaySeconds", 0),
        number("timeoutSeconds", 1),
        number("periodSeconds", 10),
        number("successThreshold", 1),
        number("failureThreshold", 3),
    )
}

fn source(from: &Value) -> String {
    for (key, kind) in [("configMapRef", "ConfigMap"), ("secretRef", "Secret")] {
        if let Some(reference) = from.get(key) {
            return format!("all of {kind} {}", text(reference, "/name"));
        }
    }
    plain(from)
}

fn variable(variable: &Value) -> String {
    let name = text(variable, "/name");
    let Some(from) = variable.get("valueFrom") else { return format!("{name}={}", text(variable, "/value")) };
    let origin = if let Some(reference) = from.get("secretKeyRef") {
        format!("key {} of Secret {}", text(reference, "/key"), text(reference, "/name"))
    } else if let Some(reference) = from.get("configMapKeyRef") {
        format!("key {} of ConfigMap {}", text(reference, "/key"), text(reference, "/name"))
    } else if let Some(reference) = from.get("fieldRef") {
        format!("field {}", text(reference, "/fieldPath"))
    } else {
        format!("resource {}", text(from, "/resourceFieldRef/resource"))
    };
    format!("{name} <{origin}>")
}

fn mount(mount: &Value) -> String {
    let mode = if mount.get("readOnly").and_then(Value::as_bool) == Some(true) { "ro" } else { "rw" };
    format!("{} from {} ({mode})", text(mount, "/mountPath"), text(mount, "/name"))
}

/// Constraints on the nodes that the pod can run on.
fn placement(page: &mut Page, level: usize, spec: &Value) {
    page.pairs(level, "Node Selectors", spec.get("nodeSelector"), "=");
    let tolerations: Vec<String> = items(spec, "tolerations").map(toleration).collect();
    page.field(
        level,
        "Tolerations",
        if tolerations.is_empty() { "<none>".to_owned() } else { tolerations.join("\n") }.as_str(),
    );
}

fn toleration(toleration: &Value) -> String {
    let mut out = text(toleration, "/key");
    let value = text(toleration, "/value");
    if !value.is_empty() {
        out = format!("{out}={value}");
    }
    let effect = text(toleration, "/effect");
    if !effect.is_empty() {
        out = format!("{out}:{effect}");
    }
    if text(toleration, "/operator") == "Exists" {
        out.push_str(" op=Exists");
    }
    match toleration.get("tolerationSeconds").and_then(Value::as_u64) {
        Some(seconds) => format!("{out} for {seconds}s"),
        None => out,
    }
}

/// Volumes by name, with their sources.
pub(super) fn volumes(page: &mut Page, level: usize, spec: &Value) {
    let lines: Vec<String> = items(spec, "volumes")
        .map(|volume| {
            let source = volume.as_object().into_iter().flatten().find(|(key, _)| *key != "name");
            let (kind, detail) = source.map_or((String::new(), String::new()), |(kind, detail)| {
                let keys = ["name", "secretName", "claimName", "path"];
                let named = keys.iter().find_map(|key| detail.get(key).map(plain));
                (super::page::titled(kind), named.unwrap_or_default())
            });
            format!("{} ({kind}) {detail}", text(volume, "/name")).trim_end().to_owned()
        })
        .collect();
    page.field(level, "Volumes", if lines.is_empty() { "<none>".to_owned() } else { lines.join("\n") }.as_str());
}
