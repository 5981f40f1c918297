//! The kinds every cluster has, as kubectl knows them by name. What else a server has, only it can tell.

/// A built-in kind of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Preferred version of the API group.
    pub version: &'static str,
    /// Plural name, as in URLs.
    pub resource: &'static str,
    /// Kind, as in manifests: `Deployment`.
    pub kind: &'static str,
    /// Short names that kubectl accepts.
    pub short: &'static [&'static str],
    /// Objects of the kind belong to a namespace.
    pub namespaced: bool,
    /// `kubectl get all` lists the kind.
    pub in_all: bool,
}

const fn within(
    api: (&'static str, &'static str),
    names: (&'static str, &'static str),
    short: &'static [&'static str],
) -> Kind {
    Kind { group: api.0, version: api.1, resource: names.0, kind: names.1, short, namespaced: true, in_all: false }
}

const fn cluster(
    api: (&'static str, &'static str),
    names: (&'static str, &'static str),
    short: &'static [&'static str],
) -> Kind {
    Kind { namespaced: false, ..within(api, names, short) }
}

const fn all(kind: Kind) -> Kind {
    Kind { in_all: true, ..kind }
}

const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const BATCH: (&str, &str) = ("batch", "v1");
const NET: (&str, &str) = ("networking.k8s.io", "v1");
const RBAC: (&str, &str) = ("rbac.authorization.k8s.io", "v1");
const STORAGE: (&str, &str) = ("storage.k8s.io", "v1");
const ADMISSION: (&str, &str) = ("admissionregistration.k8s.io", "v1");
const AUTHORIZATION: (&str, &str) = ("authorization.k8s.io", "v1");
const AUTHENTICATION: (&str, &str) = ("authentication.k8s.io", "v1");
const FLOW: (&str, &str) = ("flowcontrol.apiserver.k8s.io", "v1");
const METRICS: (&str, &str) = ("metrics.k8s.io", "v1beta1");

/// All built-in kinds. The first entry wins if a word names several, as in a server's own order.
#[rustfmt::skip]
pub const BUILT_IN: &[Kind] = &[
    all(within(CORE, ("pods", "Pod"), &["po"])),
    all(within(CORE, ("replicationcontrollers", "ReplicationController"), &["rc"])),
    all(within(CORE, ("services", "Service"), &["svc"])),
    within(CORE, ("bindings", "Binding"), &[]),
    within(CORE, ("configmaps", "ConfigMap"), &["cm"]),
    within(CORE, ("endpoints", "Endpoints"), &["ep"]),
    within(CORE, ("events", "Event"), &["ev"]),
    within(CORE, ("limitranges", "LimitRange"), &["limits"]),
    within(CORE, ("persistentvolumeclaims", "PersistentVolumeClaim"), &["pvc"]),
    within(CORE, ("podtemplates", "PodTemplate"), &[]),
    within(CORE, ("resourcequotas", "ResourceQuota"), &["quota"]),
    within(CORE, ("secrets", "Secret"), &[]),
    within(CORE, ("serviceaccounts", "ServiceAccount"), &["sa"]),
    cluster(CORE, ("componentstatuses", "ComponentStatus"), &["cs"]),
    cluster(CORE, ("namespaces", "Namespace"), &["ns"]),
    cluster(CORE, ("nodes", "Node"), &["no"]),
    cluster(CORE, ("persistentvolumes", "PersistentVolume"), &["pv"]),
    all(within(APPS, ("daemonsets", "DaemonSet"), &["ds"])),
    all(within(APPS, ("deployments", "Deployment"), &["deploy"])),
    all(within(APPS, ("replicasets", "ReplicaSet"), &["rs"])),
    all(within(APPS, ("statefulsets", "StatefulSet"), &["sts"])),
    within(APPS, ("controllerrevisions", "ControllerRevision"), &[]),
    all(within(("autoscaling", "v2"), ("horizontalpodautoscalers", "HorizontalPodAutoscaler"), &["hpa"])),
    all(within(BATCH, ("cronjobs", "CronJob"), &["cj"])),
    all(within(BATCH, ("jobs", "Job"), &[])),
    within(NET, ("ingresses", "Ingress"), &["ing"]),
    within(NET, ("networkpolicies", "NetworkPolicy"), &["netpol"]),
    cluster(NET, ("ingressclasses", "IngressClass"), &[]),
    cluster(NET, ("ipaddresses", "IPAddress"), &["ip"]),
    cluster(NET, ("servicecidrs", "ServiceCIDR"), &[]),
    within(("policy", "v1"), ("poddisruptionbudgets", "PodDisruptionBudget"), &["pdb"]),
    within(RBAC, ("rolebindings", "RoleBinding"), &[]),
    within(RBAC, ("roles", "Role"), &[]),
    cluster(RBAC, ("clusterrolebindings", "ClusterRoleBinding"), &[]),
    cluster(RBAC, ("clusterroles", "ClusterRole"), &[]),
    within(STORAGE, ("csistoragecapacities", "CSIStorageCapacity"), &[]),
    cluster(STORAGE, ("csidrivers", "CSIDriver"), &[]),
    cluster(STORAGE, ("csinodes", "CSINode"), &[]),
    cluster(STORAGE, ("storageclasses", "StorageClass"), &["sc"]),
    cluster(STORAGE, ("volumeattachments", "VolumeAttachment"), &[]),
    cluster(STORAGE, ("volumeattributesclasses", "VolumeAttributesClass"), &["vac"]),
    cluster(ADMISSION, ("mutatingwebhookconfigurations", "MutatingWebhookConfiguration"), &[]),
    cluster(ADMISSION, ("validatingadmissionpolicies", "ValidatingAdmissionPolicy"), &[]),
    cluster(ADMISSION, ("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"), &[]),
    cluster(ADMISSION, ("validatingwebhookconfigurations", "ValidatingWebhookConfiguration"), &[]),
    cluster(("apiextensions.k8s.io", "v1"), ("customresourcedefinitions", "CustomResourceDefinition"), &["crd", "crds"]),
    cluster(("apiregistration.k8s.io", "v1"), ("apiservices", "APIService"), &[]),
    cluster(("certificates.k8s.io", "v1"), ("certificatesigningrequests", "CertificateSigningRequest"), &["csr"]),
    within(("coordination.k8s.io", "v1"), ("leases", "Lease"), &[]),
    within(("discovery.k8s.io", "v1"), ("endpointslices", "EndpointSlice"), &[]),
    within(("events.k8s.io", "v1"), ("events", "Event"), &[]),
    cluster(FLOW, ("flowschemas", "FlowSchema"), &[]),
    cluster(FLOW, ("prioritylevelconfigurations", "PriorityLevelConfiguration"), &[]),
    cluster(("node.k8s.io", "v1"), ("runtimeclasses", "RuntimeClass"), &[]),
    cluster(("scheduling.k8s.io", "v1"), ("priorityclasses", "PriorityClass"), &["pc"]),
    within(AUTHORIZATION, ("localsubjectaccessreviews", "LocalSubjectAccessReview"), &[]),
    cluster(AUTHORIZATION, ("selfsubjectaccessreviews", "SelfSubjectAccessReview"), &[]),
    cluster(AUTHORIZATION, ("selfsubjectrulesreviews", "SelfSubjectRulesReview"), &[]),
    cluster(AUTHORIZATION, ("subjectaccessreviews", "SubjectAccessReview"), &[]),
    cluster(AUTHENTICATION, ("selfsubjectreviews", "SelfSubjectReview"), &[]),
    cluster(AUTHENTICATION, ("tokenreviews", "TokenReview"), &[]),
    within(METRICS, ("pods", "PodMetrics"), &[]),
    cluster(METRICS, ("nodes", "NodeMetrics"), &[]),
];

