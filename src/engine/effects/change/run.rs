//! A run of a plan: locked, checked again, journalled, reported while it goes on, and left within a bound.

use super::{Opened, PLAN, blocking, failed, open, sentence};
use crate::engine::change::Clusters;
use crate::engine::change::core::preflight::{Preflight, levels, moved_since};
use crate::engine::change::core::step::{Earlier, Stop};
use crate::engine::change::operation::Operation;
use crate::engine::change::recheck::recheck;
use crate::engine::change::run::{Job, Outcome, Progress, RunContext, run as drive};
use crate::engine::clock;
use crate::engine::effects::tasks::Reports;
use crate::engine::observation::{
    AttemptId, ChangeObservation, Observation, RunBegin, RunEnd, RunProgress, RunRequest,
};
use crate::engine::ports::ChangeStore;
use crate::model::change::Plan;
use crate::model::change::journal::Actor;
use crate::model::cluster::ClusterName;
use crate::model::text::{Text, clean};
use crate::model::time::UnixSeconds;
use futures::future::FutureExt as _;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Shortest time between two reports of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);
/// Longest wait for what is under way when the engine ends. What is left then can be resumed.
const LEAVE: Duration = Duration::from_secs(10);

/// The parts of the engine that a run needs.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub reports: Reports,
    pub attempt: AttemptId,
    pub store: Option<ChangeStore>,
    pub clock: clock::Running,
    /// Cancelled: nothing new is begun.
    pub cancel: CancellationToken,
    /// Cancelled: the engine ends.
    pub leaving: CancellationToken,
}

/// A run that was checked again, and may begin.
struct Checked {
    operation: Operation,
    by: Actor,
    /// The plan as it was made: what is kept.
    original: Arc<Plan>,
    plan: Arc<Plan>,
    waves: Vec<Vec<ClusterName>>,
    earlier: BTreeMap<usize, Earlier>,
}

pub(super) async fn run(around: Surroundings, clusters: Clusters, request: RunRequest) {
    let carried = AssertUnwindSafe(Box::pin(carry_out(&around, &clusters, request))).catch_unwind().await;
    let outcome = carried.unwrap_or_else(|_| Err(failed("the change")));
    around.report(ChangeObservation::Ended { attempt: around.attempt, outcome }).await;
}

async fn carry_out(around: &Surroundings, clusters: &Clusters, request: RunRequest) -> Result<RunEnd, Text> {
    let checked = tokio::select! {
        biased;
        () = around.cancel.cancelled() => {
            return Err(Text::const_new("cancelled before it began; nothing was changed; make the plan again"));
        }
        checked = timeout(PLAN, Box::pin(check(around.store.clone(), clusters, request))) => {
            checked.unwrap_or_else(|_| Err(late()))?
        }
    };
    let (checked, at) = begin(checked, around.clock.moment().wall).await?;
    let begin = RunBegin { by: checked.by.clone(), at, earlier: checked.earlier.clone() };
    around.report(ChangeObservation::Began { attempt: around.attempt, begin }).await;
    let outcome = around.drive(&checked, clusters).await?;
    let is_left = outcome.targets.iter().any(|(state, _)| state.is_resumed()) || outcome.unjournalled.is_some();
    let operation = checked.operation;
    blocking(move || {
        operation.end(is_left);
        Ok(())
    })
    .await?;
    Ok(RunEnd {
        state: outcome.state,
        targets: outcome.targets,
        stopped: outcome.stop.as_ref().map(words),
        unjournalled: outcome.unjournalled,
    })
}

fn late() -> Text {
    let seconds = PLAN.as_secs();
    Text::from(format!("the plan was not checked within {seconds}s; nothing was changed; make it again"))
}

/// Locks the operation and looks at everything again. Fails if another process has it, if it ran already, or if anything
/// stands otherwise than it was shown.
async fn check(store: Option<ChangeStore>, clusters: &Clusters, request: RunRequest) -> Result<Checked, Text> {
    let RunRequest { plan: shown, is_resumed, bulk_limit, .. } = request;
    let plan = Arc::clone(&shown);
    let by = store.as_ref().map(|store| store.actor.clone()).unwrap_or_default();
    let (operation, original) = blocking(move || lock(store, plan, is_resumed)).await?;
    let earlier = operation.earlier();
    let plan = recheck(clusters, &original, &earlier).await.map_err(|why| sentence(&why))?;
    if let Some(moved) = moved_since(&shown, &plan) {
        return Err(Text::new(clean(&format!("{moved}; nothing was changed; make the plan again"))));
    }
    let levels = levels(&clusters.entries);
    let preflight = Preflight { plan: &plan, earlier: &earlier, levels: &levels, bulk_limit };
    let waves = preflight.order().map_err(|refusal| refusal.sentence())?.waves;
    Ok(Checked { operation, by, original, plan: Arc::new(plan), waves, earlier })
}

