//! Pods. Their status is not a field: it is computed from the phase, the conditions and the state of each container.

use super::wire::{Condition, Maybe, Object, Seq, Str, condition, is_true, or_none};
use super::{Projected, health};
use crate::model::cell::Cell;
use crate::model::health::Health;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use serde::Deserialize;
use std::borrow::Cow;

type Pod<'a> = Object<'a, Spec<'a>, Status<'a>>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    containers: Seq<serde::de::IgnoredAny>,
    #[serde(borrow)]
    init_containers: Seq<InitContainer<'a>>,
    node_name: Str<'a>,
    #[serde(borrow)]
    readiness_gates: Seq<Gate<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct InitContainer<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    restart_policy: Str<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Gate<'a> {
    #[serde(borrow)]
    condition_type: Str<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow)]
    phase: Str<'a>,
    reason: Str<'a>,
    #[serde(borrow)]
    conditions: Seq<Condition<'a>>,
    #[serde(rename = "podIP")]
    pod_ip: Str<'a>,
    #[serde(borrow, rename = "podIPs")]
    pod_ips: Seq<Address<'a>>,
    nominated_node_name: Str<'a>,
    #[serde(borrow)]
    init_container_statuses: Seq<ContainerStatus<'a>>,
    #[serde(borrow)]
    container_statuses: Seq<ContainerStatus<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Address<'a> {
    #[serde(borrow)]
    ip: Str<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerStatus<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    ready: bool,
    started: Option<bool>,
    restart_count: i64,
    #[serde(borrow)]
    state: Maybe<State<'a>>,
    #[serde(borrow)]
    last_state: Maybe<State<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct State<'a> {
    #[serde(borrow)]
    waiting: Option<Waiting<'a>>,
    running: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    terminated: Option<Terminated<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Waiting<'a> {
    #[serde(borrow)]
    reason: Str<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Terminated<'a> {
    #[serde(borrow)]
    reason: Str<'a>,
    exit_code: i64,
    signal: i64,
    finished_at: Str<'a>,
}

impl<'a> Terminated<'a> {
    /// Why it ended: the reason, or else the signal, or else the exit code.
    fn word(&self) -> Cow<'a, str> {
        match self {
            t if !t.reason.is_empty() => t.reason.clone().into_cow(),
            t if t.signal != 0 => Cow::Owned(format!("Signal:{}", t.signal)),
            t => Cow::Owned(format!("ExitCode:{}", t.exit_code)),
        }
    }
}

impl Pod<'_> {
    /// Returns true for a sidecar: an init container that keeps running beside the others.
    fn is_sidecar(&self, name: &str) -> bool {
        self.spec.init_containers.iter().any(|c| *c.name == *name && *c.restart_policy == *"Always")
    }
}

/// Number of restarts, and the time of the last one.
#[derive(Debug, Clone, Copy, Default)]
struct Restarts {
    count: i64,
    last: Option<UnixSeconds>,
}

impl Restarts {
    fn add(&mut self, container: &ContainerStatus<'_>) {
        self.count += container.restart_count;
        let ended = container.last_state.terminated.as_ref().and_then(|t| t.finished_at.time());
        self.last = self.last.max(ended);
    }

    fn cell(self) -> Cell {
        match u32::try_from(self.count) {
            Ok(0) => Cell::Restarts { count: 0, last: None },
            Ok(count) => Cell::Restarts { count, last: self.last },
            Err(_) => Cell::Int(self.count),
        }
    }
}

/// The state of a pod: READY, STATUS and RESTARTS.
#[derive(Debug, Default)]
struct Progress<'a> {
    status: Cow<'a, str>,
    ready: i64,
    restarts: Restarts,
}

/// The state of the init containers: the one that blocks the pod, if any, and the counts of the sidecars.
#[derive(Debug, Default)]
struct Init<'a> {
    held_up: Option<Cow<'a, str>>,
    ready: i64,
    all: Restarts,
    sidecars: Restarts,
}

fn init<'a>(pod: &Pod<'a>) -> Init<'a> {
    let mut init = Init::default();
    for (position, container) in pod.status.init_container_statuses.iter().enumerate() {
        let sidecar = pod.is_sidecar(&container.name);
        init.all.add(container);
        if sidecar {
            init.sidecars.add(container);
        }
        let state = &container.state;
        match (&state.terminated, &state.waiting) {
            (Some(ended), _) if ended.exit_code == 0 => {}
            _ if sidecar && container.started == Some(true) => init.ready += i64::from(container.ready),
            (Some(ended), _) => {
                init.held_up = Some(Cow::Owned(format!("Init:{}", ended.word())));
                break;
            }
            (None, Some(waiting)) if !waiting.reason.is_empty() && *waiting.reason != *"PodInitializing" => {
                init.held_up = Some(Cow::Owned(format!("Init:{}", &*waiting.reason)));
                break;
            }
            (None, _) => {
                let all = pod.spec.init_containers.len();
                init.held_up = Some(Cow::Owned(format!("Init:{position}/{all}")));
                break;
            }
        }
    }
    init
}

