//! The plan view, the list of changes and an operation, in all sizes and states; and what their keys send.

mod fixture;

use self::fixture::{SIZES, operation, plan, ready, with};
use super::plan::PlanView;
use super::*;
use crate::model::change::{Cascade, Change, Consent, Given, OperationId, Prompt, TargetState};
use crate::protocol::{PlanStatus, Snapshot};
use crate::views::changes::choice::Choice;
use crate::views::changes::line::ChangeLine;
use crate::views::export::text;
use crate::views::fixture::{act, context, drawn, requests};
use crate::views::keymap::Key;
use crate::views::view::RequestIds;
use crate::views::{snapshot, theme_named};

fn check(name: &str, view: &dyn View, snap: &Snapshot) {
    for (columns, rows) in SIZES {
        snapshot(&format!("{name}_{columns}x{rows}"), &text(&drawn(view, snap, (columns, rows), "mono")));
    }
}

fn shown(view: &dyn View, snap: &Snapshot) -> String {
    text(&drawn(view, snap, (120, 40), "mono"))
}

/// The view of a plan under request 1.
fn plan_view() -> PlanView {
    let change = Change::Delete { cascade: Cascade::Background, grace_period_s: None };
    let line = ChangeLine { change, options: crate::model::change::Options::default() };
    let objects = fixture::objects(4);
    PlanView::make(&Choice { objects, hidden_marks: 1 }, line, &RequestIds::from(1)).0
}

fn type_text(view: &mut dyn View, typed: &str, snap: &Snapshot) {
    let (theme, ids) = (theme_named("mono"), RequestIds::from(9));
    for c in typed.chars() {
        view.update(Input { action: None, key: Key::char(c) }, &context(snap, &theme, (80, 24), &ids));
    }
}

fn changes_view() -> ChangesView {
    ChangesView { watch: RequestId(7), grid: GridState::default() }
}

#[test]
fn a_plan_in_all_sizes_and_states() {
    let view = plan_view();
    let states = [
        ("making", PlanStatus::Making),
        ("refused", PlanStatus::Refused("the objects moved since the plan was made: plan it again".into())),
        ("guarded", ready(plan(2, &["lab-1"]), Consent::Ask(vec![Prompt::Agree]))),
        ("empty", ready(plan(0, &["lab-1"]), Consent::Given)),
        ("long", ready(plan(60, &["lab-1", "lab-2"]), Consent::Ask(vec![Prompt::Agree]))),
        ("denied", ready(plan(2, &["lab-1"]), fixture::refused())),
    ];
    for (name, status) in states {
        check(&format!("plan_{name}"), &view, &with(Some(status), Vec::new()));
    }
}

#[test]
fn a_guarded_plan_is_agreed_to_by_one_key() {
    let snap = with(Some(ready(plan(2, &["lab-1"]), Consent::Ask(vec![Prompt::Agree]))), Vec::new());
    let (mut view, ids) = (plan_view(), RequestIds::from(9));
    assert!(requests(act(&mut view, Action::ACCEPT, &snap, &ids)).is_empty(), "enter agrees to nothing");
    let sent = requests(act(&mut view, keys::AGREE, &snap, &ids));
    let [Request::Change(ChangeRequest::Run { id: RequestId(1), digest, given })] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!((digest.as_str(), given), ("digest", &Given { yes: true, names: Vec::new() }));
    assert!(requests(act(&mut view, keys::AGREE, &snap, &ids)).is_empty(), "it is sent once");
    assert!(shown(&view, &snap).contains("Starting: everything is checked once more."));
    view.on_rejected(&sent[0]);
    assert_eq!(requests(act(&mut view, keys::AGREE, &snap, &ids)).len(), 1, "a busy engine is asked again");
}

