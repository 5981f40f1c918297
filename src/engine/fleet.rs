//! The fleet: everything the engine knows, and every decision it takes. No IO, no clock, no task:
//! `on(observation, now)` folds one observation in and says what is to be done.

pub mod baseline_watches;
mod documents;
mod inventory;
mod logs;
mod member;
pub mod options;
mod reconcile;
mod requests;
mod shard;
mod snapshot;
mod summary;
mod views;
mod watch_state;

use super::fleet::logs::LogStreams;
use super::fleet::watch_state::Next;
use crate::engine::cluster::{ClusterError, WatchItem};
use crate::engine::fleet::baseline_watches as always;
use crate::engine::observation::{Effect, Observation, Session, WatchId};
use crate::engine::part::StepContext;
use crate::engine::part::operations::Operations;
use crate::engine::proxy_link::core::Routing;
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::model::time::Moment;
use crate::protocol::{Severity, Snapshot, ViewId};
use documents::{Changed, Documents};
use member::{Member, Wanted};
use options::FleetOptions;
use reconcile::{Place, Running};
use shard::BatchOutcome;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use views::View;

/// The wall clock ran this much ahead of the engine's: the machine slept, and every connection is in doubt.
const SLEPT_S: i64 = 15;
/// The inventory's task is started again this long after it ended by a panic.
const INVENTORY_AGAIN: Duration = Duration::from_secs(5);

/// The engine's state and its decisions.
#[derive(Debug)]
pub struct Fleet {
    turn: StepContext,
    members: BTreeMap<ClusterName, Member>,
    /// When each cluster has something due.
    due: BTreeMap<ClusterName, Duration>,
    /// Clusters that wait for a connect slot, the first to come first.
    queue: VecDeque<ClusterName>,
    running: Running,
    views: BTreeMap<ViewId, View>,
    documents: Documents,
    tails: LogStreams,
    operations: Operations,
    routing: Routing,
    current: Option<ClusterName>,
    /// Warnings of the inventory as they are now; each is told once.
    warned: Arc<[Text]>,
    inventory_due: Option<Duration>,
    /// A cluster or a shard went since the last snapshot.
    dropped: bool,
    published: Snapshot,
}

impl Fleet {
    pub fn new(options: FleetOptions) -> Self {
        let published =
            Snapshot { title: options.title.clone(), starts_proxies: options.starts_proxies, ..Snapshot::default() };
        Self {
            turn: StepContext::new(options),
            members: BTreeMap::new(),
            due: BTreeMap::new(),
            queue: VecDeque::new(),
            running: Running::new(),
            views: BTreeMap::new(),
            documents: Documents::default(),
            tails: LogStreams::default(),
            operations: Operations::default(),
            routing: Routing::default(),
            current: None,
            warned: Arc::from([]),
            inventory_due: None,
            dropped: false,
            published,
        }
    }

    /// What is to be done first.
    pub fn begin(&self) -> Vec<Effect> {
        vec![Effect::List { refresh: false }]
    }

