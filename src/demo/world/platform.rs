//! What every cluster starts with: namespaces, nodes, rights, leases.

use serde_json::{Value, json};

use super::super::json::{set, text};
use super::super::member::Story;
use super::event::{self, Said};
use super::plan::{NAMESPACES, PLANS};
use super::{Builder, ago, node_ip, suffix};

/// Builds them.
pub(super) fn build(builder: &mut Builder<'_>) {
    namespaces(builder);
    nodes(builder);
    service_accounts(builder);
    cluster_rights(builder);
    classes(builder);
    leases(builder);
}

fn namespaces(builder: &mut Builder<'_>) {
    for namespace in NAMESPACES {
        let age = builder.cluster_age();
        let mut metadata = builder.metadata("", namespace, age);
        set(&mut metadata, "", "labels", json!({"kubernetes.io/metadata.name": namespace}));
        builder.put(
            "",
            "namespaces",
            json!({
                "metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            }),
        );
        let metadata = builder.metadata(namespace, "kube-root-ca.crt", age);
        builder.put(
            "",
            "configmaps",
            json!({
                "metadata": metadata,
                "data": {"ca.crt": "-----BEGIN CERTIFICATE-----\nMIIDemo\n-----END CERTIFICATE-----\n"},
            }),
        );
    }
    let age = builder.cluster_age();
    let metadata = builder.metadata("payments", "compute", age);
    let (hard, used) = (
        json!({"requests.cpu": "40", "requests.memory": "80Gi", "limits.memory": "200Gi"}),
        json!({"requests.cpu": "7300m", "requests.memory": "9344Mi", "limits.memory": "37376Mi"}),
    );
    builder.put(
        "",
        "resourcequotas",
        json!({"metadata": metadata, "spec": {"hard": hard}, "status": {"hard": hard, "used": used}}),
    );
    let metadata = builder.metadata("payments", "defaults", age);
    builder.put(
        "",
        "limitranges",
        json!({
            "metadata": metadata, "spec": {"limits": [{"type": "Container", "default": {"memory": "512Mi"}}]},
        }),
    );
}

fn nodes(builder: &mut Builder<'_>) {
    let control_planes = 1;
    for number in 0..builder.member.nodes.max(1) {
        let name = if number < control_planes { format!("cp-{:02}", number + 1) } else { format!("n-{number:02}") };
        builder.nodes.push(name);
    }
    let count = builder.nodes.len();
    for (number, name) in builder.nodes.clone().into_iter().enumerate() {
        let is_last = number + 1 == count && count > 3;
        let lost = is_last && builder.member.story == Story::EuWest;
        let cordoned = is_last && builder.member.story == Story::UsEast;
        let mut node = node(builder, &name, number, lost);
        if cordoned {
            set(&mut node, "/spec", "unschedulable", true.into());
            set(
                &mut node,
                "/spec",
                "taints",
                json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]),
            );
        }
        if lost {
            set(
                &mut node,
                "/spec",
                "taints",
                json!([
                {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": ago(builder.now, 540)}]),
            );
            let said = Said {
                warning: false,
                reason: "NodeNotReady",
                message: format!("Node {name} status is now: NodeNotReady"),
                component: "node-controller",
                count: 1,
                age: 540,
            };
            let uid = builder.uid();
            let event_name = event::name(&name, &mut builder.rng);
            let document = event::document(&node, "Node", (&event_name, &uid), &said, builder.now);
            builder.put("", "events", document);
        }
        builder.put("", "nodes", node);
        let age = builder.cluster_age();
        let metadata = builder.metadata("", &name, age);
        builder.put("storage.k8s.io", "csinodes", json!({
            "metadata": metadata, "spec": {"drivers": [{"name": "disk.csi.example.com", "nodeID": name, "topologyKeys": []}]},
        }));
        let metadata = builder.metadata("", &name, 15);
        builder.put(
            "metrics.k8s.io",
            "nodes",
            json!({
                "metadata": metadata, "timestamp": ago(builder.now, 15), "window": "20.05s",
                "usage": {"cpu": format!("{}m", 180 + number * 37), "memory": format!("{}Mi", 3_100 + number * 211)},
            }),
        );
    }
}

fn node(builder: &mut Builder<'_>, name: &str, number: usize, lost: bool) -> Value {
    let age = builder.cluster_age() - i64::try_from(number).unwrap_or(0) * 86_400;
    let zone = format!("{}-{}", builder.member.name, char::from(b"abc".get(number % 3).copied().unwrap_or(b'a')));
    let mut metadata = builder.metadata("", name, age.max(86_400));
    let mut labels = json!({
        "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": name,
        "node.kubernetes.io/instance-type": "standard-8", "topology.kubernetes.io/zone": zone,
        "topology.kubernetes.io/region": builder.member.name,
    });
    if name.starts_with("cp-") {
        set(&mut labels, "", "node-role.kubernetes.io/control-plane", "".into());
    }
    set(&mut metadata, "", "labels", labels);
    let since = ago(builder.now, if lost { 540 } else { age.clamp(0, 30 * 86_400) });
    let beat = ago(builder.now, if lost { 590 } else { 12 });
    let pressure = |kind: &str, reason: &str| {
        json!({"type": kind, "status": if lost { "Unknown" } else { "False" },
            "reason": if lost { "NodeStatusUnknown" } else { reason },
            "message": if lost { "Kubelet stopped posting node status." } else { "kubelet is fine" },
            "lastHeartbeatTime": beat, "lastTransitionTime": since})
    };
    let mut conditions = vec![
        pressure("MemoryPressure", "KubeletHasSufficientMemory"),
        pressure("DiskPressure", "KubeletHasNoDiskPressure"),
        pressure("PIDPressure", "KubeletHasSufficientPID"),
    ];
    let mut ready = pressure("Ready", "KubeletReady");
    if !lost {
        set(&mut ready, "", "status", "True".into());
        set(&mut ready, "", "message", "kubelet is posting ready status".into());
    }
    conditions.push(ready);
    let resources = json!({"cpu": "8", "memory": "32617640Ki", "pods": "110", "ephemeral-storage": "98831908Ki"});
    json!({
        "metadata": metadata,
        "spec": {"podCIDR": format!("10.64.{number}.0/24"), "podCIDRs": [format!("10.64.{number}.0/24")],
            "providerID": format!("demo:///{zone}/{name}")},
        "status": {
            "capacity": resources, "allocatable": resources, "conditions": conditions,
            "addresses": [{"type": "InternalIP", "address": node_ip(number)}, {"type": "Hostname", "address": name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "kubeletVersion": builder.member.version.to_string(), "kubeProxyVersion": "", "operatingSystem": "linux",
                "architecture": "amd64", "osImage": "Debian GNU/Linux 12 (bookworm)", "kernelVersion": "6.12.41",
                "containerRuntimeVersion": "containerd://2.1.4", "bootID": suffix(&mut builder.rng, 12),
                "machineID": suffix(&mut builder.rng, 12), "systemUUID": suffix(&mut builder.rng, 12),
            },
        },
    })
}

fn service_accounts(builder: &mut Builder<'_>) {
    let age = builder.cluster_age();
    for namespace in NAMESPACES {
        let metadata = builder.metadata(namespace, "default", age);
        builder.put("", "serviceaccounts", json!({"metadata": metadata}));
    }
    for plan in PLANS {
        let metadata = builder.metadata(plan.namespace, plan.name, age);
        builder.put("", "serviceaccounts", json!({"metadata": metadata}));
    }
    for namespace in ["payments", "checkout", "search", "identity"] {
        let metadata = builder.metadata(namespace, "deployer", age);
        builder.put("rbac.authorization.k8s.io", "roles", json!({
            "metadata": metadata,
            "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch", "patch"]}],
        }));
        let metadata = builder.metadata(namespace, "deployer", age);
        builder.put(
            "rbac.authorization.k8s.io",
            "rolebindings",
            json!({
                "metadata": metadata,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
                "subjects": [
                    {"kind": "ServiceAccount", "name": "deployer", "namespace": "platform"},
                    {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": format!("team-{namespace}")},
                ],
            }),
        );
    }
}

fn cluster_rights(builder: &mut Builder<'_>) {
    let age = builder.cluster_age();
    for (name, verbs) in [
        ("cluster-admin", json!(["*"])),
        ("admin", json!(["create", "delete", "get", "list", "patch", "update", "watch"])),
        ("edit", json!(["create", "delete", "get", "list", "patch", "update", "watch"])),
        ("view", json!(["get", "list", "watch"])),
        ("system:node", json!(["get", "list", "watch"])),
        ("log-shipper", json!(["get", "list", "watch"])),
    ] {
        let metadata = builder.metadata("", name, age);
        builder.put(
            "rbac.authorization.k8s.io",
            "clusterroles",
            json!({
                "metadata": metadata, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": verbs}],
            }),
        );
    }
    for (name, role, subject) in [
        (
            "cluster-admin",
            "cluster-admin",
            json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:masters"}),
        ),
        (
            "demo-operator",
            "cluster-admin",
            json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "demo-operator"}),
        ),
        (
            "log-shipper",
            "log-shipper",
            json!({"kind": "ServiceAccount", "name": "log-shipper", "namespace": "observability"}),
        ),
    ] {
        let metadata = builder.metadata("", name, age);
        builder.put(
            "rbac.authorization.k8s.io",
            "clusterrolebindings",
            json!({
                "metadata": metadata, "subjects": [subject],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            }),
        );
    }
}

