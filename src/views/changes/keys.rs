//! The keys of the views about changes.

use crate::views::keymap::common::{CLOSE, ESCAPE, HELP, HISTORY, MOVES, QUIT, SCREEN, TAB_KEY, TABS};
use crate::views::keymap::{Action, ActionSpec, Binding, Context, ContextSpec, bind};

/// Agrees to the plan that is shown.
pub(in crate::views) const AGREE: Action = Action::new("agree");
/// Begins nothing new in a running operation.
pub(in crate::views) const CANCEL: Action = Action::new("cancel-change");
/// Plans the rest of an interrupted operation.
pub(in crate::views) const RESUME: Action = Action::new("resume-change");

/// Actions of the list of operations, and of one operation.
const ACTIONS: &[ActionSpec] = &[
    ActionSpec::new(CANCEL, "cancel", "Begin nothing new in the operation; it can be resumed"),
    ActionSpec::new(RESUME, "resume", "Plan the rest of an interrupted operation"),
];

const OPERATION: &[Binding] = &[bind(CANCEL, &["x"]), bind(RESUME, &["r", "shift-r"]), bind(Action::FILTER, &["/"])];

/// The list of operations.
pub(super) static CHANGES: ContextSpec = ContextSpec {
    context: Context::new("changes"),
    title: "Changes",
    is_typing: false,
    actions: ACTIONS,
    keys: &[&[bind(Action::OPEN, &["enter"])], OPERATION, SCREEN, HISTORY, TAB_KEY, TABS, HELP, CLOSE, MOVES, QUIT],
    hints: &[Action::OPEN, CANCEL, RESUME, Action::FILTER, Action::BACK],
};

/// A plan, and an operation with its targets.
pub(super) static PLAN: ContextSpec = ContextSpec {
    context: Context::new("plan"),
    title: "Plans and operations",
    is_typing: false,
    actions: &[ActionSpec::new(AGREE, "agree", "Agree to the plan; protected names are then typed")],
    keys: &[&[bind(AGREE, &["y"])], OPERATION, SCREEN, HELP, CLOSE, MOVES, QUIT],
    hints: &[AGREE, CANCEL, RESUME, Action::FILTER, Action::BACK],
};

/// The question before the program ends while a change runs.
pub(super) static LEAVE: ContextSpec = ContextSpec {
    context: Context::new("leave"),
    title: "Leaving while a change runs",
    is_typing: false,
    actions: &[],
    keys: &[&[bind(Action::ACCEPT, &["y", "q"])], ESCAPE, QUIT],
    hints: &[Action::ACCEPT, Action::BACK],
};
