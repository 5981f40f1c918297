//! The objects of one simulated cluster: serialised once, read by many.
//!
//! Every change gets the next resourceVersion of the cluster and is kept for watches that come back
//! later. The past is bounded per resource; who asks for more gets 410, as from a real server.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use compact_str::{CompactString, format_compact};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use super::json::{at, set, text};
use super::resource::{Origin, Resource};

/// Changes kept per resource. With the bytes below it decides how long a watch may be away.
const HISTORY_CHANGES: usize = 1_024;
/// Bytes of past pods kept: some 200 changes, 10 s of a cluster that changes 20 times a second.
/// A hundred clusters must fit in one GiB, so there is not room for much more.
const HISTORY_OF_PODS: usize = 1 << 20;
/// The same for every other resource: they are smaller and change less.
const HISTORY_OF_OTHERS: usize = 1 << 18;
/// Paged lists that can be continued per cluster; the oldest is dropped, and its tokens get 410.
const PAGED_LISTS: usize = 8;
/// Changes after which a paged list is dropped: it keeps old objects alive.
const PAGED_AGE: u64 = 1_000;

/// One object at one resourceVersion.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) facts: Arc<Facts>,
    /// The whole document.
    pub(super) json: Bytes,
}

/// What selectors need to know of an object.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// `namespace/name`, or `/name`: the order of lists.
    key: CompactString,
    labels: Box<[(CompactString, CompactString)]>,
    fields: Box<[(&'static str, CompactString)]>,
}

impl Facts {
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn namespace(&self) -> &str {
        self.key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    pub(super) fn name(&self) -> &str {
        self.key.split_once('/').map_or("", |(_, name)| name)
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn field(&self, field: &str) -> &str {
        match field {
            "metadata.name" => self.name(),
            "metadata.namespace" => self.namespace(),
            _ => self.fields.iter().find(|(known, _)| *known == field).map_or("", |(_, value)| value.as_str()),
        }
    }

    fn of(resource: &Resource, object: &Value) -> Self {
        let labels = at(object, "/metadata/labels")
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.into(), value.as_str().unwrap_or_default().into()))
            .collect();
        let fields = field_labels(resource)
            .iter()
            .filter(|(field, _)| !field.starts_with("metadata."))
            .map(|(field, pointer)| (*field, cell(at(object, pointer))))
            .collect();
        Self { key: key(text(object, "/metadata/namespace"), text(object, "/metadata/name")), labels, fields }
    }

    #[cfg(test)]
    pub(super) fn for_test(labels: &[(&str, &str)], fields: &[(&'static str, &str)]) -> Self {
        Self {
            key: "default/test".into(),
            labels: labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            fields: fields.iter().map(|(k, v)| (*k, (*v).into())).collect(),
        }
    }
}

fn cell(value: &Value) -> CompactString {
    match value {
        Value::String(text) => text.into(),
        Value::Null => CompactString::default(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => format_compact!("{value}"),
    }
}

/// The key of an object: namespaces and names hold no `/`.
pub(super) fn key(namespace: &str, name: &str) -> CompactString {
    format_compact!("{namespace}/{name}")
}

/// The field labels a resource can be selected by, each with the place its value comes from.
pub(super) fn field_labels(resource: &Resource) -> &'static [(&'static str, &'static str)] {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => PODS,
        ("", "events") => EVENTS,
        ("", "namespaces") => NAMESPACES,
        ("", "nodes") => NODES,
        ("", "secrets") => SECRETS,
        ("apps", "replicasets") | ("", "replicationcontrollers") => REPLICAS,
        ("batch", "jobs") => JOBS,
        _ => PLAIN,
    }
}

type FieldLabels = &'static [(&'static str, &'static str)];
const NAME: (&str, &str) = ("metadata.name", "/metadata/name");
const NAMESPACE: (&str, &str) = ("metadata.namespace", "/metadata/namespace");
const PLAIN: FieldLabels = &[NAME, NAMESPACE];
const PODS: FieldLabels = &[
    NAME,
    NAMESPACE,
    ("spec.nodeName", "/spec/nodeName"),
    ("spec.restartPolicy", "/spec/restartPolicy"),
    ("spec.schedulerName", "/spec/schedulerName"),
    ("spec.serviceAccountName", "/spec/serviceAccountName"),
    ("spec.hostNetwork", "/spec/hostNetwork"),
    ("status.phase", "/status/phase"),
    ("status.podIP", "/status/podIP"),
    ("status.nominatedNodeName", "/status/nominatedNodeName"),
];
const EVENTS: FieldLabels = &[
    NAME,
    NAMESPACE,
    ("involvedObject.kind", "/involvedObject/kind"),
    ("involvedObject.namespace", "/involvedObject/namespace"),
    ("involvedObject.name", "/involvedObject/name"),
    ("involvedObject.uid", "/involvedObject/uid"),
    ("involvedObject.apiVersion", "/involvedObject/apiVersion"),
    ("involvedObject.resourceVersion", "/involvedObject/resourceVersion"),
    ("involvedObject.fieldPath", "/involvedObject/fieldPath"),
    ("reason", "/reason"),
    ("reportingComponent", "/reportingComponent"),
    ("source", "/source/component"),
    ("type", "/type"),
];
const NAMESPACES: FieldLabels = &[NAME, ("name", "/metadata/name"), ("status.phase", "/status/phase")];
const NODES: FieldLabels = &[NAME, ("spec.unschedulable", "/spec/unschedulable")];
const SECRETS: FieldLabels = &[NAME, NAMESPACE, ("type", "/type")];
const REPLICAS: FieldLabels = &[NAME, NAMESPACE, ("status.replicas", "/status/replicas")];
const JOBS: FieldLabels = &[NAME, NAMESPACE, ("status.successful", "/status/succeeded")];

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Added,
    Modified,
    Deleted,
}

/// One step in the history of a resource.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) revision: u64,
    pub(super) verb: Verb,
    pub(super) object: Arc<Object>,
    /// The object as selectors saw it before.
    pub(super) before: Option<Arc<Facts>>,
}

