//! What a kubelet reports of a pod, by its state.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::super::json::{at, items, set, text};
use super::super::{ago, rfc3339};
use super::PodState;

/// How long containers that end take: jobs, and what runs before the others.
const RUN_SECONDS: i64 = 51;
const INIT_SECONDS: i64 = 4;

/// Writes the status that belongs to a state, from the spec in the document.
pub(in super::super) fn set_status(pod: &mut Value, state: PodState, now: Timestamp, ips: (&str, &str)) {
    let report = Report::of(pod, state, now);
    let mut status = json!({"phase": state.phase(), "qosClass": "Burstable", "conditions": report.conditions()});
    if state == PodState::Evicted {
        let message = "The node was low on resource: ephemeral-storage. Threshold quantity: 10%, available: 7%.";
        set(&mut status, "", "reason", "Evicted".into());
        set(&mut status, "", "message", message.into());
        set(&mut status, "", "startTime", report.started.as_str().into());
    } else if state.is_placed() {
        let (host_ip, pod_ip) = ips;
        set(&mut status, "", "hostIP", host_ip.into());
        set(&mut status, "", "hostIPs", json!([{"ip": host_ip}]));
        if state != PodState::Creating {
            set(&mut status, "", "podIP", pod_ip.into());
            set(&mut status, "", "podIPs", json!([{"ip": pod_ip}]));
        }
        let containers = items(pod, "/spec/containers").iter().enumerate();
        let containers: Vec<Value> =
            containers.map(|(number, container)| report.container(container, number == 0)).collect();
        set(&mut status, "", "containerStatuses", containers.into());
        let inits: Vec<Value> =
            items(pod, "/spec/initContainers").iter().map(|container| report.init_container(container)).collect();
        if !inits.is_empty() {
            set(&mut status, "", "initContainerStatuses", inits.into());
        }
        set(&mut status, "", "startTime", report.started.as_str().into());
    }
    set(pod, "", "status", status);
}

impl PodState {
    fn phase(self) -> &'static str {
        match self {
            Self::Running | Self::NotReady | Self::CrashLoop(_) | Self::OutOfMemory(_) | Self::Terminating => "Running",
            Self::Completed => "Succeeded",
            Self::Failed | Self::Evicted => "Failed",
            Self::ImagePull
            | Self::Unschedulable
            | Self::NoVolume
            | Self::Creating
            | Self::Initializing
            | Self::InitCrashLoop(_) => "Pending",
        }
    }

    /// Whether a node has been found for it.
    fn is_placed(self) -> bool {
        !matches!(self, Self::Unschedulable | Self::NoVolume)
    }

    fn is_serving(self) -> bool {
        matches!(self, Self::Running | Self::Terminating)
    }
}

/// What all parts of one status share.
struct Report {
    state: PodState,
    pod: String,
    /// When the kubelet took the pod.
    started: String,
    start: Timestamp,
    /// When a container failed last.
    failed: String,
}

impl Report {
    fn of(pod: &Value, state: PodState, now: Timestamp) -> Self {
        let created = text(pod, "/metadata/creationTimestamp");
        let start = created.parse::<Timestamp>().map_or(now, |time| (time + SignedDuration::from_secs(3)).min(now));
        let name = text(pod, "/metadata/name");
        let spread = i64::try_from(hash(name, 0) % 280).unwrap_or(0);
        Self { state, pod: name.to_owned(), started: rfc3339(start), start, failed: ago(now, 20 + spread) }
    }

    fn after(&self, seconds: i64) -> String {
        rfc3339(self.start + SignedDuration::from_secs(seconds))
    }

    fn conditions(&self) -> Value {
        let state = self.state;
        let initialized = !matches!(state, PodState::Initializing | PodState::InitCrashLoop(_));
        let mut conditions = Vec::new();
        if state.is_placed() {
            conditions.push(self.condition("PodReadyToStartContainers", state != PodState::Creating));
            conditions.push(self.condition("Initialized", initialized));
            for kind in ["Ready", "ContainersReady"] {
                let mut condition = self.condition(kind, state.is_serving());
                if state == PodState::Completed {
                    set(&mut condition, "", "reason", "PodCompleted".into());
                } else if !state.is_serving() {
                    set(&mut condition, "", "reason", "ContainersNotReady".into());
                }
                conditions.push(condition);
            }
        }
        let mut condition = self.condition("PodScheduled", state.is_placed());
        if !state.is_placed() {
            let message = if state == PodState::NoVolume {
                "0/12 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
            } else {
                "0/12 nodes are available: 12 Insufficient memory. no new claims to deallocate, preemption: 0/12 nodes are available: 12 No preemption victims found for incoming pod."
            };
            set(&mut condition, "", "reason", "Unschedulable".into());
            set(&mut condition, "", "message", message.into());
        }
        conditions.push(condition);
        conditions.into()
    }

