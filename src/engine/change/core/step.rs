//! The machine that carries out a plan: an input and a moment in, effects out.

#[cfg(test)]
mod tests;

use super::body::{Body, Precondition, body, precondition};
use super::check::{Standing, standing};
use super::rollout::{Settled, settled};
use crate::model::change::{OperationState, Plan, TargetState};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Targets of one cluster that are under way at the same time.
pub const PER_CLUSTER: usize = 10;
/// So often an unanswered change is looked for before it stays unknown.
const UNKNOWN_LOOKS: u32 = 4;
/// So often one target is asked for again after the server said for certain that it did nothing.
const TRIES: u32 = 3;
/// The longest pause between two looks at one target.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(2);
/// The longest pause a server may ask for before we try again.
const THROTTLE_MAX: Duration = Duration::from_secs(30);

/// The answer to a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The server has done it.
    Accepted,
    /// The object changed since it was read; nothing was done.
    Conflict(Text),
    /// There is no such object; nothing was done.
    Gone(Text),
    /// The server will not do it: RBAC, admission, validation.
    Refused(Text),
    /// Not now; nothing was done.
    Throttled {
        /// Sentence of the server.
        why: Text,
        /// Pause that the server asks for.
        after: Option<Duration>,
    },
    /// The request did not leave.
    NotSent(Text),
    /// The request left, and whether the server did it is not known.
    Unknown(Text),
}

/// An event of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The run begins.
    Begin,
    /// The object as it is (`None`: there is none of this name), or why it could not be read.
    Read {
        /// Place of the target in the plan.
        target: usize,
        /// Object as the server has it, or the error.
        object: Result<Option<Arc<Value>>, Text>,
    },
    /// The answer to a write.
    Written {
        /// Place of the target in the plan.
        target: usize,
        /// Answer of the server.
        answer: Answer,
    },
    /// Nothing new is to be begun.
    Cancel,
    /// The journal took no entry: what these targets were about to ask was not asked.
    Unjournalled {
        /// Places of the targets in the plan.
        targets: Vec<usize>,
        /// Error of the disk.
        why: Text,
    },
}

/// An action that a run wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Read the object after a pause.
    Read {
        /// Place of the target in the plan.
        target: usize,
        /// Pause before the read.
        after: Duration,
    },
    /// Send the change, once the records before it are on disk.
    Write {
        /// Place of the target in the plan.
        target: usize,
        /// Content of the request.
        body: Body,
        /// State of the object that the request is made for.
        precondition: Precondition,
    },
    /// Journal the new state of a target.
    Record {
        /// Place of the target in the plan.
        target: usize,
        /// New state of the target.
        state: TargetState,
        /// Reason; empty if there is nothing to say.
        detail: Text,
    },
    /// A wave begins; the first is 1.
    Wave {
        /// Number of the wave, from 1.
        number: usize,
        /// Number of waves.
        of: usize,
        /// Clusters of the wave.
        clusters: Vec<ClusterName>,
    },
    /// Nothing is under way any more.
    Finish(OperationState),
}

/// Why nothing new is begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The user cancelled the run.
    Cancelled,
    /// More targets failed than may.
    Failures(u32),
    /// The journal could not be written.
    Journal(Text),
}

/// Result of an earlier run of the same plan for one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// State that the earlier run recorded last.
    pub state: TargetState,
    /// The change may have been asked for.
    pub was_asked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    /// Read before the change is asked for.
    Checking,
    Writing,
    /// Read after a change without an answer.
    Verifying,
    Settling,
}

#[derive(Debug, Clone)]
struct Entry {
    cluster: usize,
    stage: Stage,
    state: TargetState,
    detail: Text,
    was_asked: bool,
    tries: u32,
    looks: u32,
    settle_until: Duration,
}

/// A run of a plan.
#[derive(Debug, Clone)]
pub struct Run {
    plan: Arc<Plan>,
    entries: Vec<Entry>,
    waves: Vec<Vec<ClusterName>>,
    /// Of each cluster of the plan: targets to begin with, and how many are under way.
    pending: Vec<VecDeque<usize>>,
    active: Vec<usize>,
    wave: Option<usize>,
    failures: u32,
    stop: Option<Stop>,
    is_finished: bool,
}