/// The history asked for is gone; the first revision that can still be followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Compacted(pub(super) u64);

/// All objects of one resource.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) resource: Arc<Resource>,
    objects: BTreeMap<CompactString, Arc<Object>>,
    history: VecDeque<Arc<Change>>,
    history_bytes: usize,
    /// Watches from before this revision have missed something.
    compacted: u64,
    changed: watch::Sender<u64>,
}

impl Collection {
    /// The objects of one namespace (or of all, when empty), in key order.
    pub(super) fn objects(&self, namespace: &str) -> Vec<Arc<Object>> {
        if namespace.is_empty() {
            return self.objects.values().map(Arc::clone).collect();
        }
        let first = key(namespace, "");
        self.objects
            .range(first..)
            .take_while(|(_, object)| object.facts.namespace() == namespace)
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.objects.get(&key(namespace, name)).map(Arc::clone)
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// The key of the object at this place in the order.
    pub(super) fn key_at(&self, number: usize) -> Option<CompactString> {
        self.objects.keys().nth(number).cloned()
    }

    /// At most `limit` changes after `revision`.
    pub(super) fn since(&self, revision: u64, limit: usize) -> Result<Vec<Arc<Change>>, Compacted> {
        if revision < self.compacted {
            return Err(Compacted(self.compacted));
        }
        let first = self.history.partition_point(|change| change.revision <= revision);
        Ok(self.history.iter().skip(first).take(limit).map(Arc::clone).collect())
    }

    /// The revision of the last change of this resource.
    pub(super) fn latest(&self) -> u64 {
        *self.changed.borrow()
    }

    /// Wakes when this resource changed.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn record(&mut self, change: Change) {
        let revision = change.revision;
        self.history_bytes += change.object.json.len();
        self.history.push_back(Arc::new(change));
        let budget = if self.resource.plural == "pods" { HISTORY_OF_PODS } else { HISTORY_OF_OTHERS };
        while self.history.len() > HISTORY_CHANGES || self.history_bytes > budget {
            let Some(oldest) = self.history.pop_front() else {
                break;
            };
            self.history_bytes = self.history_bytes.saturating_sub(oldest.object.json.len());
            self.compacted = oldest.revision;
        }
        self.changed.send_replace(revision);
    }
}

/// A list that was answered in part: later pages must come from the same moment.
#[derive(Debug)]
pub(super) struct PagedList {
    pub(super) revision: u64,
    pub(super) collection: usize,
    pub(super) namespace: CompactString,
    pub(super) objects: Arc<[Arc<Object>]>,
}

/// All objects of one cluster.
#[derive(Debug)]
pub(super) struct Store {
    revision: u64,
    collections: Vec<Collection>,
    paged: VecDeque<Arc<PagedList>>,
}

impl Store {
    /// An empty store whose first change gets `revision + 1`.
    pub(super) fn new(revision: u64, resources: Vec<Resource>) -> Self {
        let mut store = Self { revision, collections: Vec::with_capacity(resources.len()), paged: VecDeque::new() };
        for resource in resources {
            store.serve(resource);
        }
        store
    }

