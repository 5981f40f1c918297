//! Events as components report them.

use serde_json::{Value, json};

use super::super::json::{items, text};
use super::{Builder, PodState, ago};

/// What an event says.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) warning: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) component: &'static str,
    pub(super) count: i64,
    /// Seconds since it happened last.
    pub(super) age: i64,
}

/// The document of an event about an object. `name` must be unique in the namespace.
pub(super) fn document(
    about: &Value,
    kind: &str,
    (name, uid): (&str, &str),
    said: &Said,
    now: jiff::Timestamp,
) -> Value {
    let namespace = match text(about, "/metadata/namespace") {
        "" => "default",
        namespace => namespace,
    };
    let last = ago(now, said.age);
    let first = ago(now, said.age + (said.count - 1) * 45);
    let container = text(about, "/spec/containers/0/name");
    let mut object = json!({
        "kind": kind, "apiVersion": "v1", "name": text(about, "/metadata/name"),
        "namespace": text(about, "/metadata/namespace"), "uid": text(about, "/metadata/uid"),
        "resourceVersion": text(about, "/metadata/resourceVersion"),
    });
    if said.component == "kubelet" && kind == "Pod" {
        super::super::json::set(&mut object, "", "fieldPath", format!("spec.containers{{{container}}}").into());
    }
    let mut source = json!({"component": said.component});
    if said.component == "kubelet" {
        super::super::json::set(&mut source, "", "host", text(about, "/spec/nodeName").into());
    }
    json!({
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": first},
        "involvedObject": object, "reason": said.reason, "message": said.message,
        "source": source, "firstTimestamp": first, "lastTimestamp": last, "count": said.count,
        "type": if said.warning { "Warning" } else { "Normal" },
        "eventTime": null, "reportingComponent": said.component, "reportingInstance": text(about, "/spec/nodeName"),
    })
}

/// The name clients give events: the object and a number in hex.
pub(super) fn name(of: &str, rng: &mut fastrand::Rng) -> String {
    format!("{of}.{:016x}", 0x1800_0000_0000_0000 | (rng.u64(..) >> 8))
}

/// Reports what a pod in this state would have caused lately.
pub(super) fn of_pod(builder: &mut Builder<'_>, pod: &Value, state: PodState) {
    for said in about_pod(pod, state) {
        let name = name(text(pod, "/metadata/name"), &mut builder.rng);
        let uid = builder.uid();
        let event = document(pod, "Pod", (&name, &uid), &said, builder.now);
        builder.put("", "events", event);
    }
}

/// What is said about a pod in this state.
pub(super) fn about_pod(pod: &Value, state: PodState) -> Vec<Said> {
    let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
    let container = items(pod, "/spec/containers").first().unwrap_or(&Value::Null);
    let (container, image) = (text(container, "/name"), text(container, "/image"));
    let warn = |reason, message: &str, count, age| kubelet(true, reason, message, (count, age));
    let normal = |reason, message: &str, count, age| kubelet(false, reason, message, (count, age));
    match state {
        PodState::CrashLoop(count) | PodState::InitCrashLoop(count) | PodState::OutOfMemory(count) => {
            let uid = text(pod, "/metadata/uid");
            let message = format!("Back-off restarting failed container {container} in pod {name}_{namespace}({uid})");
            let pulled = format!("Container image \"{image}\" already present on machine");
            let count = i64::from(count);
            vec![warn("BackOff", &message, count * 6, 75), normal("Pulled", &pulled, count, 130)]
        }
        PodState::ImagePull => {
            let missing = format!(
                "Failed to pull image \"{image}\": rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": not found"
            );
            vec![
                warn("Failed", &missing, 9, 210),
                warn("Failed", "Error: ImagePullBackOff", 61, 40),
                normal("BackOff", &format!("Back-off pulling image \"{image}\""), 66, 25),
            ]
        }
        PodState::NotReady => {
            vec![warn("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 48, 12)]
        }
        PodState::Unschedulable | PodState::NoVolume => {
            let conditions = items(pod, "/status/conditions");
            let message = conditions.last().map_or("", |condition| text(condition, "/message"));
            vec![Said { component: "default-scheduler", ..warn("FailedScheduling", message, 14, 55) }]
        }
        PodState::Evicted => vec![warn("Evicted", text(pod, "/status/message"), 1, 2_400)],
        PodState::Terminating => vec![warn("FailedKillPod", "error killing pod: context deadline exceeded", 5, 70)],
        PodState::Initializing | PodState::Creating => {
            let node = text(pod, "/spec/nodeName");
            let assigned = format!("Successfully assigned {namespace}/{name} to {node}");
            vec![
                Said { component: "default-scheduler", ..normal("Scheduled", &assigned, 1, 30) },
                normal("Pulling", &format!("Pulling image \"{image}\""), 1, 28),
            ]
        }
        PodState::Running | PodState::Completed | PodState::Failed => Vec::new(),
    }
}

fn kubelet(warning: bool, reason: &'static str, message: &str, (count, age): (i64, i64)) -> Said {
    Said { warning, reason, message: message.to_owned(), component: "kubelet", count, age }
}
