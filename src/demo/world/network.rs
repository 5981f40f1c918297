//! Services and what stands around workloads: ingresses, policies, autoscalers, budgets, settings.

use serde_json::{Value, json};

use super::super::json::{int, set, text};
use super::Builder;
use super::plan::{Kind, PLANS, Plan, Trait};
use crate::demo::store;

/// Builds them for every workload of the plan.
pub(super) fn build(builder: &mut Builder<'_>) {
    api_service(builder);
    for plan in PLANS {
        if plan.kind == Kind::CronJob {
            continue;
        }
        if plan.kind != Kind::DaemonSet {
            service(builder, plan);
        }
        settings(builder, plan);
        for one in plan.traits {
            match one {
                Trait::Ingress => ingress(builder, plan),
                Trait::Autoscaler => autoscaler(builder, plan),
                Trait::DisruptionBudget => disruption_budget(builder, plan),
                Trait::Init | Trait::Sidecar | Trait::Metrics => {}
            }
        }
    }
    for namespace in ["payments", "identity"] {
        let age = builder.cluster_age();
        let metadata = builder.metadata(namespace, "default-deny", age);
        builder.put(
            "networking.k8s.io",
            "networkpolicies",
            json!({
                "metadata": metadata, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
            }),
        );
        let metadata = builder.metadata(namespace, "from-gateway", age);
        builder.put("networking.k8s.io", "networkpolicies", json!({
            "metadata": metadata,
            "spec": {"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": namespace}}, "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "platform"}}}]}]},
        }));
    }
}

fn labels(plan: &Plan) -> Value {
    json!({"app.kubernetes.io/name": plan.name, "app.kubernetes.io/part-of": plan.namespace})
}

/// Metadata with the labels of a workload.
fn labelled(builder: &mut Builder<'_>, plan: &Plan, name: &str) -> Value {
    let age = builder.cluster_age() - 3_600;
    let mut metadata = builder.metadata(plan.namespace, name, age);
    set(&mut metadata, "", "labels", labels(plan));
    metadata
}

fn api_service(builder: &mut Builder<'_>) {
    let age = builder.cluster_age();
    let metadata = builder.metadata("default", "kubernetes", age);
    builder.put(
        "",
        "services",
        json!({
            "metadata": metadata,
            "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"],
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]},
            "status": {"loadBalancer": {}},
        }),
    );
}

/// Addresses of the pods of a workload, ready ones only.
fn addresses(builder: &Builder<'_>, plan: &Plan) -> Vec<(String, String, String)> {
    let Some(index) = builder.store.find("", "pods") else {
        return Vec::new();
    };
    builder
        .pods
        .iter()
        .filter(|pod| pod.state.is_ready() && pod.key.starts_with(&*store::key(plan.namespace, plan.name)))
        .take(100)
        .filter_map(|pod| builder.store.document(index, &pod.key))
        .map(|pod| {
            let field = |pointer| text(&pod, pointer).to_owned();
            (field("/status/podIP"), field("/metadata/name"), field("/spec/nodeName"))
        })
        .collect()
}

