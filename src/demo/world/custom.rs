//! Custom resources: definitions, and objects of them. Two differ between cluster versions.

use serde_json::{Value, json};

use super::super::json::{items, set, text};
use super::super::resource::{Origin, Resource};
use super::{Builder, ago};

/// Builds definitions and objects.
pub(super) fn build(builder: &mut Builder<'_>) {
    let old = builder.member.version.minor < 33;
    define(builder, &certificates());
    define(builder, &databases(old));
    define(builder, &canaries(old));
    objects(builder, old);
    if matches!(builder.member.name.as_str(), "eu-west" | "us-east") || builder.member.seed.is_multiple_of(3) {
        define(builder, &cluster_properties());
        let region = builder.member.name.clone();
        for (name, value) in [("cluster.clusterset.k8s.io", region.as_str()), ("clusterset.k8s.io", "demo-fleet")] {
            let age = builder.cluster_age();
            let metadata = builder.metadata("", name, age);
            builder.put("about.k8s.io", "clusterproperties", json!({"metadata": metadata, "spec": {"value": value}}));
        }
    }
}

struct Definition {
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    namespaced: bool,
    short_names: &'static [&'static str],
    /// `additionalPrinterColumns`: name, type, path, priority.
    columns: Vec<(&'static str, &'static str, &'static str, i64)>,
}

const AGE: (&str, &str, &str, i64) = ("Age", "date", ".metadata.creationTimestamp", 0);

fn certificates() -> Definition {
    Definition {
        group: "cert-manager.io",
        version: "v1",
        plural: "certificates",
        kind: "Certificate",
        namespaced: true,
        short_names: &["cert", "certs"],
        columns: vec![
            ("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status", 0),
            ("Secret", "string", ".spec.secretName", 0),
            ("Issuer", "string", ".spec.issuerRef.name", 1),
            ("Expires", "string", ".status.notAfter", 1),
            AGE,
        ],
    }
}

fn databases(old: bool) -> Definition {
    let mut columns = vec![
        ("Engine", "string", ".spec.engine", 0),
        ("Size", "string", ".spec.storage", 0),
        ("Phase", "string", ".status.phase", 0),
    ];
    if !old {
        columns.push(("Replicas", "integer", ".status.replicas", 0));
        columns.push(("Primary", "string", ".status.primary", 1));
    }
    columns.push(AGE);
    Definition {
        group: "db.example.com",
        version: if old { "v1beta1" } else { "v1" },
        plural: "databases",
        kind: "Database",
        namespaced: true,
        short_names: &["db"],
        columns,
    }
}

fn canaries(old: bool) -> Definition {
    let weight = if old {
        ("Weight", "integer", ".status.canaryWeight", 0)
    } else {
        ("Traffic", "string", ".status.traffic", 0)
    };
    Definition {
        group: "rollouts.example.com",
        version: "v1alpha1",
        plural: "canaries",
        kind: "Canary",
        namespaced: true,
        short_names: &["can"],
        columns: vec![("Target", "string", ".spec.target", 0), ("Step", "integer", ".status.step", 0), weight, AGE],
    }
}

fn cluster_properties() -> Definition {
    Definition {
        group: "about.k8s.io",
        version: "v1beta1",
        plural: "clusterproperties",
        kind: "ClusterProperty",
        namespaced: false,
        short_names: &[],
        columns: vec![("Value", "string", ".spec.value", 0), AGE],
    }
}

