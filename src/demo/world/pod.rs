//! Pods as a kubelet and a controller would have written them.

use serde_json::{Value, json};

use super::super::json::{at, set};
use super::{Builder, ago};

mod status;

pub(super) use status::set_status;

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
