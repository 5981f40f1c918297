//! Carrying a plan out from the command line: progress on stderr, the first ctrl-c waits, the second leaves.

use super::progress::{Counts, LINE_EVERY};
use super::{Session, print};
use crate::cli::print::write;
use crate::engine::change::core::step::Stop;
use crate::engine::change::operation::Operation;
use crate::engine::change::run::{Job, Outcome, Progress, RunContext, run as drive};
use crate::engine::clock::{Clock, now};
use crate::error::UserError;
use crate::facts::change::counts;
use crate::model::change::{OperationState, Plan};
use crate::model::cluster::ClusterName;
use parking_lot::Mutex;
use std::convert::Infallible;
use std::io::IsTerminal as _;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A plan that was agreed to.
pub(super) struct Agreed<'a> {
    /// The plan as it was made: what is kept.
    pub original: &'a Plan,
    /// The same with what was found out last.
    pub checked: &'a Plan,
    pub waves: Vec<Vec<ClusterName>>,
    pub operation: Operation,
}

/// Runs the plan to its end. Fails where the journal does not take its beginning; then nothing was changed.
pub(super) async fn run(agreed: Agreed<'_>, session: &Session<'_>) -> Result<u8, UserError> {
    let Agreed { original, checked, waves, operation } = agreed;
    // Before anything begins, so that no signal falls between.
    let interrupts = Interrupts::listen();
    operation.begin(original, now())?;
    let cancel = CancellationToken::new();
    let around = RunContext {
        clusters: &session.clusters,
        journal: Arc::new(operation.store.clone()),
        clock: Clock::Wall.start(),
        cancel: cancel.clone(),
    };
    let plan = Arc::new(checked.clone());
    let job = Job { plan: Arc::clone(&plan), waves, earlier: operation.earlier() };
    let settling = Mutex::new(Counts::default());
    let told = |progress: Progress<'_>| {
        if let Progress::Target { index, state, .. } = progress {
            settling.lock().note(index, state);
        }
        if let Some(line) = line(&plan, &progress) {
            // Whoever closed stderr does not want to know.
            let _closed = write(&mut std::io::stderr(), &line);
        }
    };
    let outcome = tokio::select! {
        outcome = Box::pin(drive(job, &around, told)) => outcome,
        () = interrupts.second(&cancel) => {
            let line = format!("left while changes were under way; go on with `qd plan resume {}`\n", plan.id);
            write(&mut std::io::stderr(), &line)?;
            return Ok(1);
        }
        never = settling_lines(&settling) => match never {},
    };
    finish(&plan, &outcome, operation, session)
}

/// Writes a line for each change of the counts, on a terminal only. Final lines are written wherever stderr goes.
async fn settling_lines(settling: &Mutex<Counts>) -> Infallible {
    if !std::io::stderr().is_terminal() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(LINE_EVERY).await;
        let line = settling.lock().line();
        if let Some(line) = line {
            // A closed stderr is no reason to stop.
            let _closed = write(&mut std::io::stderr(), &line);
        }
    }
}

/// Signals that ask a run to end: ctrl-c and SIGTERM.
struct Interrupts {
    /// `None` if the system does not deliver them; then each ends the process as always.
    signals: Option<[Signal; 2]>,
}

impl Interrupts {
    /// Begins to listen: from now on a signal no longer ends the process by itself.
    fn listen() -> Self {
        let keys = signal(SignalKind::interrupt());
        Self { signals: keys.and_then(|keys| Ok([keys, signal(SignalKind::terminate())?])).ok() }
    }

    /// Ends with the second signal; the first cancels.
    async fn second(mut self, cancel: &CancellationToken) {
        let Some([keys, terms]) = &mut self.signals else { return std::future::pending().await };
        for is_second in [false, true] {
            tokio::select! {
                _ = keys.recv() => {}
                _ = terms.recv() => {}
            }
            if !is_second {
                cancel.cancel();
            }
        }
    }
}

fn line(plan: &Plan, progress: &Progress<'_>) -> Option<String> {
    match progress {
        Progress::Wave { number, of, clusters } => {
            let names: Vec<&str> = clusters.iter().map(ClusterName::as_str).collect();
            Some(format!("wave {number} of {of}: {}\n", names.join(", ")))
        }
        Progress::Target { index, state, detail } if state.is_final() => {
            let key = &plan.targets.get(*index)?.key;
            let why = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            Some(format!("{key}: {}{why}\n", state.word()))
        }
        Progress::Target { .. } => None,
        Progress::Stopped(stop) => Some(match stop {
            Stop::Cancelled => {
                "interrupted: nothing new is begun; waiting for what is under way (again to leave at once)\n".to_owned()
            }
            Stop::Failures(count) => format!("{count} failed: nothing new is begun (--max-failures)\n"),
            Stop::Journal(why) => format!("the journal cannot be written, so nothing new is begun: {why}\n"),
        }),
    }
}

fn finish(plan: &Plan, outcome: &Outcome, operation: Operation, session: &Session<'_>) -> Result<u8, UserError> {
    print::result(plan, outcome.state, &outcome.targets, session.consent.output)?;
    let is_left = outcome.targets.iter().any(|(state, _)| state.is_resumed());
    let mut err = std::io::stderr();
    if let Some(why) = &outcome.unjournalled {
        write(&mut err, &format!("the journal could not be written: {why}\n"))?;
    }
    if is_left {
        let counts = counts(outcome.targets.iter().map(|(state, _)| *state));
        write(&mut err, &format!("{counts}; go on with `qd plan resume {}`\n", plan.id))?;
    }
    operation.end(is_left || outcome.unjournalled.is_some());
    let is_whole = print::unread(plan) == 0 && outcome.unjournalled.is_none();
    Ok(u8::from(outcome.state != OperationState::Done || !is_whole))
}