/// Takes the operation, and returns it with the plan as it was made. Blocks.
fn lock(store: Option<ChangeStore>, shown: Arc<Plan>, is_resumed: bool) -> Result<(Operation, Arc<Plan>), Text> {
    if is_resumed {
        let Opened { operation, kept } = Opened::of(store, &shown.id)?;
        operation.is_resumable(&kept).map_err(|why| sentence(&why))?;
        if kept.digest != shown.digest {
            return Err(Text::const_new("another plan is kept than was shown; nothing was changed; resume it again"));
        }
        return Ok((operation, Arc::new(kept)));
    }
    let (store, actor) = open(store)?;
    let operation = Operation::open(&store, &shown.id, actor).map_err(|why| sentence(&why))?;
    operation.is_new().map_err(|why| sentence(&why))?;
    Ok((operation, shown))
}

/// Writes down that it begins; returns the time of its first begin.
async fn begin(checked: Checked, now: UnixSeconds) -> Result<(Checked, UnixSeconds), Text> {
    blocking(move || {
        checked.operation.begin(&checked.original, now).map_err(|why| sentence(&why))?;
        let at = checked.operation.record.as_ref().map_or(now, |record| record.began);
        Ok((checked, at))
    })
    .await
}

impl Surroundings {
    async fn report(&self, observation: ChangeObservation) {
        self.reports.send(Observation::Change(observation)).await;
    }

    /// Runs to the end. Fails if the engine ended before; the operation can be resumed then.
    async fn drive(&self, checked: &Checked, clusters: &Clusters) -> Result<Outcome, Text> {
        let context = RunContext {
            clusters,
            journal: Arc::new(checked.operation.store.clone()),
            clock: self.clock,
            cancel: self.cancel.clone(),
        };
        let job =
            Job { plan: Arc::clone(&checked.plan), waves: checked.waves.clone(), earlier: checked.earlier.clone() };
        let (unsent, news) = (Mutex::new(RunProgress::default()), Notify::new());
        let told = |progress: Progress<'_>| {
            note(&mut unsent.lock(), &progress);
            news.notify_one();
        };
        let ended = tokio::select! {
            outcome = Box::pin(drive(job, &context, told)) => Ok(outcome),
            never = self.report_progress(&unsent, &news) => match never {},
            () = self.left() => {
                let id = &checked.plan.id;
                Err(Text::from(format!("qd ended while changes were under way; go on with `qd plan resume {id}`")))
            }
        };
        // The last of it was not reported yet.
        let progress = std::mem::take(&mut *unsent.lock());
        self.report(ChangeObservation::Progressed { attempt: self.attempt, progress }).await;
        ended
    }

    async fn report_progress(&self, unsent: &Mutex<RunProgress>, news: &Notify) -> std::convert::Infallible {
        loop {
            news.notified().await;
            let progress = std::mem::take(&mut *unsent.lock());
            self.report(ChangeObservation::Progressed { attempt: self.attempt, progress }).await;
            sleep(PROGRESS_EVERY).await;
        }
    }

    async fn left(&self) {
        self.leaving.cancelled().await;
        sleep(LEAVE).await;
    }
}

fn note(unsent: &mut RunProgress, progress: &Progress<'_>) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    match progress {
        Progress::Wave { number, of, .. } => unsent.wave = Some((count(*number), count(*of))),
        Progress::Target { index, state, detail } => {
            unsent.targets.insert(*index, (*state, (*detail).clone()));
        }
        Progress::Stopped(stop) => unsent.stopping = Some(words(stop)),
    }
}

fn words(stop: &Stop) -> Text {
    match stop {
        Stop::Cancelled => Text::const_new("cancelled"),
        Stop::Failures(count) => Text::from(format!("{count} failed, more than may")),
        Stop::Journal(why) => Text::from(format!("the journal cannot be written: {why}")),
    }
}
