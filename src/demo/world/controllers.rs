//! The controllers and kubelets of a simulated cluster: they work only after somebody wrote.
//!
//! Work is kept with the time it is due, and done in that order: with the same seed and the same writes it gives the same
//! objects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use jiff::Timestamp;
use serde_json::Value;

use super::super::api::ApiServer;
use super::super::json::{at, items, text};
use super::super::store::{self, Store};
use super::super::write::{self, Context, DeleteOptions, Event, Place, is_terminating};
use super::plan::BAD_TAG;
use super::pod::{self, PodState};

mod collect;
mod daemon_set;
mod deployment;
mod pods;
mod replica_set;
mod stateful_set;

/// How long a controller takes to notice.
const NOTICE: Duration = Duration::from_millis(150);
/// How long a kubelet takes to start a pod, and to stop one, at least; up to as long again by chance.
const START: Duration = Duration::from_millis(900);
const STOP: Duration = Duration::from_millis(700);
/// How often a controller looks again at what is not done.
const AGAIN: Duration = Duration::from_secs(1);
/// How long it goes on looking: as `progressDeadlineSeconds`.
const PATIENCE: Duration = Duration::from_secs(600);
/// Steps made at once, so that readers get their turn.
const STEPS_MAX: usize = 256;
/// Work kept at most; a cluster has fewer objects that can wait for anything.
const WORK_MAX: usize = 200_000;

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    /// A workload is brought nearer to its spec.
    Reconcile { plural: &'static str, key: CompactString },
    /// The scheduler and the kubelet take a pod.
    Start { key: CompactString, uid: CompactString },
    /// The containers of a pod have ended.
    Stopped { key: CompactString, uid: CompactString },
    /// The dependents of an object are deleted or released after it is gone.
    Collect { uid: CompactString },
    /// An object waits for what it owns.
    Finalize { collection: usize, key: CompactString },
    /// A namespace is emptied.
    Empty { name: CompactString },
}

/// The work of the controllers of one cluster.
#[derive(Debug)]
pub(in crate::demo) struct Controllers {
    rng: fastrand::Rng,
    due: BTreeMap<(Duration, u64), Work>,
    /// When each of it is due, so that nothing is in there twice.
    waiting: BTreeMap<Work, (Duration, u64)>,
    sequence: u64,
    /// Until when a workload that is not done is looked at again.
    patience: BTreeMap<CompactString, Duration>,
}

/// The moment a step is made in.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// Since the start of the fleet.
    at: Duration,
    now: Timestamp,
}

