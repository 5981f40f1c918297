//! Operations: those of this engine, target by target, and those of the journal.

use crate::engine::observation::{AttemptId, JournalContents, RunBegin, RunEnd, RunProgress};
use crate::facts::change::{counted, counts};
use crate::model::change::journal::{Actor, OperationRecord};
use crate::model::change::{OperationId, OperationState, Plan, TargetKey, TargetState};
use crate::model::text::Text;
use crate::protocol::{OPERATIONS_MAX, OperationStatus, Severity};
use compact_str::format_compact;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The operations, by id: later ids are newer.
#[derive(Debug, Default)]
pub(super) struct Operations {
    own: BTreeMap<OperationId, Own>,
    journal: Option<JournalRecords>,
}

/// An operation that this engine runs or ran.
#[derive(Debug)]
struct Own {
    /// `None` if it has ended.
    attempt: Option<AttemptId>,
    plan: Arc<Plan>,
    status: OperationStatus,
    targets: Vec<(TargetKey, TargetState, Text)>,
    /// Time of its end.
    ended: Option<Duration>,
}

/// The journal as it was last read.
#[derive(Debug)]
struct JournalRecords {
    /// Time at which the read began.
    at: Duration,
    held: BTreeSet<OperationId>,
    records: Vec<OperationRecord>,
    shown: BTreeMap<OperationId, Arc<OperationStatus>>,
}

impl Operations {
    pub(super) fn begin(&mut self, attempt: AttemptId, plan: &Arc<Plan>, begin: &RunBegin) {
        let earlier = |at: usize| begin.earlier.get(&at).map_or(TargetState::Pending, |earlier| earlier.state);
        let targets = plan.targets.iter().enumerate();
        let targets = targets.map(|(at, target)| (target.key.clone(), earlier(at), Text::default())).collect();
        let status = OperationStatus {
            id: plan.id.clone(),
            verb: Some(plan.verb()),
            state: OperationState::Running,
            at: begin.at,
            actor: words(&begin.by),
            own: true,
            stopping: None,
            wave: (0, 0),
            targets: Arc::from([]),
        };
        let own = Own { attempt: Some(attempt), plan: Arc::clone(plan), status, targets, ended: None };
        self.own.insert(plan.id.clone(), own);
        while self.own.len() > OPERATIONS_MAX {
            let Some(oldest) = self.own.iter().find(|(_, own)| own.attempt.is_none()).map(|(id, _)| id.clone()) else {
                return;
            };
            self.own.remove(&oldest);
        }
    }

    /// Folds in the progress of a run; returns true if the run is known.
    pub(super) fn progress(&mut self, attempt: AttemptId, progress: RunProgress) -> bool {
        let Some(own) = self.own.values_mut().find(|own| own.attempt == Some(attempt)) else { return false };
        for (at, (state, detail)) in progress.targets {
            if let Some(target) = own.targets.get_mut(at) {
                (target.1, target.2) = (state, detail);
            }
        }
        own.status.wave = progress.wave.unwrap_or(own.status.wave);
        own.status.stopping = progress.stopping.or(own.status.stopping.take());
        true
    }

    /// Ends a run; returns the notice about it. `None` if the run is not known.
    pub(super) fn end(
        &mut self,
        attempt: AttemptId,
        outcome: Result<RunEnd, Text>,
        now: Duration,
    ) -> Option<(Severity, String)> {
        let own = self.own.values_mut().find(|own| own.attempt == Some(attempt))?;
        own.attempt = None;
        own.ended = Some(now);
        own.status.own = false;
        own.status.stopping = None;
        own.status.state = outcome.as_ref().map_or(OperationState::Interrupted, |end| end.state);
        let why = match outcome {
            Ok(end) => {
                for (target, (state, detail)) in own.targets.iter_mut().zip(end.targets) {
                    (target.1, target.2) = (state, detail);
                }
                let journal = end.unjournalled.map(|why| format_compact!("the journal could not be written: {why}"));
                [end.stopped, journal].into_iter().flatten().collect::<Vec<_>>().join("; ")
            }
            Err(why) => why.to_string(),
        };
        Some(own.notice(&why))
    }

    /// Returns the attempt that runs an operation here.
    pub(super) fn attempt(&self, id: &OperationId) -> Option<AttemptId> {
        self.own.get(id)?.attempt
    }

