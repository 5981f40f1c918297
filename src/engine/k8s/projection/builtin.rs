//! The kinds every Kubernetes has: their columns, in the server's own order, and their rules.

use super::{Rule, access, batch, cluster, network, pods, scaling, storage, workloads};
use crate::model::cell::Column;
use crate::model::kind::KindId;

/// A column as the table below states it.
pub(super) struct Heading {
    name: &'static str,
    wide: bool,
    right: bool,
}

impl Heading {
    pub(super) fn column(&self) -> Column {
        let column = if self.wide { Column::wide(self.name) } else { Column::new(self.name) };
        if self.right { column.right() } else { column }
    }
}

/// A column of text.
const fn text(name: &'static str) -> Heading {
    Heading { name, wide: false, right: false }
}

/// A column of numbers.
const fn number(name: &'static str) -> Heading {
    Heading { name, wide: false, right: true }
}

/// A column of wide tables.
const fn wide(name: &'static str) -> Heading {
    Heading { name, wide: true, right: false }
}

/// A built-in kind.
pub(super) struct Builtin {
    group: &'static str,
    kind: &'static str,
    pub(super) columns: &'static [Heading],
    pub(super) rule: Rule,
}

pub(super) fn find(id: &KindId) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|b| id.group == b.group && id.kind == b.kind)
}

const AGE: Heading = number("AGE");
const CONTAINERS: Heading = wide("CONTAINERS");
const IMAGES: Heading = wide("IMAGES");
const SELECTOR: Heading = wide("SELECTOR");

const EVENT: &[Heading] = &[
    number("LAST SEEN"),
    text("TYPE"),
    text("REASON"),
    text("OBJECT"),
    wide("SUBOBJECT"),
    wide("SOURCE"),
    text("MESSAGE"),
    wide("FIRST SEEN"),
    wide("COUNT"),
];
const CREATED_AT: &[Heading] = &[text("CREATED AT")];
const BINDING: &[Heading] = &[text("ROLE"), AGE, wide("USERS"), wide("GROUPS"), wide("SERVICEACCOUNTS")];

