//! Changes in the core: decisions without a cluster.

use super::*;
use crate::engine::change::core::plan::tests::plan;
use crate::engine::observation::{RunProgress, Session};
use crate::engine::part::KindLookup;
use crate::model::change::journal::Actor;
use crate::model::change::{ObjectQuery, OperationState, Options, Selection, TargetState};
use crate::model::kind::KindId;
use crate::model::time::Moment;

/// An inventory, and nothing that is connected.
struct Inventory(Vec<Arc<ClusterEntry>>);

impl Clusters for Inventory {
    fn session(&self, _: &ClusterName) -> Result<Session, Text> {
        Err(Text::const_new("not connected"))
    }

    fn entries(&self) -> Vec<Arc<ClusterEntry>> {
        self.0.clone()
    }

    fn kind(&self, _: &ClusterName, _: &KindId) -> KindLookup {
        KindLookup::NotKnownYet
    }
}

struct Rig {
    changes: Changes,
    inventory: Inventory,
    cx: StepContext,
}

const ID: RequestId = RequestId(1);

fn entry(name: &str, access: Access) -> Arc<ClusterEntry> {
    Arc::new(ClusterEntry { access, ..ClusterEntry::new(ClusterName::new(name)) })
}

impl Rig {
    fn new() -> Self {
        let inventory = Inventory(vec![entry("east", Access::Guarded), entry("west", Access::Guarded)]);
        Self { changes: Changes::new(20), inventory, cx: StepContext::new(1, Duration::from_secs(30)) }
    }

    fn ask(&mut self, request: ChangeRequest) -> Vec<ChangeEffect> {
        self.changes.on_request(request, &self.inventory, &mut self.cx);
        self.effects()
    }

    fn on(&mut self, observation: ChangeObservation) -> Vec<ChangeEffect> {
        self.changes.on(observation, &self.inventory, &mut self.cx);
        self.effects()
    }

    fn at(&mut self, seconds: u64) -> Vec<ChangeEffect> {
        self.cx.now = Moment { elapsed: Duration::from_secs(seconds), ..self.cx.now };
        self.changes.run_due(&self.inventory, &mut self.cx);
        self.effects()
    }

    fn effects(&mut self) -> Vec<ChangeEffect> {
        let effects = std::mem::take(&mut self.cx.effects).into_iter();
        let of_changes = effects.map(|effect| {
            let Effect::Change(effect) = effect else { panic!("{effect:?}") };
            effect
        });
        of_changes.collect()
    }

    fn plan(&mut self, id: RequestId) -> AttemptId {
        let intent = Box::new(Intent {
            change: crate::model::change::Change::Scale { replicas: 5 },
            selection: Selection::Query(ObjectQuery::default()),
            options: Options::default(),
            hidden_marks: 0,
        });
        let clusters = vec![ClusterName::new("east"), ClusterName::new("west")];
        match &self.ask(ChangeRequest::Plan { id, clusters, intent })[..] {
            [.., ChangeEffect::Plan { attempt, request }] => {
                assert_eq!(request.entries.len(), 2);
                *attempt
            }
            other => panic!("{other:?}"),
        }
    }

    /// A plan of two objects in each cluster is shown.
    fn shown(&mut self, id: RequestId) -> Plan {
        let attempt = self.plan(id);
        let plan = plan(&[("east", 2), ("west", 2)]);
        let planned = PlannedChange { plan: plan.clone(), missing: Vec::new(), earlier: BTreeMap::new() };
        self.on(ChangeObservation::Planned { attempt, outcome: Ok(Box::new(planned)) });
        plan
    }

    fn run(&mut self, id: RequestId, plan: &Plan) -> Option<AttemptId> {
        let given = Given { yes: true, names: Vec::new() };
        let effect = self.ask(ChangeRequest::Run { id, digest: plan.digest.clone(), given }).pop()?;
        let ChangeEffect::Run { attempt, .. } = effect else { panic!("{effect:?}") };
        Some(attempt)
    }

    fn began(&mut self, attempt: AttemptId) {
        let by = Actor { user: "ann".into(), process: 7 };
        let begin = RunBegin { by, at: self.cx.now.wall, earlier: BTreeMap::new() };
        self.on(ChangeObservation::Began { attempt, begin });
    }

    fn snapshot(&mut self) -> Snapshot {
        let mut next = Snapshot::default();
        self.changes.dirty = true;
        assert!(self.changes.publish(&mut next));
        next
    }

    fn status(&mut self, id: RequestId) -> PlanStatus {
        PlanStatus::clone(&self.snapshot().changes.plans[&id])
    }
}

fn end(state: OperationState, targets: &[TargetState]) -> RunEnd {
    let targets = targets.iter().map(|state| (*state, Text::default())).collect();
    RunEnd { state, targets, stopped: None, unjournalled: None }
}

