//! A cluster of the fleet: its connection, its probes and its retries.

mod inquiry;

use crate::engine::cluster::verdict::Known;
use crate::engine::cluster::{ClusterError, Probe};
use crate::engine::fleet::baseline_watches;
use crate::engine::fleet::shard::{ShardWatch, WatchKey};
use crate::engine::fleet::watch_state::WatchState;
use crate::engine::observation::{ClusterEffect, Effect, Generation, Session};
use crate::engine::part::StepContext;
use crate::engine::resilience::backoff;
use crate::model::cluster::{ClusterEntry, ClusterName, ClusterState, Costs, Facts, LATENCIES_MAX};
use crate::model::kind::{Catalog, Kind, KindId};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::Severity;
use inquiry::{DISCOVERY_STEPS, Lookup};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Wait before the next attempt at a cluster that needs a login or denies access: each attempt may run a credential
/// plugin.
const REFUSED: Duration = Duration::from_secs(120);
/// The user's wish for the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    No,
    Yes,
    Paused,
}

/// Result of the last attempts to reach it.
#[derive(Debug, Clone, PartialEq)]
enum Link {
    Idle,
    /// No answer yet.
    Opening,
    Up,
    Down {
        error: ClusterError,
        since: UnixSeconds,
    },
}

/// The attempt under way to reach it; at most one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    None,
    /// Waiting for a connect slot.
    Queued,
    Connecting,
    Probing,
}

#[derive(Debug)]
pub(super) struct Member {
    pub entry: Arc<ClusterEntry>,
    pub wanted: Wanted,
    pub facts: Facts,
    pub costs: Costs,
    /// `None` until its first discovery.
    pub catalog: Option<Catalog>,
    /// Why there is no catalog.
    pub catalog_error: Option<Text>,
    pub watched: BTreeMap<WatchKey, ShardWatch>,
    pub dirty: bool,
    generation: Generation,
    link: Link,
    attempt: Attempt,
    /// True if there is a client of this generation.
    connected: bool,
    /// True if it answered in this generation: watches may run.
    serving: bool,
    /// The next step of a login that a watch needed. A probe does not clear it: a server may answer one without
    /// authentication.
    doubt: Option<Text>,
    due: Option<Duration>,
    contact: Option<UnixSeconds>,
    discovery: Lookup,
    discovery_failures: u32,
    discovery_steps: usize,
    identity: Lookup,
    /// Time at which the oldest counted warning event becomes too old.
    pub warnings_due: Option<Duration>,
}

impl Member {
    pub(super) fn new(entry: Arc<ClusterEntry>) -> Self {
        Self {
            entry,
            wanted: Wanted::No,
            facts: Facts::default(),
            costs: Costs::default(),
            catalog: None,
            catalog_error: None,
            watched: BTreeMap::new(),
            dirty: true,
            generation: Generation::default(),
            link: Link::Idle,
            attempt: Attempt::None,
            connected: false,
            serving: false,
            doubt: None,
            due: None,
            contact: None,
            discovery: Lookup::Idle,
            discovery_failures: 0,
            discovery_steps: DISCOVERY_STEPS.len(),
            identity: Lookup::Idle,
            warnings_due: None,
        }
    }

    pub(super) fn name(&self) -> &ClusterName {
        &self.entry.name
    }

    pub(super) fn session(&self) -> Session {
        Session { cluster: self.entry.name.clone(), generation: self.generation }
    }

    pub(super) fn is_session(&self, session: &Session) -> bool {
        self.wanted == Wanted::Yes && self.generation == session.generation
    }

    /// Returns the kind as the cluster serves it; before its discovery, one of the kinds that are always watched.
    pub(super) fn kind(&self, id: &KindId) -> Option<Kind> {
        match &self.catalog {
            Some(catalog) => catalog.get(id).cloned(),
            None => baseline_watches::catalog().get(id).cloned(),
        }
    }

    /// Returns true if watches and fetches may run.
    pub(super) fn is_serving(&self) -> bool {
        self.serving && self.wanted == Wanted::Yes
    }

    pub(super) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    pub(super) fn is_queued(&self) -> bool {
        self.attempt == Attempt::Queued
    }

    /// Returns true if it takes one of the connect slots.
    pub(super) fn takes_slot(&self) -> bool {
        match self.attempt {
            Attempt::Connecting => true,
            Attempt::Probing => self.link == Link::Opening,
            Attempt::None | Attempt::Queued => false,
        }
    }

    pub(super) fn state(&self) -> ClusterState {
        match self.wanted {
            Wanted::No => return ClusterState::Listed,
            Wanted::Paused => return ClusterState::Paused,
            Wanted::Yes => {}
        }
        let (answer, since) = match &self.link {
            Link::Idle | Link::Opening => (None, UnixSeconds::default()),
            Link::Up => (Some(Ok(())), UnixSeconds::default()),
            Link::Down { error, since } => (Some(Err(error)), *since),
        };
        let (doubt, denied) = (self.doubt.as_ref(), self.denied());
        Known { answer, since, doubt, denied, has_listed: self.has_listed() }.state()
    }

