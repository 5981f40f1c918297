//! The machine against a world of objects with faults: nothing twice, never more than the bounds.

use super::super::plan::tests::{object, plan};
use super::super::plan::touched;
use super::super::waves::waves;
use super::*;
use crate::model::cluster::Access;
use serde_json::json;

/// The state that the next write meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Conflict,
    Refused,
    Throttled,
    NotSent,
    /// Done, and the answer is lost.
    LostAfter,
    /// Lost on the way.
    LostBefore,
}

/// Objects by target, each with how often the change was applied to it.
struct World {
    plan: Arc<Plan>,
    objects: Vec<Value>,
    applied: Vec<u32>,
    writes: Vec<u32>,
    unreadable: bool,
}

impl World {
    fn new(plan: &Plan) -> Self {
        let mut seen: BTreeMap<ClusterName, usize> = BTreeMap::new();
        let objects = plan.targets.iter().map(|target| {
            let n = seen.entry(target.key.cluster.clone()).or_default();
            *n += 1;
            object(target.key.cluster.as_str(), *n - 1)
        });
        let objects: Vec<Value> = objects.collect();
        let count = objects.len();
        Self {
            plan: Arc::new(plan.clone()),
            objects,
            applied: vec![0; count],
            writes: vec![0; count],
            unreadable: false,
        }
    }

    fn run(&self, earlier: &BTreeMap<usize, Earlier>) -> Run {
        let touched = touched(&self.plan, &BTreeMap::new(), |_| Access::Guarded);
        Run::new(Arc::clone(&self.plan), waves(&touched, &self.plan.options).unwrap(), earlier)
    }

    fn apply(&mut self, target: usize) {
        self.applied[target] += 1;
        let object = &mut self.objects[target];
        object["spec"]["replicas"] = json!(5);
        object["metadata"]["generation"] = json!(2);
        object["metadata"]["resourceVersion"] = json!(format!("{}", self.applied[target] + 1));
        object["status"] =
            json!({"observedGeneration": 2, "updatedReplicas": 5, "replicas": 5, "availableReplicas": 5});
    }

    fn write(&mut self, target: usize, asked: &Precondition, fault: Fault) -> Answer {
        self.writes[target] += 1;
        let is_current = precondition(&self.objects[target]).as_ref() == Some(asked);
        match fault {
            Fault::Conflict => Answer::Conflict("conflict".into()),
            Fault::Refused => Answer::Refused("a webhook says no".into()),
            Fault::Throttled => Answer::Throttled { why: "busy".into(), after: None },
            Fault::NotSent => Answer::NotSent("refused".into()),
            Fault::LostBefore => Answer::Unknown("cut".into()),
            _ if !is_current => Answer::Conflict("the object has been modified".into()),
            Fault::LostAfter => {
                self.apply(target);
                Answer::Unknown("cut".into())
            }
            Fault::None => {
                self.apply(target);
                Answer::Accepted
            }
        }
    }
}

/// The writes of a run, and its end; `None` if it was killed.
struct Ran {
    end: Option<OperationState>,
    journal: BTreeMap<usize, Earlier>,
    most_active: usize,
    waves: Vec<Vec<ClusterName>>,
}

/// Runs until the end, or until so many writes have left and the process is killed.
fn drive(world: &mut World, run: &mut Run, mut fault: impl FnMut(usize) -> Fault, kill_after: usize) -> Ran {
    let mut ran = Ran { end: None, journal: BTreeMap::new(), most_active: 0, waves: Vec::new() };
    let (mut now, mut sent) = (Duration::ZERO, 0);
    let mut queue: VecDeque<Effect> = run.step(Input::Begin, now).into();
    for _ in 0..100_000 {
        let Some(effect) = queue.pop_front() else { panic!("the run waits for nothing") };
        for at in 0..world.plan.clusters.len() {
            ran.most_active = ran.most_active.max(run.active[at]);
        }
        let input = match effect {
            Effect::Read { target, after } => {
                now += after;
                let object = if world.unreadable {
                    Err("away".into())
                } else {
                    Ok(Some(Arc::new(world.objects[target].clone())))
                };
                Input::Read { target, object }
            }
            Effect::Write { target, precondition, .. } => {
                assert_eq!(ran.journal[&target].state, TargetState::Asked, "journalled before it is asked");
                let answer = world.write(target, &precondition, fault(target));
                sent += 1;
                if sent == kill_after {
                    return ran;
                }
                Input::Written { target, answer }
            }
            Effect::Record { target, state, .. } => {
                let was_asked = state == TargetState::Asked || ran.journal.get(&target).is_some_and(|e| e.was_asked);
                ran.journal.insert(target, Earlier { state, was_asked });
                continue;
            }
            Effect::Wave { clusters, .. } => {
                ran.waves.push(clusters);
                continue;
            }
            Effect::Finish(state) => {
                assert!(queue.is_empty(), "nothing comes after the end: {queue:?}");
                ran.end = Some(state);
                return ran;
            }
        };
        queue.extend(run.step(input, now));
    }
    panic!("the run does not end")
}

