//! Changes that screens ask for: plans, runs, cancel and resume through the engine, over clusters that fail.

use crate::change::rig::{all_pods, delete, lenient};
use crate::sim::cluster::pod;
use crate::sim::world::{World, entry, options, until};
use crate::sim::write::WriteFault;
use quarterdeck::engine::ports::ChangeStore;
use quarterdeck::engine::record::{Recorder, from_lines, replay, to_lines};
use quarterdeck::engine::{EngineHandle, EngineOptions};
use quarterdeck::model::change::journal::Actor;
use quarterdeck::model::change::{Consent, Given, OperationId, OperationState, Options, Plan, Prompt, TargetState};
use quarterdeck::model::cluster::{Access, ClusterName};
use quarterdeck::model::text::Text;
use quarterdeck::protocol::{
    ChangeRequest, OperationStatus, PLANS_MAX, PlanStatus, ReadyPlan, Request, RequestId, Snapshot,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const ID: RequestId = RequestId(1);
const OTHER: RequestId = RequestId(2);
const WATCH: RequestId = RequestId(9);

/// An engine over a simulated world, with a journal of its own.
struct Rig {
    world: Arc<World>,
    names: Vec<&'static str>,
    engine: EngineHandle,
    folder: TempDir,
}

fn with_journal(folder: &TempDir) -> EngineOptions {
    let actor = Actor { user: "ann".into(), process: 7 };
    let changes = Some(ChangeStore { state_folder: folder.path().to_path_buf(), actor });
    EngineOptions { changes, ..options(1) }
}

fn agreed() -> Given {
    Given { yes: true, names: Vec::new() }
}

fn status(snapshot: &Snapshot, id: RequestId) -> Option<&PlanStatus> {
    snapshot.changes.plans.get(&id).map(|status| &**status)
}

fn ready(snapshot: &Snapshot, id: RequestId) -> Option<&ReadyPlan> {
    match status(snapshot, id)? {
        PlanStatus::Ready(ready) => Some(ready),
        PlanStatus::Making | PlanStatus::Refused(_) | PlanStatus::Running(_) => None,
    }
}

fn refusal(snapshot: &Snapshot, id: RequestId) -> Option<&Text> {
    match status(snapshot, id)? {
        PlanStatus::Refused(why) => Some(why),
        PlanStatus::Making | PlanStatus::Ready(_) | PlanStatus::Running(_) => None,
    }
}

fn operation<'a>(snapshot: &'a Snapshot, id: &OperationId) -> Option<&'a OperationStatus> {
    snapshot.changes.operations.iter().find(|operation| operation.id == *id).map(|operation| &**operation)
}

fn has_ended(snapshot: &Snapshot, id: &OperationId) -> bool {
    operation(snapshot, id).is_some_and(|operation| operation.state != OperationState::Running)
}

