//! The fleet: the engine's state, and all its decisions. No IO, no clock, no task:
//! `on(observation, now)` folds one observation in and returns the effects to run.

pub mod baseline_watches;
mod documents;
mod inventory;
mod logs;
mod member;
pub mod options;
mod parts;
mod reconcile;
mod requests;
mod shard;
mod snapshot;
mod summary;
mod views;
mod watch_state;

use crate::engine::cluster::{ClusterError, Probe, WatchItem};
use crate::engine::observation::{ClusterEffect, ClusterObservation, Effect, Observation, Session, WatchId};
use crate::engine::part::{Part, StepContext};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::model::time::Moment;
use crate::protocol::{ProxySnapshot, Severity, Snapshot, ViewId};
use documents::{Changed, Documents};
use member::{Member, Wanted};
use options::FleetOptions;
use parts::Parts;
use reconcile::{Place, Running};
use shard::BatchOutcome;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use views::View;
use watch_state::Next;

/// Lead of the wall clock over the engine's clock, in seconds, from which the machine is taken to have slept: every
/// connection is then in doubt.
const SLEPT_S: i64 = 15;
/// Wait before the inventory's task is started again after a panic.
const INVENTORY_AGAIN: Duration = Duration::from_secs(5);

/// The engine's state and its decisions.
#[derive(Debug)]
pub struct Fleet {
    cx: StepContext,
    members: BTreeMap<ClusterName, Member>,
    /// Next due time of each cluster.
    due: BTreeMap<ClusterName, Duration>,
    /// Clusters that wait for a connect slot, first in, first out.
    queue: VecDeque<ClusterName>,
    running: Running,
    views: BTreeMap<ViewId, View>,
    parts: Parts,
    options: FleetOptions,
    current: Option<ClusterName>,
    /// Current warnings of the inventory; each becomes a notice once.
    warned: Arc<[Text]>,
    inventory_due: Option<Duration>,
    /// True if a cluster or a shard was removed since the last snapshot.
    dropped: bool,
    published: Snapshot,
}

impl Fleet {
    /// Returns a fleet without clusters.
    pub fn new(options: FleetOptions) -> Self {
        let proxy = ProxySnapshot { can_start: options.starts_proxies, ..ProxySnapshot::default() };
        let published = Snapshot { title: options.title.clone(), proxy, ..Snapshot::default() };
        Self {
            cx: StepContext::new(options.seed, options.probe_period),
            members: BTreeMap::new(),
            due: BTreeMap::new(),
            queue: VecDeque::new(),
            running: Running::new(),
            views: BTreeMap::new(),
            parts: Parts::new(&options),
            options,
            current: None,
            warned: Arc::from([]),
            inventory_due: None,
            dropped: false,
            published,
        }
    }

    /// Returns the first effects.
    pub fn begin(&self) -> Vec<Effect> {
        vec![Effect::Cluster(ClusterEffect::List { refresh: false })]
    }

    /// Folds in one observation; returns the effects to run.
    pub fn on(&mut self, observation: Observation, now: Moment) -> Vec<Effect> {
        self.advance(now);
        match observation {
            Observation::Requested(request) => self.on_request(request),
            Observation::Cluster(observation) => self.on_cluster(observation),
            Observation::Document(observation) => self.parts.documents.on(observation, &mut self.cx),
            Observation::Logs(observation) => self.parts.logs.on(observation, &mut self.cx),
            Observation::Proxy(observation) => self.parts.proxy.on(observation, &mut self.cx),
            Observation::Change(observation) => self.parts.changes.on(observation, &self.members, &mut self.cx),
            Observation::Tick => {}
        }
        self.run_due();
        self.admit();
        std::mem::take(&mut self.cx.effects)
    }

