//! The controller of stateful sets: one pod after the other, by number.

use serde_json::{Value, json};

use super::super::super::json::{at, int, items, set, text};
use super::super::super::store::{self, Store};
use super::super::{owner, rfc3339, suffix, uid};
use super::pods::{NewPod, PodName, is_active, is_ready, key_of};
use super::{Controllers, Moment, owned, put_status, workload};

const HASH: &str = "controller-revision-hash";

impl Controllers {
    /// Says whether every pod is there, ready and of the present template.
    pub(super) fn stateful_set(&mut self, store: &mut Store, key: &str, moment: Moment) -> bool {
        let Some((index, mut stateful)) = workload(store, "statefulsets", key) else { return true };
        let revision = self.revision(store, &stateful, moment);
        let wanted = at(&stateful, "/spec/replicas").as_i64().unwrap_or(1);
        let pods = Pods::of(store, &stateful);
        if let Some(next) = pods.next(wanted, &revision) {
            self.act(store, (&stateful, &revision), next, moment);
        }
        let pods = Pods::of(store, &stateful);
        let status = pods.status(&stateful, &revision);
        put_status(store, index, &mut stateful, &status);
        pods.next(wanted, &revision).is_none() && pods.0.iter().all(|(_, pod)| is_active(pod) && is_ready(pod))
    }

    fn act(&mut self, store: &mut Store, (stateful, revision): (&Value, &str), next: Next, moment: Moment) {
        match next {
            Next::Wait => {}
            Next::Create(number) => {
                let name = PodName::Fixed(format!("{}-{number}", text(stateful, "/metadata/name")));
                self.create_claim(store, stateful, number, moment);
                let labels = vec![(HASH, revision.to_owned())];
                self.create_pod(store, &NewPod { owner: stateful, name, labels, node: None }, moment);
            }
            Next::Delete(key) => {
                if let Some(pods) = store.find("", "pods") {
                    self.delete(store, pods, &key, moment);
                }
            }
        }
    }

    /// The revision of the present template; a new one where there is none yet.
    fn revision(&mut self, store: &mut Store, stateful: &Value, moment: Moment) -> String {
        let Some(index) = store.find("apps", "controllerrevisions") else { return String::new() };
        let namespace = text(stateful, "/metadata/namespace");
        let uid_of_set = text(stateful, "/metadata/uid");
        let all = store.collection(index).map(|all| all.objects(namespace)).unwrap_or_default();
        let documents = all.iter().filter_map(|object| serde_json::from_slice::<Value>(&object.json).ok());
        let revisions: Vec<Value> = documents.filter(|object| super::is_owned_by(object, uid_of_set)).collect();
        let template = at(stateful, "/spec/template");
        let same = revisions.iter().filter(|one| at(one, "/data/spec/template") == template);
        if let Some(same) = same.max_by_key(|one| int(one, "/revision")) {
            return text(same, "/metadata/name").to_owned();
        }
        let number = revisions.iter().map(|one| int(one, "/revision")).max().unwrap_or(0) + 1;
        let owner_name = text(stateful, "/metadata/name");
        let name = format!("{owner_name}-{}", suffix(&mut self.rng, 10));
        let revision = json!({
            "kind": "ControllerRevision", "apiVersion": "apps/v1",
            "metadata": {
                "name": name, "namespace": namespace, "uid": uid(&mut self.rng),
                "creationTimestamp": rfc3339(moment.now),
                "ownerReferences": [owner("apps/v1", "StatefulSet", owner_name, uid_of_set)],
            },
            "data": {"spec": {"template": template}}, "revision": number,
        });
        store.put(index, revision);
        name
    }

