//! A simulated fleet, a journal in a folder of its own, and the whole path of a change over both.

use crate::sim::cluster::{Sim, pod};
use crate::sim::world::{BEGIN, SimConnector, World, entry};
use parking_lot::Mutex;
use quarterdeck::engine::change::Clusters;
use quarterdeck::engine::change::core::plan::touched;
use quarterdeck::engine::change::core::waves::waves;
use quarterdeck::engine::change::operation::Operation;
use quarterdeck::engine::change::planner::{self, Planned, Stamp};
use quarterdeck::engine::change::recheck::recheck;
use quarterdeck::engine::change::run::{Job, Outcome, RunContext, run};
use quarterdeck::engine::clock::Clock;
use quarterdeck::engine::journal::{Journal, Store};
use quarterdeck::error::UserError;
use quarterdeck::model::change::journal::{Actor, JournalEntry, OperationRecord};
use quarterdeck::model::change::{
    Cascade, Change, Intent, ObjectQuery, OperationId, Options, Plan, Selection, TargetState,
};
use quarterdeck::model::cluster::{Access, ClusterName};
use quarterdeck::model::text::Text;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(crate) struct Rig {
    pub(crate) world: Arc<World>,
    pub(crate) clusters: Clusters,
    pub(crate) store: Store,
    _folder: TempDir,
}

/// A delete that leaves what an object owns to the cluster.
pub(crate) fn delete() -> Change {
    Change::Delete { cascade: Cascade::Background, grace_period_s: None }
}

/// All pods of the namespace `ns-0`: two in each simulated cluster.
pub(crate) fn all_pods(change: Change, options: Options) -> Intent {
    let kinds = vec![(Text::const_new("pods"), Vec::new())];
    let query = ObjectQuery { kinds, ..ObjectQuery::default() };
    Intent { change, selection: Selection::Query(query), options, hidden_marks: 0 }
}

/// Everything may fail, and all goes on.
pub(crate) fn lenient() -> Options {
    Options { max_failures: 1_000_000, settle_s: 30, timeout_s: 5, ..Options::default() }
}

impl Rig {
    pub(crate) fn new(names: &[&str]) -> Self {
        let world = World::new(names);
        let folder = tempfile::tempdir().expect("a folder");
        let clusters = Clusters {
            entries: names.iter().map(|name| Arc::new(entry(name))).collect(),
            connector: Arc::new(SimConnector(Arc::clone(&world))),
            concurrency: 10,
        };
        Self { world, clusters, store: Store::open(folder.path()).expect("a journal"), _folder: folder }
    }

    /// Sets the safety level of a cluster.
    pub(crate) fn level(&mut self, name: &str, access: Access) {
        for entry in self.clusters.entries.iter_mut().filter(|entry| entry.name.as_str() == name) {
            Arc::make_mut(entry).access = access;
        }
    }

    pub(crate) async fn planned(&self, intent: &Intent) -> Planned {
        let stamp = Stamp { id: OperationId::new(BEGIN, 1), now: BEGIN };
        planner::plan(&self.clusters, intent, stamp).await.expect("a plan")
    }

    pub(crate) async fn plan(&self, intent: &Intent) -> Plan {
        self.planned(intent).await.plan
    }

    pub(crate) fn open(&self, plan: &Plan) -> Result<Operation, UserError> {
        Operation::open(&self.store, &plan.id, Actor { user: "ann".into(), process: 7 })
    }

    /// Carries a plan out as it is, with this journal.
    pub(crate) async fn run_with(&self, plan: &Plan, journal: Arc<dyn Journal>) -> Outcome {
        let operation = self.open(plan).expect("nobody else runs it");
        operation.begin(plan, BEGIN).expect("the journal takes it");
        let outcome = self.drive(plan, &operation, journal, CancellationToken::new()).await;
        operation.end(outcome.targets.iter().any(|(state, _)| state.is_resumed()));
        outcome
    }

    pub(crate) async fn run(&self, plan: &Plan) -> Outcome {
        self.run_with(plan, Arc::new(self.store.clone())).await
    }

    pub(crate) async fn drive(
        &self,
        plan: &Plan,
        operation: &Operation,
        journal: Arc<dyn Journal>,
        cancel: CancellationToken,
    ) -> Outcome {
        let earlier = operation.earlier();
        let touched = touched(plan, &earlier, |name| plan.cluster(name).expect("a cluster").access);
        let waves = waves(&touched, &plan.options).expect("waves");
        let around = RunContext { clusters: &self.clusters, journal, clock: Clock::From(BEGIN).start(), cancel };
        run(Job { plan: Arc::new(plan.clone()), waves, earlier }, &around, |_| {}).await
    }

    /// What `qd plan resume` does after its questions.
    pub(crate) async fn resume(&self, plan: &Plan) -> Result<Outcome, UserError> {
        let kept = self.store.kept(&plan.id)?.expect("the plan is kept while something is left");
        let operation = self.open(&kept)?;
        operation.is_resumable(&kept)?;
        let checked = recheck(&self.clusters, &kept, &operation.earlier()).await?;
        operation.begin(&kept, BEGIN)?;
        let outcome = self.drive(&checked, &operation, Arc::new(self.store.clone()), CancellationToken::new()).await;
        operation.end(outcome.targets.iter().any(|(state, _)| state.is_resumed()));
        Ok(outcome)
    }

    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Sim)) {
        self.world.change(name, change);
    }

    pub(crate) fn look<T>(&self, name: &str, look: impl FnOnce(&Sim) -> T) -> T {
        self.world.cluster(name).look(look)
    }

    /// How often each object was changed, over all clusters.
    pub(crate) fn changes(&self) -> BTreeMap<(ClusterName, String), usize> {
        let mut changes = BTreeMap::new();
        for (name, cluster) in &self.world.clusters {
            for written in cluster.look(|sim| sim.writes.done.clone()) {
                *changes.entry((name.clone(), written.uid)).or_default() += 1;
            }
        }
        changes
    }

    pub(crate) fn pods(&self, name: &str) -> usize {
        self.look(name, |sim| sim.objects.get(&pod()).map_or(0, BTreeMap::len))
    }

    pub(crate) fn record(&self, plan: &Plan) -> OperationRecord {
        let all = self.store.operations().expect("the journal can be read");
        all.into_iter().find(|record| record.id == plan.id).expect("it began")
    }
}

pub(crate) fn states(outcome: &Outcome) -> Vec<TargetState> {
    outcome.targets.iter().map(|(state, _)| *state).collect()
}

/// A journal that stops taking entries after so many appends: the disk is full then.
#[derive(Debug)]
pub(crate) struct FullAfter {
    pub(crate) store: Store,
    pub(crate) left: Mutex<usize>,
}

impl Journal for FullAfter {
    fn append(&self, entries: &[JournalEntry]) -> io::Result<()> {
        let mut left = self.left.lock();
        if *left == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        *left -= 1;
        self.store.append(entries)
    }
}