    /// Folds in one observation; gives what is to be done about it.
    pub fn on(&mut self, observation: Observation, now: Moment) -> Vec<Effect> {
        self.advance(now);
        match observation {
            Observation::Listed(listing) => self.on_listing(listing),
            Observation::ListingCrashed => {
                self.turn.notice(Severity::Error, None, "reading the inventory failed inside qd; it is read again");
                self.inventory_due = Some(self.turn.after(INVENTORY_AGAIN));
            }
            Observation::Requested(request) => self.on_request(request),
            Observation::Connected { session, outcome } => {
                self.with(&session, |member, turn| member.on_connected(outcome, turn));
            }
            Observation::Probed { session, outcome } => self.on_probed(&session, outcome),
            Observation::Identified { session, outcome } => {
                self.with(&session, |member, turn| member.on_identified(outcome, turn));
            }
            Observation::Discovered { session, outcome } => {
                let changed = self.with(&session, |member, turn| {
                    if outcome.is_ok() {
                        member.on_answer();
                    }
                    member.on_discovered(outcome, turn)
                });
                if changed == Some(true) {
                    self.reconcile(&session.cluster);
                    self.settle(&session.cluster);
                }
            }
            Observation::Watched { watch, items } => self.on_items(watch, items),
            Observation::Lost { watch, error } => self.on_lost(watch, error, false),
            Observation::Ended { watch, why } => self.on_lost(watch, ClusterError::Failed(why), true),
            Observation::Opened { attempt, outcome } => self.documents.on_opened(attempt, outcome, &self.turn),
            Observation::Revealed { id, outcome } => self.operations.end(id, outcome),
            Observation::Containers { attempt, outcome } => self.tails.on_containers(attempt, outcome),
            Observation::Tailed { attempt, lines } => self.tails.on_lines(attempt, &lines, now.elapsed),
            Observation::TailEnded { attempt, outcome } => self.tails.on_ended(attempt, outcome, &mut self.turn),
            Observation::ProxyLinked { .. }
            | Observation::ProxySeen { .. }
            | Observation::ProxyDid { .. }
            | Observation::ProxyKept { .. }
            | Observation::ProxyStopped { .. }
            | Observation::Explained { .. } => self.on_proxy(observation),
            Observation::Tick => {}
        }
        self.run_due();
        self.admit();
        std::mem::take(&mut self.turn.effects)
    }

    /// When [`Observation::Tick`] should come, if nothing else comes before.
    pub fn next_due(&self) -> Option<Duration> {
        let own = [self.documents.next_due(), self.tails.next_due(), self.routing.next_due(), self.inventory_due];
        self.due.values().copied().chain(own.into_iter().flatten()).min()
    }

    /// Takes note of the time, and of a machine that slept.
    fn advance(&mut self, now: Moment) {
        let before = std::mem::replace(&mut self.turn.now, now);
        let ran = i64::try_from(now.elapsed.saturating_sub(before.elapsed).as_secs()).unwrap_or(i64::MAX);
        if before != Moment::default() && now.wall.since(before.wall).saturating_sub(ran) > SLEPT_S {
            for member in self.members.values_mut().filter(|member| member.is_up()) {
                member.probe(&mut self.turn);
            }
        }
    }

    /// Does something with the cluster, if the session is still the present one.
    fn with<T>(&mut self, session: &Session, act: impl FnOnce(&mut Member, &mut StepContext) -> T) -> Option<T> {
        let member = self.members.get_mut(&session.cluster).filter(|member| member.is_session(session))?;
        let result = act(member, &mut self.turn);
        self.settle(&session.cluster);
        Some(result)
    }

    /// Remembers when the cluster has something due next, and whether it waits for a connect slot.
    fn settle(&mut self, name: &ClusterName) {
        let warm = self.turn.options.warm;
        match self.members.get(name).and_then(|member| member.next_due(warm)) {
            Some(due) => self.due.insert(name.clone(), due),
            None => self.due.remove(name),
        };
        if self.members.get(name).is_some_and(Member::is_queued) && !self.queue.contains(name) {
            self.queue.push_back(name.clone());
        }
    }

    fn on_probed(&mut self, session: &Session, outcome: Result<crate::engine::cluster::Probe, ClusterError>) {
        let answered = outcome.is_ok();
        let was_up = self.members.get(&session.cluster).is_some_and(Member::is_up);
        let first = self.with(session, |member, turn| member.on_probed(outcome, turn));
        if first == Some(true) {
            self.reconcile(&session.cluster);
            self.settle(&session.cluster);
        }
        if first.is_some() && answered && !was_up {
            self.documents.on_answer(&session.cluster, &self.turn);
        }
    }