    /// Returns the first denial, if everything that is always watched is denied.
    fn denied(&self) -> Option<&Text> {
        let mut always = self.watched.values().filter(|watched| watched.pinned).peekable();
        let first = always.peek().and_then(|watched| watched.denied());
        first.filter(|_| always.all(|watched| watched.denied().is_some()))
    }

    fn streams(&mut self) -> impl Iterator<Item = &mut WatchState> {
        self.watched.values_mut().flat_map(|watched| watched.streams.values_mut())
    }

    fn has_listed(&self) -> bool {
        self.watched.values().any(|watched| watched.is_listed() || !watched.rows.is_empty())
    }

    /// Returns since when and why the rows are not current, if the whole cluster does not answer.
    pub(super) fn away(&self) -> Option<(UnixSeconds, Text)> {
        let contact = |since: UnixSeconds| self.contact.unwrap_or(since);
        match (&self.link, self.wanted) {
            (_, Wanted::Paused | Wanted::No) => {
                Some((contact(UnixSeconds::default()), Text::const_new("disconnected")))
            }
            (Link::Down { error, since }, _) => Some((contact(*since), Text::new(error.to_string()))),
            (Link::Idle | Link::Opening, _) if self.has_listed() => {
                Some((contact(UnixSeconds::default()), Text::const_new("connecting")))
            }
            (Link::Idle | Link::Opening | Link::Up, _) => None,
        }
    }

    /// Connects or reconnects it: a new client, new watches, the rows stay.
    pub(super) fn connect(&mut self, cx: &mut StepContext) {
        self.disconnect(cx);
        self.wanted = Wanted::Yes;
        if let Some(defect) = &self.entry.defect {
            self.link = Link::Down { error: ClusterError::Failed(defect.clone()), since: cx.now.wall };
            return;
        }
        for watched in self.watched.values_mut() {
            watched.widen(cx);
        }
        self.generation = cx.generation();
        self.attempt = Attempt::Queued;
        if !matches!(self.link, Link::Down { .. }) {
            self.link = Link::Opening;
        }
    }

    /// Ends everything that runs; rows and facts stay.
    pub(super) fn disconnect(&mut self, cx: &mut StepContext) {
        if self.connected || self.attempt == Attempt::Connecting {
            cx.effects.push(Effect::Cluster(ClusterEffect::Disconnect(self.entry.name.clone())));
        }
        for watched in self.watched.values_mut() {
            watched.cut();
        }
        self.attempt = Attempt::None;
        self.connected = false;
        self.serving = false;
        self.due = None;
        self.discovery = Lookup::Idle;
        self.identity = Lookup::Idle;
        self.dirty = true;
    }

    pub(super) fn pause(&mut self, cx: &mut StepContext) {
        self.disconnect(cx);
        self.link = Link::Idle;
        self.doubt = None;
        self.costs.attempts = 0;
        self.costs.retry_at = None;
        self.wanted = Wanted::Paused;
        self.touch_shards();
    }

    /// Starts to connect, once it has a connect slot.
    pub(super) fn begin(&mut self, cx: &mut StepContext) {
        self.attempt = Attempt::Connecting;
        cx.effects
            .push(Effect::Cluster(ClusterEffect::Connect { session: self.session(), entry: Arc::clone(&self.entry) }));
    }

    pub(super) fn on_connected(&mut self, outcome: Result<(), ClusterError>, cx: &mut StepContext) {
        match outcome {
            Ok(()) => {
                self.connected = true;
                self.attempt = Attempt::None;
                self.probe(cx);
            }
            Err(error) => self.fail(error, cx),
        }
    }

    /// Sends a probe, unless one is under way.
    pub(super) fn probe(&mut self, cx: &mut StepContext) {
        if self.connected && self.attempt == Attempt::None {
            self.attempt = Attempt::Probing;
            self.due = None;
            cx.effects.push(Effect::Cluster(ClusterEffect::Probe(self.session())));
        }
    }

    /// Folds in a probe; returns true for the first answer in this generation: watches may start.
    pub(super) fn on_probed(&mut self, outcome: Result<Probe, ClusterError>, cx: &mut StepContext) -> bool {
        self.attempt = Attempt::None;
        match outcome {
            Ok(probe) => self.learn(probe),
            // It answers; whether it lets us do anything, its watches will tell.
            Err(ClusterError::Denied(_)) => {}
            Err(error) => {
                self.fail(error, cx);
                return false;
            }
        }
        self.contact = Some(cx.now.wall);
        self.due = Some(cx.around(cx.probe_period));
        self.costs.attempts = 0;
        self.costs.retry_at = None;
        self.dirty = true;
        let back = matches!(self.link, Link::Down { .. });
        if self.link != Link::Up {
            self.link = Link::Up;
            self.touch_shards();
        }
        if back && self.doubt.is_none() {
            cx.notice(Severity::Note, Some(&self.entry.name), "answers again");
        }
        if self.serving {
            for stream in self.streams() {
                stream.release(cx);
            }
        }
        if back || !self.serving {
            self.discovery = match self.discovery {
                Lookup::Running => Lookup::Running,
                Lookup::Idle | Lookup::Due(_) => Lookup::Due(cx.now.elapsed),
            };
        }
        if !self.serving {
            self.identity = Lookup::Due(cx.now.elapsed);
        }
        !std::mem::replace(&mut self.serving, true)
    }

