//! The controller of deployments: rolling updates as Kubernetes rolls them.

use serde_json::{Value, json};

use super::super::super::json::{at, int, set, text, truth};
use super::super::super::store::Store;
use super::super::super::write::raise_generation;
use super::super::{owner, rfc3339, suffix, uid};
use super::pods::key_of;
use super::replica_set::wanted;
use super::{Controllers, Moment, NOTICE, Work, owned, put_status, workload};

const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";

/// A deployment with what it owns.
struct Rollout {
    deployment: Value,
    desired: i64,
    /// The replica set of the present template.
    new: Option<Value>,
    old: Vec<Value>,
}

impl Controllers {
    /// Says whether the rollout is complete.
    pub(super) fn deployment(&mut self, store: &mut Store, key: &str, moment: Moment) -> bool {
        let Some((index, deployment)) = workload(store, "deployments", key) else { return true };
        let mut rollout = Rollout::of(store, deployment);
        if rollout.new.is_none() && !truth(&rollout.deployment, "/spec/paused") {
            self.create_replica_set(store, &mut rollout, moment);
        }
        for (set, replicas) in rollout.next() {
            self.scale(store, set, replicas, moment);
        }
        let rollout = Rollout::of(store, rollout.deployment);
        let status = rollout.status(moment);
        let mut deployment = rollout.deployment.clone();
        put_status(store, index, &mut deployment, &status);
        rollout.is_complete()
    }

    /// A replica set of the template as it is now, without pods yet.
    fn create_replica_set(&mut self, store: &mut Store, rollout: &mut Rollout, moment: Moment) {
        let Some(index) = store.find("apps", "replicasets") else { return };
        let deployment = &mut rollout.deployment;
        let revision = rollout.old.iter().map(revision).max().unwrap_or(0) + 1;
        let (name, namespace) =
            (text(deployment, "/metadata/name").to_owned(), at(deployment, "/metadata/namespace").clone());
        let hash = suffix(&mut self.rng, 10);
        let mut template = at(deployment, "/spec/template").clone();
        set(&mut template, "/metadata/labels", "pod-template-hash", hash.as_str().into());
        let mut selector = at(deployment, "/spec/selector").clone();
        set(&mut selector, "/matchLabels", "pod-template-hash", hash.as_str().into());
        let reference = owner("apps/v1", "Deployment", &name, text(deployment, "/metadata/uid"));
        let replica_set = json!({
            "kind": "ReplicaSet", "apiVersion": "apps/v1",
            "metadata": {
                "name": format!("{name}-{hash}"), "namespace": namespace, "uid": uid(&mut self.rng),
                "creationTimestamp": rfc3339(moment.now), "generation": 1,
                "labels": at(&template, "/metadata/labels"), "ownerReferences": [reference],
                "annotations": {REVISION: revision.to_string(), DESIRED: rollout.desired.to_string()},
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
            "status": {"replicas": 0},
        });
        store.put(index, replica_set.clone());
        rollout.new = Some(replica_set);
        if !at(deployment, "/metadata/annotations").is_object() {
            set(deployment, "/metadata", "annotations", json!({}));
        }
        set(deployment, "/metadata/annotations", REVISION, revision.to_string().into());
        let since = rfc3339(moment.now);
        let progressing = json!({"type": "Progressing", "status": "True", "reason": "NewReplicaSetCreated",
            "message": format!("Created new replica set \"{name}-{hash}\""),
            "lastUpdateTime": since, "lastTransitionTime": since});
        set_condition(deployment, progressing);
        if let Some(at) = store.find("apps", "deployments") {
            store.put(at, deployment.clone());
        }
    }

    fn scale(&mut self, store: &mut Store, mut replica_set: Value, replicas: i64, moment: Moment) {
        let Some(index) = store.find("apps", "replicasets") else { return };
        set(&mut replica_set, "/spec", "replicas", replicas.into());
        raise_generation(&mut replica_set);
        let key = key_of(&replica_set);
        store.put(index, replica_set);
        self.add(moment.at + NOTICE, Work::Reconcile { plural: "replicasets", key });
    }
}

impl Rollout {
    fn of(store: &Store, deployment: Value) -> Self {
        let mut old = owned(store, ("apps", "replicasets"), &deployment);
        let newest = |sets: &[Value]| {
            let same = sets.iter().enumerate().filter(|(_, set)| has_template(set, &deployment));
            same.max_by_key(|(_, set)| revision(set)).map(|(number, _)| number)
        };
        let new = newest(&old).map(|number| old.remove(number));
        Self { desired: at(&deployment, "/spec/replicas").as_i64().unwrap_or(1), deployment, new, old }
    }

    fn sets(&self) -> impl Iterator<Item = &Value> {
        self.new.iter().chain(&self.old)
    }

    /// How many pods more, and how many fewer than wanted there may be.
    fn limits(&self) -> (i64, i64) {
        let part = |field: &str, round_up: bool| {
            let value = at(&self.deployment, &format!("/spec/strategy/rollingUpdate/{field}"));
            let text = value.as_str().unwrap_or("25%");
            let percent = || text.trim_end_matches('%').parse().unwrap_or(25_i64) * self.desired;
            value.as_i64().unwrap_or_else(|| if round_up { (percent() + 99) / 100 } else { percent() / 100 })
        };
        let (surge, unavailable) = (part("maxSurge", true), part("maxUnavailable", false));
        // Both zero would never get anywhere.
        if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
    }