    fn on_items(&mut self, watch: WatchId, items: Vec<WatchItem>) {
        let Some(Place { cluster, key, of }) = self.running.get(&watch).cloned() else { return };
        let Some(member) = self.members.get_mut(&cluster) else { return };
        let Some(watched) = member.watched.get_mut(&key) else { return };
        let was_listed = watched.is_listed();
        let mut brought = BatchOutcome::default();
        for item in items {
            if !self.documents.is_empty() {
                note_change(&mut self.documents, &cluster, watched, &item, &self.turn);
            }
            watched.item(&of, item, self.turn.now.elapsed, &mut brought);
        }
        let custom = brought.visible && was_listed && key == always::custom_kinds();
        let counted = brought.visible || !was_listed && watched.is_listed();
        if watched.pinned && counted || watched.dirty {
            member.dirty = true;
        }
        member.costs.bytes = member.costs.bytes.saturating_add(brought.bytes);
        member.costs.relists += brought.relists;
        member.on_answer();
        if custom {
            member.on_custom_kinds(&self.turn);
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
        let next = stream.lost(error.clone(), anew, complete, &mut self.turn);
        watched.dirty |= stream.trouble().is_some();
        let narrows = next == Next::Refused && stream.denied().is_some() && watched.kind.namespaced && of.is_none();
        match next {
            Next::Refused if narrows => self.fall_back(&cluster, &key),
            Next::LogIn if member.is_up() => member.fail(error, &mut self.turn),
            Next::Probe if member.is_up() => member.probe(&mut self.turn),
            Next::Refused | Next::LogIn | Next::Probe | Next::Wait => {}
        }
        self.settle(&cluster);
    }

    /// Does everything that is due.
    fn run_due(&mut self) {
        let now = self.turn.now.elapsed;
        let due: Vec<ClusterName> =
            self.due.iter().filter(|(_, due)| **due <= now).map(|(name, _)| name.clone()).collect();
        for name in due {
            self.drop_cold(&name);
            let mut anew = Vec::new();
            if let Some(member) = self.members.get_mut(&name) {
                member.run_due(&mut self.turn);
                for (key, watched) in &mut member.watched {
                    anew.extend(watched.run_due(&mut self.turn).into_iter().map(|of| (key.clone(), of)));
                }
            }
            for (key, of) in anew {
                self.restart(&name, &key, &of);
            }
            self.settle(&name);
        }
        if self.turn.is_due(self.inventory_due) {
            self.inventory_due = None;
            self.turn.effects.push(Effect::List { refresh: false });
        }
        self.documents.run_due(&self.members, &mut self.turn);
        self.tails.run_due(&self.members, &mut self.turn);
        self.routing.run_due(&mut self.turn);
    }

    /// Gives the free connect slots to those that wait for one.
    fn admit(&mut self) {
        while !self.queue.is_empty() {
            let taken = self.members.values().filter(|member| member.takes_slot()).count();
            if taken >= self.turn.options.connects {
                return;
            }
            let Some(name) = self.queue.pop_front() else { return };
            if let Some(member) = self.members.get_mut(&name).filter(|member| member.is_queued()) {
                member.begin(&mut self.turn);
                self.settle(&name);
            }
        }
    }

    /// Connects a cluster, or connects it anew.
    fn connect(&mut self, name: &ClusterName) {
        let Some(member) = self.members.get_mut(name) else { return };
        self.running.retain(|_, place| place.cluster != *name);
        member.connect(&mut self.turn);
        self.settle(name);
    }

    fn pause(&mut self, name: &ClusterName) {
        let Some(member) = self.members.get_mut(name).filter(|member| member.wanted == Wanted::Yes) else { return };
        self.running.retain(|_, place| place.cluster != *name);
        member.pause(&mut self.turn);
        self.settle(name);
    }
}

/// Tells the open documents of a change of their object, or of an event about it.
fn note_change(
    documents: &mut Documents,
    cluster: &ClusterName,
    watched: &shard::ShardWatch,
    item: &WatchItem,
    turn: &StepContext,
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
    documents.on_change(&change, turn);
}