    fn on_cluster(&mut self, observation: ClusterObservation) {
        match observation {
            ClusterObservation::Listed(listing) => self.on_listing(listing),
            ClusterObservation::ListingCrashed => {
                self.cx.notice(Severity::Error, None, "reading the inventory failed inside qd; it is read again");
                self.inventory_due = Some(self.cx.after(INVENTORY_AGAIN));
            }
            ClusterObservation::Connected { session, outcome } => {
                self.with(&session, |member, cx| member.on_connected(outcome, cx));
            }
            ClusterObservation::Probed { session, outcome } => self.on_probed(&session, outcome),
            ClusterObservation::Identified { session, outcome } => {
                self.with(&session, |member, cx| member.on_identified(outcome, cx));
            }
            ClusterObservation::Discovered { session, outcome } => {
                let changed = self.with(&session, |member, cx| {
                    if outcome.is_ok() {
                        member.on_answer();
                    }
                    member.on_discovered(outcome, cx)
                });
                if changed == Some(true) {
                    self.reconcile(&session.cluster);
                    self.settle(&session.cluster);
                }
            }
            ClusterObservation::Watched { watch, items } => self.on_items(watch, items),
            ClusterObservation::Lost { watch, error } => self.on_lost(watch, error, false),
            ClusterObservation::Ended { watch, why } => self.on_lost(watch, ClusterError::Failed(why), true),
        }
    }

    /// Returns the time of the next [`Observation::Tick`], since the engine's start; `None` if nothing will be due.
    pub fn next_due(&self) -> Option<Duration> {
        let parts = self.parts.all().map(Part::next_due);
        self.due.values().copied().chain(parts.into_iter().flatten()).chain(self.inventory_due).min()
    }

    /// Updates the time, and probes all connected clusters after a sleep of the machine.
    fn advance(&mut self, now: Moment) {
        let before = std::mem::replace(&mut self.cx.now, now);
        let ran = i64::try_from(now.elapsed.saturating_sub(before.elapsed).as_secs()).unwrap_or(i64::MAX);
        if before != Moment::default() && now.wall.since(before.wall).saturating_sub(ran) > SLEPT_S {
            for member in self.members.values_mut().filter(|member| member.is_up()) {
                member.probe(&mut self.cx);
            }
        }
    }

    /// Calls `act` with the cluster, if the session is its current one.
    fn with<T>(&mut self, session: &Session, act: impl FnOnce(&mut Member, &mut StepContext) -> T) -> Option<T> {
        let member = self.members.get_mut(&session.cluster).filter(|member| member.is_session(session))?;
        let result = act(member, &mut self.cx);
        self.settle(&session.cluster);
        Some(result)
    }

    /// Updates the cluster's next due time, and its place in the queue for connect slots.
    fn settle(&mut self, name: &ClusterName) {
        let warm = self.options.warm;
        match self.members.get(name).and_then(|member| member.next_due(warm)) {
            Some(due) => self.due.insert(name.clone(), due),
            None => self.due.remove(name),
        };
        if self.members.get(name).is_some_and(Member::is_queued) && !self.queue.contains(name) {
            self.queue.push_back(name.clone());
        }
    }

    fn on_probed(&mut self, session: &Session, outcome: Result<Probe, ClusterError>) {
        let answered = outcome.is_ok();
        let was_up = self.members.get(&session.cluster).is_some_and(Member::is_up);
        let first = self.with(session, |member, cx| member.on_probed(outcome, cx));
        if first == Some(true) {
            self.reconcile(&session.cluster);
            self.settle(&session.cluster);
        }
        if first.is_some() && answered && !was_up {
            self.parts.documents.on_answer(&session.cluster, &self.cx);
        }
    }

    fn on_items(&mut self, watch: WatchId, items: Vec<WatchItem>) {
        let Some(Place { cluster, key, of }) = self.running.get(&watch).cloned() else { return };
        let Some(member) = self.members.get_mut(&cluster) else { return };
        let Some(watched) = member.watched.get_mut(&key) else { return };
        let was_listed = watched.is_listed();
        let mut brought = BatchOutcome::default();
        for item in items {
            if !self.parts.documents.is_empty() {
                note_change(&mut self.parts.documents, &cluster, watched, &item, &self.cx);
            }
            watched.item(&of, item, self.cx.now.elapsed, &mut brought);
        }
        let custom = brought.visible && was_listed && key == baseline_watches::custom_kinds();
        let counted = brought.visible || !was_listed && watched.is_listed();
        if watched.pinned && counted || watched.dirty {
            member.dirty = true;
        }
        member.costs.bytes = member.costs.bytes.saturating_add(brought.bytes);
        member.costs.relists += brought.relists;
        member.on_answer();
        if custom {
            member.on_custom_kinds(&self.cx);
        }
        self.settle(&cluster);
    }

