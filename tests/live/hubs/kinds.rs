//! The kinds of member objects that hubs have, with as much of their schemas as is read here, and an object of each.
//!
//! ClusterProfile is upstream's `v1alpha1` field by field; of the others the fields we read have a schema, and the rest is
//! kept as it is.

#![expect(clippy::needless_pass_by_value, reason = "a schema is built from the inside out")]

use quarterdeck::engine::clock;
use serde_json::{Value, json};

/// One kind.
pub(super) struct Hubkind {
    pub(super) group: &'static str,
    version: &'static str,
    kind: &'static str,
    pub(super) plural: &'static str,
    pub(super) namespaced: bool,
    /// What the inventory calls it.
    pub(super) read_as: &'static str,
    /// The name of the first object of it.
    pub(super) first: &'static str,
    spec_schema: fn() -> Value,
    status_schema: fn() -> Value,
    /// Of the object of a name.
    spec: fn(&str) -> Value,
    /// Without conditions.
    status: fn(&str) -> Value,
    condition: &'static str,
    /// What is read of the object.
    pub(super) server: &'static str,
    pub(super) region: &'static str,
}

pub(super) const KINDS: &[Hubkind] = &[
    Hubkind {
        group: "multicluster.x-k8s.io",
        version: "v1alpha1",
        kind: "ClusterProfile",
        plural: "clusterprofiles",
        namespaced: true,
        read_as: "ClusterProfile",
        first: "profiled",
        spec_schema: profile_spec,
        status_schema: profile_status,
        // The region has no place there: the server takes it away, and what the properties say holds.
        spec: |name| json!({ "displayName": name, "clusterManager": { "name": "somebody" }, "region": "nowhere" }),
        status: |name| {
            json!({
                "version": { "kubernetes": "1.35.0" },
                "properties": [{ "name": "location", "value": "eu-west-1" }],
                "accessProviders": [{ "name": "google", "cluster": {
                    "server": address(name),
                    "extensions": [{ "name": "client.authentication.k8s.io/exec", "extension": { "clusterName": "p" } }],
                } }],
            })
        },
        condition: "ControlPlaneHealthy",
        server: "https://profiled.example.com",
        region: "eu-west-1",
    },
    Hubkind {
        group: "cluster.open-cluster-management.io",
        version: "v1",
        kind: "ManagedCluster",
        plural: "managedclusters",
        namespaced: false,
        read_as: "ManagedCluster",
        first: "managed",
        spec_schema: || {
            kept(json!({ "hubAcceptsClient": flag(),
                "managedClusterClientConfigs": list(json!({ "url": text(), "caBundle": { "type": "string", "format": "byte" } })) }))
        },
        status_schema: || kept(json!({ "clusterClaims": list(json!({ "name": text(), "value": text() })) })),
        spec: |name| {
            json!({ "hubAcceptsClient": true,
                "managedClusterClientConfigs": [{ "url": address(name), "caBundle": "Q0E=" }] })
        },
        status: |_| json!({ "clusterClaims": [{ "name": "region.open-cluster-management.io", "value": "eu-west-2" }] }),
        condition: "ManagedClusterConditionAvailable",
        server: "https://managed.example.com",
        region: "eu-west-2",
    },
    Hubkind {
        group: "cluster.kubernetes-fleet.io",
        version: "v1beta1",
        kind: "MemberCluster",
        plural: "memberclusters",
        namespaced: false,
        read_as: "MemberCluster",
        first: "joined",
        spec_schema: || kept(json!({ "heartbeatPeriodSeconds": { "type": "integer", "minimum": 1, "maximum": 600 } })),
        status_schema: || {
            let time = json!({ "type": "string", "format": "date-time" });
            kept(json!({ "agentStatus": list(json!({ "type": text(), "lastReceivedHeartbeat": time })) }))
        },
        spec: |_| json!({ "heartbeatPeriodSeconds": 600 }),
        status: |_| json!({ "agentStatus": [{ "type": "MemberAgent", "lastReceivedHeartbeat": now() }] }),
        condition: "Joined",
        // The object has no address: a context of the user's leads there.
        server: "",
        region: "eu-west-3",
    },
    Hubkind {
        group: "cluster.karmada.io",
        version: "v1alpha1",
        kind: "Cluster",
        plural: "clusters",
        namespaced: false,
        read_as: "Cluster.cluster.karmada.io",
        first: "pushed",
        spec_schema: || {
            kept(json!({ "apiEndpoint": text(), "provider": text(), "region": text(), "syncMode": text(),
                "insecureSkipTLSVerification": flag(), "proxyURL": text() }))
        },
        status_schema: || kept(json!({ "kubernetesVersion": text() })),
        spec: |name| json!({ "apiEndpoint": format!("{name}.example.com:6443"), "region": "eu-west-4", "syncMode": "Push" }),
        status: |_| json!({ "kubernetesVersion": "v1.35.0" }),
        condition: "Ready",
        // Karmada's own API server passes requests on; that is the hub of this test.
        server: PASSED_ON,
        region: "eu-west-4",
    },
    Hubkind {
        group: "cluster.x-k8s.io",
        version: "v1beta2",
        kind: "Cluster",
        plural: "clusters",
        namespaced: true,
        read_as: "Cluster.cluster.x-k8s.io",
        first: "made",
        spec_schema: || {
            let port = json!({ "type": "integer", "format": "int32", "minimum": 1, "maximum": 65535 });
            kept(json!({ "controlPlaneEndpoint": kept(json!({ "host": text(), "port": port })) }))
        },
        status_schema: || kept(json!({ "phase": text() })),
        spec: |name| json!({ "controlPlaneEndpoint": { "host": format!("{name}.example.com"), "port": 8443 } }),
        status: |_| json!({ "phase": "Provisioned" }),
        condition: "Available",
        server: "https://made.example.com:8443",
        region: "eu-west-5",
    },
];

