//! The kinds that a simulated API server serves, as a table.

use compact_str::{CompactString, format_compact};
use serde_json::Value;

/// A served resource type of one cluster.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) group: CompactString,
    pub(super) version: CompactString,
    pub(super) plural: CompactString,
    pub(super) singular: CompactString,
    pub(super) kind: CompactString,
    pub(super) namespaced: bool,
    pub(super) short_names: Vec<CompactString>,
    pub(super) categories: Vec<CompactString>,
    pub(super) subresources: &'static [&'static str],
    pub(super) origin: Origin,
}

/// Definition of a resource; decides the byte layout of its objects and its Table columns.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// Compiled into the API server. Lists leave out `kind` and `apiVersion` of each item.
    BuiltIn,
    /// Defined by a `CustomResourceDefinition` with these `additionalPrinterColumns`.
    Custom(Vec<Value>),
    /// Served by another server behind this one: no watch.
    Aggregated,
}

impl Resource {
    /// `v1` for the core group, else `group/version`.
    pub(super) fn api_version(&self) -> CompactString {
        if self.group.is_empty() { self.version.clone() } else { format_compact!("{}/{}", self.group, self.version) }
    }

    /// `pods` for the core group, else `deployments.apps`: how error messages name it.
    pub(super) fn qualified(&self) -> CompactString {
        if self.group.is_empty() { self.plural.clone() } else { format_compact!("{}.{}", self.plural, self.group) }
    }

    /// Verbs of the resource in discovery.
    pub(super) fn verbs(&self) -> &'static [&'static str] {
        match (&self.origin, self.plural.as_str()) {
            (Origin::Aggregated, _) => &["get", "list"],
            (_, "namespaces") => &["create", "delete", "get", "list", "patch", "update", "watch"],
            _ => &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        }
    }
}

/// The built-in resources, in the order discovery lists the groups.
pub(super) fn built_in() -> Vec<Resource> {
    BUILT_IN.iter().map(Resource::from).collect()
}

struct Row {
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    scope: Scope,
    short_names: &'static [&'static str],
    categories: &'static [&'static str],
    subresources: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Namespaced,
    Cluster,
}

impl From<&Row> for Resource {
    fn from(row: &Row) -> Self {
        let compact = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        Self {
            group: row.group.into(),
            version: row.version.into(),
            plural: row.plural.into(),
            singular: row.kind.to_lowercase().into(),
            kind: row.kind.into(),
            namespaced: row.scope == Namespaced,
            short_names: compact(row.short_names),
            categories: compact(row.categories),
            subresources: row.subresources,
            origin: if row.group == "metrics.k8s.io" { Origin::Aggregated } else { Origin::BuiltIn },
        }
    }
}

const fn row(
    api: (&'static str, &'static str),
    names: (&'static str, &'static str),
    scope: Scope,
    short_names: &'static [&'static str],
) -> Row {
    Row {
        group: api.0,
        version: api.1,
        plural: names.0,
        kind: names.1,
        scope,
        short_names,
        categories: &[],
        subresources: &[],
    }
}

impl Row {
    const fn all(mut self) -> Self {
        self.categories = &["all"];
        self
    }

    const fn extensions(mut self) -> Self {
        self.categories = &["api-extensions"];
        self
    }

    const fn with(mut self, subresources: &'static [&'static str]) -> Self {
        self.subresources = subresources;
        self
    }
}

const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const BATCH: (&str, &str) = ("batch", "v1");
const NET: (&str, &str) = ("networking.k8s.io", "v1");
const RBAC: (&str, &str) = ("rbac.authorization.k8s.io", "v1");
const STORAGE: (&str, &str) = ("storage.k8s.io", "v1");
const ADMISSION: (&str, &str) = ("admissionregistration.k8s.io", "v1");
const METRICS: (&str, &str) = ("metrics.k8s.io", "v1beta1");
const STATUS: &[&str] = &["status"];
const STATUS_SCALE: &[&str] = &["scale", "status"];
use Scope::{Cluster, Namespaced};