    fn learn(&mut self, probe: Probe) {
        if self.facts.latencies_ms.len() >= LATENCIES_MAX {
            self.facts.latencies_ms.pop_front();
        }
        self.facts.latencies_ms.push_back(u32::try_from(probe.latency.as_millis()).unwrap_or(u32::MAX));
        if let Some(version) = probe.version {
            self.facts.version = version;
        }
        self.facts.expiry = probe.expiry;
    }

    /// Records a failed attempt: shows the error, keeps the rows, and plans the next attempt.
    pub(super) fn fail(&mut self, error: ClusterError, cx: &mut StepContext) {
        self.attempt = Attempt::None;
        self.costs.errors += 1;
        self.costs.attempts = self.costs.attempts.saturating_add(1);
        let backoff = backoff::wait(self.costs.attempts, &mut cx.rng);
        let wait = match &error {
            ClusterError::AuthNeeded(_) | ClusterError::Denied(_) => backoff::jittered(REFUSED, &mut cx.rng),
            ClusterError::Throttled { retry_after: Some(wish), .. } => (*wish).min(backoff::LONGEST).max(backoff),
            ClusterError::Unreachable(_)
            | ClusterError::NotFound(_)
            | ClusterError::Expired
            | ClusterError::Throttled { .. }
            | ClusterError::Failed(_) => backoff,
        };
        self.due = Some(cx.after(wait));
        let seconds = i64::try_from(wait.as_secs()).unwrap_or(0);
        self.costs.retry_at = Some(UnixSeconds(cx.now.wall.0.saturating_add(seconds)));
        if let ClusterError::AuthNeeded(hint) = &error {
            self.doubt = Some(hint.clone());
        }
        let since = match &self.link {
            Link::Down { since, .. } => *since,
            Link::Idle | Link::Opening | Link::Up => {
                cx.notice(Severity::Warning, Some(&self.entry.name), &error.to_string());
                cx.now.wall
            }
        };
        self.link = Link::Down { error, since };
        self.dirty = true;
        self.touch_shards();
    }

    /// Clears the doubt: a read with our own credentials succeeded.
    pub(super) fn on_answer(&mut self) {
        if self.doubt.take().is_some() {
            self.dirty = true;
        }
    }

    pub(super) fn touch_shards(&mut self) {
        for watched in self.watched.values_mut() {
            watched.dirty = true;
        }
    }

    /// Tries again now, at the user's request.
    pub(super) fn retry(&mut self, cx: &mut StepContext) {
        if self.wanted != Wanted::Yes || self.attempt != Attempt::None {
            return;
        }
        self.costs.attempts = 0;
        self.reach(cx);
        for stream in self.streams() {
            stream.hurry(cx);
        }
        if self.serving && self.discovery != Lookup::Running {
            self.discovery = Lookup::Due(cx.now.elapsed);
        }
    }

    /// Makes the next attempt: a probe if the client can be used, else a new connection.
    fn reach(&mut self, cx: &mut StepContext) {
        let refused =
            matches!(self.link, Link::Down { error: ClusterError::AuthNeeded(_) | ClusterError::Denied(_), .. });
        if self.connected && !refused {
            self.probe(cx);
        } else {
            self.connect(cx);
        }
    }

    /// Returns the time at which [`Member::run_due`] has work.
    pub(super) fn next_due(&self, warm: Duration) -> Option<Duration> {
        if self.wanted != Wanted::Yes {
            return self.watched.values().filter_map(|watched| watched.next_due(warm)).min();
        }
        let inquiry = |inquiry| match inquiry {
            Lookup::Due(due) if self.link == Link::Up => Some(due),
            Lookup::Due(_) | Lookup::Idle | Lookup::Running => None,
        };
        let watched = self.watched.values().filter_map(|watched| watched.next_due(warm));
        watched
            .chain(self.due)
            .chain(self.warnings_due)
            .chain(inquiry(self.discovery))
            .chain(inquiry(self.identity))
            .min()
    }

    /// Runs the probes, discoveries and identifications that are due, and resumes lost watches.
    pub(super) fn run_due(&mut self, cx: &mut StepContext) {
        if self.wanted == Wanted::Yes && cx.is_due(self.due) {
            self.due = None;
            self.reach(cx);
        }
        if cx.is_due(self.warnings_due) {
            self.warnings_due = None;
            self.dirty = true;
        }
        if self.link == Link::Up && self.serving {
            let now = cx.now.elapsed;
            let is_due = |inquiry| matches!(inquiry, Lookup::Due(due) if due <= now);
            if is_due(self.discovery) {
                self.discovery = Lookup::Running;
                cx.effects.push(Effect::Cluster(ClusterEffect::Discover(self.session())));
            }
            if is_due(self.identity) {
                self.identity = Lookup::Running;
                cx.effects.push(Effect::Cluster(ClusterEffect::Identify(self.session())));
            }
        }
    }
}