    /// Starts to serve one more resource.
    pub(super) fn serve(&mut self, resource: Resource) {
        self.collections.push(Collection {
            resource: Arc::new(resource),
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            history_bytes: 0,
            compacted: 0,
            changed: watch::Sender::new(self.revision),
        });
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn resources(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.collections.iter().map(|collection| &collection.resource)
    }

    pub(super) fn collection(&self, index: usize) -> Option<&Collection> {
        self.collections.get(index)
    }

    /// Where a resource type is kept.
    pub(super) fn find(&self, group: &str, plural: &str) -> Option<usize> {
        self.collections
            .iter()
            .position(|collection| collection.resource.plural == plural && collection.resource.group == group)
    }

    pub(super) fn collection_of(&self, group: &str, plural: &str) -> Option<&Collection> {
        self.collection(self.find(group, plural)?)
    }

    /// The document of one object.
    pub(super) fn document(&self, index: usize, key: &str) -> Option<Value> {
        let object = self.collections.get(index)?.objects.get(key)?;
        serde_json::from_slice(&object.json).ok()
    }

    /// Creates or replaces an object. `kind`, `apiVersion` and the resourceVersion are set here.
    pub(super) fn put(&mut self, index: usize, mut value: Value) {
        let revision = self.revision + 1;
        self.paged.retain(|list| list.revision + PAGED_AGE >= revision);
        let Some(collection) = self.collections.get_mut(index) else {
            return;
        };
        let object = Arc::new(stamp(&collection.resource, &mut value, revision));
        let before =
            collection.objects.insert(object.facts.key.clone(), Arc::clone(&object)).map(|old| Arc::clone(&old.facts));
        self.revision = revision;
        collection.record(Change {
            revision,
            verb: if before.is_some() { Verb::Modified } else { Verb::Added },
            object,
            before,
        });
    }

    /// Deletes an object; false when there was none.
    pub(super) fn remove(&mut self, index: usize, key: &str) -> bool {
        let revision = self.revision + 1;
        let Some(collection) = self.collections.get_mut(index) else {
            return false;
        };
        let Some(old) = collection.objects.remove(key) else {
            return false;
        };
        let Ok(mut value) = serde_json::from_slice::<Value>(&old.json) else {
            return false;
        };
        let object = Arc::new(stamp(&collection.resource, &mut value, revision));
        self.revision = revision;
        collection.record(Change { revision, verb: Verb::Deleted, object, before: Some(Arc::clone(&old.facts)) });
        true
    }

    /// Forgets the past of one resource: watches that come back get 410.
    pub(super) fn compact(&mut self, index: usize) {
        let revision = self.revision;
        if let Some(collection) = self.collections.get_mut(index) {
            collection.history.clear();
            collection.history_bytes = 0;
            collection.compacted = revision;
        }
        self.paged.retain(|list| list.collection != index);
    }

    /// Forgets the past of everything: what building the world has written is not history.
    pub(super) fn compact_all(&mut self) {
        for index in 0..self.collections.len() {
            self.compact(index);
        }
    }

    /// Keeps the moment of a list whose later pages will be asked for.
    pub(super) fn keep(&mut self, list: PagedList) {
        while self.paged.len() >= PAGED_LISTS {
            self.paged.pop_front();
        }
        self.paged.push_back(Arc::new(list));
    }

    /// The list a continue token belongs to, unless it was dropped.
    pub(super) fn kept(&self, collection: usize, namespace: &str, revision: u64) -> Option<Arc<PagedList>> {
        self.paged
            .iter()
            .find(|list| list.collection == collection && list.revision == revision && list.namespace == namespace)
            .map(Arc::clone)
    }

    /// Drops a paged list that was read to its end, so that its old objects can go.
    pub(super) fn finish(&mut self, done: &Arc<PagedList>) {
        self.paged.retain(|list| !Arc::ptr_eq(list, done));
    }
}

/// Sets the resourceVersion and serialises, `kind` and `apiVersion` first for built-in kinds.
fn stamp(resource: &Resource, value: &mut Value, revision: u64) -> Object {
    set(value, "/metadata", "resourceVersion", revision.to_string().into());
    let facts = Arc::new(Facts::of(resource, value));
    let api_version = resource.api_version();
    let json = match resource.origin {
        Origin::Custom(_) => {
            set(value, "", "apiVersion", api_version.as_str().into());
            set(value, "", "kind", resource.kind.as_str().into());
            value.to_string().into_bytes()
        }
        Origin::BuiltIn | Origin::Aggregated => {
            if let Some(map) = value.as_object_mut() {
                map.remove("kind");
                map.remove("apiVersion");
            }
            let rest = value.to_string();
            let mut json = prefix(resource);
            json.reserve_exact(rest.len());
            json.push_str(rest.get(1..).unwrap_or("}"));
            json.into_bytes()
        }
    };
    Object { facts, json: json.into_boxed_slice().into() }
}

/// How the document of every object of a built-in kind begins.
fn prefix(resource: &Resource) -> String {
    format!("{{\"kind\":\"{}\",\"apiVersion\":\"{}\",", resource.kind, resource.api_version())
}

/// The document of an object as an item of a list: built-in kinds leave out what the list says.
/// The result lacks the opening brace.
pub(super) fn item_tail<'a>(resource: &Resource, object: &'a Object) -> &'a [u8] {
    let skip = match resource.origin {
        Origin::Custom(_) => 1,
        Origin::BuiltIn | Origin::Aggregated => {
            // The constant counts the punctuation of `prefix`.
            resource.kind.len() + resource.api_version().len() + r#"{"kind":"","apiVersion":"","#.len()
        }
    };
    object.json.get(skip..).unwrap_or_default()
}