impl Run {
    /// Makes a run. `earlier` has the targets that an earlier run of the plan recorded.
    pub fn new(plan: Arc<Plan>, waves: Vec<Vec<ClusterName>>, earlier: &BTreeMap<usize, Earlier>) -> Self {
        let mut pending = vec![VecDeque::new(); plan.clusters.len()];
        let mut entries = Vec::with_capacity(plan.targets.len());
        for (at, target) in plan.targets.iter().enumerate() {
            let cluster = plan.clusters.iter().position(|c| c.name == target.key.cluster).unwrap_or_default();
            let known = earlier.get(&at);
            let was_asked = known.is_some_and(|known| known.was_asked);
            let mut state = known.map_or(TargetState::Pending, |known| known.state);
            let mut detail = Text::default();
            if state.is_resumed() {
                state = TargetState::Pending;
            }
            // What was asked for is looked at first, whatever stands against asking again.
            if state == TargetState::Pending && !was_asked {
                (state, detail) = at_first(target);
            }
            if let (TargetState::Pending, Some(queue)) = (state, pending.get_mut(cluster)) {
                // Unknown ones are looked at before anything else.
                if was_asked { queue.push_front(at) } else { queue.push_back(at) }
            }
            let entry = Entry {
                cluster,
                stage: Stage::Idle,
                state,
                detail,
                was_asked,
                tries: 0,
                looks: 0,
                settle_until: Duration::ZERO,
            };
            entries.push(entry);
        }
        let active = vec![0; plan.clusters.len()];
        Self { plan, entries, waves, pending, active, wave: None, failures: 0, stop: None, is_finished: false }
    }

    /// Returns the state of each target, in the order of the plan, and why.
    pub fn states(&self) -> impl Iterator<Item = (TargetState, &Text)> {
        self.entries.iter().map(|entry| (entry.state, &entry.detail))
    }

