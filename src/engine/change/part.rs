//! Changes as the core keeps them: plans that screens asked for, runs, and the journal while it is watched. Pure.

mod operations;
mod plans;
#[cfg(test)]
mod tests;

use super::core::preflight::{Preflight, Refusal, levels};
use crate::engine::observation::{
    AttemptId, ChangeEffect, ChangeObservation, Effect, JournalContents, PlanRequest, PlannedChange, RunBegin, RunEnd,
    RunRequest,
};
use crate::engine::part::{Clusters, Part, StepContext};
use crate::model::change::{Consent, Given, Intent, OperationId, Plan, Prompt};
use crate::model::cluster::{Access, ClusterEntry, ClusterName};
use crate::model::text::{Text, clean};
use crate::protocol::{ChangeRequest, PlanStatus, ReadyPlan, RequestId, Severity, Snapshot};
use operations::Operations;
use plans::{Plans, Shown};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Time between two reads of the journal while it is watched: other processes write to it.
const JOURNAL_EVERY: Duration = Duration::from_secs(5);
/// Screens that watch the journal at once; beyond that, the first is dropped.
const WATCHERS_MAX: usize = 16;
/// Runs at the same time. Fewer than plans, so that there is always a plan that may go.
const RUNS_MAX: usize = 8;

/// Plans and operations of the engine.
#[derive(Debug)]
pub(crate) struct Changes {
    bulk_limit: u32,
    plans: Plans,
    /// Runs that are checked again and have not begun.
    starting: BTreeMap<AttemptId, Arc<Plan>>,
    operations: Operations,
    watchers: BTreeSet<RequestId>,
    /// Time of the next read of the journal.
    due: Option<Duration>,
    /// Time at which the read under way began.
    reading: Option<Duration>,
    /// Why the journal could not be read last; each reason becomes a notice once.
    unread: Option<Text>,
    dirty: bool,
}

/// A plan that a user asked for.
struct WantedPlan {
    id: RequestId,
    names: Vec<ClusterName>,
    intent: Box<Intent>,
}

/// A run that a user asked for.
struct WantedRun {
    id: RequestId,
    digest: Text,
    given: Given,
}

impl Changes {
    /// Returns a part without plans. `bulk_limit` is the number of targets that one protected cluster takes.
    pub(crate) fn new(bulk_limit: u32) -> Self {
        Self {
            bulk_limit,
            plans: Plans::default(),
            starting: BTreeMap::new(),
            operations: Operations::default(),
            watchers: BTreeSet::new(),
            due: None,
            reading: None,
            unread: None,
            dirty: false,
        }
    }

    /// Handles a request of a screen.
    pub(crate) fn on_request(&mut self, request: ChangeRequest, clusters: &dyn Clusters, cx: &mut StepContext) {
        match request {
            ChangeRequest::Plan { id, clusters: names, intent } => {
                self.plan(WantedPlan { id, names, intent }, clusters, cx);
            }
            ChangeRequest::Discard(id) => self.discard(id, cx),
            ChangeRequest::Run { id, digest, given } => self.run(&WantedRun { id, digest, given }, clusters, cx),
            ChangeRequest::Resume { id, operation } => self.resume(id, operation, clusters, cx),
            ChangeRequest::Cancel(operation) => self.cancel(&operation, cx),
            ChangeRequest::Watch(id) => self.watch(id, cx),
            ChangeRequest::Unwatch(id) => self.unwatch(id),
        }
    }

    /// Folds in an observation.
    pub(crate) fn on(&mut self, observation: ChangeObservation, clusters: &dyn Clusters, cx: &mut StepContext) {
        match observation {
            ChangeObservation::Planned { attempt, outcome } => self.on_planned(attempt, outcome, clusters),
            ChangeObservation::Began { attempt, begin } => self.on_began(attempt, &begin),
            ChangeObservation::Progressed { attempt, progress } => {
                self.dirty |= self.operations.progress(attempt, progress);
            }
            ChangeObservation::Ended { attempt, outcome } => self.on_ended(attempt, outcome, cx),
            ChangeObservation::JournalRead { outcome } => self.on_journal(outcome, cx),
        }
    }
}