/// Puts the definition and starts to serve what it defines.
fn define(builder: &mut Builder<'_>, definition: &Definition) {
    let columns: Vec<Value> = definition
        .columns
        .iter()
        .map(|(name, kind, path, priority)| {
            let mut column = json!({"name": name, "type": kind, "jsonPath": path});
            if *priority > 0 {
                set(&mut column, "", "priority", (*priority).into());
            }
            column
        })
        .collect();
    let singular = definition.kind.to_lowercase();
    let age = builder.cluster_age() - 7_200;
    let name = format!("{}.{}", definition.plural, definition.group);
    let metadata = builder.metadata("", &name, age);
    let since = ago(builder.now, age);
    let names = json!({
        "plural": definition.plural, "singular": singular, "kind": definition.kind,
        "listKind": format!("{}List", definition.kind), "shortNames": definition.short_names,
    });
    builder.put("apiextensions.k8s.io", "customresourcedefinitions", json!({
        "metadata": metadata,
        "spec": {
            "group": definition.group, "names": names, "conversion": {"strategy": "None"},
            "scope": if definition.namespaced { "Namespaced" } else { "Cluster" },
            "versions": [{
                "name": definition.version, "served": true, "storage": true, "additionalPrinterColumns": columns,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
        "status": {
            "acceptedNames": names, "storedVersions": [definition.version],
            "conditions": [
                {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found", "lastTransitionTime": since},
                {"type": "Established", "status": "True", "reason": "InitialNamesAccepted",
                 "message": "the initial names have been accepted", "lastTransitionTime": since},
            ],
        },
    }));
    builder.store.serve(Resource {
        group: definition.group.into(),
        version: definition.version.into(),
        plural: definition.plural.into(),
        singular: singular.into(),
        kind: definition.kind.into(),
        namespaced: definition.namespaced,
        short_names: definition.short_names.iter().map(|name| (*name).into()).collect(),
        categories: Vec::new(),
        subresources: &["status"],
        origin: Origin::Custom(columns),
    });
}

/// The resource a `CustomResourceDefinition` asks for, when it is complete.
pub(in crate::demo) fn resource_of(definition: &Value) -> Option<Resource> {
    let names = definition.pointer("/spec/names")?;
    let version =
        items(definition, "/spec/versions").iter().find(|version| version.get("served") == Some(&Value::Bool(true)))?;
    let list = |pointer: &str| items(names, pointer).iter().filter_map(|name| name.as_str().map(Into::into)).collect();
    Some(Resource {
        group: text(definition, "/spec/group").into(),
        version: text(version, "/name").into(),
        plural: text(names, "/plural").into(),
        singular: text(names, "/singular").into(),
        kind: text(names, "/kind").into(),
        namespaced: text(definition, "/spec/scope") == "Namespaced",
        short_names: list("/shortNames"),
        categories: list("/categories"),
        subresources: &["status"],
        origin: Origin::Custom(items(version, "/additionalPrinterColumns").to_vec()),
    })
}

fn objects(builder: &mut Builder<'_>, old: bool) {
    for (namespace, name, ready) in [
        ("payments", "api", true),
        ("checkout", "web", true),
        ("search", "frontend", true),
        ("identity", "login", !old),
    ] {
        let metadata = builder.metadata(namespace, name, 41 * 86_400);
        let since = ago(builder.now, 3_000);
        let status = if ready { "True" } else { "False" };
        builder.put("cert-manager.io", "certificates", json!({
            "metadata": metadata,
            "spec": {"secretName": format!("{name}-tls"), "dnsNames": [format!("{name}.{namespace}.example.com")],
                "issuerRef": {"name": "fleet-issuer", "kind": "ClusterIssuer"}},
            "status": {"notAfter": ago(builder.now, -49 * 86_400), "conditions": [
                {"type": "Ready", "status": status, "reason": if ready { "Ready" } else { "Pending" }, "lastTransitionTime": since}]},
        }));
    }
    for (namespace, name, phase, replicas) in [
        ("payments", "ledger", "Ready", 3),
        ("checkout", "orders", "Ready", 2),
        ("identity", "users", if old { "Degraded" } else { "Ready" }, 3),
    ] {
        let metadata = builder.metadata(namespace, name, 90 * 86_400);
        builder.put(
            "db.example.com",
            "databases",
            json!({
                "metadata": metadata, "spec": {"engine": "postgres 17", "storage": "200Gi"},
                "status": {"phase": phase, "replicas": replicas, "primary": format!("{name}-0")},
            }),
        );
    }
    let metadata = builder.metadata("checkout", "web", 1_900);
    builder.put(
        "rollouts.example.com",
        "canaries",
        json!({
            "metadata": metadata, "spec": {"target": "deployment/web"},
            "status": {"step": 2, "canaryWeight": 10, "traffic": "10%"},
        }),
    );
}