static BUILTINS: &[Builtin] = &[
    Builtin {
        group: "",
        kind: "Pod",
        columns: &[
            number("READY"),
            text("STATUS"),
            number("RESTARTS"),
            AGE,
            wide("IP"),
            wide("NODE"),
            wide("NOMINATED NODE"),
            wide("READINESS GATES"),
        ],
        rule: pods::pod,
    },
    Builtin {
        group: "apps",
        kind: "Deployment",
        columns: &[number("READY"), number("UP-TO-DATE"), number("AVAILABLE"), AGE, CONTAINERS, IMAGES, SELECTOR],
        rule: workloads::deployment,
    },
    Builtin {
        group: "apps",
        kind: "StatefulSet",
        columns: &[number("READY"), AGE, CONTAINERS, IMAGES],
        rule: workloads::stateful_set,
    },
    Builtin {
        group: "apps",
        kind: "DaemonSet",
        columns: &[
            number("DESIRED"),
            number("CURRENT"),
            number("READY"),
            number("UP-TO-DATE"),
            number("AVAILABLE"),
            text("NODE SELECTOR"),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        rule: workloads::daemon_set,
    },
    Builtin {
        group: "apps",
        kind: "ReplicaSet",
        columns: &[number("DESIRED"), number("CURRENT"), number("READY"), AGE, CONTAINERS, IMAGES, SELECTOR],
        rule: workloads::replica_set,
    },
    Builtin {
        group: "policy",
        kind: "PodDisruptionBudget",
        columns: &[number("MIN AVAILABLE"), number("MAX UNAVAILABLE"), number("ALLOWED DISRUPTIONS"), AGE],
        rule: workloads::disruption_budget,
    },
    Builtin {
        group: "",
        kind: "Node",
        columns: &[
            text("STATUS"),
            text("ROLES"),
            AGE,
            text("VERSION"),
            wide("INTERNAL-IP"),
            wide("EXTERNAL-IP"),
            wide("OS-IMAGE"),
            wide("KERNEL-VERSION"),
            wide("CONTAINER-RUNTIME"),
        ],
        rule: cluster::node,
    },
    Builtin { group: "", kind: "Namespace", columns: &[text("STATUS"), AGE], rule: cluster::namespace },
    Builtin { group: "", kind: "Event", columns: EVENT, rule: cluster::event },
    Builtin { group: "events.k8s.io", kind: "Event", columns: EVENT, rule: cluster::event },
    Builtin { group: "coordination.k8s.io", kind: "Lease", columns: &[text("HOLDER"), AGE], rule: cluster::lease },
    Builtin {
        group: "apiextensions.k8s.io",
        kind: "CustomResourceDefinition",
        columns: CREATED_AT,
        rule: cluster::definition,
    },
    Builtin { group: "", kind: "ConfigMap", columns: &[number("DATA"), AGE], rule: access::config_map },
    Builtin { group: "", kind: "Secret", columns: &[text("TYPE"), number("DATA"), AGE], rule: access::secret },
    Builtin { group: "", kind: "ServiceAccount", columns: &[AGE], rule: access::service_account },
    Builtin { group: "rbac.authorization.k8s.io", kind: "Role", columns: CREATED_AT, rule: access::role },
    Builtin { group: "rbac.authorization.k8s.io", kind: "ClusterRole", columns: CREATED_AT, rule: access::role },
    Builtin { group: "rbac.authorization.k8s.io", kind: "RoleBinding", columns: BINDING, rule: access::binding },
    Builtin { group: "rbac.authorization.k8s.io", kind: "ClusterRoleBinding", columns: BINDING, rule: access::binding },
    Builtin {
        group: "batch",
        kind: "Job",
        columns: &[text("STATUS"), number("COMPLETIONS"), number("DURATION"), AGE, CONTAINERS, IMAGES, SELECTOR],
        rule: batch::job,
    },
    Builtin {
        group: "batch",
        kind: "CronJob",
        columns: &[
            text("SCHEDULE"),
            text("TIMEZONE"),
            text("SUSPEND"),
            number("ACTIVE"),
            number("LAST SCHEDULE"),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        rule: batch::cron_job,
    },
    Builtin {
        group: "",
        kind: "Service",
        columns: &[text("TYPE"), text("CLUSTER-IP"), text("EXTERNAL-IP"), text("PORT(S)"), AGE, SELECTOR],
        rule: network::service,
    },
    Builtin {
        group: "discovery.k8s.io",
        kind: "EndpointSlice",
        columns: &[text("ADDRESSTYPE"), text("PORTS"), text("ENDPOINTS"), AGE],
        rule: network::endpoint_slice,
    },
    Builtin {
        group: "networking.k8s.io",
        kind: "Ingress",
        columns: &[text("CLASS"), text("HOSTS"), text("ADDRESS"), text("PORTS"), AGE],
        rule: network::ingress,
    },
    Builtin {
        group: "networking.k8s.io",
        kind: "NetworkPolicy",
        columns: &[text("POD-SELECTOR"), AGE],
        rule: network::network_policy,
    },
    Builtin {
        group: "",
        kind: "PersistentVolumeClaim",
        columns: &[
            text("STATUS"),
            text("VOLUME"),
            number("CAPACITY"),
            text("ACCESS MODES"),
            text("STORAGECLASS"),
            text("VOLUMEATTRIBUTESCLASS"),
            AGE,
            wide("VOLUMEMODE"),
        ],
        rule: storage::claim,
    },
    Builtin {
        group: "",
        kind: "PersistentVolume",
        columns: &[
            number("CAPACITY"),
            text("ACCESS MODES"),
            text("RECLAIM POLICY"),
            text("STATUS"),
            text("CLAIM"),
            text("STORAGECLASS"),
            text("VOLUMEATTRIBUTESCLASS"),
            text("REASON"),
            AGE,
            wide("VOLUMEMODE"),
        ],
        rule: storage::volume,
    },
    Builtin {
        group: "storage.k8s.io",
        kind: "StorageClass",
        columns: &[
            text("PROVISIONER"),
            text("RECLAIMPOLICY"),
            text("VOLUMEBINDINGMODE"),
            text("ALLOWVOLUMEEXPANSION"),
            AGE,
        ],
        rule: storage::storage_class,
    },
    Builtin {
        group: "autoscaling",
        kind: "HorizontalPodAutoscaler",
        columns: &[text("REFERENCE"), text("TARGETS"), number("MINPODS"), number("MAXPODS"), number("REPLICAS"), AGE],
        rule: scaling::autoscaler,
    },
];