/// Computes the state of the pod, as the server's own table does.
fn progress<'a>(pod: &Pod<'a>) -> Progress<'a> {
    let status = &pod.status;
    let gated = status.conditions.iter().any(|c| *c.kind == *"PodScheduled" && *c.reason == *"SchedulingGated");
    let mut progress = Progress {
        status: match status {
            _ if gated => Cow::Borrowed("SchedulingGated"),
            s if s.reason.is_empty() => s.phase.clone().into_cow(),
            s => s.reason.clone().into_cow(),
        },
        ..Progress::default()
    };
    let init = init(pod);
    progress.ready = init.ready;
    progress.restarts = init.all;
    let begun = init.held_up.is_none() || is_true(&status.conditions, "Initialized");
    if let Some(why) = init.held_up {
        progress.status = why;
    }
    if begun {
        progress.restarts = init.sidecars;
        containers(pod, &mut progress);
    }
    if pod.metadata.is_terminating() {
        if *status.reason == *"NodeLost" {
            progress.status = Cow::Borrowed("Unknown");
        } else if !matches!(&*status.phase, "Succeeded" | "Failed") {
            progress.status = Cow::Borrowed("Terminating");
        }
    }
    progress
}

/// Adds the state of the regular containers. The first container in the list wins.
fn containers<'a>(pod: &Pod<'a>, progress: &mut Progress<'a>) {
    let mut running = false;
    let mut failure = None;
    for container in pod.status.container_statuses.iter().rev() {
        progress.restarts.add(container);
        let state = &container.state;
        match (&state.waiting, &state.terminated) {
            (Some(waiting), _) if !waiting.reason.is_empty() => progress.status = waiting.reason.clone().into_cow(),
            (_, Some(ended)) => {
                progress.status = ended.word();
                if ended.exit_code != 0 {
                    failure = Some(progress.status.clone());
                }
            }
            _ if container.ready && state.running.is_some() => {
                running = true;
                progress.ready += 1;
            }
            _ => {}
        }
    }
    if progress.status != "Completed" {
        return;
    }
    // One container has completed: that is the pod's state only if no other one says more.
    match failure {
        _ if running && is_true(&pod.status.conditions, "Ready") => progress.status = Cow::Borrowed("Running"),
        Some(failure) => progress.status = failure,
        None if running => progress.status = Cow::Borrowed("NotReady"),
        None => {}
    }
}

fn gates(pod: &Pod<'_>) -> Cell {
    let gates = &pod.spec.readiness_gates;
    if gates.is_empty() {
        return Cell::None;
    }
    let passed = gates.iter().filter(|g| is_true(&pod.status.conditions, &g.condition_type)).count();
    super::wire::ratio(i64::try_from(passed).unwrap_or(0), i64::try_from(gates.len()).unwrap_or(0))
}

/// Reasons for which a container does not run and needs an intervention, or runs only to fail again.
const BROKEN: [&str; 15] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "ImageInspectError",
    "InvalidImageName",
    "RegistryUnavailable",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PostStartHookError",
    "ContainerCannotRun",
    "ContainerStatusUnknown",
    "OOMKilled",
    "Error",
];

fn verdict(pod: &Pod<'_>, progress: &Progress<'_>, total: i64) -> Health {
    let status = &*progress.status;
    let word = status.strip_prefix("Init:").unwrap_or(status);
    let exited = word.starts_with("ExitCode:") || word.starts_with("Signal:");
    match &*pod.status.phase {
        _ if status == "Unknown" => Health::Degraded(Text::const_new("Unknown")),
        "Failed" => Health::Failed(health::reason(status)),
        "Succeeded" => Health::Healthy,
        _ if pod.metadata.is_terminating() => Health::Progressing,
        _ if BROKEN.contains(&word) || exited => Health::Failed(health::reason(status)),
        "Pending" => match condition(&pod.status.conditions, "PodScheduled") {
            Some(c) if *c.status == *"False" && *c.reason == *"Unschedulable" => {
                Health::Degraded(Text::const_new("Unschedulable"))
            }
            _ => Health::Progressing,
        },
        "Running" if progress.ready >= total && !pod.spec.readiness_gates.is_empty() => {
            if is_true(&pod.status.conditions, "Ready") {
                Health::Healthy
            } else {
                Health::Degraded(Text::const_new("ReadinessGates"))
            }
        }
        "Running" if progress.ready >= total => Health::Healthy,
        "Running" => health::short_of(progress.ready, total, "ready"),
        _ => Health::Unknown,
    }
}

/// Projects a pod.
pub(super) fn pod(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let pod: Pod<'_> = serde_json::from_str(raw)?;
    let progress = progress(&pod);
    let sidecars = pod.spec.init_containers.iter().filter(|c| *c.restart_policy == *"Always").count();
    let total = i64::try_from(pod.spec.containers.len() + sidecars).unwrap_or(0);
    let ip = pod.status.pod_ips.first().map_or(&*pod.status.pod_ip, |a| &*a.ip);
    let cells = Box::new([
        super::wire::ratio(progress.ready, total),
        Cell::text(&progress.status),
        progress.restarts.cell(),
        pod.metadata.age(),
        or_none(ip),
        or_none(&pod.spec.node_name),
        or_none(&pod.status.nominated_node_name),
        gates(&pod),
    ]);
    let health = verdict(&pod, &progress, total);
    Ok(Projected { cells, health, meta: pod.metadata })
}

#[cfg(test)]
mod tests;
