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
    (kind, api_version): (&str, &str),
    name: &str,
    uid: &str,
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
        "kind": kind, "apiVersion": api_version, "name": text(about, "/metadata/name"),
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
        let event = document(pod, ("Pod", "v1"), &name, &uid, &said, builder.now);
        builder.put("", "events", event);
    }
}

/// What is said about a pod in this state.
pub(super) fn about_pod(pod: &Value, state: PodState) -> Vec<Said> {
    let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
    let container = items(pod, "/spec/containers").first().cloned().unwrap_or_default();
    let (container, image) = (text(&container, "/name"), text(&container, "/image"));
    let uid = text(pod, "/metadata/uid");
    let kubelet =
        |warning, reason, message, count, age| Said { warning, reason, message, component: "kubelet", count, age };
    let back_off = |count: u32| {
        kubelet(
            true,
            "BackOff",
            format!("Back-off restarting failed container {container} in pod {name}_{namespace}({uid})"),
            i64::from(count) * 6,
            75,
        )
    };
    match state {
        PodState::CrashLoop(count) | PodState::InitCrashLoop(count) => vec![back_off(count)],
        PodState::OutOfMemory(count) => vec![
            back_off(count),
            kubelet(
                false,
                "Pulled",
                format!("Container image \"{image}\" already present on machine"),
                i64::from(count),
                130,
            ),
        ],
        PodState::ImagePull => vec![
            kubelet(
                true,
                "Failed",
                format!(
                    "Failed to pull image \"{image}\": rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": not found"
                ),
                9,
                210,
            ),
            kubelet(true, "Failed", "Error: ImagePullBackOff".to_owned(), 61, 40),
            kubelet(false, "BackOff", format!("Back-off pulling image \"{image}\""), 66, 25),
        ],
        PodState::NotReady => vec![kubelet(
            true,
            "Unhealthy",
            "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned(),
            48,
            12,
        )],
        PodState::Unschedulable | PodState::NoVolume => {
            let conditions = items(pod, "/status/conditions");
            let message = conditions.last().map_or("", |condition| text(condition, "/message"));
            vec![Said {
                warning: true,
                reason: "FailedScheduling",
                message: message.to_owned(),
                component: "default-scheduler",
                count: 14,
                age: 55,
            }]
        }
        PodState::Evicted => vec![kubelet(
            true,
            "Evicted",
            "The node was low on resource: ephemeral-storage. Threshold quantity: 10%, available: 7%.".to_owned(),
            1,
            2_400,
        )],
        PodState::Terminating => {
            vec![kubelet(true, "FailedKillPod", "error killing pod: context deadline exceeded".to_owned(), 5, 70)]
        }
        PodState::Initializing | PodState::Creating => vec![
            Said {
                warning: false,
                reason: "Scheduled",
                message: format!("Successfully assigned {namespace}/{name} to {}", text(pod, "/spec/nodeName")),
                component: "default-scheduler",
                count: 1,
                age: 30,
            },
            kubelet(false, "Pulling", format!("Pulling image \"{image}\""), 1, 28),
        ],
        PodState::Running | PodState::Completed | PodState::Failed => Vec::new(),
    }
}