#[test]
fn a_plan_is_made_shown_run_and_ended_with_a_notice() {
    let mut rig = Rig::new();
    let plan = rig.shown(ID);
    let status = rig.status(ID);
    let PlanStatus::Ready(ready) = status else { panic!("{status:?}") };
    assert_eq!((ready.waves.len(), ready.consent), (2, Consent::Ask(vec![Prompt::Agree])));
    let attempt = rig.run(ID, &plan).unwrap();
    assert_eq!(rig.status(ID), PlanStatus::Making, "it is looked at again");
    assert_eq!(rig.run(ID, &plan), None, "once");
    rig.began(attempt);
    assert_eq!(rig.status(ID), PlanStatus::Running(plan.id.clone()));
    let targets = BTreeMap::from([(1, (TargetState::Done, Text::default()))]);
    let progress = RunProgress { wave: Some((1, 2)), targets, stopping: Some("cancelled".into()) };
    rig.on(ChangeObservation::Progressed { attempt, progress });
    let operation = Arc::clone(&rig.snapshot().changes.operations[0]);
    assert_eq!((operation.wave, operation.stopping.as_deref(), operation.own), ((1, 2), Some("cancelled"), true));
    assert_eq!((operation.targets[0].1, operation.targets[1].1), (TargetState::Pending, TargetState::Done));
    rig.on(ChangeObservation::Ended { attempt, outcome: Ok(end(OperationState::Done, &[TargetState::Done; 4])) });
    let operation = Arc::clone(&rig.snapshot().changes.operations[0]);
    assert_eq!((operation.state, operation.own, &operation.stopping), (OperationState::Done, false, &None));
    let notices = rig.cx.notices.take_changed().unwrap();
    let last = notices.last().unwrap();
    assert_eq!((last.severity, last.text.as_str()), (Severity::Note, "4 objects scaled"));
}

#[test]
fn an_end_that_is_not_whole_is_a_warning_or_an_error_with_counts() {
    use TargetState::{Done, Failed, Pending};
    for (state, targets, severity, words) in [
        (
            OperationState::Partial,
            [Done, Failed, Failed, Done],
            Severity::Warning,
            "scale was done in part: 2 done, 2 failed",
        ),
        (OperationState::Failed, [Failed; 4], Severity::Error, "scale failed: 4 failed"),
        (OperationState::Interrupted, [Done, Pending, Pending, Pending], Severity::Warning, "3 pending, 1 done"),
    ] {
        let mut rig = Rig::new();
        let plan = rig.shown(ID);
        let attempt = rig.run(ID, &plan).unwrap();
        rig.began(attempt);
        rig.on(ChangeObservation::Ended { attempt, outcome: Ok(end(state, &targets)) });
        let notices = rig.cx.notices.take_changed().unwrap();
        let last = notices.last().unwrap();
        assert!(last.severity == severity && last.text.contains(words), "{last:?}");
    }
}

#[test]
fn the_consent_is_judged_by_the_levels_of_now() {
    let mut rig = Rig::new();
    let plan = rig.shown(ID);
    rig.inventory = Inventory(vec![entry("east", Access::Protected), entry("west", Access::Guarded)]);
    assert_eq!(rig.run(ID, &plan), None);
    assert!(matches!(rig.status(ID), PlanStatus::Refused(why) if why.contains("east, which is protected")));
}

#[test]
fn a_run_that_is_refused_shows_why_and_is_no_operation() {
    let mut rig = Rig::new();
    let plan = rig.shown(ID);
    let attempt = rig.run(ID, &plan).unwrap();
    rig.on(ChangeObservation::Ended { attempt, outcome: Err("it moved".into()) });
    assert_eq!(rig.status(ID), PlanStatus::Refused("it moved".into()));
    assert!(rig.snapshot().changes.operations.is_empty());
}

#[test]
fn a_discarded_plan_ends_its_attempt_but_not_its_run() {
    let mut rig = Rig::new();
    let attempt = rig.plan(ID);
    assert!(matches!(rig.ask(ChangeRequest::Discard(ID))[..], [ChangeEffect::Cancel(ended)] if ended == attempt));
    let plan = rig.shown(ID);
    let attempt = rig.run(ID, &plan).unwrap();
    assert!(rig.ask(ChangeRequest::Discard(ID)).is_empty());
    rig.began(attempt);
    assert_eq!(rig.snapshot().changes.operations.len(), 1);
    assert!(matches!(rig.ask(ChangeRequest::Cancel(plan.id))[..], [ChangeEffect::Cancel(ended)] if ended == attempt));
}

#[test]
fn runs_have_a_bound_and_plans_too() {
    let mut rig = Rig::new();
    for n in 0..8 {
        let plan = rig.shown(RequestId(n));
        assert!(rig.run(RequestId(n), &plan).is_some());
    }
    let plan = rig.shown(RequestId(8));
    assert_eq!(rig.run(RequestId(8), &plan), None);
    assert!(matches!(rig.status(RequestId(8)), PlanStatus::Refused(why) if why.contains("8 changes run already")));
    for n in 9..40 {
        rig.shown(RequestId(n));
    }
    let plans = Arc::clone(&rig.snapshot().changes.plans);
    assert_eq!(plans.len(), 16);
    assert!((0..8).all(|n| plans.contains_key(&RequestId(n))), "those that are about to run stay");
}

#[test]
fn the_journal_is_read_every_five_seconds_while_somebody_watches() {
    let mut rig = Rig::new();
    let read = |effects: &[ChangeEffect]| matches!(effects, [ChangeEffect::ReadJournal { .. }]);
    assert!(!read(&rig.at(1)));
    rig.ask(ChangeRequest::Watch(ID));
    assert!(read(&rig.at(1)));
    assert!(!read(&rig.at(7)), "one at a time");
    let contents = JournalContents { records: Some(Vec::new()), ..JournalContents::default() };
    rig.on(ChangeObservation::JournalRead { outcome: Ok(contents) });
    assert!(!read(&rig.at(11)));
    assert!(matches!(rig.at(12)[..], [ChangeEffect::ReadJournal { whole: false }]));
    for _ in 0..2 {
        rig.on(ChangeObservation::JournalRead { outcome: Err("the disk is gone".into()) });
    }
    assert_eq!(rig.cx.notices.take_changed().unwrap().len(), 1, "said once");
    rig.ask(ChangeRequest::Unwatch(ID));
    assert_eq!(rig.changes.next_due(), None);
    rig.ask(ChangeRequest::Watch(ID));
    assert!(matches!(rig.at(20)[..], [ChangeEffect::ReadJournal { whole: true }]), "all was forgotten");
}