fn run_all(clusters: &[(&str, usize)], options: impl Fn(&mut Plan), fault: impl FnMut(usize) -> Fault) -> (World, Ran) {
    let mut plan = plan(clusters);
    options(&mut plan);
    let mut world = World::new(&plan);
    let mut run = world.run(&BTreeMap::new());
    let ran = drive(&mut world, &mut run, fault, usize::MAX);
    (world, ran)
}

fn states(ran: &Ran) -> Vec<TargetState> {
    ran.journal.values().map(|earlier| earlier.state).collect()
}

#[test]
fn every_target_is_changed_once_and_waves_follow_each_other() {
    let (world, ran) = run_all(&[("a", 25), ("b", 3), ("c", 1)], |_| {}, |_| Fault::None);
    assert_eq!(ran.end, Some(OperationState::Done));
    assert!(world.applied.iter().all(|n| *n == 1) && world.writes.iter().all(|n| *n == 1));
    assert_eq!(ran.most_active, PER_CLUSTER);
    assert_eq!(ran.waves, [["a"], ["b"], ["c"]].map(|wave| wave.map(ClusterName::new).to_vec()));
}

#[test]
fn a_failure_too_many_stops_what_has_not_begun() {
    let (world, ran) = run_all(&[("a", 1), ("b", 1)], |_| {}, |_| Fault::Refused);
    assert_eq!(ran.end, Some(OperationState::Interrupted));
    assert_eq!(world.writes, [1, 0]);
    let allow = |plan: &mut Plan| plan.options.max_failures = 1;
    let (world, ran) = run_all(&[("a", 1), ("b", 1)], allow, |t| if t == 0 { Fault::Refused } else { Fault::None });
    assert_eq!((world.writes, ran.end), (vec![1, 1], Some(OperationState::Partial)));
}

#[test]
fn a_conflict_is_looked_at_once_more_and_no_oftener() {
    let mut conflicts = 1;
    let (world, ran) = run_all(
        &[("a", 1)],
        |_| {},
        |_| {
            conflicts -= 1;
            if conflicts >= 0 { Fault::Conflict } else { Fault::None }
        },
    );
    assert_eq!((world.writes, ran.end), (vec![2], Some(OperationState::Done)));
    let (world, ran) = run_all(&[("a", 1)], |_| {}, |_| Fault::Conflict);
    assert_eq!((world.writes, ran.end), (vec![2], Some(OperationState::Failed)));
}

#[test]
fn a_lost_answer_is_looked_for_and_never_asked_for_again() {
    let (world, ran) = run_all(&[("a", 1)], |_| {}, |_| Fault::LostAfter);
    assert_eq!((world.writes, ran.end), (vec![1], Some(OperationState::Done)));
    let (world, ran) = run_all(&[("a", 1)], |_| {}, |_| Fault::LostBefore);
    assert_eq!(world.writes, [1]);
    assert_eq!(states(&ran), [TargetState::Unknown]);
    assert_eq!(ran.end, Some(OperationState::Interrupted), "a later run looks at it");
}

#[test]
fn a_server_that_is_busy_is_asked_a_bounded_number_of_times() {
    let (world, ran) = run_all(&[("a", 1)], |_| {}, |_| Fault::Throttled);
    assert_eq!((world.writes, ran.end), (vec![TRIES], Some(OperationState::Failed)));
}

#[test]
fn a_moved_target_is_refused_and_nothing_is_written() {
    let plan = plan(&[("a", 1)]);
    let mut world = World::new(&plan);
    world.objects[0]["metadata"]["generation"] = json!(9);
    let mut run = world.run(&BTreeMap::new());
    let ran = drive(&mut world, &mut run, |_| Fault::None, usize::MAX);
    assert_eq!((states(&ran), &world.writes), (vec![TargetState::Refused], &vec![0]));
}

#[test]
fn what_does_not_settle_in_time_has_failed() {
    let plan = plan(&[("a", 1)]);
    let mut run = World::new(&plan).run(&BTreeMap::new());
    let read = |object: Value| Input::Read { target: 0, object: Ok(Some(Arc::new(object))) };
    run.step(Input::Begin, Duration::ZERO);
    run.step(read(object("a", 0)), Duration::ZERO);
    run.step(Input::Written { target: 0, answer: Answer::Accepted }, Duration::ZERO);
    let mut scaled = object("a", 0);
    scaled["spec"]["replicas"] = json!(5);
    scaled["metadata"]["generation"] = json!(2);
    let early = run.step(read(scaled.clone()), Duration::from_secs(299));
    assert!(matches!(early[..], [Effect::Read { .. }]), "{early:?}");
    let late = run.step(read(scaled), Duration::from_secs(300));
    let Effect::Record { state: TargetState::Failed, detail, .. } = &late[0] else { panic!("{late:?}") };
    assert!(detail.contains("not settled within 300s"), "{detail}");
}