impl Rig {
    async fn new(names: &[&'static str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::new(names);
        let engine = world.start_with(with_journal(&folder));
        let mut rig = Self { world, names: names.to_vec(), engine, folder };
        rig.begin().await;
        rig
    }

    async fn begin(&mut self) {
        let count = self.names.len();
        until(&mut self.engine, "the inventory", |s| s.clusters.len() == count).await;
    }

    /// Ends the engine, and starts another one with the same journal.
    async fn again(mut self) -> Self {
        let engine = self.world.start_with(with_journal(&self.folder));
        let before = std::mem::replace(&mut self.engine, engine);
        assert!(before.shutdown(Duration::from_secs(12)).await, "it ends in time");
        self.begin().await;
        self
    }

    fn ask(&self, request: ChangeRequest) {
        self.engine.requests.try_send(Request::Change(request)).expect("room");
    }

    fn ask_plan(&self, id: RequestId, options: Options) {
        let clusters = self.names.iter().map(|name| ClusterName::new(name)).collect();
        self.ask(ChangeRequest::Plan { id, clusters, intent: Box::new(all_pods(delete(), options)) });
    }

    /// Makes a plan that deletes all pods, and waits until it is shown.
    async fn plan(&mut self, options: Options) -> Arc<Plan> {
        self.ask_plan(ID, options);
        self.shown(ID).await
    }

    async fn shown(&mut self, id: RequestId) -> Arc<Plan> {
        let shown = until(&mut self.engine, "the plan", |s| ready(s, id).is_some()).await;
        Arc::clone(&ready(&shown, id).expect("it is ready").plan)
    }

    fn run(&self, id: RequestId, plan: &Plan, given: Given) {
        self.ask(ChangeRequest::Run { id, digest: plan.digest.clone(), given });
    }

    async fn until_running(&mut self, plan: &Plan) {
        let id = plan.id.clone();
        until(&mut self.engine, "it runs", |s| operation(s, &id).is_some()).await;
    }

    async fn until_ended(&mut self, plan: &Plan) -> Arc<Snapshot> {
        let id = plan.id.clone();
        until(&mut self.engine, "its end", |s| has_ended(s, &id)).await
    }

    async fn refused(&mut self, id: RequestId) -> String {
        let refused = until(&mut self.engine, "the refusal", |s| refusal(s, id).is_some()).await;
        refusal(&refused, id).expect("it is refused").to_string()
    }

    fn pods(&self, name: &str) -> usize {
        self.world.cluster(name).look(|sim| {
            let pods = sim.objects.get(&pod()).into_iter().flatten();
            pods.filter(|((namespace, _), _)| namespace == "ns-0").count()
        })
    }

    fn slow(&self) {
        for name in &self.names {
            self.world.change(name, |sim| sim.latency = Duration::from_millis(200));
        }
    }

    /// Sets the level of each cluster in the inventory.
    fn levels(&self, access: Access) {
        let entries = self.names.iter().map(|name| {
            let mut entry = entry(name);
            entry.access = access;
            entry
        });
        self.world.list_entries(entries.collect());
    }

    /// How often each object was changed.
    fn changes(&self) -> BTreeMap<(ClusterName, String), usize> {
        let mut changes = BTreeMap::new();
        for (name, cluster) in &self.world.clusters {
            for written in cluster.look(|sim| sim.writes.done.clone()) {
                *changes.entry((name.clone(), written.uid)).or_default() += 1;
            }
        }
        changes
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_made_shown_and_run_to_its_end_over_three_clusters() {
    let mut rig = Rig::new(&["a", "b", "c"]).await;
    rig.ask_plan(ID, Options::default());
    let making = until(&mut rig.engine, "an answer at once", |s| status(s, ID).is_some()).await;
    assert!(matches!(status(&making, ID), Some(PlanStatus::Making | PlanStatus::Ready(_))));
    let shown = until(&mut rig.engine, "the plan", |s| ready(s, ID).is_some()).await;
    let plan = ready(&shown, ID).expect("ready");
    assert_eq!(plan.consent, Consent::Ask(vec![Prompt::Agree]));
    assert_eq!(plan.waves.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(plan.plan.changed().count(), 6);
    assert!(rig.changes().is_empty(), "a plan changes nothing");
    let plan = Arc::clone(&plan.plan);
    rig.run(ID, &plan, agreed());
    let ended = rig.until_ended(&plan).await;
    let done = operation(&ended, &plan.id).expect("it is shown");
    assert_eq!((done.state, done.own, done.wave), (OperationState::Done, false, (3, 3)));
    assert_eq!(done.actor, "ann, qd (pid 7)");
    assert!(done.targets.iter().all(|(_, state, _)| *state == TargetState::Done));
    assert_eq!(status(&ended, ID), Some(&PlanStatus::Running(plan.id.clone())));
    assert!(ended.notices.iter().any(|notice| notice.text == "6 objects deleted"), "{:?}", ended.notices);
    assert!(rig.names.iter().all(|name| rig.pods(name) == 0));
    // What ran cannot be run again.
    rig.run(ID, &plan, agreed());
    until(&mut rig.engine, "the notice", |s| s.notices.iter().any(|n| n.text.contains("is run already"))).await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_dies_in_the_middle_keeps_the_later_ones_untouched() {
    let mut rig = Rig::new(&["a", "b", "c"]).await;
    rig.slow();
    let plan = rig.plan(Options { settle_s: 30, timeout_s: 5, ..Options::default() }).await;
    rig.run(ID, &plan, agreed());
    rig.until_running(&plan).await;
    rig.world.change("b", |sim| sim.writes.faults.push_back(WriteFault::DiesAfter));
    let ended = rig.until_ended(&plan).await;
    let ended = operation(&ended, &plan.id).expect("it is shown");
    assert!(matches!(ended.state, OperationState::Interrupted | OperationState::Partial), "{:?}", ended.state);
    let of = |name: &str| {
        let targets = ended.targets.iter().filter(|(key, ..)| key.cluster.as_str() == name);
        targets.map(|(_, state, _)| *state).collect::<Vec<_>>()
    };
    assert_eq!(of("a"), [TargetState::Done; 2]);
    assert!(of("b").iter().all(|state| !state.is_good()), "{:?}", of("b"));
    assert_eq!(of("c"), [TargetState::Pending; 2]);
    assert_eq!(rig.pods("c"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_operation_begins_nothing_new_and_is_resumed_to_its_end() {
    let mut rig = Rig::new(&["a", "b", "c"]).await;
    rig.slow();
    let plan = rig.plan(lenient()).await;
    rig.run(ID, &plan, agreed());
    rig.until_running(&plan).await;
    rig.ask(ChangeRequest::Cancel(plan.id.clone()));
    let ended = rig.until_ended(&plan).await;
    assert_eq!(operation(&ended, &plan.id).map(|o| o.state), Some(OperationState::Interrupted));
    let notice = ended.notices.last().expect("a notice");
    assert!(notice.text.contains("delete was interrupted") && notice.text.contains("cancelled"), "{}", notice.text);
    assert_eq!((rig.pods("b"), rig.pods("c")), (2, 2));
    rig.ask(ChangeRequest::Resume { id: OTHER, operation: plan.id.clone() });
    let rest = rig.shown(OTHER).await;
    assert_eq!(rest.digest, plan.digest);
    rig.run(OTHER, &rest, agreed());
    let id = plan.id.clone();
    until(&mut rig.engine, "done", |s| operation(s, &id).is_some_and(|o| o.state == OperationState::Done)).await;
    let changes = rig.changes();
    assert!(changes.len() == 6 && changes.values().all(|times| *times == 1), "{changes:?}");
    rig.ask(ChangeRequest::Resume { id: OTHER, operation: plan.id.clone() });
    assert!(rig.refused(OTHER).await.contains("nothing is left to do"));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_ends_in_the_middle_leaves_an_operation_that_another_one_resumes() {
    let mut rig = Rig::new(&["a", "b", "c"]).await;
    rig.slow();
    let plan = rig.plan(lenient()).await;
    rig.run(ID, &plan, agreed());
    rig.until_running(&plan).await;
    let mut rig = rig.again().await;
    assert_eq!((rig.pods("b"), rig.pods("c")), (2, 2), "nothing new was begun");
    assert!(rig.engine.snapshots.borrow().changes.operations.is_empty(), "nobody watches the journal");
    rig.ask(ChangeRequest::Watch(WATCH));
    let watched = until(&mut rig.engine, "the journal", |s| !s.changes.operations.is_empty()).await;
    let left = operation(&watched, &plan.id).expect("it is in the journal");
    assert_eq!((left.state, left.own, left.targets.len()), (OperationState::Interrupted, false, 6));
    rig.ask(ChangeRequest::Resume { id: ID, operation: plan.id.clone() });
    let rest = rig.shown(ID).await;
    rig.run(ID, &rest, agreed());
    let id = plan.id.clone();
    until(&mut rig.engine, "done", |s| operation(s, &id).is_some_and(|o| o.state == OperationState::Done)).await;
    let changes = rig.changes();
    assert!(changes.len() == 6 && changes.values().all(|times| *times == 1), "{changes:?}");
}

#[tokio::test(start_paused = true)]
async fn the_journal_is_shown_while_it_is_watched_and_read_again() {
    let mut rig = Rig::new(&["a"]).await;
    let plan = rig.plan(lenient()).await;
    rig.run(ID, &plan, agreed());
    rig.until_ended(&plan).await;
    let mut rig = rig.again().await;
    rig.ask(ChangeRequest::Watch(WATCH));
    let watched = until(&mut rig.engine, "the journal", |s| !s.changes.operations.is_empty()).await;
    assert_eq!(operation(&watched, &plan.id).map(|o| (o.state, o.own)), Some((OperationState::Done, false)));
    // Another process writes to the same journal.
    let other = rig.world.start_with(EngineOptions { ..with_journal(&rig.folder) });
    rig.world.change("a", |sim| sim.put(&pod(), "ns-0", "new", 1));
    let mut second = Rig {
        engine: other,
        folder: tempfile::tempdir().expect("a folder"),
        world: Arc::clone(&rig.world),
        names: vec!["a"],
    };
    second.begin().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let later = second.plan(lenient()).await;
    second.run(ID, &later, agreed());
    second.until_ended(&later).await;
    let id = later.id.clone();
    let both = until(&mut rig.engine, "the other's", |s| operation(s, &id).is_some()).await;
    assert_eq!(both.changes.operations.iter().map(|o| &o.id).collect::<Vec<_>>(), [&later.id, &plan.id]);
    rig.ask(ChangeRequest::Unwatch(WATCH));
    until(&mut rig.engine, "forgotten", |s| s.changes.operations.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn another_digest_or_too_little_consent_runs_nothing() {
    let mut rig = Rig::new(&["a", "b"]).await;
    let plan = rig.plan(lenient()).await;
    let other = Plan { digest: "another".into(), ..Plan::clone(&plan) };
    rig.run(ID, &other, agreed());
    assert!(rig.refused(ID).await.contains("not the plan that was shown"));
    rig.plan(lenient()).await;
    let plan = rig.shown(ID).await;
    rig.run(ID, &plan, Given::default());
    assert!(rig.refused(ID).await.contains("nobody agreed"));
    assert!(rig.changes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_protected_cluster_wants_its_name_and_its_level_counts_when_it_runs() {
    let mut rig = Rig::new(&["a"]).await;
    let plan = rig.plan(lenient()).await;
    // It becomes protected while the plan is shown.
    rig.levels(Access::Protected);
    until(&mut rig.engine, "the level", |s| s.clusters.values().all(|c| c.entry.access == Access::Protected)).await;
    for given in [agreed(), Given::default(), Given { yes: false, names: vec!["b".into()] }] {
        let plan = if ready(&rig.engine.snapshots.borrow().clone(), ID).is_some() {
            Arc::clone(&plan)
        } else {
            rig.plan(lenient()).await
        };
        rig.run(ID, &plan, given.clone());
        let why = rig.refused(ID).await;
        assert!(why.contains('a') && why.contains("nothing was changed"), "{given:?}: {why}");
    }
    assert!(rig.changes().is_empty());
    let plan = rig.plan(lenient()).await;
    rig.run(ID, &plan, Given { yes: false, names: vec!["a".into()] });
    let ended = rig.until_ended(&plan).await;
    assert_eq!(operation(&ended, &plan.id).map(|o| o.state), Some(OperationState::Done));
}

#[tokio::test(start_paused = true)]
async fn a_plan_whose_objects_moved_is_refused_and_says_which() {
    let mut rig = Rig::new(&["a", "b"]).await;
    let plan = rig.plan(lenient()).await;
    rig.world.change("b", |sim| {
        sim.delete(&pod(), "ns-0", "pod-0");
        sim.put(&pod(), "ns-0", "pod-0", 9);
    });
    rig.run(ID, &plan, agreed());
    let why = rig.refused(ID).await;
    assert!(why.contains("b: pod/pod-0 -n ns-0: moved") && why.contains("make the plan again"), "{why}");
    assert!(rig.changes().is_empty());
    assert!(rig.engine.snapshots.borrow().changes.operations.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_second_screen_sees_the_operation_of_the_first_and_cancels_it() {
    let mut rig = Rig::new(&["a", "b"]).await;
    rig.slow();
    let mut second = rig.engine.snapshots.clone();
    let plan = rig.plan(lenient()).await;
    rig.run(ID, &plan, agreed());
    let seen = second.wait_for(|s| operation(s, &plan.id).is_some_and(|o| o.own)).await.expect("it is seen").clone();
    assert_eq!(operation(&seen, &plan.id).map(|o| o.state), Some(OperationState::Running));
    // What runs is not resumed beside it.
    rig.ask(ChangeRequest::Resume { id: OTHER, operation: plan.id.clone() });
    assert!(rig.refused(OTHER).await.contains("is being carried out"));
    rig.ask(ChangeRequest::Cancel(plan.id.clone()));
    second.wait_for(|s| has_ended(s, &plan.id)).await.expect("it ends");
    assert_eq!(rig.pods("b"), 2);
    rig.ask(ChangeRequest::Cancel(plan.id.clone()));
    until(&mut rig.engine, "the notice", |s| s.notices.iter().any(|n| n.text.contains("does not run here"))).await;
}

#[tokio::test(start_paused = true)]
async fn a_discarded_plan_goes_and_its_operation_goes_on() {
    let mut rig = Rig::new(&["a", "b"]).await;
    let plan = rig.plan(lenient()).await;
    rig.run(ID, &plan, agreed());
    rig.ask(ChangeRequest::Discard(ID));
    let ended = rig.until_ended(&plan).await;
    assert!(ended.changes.plans.is_empty());
    assert_eq!(operation(&ended, &plan.id).map(|o| o.state), Some(OperationState::Done));
}

#[tokio::test(start_paused = true)]
async fn of_seventeen_plans_the_oldest_goes() {
    let mut rig = Rig::new(&["a"]).await;
    for n in 1..=17 {
        rig.ask_plan(RequestId(n), lenient());
    }
    let all = |s: &Snapshot| (2..=17).all(|n| ready(s, RequestId(n)).is_some());
    let shown = until(&mut rig.engine, "sixteen plans", all).await;
    assert_eq!(shown.changes.plans.len(), PLANS_MAX);
    assert!(status(&shown, ID).is_none());
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_a_plan_is_shown_and_not_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new(&["a"]);
    let engine = world.start_with(options(1));
    let mut rig = Rig { world, names: vec!["a"], engine, folder };
    rig.begin().await;
    let plan = rig.plan(lenient()).await;
    rig.run(ID, &plan, agreed());
    assert!(rig.refused(ID).await.contains("no place for the journal"));
    assert!(rig.changes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_to_change_is_said_with_the_next_step() {
    let mut rig = Rig::new(&["a"]).await;
    rig.ask(ChangeRequest::Plan { id: ID, clusters: Vec::new(), intent: Box::new(all_pods(delete(), lenient())) });
    assert!(rig.refused(ID).await.contains("names no cluster"));
    let clusters = vec![ClusterName::new("nowhere")];
    rig.ask(ChangeRequest::Plan { id: OTHER, clusters, intent: Box::new(all_pods(delete(), lenient())) });
    assert!(rig.refused(OTHER).await.contains("nowhere: the cluster is not in the inventory"));
    rig.world.change("a", |sim| {
        let pods: Vec<_> = sim.objects.get(&pod()).into_iter().flatten().map(|(place, _)| place.clone()).collect();
        for (namespace, name) in pods {
            sim.delete(&pod(), &namespace, &name);
        }
    });
    rig.ask_plan(WATCH, lenient());
    let why = rig.refused(WATCH).await;
    assert!(why.contains("no object matches"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_recording_of_a_change_replays_to_the_same_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new(&["a", "b"]);
    let recorder = Recorder::new(100_000);
    let options = EngineOptions { recorder: Some(recorder.clone()), ..with_journal(&folder) };
    let fleet = options.fleet.clone();
    let engine = world.start_with(options);
    let mut rig = Rig { world, names: vec!["a", "b"], engine, folder };
    rig.begin().await;
    let plan = rig.plan(lenient()).await;
    rig.run(ID, &plan, agreed());
    let ended = rig.until_ended(&plan).await;
    let (records, missed) = recorder.records();
    assert_eq!(missed, 0);
    let text = to_lines(&fleet, &records).expect("it is written");
    let (fleet, records) = from_lines(&text).expect("it is read");
    assert_eq!(replay(fleet, records).changes, ended.changes);
}
