//! Pods that controllers create, choose to delete, and count.

use compact_str::CompactString;
use serde_json::{Value, json};

use super::super::super::json::{at, items, set, text};
use super::super::super::store::{self, Store};
use super::super::super::write::{is_schedulable, is_terminating};
use super::super::pod::{self, PodState};
use super::super::{owner, rfc3339, suffix, uid};
use super::{Controllers, Moment, START, Work};

/// The parts that a controller makes a pod of.
#[derive(Debug)]
pub(super) struct NewPod<'a> {
    /// The workload that owns it.
    pub(super) owner: &'a Value,
    /// A whole name, or a beginning that is completed.
    pub(super) name: PodName,
    /// Besides those of the template.
    pub(super) labels: Vec<(&'static str, String)>,
    /// `None`: the scheduler chooses.
    pub(super) node: Option<String>,
}

#[derive(Debug)]
pub(super) enum PodName {
    Fixed(String),
    Generated(String),
}

/// The counts of the pods of a workload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) all: i64,
    pub(super) ready: i64,
}

impl Count {
    pub(super) fn of<'a>(pods: impl IntoIterator<Item = &'a Value>) -> Self {
        pods.into_iter().fold(Self::default(), |count, pod| Self {
            all: count.all + 1,
            ready: count.ready + i64::from(is_ready(pod)),
        })
    }
}

pub(super) fn is_ready(pod: &Value) -> bool {
    let is_true = |condition: &Value| text(condition, "/type") == "Ready" && text(condition, "/status") == "True";
    items(pod, "/status/conditions").iter().any(is_true)
}