#[rustfmt::skip]
const BUILT_IN: &[Row] = &[
    row(CORE, ("configmaps", "ConfigMap"), Namespaced, &["cm"]),
    row(CORE, ("endpoints", "Endpoints"), Namespaced, &["ep"]),
    row(CORE, ("events", "Event"), Namespaced, &["ev"]),
    row(CORE, ("limitranges", "LimitRange"), Namespaced, &["limits"]),
    row(CORE, ("namespaces", "Namespace"), Cluster, &["ns"]).with(&["finalize", "status"]),
    row(CORE, ("nodes", "Node"), Cluster, &["no"]).with(&["proxy", "status"]),
    row(CORE, ("persistentvolumeclaims", "PersistentVolumeClaim"), Namespaced, &["pvc"]).with(STATUS),
    row(CORE, ("persistentvolumes", "PersistentVolume"), Cluster, &["pv"]).with(STATUS),
    row(CORE, ("pods", "Pod"), Namespaced, &["po"]).all()
        .with(&["attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "proxy", "status"]),
    row(CORE, ("podtemplates", "PodTemplate"), Namespaced, &[]),
    row(CORE, ("replicationcontrollers", "ReplicationController"), Namespaced, &["rc"]).all().with(STATUS_SCALE),
    row(CORE, ("resourcequotas", "ResourceQuota"), Namespaced, &["quota"]).with(STATUS),
    row(CORE, ("secrets", "Secret"), Namespaced, &[]),
    row(CORE, ("serviceaccounts", "ServiceAccount"), Namespaced, &["sa"]).with(&["token"]),
    row(CORE, ("services", "Service"), Namespaced, &["svc"]).all().with(&["proxy", "status"]),
    row(APPS, ("controllerrevisions", "ControllerRevision"), Namespaced, &[]),
    row(APPS, ("daemonsets", "DaemonSet"), Namespaced, &["ds"]).all().with(STATUS),
    row(APPS, ("deployments", "Deployment"), Namespaced, &["deploy"]).all().with(STATUS_SCALE),
    row(APPS, ("replicasets", "ReplicaSet"), Namespaced, &["rs"]).all().with(STATUS_SCALE),
    row(APPS, ("statefulsets", "StatefulSet"), Namespaced, &["sts"]).all().with(STATUS_SCALE),
    row(("autoscaling", "v2"), ("horizontalpodautoscalers", "HorizontalPodAutoscaler"), Namespaced, &["hpa"]).all().with(STATUS),
    row(BATCH, ("cronjobs", "CronJob"), Namespaced, &["cj"]).all().with(STATUS),
    row(BATCH, ("jobs", "Job"), Namespaced, &[]).all().with(STATUS),
    row(NET, ("ingressclasses", "IngressClass"), Cluster, &[]),
    row(NET, ("ingresses", "Ingress"), Namespaced, &["ing"]).with(STATUS),
    row(NET, ("networkpolicies", "NetworkPolicy"), Namespaced, &["netpol"]),
    row(("policy", "v1"), ("poddisruptionbudgets", "PodDisruptionBudget"), Namespaced, &["pdb"]).with(STATUS),
    row(RBAC, ("clusterrolebindings", "ClusterRoleBinding"), Cluster, &[]),
    row(RBAC, ("clusterroles", "ClusterRole"), Cluster, &[]),
    row(RBAC, ("rolebindings", "RoleBinding"), Namespaced, &[]),
    row(RBAC, ("roles", "Role"), Namespaced, &[]),
    row(STORAGE, ("csidrivers", "CSIDriver"), Cluster, &[]),
    row(STORAGE, ("csinodes", "CSINode"), Cluster, &[]),
    row(STORAGE, ("storageclasses", "StorageClass"), Cluster, &["sc"]),
    row(STORAGE, ("volumeattachments", "VolumeAttachment"), Cluster, &[]).with(STATUS),
    row(ADMISSION, ("mutatingwebhookconfigurations", "MutatingWebhookConfiguration"), Cluster, &[]).extensions(),
    row(ADMISSION, ("validatingwebhookconfigurations", "ValidatingWebhookConfiguration"), Cluster, &[]).extensions(),
    row(("apiextensions.k8s.io", "v1"), ("customresourcedefinitions", "CustomResourceDefinition"), Cluster, &["crd", "crds"])
        .extensions().with(STATUS),
    row(("scheduling.k8s.io", "v1"), ("priorityclasses", "PriorityClass"), Cluster, &["pc"]),
    row(("coordination.k8s.io", "v1"), ("leases", "Lease"), Namespaced, &[]),
    row(("discovery.k8s.io", "v1"), ("endpointslices", "EndpointSlice"), Namespaced, &[]),
    row(METRICS, ("nodes", "NodeMetrics"), Cluster, &[]),
    row(METRICS, ("pods", "PodMetrics"), Namespaced, &[]),
];
