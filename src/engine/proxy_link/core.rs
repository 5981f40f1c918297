//! The link to a routing proxy: found, started, watched while somebody looks, and taken up again when lost.

use crate::engine::fleet::Fleet;
use crate::engine::observation::{AttemptId, Effect, Observation, ProxyAsk};
use crate::engine::part::StepContext;
use crate::engine::part::operations::Operations;
use crate::engine::proxy_link::{ProxyError, ProxySource};
use crate::model::cluster::ClusterName;
use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::{Text, clean};
use crate::protocol::{EXPLANATIONS_MAX, Explained, ProxyAt, ProxyLink, Request, RequestId, Severity, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A picture this often while somebody looks: hits and latencies are read, not watched frame by frame.
const PICTURE_EVERY: Duration = Duration::from_secs(1);
/// Somebody looks and there is no proxy: it may be started in another terminal at any time.
const FIND_EVERY: Duration = Duration::from_secs(2);
/// Screens that look at once; the first goes when there are more.
const WATCHERS_MAX: usize = 16;

/// The proxy as the fleet knows it.
#[derive(Debug, Default)]
pub(super) struct Routing {
    link: ProxyLink,
    /// The present attempt at a proxy; what an older one reports is ignored.
    attempt: Option<AttemptId>,
    /// Ours, while it may run: not answering for a while is no reason to end it.
    own: Option<ProxyAt>,
    watchers: BTreeSet<RequestId>,
    routes: Option<Arc<Routes>>,
    explained: BTreeMap<RequestId, Arc<Explained>>,
    /// The next look, for a proxy or at it.
    due: Option<Duration>,
    dirty: bool,
}

impl Fleet {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the fleet sends only these here")]
    pub(super) fn on_routes_request(&mut self, request: Request) {
        let (routing, operations, turn) = (&mut self.routing, &mut self.operations, &mut self.turn);
        match request {
            Request::WatchRoutes(id) => routing.watch(id, turn),
            Request::UnwatchRoutes(id) => routing.unwatch(id),
            Request::StartProxy => routing.begin(ProxySource::Own, turn),
            Request::StopProxy => routing.stop(turn),
            Request::KeepProxy(kept) => routing.keep(kept, turn),
            Request::AttachProxy { address, token_file } => {
                routing.begin(ProxySource::At { address, token_file }, turn);
            }
            Request::FenceCluster { id, cluster, fence } => routing.fence((id, cluster, fence), operations, turn),
            Request::ReloadRoutes(id) => routing.reload(id, operations, turn),
            Request::TestRoute { id, text } => routing.test(id, text, turn),
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the fleet sends only these here")]
    pub(super) fn on_proxy(&mut self, observation: Observation) {
        let (routing, operations, turn) = (&mut self.routing, &mut self.operations, &mut self.turn);
        match observation {
            Observation::ProxyLinked { attempt, outcome } => routing.on_linked(attempt, outcome, turn),
            Observation::ProxySeen { attempt, outcome } => routing.on_seen(attempt, outcome, turn),
            Observation::ProxyDid { id, outcome } => on_done(id, outcome.as_ref().copied(), operations, turn),
            Observation::ProxyKept { attempt, outcome } => routing.on_kept(attempt, outcome, turn),
            Observation::ProxyStopped { attempt, outcome } => routing.on_stopped(attempt, outcome, turn),
            Observation::Explained { id, outcome } => routing.on_explained(id, outcome),
            _ => {}
        }
    }
}

impl Routing {
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.due
    }

    pub(super) fn watch(&mut self, id: RequestId, turn: &StepContext) {
        if self.watchers.len() >= WATCHERS_MAX && !self.watchers.contains(&id) {
            self.watchers.pop_first();
        }
        self.watchers.insert(id);
        let waits = matches!(self.link, ProxyLink::None | ProxyLink::Attached(_) | ProxyLink::Lost { .. });
        if waits && self.due.is_none() {
            self.due = Some(turn.now.elapsed);
        }
    }

    pub(super) fn unwatch(&mut self, id: RequestId) {
        self.watchers.remove(&id);
        self.explained.remove(&id);
        if self.watchers.is_empty() {
            self.due = None;
        }
    }

    /// Starts or attaches, when there is no proxy yet.
    pub(super) fn begin(&mut self, source: ProxySource, turn: &mut StepContext) {
        match &self.link {
            ProxyLink::None | ProxyLink::Lost { .. } => {
                self.show(ProxyLink::Starting);
                self.try_link(source, turn);
            }
            ProxyLink::Starting => turn.notice(Severity::Warning, None, "a proxy is being started already"),
            ProxyLink::Stopping => turn.notice(Severity::Warning, None, "the proxy is still ending; try again then"),
            ProxyLink::Attached(at) => {
                let text = format!("there is a proxy at {} already", at.address);
                turn.notice(Severity::Warning, None, &text);
            }
        }
    }

    fn try_link(&mut self, source: ProxySource, turn: &mut StepContext) {
        let attempt = turn.attempt_id();
        self.attempt = Some(attempt);
        self.due = None;
        turn.effects.push(Effect::LinkProxy { attempt, source });
    }

    pub(super) fn stop(&mut self, turn: &mut StepContext) {
        match &self.link {
            ProxyLink::Attached(at) if at.own => {
                self.show(ProxyLink::Stopping);
                self.due = None;
                self.ask(ProxyAsk::Stop, turn);
            }
            ProxyLink::Attached(_) => {
                turn.notice(Severity::Warning, None, "this proxy was started elsewhere: end it there");
            }
            ProxyLink::None | ProxyLink::Starting | ProxyLink::Stopping | ProxyLink::Lost { .. } => {
                turn.notice(Severity::Warning, None, "there is no proxy to stop");
            }
        }
    }

    pub(super) fn keep(&mut self, kept: bool, turn: &mut StepContext) {
        if self.ask(ProxyAsk::Keep(kept), turn).is_none() {
            turn.notice(Severity::Warning, None, "there is no proxy to keep");
        }
    }

    /// Asks the proxy, if there is one.
    fn ask(&self, ask: ProxyAsk, turn: &mut StepContext) -> Option<()> {
        let there = match &self.link {
            ProxyLink::Attached(_) | ProxyLink::Stopping => true,
            ProxyLink::Lost { .. } => self.own.is_some(),
            ProxyLink::None | ProxyLink::Starting => false,
        };
        let attempt = self.attempt.filter(|_| there)?;
        turn.effects.push(Effect::AskProxy { attempt, ask });
        Some(())
    }

    pub(super) fn fence(
        &self,
        (id, cluster, fence): (RequestId, Text, TrafficState),
        operations: &mut Operations,
        turn: &mut StepContext,
    ) {
        let name = ClusterName::new(&cluster);
        operations.begin(id, &format!("{} {cluster} in the proxy", verb(fence)), Some(&name));
        if self.ask(ProxyAsk::Fence { id, cluster, fence }, turn).is_none() {
            on_done(id, Err(&ProxyError::NoProxy), operations, turn);
        }
    }

    pub(super) fn reload(&self, id: RequestId, operations: &mut Operations, turn: &mut StepContext) {
        operations.begin(id, "reload the proxy's configuration", None);
        if self.ask(ProxyAsk::Reload(id), turn).is_none() {
            on_done(id, Err(&ProxyError::NoProxy), operations, turn);
        }
    }

    pub(super) fn test(&mut self, id: RequestId, text: Text, turn: &mut StepContext) {
        while self.explained.len() >= EXPLANATIONS_MAX && !self.explained.contains_key(&id) {
            self.explained.pop_first();
        }
        let asked = self.ask(ProxyAsk::Explain { id, text }, turn);
        let no_proxy = || Explained::Refused(Text::const_new("there is no proxy to ask; `qd route test` needs none"));
        self.explained.insert(id, Arc::new(asked.map_or_else(no_proxy, |()| Explained::Waiting)));
        self.dirty = true;
    }

    pub(super) fn on_linked(
        &mut self,
        attempt: AttemptId,
        outcome: Result<ProxyAt, ProxyError>,
        turn: &mut StepContext,
    ) {
        if self.attempt != Some(attempt) {
            return;
        }
        match outcome {
            Ok(at) => {
                self.own = at.own.then(|| at.clone());
                self.show(ProxyLink::Attached(at));
                self.look_in(Duration::ZERO, turn);
            }
            Err(why) => self.lose(&why, turn),
        }
    }

    /// There is no proxy, or no longer. That none was found is no news.
    fn lose(&mut self, why: &ProxyError, turn: &mut StepContext) {
        if self.own.is_none() || !matches!(why, ProxyError::Unreachable(_)) {
            (self.attempt, self.own) = (None, None);
        }
        let looked = matches!(self.link, ProxyLink::None | ProxyLink::Lost { .. });
        if !looked {
            turn.notice(Severity::Error, None, &format!("proxy: {why}"));
        }
        if !looked || !matches!(why, ProxyError::NoProxy) {
            let why = Text::new(clean(&why.to_string()));
            let since = match &self.link {
                ProxyLink::Lost { why: before, since } if *before == why => *since,
                ProxyLink::None
                | ProxyLink::Starting
                | ProxyLink::Attached(_)
                | ProxyLink::Stopping
                | ProxyLink::Lost { .. } => turn.now.wall,
            };
            self.show(ProxyLink::Lost { why, since });
        }
        self.look_in(FIND_EVERY, turn);
    }

    fn look_in(&mut self, wait: Duration, turn: &StepContext) {
        self.due = (!self.watchers.is_empty()).then(|| turn.after(wait));
    }

    pub(super) fn on_seen(
        &mut self,
        attempt: AttemptId,
        outcome: Result<Box<Routes>, ProxyError>,
        turn: &mut StepContext,
    ) {
        if self.attempt != Some(attempt) || self.link == ProxyLink::Stopping {
            return;
        }
        match outcome {
            Ok(routes) => {
                if let Some(own) = self.own.clone() {
                    self.show(ProxyLink::Attached(own));
                }
                if self.routes.as_deref() != Some(&*routes) {
                    self.routes = Some(Arc::from(routes));
                    self.dirty = true;
                }
                self.look_in(PICTURE_EVERY, turn);
            }
            Err(why) => self.lose(&why, turn),
        }
    }

    pub(super) fn on_kept(&mut self, attempt: AttemptId, outcome: Result<bool, ProxyError>, turn: &mut StepContext) {
        match (outcome, &self.link) {
            (Ok(kept), ProxyLink::Attached(at)) if self.attempt == Some(attempt) => {
                let at = ProxyAt { kept, ..at.clone() };
                self.own = at.own.then(|| at.clone());
                self.show(ProxyLink::Attached(at));
            }
            (Ok(_), _) => {}
            (Err(why), _) => turn.notice(Severity::Error, None, &format!("proxy: {why}")),
        }
    }

    pub(super) fn on_stopped(&mut self, attempt: AttemptId, outcome: Result<(), ProxyError>, turn: &mut StepContext) {
        if self.attempt != Some(attempt) {
            return;
        }
        match outcome {
            Ok(()) => {
                (self.attempt, self.own) = (None, None);
                self.routes = None;
                self.show(ProxyLink::None);
                self.look_in(FIND_EVERY, turn);
            }
            Err(why) => self.lose(&why, turn),
        }
    }

    pub(super) fn on_explained(&mut self, id: RequestId, outcome: Result<Box<Explanation>, ProxyError>) {
        // Closed meanwhile: nobody waits for it.
        let Some(place) = self.explained.get_mut(&id) else { return };
        *place = Arc::new(match outcome {
            Ok(answer) => Explained::Answer(answer),
            Err(why) => Explained::Refused(Text::new(clean(&why.to_string()))),
        });
        self.dirty = true;
    }

    /// Looks for a proxy, or at it.
    pub(super) fn run_due(&mut self, turn: &mut StepContext) {
        if !turn.is_due(self.due) {
            return;
        }
        self.due = None;
        match &self.link {
            ProxyLink::None | ProxyLink::Attached(_) | ProxyLink::Lost { .. } => {
                if self.ask(ProxyAsk::Picture, turn).is_none() {
                    self.try_link(ProxySource::Found, turn);
                }
            }
            ProxyLink::Starting | ProxyLink::Stopping => {}
        }
    }

    fn show(&mut self, link: ProxyLink) {
        self.dirty |= self.link != link;
        self.link = link;
    }

    /// Puts what changed into the next snapshot; says whether anything did.
    pub(super) fn publish(&mut self, next: &mut Snapshot) -> bool {
        if !std::mem::take(&mut self.dirty) {
            return false;
        }
        next.proxy = self.link.clone();
        next.routes.clone_from(&self.routes);
        next.explanations = Arc::new(self.explained.clone());
        true
    }
}

/// A fence or a reload came to its end; what was refused is said at once.
fn on_done(id: RequestId, outcome: Result<(), &ProxyError>, operations: &mut Operations, turn: &mut StepContext) {
    if let Err(why) = outcome {
        let what = operations.what(id).unwrap_or_else(|| Text::const_new("proxy"));
        turn.notice(Severity::Error, None, &format!("{what}: {why}"));
    }
    operations.end(id, outcome);
}

fn verb(fence: TrafficState) -> &'static str {
    match fence {
        TrafficState::Open => "open",
        TrafficState::Draining => "drain",
        TrafficState::Fenced => "fence",
    }
}