    /// The volume claim of a pod that did not exist before, with a volume, like the ones of its siblings.
    fn create_claim(&mut self, store: &mut Store, stateful: &Value, number: i64, moment: Moment) {
        let (Some(claims), Some(volumes)) =
            (store.find("", "persistentvolumeclaims"), store.find("", "persistentvolumes"))
        else {
            return;
        };
        let (set_name, namespace) = (text(stateful, "/metadata/name"), text(stateful, "/metadata/namespace"));
        let name = format!("data-{set_name}-{number}");
        let has_claims = !items(stateful, "/spec/volumeClaimTemplates").is_empty();
        if !has_claims || store.document(claims, &store::key(namespace, &name)).is_some() {
            return;
        }
        let Some(mut claim) = store.document(claims, &store::key(namespace, &format!("data-{set_name}-0"))) else {
            return;
        };
        let claim_uid = uid(&mut self.rng);
        let volume_name = format!("pvc-{claim_uid}");
        if let Some(mut volume) = store.document(volumes, &store::key("", text(&claim, "/spec/volumeName"))) {
            for (key, value) in [("name", volume_name.clone()), ("uid", uid(&mut self.rng))] {
                set(&mut volume, "/metadata", key, value.into());
            }
            set(&mut volume, "/metadata", "creationTimestamp", rfc3339(moment.now).into());
            set(&mut volume, "/spec/claimRef", "name", name.as_str().into());
            set(&mut volume, "/spec/claimRef", "uid", claim_uid.as_str().into());
            store.put(volumes, volume);
        }
        set(&mut claim, "/metadata", "name", name.into());
        set(&mut claim, "/metadata", "uid", claim_uid.into());
        set(&mut claim, "/metadata", "creationTimestamp", rfc3339(moment.now).into());
        set(&mut claim, "/spec", "volumeName", volume_name.into());
        store.put(claims, claim);
    }
}

/// The pods of a stateful set by their numbers, also those that are stopping.
struct Pods(Vec<(i64, Value)>);

/// The next step; one at a time.
enum Next {
    /// Something is under way.
    Wait,
    Create(i64),
    Delete(compact_str::CompactString),
}

impl Pods {
    fn of(store: &Store, stateful: &Value) -> Self {
        let pods = owned(store, ("", "pods"), stateful).into_iter().filter_map(|pod| {
            let (_, number) = text(&pod, "/metadata/name").rsplit_once('-')?;
            Some((number.parse().ok()?, pod))
        });
        let mut pods: Vec<(i64, Value)> = pods.collect();
        pods.sort_by_key(|(number, _)| *number);
        Self(pods)
    }

    /// `None`: nothing is to be done any more.
    fn next(&self, wanted: i64, revision: &str) -> Option<Next> {
        let is_stopping = self.0.iter().any(|(_, pod)| super::is_terminating(pod));
        let has = |number: i64| self.0.iter().any(|(own, _)| *own == number);
        if is_stopping {
            return Some(Next::Wait);
        }
        if let Some(missing) = (0..wanted).find(|number| !has(*number)) {
            let is_held = self.0.iter().any(|(number, pod)| *number < missing && !is_ready(pod));
            return Some(if is_held { Next::Wait } else { Next::Create(missing) });
        }
        let last = self.0.iter().rev();
        if let Some((_, surplus)) = last.clone().find(|(number, _)| *number >= wanted) {
            return Some(Next::Delete(key_of(surplus)));
        }
        let is_old = |pod: &Value| hash(pod) != revision;
        let outdated = last.clone().find(|(_, pod)| is_old(pod))?;
        // Those of the new template must stand before the next one goes; a broken old one is no reason to wait.
        let is_waiting = last.clone().any(|(_, pod)| !is_old(pod) && !is_ready(pod));
        Some(if is_waiting { Next::Wait } else { Next::Delete(key_of(&outdated.1)) })
    }

    fn status(&self, stateful: &Value, revision: &str) -> Vec<(&'static str, Value)> {
        let active = || self.0.iter().map(|(_, pod)| pod).filter(|pod| is_active(pod));
        let count = |test: &dyn Fn(&Value) -> bool| active().filter(|pod| test(pod)).count();
        let ready = count(&is_ready);
        let updated = count(&|pod| hash(pod) == revision);
        let all = count(&|_| true);
        let current = text(stateful, "/status/currentRevision");
        let current = if updated == all || current.is_empty() { revision } else { current };
        vec![
            ("observedGeneration", at(stateful, "/metadata/generation").clone()),
            ("replicas", all.into()),
            ("readyReplicas", ready.into()),
            ("availableReplicas", ready.into()),
            ("currentReplicas", count(&|pod| hash(pod) == current).into()),
            ("updatedReplicas", updated.into()),
            ("currentRevision", current.into()),
            ("updateRevision", revision.into()),
        ]
    }
}

fn hash(pod: &Value) -> &str {
    at(pod, "/metadata/labels").get(HASH).and_then(Value::as_str).unwrap_or_default()
}