impl Part for Changes {
    fn next_due(&self) -> Option<Duration> {
        self.due
    }

    /// Reads the journal again.
    fn run_due(&mut self, _: &dyn Clusters, cx: &mut StepContext) {
        if cx.is_due(self.due) && self.reading.is_none() {
            self.due = None;
            self.reading = Some(cx.now.elapsed);
            let whole = !self.operations.knows_journal();
            cx.effects.push(Effect::Change(ChangeEffect::ReadJournal { whole }));
        }
    }

    fn is_dirty(&self) -> bool {
        self.dirty
    }

    fn publish(&mut self, next: &mut Snapshot) -> bool {
        if !std::mem::take(&mut self.dirty) {
            return false;
        }
        next.changes.plans = Arc::new(self.plans.published());
        next.changes.operations = self.operations.published();
        true
    }
}

impl Changes {
    fn plan(&mut self, wanted: WantedPlan, clusters: &dyn Clusters, cx: &mut StepContext) {
        let WantedPlan { id, names, intent } = wanted;
        match chosen(&names, &clusters.entries()) {
            Ok(entries) => {
                let attempt = self.show_making(id, false, cx);
                let plan = OperationId::new(cx.now.wall, cx.rng.u64(..));
                let request = PlanRequest { id: plan, now: cx.now.wall, intent, entries };
                cx.effects.push(Effect::Change(ChangeEffect::Plan { attempt, request }));
            }
            Err(why) => self.show(id, Shown::refused(why), cx),
        }
    }

    fn resume(&mut self, id: RequestId, operation: OperationId, clusters: &dyn Clusters, cx: &mut StepContext) {
        if self.operations.is_running(&operation) {
            let why = format!("{operation} is being carried out; wait for it, or cancel it first");
            self.show(id, Shown::refused(Text::from(why)), cx);
            return;
        }
        let attempt = self.show_making(id, true, cx);
        let entries = clusters.entries();
        cx.effects.push(Effect::Change(ChangeEffect::Resume { attempt, operation, entries }));
    }

    fn show_making(&mut self, id: RequestId, is_resume: bool, cx: &mut StepContext) -> AttemptId {
        let attempt = cx.attempt_id();
        self.show(id, Shown::making(attempt, is_resume), cx);
        attempt
    }

    /// Shows a plan; an older one goes if there are too many.
    fn show(&mut self, id: RequestId, shown: Shown, cx: &mut StepContext) {
        let starting = &self.starting;
        for gone in self.plans.insert(id, shown, |attempt| starting.contains_key(&attempt)) {
            self.drop_plan(&gone, cx);
        }
        self.dirty = true;
    }

    fn discard(&mut self, id: RequestId, cx: &mut StepContext) {
        if let Some(gone) = self.plans.remove(id) {
            self.drop_plan(&gone, cx);
            self.dirty = true;
        }
    }

    /// Ends the attempt at a plan that nobody waits for. A run that was agreed to goes on.
    fn drop_plan(&self, gone: &Shown, cx: &mut StepContext) {
        if let Some(attempt) = gone.attempt.filter(|attempt| !self.starting.contains_key(attempt)) {
            cx.effects.push(Effect::Change(ChangeEffect::Cancel(attempt)));
        }
    }

    fn on_planned(&mut self, attempt: AttemptId, outcome: Result<Box<PlannedChange>, Text>, clusters: &dyn Clusters) {
        let bulk_limit = self.bulk_limit;
        // Discarded meanwhile: nobody waits for it.
        let Some(shown) = self.plans.of(attempt) else { return };
        let status = match outcome {
            Err(why) => PlanStatus::Refused(why),
            Ok(planned) => {
                if let Some(why) = refusal(&planned.plan, &planned.missing) {
                    PlanStatus::Refused(why)
                } else {
                    shown.earlier.clone_from(&planned.earlier);
                    PlanStatus::Ready(Box::new(ready(*planned, &levels(&clusters.entries()), bulk_limit)))
                }
            }
        };
        shown.end(status);
        self.dirty = true;
    }