    pub(super) fn is_running(&self, id: &OperationId) -> bool {
        self.attempt(id).is_some()
    }

    /// Returns the number of runs under way.
    pub(super) fn running(&self) -> usize {
        self.own.values().filter(|own| own.attempt.is_some()).count()
    }

    pub(super) fn knows_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// Takes what was read of the journal from `at` on; returns true if it is something new.
    pub(super) fn on_journal(&mut self, contents: JournalContents, at: Duration) -> bool {
        let JournalContents { records, held } = contents;
        let before = self.journal.take();
        let records = match (records, before) {
            (Some(records), _) => records,
            (None, Some(before)) if before.held == held && before.at >= self.last_end() => {
                self.journal = Some(JournalRecords { at, ..before });
                return false;
            }
            (None, Some(before)) => before.records,
            // Forgotten while it was read: the next read is a whole one.
            (None, None) => return false,
        };
        let shown = records.iter().map(|record| {
            let is_held = held.contains(&record.id);
            (record.id.clone(), Arc::new(status(record, is_held)))
        });
        let shown = shown.collect();
        self.journal = Some(JournalRecords { at, held, records, shown });
        true
    }

    fn last_end(&self) -> Duration {
        self.own.values().filter_map(|own| own.ended).max().unwrap_or_default()
    }

    /// Forgets what was read of the journal; returns true if there was anything.
    pub(super) fn forget_journal(&mut self) -> bool {
        self.journal.take().is_some()
    }

    /// Returns the operations, the newest first. Those that run here stay; of the others the oldest go.
    pub(super) fn published(&self) -> Arc<[Arc<OperationStatus>]> {
        let mut all: BTreeMap<&OperationId, Arc<OperationStatus>> = BTreeMap::new();
        for (id, own) in &self.own {
            all.insert(id, Arc::new(own.published()));
        }
        for (id, shown) in self.journal.iter().flat_map(|journal| &journal.shown) {
            let read = self.journal.as_ref().map_or(Duration::ZERO, |journal| journal.at);
            let is_newer = self.own.get(id).is_none_or(|own| own.ended.is_some_and(|ended| read >= ended));
            if is_newer {
                all.insert(id, Arc::clone(shown));
            }
        }
        let mut excess = all.len().saturating_sub(OPERATIONS_MAX);
        all.retain(|_, status| {
            let goes = excess > 0 && !status.own;
            excess -= usize::from(goes);
            !goes
        });
        all.into_values().rev().collect()
    }
}

impl Own {
    fn published(&self) -> OperationStatus {
        OperationStatus { targets: self.targets.iter().cloned().collect(), ..self.status.clone() }
    }

    /// Returns the notice about the end.
    fn notice(&self, why: &str) -> (Severity, String) {
        let spec = self.plan.verb().spec();
        let reason = if why.is_empty() { String::new() } else { format!("; {why}") };
        match self.status.state {
            OperationState::Done => {
                let severity = if why.is_empty() { Severity::Note } else { Severity::Warning };
                (severity, format!("{} {}{reason}", counted(self.targets.len(), "object"), spec.past))
            }
            OperationState::Running | OperationState::Interrupted => {
                let next = format!("resume {} to go on", self.plan.id);
                (Severity::Warning, format!("{} was interrupted: {}{reason}; {next}", spec.name, self.counts()))
            }
            OperationState::Partial => {
                (Severity::Warning, format!("{} was done in part: {}{reason}", spec.name, self.counts()))
            }
            OperationState::Failed => (Severity::Error, format!("{} failed: {}{reason}", spec.name, self.counts())),
        }
    }

    fn counts(&self) -> String {
        counts(self.targets.iter().map(|(_, state, _)| *state))
    }
}

/// Returns the status of an operation of the journal.
fn status(record: &OperationRecord, is_held: bool) -> OperationStatus {
    let targets = record.known.values();
    OperationStatus {
        id: record.id.clone(),
        verb: Some(record.verb),
        state: record.state(is_held),
        at: record.began,
        actor: words(&record.by),
        own: false,
        stopping: None,
        wave: (0, 0),
        targets: targets.map(|known| (known.target.clone(), known.state, known.detail.clone())).collect(),
    }
}

fn words(by: &Actor) -> Text {
    let program = format_compact!("qd (pid {})", by.process);
    if by.user.is_empty() { program } else { format_compact!("{}, {program}", by.user) }
}
