//! The link to a routing proxy: found, started, watched while a screen shows it, and restored when lost. Pure.

use super::{ProxyError, ProxySource};
use crate::engine::observation::{AttemptId, Effect, ProxyAsk, ProxyEffect, ProxyObservation};
use crate::engine::part::{Clusters, Part, StepContext};
use crate::model::cluster::ClusterName;
use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::{Text, clean};
use crate::protocol::{EXPLANATIONS_MAX, Explained, ProxyAt, ProxyLink, ProxyRequest, RequestId, Severity, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Time between two reads of the proxy's state while a screen shows it: hits and latencies need no more.
const PICTURE_EVERY: Duration = Duration::from_secs(1);
/// Time between two searches while a screen waits for a proxy: one may be started in another terminal at any time.
const FIND_EVERY: Duration = Duration::from_secs(2);
/// Screens that watch at once; beyond that, the first is dropped.
const WATCHERS_MAX: usize = 16;

/// Link of the fleet to a routing proxy.
#[derive(Debug, Default)]
pub(crate) struct Routing {
    link: ProxyLink,
    /// The current attempt at a proxy; reports of older ones are ignored.
    attempt: Option<AttemptId>,
    /// A proxy of our own that may still run: silence for a while does not end it.
    own: Option<ProxyAt>,
    watchers: BTreeSet<RequestId>,
    routes: Option<Arc<Routes>>,
    explained: BTreeMap<RequestId, Arc<Explained>>,
    /// Time of the next search, or of the next read of its state.
    due: Option<Duration>,
    dirty: bool,
}

impl Routing {
    /// Handles a request of a screen.
    pub(crate) fn on_request(&mut self, request: ProxyRequest, cx: &mut StepContext) {
        match request {
            ProxyRequest::Watch(id) => self.watch(id, cx),
            ProxyRequest::Unwatch(id) => self.unwatch(id),
            ProxyRequest::Start => self.begin(ProxySource::Own, cx),
            ProxyRequest::Stop => self.stop(cx),
            ProxyRequest::Keep(kept) => self.keep(kept, cx),
            ProxyRequest::Attach { address, token_file } => self.begin(ProxySource::At { address, token_file }, cx),
            ProxyRequest::SetTraffic { id, cluster, state } => self.set_traffic(id, cluster, state, cx),
            ProxyRequest::Reload(id) => self.reload(id, cx),
            ProxyRequest::Explain { id, text } => self.explain(id, text, cx),
        }
    }

    /// Folds in an observation.
    pub(crate) fn on(&mut self, observation: ProxyObservation, cx: &mut StepContext) {
        match observation {
            ProxyObservation::Linked { attempt, outcome } => self.on_linked(attempt, outcome, cx),
            ProxyObservation::Seen { attempt, outcome } => self.on_seen(attempt, outcome, cx),
            ProxyObservation::Done { id, outcome } => on_done(id, outcome.as_ref().copied(), cx),
            ProxyObservation::Kept { attempt, outcome } => self.on_kept(attempt, outcome, cx),
            ProxyObservation::Stopped { attempt, outcome } => self.on_stopped(attempt, outcome, cx),
            ProxyObservation::Explained { id, outcome } => self.on_explained(id, outcome),
        }
    }
}

impl Part for Routing {
    fn next_due(&self) -> Option<Duration> {
        self.due
    }

    /// Looks for a proxy, or at it.
    fn run_due(&mut self, _: &dyn Clusters, cx: &mut StepContext) {
        if !cx.is_due(self.due) {
            return;
        }
        self.due = None;
        match &self.link {
            ProxyLink::None | ProxyLink::Attached(_) | ProxyLink::Lost { .. } => {
                if self.ask(ProxyAsk::Routes, cx).is_none() {
                    self.try_link(ProxySource::Found, cx);
                }
            }
            ProxyLink::Starting | ProxyLink::Stopping => {}
        }
    }

    fn is_dirty(&self) -> bool {
        self.dirty
    }

    fn publish(&mut self, next: &mut Snapshot) -> bool {
        if !std::mem::take(&mut self.dirty) {
            return false;
        }
        next.proxy.link = self.link.clone();
        next.proxy.routes.clone_from(&self.routes);
        next.proxy.explanations = Arc::new(self.explained.clone());
        true
    }
}

impl Routing {
    fn watch(&mut self, id: RequestId, cx: &StepContext) {
        if self.watchers.len() >= WATCHERS_MAX && !self.watchers.contains(&id) {
            self.watchers.pop_first();
        }
        self.watchers.insert(id);
        let waits = matches!(self.link, ProxyLink::None | ProxyLink::Attached(_) | ProxyLink::Lost { .. });
        if waits && self.due.is_none() {
            self.due = Some(cx.now.elapsed);
        }
    }

    fn unwatch(&mut self, id: RequestId) {
        self.watchers.remove(&id);
        self.explained.remove(&id);
        if self.watchers.is_empty() {
            self.due = None;
        }
    }

    /// Starts or attaches a proxy, if there is none yet.
    fn begin(&mut self, source: ProxySource, cx: &mut StepContext) {
        match &self.link {
            ProxyLink::None | ProxyLink::Lost { .. } => {
                self.show(ProxyLink::Starting);
                self.try_link(source, cx);
            }
            ProxyLink::Starting => cx.notice(Severity::Warning, None, "a proxy is being started already"),
            ProxyLink::Stopping => cx.notice(Severity::Warning, None, "the proxy is still ending; try again then"),
            ProxyLink::Attached(at) => {
                let text = format!("there is a proxy at {} already", at.address);
                cx.notice(Severity::Warning, None, &text);
            }
        }
    }

    fn try_link(&mut self, source: ProxySource, cx: &mut StepContext) {
        let attempt = cx.attempt_id();
        self.attempt = Some(attempt);
        self.due = None;
        cx.effects.push(Effect::Proxy(ProxyEffect::Link { attempt, source }));
    }

    fn stop(&mut self, cx: &mut StepContext) {
        match &self.link {
            ProxyLink::Attached(at) if at.own => {
                self.show(ProxyLink::Stopping);
                self.due = None;
                self.ask(ProxyAsk::Stop, cx);
            }
            ProxyLink::Attached(_) => {
                cx.notice(Severity::Warning, None, "this proxy was started elsewhere: end it there");
            }
            ProxyLink::None | ProxyLink::Starting | ProxyLink::Stopping | ProxyLink::Lost { .. } => {
                cx.notice(Severity::Warning, None, "there is no proxy to stop");
            }
        }
    }

    fn keep(&mut self, kept: bool, cx: &mut StepContext) {
        if self.ask(ProxyAsk::Keep(kept), cx).is_none() {
            cx.notice(Severity::Warning, None, "there is no proxy to keep");
        }
    }

    /// Sends a request to the proxy, if there is one.
    fn ask(&self, ask: ProxyAsk, cx: &mut StepContext) -> Option<()> {
        let there = match &self.link {
            ProxyLink::Attached(_) | ProxyLink::Stopping => true,
            ProxyLink::Lost { .. } => self.own.is_some(),
            ProxyLink::None | ProxyLink::Starting => false,
        };
        let attempt = self.attempt.filter(|_| there)?;
        cx.effects.push(Effect::Proxy(ProxyEffect::Ask { attempt, ask }));
        Some(())
    }

    fn set_traffic(&self, id: RequestId, cluster: Text, state: TrafficState, cx: &mut StepContext) {
        let name = ClusterName::new(&cluster);
        cx.operations.begin(id, &format!("{} {cluster} in the proxy", verb(state)), Some(&name));
        if self.ask(ProxyAsk::SetTraffic { id, cluster, state }, cx).is_none() {
            on_done(id, Err(&ProxyError::NoProxy), cx);
        }
    }

    fn reload(&self, id: RequestId, cx: &mut StepContext) {
        cx.operations.begin(id, "reload the proxy's configuration", None);
        if self.ask(ProxyAsk::Reload(id), cx).is_none() {
            on_done(id, Err(&ProxyError::NoProxy), cx);
        }
    }

    fn explain(&mut self, id: RequestId, text: Text, cx: &mut StepContext) {
        while self.explained.len() >= EXPLANATIONS_MAX && !self.explained.contains_key(&id) {
            self.explained.pop_first();
        }
        let asked = self.ask(ProxyAsk::Explain { id, text }, cx);
        let no_proxy = || Explained::Refused(Text::const_new("there is no proxy to ask; `qd route test` needs none"));
        self.explained.insert(id, Arc::new(asked.map_or_else(no_proxy, |()| Explained::Waiting)));
        self.dirty = true;
    }

    fn on_linked(&mut self, attempt: AttemptId, outcome: Result<ProxyAt, ProxyError>, cx: &mut StepContext) {
        if self.attempt != Some(attempt) {
            return;
        }
        match outcome {
            Ok(at) => {
                self.own = at.own.then(|| at.clone());
                self.show(ProxyLink::Attached(at));
                self.look_in(Duration::ZERO, cx);
            }
            Err(why) => self.lose(&why, cx),
        }
    }

    /// Records that there is no proxy, or no longer one. An unsuccessful search is not shown.
    fn lose(&mut self, why: &ProxyError, cx: &mut StepContext) {
        if self.own.is_none() || !matches!(why, ProxyError::Unreachable(_)) {
            (self.attempt, self.own) = (None, None);
        }
        let looked = matches!(self.link, ProxyLink::None | ProxyLink::Lost { .. });
        if !looked {
            cx.notice(Severity::Error, None, &format!("proxy: {why}"));
        }
        if !looked || !matches!(why, ProxyError::NoProxy) {
            let why = Text::new(clean(&why.to_string()));
            let since = match &self.link {
                ProxyLink::Lost { why: before, since } if *before == why => *since,
                ProxyLink::None
                | ProxyLink::Starting
                | ProxyLink::Attached(_)
                | ProxyLink::Stopping
                | ProxyLink::Lost { .. } => cx.now.wall,
            };
            self.show(ProxyLink::Lost { why, since });
        }
        self.look_in(FIND_EVERY, cx);
    }

    fn look_in(&mut self, wait: Duration, cx: &StepContext) {
        self.due = (!self.watchers.is_empty()).then(|| cx.after(wait));
    }

    fn on_seen(&mut self, attempt: AttemptId, outcome: Result<Box<Routes>, ProxyError>, cx: &mut StepContext) {
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
                self.look_in(PICTURE_EVERY, cx);
            }
            Err(why) => self.lose(&why, cx),
        }
    }

    fn on_kept(&mut self, attempt: AttemptId, outcome: Result<bool, ProxyError>, cx: &mut StepContext) {
        match (outcome, &self.link) {
            (Ok(kept), ProxyLink::Attached(at)) if self.attempt == Some(attempt) => {
                let at = ProxyAt { kept, ..at.clone() };
                self.own = at.own.then(|| at.clone());
                self.show(ProxyLink::Attached(at));
            }
            (Ok(_), _) => {}
            (Err(why), _) => cx.notice(Severity::Error, None, &format!("proxy: {why}")),
        }
    }

    fn on_stopped(&mut self, attempt: AttemptId, outcome: Result<(), ProxyError>, cx: &mut StepContext) {
        if self.attempt != Some(attempt) {
            return;
        }
        match outcome {
            Ok(()) => {
                (self.attempt, self.own) = (None, None);
                self.routes = None;
                self.show(ProxyLink::None);
                self.look_in(FIND_EVERY, cx);
            }
            Err(why) => self.lose(&why, cx),
        }
    }

    fn on_explained(&mut self, id: RequestId, outcome: Result<Box<Explanation>, ProxyError>) {
        // Closed meanwhile: nobody waits for it.
        let Some(place) = self.explained.get_mut(&id) else { return };
        *place = Arc::new(match outcome {
            Ok(answer) => Explained::Answer(answer),
            Err(why) => Explained::Refused(Text::new(clean(&why.to_string()))),
        });
        self.dirty = true;
    }

    fn show(&mut self, link: ProxyLink) {
        self.dirty |= self.link != link;
        self.link = link;
    }
}

/// Ends the operation of a change of traffic or of a reload; a failure is also shown as a notice.
fn on_done(id: RequestId, outcome: Result<(), &ProxyError>, cx: &mut StepContext) {
    if let Err(why) = outcome {
        let what = cx.operations.what(id).unwrap_or_else(|| Text::const_new("proxy"));
        cx.notice(Severity::Error, None, &format!("{what}: {why}"));
    }
    cx.operations.end(id, outcome);
}

fn verb(state: TrafficState) -> &'static str {
    match state {
        TrafficState::Open => "open",
        TrafficState::Draining => "drain",
        TrafficState::Blocked => "block",
    }
}