    /// The next sizes of the replica sets that change.
    fn next(&self) -> Vec<(Value, i64)> {
        let Some(new) = &self.new else { return Vec::new() };
        let mut changes = Vec::new();
        let total: i64 = self.sets().map(wanted).sum();
        let size = wanted(new);
        let is_recreated = text(&self.deployment, "/spec/strategy/type") == "Recreate";
        let old: i64 = self.old.iter().map(wanted).sum();
        let (surge, unavailable) = self.limits();
        let grown = if size > self.desired || old == 0 {
            self.desired
        } else if is_recreated {
            // First all of the old pods go.
            size
        } else {
            (size + (self.desired + surge - total).max(0)).min(self.desired)
        };
        if grown != size {
            changes.push((new.clone(), grown));
        }
        let ready = |set: &Value| int(set, "/status/availableReplicas");
        let may_go = if is_recreated {
            old
        } else {
            let least = self.desired - unavailable;
            total - least - (size - ready(new)).max(0)
        };
        changes.extend(self.shrunk(may_go, if is_recreated { 0 } else { self.desired - unavailable }));
        changes
    }

    /// Old replica sets that may get smaller: first by the pods that do not work, then by as many as leave `least` available.
    fn shrunk(&self, may_go: i64, least: i64) -> Vec<(Value, i64)> {
        let available = |set: &Value| int(set, "/status/availableReplicas").min(wanted(set));
        let mut may_go = may_go.max(0);
        let mut sizes: Vec<i64> = self.old.iter().map(wanted).collect();
        for (set, size) in self.old.iter().zip(&mut sizes) {
            let gone = (*size - available(set)).clamp(0, may_go);
            *size -= gone;
            may_go -= gone;
        }
        let total: i64 = self.sets().map(available).sum();
        let mut may_go = may_go.min((total - least).max(0));
        for size in &mut sizes {
            let gone = (*size).min(may_go);
            *size -= gone;
            may_go -= gone;
        }
        let changed = self.old.iter().zip(sizes).filter(|(set, size)| wanted(set) != *size);
        changed.map(|(set, size)| (set.clone(), size)).collect()
    }

    fn status(&self, moment: Moment) -> Vec<(&'static str, Value)> {
        let sum = |field: &str| self.sets().map(|set| int(set, &format!("/status/{field}"))).sum::<i64>();
        let (all, ready, available) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
        let updated = self.new.as_ref().map_or(0, |set| int(set, "/status/replicas"));
        let missing = (self.desired - available).max(0);
        let mut deployment = self.deployment.clone();
        let least = self.desired - self.limits().1;
        let (flag, reason, message) = if available >= least {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        let since = rfc3339(moment.now);
        let condition = |kind: &str, flag: &str, reason: &str, message: &str| {
            json!({"type": kind, "status": flag, "reason": reason, "message": message,
                "lastUpdateTime": since, "lastTransitionTime": since})
        };
        set_condition(&mut deployment, condition("Available", flag, reason, message));
        let name = self.new.as_ref().map_or("", |set| text(set, "/metadata/name"));
        let progress = if self.is_complete() {
            let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
            condition("Progressing", "True", "NewReplicaSetAvailable", &message)
        } else {
            let message = format!("ReplicaSet \"{name}\" is progressing.");
            condition("Progressing", "True", "ReplicaSetUpdated", &message)
        };
        set_condition(&mut deployment, progress);
        vec![
            ("observedGeneration", at(&self.deployment, "/metadata/generation").clone()),
            ("replicas", all.into()),
            ("updatedReplicas", updated.into()),
            ("readyReplicas", ready.into()),
            ("availableReplicas", available.into()),
            ("unavailableReplicas", missing.into()),
            ("conditions", at(&deployment, "/status/conditions").clone()),
        ]
    }

    fn is_complete(&self) -> bool {
        let Some(new) = &self.new else { return truth(&self.deployment, "/spec/paused") };
        let all: i64 = self.sets().map(|set| int(set, "/status/replicas")).sum();
        let available = int(new, "/status/availableReplicas");
        wanted(new) == self.desired && available == self.desired && all == self.desired
    }
}

fn revision(replica_set: &Value) -> i64 {
    let text = at(replica_set, "/metadata/annotations").get(REVISION).and_then(Value::as_str);
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether a replica set runs the template of a deployment; the label it adds itself does not count.
fn has_template(replica_set: &Value, deployment: &Value) -> bool {
    let mut of_set = at(replica_set, "/spec/template").clone();
    if let Some(labels) = of_set.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    of_set == *at(deployment, "/spec/template")
}

/// Puts a condition in the place of the one of its type; its transition is as old as its status.
fn set_condition(deployment: &mut Value, mut condition: Value) {
    if !at(deployment, "/status").is_object() {
        set(deployment, "", "status", json!({}));
    }
    if !at(deployment, "/status/conditions").is_array() {
        set(deployment, "/status", "conditions", json!([]));
    }
    let Some(all) = deployment.pointer_mut("/status/conditions").and_then(Value::as_array_mut) else { return };
    let Some(old) = all.iter_mut().find(|old| text(old, "/type") == text(&condition, "/type")) else {
        return all.push(condition);
    };
    if text(old, "/status") == text(&condition, "/status") {
        set(&mut condition, "", "lastTransitionTime", at(old, "/lastTransitionTime").clone());
    }
    if text(old, "/reason") == text(&condition, "/reason") && text(old, "/message") == text(&condition, "/message") {
        set(&mut condition, "", "lastUpdateTime", at(old, "/lastUpdateTime").clone());
    }
    *old = condition;
}
