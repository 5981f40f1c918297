//! What runs in every cluster, and what goes wrong where: tables.

use super::PodState;
use crate::demo::member::Story;

/// A workload every cluster runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Its part of the pods that are left after those with a fixed number.
    pub(super) weight: usize,
    pub(super) tag: &'static str,
    pub(super) traits: &'static [Trait],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    CronJob,
}

/// What a workload comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trait {
    Init,
    Sidecar,
    /// A second ordinary container.
    Metrics,
    Ingress,
    Autoscaler,
    DisruptionBudget,
}

use Kind::{CronJob, DaemonSet, Deployment, StatefulSet};
use Trait::{Autoscaler, DisruptionBudget, Ingress, Init, Metrics, Sidecar};

const fn plan(
    place: (&'static str, &'static str),
    kind: Kind,
    weight: usize,
    tag: &'static str,
    traits: &'static [Trait],
) -> Plan {
    Plan { namespace: place.0, name: place.1, kind, weight, tag, traits }
}

#[rustfmt::skip]
pub(super) const PLANS: &[Plan] = &[
    plan(("kube-system", "kube-proxy"), DaemonSet, 0, "v1", &[]),
    plan(("observability", "log-shipper"), DaemonSet, 0, "4.1.0", &[]),
    plan(("kube-system", "coredns"), Deployment, 1, "v1.12.1", &[DisruptionBudget]),
    plan(("kube-system", "metrics-server"), Deployment, 1, "v0.8.0", &[]),
    plan(("payments", "api"), Deployment, 10, "2.14.1", &[Sidecar, Ingress, Autoscaler, DisruptionBudget]),
    plan(("payments", "ledger"), StatefulSet, 4, "1.9.3", &[Metrics, DisruptionBudget]),
    plan(("payments", "settlement-worker"), Deployment, 7, "2.14.1", &[Init]),
    plan(("payments", "fraud-scorer"), Deployment, 6, "0.31.0", &[Autoscaler]),
    plan(("payments", "reconcile"), CronJob, 0, "2.14.1", &[]),
    plan(("checkout", "web"), Deployment, 10, "5.8.2", &[Ingress, Autoscaler, DisruptionBudget]),
    plan(("checkout", "cart"), Deployment, 8, "3.3.0", &[Sidecar]),
    plan(("checkout", "pricing"), Deployment, 6, "1.22.4", &[]),
    plan(("checkout", "session-cache"), StatefulSet, 3, "7.4.2", &[Metrics]),
    plan(("search", "frontend"), Deployment, 7, "0.92.0", &[Ingress]),
    plan(("search", "indexer"), StatefulSet, 4, "0.92.0", &[Init]),
    plan(("search", "query"), Deployment, 8, "0.92.0", &[Autoscaler, DisruptionBudget]),
    plan(("search", "reindex"), CronJob, 0, "0.92.0", &[]),
    plan(("identity", "login"), Deployment, 6, "4.0.7", &[Init, Ingress]),
    plan(("identity", "token-issuer"), Deployment, 4, "4.0.7", &[DisruptionBudget]),
    plan(("media", "thumbnailer"), Deployment, 6, "1.4.0", &[]),
    plan(("media", "transcoder"), Deployment, 5, "2.0.3", &[Autoscaler]),
    plan(("platform", "gateway"), Deployment, 6, "1.31.2", &[Sidecar, DisruptionBudget]),
    plan(("platform", "feature-flags"), Deployment, 3, "0.18.5", &[]),
    plan(("observability", "prometheus"), StatefulSet, 2, "v3.5.0", &[Metrics]),
    plan(("observability", "alert-router"), Deployment, 2, "0.28.1", &[]),
    plan(("batch", "nightly-report"), CronJob, 0, "1.2.0", &[]),
];

/// All namespaces, in the order they were made.
pub(super) const NAMESPACES: &[&str] = &[
    "default",
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "platform",
    "identity",
    "payments",
    "checkout",
    "search",
    "media",
    "observability",
    "batch",
];

/// The image of a rollout that cannot work: the tag was never pushed.
pub(super) const BAD_TAG: &str = "5.9.0-rc1";

/// How many replicas of a workload are in trouble in a story, and in which.
pub(super) const TROUBLES: &[(Story, &str, &str, usize, PodState)] = &[
    (Story::EuWest, "search", "indexer", 1, PodState::CrashLoop(131)),
    (Story::EuWest, "payments", "settlement-worker", 1, PodState::InitCrashLoop(17)),
    (Story::EuWest, "media", "thumbnailer", 3, PodState::Evicted),
    (Story::EuWest, "platform", "gateway", 2, PodState::Terminating),
    (Story::EuWest, "payments", "fraud-scorer", 1, PodState::NotReady),
    (Story::UsEast, "search", "indexer", 1, PodState::NoVolume),
    (Story::UsEast, "payments", "fraud-scorer", 2, PodState::CrashLoop(12)),
    (Story::UsEast, "identity", "login", 1, PodState::Initializing),
    (Story::UsEast, "media", "transcoder", 1, PodState::Unschedulable),
    (Story::ApSouth, "media", "transcoder", 3, PodState::OutOfMemory(44)),
    (Story::ApSouth, "checkout", "pricing", 1, PodState::NotReady),
    (Story::EdgeLab, "platform", "feature-flags", 1, PodState::CrashLoop(310)),
];

/// Where the rollout of `checkout/web` is stuck.
pub(super) fn has_bad_rollout(story: Story) -> bool {
    matches!(story, Story::EuWest | Story::UsEast)
}

/// The tag a workload runs with: some clusters lag behind.
pub(super) fn tag(story: Story, plan: &Plan) -> &'static str {
    match (story, plan.namespace, plan.name) {
        (Story::ApSouth, "payments", "api" | "settlement-worker") => "2.13.7",
        (Story::EdgeLab, "payments", "api" | "settlement-worker") => "2.11.0",
        (Story::EdgeLab, "search", _) => "0.90.3",
        (Story::ApSouth, "identity", _) => "4.0.5",
        _ => plan.tag,
    }
}