/// Returns the kind of a URL.
pub fn of(group: &str, resource: &str) -> Option<&'static Kind> {
    BUILT_IN.iter().find(|kind| kind.group == group && kind.resource == resource)
}

/// Returns the kind of a manifest.
pub fn of_manifest(group: &str, kind: &str) -> Option<&'static Kind> {
    BUILT_IN.iter().find(|known| known.group == group && known.kind == kind)
}

/// Returns the kind a user typed: plural, singular or short name; optionally with the group, or version and group,
/// behind dots.
pub fn typed(word: &str) -> Option<&'static Kind> {
    let word = word.to_lowercase();
    let (name, api) = word.split_once('.').map_or((word.as_str(), None), |(name, api)| (name, Some(api)));
    let is_api = |kind: &Kind| {
        api.is_none_or(|api| {
            let rest = api.strip_prefix(kind.version).and_then(|rest| rest.strip_prefix('.'));
            api == kind.group || rest == Some(kind.group) || (kind.group.is_empty() && api == kind.version)
        })
    };
    let is_name = |kind: &Kind| kind.resource == name || kind.kind.to_lowercase() == name || kind.short.contains(&name);
    BUILT_IN.iter().find(|kind| is_name(kind) && is_api(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_all_its_names() {
        for (word, resource, group) in [
            ("po", "pods", ""),
            ("Pod", "pods", ""),
            ("deploy", "deployments", "apps"),
            ("deployments.apps", "deployments", "apps"),
            ("deployment.v1.apps", "deployments", "apps"),
            ("pods.metrics.k8s.io", "pods", "metrics.k8s.io"),
            ("pods.v1", "pods", ""),
            ("ev", "events", ""),
            ("events.events.k8s.io", "events", "events.k8s.io"),
            ("crds", "customresourcedefinitions", "apiextensions.k8s.io"),
            ("netpol", "networkpolicies", "networking.k8s.io"),
        ] {
            let kind = typed(word).unwrap_or_else(|| panic!("{word} is known"));
            assert_eq!((kind.resource, kind.group), (resource, group), "{word}");
        }
        for word in ["widgets", "pods.apps", "deployments.v2.apps", "", "."] {
            assert_eq!(typed(word), None, "{word}");
        }
    }

    #[test]
    fn no_kind_is_there_twice() {
        for (place, kind) in BUILT_IN.iter().enumerate() {
            let before = &BUILT_IN[..place];
            assert!(before.iter().all(|other| (other.group, other.resource) != (kind.group, kind.resource)));
            let is_same = |other: &&Kind| other.short.iter().any(|short| kind.short.contains(short));
            assert!(!before.iter().any(|other| is_same(&other)), "{}", kind.resource);
        }
    }
}
