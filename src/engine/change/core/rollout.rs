//! Whether a change has settled: the rollout complete, the object gone, the value read back.

use super::intent::is_applied;
use crate::model::change::{Change, Target};
use crate::model::text::Text;
use serde_json::Value;

/// A judgement of an object whose change was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The change has settled.
    Yes,
    /// Still under way; in words.
    NotYet(Text),
    /// The change will not settle by itself; in words.
    Never(Text),
}

/// Judges the object as it is now; `None`: there is none of this name.
pub fn settled(change: &Change, target: &Target, object: Option<&Value>) -> Settled {
    let present = object.filter(|object| {
        object.pointer("/metadata/uid").and_then(Value::as_str).is_some_and(|uid| uid == target.key.uid)
    });
    if let Change::Delete { .. } = change {
        return present.map_or(Settled::Yes, deleting);
    }
    let Some(object) = present else {
        return Settled::Never(Text::const_new("the object was deleted meanwhile"));
    };
    if !is_applied(&target.key.kind, &target.fields, object) {
        return Settled::NotYet(Text::const_new("the new value is not there: something else sets it back"));
    }
    match change {
        Change::RolloutRestart { .. } | Change::Scale { .. } => rollout(&target.key.kind.kind, object),
        Change::Delete { .. } | Change::Cordon {} | Change::Uncordon {} | Change::Label { .. } => Settled::Yes,
    }
}

fn deleting(object: &Value) -> Settled {
    let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    let names: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
    Settled::NotYet(if names.is_empty() {
        Text::const_new("still being deleted")
    } else {
        Text::from(format!("waits for finalizers: {}", crate::model::text::clean(&names.join(", "))))
    })
}

/// The rules of `kubectl rollout status`.
fn rollout(kind: &str, object: &Value) -> Settled {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let count = |pointer: &str| number(pointer).unwrap_or(0);
    if number("/status/observedGeneration").is_some_and(|seen| seen < count("/metadata/generation"))
        || (number("/status/observedGeneration").is_none() && number("/metadata/generation").is_some())
    {
        return Settled::NotYet(Text::const_new("its controller has not seen the change yet"));
    }
    let of = |done: i64, all: i64, what: &str| Settled::NotYet(Text::from(format!("{done} of {all} {what}")));
    let wanted = number("/spec/replicas").unwrap_or(1);
    match kind {
        "Deployment" => {
            let (updated, available) = (count("/status/updatedReplicas"), count("/status/availableReplicas"));
            match () {
                () if is_stuck(object) => Settled::Never(Text::const_new("the rollout exceeded its progress deadline")),
                () if updated < wanted => of(updated, wanted, "replicas are updated"),
                () if count("/status/replicas") > updated => of(
                    count("/status/replicas") - updated,
                    count("/status/replicas"),
                    "replicas are old and still there",
                ),
                () if available < updated => of(available, updated, "updated replicas are available"),
                () => Settled::Yes,
            }
        }
        "DaemonSet" => {
            let wanted = count("/status/desiredNumberScheduled");
            let (updated, available) = (count("/status/updatedNumberScheduled"), count("/status/numberAvailable"));
            match () {
                () if is_on_delete(object) => Settled::Yes,
                () if updated < wanted => of(updated, wanted, "pods are updated"),
                () if available < wanted => of(available, wanted, "pods are available"),
                () => Settled::Yes,
            }
        }
        "StatefulSet" => {
            let (ready, updated) = (count("/status/readyReplicas"), count("/status/updatedReplicas"));
            let revision = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (current, update) = (revision("/status/currentRevision"), revision("/status/updateRevision"));
            let partition = count("/spec/updateStrategy/rollingUpdate/partition");
            match () {
                () if ready < wanted => of(ready, wanted, "replicas are ready"),
                () if count("/status/replicas") > wanted => {
                    of(count("/status/replicas") - wanted, count("/status/replicas"), "replicas are still to go")
                }
                () if is_on_delete(object) => Settled::Yes,
                () if partition > 0 && updated >= wanted - partition => Settled::Yes,
                () if current != update => of(updated, wanted, "replicas are updated"),
                () => Settled::Yes,
            }
        }
        _ => match count("/status/replicas") {
            present if present != wanted => of(present, wanted, "replicas are there"),
            _ if count("/status/readyReplicas") < wanted => {
                of(count("/status/readyReplicas"), wanted, "replicas are ready")
            }
            _ => Settled::Yes,
        },
    }
}

fn is_on_delete(object: &Value) -> bool {
    object.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete")
}

fn is_stuck(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(updated: i64, replicas: i64, available: i64) -> Value {
        json!({"metadata": {"uid": "u", "generation": 4}, "spec": {"replicas": 3},
               "status": {"observedGeneration": 4, "updatedReplicas": updated, "replicas": replicas,
                          "availableReplicas": available}})
    }

    #[test]
    fn a_deployment_settles_as_kubectl_says() {
        assert_eq!(rollout("Deployment", &deployment(3, 3, 3)), Settled::Yes);
        for (updated, replicas, available) in [(2, 3, 3), (3, 4, 3), (3, 3, 2)] {
            let judged = rollout("Deployment", &deployment(updated, replicas, available));
            assert!(matches!(judged, Settled::NotYet(_)), "{judged:?}");
        }
        let mut unseen = deployment(3, 3, 3);
        unseen["status"]["observedGeneration"] = json!(3);
        assert!(matches!(rollout("Deployment", &unseen), Settled::NotYet(_)));
        unseen["status"] = json!({});
        assert!(matches!(rollout("Deployment", &unseen), Settled::NotYet(_)), "no controller has seen it");
        let mut stuck = deployment(2, 3, 2);
        stuck["status"]["conditions"] = json!([{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]);
        assert!(matches!(rollout("Deployment", &stuck), Settled::Never(_)));
    }

    #[test]
    fn a_daemon_set_and_a_stateful_set_settle_as_kubectl_says() {
        let daemon = |updated: i64, available: i64| {
            json!({"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": 1,
                "desiredNumberScheduled": 2, "updatedNumberScheduled": updated, "numberAvailable": available}})
        };
        assert_eq!(rollout("DaemonSet", &daemon(2, 2)), Settled::Yes);
        assert!(matches!(rollout("DaemonSet", &daemon(1, 2)), Settled::NotYet(_)));
        assert!(matches!(rollout("DaemonSet", &daemon(2, 1)), Settled::NotYet(_)));
        let set = |ready: i64, current: &str| {
            json!({"metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": {"observedGeneration": 1,
                "replicas": 2, "readyReplicas": ready, "currentRevision": current, "updateRevision": "b"}})
        };
        assert_eq!(rollout("StatefulSet", &set(2, "b")), Settled::Yes);
        assert!(matches!(rollout("StatefulSet", &set(1, "b")), Settled::NotYet(_)));
        assert!(matches!(rollout("StatefulSet", &set(2, "a")), Settled::NotYet(_)));
    }

    #[test]
    fn a_deleted_object_has_settled_when_it_is_gone_or_another() {
        let change = Change::Delete { cascade: crate::model::change::Cascade::Background, grace_period_s: None };
        let object = json!({"metadata": {"uid": "u", "finalizers": ["a/b"]}});
        let target = super::super::plan::tests::target(&change, &object);
        assert_eq!(settled(&change, &target, None), Settled::Yes);
        assert_eq!(settled(&change, &target, Some(&json!({"metadata": {"uid": "v"}}))), Settled::Yes);
        assert_eq!(settled(&change, &target, Some(&object)), Settled::NotYet("waits for finalizers: a/b".into()));
    }
}
