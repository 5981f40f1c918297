//! Pods as a kubelet and a controller would have written them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::json::{at, items, set, text};
use super::{Builder, ago, rfc3339};

/// What a pod is going through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PodState {
    Running,
    /// Runs, but its probe fails.
    NotReady,
    CrashLoop(u32),
    /// Killed for memory again and again.
    OutOfMemory(u32),
    /// Its image does not exist.
    ImagePull,
    /// No node fits.
    Unschedulable,
    /// Waits for a volume that nobody provides.
    NoVolume,
    Creating,
    /// Its init container is still at it.
    Initializing,
    InitCrashLoop(u32),
    Completed,
    Failed,
    Evicted,
    /// Asked to stop, and does not.
    Terminating,
}

impl PodState {
    pub(super) fn is_ready(self) -> bool {
        matches!(self, Self::Running)
    }
}

/// Everything that tells one pod from another.
#[derive(Debug, Clone)]
pub(super) struct PodPlan<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: String,
    pub(super) labels: Value,
    /// The only owner reference, or null.
    pub(super) owner: Value,
    pub(super) containers: Vec<(&'a str, String)>,
    pub(super) init: Option<(&'a str, String)>,
    /// A container that starts first and stays.
    pub(super) sidecar: Option<(&'a str, String)>,
    pub(super) claim: Option<String>,
    pub(super) service_account: &'a str,
    pub(super) node: Option<String>,
    pub(super) state: PodState,
    /// Seconds since its creation.
    pub(super) age: i64,
}

/// The whole document of a pod.
pub(super) fn document(builder: &mut Builder<'_>, plan: &PodPlan<'_>) -> Value {
    let created = ago(builder.now, plan.age);
    let mut metadata = json!({
        "name": plan.name, "namespace": plan.namespace, "uid": builder.uid(),
        "creationTimestamp": created, "labels": plan.labels,
        "annotations": {
            "prometheus.io/scrape": "true", "prometheus.io/port": "9090",
            "kubectl.kubernetes.io/restartedAt": created,
        },
        "managedFields": managed_fields(&created, plan.containers.first().map_or("", |c| c.0)),
    });
    if !plan.owner.is_null() {
        let prefix: String = plan.name.rsplit_once('-').map_or(String::new(), |(prefix, _)| format!("{prefix}-"));
        set(&mut metadata, "", "generateName", prefix.into());
        set(&mut metadata, "", "ownerReferences", json!([plan.owner]));
    }
    if plan.state == PodState::Terminating {
        set(&mut metadata, "", "deletionTimestamp", ago(builder.now, 540).into());
        set(&mut metadata, "", "deletionGracePeriodSeconds", 30.into());
        set(&mut metadata, "", "finalizers", json!(["example.com/drain-connections"]));
    }
    let pod_ip = builder.pod_ip();
    let mut pod = json!({"metadata": metadata, "spec": spec(plan)});
    let host_ip = builder.node_ip(plan.node.as_deref().unwrap_or_default());
    set_status(&mut pod, plan.state, builder.now, (&host_ip, &pod_ip));
    pod
}

fn spec(plan: &PodPlan<'_>) -> Value {
    let volume = format!("kube-api-access-{}", plan.name.get(plan.name.len().saturating_sub(5)..).unwrap_or("x"));
    let mut volumes = vec![json!({"name": volume, "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]}})];
    if let Some(claim) = &plan.claim {
        volumes.push(json!({"name": "data", "persistentVolumeClaim": {"claimName": claim}}));
    }
    let containers: Vec<Value> =
        plan.containers.iter().map(|(name, image)| container(name, image, &volume, plan.claim.is_some())).collect();
    let mut inits: Vec<Value> = Vec::new();
    if let Some((name, image)) = &plan.init {
        inits.push(container(name, image, &volume, false));
    }
    if let Some((name, image)) = &plan.sidecar {
        let mut sidecar = container(name, image, &volume, false);
        set(&mut sidecar, "", "restartPolicy", "Always".into());
        inits.push(sidecar);
    }
    let once = matches!(plan.state, PodState::Completed | PodState::Failed);
    let mut spec = json!({
        "containers": containers, "volumes": volumes,
        "restartPolicy": if once { "Never" } else { "Always" },
        "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "serviceAccountName": plan.service_account, "serviceAccount": plan.service_account,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "fsGroup": 65532},
        "schedulerName": "default-scheduler", "enableServiceLinks": true,
        "preemptionPolicy": "PreemptLowerPriority", "priority": 0,
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        ],
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": at(&plan.labels, "/app.kubernetes.io~1name")}},
        }],
    });
    if !inits.is_empty() {
        set(&mut spec, "", "initContainers", inits.into());
    }
    if let Some(node) = &plan.node {
        set(&mut spec, "", "nodeName", node.as_str().into());
    }
    spec
}

fn container(name: &str, image: &str, volume: &str, data: bool) -> Value {
    let mut mounts = vec![json!({
        "name": volume, "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    })];
    if data {
        mounts.push(json!({"name": "data", "mountPath": "/var/lib/service"}));
    }
    json!({
        "name": name, "image": image, "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "database", "key": "url"}}},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "readinessProbe": {
            "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        },
        "volumeMounts": mounts,
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true},
    })
}

/// Writes the status that belongs to a state, from the spec in the document.
pub(super) fn set_status(pod: &mut Value, state: PodState, now: Timestamp, (host_ip, pod_ip): (&str, &str)) {
    let created = text(pod, "/metadata/creationTimestamp").to_owned();
    let started = created
        .parse::<Timestamp>()
        .map_or_else(|_| created.clone(), |created| rfc3339((created + jiff::SignedDuration::from_secs(3)).min(now)));
    let phase = match state {
        PodState::Running
        | PodState::NotReady
        | PodState::CrashLoop(_)
        | PodState::OutOfMemory(_)
        | PodState::Terminating => "Running",
        PodState::Completed => "Succeeded",
        PodState::Failed | PodState::Evicted => "Failed",
        _ => "Pending",
    };
    let mut status = json!({"phase": phase, "qosClass": "Burstable", "conditions": conditions(state, &started)});
    match state {
        PodState::Unschedulable | PodState::NoVolume => {}
        PodState::Evicted => {
            set(&mut status, "", "reason", "Evicted".into());
            set(
                &mut status,
                "",
                "message",
                "The node was low on resource: ephemeral-storage. Threshold quantity: 10%, available: 7%.".into(),
            );
            set(&mut status, "", "startTime", started.into());
        }
        _ => {
            set(&mut status, "", "hostIP", host_ip.into());
            set(&mut status, "", "hostIPs", json!([{"ip": host_ip}]));
            if !matches!(state, PodState::Creating) {
                set(&mut status, "", "podIP", pod_ip.into());
                set(&mut status, "", "podIPs", json!([{"ip": pod_ip}]));
            }
            let containers: Vec<Value> = items(pod, "/spec/containers")
                .iter()
                .enumerate()
                .map(|(number, container)| {
                    // The first container is the one in trouble; the others run.
                    let state = match state {
                        PodState::CrashLoop(_) | PodState::OutOfMemory(_) | PodState::NotReady if number > 0 => {
                            PodState::Running
                        }
                        state => state,
                    };
                    container_status(container, state, &started, now)
                })
                .collect();
            set(&mut status, "", "containerStatuses", containers.into());
            let inits: Vec<Value> = items(pod, "/spec/initContainers")
                .iter()
                .map(|container| init_status(container, state, &started, now))
                .collect();
            if !inits.is_empty() {
                set(&mut status, "", "initContainerStatuses", inits.into());
            }
            set(&mut status, "", "startTime", started.into());
        }
    }
    set(pod, "", "status", status);
}

fn conditions(state: PodState, since: &str) -> Value {
    let flag = |truth: bool| if truth { "True" } else { "False" };
    let scheduled = !matches!(state, PodState::Unschedulable | PodState::NoVolume);
    let initialized = scheduled && !matches!(state, PodState::Initializing | PodState::InitCrashLoop(_));
    let ready = matches!(state, PodState::Running | PodState::Terminating);
    let mut conditions = Vec::new();
    if scheduled {
        conditions.push(json!({"type": "PodReadyToStartContainers", "status": flag(state != PodState::Creating),
            "lastProbeTime": null, "lastTransitionTime": since}));
        conditions.push(json!({"type": "Initialized", "status": flag(initialized), "lastProbeTime": null, "lastTransitionTime": since}));
        for kind in ["Ready", "ContainersReady"] {
            let mut condition =
                json!({"type": kind, "status": flag(ready), "lastProbeTime": null, "lastTransitionTime": since});
            if state == PodState::Completed {
                set(&mut condition, "", "reason", "PodCompleted".into());
            } else if !ready {
                set(&mut condition, "", "reason", "ContainersNotReady".into());
            }
            conditions.push(condition);
        }
    }
    let mut condition =
        json!({"type": "PodScheduled", "status": flag(scheduled), "lastProbeTime": null, "lastTransitionTime": since});
    if !scheduled {
        let message = if state == PodState::NoVolume {
            "0/12 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/12 nodes are available: 12 Preemption is not helpful for scheduling."
        } else {
            "0/12 nodes are available: 12 Insufficient memory. preemption: 0/12 nodes are available: 12 No preemption victims found for incoming pod."
        };
        set(&mut condition, "", "reason", "Unschedulable".into());
        set(&mut condition, "", "message", message.into());
    }
    conditions.push(condition);
    conditions.into()
}

fn container_status(container: &Value, state: PodState, started: &str, now: Timestamp) -> Value {
    let image = text(container, "/image");
    let recent = ago(now, 140);
    let running = json!({"running": {"startedAt": started}});
    let waiting = |reason: &str, message: String| {
        if message.is_empty() {
            json!({"waiting": {"reason": reason}})
        } else {
            json!({"waiting": {"reason": reason, "message": message}})
        }
    };
    let ended = |code: i32, reason: &str, at: &str| {
        json!({"terminated": {
            "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": at,
            "containerID": container_id(image, 7),
        }})
    };
    let back_off = |_: u32| {
        format!(
            "back-off 5m0s restarting failed container={} pod={}",
            text(container, "/name"),
            text(container, "/name")
        )
    };
    let (current, last, restarts) = match state {
        PodState::CrashLoop(count) => (waiting("CrashLoopBackOff", back_off(count)), ended(1, "Error", &recent), count),
        PodState::OutOfMemory(count) => {
            (waiting("CrashLoopBackOff", back_off(count)), ended(137, "OOMKilled", &recent), count)
        }
        PodState::ImagePull => (
            waiting(
                "ImagePullBackOff",
                format!(
                    "Back-off pulling image \"{image}\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": not found"
                ),
            ),
            json!({}),
            0,
        ),
        PodState::Creating => (waiting("ContainerCreating", String::new()), json!({}), 0),
        PodState::Initializing | PodState::InitCrashLoop(_) => {
            (waiting("PodInitializing", String::new()), json!({}), 0)
        }
        PodState::Completed => (ended(0, "Completed", &recent), json!({}), 0),
        PodState::Failed => (ended(1, "Error", &recent), json!({}), 0),
        _ => (running, json!({}), 0),
    };
    let ready = matches!(state, PodState::Running | PodState::Terminating);
    let up = ready || state == PodState::NotReady;
    let mut status = json!({
        "name": at(container, "/name"), "image": image, "imageID": if up { image_id(image) } else { String::new() },
        "ready": ready, "started": up, "restartCount": restarts, "state": current, "lastState": last,
    });
    if up {
        set(&mut status, "", "containerID", container_id(image, 1).into());
    }
    status
}

fn init_status(container: &Value, state: PodState, started: &str, now: Timestamp) -> Value {
    let image = text(container, "/image");
    let sidecar = text(container, "/restartPolicy") == "Always";
    let recent = ago(now, 95);
    let not_yet = matches!(state, PodState::Initializing | PodState::InitCrashLoop(_) | PodState::Creating);
    let ended = |code: i32, reason: &str| {
        json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": recent,
            "containerID": container_id(image, 3)}})
    };
    let (current, last, restarts, ready) = match state {
        _ if sidecar && not_yet => (json!({"waiting": {"reason": "PodInitializing"}}), json!({}), 0, false),
        _ if sidecar => (json!({"running": {"startedAt": started}}), json!({}), 0, true),
        PodState::Creating => (json!({"waiting": {"reason": "PodInitializing"}}), json!({}), 0, false),
        PodState::Initializing => (json!({"running": {"startedAt": started}}), json!({}), 0, false),
        PodState::InitCrashLoop(count) => (
            json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}),
            ended(1, "Error"),
            count,
            false,
        ),
        _ => (ended(0, "Completed"), json!({}), 0, true),
    };
    json!({
        "name": at(container, "/name"), "image": image, "imageID": image_id(image), "containerID": container_id(image, 3),
        "ready": ready, "started": sidecar && ready, "restartCount": restarts, "state": current, "lastState": last,
    })
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