/// Its place is on the hub, whose port each run chooses.
pub(super) const PASSED_ON: &str = "HUB/apis/cluster.karmada.io/v1alpha1/clusters/pushed/proxy";

impl Hubkind {
    pub(super) fn definition(&self) -> Value {
        let mut status = (self.status_schema)();
        status["properties"]["conditions"] = conditions();
        let schema = json!({ "type": "object", "properties": { "spec": (self.spec_schema)(), "status": status } });
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {
                "name": format!("{}.{}", self.plural, self.group),
                // Groups under k8s.io are kept for whom the project allows them.
                "annotations": { "api-approved.kubernetes.io": "unapproved, for a test" },
            },
            "spec": {
                "group": self.group,
                "scope": if self.namespaced { "Namespaced" } else { "Cluster" },
                "names": { "plural": self.plural, "singular": self.kind.to_lowercase(), "kind": self.kind },
                "versions": [{ "name": self.version, "served": true, "storage": true,
                    "subresources": { "status": {} }, "schema": { "openAPIV3Schema": schema } }],
            },
        })
    }

    pub(super) fn object(&self, name: &str) -> Value {
        let mut meta = json!({ "name": name, "labels": { "fleet.azure.com/location": self.region } });
        if self.namespaced {
            meta["namespace"] = json!("fleet");
        }
        json!({
            "apiVersion": format!("{}/{}", self.group, self.version), "kind": self.kind, "metadata": meta,
            "spec": (self.spec)(name), "status": self.status_with(name, "True"),
        })
    }

    /// A status whose condition says no.
    pub(super) fn unwell(&self, name: &str) -> Value {
        self.status_with(name, "False")
    }

    fn status_with(&self, name: &str, says: &str) -> Value {
        let mut status = (self.status)(name);
        status["conditions"] = json!([{ "type": self.condition, "status": says, "reason": "Told",
            "message": "as the test says", "lastTransitionTime": now() }]);
        status
    }
}

fn now() -> String {
    clock::now().to_string()
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn address(name: &str) -> String {
    format!("https://{name}.example.com")
}

/// What is not named is kept as it is.
fn kept(properties: Value) -> Value {
    json!({ "type": "object", "properties": properties, "x-kubernetes-preserve-unknown-fields": true })
}

/// What is not named is taken away.
fn pruned(properties: Value) -> Value {
    json!({ "type": "object", "properties": properties })
}

fn list(properties: Value) -> Value {
    json!({ "type": "array", "items": kept(properties) })
}

/// `metav1.Condition`, as controller-gen writes its schema.
fn conditions() -> Value {
    json!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "lastTransitionTime": { "type": "string", "format": "date-time" },
                "message": { "type": "string", "maxLength": 32768 },
                "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0 },
                "reason": { "type": "string", "minLength": 1, "maxLength": 1024 },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
                "type": { "type": "string", "maxLength": 316 },
            },
        },
    })
}

/// `spec` of a ClusterProfile.
fn profile_spec() -> Value {
    let name = json!({ "type": "string", "x-kubernetes-validations": [{ "rule": "self == oldSelf" }] });
    pruned(json!({
        "displayName": text(),
        "clusterManager": { "type": "object", "required": ["name"], "properties": { "name": name } },
    }))
}

/// `status` of a ClusterProfile.
fn profile_status() -> Value {
    let extension = json!({ "type": "object", "required": ["name", "extension"], "properties": {
        "name": text(), "extension": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } });
    let cluster = json!({ "type": "object", "required": ["server"], "properties": {
        "server": text(), "tls-server-name": text(), "insecure-skip-tls-verify": flag(),
        "certificate-authority": text(), "certificate-authority-data": { "type": "string", "format": "byte" },
        "proxy-url": text(), "disable-compression": flag(),
        "extensions": { "type": "array", "items": extension } } });
    let providers = json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": { "type": "object", "required": ["name"], "properties": { "name": text(), "cluster": cluster } },
    });
    let property = json!({ "type": "object", "required": ["name", "value"], "properties": {
        "name": { "type": "string", "minLength": 1, "maxLength": 253 },
        "value": { "type": "string", "minLength": 1, "maxLength": 1024 },
        "lastObservedTime": { "type": "string", "format": "date-time" } } });
    pruned(json!({
        "version": { "type": "object", "properties": { "kubernetes": text() } },
        "properties": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": property },
        "accessProviders": providers,
        "credentialProviders": providers,
    }))
}
