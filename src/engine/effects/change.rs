//! Effects of changes: make a plan, run it, read the journal. Each reports, also when it fails inside.

mod journal;
mod run;

use super::EffectRunner;
use super::tasks::{Broken, Reports, guarded};
use crate::engine::change::Clusters;
use crate::engine::change::operation::Operation;
use crate::engine::change::planner::{self, Planned, Stamp};
use crate::engine::change::recheck::recheck;
use crate::engine::clock;
use crate::engine::cluster::Connector;
use crate::engine::journal::Store;
use crate::engine::observation::{AttemptId, ChangeEffect, ChangeObservation, Observation, PlanRequest, PlannedChange};
use crate::engine::ports::ChangeStore;
use crate::error::UserError;
use crate::model::change::journal::Actor;
use crate::model::change::{OperationId, Plan};
use crate::model::cluster::ClusterEntry;
use crate::model::text::{Text, clean};
use journal::Seen;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Deadline of a plan, and of the check before a run: each request in it has its own, and a large plan has many.
const PLAN: Duration = Duration::from_secs(300);
/// Clusters that are asked at the same time: as many as are connected at the same time.
const CLUSTERS_AT_ONCE: usize = 16;

/// The state that the effects of changes share.
#[derive(Debug)]
pub(super) struct Held {
    store: Option<ChangeStore>,
    clock: clock::Running,
    attempts: HashMap<AttemptId, CancellationToken>,
    seen: Arc<Mutex<Seen>>,
}

impl Held {
    pub(super) fn new(store: Option<ChangeStore>, clock: clock::Running) -> Self {
        Self { store, clock, attempts: HashMap::new(), seen: Arc::default() }
    }

    /// Forgets an attempt that has ended.
    pub(super) fn ended(&mut self, attempt: AttemptId) {
        self.attempts.remove(&attempt);
    }
}

impl EffectRunner {
    pub(super) fn run_change(&mut self, effect: ChangeEffect) {
        match effect {
            ChangeEffect::Plan { attempt, request } => {
                let token = self.begin_attempt(attempt);
                let (reports, connector) = (self.reports.clone(), Arc::clone(&self.connector));
                self.spawn(token, plan(reports, connector, attempt, request));
            }
            ChangeEffect::Resume { attempt, operation, entries } => {
                let token = self.begin_attempt(attempt);
                let clusters = clusters(&self.connector, entries);
                let rest = rest(self.changes.store.clone(), operation, clusters);
                self.spawn(token, report_planned(self.reports.clone(), attempt, rest));
            }
            ChangeEffect::Run { attempt, request } => {
                let cancel = self.begin_attempt(attempt);
                let surroundings = run::Surroundings {
                    reports: self.reports.clone(),
                    attempt,
                    store: self.changes.store.clone(),
                    clock: self.changes.clock,
                    cancel,
                    leaving: self.token.clone(),
                };
                let clusters = clusters(&self.connector, request.entries.clone());
                // Not dropped when the engine ends: it waits for what is under way.
                self.tasks.spawn(run::run(surroundings, clusters, request));
            }
            ChangeEffect::Cancel(attempt) => {
                if let Some(token) = self.changes.attempts.get(&attempt) {
                    token.cancel();
                }
            }
            ChangeEffect::ReadJournal { whole } => {
                let (store, seen) = (self.changes.store.clone(), Arc::clone(&self.changes.seen));
                self.spawn(self.token.child_token(), journal::read(self.reports.clone(), store, seen, whole));
            }
        }
    }

    fn begin_attempt(&mut self, attempt: AttemptId) -> CancellationToken {
        let token = self.token.child_token();
        self.changes.attempts.insert(attempt, token.clone());
        token
    }
}

fn clusters(connector: &Arc<dyn Connector>, entries: Vec<Arc<ClusterEntry>>) -> Clusters {
    Clusters { entries, connector: Arc::clone(connector), concurrency: CLUSTERS_AT_ONCE }
}