#[test]
fn a_cancelled_run_begins_nothing_and_waits_for_what_is_under_way() {
    let plan = plan(&[("a", 12)]);
    let mut world = World::new(&plan);
    let mut run = world.run(&BTreeMap::new());
    run.step(Input::Begin, Duration::ZERO);
    let read = |target: usize| Input::Read { target, object: Ok(Some(Arc::new(object("a", target)))) };
    let effects = run.step(read(0), Duration::ZERO);
    let Some(Effect::Write { precondition, .. }) = effects.last() else { panic!("{effects:?}") };
    assert!(run.step(Input::Cancel, Duration::ZERO).is_empty());
    for target in 1..PER_CLUSTER {
        assert!(run.step(read(target), Duration::ZERO).is_empty(), "read, and not asked");
    }
    let answer = world.write(0, precondition, Fault::None);
    run.step(Input::Written { target: 0, answer }, Duration::ZERO);
    let done = Input::Read { target: 0, object: Ok(Some(Arc::new(world.objects[0].clone()))) };
    let end = run.step(done, Duration::ZERO);
    assert_eq!(end.last(), Some(&Effect::Finish(OperationState::Interrupted)));
    let pending = run.states().filter(|(state, _)| *state == TargetState::Pending).count();
    assert_eq!((pending, run.stop()), (11, Some(&Stop::Cancelled)));
}

#[test]
fn without_a_journal_nothing_is_asked() {
    let plan = plan(&[("a", 1)]);
    let mut run = World::new(&plan).run(&BTreeMap::new());
    run.step(Input::Begin, Duration::ZERO);
    run.step(Input::Read { target: 0, object: Ok(Some(Arc::new(object("a", 0)))) }, Duration::ZERO);
    let end = run.step(Input::Unjournalled { targets: vec![0], why: "disk full".into() }, Duration::ZERO);
    assert_eq!(end, [Effect::Finish(OperationState::Interrupted)]);
    assert_eq!(run.stop(), Some(&Stop::Journal("disk full".into())));
}

#[test]
fn what_the_plan_refuses_is_recorded_and_not_asked() {
    let mut plan = plan(&[("a", 2)]);
    super::super::plan::note(&mut plan.targets[0], crate::model::change::FindingKind::Forbidden, "no");
    super::super::plan::note(&mut plan.targets[1], crate::model::change::FindingKind::AlreadySo, "so");
    let mut world = World::new(&plan);
    let mut run = world.run(&BTreeMap::new());
    let ran = drive(&mut world, &mut run, |_| Fault::None, usize::MAX);
    assert_eq!(states(&ran), [TargetState::Refused, TargetState::Skipped]);
    assert_eq!((world.writes, ran.end), (vec![0, 0], Some(OperationState::Partial)));
}

proptest::proptest! {
    /// Killed at any write with any faults and resumed until it is done: the change is applied to each target once.
    #[test]
    fn no_target_is_changed_twice_whenever_it_is_killed(
        kills in proptest::collection::vec(1_usize..30, 0..6),
        faults in proptest::collection::vec(0_u8..12, 0..60),
    ) {
        let mut plan = plan(&[("a", 13), ("b", 4)]);
        plan.options.max_failures = 100;
        let mut world = World::new(&plan);
        let mut faults = faults.into_iter();
        let mut journal: BTreeMap<usize, Earlier> = BTreeMap::new();
        let mut kills = kills.into_iter();
        for round in 0.. {
            assert!(round < 60, "it ends");
            let kill = kills.next().unwrap_or(usize::MAX);
            let mut run = world.run(&journal);
            let next = |_: usize| match faults.next() {
                Some(0) => Fault::Conflict,
                Some(1) => Fault::Throttled,
                Some(2) => Fault::NotSent,
                Some(3) => Fault::LostAfter,
                Some(4) => Fault::LostBefore,
                _ => Fault::None,
            };
            let ran = drive(&mut world, &mut run, next, kill);
            assert!(ran.most_active <= PER_CLUSTER);
            for (target, seen) in ran.journal {
                let was_asked = seen.was_asked || journal.get(&target).is_some_and(|e| e.was_asked);
                journal.insert(target, Earlier { was_asked, ..seen });
            }
            assert!(world.applied.iter().all(|n| *n <= 1), "twice: {:?}", world.applied);
            if ran.end == Some(OperationState::Done) {
                break;
            }
        }
        assert!(world.applied.iter().all(|n| *n == 1));
    }
}