fn service(builder: &mut Builder<'_>, plan: &Plan) {
    let metadata = labelled(builder, plan, plan.name);
    let uid = text(&metadata, "/uid").to_owned();
    let public = plan.name == "gateway";
    let address = if plan.kind == Kind::StatefulSet {
        "None".to_owned()
    } else {
        format!("10.96.{}.{}", builder.rng.u8(1..), builder.rng.u8(1..255))
    };
    let mut port = json!({"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"});
    let mut status = json!({"loadBalancer": {}});
    if public {
        set(&mut port, "", "nodePort", builder.rng.u16(30_000..32_767).into());
        let ip = format!("203.0.113.{}", builder.rng.u8(1..255));
        status = json!({"loadBalancer": {"ingress": [{"ip": ip, "ipMode": "VIP"}]}});
    }
    builder.put("", "services", json!({
        "metadata": metadata,
        "spec": {
            "type": if public { "LoadBalancer" } else { "ClusterIP" }, "clusterIP": address, "clusterIPs": [address],
            "selector": {"app.kubernetes.io/name": plan.name}, "ports": [port], "sessionAffinity": "None",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
        },
        "status": status,
    }));
    let addresses = addresses(builder, plan);
    let slice_name = format!("{}-{}", plan.name, super::suffix(&mut builder.rng, 5));
    let mut metadata = labelled(builder, plan, &slice_name);
    set(&mut metadata, "/labels", "kubernetes.io/service-name", plan.name.into());
    set(&mut metadata, "", "ownerReferences", json!([super::owner("v1", "Service", plan.name, &uid)]));
    let endpoints: Vec<Value> = addresses
        .iter()
        .map(|(ip, pod, node)| {
            json!({"addresses": [ip], "conditions": {"ready": true, "serving": true, "terminating": false}, "nodeName": node,
                "targetRef": {"kind": "Pod", "namespace": plan.namespace, "name": pod}})
        })
        .collect();
    builder.put(
        "discovery.k8s.io",
        "endpointslices",
        json!({
            "metadata": metadata, "addressType": "IPv4", "endpoints": endpoints,
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        }),
    );
    let metadata = labelled(builder, plan, plan.name);
    let ips: Vec<Value> = addresses.iter().map(|(ip, ..)| json!({"ip": ip})).collect();
    builder.put(
        "",
        "endpoints",
        json!({
            "metadata": metadata,
            "subsets": [{"addresses": ips, "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]}],
        }),
    );
}

fn settings(builder: &mut Builder<'_>, plan: &Plan) {
    let region = builder.member.name.clone();
    let metadata = labelled(builder, plan, plan.name);
    builder.put("", "configmaps", json!({
        "metadata": metadata,
        "data": {"service.yaml": format!("listen: :8080\nregion: {region}\ncache:\n  entries: 5000\n"), "region": region},
    }));
    if plan.namespace == "kube-system" {
        return;
    }
    let metadata = labelled(builder, plan, &format!("{}-credentials", plan.name));
    // "demo-password" and "demo": nothing that could be mistaken for a real secret.
    builder.put(
        "",
        "secrets",
        json!({
            "metadata": metadata, "type": "Opaque", "data": {"password": "ZGVtby1wYXNzd29yZA==", "user": "ZGVtbw=="},
        }),
    );
    if plan.traits.contains(&Trait::Ingress) {
        let metadata = labelled(builder, plan, &format!("{}-tls", plan.name));
        builder.put("", "secrets", json!({
            "metadata": metadata, "type": "kubernetes.io/tls", "data": {"tls.crt": "ZGVtbw==", "tls.key": "ZGVtbw=="},
        }));
    }
}

fn ingress(builder: &mut Builder<'_>, plan: &Plan) {
    let metadata = labelled(builder, plan, plan.name);
    let host = format!("{}.{}.{}.example.com", plan.name, plan.namespace, builder.member.name);
    let ip = format!("203.0.113.{}", builder.rng.u8(1..255));
    builder.put(
        "networking.k8s.io",
        "ingresses",
        json!({
            "metadata": metadata,
            "spec": {
                "ingressClassName": "edge", "tls": [{"hosts": [host], "secretName": format!("{}-tls", plan.name)}],
                "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix",
                    "backend": {"service": {"name": plan.name, "port": {"name": "http"}}}}]}}],
            },
            "status": {"loadBalancer": {"ingress": [{"ip": ip}]}},
        }),
    );
}

/// A number of the deployment of a plan.
fn of_deployment(builder: &Builder<'_>, plan: &Plan, pointer: &str) -> i64 {
    let index = builder.store.find("apps", "deployments");
    let document = index.and_then(|index| builder.store.document(index, &store::key(plan.namespace, plan.name)));
    document.map_or(0, |document| int(&document, pointer))
}

fn autoscaler(builder: &mut Builder<'_>, plan: &Plan) {
    let metadata = labelled(builder, plan, plan.name);
    let replicas = of_deployment(builder, plan, "/spec/replicas");
    let busy = builder.rng.i64(15..78);
    builder.put("autoscaling", "horizontalpodautoscalers", json!({
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": plan.name},
            "minReplicas": 2, "maxReplicas": replicas * 3 + 2,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
        },
        "status": {
            "currentReplicas": replicas, "desiredReplicas": replicas,
            "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu",
                "current": {"averageUtilization": busy, "averageValue": format!("{busy}m")}}}],
            "conditions": [
                {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"},
                {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"},
            ],
        },
    }));
}

fn disruption_budget(builder: &mut Builder<'_>, plan: &Plan) {
    let metadata = labelled(builder, plan, plan.name);
    let replicas = of_deployment(builder, plan, "/spec/replicas");
    let ready = of_deployment(builder, plan, "/status/readyReplicas");
    let allowed = (ready - (replicas - 1)).max(0);
    builder.put(
        "policy",
        "poddisruptionbudgets",
        json!({
            "metadata": metadata,
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": plan.name}}},
            "status": {"currentHealthy": ready, "desiredHealthy": replicas - 1, "disruptionsAllowed": allowed,
                "expectedPods": replicas, "observedGeneration": 1},
        }),
    );
}