    /// Returns why nothing new is begun, where that is so.
    pub fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// Takes an input at a moment (since the run began); returns what is to be done, in this order.
    pub fn step(&mut self, input: Input, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Begin => self.begin(&mut effects),
            Input::Read { target, object } => self.on_read(target, object, now, &mut effects),
            Input::Written { target, answer } => self.on_written(target, answer, now, &mut effects),
            Input::Cancel => {
                self.stop.get_or_insert(Stop::Cancelled);
            }
            Input::Unjournalled { targets, why } => self.on_unjournalled(&targets, why),
        }
        self.advance(&mut effects);
        effects
    }

    fn begin(&mut self, effects: &mut Vec<Effect>) {
        for (target, entry) in self.entries.iter().enumerate() {
            // Decided by the plan itself; an earlier run recorded it already.
            if entry.state.is_final() && !entry.detail.is_empty() {
                effects.push(Effect::Record { target, state: entry.state, detail: entry.detail.clone() });
            }
        }
    }

    fn on_read(
        &mut self,
        target: usize,
        object: Result<Option<Arc<Value>>, Text>,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(stage) = self.entries.get(target).map(|entry| entry.stage) else { return };
        match (stage, object) {
            (Stage::Checking, Ok(object)) => self.checked(target, object.as_deref(), now, effects),
            (Stage::Checking, Err(why)) => {
                let was_asked = self.entries.get(target).is_some_and(|entry| entry.was_asked);
                let state = if was_asked { TargetState::Unknown } else { TargetState::Failed };
                self.end(target, state, &format!("it could not be read: {why}"), effects);
            }
            (Stage::Verifying, Ok(object)) => self.verified(target, object.as_deref(), now, effects),
            (Stage::Verifying, Err(why)) => self.look_again(target, &why, effects),
            (Stage::Settling, Ok(object)) => self.settling(target, object.as_deref(), now, effects),
            (Stage::Settling, Err(why)) => self.wait_on(target, &why, now, effects),
            (Stage::Idle | Stage::Writing, _) => {}
        }
    }

    /// The object was read: asks for the change, unless the object is no longer what the plan shows.
    fn checked(&mut self, target: usize, object: Option<&Value>, now: Duration, effects: &mut Vec<Effect>) {
        let plan = Arc::clone(&self.plan);
        let (Some(planned), Some(entry)) = (plan.targets.get(target), self.entries.get_mut(target)) else { return };
        match standing(&plan.change, planned, object, entry.was_asked) {
            Standing::Moved(why) => self.end(target, TargetState::Refused, &why, effects),
            Standing::Gone => self.end(target, TargetState::Done, "", effects),
            Standing::Applied => self.accepted(target, now, effects),
            Standing::AsPlanned if self.stop.is_some() => self.put_back(target),
            Standing::AsPlanned => match (planned.refusal(), object.and_then(precondition)) {
                (Some(finding), _) => {
                    let why = format!("{}: {}", finding.kind.word(), finding.text);
                    self.end(target, TargetState::Refused, &why, effects);
                }
                (None, None) => {
                    self.end(target, TargetState::Failed, "the server's answer is not an object", effects);
                }
                (None, Some(precondition)) => {
                    entry.stage = Stage::Writing;
                    entry.tries += 1;
                    entry.was_asked = true;
                    self.record(target, TargetState::Asked, "", effects);
                    effects.push(Effect::Write { target, body: body(&plan.change, planned), precondition });
                }
            },
        }
    }

    fn on_written(&mut self, target: usize, answer: Answer, now: Duration, effects: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get_mut(target).filter(|entry| entry.stage == Stage::Writing) else { return };
        let may_retry = entry.tries < TRIES;
        let is_first_conflict = entry.tries < 2;
        let is_delete = matches!(self.plan.change, crate::model::change::Change::Delete { .. });
        match answer {
            Answer::Accepted => self.accepted(target, now, effects),
            Answer::Conflict(_) if is_first_conflict => self.check_again(target, Duration::ZERO, effects),
            Answer::Conflict(why) => {
                let why = format!("it changes faster than it can be asked for: {why}");
                self.end(target, TargetState::Failed, &why, effects);
            }
            Answer::Gone(_) if is_delete => self.end(target, TargetState::Done, "it was gone already", effects),
            Answer::Gone(why) | Answer::Refused(why) => self.end(target, TargetState::Refused, &why, effects),
            Answer::Throttled { after, .. } if may_retry => {
                let pause = after.unwrap_or(Duration::from_secs(1)).min(THROTTLE_MAX);
                self.check_again(target, pause, effects);
            }
            Answer::Throttled { why, .. } | Answer::NotSent(why) => {
                self.end(target, TargetState::Failed, &why, effects);
            }
            Answer::Unknown(why) => {
                entry.stage = Stage::Verifying;
                entry.looks = 0;
                entry.detail = why;
                effects.push(Effect::Read { target, after: look_pause(0) });
            }
        }
    }

    /// A change without an answer is looked for.
    fn verified(&mut self, target: usize, object: Option<&Value>, now: Duration, effects: &mut Vec<Effect>) {
        let plan = Arc::clone(&self.plan);
        let Some(planned) = plan.targets.get(target) else { return };
        match standing(&plan.change, planned, object, true) {
            Standing::Applied => self.accepted(target, now, effects),
            Standing::Gone => self.end(target, TargetState::Done, "", effects),
            // It may still arrive: asking again would be a second time.
            Standing::AsPlanned => self.look_again(target, "no answer, and no effect so far", effects),
            Standing::Moved(why) => self.look_again(target, &why, effects),
        }
    }

    fn look_again(&mut self, target: usize, why: &str, effects: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get_mut(target) else { return };
        entry.looks += 1;
        if entry.looks >= UNKNOWN_LOOKS {
            let why = format!("{}; {why}", entry.detail);
            return self.end(target, TargetState::Unknown, &why, effects);
        }
        effects.push(Effect::Read { target, after: look_pause(entry.looks) });
    }

    fn accepted(&mut self, target: usize, now: Duration, effects: &mut Vec<Effect>) {
        let settle = Duration::from_secs(u64::from(self.plan.options.settle_s));
        let Some(entry) = self.entries.get_mut(target) else { return };
        entry.stage = Stage::Settling;
        entry.looks = 0;
        entry.settle_until = now + settle;
        self.record(target, TargetState::Settling, "", effects);
        effects.push(Effect::Read { target, after: Duration::ZERO });
    }

    fn settling(&mut self, target: usize, object: Option<&Value>, now: Duration, effects: &mut Vec<Effect>) {
        let plan = Arc::clone(&self.plan);
        let Some(planned) = plan.targets.get(target) else { return };
        match settled(&plan.change, planned, object) {
            Settled::Yes => self.end(target, TargetState::Done, "", effects),
            Settled::Never(why) => self.end(target, TargetState::Failed, &why, effects),
            Settled::NotYet(why) => self.wait_on(target, &why, now, effects),
        }
    }

    fn wait_on(&mut self, target: usize, why: &str, now: Duration, effects: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get_mut(target) else { return };
        if now >= entry.settle_until {
            let limit = self.plan.options.settle_s;
            let why = format!("not settled within {limit}s: {why}");
            return self.end(target, TargetState::Failed, &why, effects);
        }
        let pause = look_pause(entry.looks).min(entry.settle_until.saturating_sub(now));
        entry.looks = entry.looks.saturating_add(1);
        entry.detail = Text::new(why);
        effects.push(Effect::Read { target, after: pause });
    }

    fn check_again(&mut self, target: usize, after: Duration, effects: &mut Vec<Effect>) {
        if let Some(entry) = self.entries.get_mut(target) {
            entry.stage = Stage::Checking;
            effects.push(Effect::Read { target, after });
        }
    }

    fn on_unjournalled(&mut self, targets: &[usize], why: Text) {
        for target in targets {
            if self.entries.get(*target).is_some_and(|entry| entry.stage == Stage::Writing) {
                self.put_back(*target);
            }
        }
        self.stop.get_or_insert(Stop::Journal(why));
    }

    /// The target was not asked for, and stays for a later run.
    fn put_back(&mut self, target: usize) {
        let Some(entry) = self.entries.get_mut(target) else { return };
        entry.stage = Stage::Idle;
        entry.state = TargetState::Pending;
        let cluster = entry.cluster;
        self.release(cluster);
        if let Some(queue) = self.pending.get_mut(cluster) {
            queue.push_front(target);
        }
    }

    fn end(&mut self, target: usize, state: TargetState, why: &str, effects: &mut Vec<Effect>) {
        self.record(target, state, why, effects);
        let Some(entry) = self.entries.get_mut(target) else { return };
        entry.stage = Stage::Idle;
        let cluster = entry.cluster;
        self.release(cluster);
        if !state.is_good() {
            self.failures += 1;
            if self.failures > self.plan.options.max_failures {
                self.stop.get_or_insert(Stop::Failures(self.failures));
            }
        }
    }

    fn release(&mut self, cluster: usize) {
        if let Some(active) = self.active.get_mut(cluster) {
            *active = active.saturating_sub(1);
        }
    }

    fn record(&mut self, target: usize, state: TargetState, why: &str, effects: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get_mut(target) else { return };
        entry.state = state;
        entry.detail = Text::new(why);
        effects.push(Effect::Record { target, state, detail: entry.detail.clone() });
    }

    /// Begins with what may begin, goes on to the next wave, or ends.
    fn advance(&mut self, effects: &mut Vec<Effect>) {
        while !self.is_finished {
            if self.stop.is_none() {
                self.fill(effects);
            }
            if self.active.iter().any(|active| *active > 0) {
                return;
            }
            let next = self.wave.map_or(0, |wave| wave + 1);
            if let Some(clusters) = self.waves.get(next).filter(|_| self.stop.is_none()) {
                let (number, of, clusters) = (next + 1, self.waves.len(), clusters.clone());
                effects.push(Effect::Wave { number, of, clusters });
                self.wave = Some(next);
            } else {
                self.is_finished = true;
                effects.push(Effect::Finish(OperationState::of(self.entries.iter().map(|entry| entry.state))));
            }
        }
    }

    fn fill(&mut self, effects: &mut Vec<Effect>) {
        let wave = self.wave.and_then(|wave| self.waves.get(wave)).into_iter().flatten();
        for name in wave {
            let Some(at) = self.plan.clusters.iter().position(|cluster| cluster.name == *name) else { continue };
            let (Some(active), Some(queue)) = (self.active.get_mut(at), self.pending.get_mut(at)) else { continue };
            while *active < PER_CLUSTER {
                let Some(target) = queue.pop_front() else { break };
                if let Some(entry) = self.entries.get_mut(target) {
                    entry.stage = Stage::Checking;
                }
                *active += 1;
                effects.push(Effect::Read { target, after: Duration::ZERO });
            }
        }
    }
}

/// The state of a target that the plan itself decides.
fn at_first(target: &crate::model::change::Target) -> (TargetState, Text) {
    let words =
        |finding: &crate::model::change::Finding| Text::from(format!("{}: {}", finding.kind.word(), finding.text));
    match (target.refusal(), target.is_already_so()) {
        (Some(finding), _) => (TargetState::Refused, words(finding)),
        (None, true) => (TargetState::Skipped, target.findings.first().map(words).unwrap_or_default()),
        (None, false) => (TargetState::Pending, Text::default()),
    }
}

fn look_pause(looks: u32) -> Duration {
    (Duration::from_millis(100) * 2_u32.saturating_pow(looks.min(8))).min(LOOK_PAUSE_MAX)
}
