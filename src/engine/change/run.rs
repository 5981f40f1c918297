//! Carries out a plan: drives the machine of `core::step`, journals, and asks the clusters.

use super::clusters::{Clusters, Link, Sending, answer};
use super::core::body::{Body, Precondition};
use super::core::step::{Earlier, Effect, Input, Run, Stop};
use crate::engine::clock::Running;
use crate::engine::journal::Journal;
use crate::engine::journal::redact::redact;
use crate::model::change::journal::{JournalEntry, JournalEvent};
use crate::model::change::{OperationId, OperationState, Plan, TargetState};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A plan that was agreed to.
#[derive(Debug)]
pub struct Job {
    /// The plan with the findings of the last check.
    pub plan: Arc<Plan>,
    /// Clusters of each wave.
    pub waves: Vec<Vec<ClusterName>>,
    /// Results of earlier runs, by the place in the plan.
    pub earlier: BTreeMap<usize, Earlier>,
}

/// Clusters, journal, clock and cancellation of a run.
#[derive(Debug)]
pub struct RunContext<'a> {
    /// Clusters of the inventory.
    pub clusters: &'a Clusters,
    /// Journal of the run.
    pub journal: Arc<dyn Journal>,
    /// Clock of the run.
    pub clock: Running,
    /// Cancelled: nothing new is begun.
    pub cancel: CancellationToken,
}

/// Something a watcher of a run may want to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress<'a> {
    /// A wave begins.
    Wave {
        /// Number of the wave, from 1.
        number: usize,
        /// Number of waves.
        of: usize,
        /// Clusters of the wave.
        clusters: &'a [ClusterName],
    },
    /// A target has a new state.
    Target {
        /// Place of the target in the plan.
        index: usize,
        /// New state of the target.
        state: TargetState,
        /// Reason; empty if there is nothing to say.
        detail: &'a Text,
    },
    /// Nothing new is begun any more.
    Stopped(&'a Stop),
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// State of the operation.
    pub state: OperationState,
    /// Of each target, in the order of the plan, and why.
    pub targets: Vec<(TargetState, Text)>,
    /// Why not all was begun, where that is so.
    pub stop: Option<Stop>,
    /// Why the end could not be journalled, where that is so.
    pub unjournalled: Option<Text>,
}

/// Runs to the end, or until nothing is under way after a stop.
pub async fn run(job: Job, around: &RunContext<'_>, mut progress: impl FnMut(Progress<'_>) + Send) -> Outcome {
    let machine = Run::new(Arc::clone(&job.plan), job.waves, &job.earlier);
    let mut driver = Driver {
        plan: job.plan,
        links: BTreeMap::new(),
        around,
        machine,
        under_way: FuturesUnordered::new(),
        finished: None,
        unjournalled: None,
    };
    let mut inputs = vec![Input::Begin];
    let (mut is_cancelled, mut is_stop_told) = (false, false);
    loop {
        while !inputs.is_empty() {
            let now = around.clock.moment().elapsed;
            let effects: Vec<Effect> =
                std::mem::take(&mut inputs).into_iter().flat_map(|input| driver.machine.step(input, now)).collect();
            inputs = driver.perform(effects, &mut progress).await;
        }
        if let (Some(stop), false) = (driver.machine.stop(), is_stop_told) {
            progress(Progress::Stopped(stop));
            is_stop_told = true;
        }
        if let Some(state) = driver.finished {
            return driver.outcome(state).await;
        }
        tokio::select! {
            () = around.cancel.cancelled(), if !is_cancelled => {
                is_cancelled = true;
                inputs.push(Input::Cancel);
            }
            Some(input) = driver.under_way.next() => {
                inputs.push(input);
                // All that is there: one write to the journal serves for all.
                while let Some(Some(input)) = driver.under_way.next().now_or_never() {
                    inputs.push(input);
                }
            }
        }
    }
}

struct Driver<'a> {
    plan: Arc<Plan>,
    links: BTreeMap<ClusterName, Link>,
    around: &'a RunContext<'a>,
    machine: Run,
    under_way: FuturesUnordered<BoxFuture<'a, Input>>,
    finished: Option<OperationState>,
    unjournalled: Option<Text>,
}