    fn condition(&self, kind: &str, truth: bool) -> Value {
        let status = if truth { "True" } else { "False" };
        json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": self.started})
    }

    /// Only the first container is in trouble; the others run.
    fn container(&self, container: &Value, first: bool) -> Value {
        let image = text(container, "/image");
        let in_one = matches!(self.state, PodState::CrashLoop(_) | PodState::OutOfMemory(_) | PodState::NotReady);
        let state = if in_one && !first { PodState::Running } else { self.state };
        let back_off = || {
            let message =
                format!("back-off 5m0s restarting failed container={} pod={}", text(container, "/name"), self.pod);
            waiting("CrashLoopBackOff", &message)
        };
        let none = json!({});
        let (current, last, restarts) = match state {
            PodState::CrashLoop(count) => (back_off(), self.ended(image, (1, "Error"), &self.failed), count),
            PodState::OutOfMemory(count) => (back_off(), self.ended(image, (137, "OOMKilled"), &self.failed), count),
            PodState::ImagePull => {
                let message = format!(
                    "Back-off pulling image \"{image}\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": not found"
                );
                (waiting("ImagePullBackOff", &message), none, 0)
            }
            PodState::Creating => (waiting("ContainerCreating", ""), none, 0),
            PodState::Initializing | PodState::InitCrashLoop(_) => (waiting("PodInitializing", ""), none, 0),
            PodState::Completed => (self.ended(image, (0, "Completed"), &self.after(RUN_SECONDS)), none, 0),
            PodState::Failed => (self.ended(image, (1, "Error"), &self.after(RUN_SECONDS)), none, 0),
            PodState::Running
            | PodState::NotReady
            | PodState::Terminating
            | PodState::Evicted
            | PodState::Unschedulable
            | PodState::NoVolume => (json!({"running": {"startedAt": self.after(INIT_SECONDS)}}), none, 0),
        };
        let up = state.is_serving() || state == PodState::NotReady;
        let ran = up || restarts > 0 || state == PodState::Completed || state == PodState::Failed;
        let mut status = json!({
            "name": at(container, "/name"), "image": image, "imageID": if ran { image_id(image) } else { String::new() },
            "ready": state.is_serving(), "started": up, "restartCount": restarts, "state": current, "lastState": last,
        });
        if ran {
            set(&mut status, "", "containerID", container_id(image, 1).into());
        }
        status
    }

    fn init_container(&self, container: &Value) -> Value {
        let image = text(container, "/image");
        let sidecar = text(container, "/restartPolicy") == "Always";
        let running = json!({"running": {"startedAt": self.started}});
        let none = json!({});
        let before = matches!(self.state, PodState::Initializing | PodState::InitCrashLoop(_) | PodState::Creating);
        let (current, last, restarts, ready) = if sidecar && before || self.state == PodState::Creating {
            (waiting("PodInitializing", ""), none, 0, false)
        } else if sidecar {
            (running, none, 0, true)
        } else if self.state == PodState::Initializing {
            (running, none, 0, false)
        } else if let PodState::InitCrashLoop(count) = self.state {
            let message =
                format!("back-off 5m0s restarting failed container={} pod={}", text(container, "/name"), self.pod);
            let last = self.ended(image, (1, "Error"), &self.failed);
            (waiting("CrashLoopBackOff", &message), last, count, false)
        } else {
            (self.ended(image, (0, "Completed"), &self.after(INIT_SECONDS)), none, 0, true)
        };
        json!({
            "name": at(container, "/name"), "image": image, "imageID": image_id(image),
            "containerID": container_id(image, 3), "ready": ready, "started": sidecar && ready,
            "restartCount": restarts, "state": current, "lastState": last,
        })
    }

    fn ended(&self, image: &str, (code, reason): (i32, &str), at: &str) -> Value {
        json!({"terminated": {
            "exitCode": code, "reason": reason, "startedAt": self.started, "finishedAt": at,
            "containerID": container_id(image, 7),
        }})
    }
}

fn waiting(reason: &str, message: &str) -> Value {
    if message.is_empty() {
        json!({"waiting": {"reason": reason}})
    } else {
        json!({"waiting": {"reason": reason, "message": message}})
    }
}

fn hash(text: &str, salt: u64) -> u64 {
    let mixed = text.bytes().fold(salt.wrapping_add(0xcbf2_9ce4_8422_2325), |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    fastrand::Rng::with_seed(mixed).u64(..)
}

fn image_id(image: &str) -> String {
    let repository = image.rsplit_once(':').map_or(image, |(repository, _)| repository);
    let (a, b) = (hash(image, 1), hash(image, 2));
    format!("{repository}@sha256:{a:016x}{b:016x}{:016x}{:016x}", a ^ b, a.wrapping_add(b))
}

fn container_id(image: &str, salt: u64) -> String {
    let (a, b) = (hash(image, salt), hash(image, salt + 100));
    format!("containerd://{a:016x}{b:016x}{:016x}{:016x}", !a, !b)
}