    fn on_lost(&mut self, watch: WatchId, error: ClusterError, anew: bool) {
        let Some(Place { cluster, key, of }) = self.running.get(&watch).cloned() else { return };
        let Some(member) = self.members.get_mut(&cluster) else { return };
        member.costs.errors += 1;
        member.dirty = true;
        let Some(watched) = member.watched.get_mut(&key) else { return };
        let complete = watched.rows.is_complete(of.as_ref());
        let Some(stream) = watched.streams.get_mut(&of) else { return };
        let next = stream.lost(error.clone(), anew, complete, &mut self.cx);
        watched.dirty |= stream.trouble().is_some();
        let narrows = next == Next::Refused && stream.denied().is_some() && watched.kind.namespaced && of.is_none();
        match next {
            Next::Refused if narrows => self.fall_back(&cluster, &key),
            Next::LogIn if member.is_up() => member.fail(error, &mut self.cx),
            Next::Probe if member.is_up() => member.probe(&mut self.cx),
            Next::Refused | Next::LogIn | Next::Probe | Next::Wait => {}
        }
        self.settle(&cluster);
    }

    /// Runs everything that is due.
    fn run_due(&mut self) {
        let now = self.cx.now.elapsed;
        let due: Vec<ClusterName> =
            self.due.iter().filter(|(_, due)| **due <= now).map(|(name, _)| name.clone()).collect();
        for name in due {
            self.drop_cold(&name);
            let mut anew = Vec::new();
            if let Some(member) = self.members.get_mut(&name) {
                member.run_due(&mut self.cx);
                for (key, watched) in &mut member.watched {
                    anew.extend(watched.run_due(&mut self.cx).into_iter().map(|of| (key.clone(), of)));
                }
            }
            for (key, of) in anew {
                self.restart(&name, &key, &of);
            }
            self.settle(&name);
        }
        if self.cx.is_due(self.inventory_due) {
            self.inventory_due = None;
            self.cx.effects.push(Effect::Cluster(ClusterEffect::List { refresh: false }));
        }
        for part in self.parts.all_mut() {
            part.run_due(&self.members, &mut self.cx);
        }
    }

    /// Gives free connect slots to the clusters in the queue.
    fn admit(&mut self) {
        while !self.queue.is_empty() {
            let taken = self.members.values().filter(|member| member.takes_slot()).count();
            if taken >= self.options.connects {
                return;
            }
            let Some(name) = self.queue.pop_front() else { return };
            if let Some(member) = self.members.get_mut(&name).filter(|member| member.is_queued()) {
                member.begin(&mut self.cx);
                self.settle(&name);
            }
        }
    }

    /// Connects or reconnects a cluster.
    fn connect(&mut self, name: &ClusterName) {
        let Some(member) = self.members.get_mut(name) else { return };
        self.running.retain(|_, place| place.cluster != *name);
        member.connect(&mut self.cx);
        self.settle(name);
    }

    fn pause(&mut self, name: &ClusterName) {
        let Some(member) = self.members.get_mut(name).filter(|member| member.wanted == Wanted::Yes) else { return };
        self.running.retain(|_, place| place.cluster != *name);
        member.pause(&mut self.cx);
        self.settle(name);
    }
}

/// Reports a change to the open documents of the object, or an event to those of the object it is about.
fn note_change(
    documents: &mut Documents,
    cluster: &ClusterName,
    watched: &shard::ShardWatch,
    item: &WatchItem,
    cx: &StepContext,
) {
    let kind = &watched.kind.id;
    let change = match item {
        WatchItem::Applied { row, .. } if kind.kind == "Event" => Changed {
            cluster,
            kind,
            namespace: &row.namespace,
            name: &row.name,
            deleted: false,
            about: documents::about(row, &watched.columns),
        },
        WatchItem::Applied { row, .. } => {
            Changed { cluster, kind, namespace: &row.namespace, name: &row.name, deleted: false, about: None }
        }
        WatchItem::Deleted { namespace, name } => {
            Changed { cluster, kind, namespace, name, deleted: true, about: None }
        }
        WatchItem::Started { .. } | WatchItem::Listed { .. } | WatchItem::Watching { .. } => return,
    };
    documents.on_change(&change, cx);
}