impl Controllers {
    pub(in crate::demo) fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed ^ 0x00c0_ffee_c0de),
            due: BTreeMap::new(),
            waiting: BTreeMap::new(),
            sequence: 0,
            patience: BTreeMap::new(),
        }
    }

    /// Decides the names and uids of what is created.
    pub(in crate::demo) fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }

    /// When there is something to do.
    pub(in crate::demo) fn next_due(&self) -> Option<Duration> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Takes note of a write.
    pub(in crate::demo) fn note(&mut self, store: &Store, event: &Event, at: Duration) {
        let object = &event.object;
        let plural = event.resource.plural.as_str();
        let key = store::key(text(object, "/metadata/namespace"), text(object, "/metadata/name"));
        let uid = CompactString::from(text(object, "/metadata/uid"));
        if plural == "pods" && event.resource.group.is_empty() {
            self.note_owner(object, at);
            if !event.is_gone && is_terminating(object) {
                let grace = u64::try_from(super::super::json::int(object, "/metadata/deletionGracePeriodSeconds"));
                let stop = self.spread(STOP).min(Duration::from_secs(grace.unwrap_or(0)));
                self.add(at + stop, Work::Stopped { key, uid });
            } else if !event.is_gone && text(object, "/status/phase").is_empty() {
                let start = self.spread(START);
                self.add(at + start, Work::Start { key, uid });
            } else if event.is_gone {
                self.add(at + NOTICE, Work::Collect { uid });
            }
            return;
        }
        if event.is_gone {
            self.note_owner(object, at);
            self.add(at + NOTICE, Work::Collect { uid });
        } else if is_terminating(object) && plural == "namespaces" && event.resource.group.is_empty() {
            self.add(at + NOTICE, Work::Empty { name: text(object, "/metadata/name").into() });
        } else if is_terminating(object) {
            if let Some(collection) = store.find(&event.resource.group, plural) {
                self.add(at + NOTICE, Work::Finalize { collection, key });
            }
        } else if let Some(plural) = reconciled(&event.resource.group, plural) {
            self.patience.insert(key.clone(), at + PATIENCE);
            self.note_owner(object, at);
            self.add(at + NOTICE, Work::Reconcile { plural, key });
        }
    }

    /// Does what is due. Never more than a bounded number of steps: what is left is due at once.
    pub(in crate::demo) fn run_due(&mut self, store: &mut Store, at: Duration, now: Timestamp) {
        for _ in 0..STEPS_MAX {
            let Some(first) = self.due.first_entry() else { return };
            if first.key().0 > at {
                return;
            }
            let work = first.remove();
            self.waiting.remove(&work);
            self.step(store, &work, Moment { at, now });
        }
    }

    fn step(&mut self, store: &mut Store, work: &Work, moment: Moment) {
        match work {
            Work::Reconcile { plural, key } => {
                let is_done = match *plural {
                    "deployments" => self.deployment(store, key, moment),
                    "replicasets" => self.replica_set(store, key, moment),
                    "statefulsets" => self.stateful_set(store, key, moment),
                    _ => self.daemon_set(store, key, moment),
                };
                let until = self.patience.get(key).copied().unwrap_or_default();
                if !is_done && moment.at < until {
                    self.add(moment.at + AGAIN, work.clone());
                } else if is_done {
                    self.patience.remove(key);
                }
            }
            Work::Start { key, uid } => self.start(store, key, uid, moment),
            Work::Stopped { key, uid } => self.stopped(store, key, uid, moment),
            Work::Collect { uid } => self.collect(store, uid, moment),
            Work::Finalize { collection, key } => self.finalize(store, *collection, key, moment),
            Work::Empty { name } => self.empty(store, name, moment),
        }
    }

    fn add(&mut self, at: Duration, work: Work) {
        match self.waiting.get(&work) {
            Some(known) if known.0 <= at => return,
            Some(known) => drop(self.due.remove(known)),
            None if self.due.len() >= WORK_MAX => return,
            None => {}
        }
        self.sequence += 1;
        self.waiting.insert(work.clone(), (at, self.sequence));
        self.due.insert((at, self.sequence), work);
    }

    /// The controller of an object looks at it.
    fn note_owner(&mut self, object: &Value, at: Duration) {
        for owner in items(object, "/metadata/ownerReferences") {
            let plural = match text(owner, "/kind") {
                "Deployment" => "deployments",
                "ReplicaSet" => "replicasets",
                "StatefulSet" => "statefulsets",
                "DaemonSet" => "daemonsets",
                _ => continue,
            };
            let key = store::key(text(object, "/metadata/namespace"), text(owner, "/name"));
            self.patience.insert(key.clone(), at + PATIENCE);
            self.add(at + NOTICE, Work::Reconcile { plural, key });
        }
    }

    /// Between a time and twice that.
    fn spread(&mut self, time: Duration) -> Duration {
        let most = u64::try_from(time.as_millis()).unwrap_or(0);
        time + Duration::from_millis(self.rng.u64(0..=most))
    }

    /// Deletes as a controller does.
    fn delete(&mut self, store: &mut Store, index: usize, key: &str, moment: Moment) {
        self.delete_with(store, (index, key), &DeleteOptions::background(), moment);
    }

    /// Admission is not asked about what controllers delete.
    fn delete_with(&mut self, store: &mut Store, (index, key): (usize, &str), options: &DeleteOptions, moment: Moment) {
        let Some((namespace, name)) = key.split_once('/') else { return };
        let place = Place { index, namespace, name, is_status: false };
        let mut context = Context { now: moment.now, rng: &mut self.rng, dry_run: false };
        let outcome = write::delete(store, place, options, &mut context);
        // What is gone already needs nothing more.
        if let Some(event) = outcome.ok().and_then(|outcome| outcome.event) {
            self.note(store, &event, moment.at);
        }
    }

    /// The kubelet starts the containers of a pod, on a node that the scheduler finds if need be.
    fn start(&mut self, store: &mut Store, key: &str, uid: &str, moment: Moment) {
        let Some(index) = store.find("", "pods") else { return };
        let Some(mut pod) = this(store, index, key, uid) else { return };
        if is_terminating(&pod) {
            return;
        }
        if text(&pod, "/spec/nodeName").is_empty() {
            let Some(node) = self.node(store) else {
                pod::set_status(&mut pod, PodState::Unschedulable, moment.now, ("", ""));
                return store.put(index, pod);
            };
            pods::place(&mut pod, &node);
        }
        let is_missing =
            items(&pod, "/spec/containers").iter().any(|container| text(container, "/image").ends_with(BAD_TAG));
        let state = if is_missing { PodState::ImagePull } else { PodState::Running };
        let host = pods::host_ip(store, text(&pod, "/spec/nodeName"));
        let ip = format!("10.{}.{}.{}", self.rng.u8(64..128), self.rng.u8(..), self.rng.u8(1..255));
        pod::set_status(&mut pod, state, moment.now, (&host, &ip));
        self.note_owner(&pod, moment.at);
        store.put(index, pod);
    }

    /// The kubelet says that the containers of a pod have ended: it goes, unless somebody holds it.
    fn stopped(&mut self, store: &mut Store, key: &str, uid: &str, moment: Moment) {
        let Some(index) = store.find("", "pods") else { return };
        let Some(pod) = this(store, index, key, uid) else { return };
        if !is_terminating(&pod) || !items(&pod, "/metadata/finalizers").is_empty() {
            return;
        }
        store.remove(index, key);
        self.note_owner(&pod, moment.at);
        self.add(moment.at + NOTICE, Work::Collect { uid: uid.into() });
    }
}

