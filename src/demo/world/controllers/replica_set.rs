//! The controller of replica sets: as many pods as asked for.

use serde_json::Value;

use super::super::super::json::{at, int, text};
use super::super::super::store::Store;
use super::pods::{Count, NewPod, PodName, is_active, is_ready, key_of};
use super::{Controllers, Moment, owned, put_status, workload};

/// Pods created or deleted in one step.
const BURST: usize = 50;

impl Controllers {
    /// Says whether the replica set is as it should be.
    pub(super) fn replica_set(&mut self, store: &mut Store, key: &str, moment: Moment) -> bool {
        let Some((index, mut set)) = workload(store, "replicasets", key) else { return true };
        let mut pods = owned(store, ("", "pods"), &set);
        pods.retain(is_active);
        let wanted = usize::try_from(int(&set, "/spec/replicas")).unwrap_or(0);
        for _ in 0..wanted.saturating_sub(pods.len()).min(BURST) {
            let name = PodName::Generated(format!("{}-", text(&set, "/metadata/name")));
            self.create_pod(store, &NewPod { owner: &set, name, labels: Vec::new(), node: None }, moment);
        }
        let mut count = Count::of(&pods);
        if pods.len() > wanted {
            let many = (pods.len() - wanted).min(BURST);
            // Those that do not work go first, then the youngest.
            pods.sort_by_cached_key(|pod| {
                (is_ready(pod), std::cmp::Reverse(text(pod, "/metadata/creationTimestamp").to_owned()))
            });
            let Some(pods_at) = store.find("", "pods") else { return true };
            for pod in pods.iter().take(many) {
                self.delete(store, pods_at, &key_of(pod), moment);
            }
            count = Count::of(pods.iter().skip(many));
        }
        let status = [
            ("replicas", count.all.into()),
            ("fullyLabeledReplicas", count.all.into()),
            ("readyReplicas", count.ready.into()),
            ("availableReplicas", count.ready.into()),
            ("observedGeneration", at(&set, "/metadata/generation").clone()),
        ];
        if put_status(store, index, &mut set, &status) {
            self.note_owner(&set, moment.at);
        }
        usize::try_from(count.ready).is_ok_and(|ready| ready == wanted)
    }
}

/// How many pods a replica set should have.
pub(super) fn wanted(set: &Value) -> i64 {
    int(set, "/spec/replicas")
}