fn classes(builder: &mut Builder<'_>) {
    let age = builder.cluster_age();
    for (name, value) in
        [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000), ("batch-low", -100)]
    {
        let metadata = builder.metadata("", name, age);
        builder.put(
            "scheduling.k8s.io",
            "priorityclasses",
            json!({
                "metadata": metadata, "value": value, "preemptionPolicy": "PreemptLowerPriority",
            }),
        );
    }
    let metadata = builder.metadata("", "edge", age);
    builder.put(
        "networking.k8s.io",
        "ingressclasses",
        json!({"metadata": metadata, "spec": {"controller": "example.com/edge"}}),
    );
    let metadata = builder.metadata("", "policy-check", age);
    builder.put("admissionregistration.k8s.io", "validatingwebhookconfigurations", json!({
        "metadata": metadata, "webhooks": [{
            "name": "check.policy.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "failurePolicy": "Ignore", "clientConfig": {"service": {"namespace": "platform", "name": "policy", "path": "/check"}},
        }],
    }));
}

fn leases(builder: &mut Builder<'_>) {
    let age = builder.cluster_age();
    let nodes = builder.nodes.clone();
    let named = ["kube-controller-manager", "kube-scheduler"].map(|name| ("kube-system", name.to_owned()));
    let of_nodes = nodes.into_iter().map(|node| ("kube-node-lease", node));
    for (namespace, name) in named.into_iter().chain(of_nodes) {
        let metadata = builder.metadata(namespace, &name, age);
        let holder =
            if namespace == "kube-node-lease" { name.clone() } else { format!("cp-01_{}", text(&metadata, "/uid")) };
        builder.put(
            "coordination.k8s.io",
            "leases",
            json!({
                "metadata": metadata,
                "spec": {"holderIdentity": holder, "leaseDurationSeconds": 40,
                    "renewTime": format!("{}.418223Z", ago(builder.now, 4).trim_end_matches('Z'))},
            }),
        );
    }
}