    /// Begins a run, if the plan is the one that was shown and the consent suffices now.
    fn run(&mut self, wanted: &WantedRun, clusters: &dyn Clusters, cx: &mut StepContext) {
        let id = wanted.id;
        let under_way = self.starting.len() + self.operations.running();
        let entries = clusters.entries();
        let (levels, bulk_limit) = (levels(&entries), self.bulk_limit);
        let Some(shown) = self.plans.get(id) else {
            cx.notice(Severity::Warning, None, "the plan is not shown any more, so it was not run; make it again");
            return;
        };
        let PlanStatus::Ready(ready) = &*shown.status else {
            cx.notice(Severity::Warning, None, "the plan is not ready, or is run already");
            return;
        };
        let plan = Arc::clone(&ready.plan);
        let preflight = Preflight { plan: &plan, earlier: &shown.earlier, levels: &levels, bulk_limit };
        let refused = if under_way >= RUNS_MAX {
            Some(format!("{RUNS_MAX} changes run already; nothing was changed; wait for one, or cancel one"))
        } else {
            refused_run(&preflight, wanted)
        };
        if let Some(why) = refused {
            shown.end(PlanStatus::Refused(Text::new(clean(&why))));
            self.dirty = true;
            return;
        }
        let is_resumed = shown.is_resume;
        let attempt = cx.attempt_id();
        shown.begin(attempt);
        let entries = entries.into_iter().filter(|entry| plan.cluster(&entry.name).is_some()).collect();
        self.starting.insert(attempt, Arc::clone(&plan));
        let request = RunRequest { plan, is_resumed, entries, bulk_limit };
        cx.effects.push(Effect::Change(ChangeEffect::Run { attempt, request }));
        self.dirty = true;
    }

    fn on_began(&mut self, attempt: AttemptId, begin: &RunBegin) {
        let Some(plan) = self.starting.remove(&attempt) else { return };
        if let Some(shown) = self.plans.of(attempt) {
            shown.end(PlanStatus::Running(plan.id.clone()));
        }
        self.operations.begin(attempt, &plan, begin);
        self.dirty = true;
    }

    fn on_ended(&mut self, attempt: AttemptId, outcome: Result<RunEnd, Text>, cx: &mut StepContext) {
        if let Some(plan) = self.starting.remove(&attempt) {
            let why = outcome.err().unwrap_or(Text::const_new("the run ended before it began; nothing was changed"));
            if let Some(shown) = self.plans.of(attempt) {
                shown.end(PlanStatus::Refused(why));
            } else {
                let verb = plan.verb();
                cx.notice(Severity::Error, None, &format!("{verb} was refused: {why}"));
            }
        } else if let Some((severity, text)) = self.operations.end(attempt, outcome, cx.now.elapsed) {
            cx.notice(severity, None, &text);
            self.read_now(cx);
        }
        self.dirty = true;
    }

    fn cancel(&mut self, operation: &OperationId, cx: &mut StepContext) {
        let starting = self.starting.iter().find(|(_, plan)| plan.id == *operation);
        let attempt = starting.map(|(attempt, _)| *attempt).or_else(|| self.operations.attempt(operation));
        if let Some(attempt) = attempt {
            cx.effects.push(Effect::Change(ChangeEffect::Cancel(attempt)));
        } else {
            let text = format!("{operation} does not run here, so it cannot be cancelled here");
            cx.notice(Severity::Warning, None, &text);
        }
    }

    fn watch(&mut self, id: RequestId, cx: &StepContext) {
        if self.watchers.len() >= WATCHERS_MAX && !self.watchers.contains(&id) {
            self.watchers.pop_first();
        }
        self.watchers.insert(id);
        self.read_now(cx);
    }