impl Driver<'_> {
    /// Journals first; only then anything leaves.
    async fn perform(&mut self, effects: Vec<Effect>, progress: &mut impl FnMut(Progress<'_>)) -> Vec<Input> {
        let entries: Vec<JournalEntry> = effects.iter().filter_map(|effect| self.entry(effect)).collect();
        let failure = append(&self.around.journal, entries).await.err();
        let mut unasked = Vec::new();
        for effect in effects {
            match effect {
                Effect::Record { target, state, detail } => {
                    progress(Progress::Target { index: target, state, detail: &detail });
                }
                Effect::Wave { number, of, clusters } => {
                    progress(Progress::Wave { number, of, clusters: &clusters });
                    self.connect(&clusters).await;
                }
                Effect::Read { target, after } => self.read(target, after),
                Effect::Write { target, .. } if failure.is_some() => unasked.push(target),
                Effect::Write { target, body, precondition } => self.write(target, body, precondition),
                Effect::Finish(state) => self.finished = Some(state),
            }
        }
        let Some(why) = failure else { return Vec::new() };
        let why = Text::from(why.to_string());
        self.unjournalled = Some(why.clone());
        vec![Input::Unjournalled { targets: unasked, why }]
    }

    fn entry(&self, effect: &Effect) -> Option<JournalEntry> {
        let Effect::Record { target, state, detail } = effect else { return None };
        let event = JournalEvent::Target {
            index: u32::try_from(*target).ok()?,
            target: self.plan.targets.get(*target)?.key.clone(),
            state: *state,
            detail: redact(detail),
        };
        Some(self.stamped(&self.plan.id, event))
    }

    fn stamped(&self, id: &OperationId, event: JournalEvent) -> JournalEntry {
        JournalEntry { at: self.around.clock.moment().wall, operation: id.clone(), event }
    }

    /// Connects the clusters of a wave. One that cannot be reached stays without a link, and its targets say so.
    async fn connect(&mut self, names: &[ClusterName]) {
        let timeout = Duration::from_secs(u64::from(self.plan.options.timeout_s));
        let clusters = self.around.clusters;
        let wanted = names.iter().filter_map(|name| clusters.entry(name).ok());
        let connects = wanted.map(|entry| Link::connect(clusters, entry, timeout));
        let links: Vec<_> =
            futures::stream::iter(connects).buffer_unordered(clusters.concurrency.max(1)).boxed().collect().await;
        self.links.extend(links.into_iter().flatten().map(|link| (link.name.clone(), link)));
    }

    fn read(&self, target: usize, after: Duration) {
        let plan = Arc::clone(&self.plan);
        let link = plan.targets.get(target).and_then(|planned| self.links.get(&planned.key.cluster)).cloned();
        self.under_way.push(Box::pin(async move {
            tokio::time::sleep(after).await;
            let object = match (plan.targets.get(target), link) {
                (Some(planned), Some(link)) => match plan.kind_of(&planned.key) {
                    Some(kind) => link.read(kind, &planned.key).await.map_err(|why| redact(&why.to_string())),
                    None => Err(Text::const_new("the plan does not name its kind")),
                },
                _ => Err(Text::const_new("the cluster cannot be reached")),
            };
            Input::Read { target, object: object.map(|object| object.map(Arc::new)) }
        }));
    }

    fn write(&self, target: usize, body: Body, precondition: Precondition) {
        let plan = Arc::clone(&self.plan);
        let link = plan.targets.get(target).and_then(|planned| self.links.get(&planned.key.cluster)).cloned();
        self.under_way.push(Box::pin(async move {
            let known = plan.targets.get(target).and_then(|planned| Some((planned, plan.kind_of(&planned.key)?)));
            let answer = match (known, link) {
                (Some((planned, kind)), Some(link)) => {
                    let verb = plan.verb();
                    let sending = Sending { verb, kind, key: &planned.key, body, precondition };
                    answer(link.write(sending, false).await)
                }
                _ => super::core::step::Answer::NotSent(Text::const_new("the cluster cannot be reached")),
            };
            Input::Written { target, answer }
        }));
    }

    async fn outcome(mut self, state: OperationState) -> Outcome {
        let ended = self.stamped(&self.plan.id, JournalEvent::Ended { state });
        if let Err(why) = append(&self.around.journal, vec![ended]).await {
            self.unjournalled.get_or_insert(Text::from(why.to_string()));
        }
        Outcome {
            state,
            targets: self.machine.states().map(|(state, detail)| (state, detail.clone())).collect(),
            stop: self.machine.stop().cloned(),
            unjournalled: self.unjournalled,
        }
    }
}

/// Appends without keeping the runtime from its work: a disk takes its time.
#[expect(clippy::disallowed_methods, reason = "this is the adapter to a port that blocks, with one call at a time")]
async fn append(journal: &Arc<dyn Journal>, entries: Vec<JournalEntry>) -> io::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let journal = Arc::clone(journal);
    let written = tokio::task::spawn_blocking(move || journal.append(&entries)).await;
    written.unwrap_or_else(|why| Err(io::Error::other(why)))
}