/// Whether a controller counts a pod as one of its own.
pub(super) fn is_active(pod: &Value) -> bool {
    !is_terminating(pod) && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

pub(super) fn key_of(object: &Value) -> CompactString {
    store::key(text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

/// The address of a node.
pub(super) fn host_ip(store: &Store, node: &str) -> String {
    let found = store.find("", "nodes").and_then(|index| store.document(index, &store::key("", node)));
    let addresses = found.as_ref().map_or(&[][..], |node| items(node, "/status/addresses"));
    let internal = addresses.iter().find(|address| text(address, "/type") == "InternalIP");
    internal.map(|address| text(address, "/address").to_owned()).unwrap_or_default()
}

/// Binds a pod to a node.
pub(super) fn place(pod: &mut Value, node: &str) {
    set(pod, "/spec", "nodeName", node.into());
}

impl Controllers {
    /// A node that takes new pods; one of the control plane only where there is no other.
    pub(super) fn node(&mut self, store: &Store) -> Option<String> {
        let nodes = store.collection_of("", "nodes")?.objects("");
        let documents = nodes.iter().filter_map(|node| {
            let document: Value = serde_json::from_slice(&node.json).ok()?;
            is_schedulable(&document).then(|| (node.facts.name().to_owned(), node.facts.name().starts_with("cp-")))
        });
        let (control_plane, workers): (Vec<_>, Vec<_>) = documents.partition(|(_, is_control_plane)| *is_control_plane);
        let all = if workers.is_empty() { control_plane } else { workers };
        let number = (!all.is_empty()).then(|| self.rng.usize(..all.len()))?;
        all.get(number).map(|(name, _)| name.clone())
    }

    /// Creates a pod; nothing in a namespace that is on its way out.
    pub(super) fn create_pod(&mut self, store: &mut Store, new: &NewPod<'_>, moment: Moment) {
        let namespace = text(new.owner, "/metadata/namespace").to_owned();
        let is_open = store
            .find("", "namespaces")
            .and_then(|index| store.document(index, &store::key("", &namespace)))
            .is_some_and(|namespace| !is_terminating(&namespace));
        let Some(index) = store.find("", "pods").filter(|_| is_open) else { return };
        let name = match &new.name {
            PodName::Fixed(name) => name.clone(),
            PodName::Generated(prefix) => format!("{prefix}{}", suffix(&mut self.rng, 5)),
        };
        let node = new.node.clone().or_else(|| self.node(store));
        let mut pod = self.pod_of(store, new, &name, moment);
        if let Some(node) = &node {
            place(&mut pod, node);
        }
        let state = if node.is_some() { PodState::Creating } else { PodState::Unschedulable };
        let host = host_ip(store, node.as_deref().unwrap_or_default());
        pod::set_status(&mut pod, state, moment.now, (&host, ""));
        let key = key_of(&pod);
        let uid = CompactString::from(text(&pod, "/metadata/uid"));
        store.put(index, pod);
        if node.is_some() {
            let start = self.spread(START);
            self.add(moment.at + start, Work::Start { key, uid });
        }
    }

    fn pod_of(&mut self, store: &Store, new: &NewPod<'_>, name: &str, moment: Moment) -> Value {
        let template = at(new.owner, "/spec/template");
        let sibling = sibling(store, new.owner);
        let mut annotations = at(template, "/metadata/annotations").clone();
        if !annotations.is_object() {
            annotations = json!({});
        }
        let of_sibling = sibling.as_ref().and_then(|pod| at(pod, "/metadata/annotations").as_object().cloned());
        for (key, value) in of_sibling.into_iter().flatten().filter(|(key, _)| key.starts_with("prometheus.io/")) {
            set(&mut annotations, "", &key, value);
        }
        let mut labels = at(template, "/metadata/labels").clone();
        for (key, value) in &new.labels {
            set(&mut labels, "", key, value.as_str().into());
        }
        let owner_name = text(new.owner, "/metadata/name");
        let reference = owner(
            text(new.owner, "/apiVersion"),
            text(new.owner, "/kind"),
            owner_name,
            text(new.owner, "/metadata/uid"),
        );
        let mut spec = sibling.map_or_else(|| at(template, "/spec").clone(), |pod| like(&pod, template, name));
        if let Some(map) = spec.as_object_mut() {
            map.remove("nodeName");
        }
        json!({
            "kind": "Pod", "apiVersion": "v1",
            "metadata": {
                "name": name, "generateName": format!("{owner_name}-"),
                "namespace": text(new.owner, "/metadata/namespace"), "uid": uid(&mut self.rng),
                "creationTimestamp": rfc3339(moment.now), "labels": labels, "annotations": annotations,
                "ownerReferences": [reference],
            },
            "spec": spec,
        })
    }
}

/// A pod of the same application: what admission and defaults add to a pod is taken from it.
fn sibling(store: &Store, owner: &Value) -> Option<Value> {
    let wanted = at(owner, "/spec/selector/matchLabels").get("app.kubernetes.io/name")?.as_str()?;
    let pods = store.collection_of("", "pods")?.objects(text(owner, "/metadata/namespace"));
    let same = pods.iter().find(|pod| pod.facts.label("app.kubernetes.io/name") == Some(wanted))?;
    serde_json::from_slice(&same.json).ok()
}

/// The spec of a pod like another one, with the images and the restarts of a template.
fn like(pod: &Value, template: &Value, name: &str) -> Value {
    let of_template = items(template, "/spec/containers");
    let names = |containers: &[Value]| -> Vec<String> {
        containers.iter().map(|container| text(container, "/name").to_owned()).collect()
    };
    if names(of_template) != names(items(pod, "/spec/containers")) {
        // The template is of another make than what runs.
        return at(template, "/spec").clone();
    }
    let mut spec = at(pod, "/spec").clone();
    for (number, container) in of_template.iter().enumerate() {
        set(&mut spec, &format!("/containers/{number}"), "image", at(container, "/image").clone());
    }
    let volumes = items(&spec, "/volumes").len();
    for number in 0..volumes {
        let claim = format!("/volumes/{number}/persistentVolumeClaim");
        if spec.pointer(&claim).is_some() {
            set(&mut spec, &claim, "claimName", format!("data-{name}").into());
        }
    }
    spec
}
