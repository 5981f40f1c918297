//! Cells of pods: STATUS, READY, RESTARTS and the others.

use jiff::Timestamp;
use serde_json::Value;

use super::super::json::{at, int, items, text, truth};
use super::{age, age_of};

/// The cells of a pod.
pub(super) fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let containers = items(pod, "/spec/containers");
    let mut summary = Summary {
        reason: first_of(&[text(pod, "/status/reason"), text(pod, "/status/phase")]),
        total: containers.len(),
        ..Summary::default()
    };
    let gated = condition(pod, "PodScheduled");
    if text(gated, "/reason") == "SchedulingGated" {
        "SchedulingGated".clone_into(&mut summary.reason);
    }
    let initializing = summary.init_containers(pod);
    if !initializing || condition_is(pod, "Initialized", "True") {
        summary.containers(pod);
    }
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        summary.reason = if text(pod, "/status/reason") == "NodeLost" {
            "Unknown".to_owned()
        } else {
            let done = matches!(text(pod, "/status/phase"), "Failed" | "Succeeded");
            if done { summary.reason } else { "Terminating".to_owned() }
        };
    }
    let restarts = match (summary.restarts, summary.last_restart.as_str()) {
        (0, _) | (_, "") => summary.restarts.to_string(),
        (count, time) => format!("{count} ({} ago)", age_of(time, now)),
    };
    let none = |value: &str| if value.is_empty() { "<none>".to_owned() } else { value.to_owned() };
    vec![
        text(pod, "/metadata/name").into(),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.reason.into(),
        restarts.into(),
        age(pod, now),
        none(text(pod, "/status/podIP")).into(),
        none(text(pod, "/spec/nodeName")).into(),
        none(text(pod, "/status/nominatedNodeName")).into(),
        gates(pod).into(),
    ]
}

#[derive(Default)]
struct Summary {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: String,
    /// Of the init containers that stay: they count once the pod is initialized.
    sidecar_restarts: i64,
    sidecar_last_restart: String,
}

impl Summary {
    /// Reads the init containers; returns true while one of them has not finished.
    fn init_containers(&mut self, pod: &Value) -> bool {
        let specs = items(pod, "/spec/initContainers");
        let is_sidecar = |name: &str| {
            specs.iter().any(|spec| text(spec, "/name") == name && text(spec, "/restartPolicy") == "Always")
        };
        self.total += specs.iter().filter(|spec| text(spec, "/restartPolicy") == "Always").count();
        let mut initializing = false;
        for (number, status) in items(pod, "/status/initContainerStatuses").iter().enumerate() {
            let count = int(status, "/restartCount");
            self.restarts += count;
            newer(&mut self.last_restart, text(status, "/lastState/terminated/finishedAt"));
            let sidecar = is_sidecar(text(status, "/name"));
            if sidecar {
                self.sidecar_restarts += count;
                newer(&mut self.sidecar_last_restart, text(status, "/lastState/terminated/finishedAt"));
            }
            let terminated = at(status, "/state/terminated");
            if terminated.is_object() && int(terminated, "/exitCode") == 0 {
                continue;
            }
            if sidecar && truth(status, "/started") {
                if truth(status, "/ready") {
                    self.ready += 1;
                }
                continue;
            }
            if initializing {
                continue;
            }
            initializing = true;
            let waiting = text(status, "/state/waiting/reason");
            self.reason = if terminated.is_object() {
                format!("Init:{}", exit_reason(terminated))
            } else if !waiting.is_empty() && waiting != "PodInitializing" {
                format!("Init:{waiting}")
            } else {
                format!("Init:{number}/{}", specs.len())
            };
        }
        initializing
    }

    fn containers(&mut self, pod: &Value) {
        let mut running = false;
        self.restarts = self.sidecar_restarts;
        self.last_restart = std::mem::take(&mut self.sidecar_last_restart);
        for status in items(pod, "/status/containerStatuses").iter().rev() {
            self.restarts += int(status, "/restartCount");
            newer(&mut self.last_restart, text(status, "/lastState/terminated/finishedAt"));
            let waiting = text(status, "/state/waiting/reason");
            let terminated = at(status, "/state/terminated");
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if terminated.is_object() {
                self.reason = exit_reason(terminated);
            } else if truth(status, "/ready") && at(status, "/state/running").is_object() {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && running {
            self.reason = if condition_is(pod, "Ready", "True") { "Running".to_owned() } else { "NotReady".to_owned() };
        }
    }
}

fn exit_reason(terminated: &Value) -> String {
    let reason = text(terminated, "/reason");
    if !reason.is_empty() {
        return reason.to_owned();
    }
    match int(terminated, "/signal") {
        0 => format!("ExitCode:{}", int(terminated, "/exitCode")),
        signal => format!("Signal:{signal}"),
    }
}

/// Times in one format compare as text.
fn newer(last: &mut String, time: &str) {
    if time > last.as_str() {
        time.clone_into(last);
    }
}

fn first_of(texts: &[&str]) -> String {
    texts.iter().find(|text| !text.is_empty()).copied().unwrap_or_default().to_owned()
}

fn condition<'a>(pod: &'a Value, kind: &str) -> &'a Value {
    items(pod, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind).unwrap_or(&Value::Null)
}

fn condition_is(pod: &Value, kind: &str, status: &str) -> bool {
    text(condition(pod, kind), "/status") == status
}

fn gates(pod: &Value) -> String {
    let gates = items(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates.iter().filter(|gate| condition_is(pod, text(gate, "/conditionType"), "True")).count();
    format!("{open}/{}", gates.len())
}
