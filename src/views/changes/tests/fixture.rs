//! Plans and operations made by hand.

use crate::model::change::{
    Cascade, Change, Consent, FieldChange, Finding, FindingKind, OperationId, OperationState, Options, Plan,
    PlanCluster, Target, TargetKey, TargetState, Verb,
};
use crate::model::cluster::{Access, ClusterName};
use crate::model::kind::KindId;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::{ChangeSnapshot, OperationStatus, PlanStatus, ReadyPlan, RequestId, Snapshot};
use crate::views::fixture::NOW;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

pub(super) fn key(cluster: &str, name: &str) -> TargetKey {
    TargetKey {
        cluster: ClusterName::new(cluster),
        kind: KindId::new("", "Pod"),
        namespace: "shop".into(),
        name: Text::new(name),
        uid: Text::from(format!("{cluster}/{name}")),
    }
}

pub(super) fn objects(count: usize) -> Vec<ObjectKey> {
    let object = |nth| ObjectKey {
        cluster: ClusterName::new(if nth % 2 == 0 { "lab-1" } else { "lab-2" }),
        namespace: "shop".into(),
        kind: KindId::new("", "Pod"),
        name: Text::from(format!("api-{nth:02}")),
        uid: Text::from(format!("uid-{nth}")),
    };
    (0..count).map(object).collect()
}

/// A plan that deletes so many pods in each cluster; the second of each has a finding against it, the third one that warns.
pub(super) fn plan(count: usize, clusters: &[&str]) -> Plan {
    let target = |cluster: &str, nth: usize| {
        let finding = |kind, text: &str| vec![Finding { kind, text: Text::new(text) }];
        Target {
            key: key(cluster, &format!("api-{nth:02}")),
            generation: None,
            fields: vec![FieldChange { path: "/spec/replicas".into(), old: Some("1".into()), new: Some("3".into()) }],
            owners: vec!["replicaset.apps/api-7d9f8c6b5d".into()],
            finalizers: Vec::new(),
            managed_by: (nth == 0).then(|| "Argo CD".into()),
            findings: match nth {
                1 => finding(FindingKind::Forbidden, "you may not delete pods in the namespace shop of this cluster"),
                2 => finding(FindingKind::NotChecked, "a webhook takes no dry run"),
                _ => Vec::new(),
            },
        }
    };
    let cluster = |name: &&str| PlanCluster {
        name: ClusterName::new(name),
        server: Text::from(format!("https://{name}:6443")),
        uid: "uid".into(),
        access: if name.starts_with("prod") { Access::Protected } else { Access::Guarded },
        kinds: Vec::new(),
        problem: None,
    };
    Plan {
        api_version: "quarterdeck.dev/v1alpha1".into(),
        kind: "ChangePlan".into(),
        schema: 1,
        id: OperationId::new(NOW, 1),
        made_at: NOW,
        change: Change::Delete { cascade: Cascade::Background, grace_period_s: None },
        options: Options::default(),
        hidden_marks: 1,
        clusters: clusters.iter().map(cluster).collect(),
        targets: clusters.iter().flat_map(|name| (0..count).map(move |nth| target(name, nth))).collect(),
        digest: "digest".into(),
    }
}

pub(super) fn ready(plan: Plan, consent: Consent) -> PlanStatus {
    let waves = plan.clusters.iter().map(|cluster| vec![cluster.name.clone()]).collect();
    PlanStatus::Ready(Box::new(ReadyPlan { plan: Arc::new(plan), waves, consent, missing: Vec::new() }))
}

pub(super) fn refused() -> Consent {
    let (why, hint) = ("prod-1 has 31 objects, and at most 20 are changed at once", "mark fewer rows");
    Consent::Refused { why: why.to_owned(), hint: hint.to_owned() }
}

/// The nth operation: a delete of four pods, of which the last is as the state tells.
pub(super) fn operation(nth: u32, state: OperationState, own: bool) -> OperationStatus {
    let (last, why) = match state {
        OperationState::Running => (TargetState::Settling, "waiting until it is gone"),
        OperationState::Interrupted => (TargetState::Unknown, "asked, and no answer"),
        OperationState::Done => (TargetState::Done, ""),
        OperationState::Partial => (TargetState::Refused, "it moved: another object has its name"),
        OperationState::Failed => (TargetState::Failed, "admission denied it: the policy wants two replicas at least"),
    };
    let first = if state == OperationState::Failed { TargetState::Refused } else { TargetState::Done };
    let mut targets: Vec<(TargetKey, TargetState, Text)> =
        (0..3).map(|nth| (key("lab-1", &format!("api-0{nth}")), first, Text::default())).collect();
    targets.push((key("lab-2", "api-7d9f8c6b5d-x2x4z"), last, Text::new(why)));
    let at = UnixSeconds(NOW.0 - 40 * (100 - i64::from(nth)));
    let number = std::iter::repeat_n('0', 5).chain([char::from_digit(nth % 10, 10).unwrap_or('0')]);
    let id = format!("20261121-14{:04}-{}", nth, number.collect::<String>());
    OperationStatus {
        id: OperationId::parse(&id).unwrap(),
        verb: Some(Verb::Delete),
        state,
        at,
        actor: "ada, qd (pid 4711)".into(),
        own,
        stopping: None,
        wave: if state == OperationState::Running { (2, 2) } else { (0, 0) },
        targets: targets.into(),
    }
}

/// A snapshot with a plan under request 1, and operations.
pub(super) fn with(plan: Option<PlanStatus>, operations: Vec<OperationStatus>) -> Snapshot {
    let plans: BTreeMap<_, _> = plan.into_iter().map(|status| (RequestId(1), Arc::new(status))).collect();
    let operations = operations.into_iter().map(Arc::new).collect();
    Snapshot { changes: ChangeSnapshot { plans: Arc::new(plans), operations }, ..Snapshot::default() }
}