/// The document of an object, if it is still this one.
fn this(store: &Store, index: usize, key: &str, uid: &str) -> Option<Value> {
    store.document(index, key).filter(|object| text(object, "/metadata/uid") == uid)
}

/// The kinds of workloads that controllers look after.
fn reconciled(group: &str, plural: &str) -> Option<&'static str> {
    let known = ["deployments", "replicasets", "statefulsets", "daemonsets"];
    known.into_iter().find(|known| group == "apps" && *known == plural)
}

/// Reads a workload that is not on its way out; controllers leave the others alone.
fn workload(store: &Store, plural: &str, key: &str) -> Option<(usize, Value)> {
    let index = store.find("apps", plural)?;
    let object = store.document(index, key)?;
    (!is_terminating(&object)).then_some((index, object))
}

/// The objects of a resource that an owner has, in the order of their names. Labels are compared first: reading a document
/// costs more.
fn owned(store: &Store, resource: (&str, &str), owner: &Value) -> Vec<Value> {
    let Some(collection) = store.collection_of(resource.0, resource.1) else { return Vec::new() };
    let uid = text(owner, "/metadata/uid");
    let labels = at(owner, "/spec/selector/matchLabels").as_object();
    let objects = collection
        .objects(text(owner, "/metadata/namespace"))
        .into_iter()
        .filter(|object| labels.into_iter().flatten().all(|(key, value)| object.facts.label(key) == value.as_str()));
    let documents = objects.filter_map(|object| serde_json::from_slice::<Value>(&object.json).ok());
    documents.filter(|object| is_owned_by(object, uid)).collect()
}

fn is_owned_by(object: &Value, uid: &str) -> bool {
    items(object, "/metadata/ownerReferences").iter().any(|owner| text(owner, "/uid") == uid)
}

/// Writes a status if it says something new; says whether it does.
fn put_status(store: &mut Store, index: usize, workload: &mut Value, status: &[(&str, Value)]) -> bool {
    let before = at(workload, "/status").clone();
    if !before.is_object() {
        super::super::json::set(workload, "", "status", serde_json::json!({}));
    }
    for (key, value) in status {
        super::super::json::set(workload, "/status", key, value.clone());
    }
    let changed = at(workload, "/status") != &before;
    if changed {
        store.put(index, workload.clone());
    }
    changed
}

/// Runs the controllers of one cluster for as long as the fleet lives. Nothing happens, and nothing is looked at, while
/// nobody writes.
pub(in crate::demo) async fn run(server: Arc<ApiServer>) {
    loop {
        let due = server.controllers.lock().next_due();
        match due {
            None => server.written.notified().await,
            Some(due) => {
                tokio::select! {
                    () = server.written.notified() => {}
                    () = tokio::time::sleep_until(server.started + due) => {}
                }
            }
        }
        let mut store = server.store.write();
        let at = server.started.elapsed();
        server.controllers.lock().run_due(&mut store, at, server.clock.now());
    }
}

#[cfg(test)]
mod tests;