#[test]
fn each_name_is_typed_and_a_wrong_one_is_said() {
    let prompts =
        vec![Prompt::Cluster(ClusterName::new("prod-1")), Prompt::Object("namespace".to_owned(), "shop".to_owned())];
    let snap = with(Some(ready(plan(2, &["prod-1"]), Consent::Ask(prompts))), Vec::new());
    let (mut view, ids) = (plan_view(), RequestIds::from(9));
    check("plan_protected", &view, &snap);
    assert!(requests(act(&mut view, keys::AGREE, &snap, &ids)).is_empty(), "names are asked for");
    assert_eq!(view.spec().name, plan::TYPED.name, "letters type");
    type_text(&mut view, "prod-2", &snap);
    assert!(requests(act(&mut view, Action::ACCEPT, &snap, &ids)).is_empty());
    check("plan_wrong_name", &view, &snap);
    assert!(shown(&view, &snap).contains("prod-2 is not that name. Nothing was changed."));
    act(&mut view, Action::BACK, &snap, &ids);
    assert_eq!(view.spec().name, plan::SPEC.name, "esc goes back to the plan");
    act(&mut view, keys::AGREE, &snap, &ids);
    type_text(&mut view, "prod-1", &snap);
    assert!(requests(act(&mut view, Action::ACCEPT, &snap, &ids)).is_empty(), "one more name");
    type_text(&mut view, "shop", &snap);
    let sent = requests(act(&mut view, Action::ACCEPT, &snap, &ids));
    let [Request::Change(ChangeRequest::Run { given, .. })] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(given, &Given { yes: false, names: vec!["prod-1".to_owned(), "shop".to_owned()] });
}

#[test]
fn a_plan_that_is_refused_or_empty_cannot_be_agreed_to() {
    let ids = RequestIds::from(9);
    for status in [
        PlanStatus::Making,
        PlanStatus::Refused("no".into()),
        ready(plan(2, &["lab-1"]), fixture::refused()),
        ready(plan(0, &["lab-1"]), Consent::Given),
    ] {
        let snap = with(Some(status), Vec::new());
        let mut view = plan_view();
        assert!(requests(act(&mut view, keys::AGREE, &snap, &ids)).is_empty());
        let theme = theme_named("mono");
        assert!(view.unavailable(&context(&snap, &theme, (80, 24), &ids)).contains(&keys::AGREE));
    }
}

#[test]
fn a_plan_that_is_closed_is_discarded() {
    let view = plan_view();
    let sent = view.on_close();
    assert!(matches!(sent.as_slice(), [Request::Change(ChangeRequest::Discard(RequestId(1)))]), "{sent:?}");
}

#[test]
fn a_long_plan_scrolls_to_its_end() {
    let snap = with(Some(ready(plan(60, &["lab-1"]), Consent::Ask(vec![Prompt::Agree]))), Vec::new());
    let (mut view, ids) = (plan_view(), RequestIds::from(9));
    let has = |view: &PlanView, name: &str| text(&drawn(view, &snap, (80, 24), "mono")).contains(name);
    assert!(has(&view, "pod/api-00 ") && !has(&view, "pod/api-59 "));
    act(&mut view, Action::BOTTOM, &snap, &ids);
    assert!(!has(&view, "pod/api-00 ") && has(&view, "pod/api-59 "));
    act(&mut view, Action::TOP, &snap, &ids);
    assert!(has(&view, "pod/api-00 "));
}

#[test]
fn a_running_plan_becomes_its_operation_and_is_cancelled() {
    let running = operation(3, OperationState::Running, true);
    let id = running.id.clone();
    let snap = with(Some(PlanStatus::Running(id.clone())), vec![running]);
    let (mut view, ids) = (plan_view(), RequestIds::from(9));
    view.feed(&snap);
    check("plan_running", &view, &snap);
    let sent = requests(act(&mut view, keys::CANCEL, &snap, &ids));
    let [Request::Change(ChangeRequest::Cancel(cancelled))] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(*cancelled, id);
    let mut stopping = operation(3, OperationState::Running, true);
    stopping.stopping = Some("the user cancelled it".into());
    let snap = with(Some(PlanStatus::Running(id)), vec![stopping]);
    assert!(shown(&view, &snap).contains("stopping: the user cancelled it"));
    assert!(requests(act(&mut view, keys::CANCEL, &snap, &ids)).is_empty(), "it stops already");
}