    fn unwatch(&mut self, id: RequestId) {
        self.watchers.remove(&id);
        if self.watchers.is_empty() {
            self.due = None;
            self.unread = None;
            self.dirty |= self.operations.forget_journal();
        }
    }

    fn read_now(&mut self, cx: &StepContext) {
        if !self.watchers.is_empty() {
            self.due = Some(cx.now.elapsed);
        }
    }

    fn on_journal(&mut self, outcome: Result<JournalContents, Text>, cx: &mut StepContext) {
        let began = self.reading.take().unwrap_or_default();
        if self.watchers.is_empty() {
            return;
        }
        // Asked for anew while this read was under way: at once, else later.
        self.due = Some(self.due.unwrap_or_else(|| cx.after(JOURNAL_EVERY)));
        match outcome {
            Ok(contents) => {
                self.unread = None;
                self.dirty |= self.operations.on_journal(contents, began);
            }
            Err(why) if self.unread.as_ref() == Some(&why) => {}
            Err(why) => {
                cx.notice(Severity::Error, None, &why);
                self.unread = Some(why);
            }
        }
    }
}

/// Returns the clusters by name. Fails if none is named, or the inventory has one of them not.
fn chosen(names: &[ClusterName], entries: &[Arc<ClusterEntry>]) -> Result<Vec<Arc<ClusterEntry>>, Text> {
    if names.is_empty() {
        return Err(Text::const_new("the change names no cluster; nothing was changed; choose clusters first"));
    }
    let unknown = names.iter().find(|name| !entries.iter().any(|entry| entry.name == **name));
    if let Some(name) = unknown {
        let why = format!("{name}: the cluster is not in the inventory; nothing was changed; choose other clusters");
        return Err(Text::from(why));
    }
    Ok(entries.iter().filter(|entry| names.contains(&entry.name)).cloned().collect())
}

/// Returns why a plan is not worth showing; `None` if it has targets.
fn refusal(plan: &Plan, missing: &[Text]) -> Option<Text> {
    if !plan.targets.is_empty() {
        return None;
    }
    let problems = plan.clusters.iter().filter_map(|cluster| {
        let problem = cluster.problem.as_ref()?;
        Some(format!("{}: {problem}", cluster.name))
    });
    let reasons: Vec<String> = missing.iter().map(Text::to_string).chain(problems).collect();
    let why = if reasons.is_empty() { "no object matches".to_owned() } else { reasons.join("; ") };
    Some(Text::from(format!("{why}; nothing was changed; choose other objects or clusters")))
}

fn ready(planned: PlannedChange, levels: &BTreeMap<ClusterName, Access>, bulk_limit: u32) -> ReadyPlan {
    let PlannedChange { plan, missing, earlier } = planned;
    let preflight = Preflight { plan: &plan, earlier: &earlier, levels, bulk_limit };
    let waves = preflight.order().map(|order| order.waves).unwrap_or_default();
    let consent = preflight.consent(&Given::default());
    ReadyPlan { plan: Arc::new(plan), waves, consent, missing }
}

/// Returns why this plan may not run with this consent, and the next step.
fn refused_run(preflight: &Preflight<'_>, wanted: &WantedRun) -> Option<String> {
    if preflight.plan.digest != wanted.digest {
        return Some("this is not the plan that was shown; nothing was changed; make it again".to_owned());
    }
    match preflight.consent(&wanted.given) {
        Consent::Given => None,
        Consent::Refused { why, hint } => Some(Refusal { why, hint }.sentence().to_string()),
        Consent::Ask(prompts) => {
            let needed: Vec<String> = prompts.iter().map(needed).collect();
            Some(format!("{}; nothing was changed; make the plan again and answer its questions", needed.join("; ")))
        }
    }
}

fn needed(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Agree => "nobody agreed to the plan".to_owned(),
        Prompt::Cluster(name) => format!("{name} is protected, and its name was not typed"),
        Prompt::Object(kind, name) => format!("{kind} {name} takes its contents with it, and its name was not typed"),
    }
}