async fn plan(reports: Reports, connector: Arc<dyn Connector>, attempt: AttemptId, request: PlanRequest) {
    let PlanRequest { id, now, intent, entries } = request;
    let clusters = clusters(&connector, entries);
    let planned = async {
        let planned = planner::plan(&clusters, &intent, Stamp { id, now }).await;
        planned.map(of_planner).map_err(|why| sentence(&why))
    };
    report_planned(reports, attempt, planned).await;
}

fn of_planner(planned: Planned) -> PlannedChange {
    let Planned { plan, missing, unfit } = planned;
    let verb = plan.verb();
    let missing = missing.iter().map(|word| format!("{word}: not found in any cluster"));
    let unfit = unfit.iter().map(|word| format!("{word}: `{verb}` does not take this kind"));
    let missing = missing.chain(unfit).map(|line| Text::new(clean(&line))).collect();
    PlannedChange { plan, missing, earlier: BTreeMap::default() }
}

/// Reports a plan once it is made.
async fn report_planned(
    reports: Reports,
    attempt: AttemptId,
    planned: impl Future<Output = Result<PlannedChange, Text>> + Send,
) {
    let broken = |how| match how {
        Broken::Panicked => failed("the plan"),
        Broken::Late => {
            let seconds = PLAN.as_secs();
            Text::from(format!("the plan: not ready within {seconds}s; nothing was changed; choose fewer objects"))
        }
    };
    let outcome = guarded(PLAN, Box::pin(planned), broken).await.map(Box::new);
    reports.send(Observation::Change(ChangeObservation::Planned { attempt, outcome })).await;
}

/// Returns the plan of what an operation left, as its clusters are now. Fails if there is no journal, if nothing is
/// left, if another process works on it, or if a cluster cannot be asked.
async fn rest(store: Option<ChangeStore>, id: OperationId, clusters: Clusters) -> Result<PlannedChange, Text> {
    let (plan, earlier) = blocking(move || {
        let held = Opened::of(store, &id)?;
        held.operation.is_resumable(&held.kept).map_err(|why| sentence(&why))?;
        Ok((held.kept, held.operation.earlier()))
    })
    .await?;
    let plan = recheck(&clusters, &plan, &earlier).await.map_err(|why| sentence(&why))?;
    Ok(PlannedChange { plan, missing: Vec::new(), earlier })
}

/// A locked operation, and the plan that is kept of it.
struct Opened {
    operation: Operation,
    kept: Plan,
}

impl Opened {
    /// Locks an operation that ran before. Blocks. Fails if there is no journal or no plan of it, or if another process
    /// works on it.
    fn of(store: Option<ChangeStore>, id: &OperationId) -> Result<Self, Text> {
        let (store, actor) = open(store)?;
        let operation = Operation::open(&store, id, actor).map_err(|why| sentence(&why))?;
        match store.kept(id).map_err(|why| sentence(&why))? {
            Some(kept) => Ok(Self { operation, kept }),
            None => Err(Text::from(format!("nothing is left to do of {id}; nothing was changed; make a new plan"))),
        }
    }
}

/// Opens the journal. Fails if there is no place for it.
fn open(store: Option<ChangeStore>) -> Result<(Store, Actor), Text> {
    let Some(ChangeStore { state_folder, actor }) = store else {
        return Err(Text::const_new(
            "there is no place for the journal, so nothing is changed; set HOME or XDG_STATE_HOME, and start qd again",
        ));
    };
    let store = Store::open(&state_folder).map_err(|why| sentence(&why))?;
    Ok((store, actor))
}

/// Returns an error in one line, with its cluster.
fn sentence(error: &UserError) -> Text {
    let cluster = error.cluster.as_ref().map(|cluster| format!("{cluster}: ")).unwrap_or_default();
    Text::new(clean(&format!("{cluster}{}", error.sentence())))
}

fn failed(what: &str) -> Text {
    Text::from(format!("{what} failed inside qd (a panic); look at the journal before you try it again"))
}

/// Runs work on a disk without keeping the runtime from its work.
#[expect(clippy::disallowed_methods, reason = "this is the adapter to a disk that blocks, with one call at a time")]
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Text> + Send + 'static) -> Result<T, Text> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(failed("the journal")))
}