#[test]
fn the_list_of_changes_in_all_sizes_and_states() {
    let many = |count: u32| {
        let states =
            [OperationState::Done, OperationState::Failed, OperationState::Partial, OperationState::Interrupted];
        (0..count).map(|nth| operation(nth, states[nth as usize % states.len()], false)).rev().collect::<Vec<_>>()
    };
    let running = || {
        let mut all = many(3);
        all.insert(1, operation(9, OperationState::Running, true));
        all
    };
    for (name, operations) in [("empty", Vec::new()), ("running", running()), ("failed", many(4)), ("long", many(90))] {
        check(&format!("changes_{name}"), &changes_view(), &with(None, operations));
    }
    let mut filtered = changes_view();
    filtered.set_filter("nonesuch");
    assert!(shown(&filtered, &with(None, many(4))).contains("No change passes the filter."));
}

#[test]
fn an_operation_is_opened_cancelled_and_resumed_from_the_list() {
    let ids = RequestIds::from(9);
    let own = operation(2, OperationState::Running, true);
    let other = operation(1, OperationState::Running, false);
    let snap = with(None, vec![operation(3, OperationState::Interrupted, false), own.clone(), other]);
    let mut view = changes_view();
    let sent = requests(act(&mut view, keys::CANCEL, &snap, &ids));
    let [Request::Change(ChangeRequest::Cancel(id))] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(*id, own.id, "those that run come first");
    assert!(requests(act(&mut view, keys::RESUME, &snap, &ids)).is_empty(), "it runs");
    act(&mut view, Action::DOWN, &snap, &ids);
    assert!(requests(act(&mut view, keys::CANCEL, &snap, &ids)).is_empty(), "another process runs that one");
    act(&mut view, Action::DOWN, &snap, &ids);
    let reply = act(&mut view, keys::RESUME, &snap, &ids);
    assert_eq!(reply.over.as_ref().map(|view| view.spec().name), Some("plan"), "its plan is shown first");
    let sent = requests(reply);
    let [Request::Change(ChangeRequest::Resume { operation, .. })] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(operation.as_str().ends_with("000003"), "{operation}");
    let opened = act(&mut view, Action::OPEN, &snap, &ids).over.unwrap();
    check("changes_operation_interrupted", &*opened, &snap);
}

#[test]
fn the_targets_of_an_operation_are_filtered() {
    let failed = operation(1, OperationState::Failed, false);
    let mut view = OperationView::new(failed.id.clone());
    let snap = with(None, vec![failed]);
    check("changes_operation_failed", &view, &snap);
    view.set_filter("denied");
    let screen = shown(&view, &snap);
    assert!(screen.contains("admission denied it") && !screen.contains("● done"), "{screen}");
    let gone = with(None, Vec::new());
    assert!(shown(&view, &gone).contains("qd journal shows it"));
}

#[test]
fn the_list_asks_for_the_journal_while_it_is_open() {
    let (ids, saved) = (RequestIds::from(4), SavedState::new());
    let mut opening = Opening { words: &[], saved: &saved, utc_offset_s: 0, ids: &ids, effects: Vec::new() };
    let view = open(&mut opening).unwrap();
    assert!(matches!(opening.effects.as_slice(), [Effect::Send(Request::Change(ChangeRequest::Watch(RequestId(4))))]));
    let closed = view.on_close();
    assert!(matches!(closed.as_slice(), [Request::Change(ChangeRequest::Unwatch(RequestId(4)))]));
    let mut wrong = Opening { words: &["x"], saved: &saved, utc_offset_s: 0, ids: &ids, effects: Vec::new() };
    assert!(open(&mut wrong).is_err());
}

#[test]
fn every_state_of_a_target_is_a_sign_and_a_word() {
    let all = [
        TargetState::Pending,
        TargetState::Asked,
        TargetState::Settling,
        TargetState::Done,
        TargetState::Refused,
        TargetState::Failed,
        TargetState::Unknown,
        TargetState::Skipped,
    ];
    let mut operation = operation(1, OperationState::Running, true);
    operation.targets =
        all.iter().map(|state| (fixture::key("lab-1", state.word()), *state, Text::default())).collect();
    let id: OperationId = operation.id.clone();
    let screen = shown(&OperationView::new(id), &with(None, vec![operation]));
    for state in all {
        assert!(screen.contains(&format!(" {}", state.word())), "{}", state.word());
    }
}