/// What server-side apply remembers: who set which field. A good third of a real pod.
fn managed_fields(time: &str, container: &str) -> Value {
    let key = format!("k:{{\"name\":\"{container}\"}}");
    json!([
        {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1",
         "fieldsV1": {
            "f:metadata": {"f:annotations": {".": {}, "f:prometheus.io/scrape": {}, "f:prometheus.io/port": {}},
                "f:generateName": {}, "f:labels": {".": {}, "f:app.kubernetes.io/name": {}, "f:pod-template-hash": {}},
                "f:ownerReferences": {}},
            "f:spec": {"f:containers": {key: {".": {}, "f:env": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
                "f:ports": {}, "f:readinessProbe": {}, "f:resources": {}, "f:securityContext": {}}},
                "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:restartPolicy": {}, "f:schedulerName": {},
                "f:securityContext": {}, "f:serviceAccount": {}, "f:serviceAccountName": {},
                "f:terminationGracePeriodSeconds": {}, "f:topologySpreadConstraints": {}}}},
        {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1", "subresource": "status",
         "fieldsV1": {"f:status": {"f:conditions": {}, "f:containerStatuses": {}, "f:hostIP": {}, "f:hostIPs": {}, "f:phase": {},
            "f:podIP": {}, "f:podIPs": {}, "f:startTime": {}}}},
    ])
}
