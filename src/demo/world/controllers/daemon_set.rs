//! The controller of daemon sets: one pod on every node, replaced node by node.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::super::json::{at, text};
use super::super::super::store::Store;
use super::super::super::write::template_generation;
use super::super::suffix;
use super::pods::{NewPod, PodName, is_active, is_ready, key_of};
use super::{Controllers, Moment, owned, put_status, workload};

const GENERATION: &str = "pod-template-generation";

impl Controllers {
    /// Says whether every node has a pod of the present template that is ready.
    pub(super) fn daemon_set(&mut self, store: &mut Store, key: &str, moment: Moment) -> bool {
        let Some((index, mut daemon)) = workload(store, "daemonsets", key) else { return true };
        let generation = template_generation(&daemon);
        let nodes: Vec<String> = store
            .collection_of("", "nodes")
            .map(|nodes| nodes.objects("").iter().map(|node| node.facts.name().to_owned()).collect())
            .unwrap_or_default();
        let pods = owned(store, ("", "pods"), &daemon);
        let is_stopping = pods.iter().any(super::is_terminating);
        let by_node: BTreeMap<&str, &Value> =
            pods.iter().filter(|pod| is_active(pod)).map(|pod| (text(pod, "/spec/nodeName"), pod)).collect();
        let missing: Vec<&String> = nodes.iter().filter(|node| !by_node.contains_key(node.as_str())).collect();
        let all_ready = by_node.values().all(|pod| is_ready(pod));
        for node in &missing {
            let occupied = pods.iter().any(|pod| super::is_terminating(pod) && text(pod, "/spec/nodeName") == **node);
            if !occupied {
                self.create_on(store, &daemon, node, (generation, moment));
            }
        }
        let outdated: Vec<&Value> = by_node.values().copied().filter(|pod| generation_of(pod) != generation).collect();
        // maxUnavailable is 1: one at a time. One that does not work anyway may go first.
        let first = outdated.iter().find(|pod| !is_ready(pod)).or_else(|| outdated.first());
        if let (Some(pod), Some(pods_at), true) =
            (first, store.find("", "pods"), missing.is_empty() && !is_stopping && all_ready)
        {
            self.delete(store, pods_at, &key_of(pod), moment);
        }
        let status = status(store, &daemon, nodes.len(), generation);
        put_status(store, index, &mut daemon, &status);
        missing.is_empty() && outdated.is_empty() && all_ready && !is_stopping
    }

    fn create_on(&mut self, store: &mut Store, daemon: &Value, node: &str, (generation, moment): (i64, Moment)) {
        let name = PodName::Generated(format!("{}-", text(daemon, "/metadata/name")));
        let hash = suffix(&mut self.rng, 10);
        let labels = vec![(GENERATION, generation.to_string()), ("controller-revision-hash", hash)];
        self.create_pod(store, &NewPod { owner: daemon, name, labels, node: Some(node.to_owned()) }, moment);
    }
}

fn status(store: &Store, daemon: &Value, nodes: usize, generation: i64) -> Vec<(&'static str, Value)> {
    let pods = owned(store, ("", "pods"), daemon);
    let active = || pods.iter().filter(|pod| is_active(pod));
    let ready = active().filter(|pod| is_ready(pod)).count();
    let updated = active().filter(|pod| generation_of(pod) == generation).count();
    vec![
        ("observedGeneration", at(daemon, "/metadata/generation").clone()),
        ("currentNumberScheduled", active().count().into()),
        ("desiredNumberScheduled", nodes.into()),
        ("numberReady", ready.into()),
        ("numberAvailable", ready.into()),
        ("numberUnavailable", nodes.saturating_sub(ready).into()),
        ("updatedNumberScheduled", updated.into()),
    ]
}

/// The generation of the template a pod was made of.
fn generation_of(pod: &Value) -> i64 {
    let label = at(pod, "/metadata/labels").get(GENERATION).and_then(Value::as_str);
    label.and_then(|text| text.parse().ok()).unwrap_or(1)
}
