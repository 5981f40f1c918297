//! Keys and actions that contexts share.

use super::action::{Action, ActionSpec};
use super::context::{Binding, Context, ContextSpec, bind};

/// Actions that every kind of view has, in the order the help lists them: after all others.
pub const ACTIONS: &[ActionSpec] = &[
    ActionSpec::new(Action::UP, "up", "Move up"),
    ActionSpec::new(Action::DOWN, "down", "Move down"),
    ActionSpec::new(Action::LEFT, "left", "Move or scroll left"),
    ActionSpec::new(Action::RIGHT, "right", "Move or scroll right"),
    ActionSpec::new(Action::PAGE_UP, "page up", "Move up a page"),
    ActionSpec::new(Action::PAGE_DOWN, "page down", "Move down a page"),
    ActionSpec::new(Action::TOP, "top", "Go to the first line"),
    ActionSpec::new(Action::BOTTOM, "bottom", "Go to the last line"),
    ActionSpec::new(Action::ACCEPT, "ok", "Take the chosen entry, or run what was typed"),
    ActionSpec::new(Action::COMPLETE, "complete", "Complete what was typed"),
    ActionSpec::new(Action::SAVE, "save", "Save the screen as text, ANSI or SVG, or the log"),
    ActionSpec::new(Action::QUIT, "quit", "Leave"),
];

/// Everywhere.
pub const QUIT: &[Binding] = &[bind(Action::QUIT, &["ctrl-c"])];

/// Up and down, where letters are not typed.
pub const MOVES: &[Binding] = &[
    bind(Action::UP, &["k", "up"]),
    bind(Action::DOWN, &["j", "down"]),
    bind(Action::PAGE_UP, &["ctrl-b", "pageup"]),
    bind(Action::PAGE_DOWN, &["ctrl-f", "pagedown"]),
    bind(Action::TOP, &["g", "home"]),
    bind(Action::BOTTOM, &["shift-g", "end"]),
];

/// Left and right, where letters are not typed.
pub const SIDEWAYS: &[Binding] = &[bind(Action::LEFT, &["h", "left"]), bind(Action::RIGHT, &["l", "right"])];

/// Left and right where `l` means something else.
pub const SIDEWAYS_WITHOUT_L: &[Binding] = &[bind(Action::LEFT, &["h", "left"]), bind(Action::RIGHT, &["right"])];

/// Up and down, where letters are typed.
pub const TYPED_MOVES: &[Binding] = &[bind(Action::UP, &["up", "ctrl-p"]), bind(Action::DOWN, &["down", "ctrl-n"])];

/// Pages up and down, where letters are typed.
pub const PAGES: &[Binding] = &[bind(Action::PAGE_UP, &["pageup"]), bind(Action::PAGE_DOWN, &["pagedown"])];

/// The way to everything else: the command line, the palette; and saving the screen.
pub const SCREEN: &[Binding] =
    &[bind(Action::COMMAND, &[":"]), bind(Action::PALETTE, &["ctrl-a"]), bind(Action::SAVE, &["ctrl-s"])];

/// The history.
pub const HISTORY: &[Binding] =
    &[bind(Action::HISTORY_BACK, &["["]), bind(Action::HISTORY_FORWARD, &["]"]), bind(Action::LAST_VIEW, &["-"])];

/// Opening and closing tabs, and going to others, also where `tab` means something else.
pub const TABS: &[Binding] = &[
    bind(Action::NEW_TAB, &["ctrl-t"]),
    bind(Action::CLOSE_TAB, &["ctrl-q"]),
    bind(Action::NEXT_TAB, &["}"]),
    bind(Action::PREVIOUS_TAB, &["{"]),
];

/// Going to other tabs by `tab`, too.
pub const TAB_KEY: &[Binding] = &[bind(Action::NEXT_TAB, &["tab"]), bind(Action::PREVIOUS_TAB, &["shift-tab"])];

/// The help, where it is not open.
pub const HELP: &[Binding] = &[bind(Action::HELP, &["?"])];

/// Closing, where `q` types nothing.
pub const CLOSE: &[Binding] = &[bind(Action::BACK, &["esc", "q"])];

/// Closing, where `q` types or is kept for something else.
pub const ESCAPE: &[Binding] = &[bind(Action::BACK, &["esc"])];

/// `enter`, in lists and where something is typed.
pub const ACCEPT: &[Binding] = &[bind(Action::ACCEPT, &["enter"])];

/// Choosers and messages: entries to move over.
pub static LIST: ContextSpec = ContextSpec {
    context: Context::new("list"),
    title: "Choosers",
    is_typing: false,
    actions: &[],
    keys: &[&[bind(Action::MARK, &["space"])], CLOSE, MOVES, SIDEWAYS, ACCEPT, QUIT],
    hints: &[Action::ACCEPT, Action::BACK],
};

/// Questions whose answer may have to be typed: the tester, a confirmation.
pub static ASK: ContextSpec = ContextSpec {
    context: Context::new("ask"),
    title: "Tester and confirmations",
    is_typing: true,
    actions: &[],
    keys: &[ESCAPE, TYPED_MOVES, PAGES, ACCEPT, QUIT],
    hints: &[Action::ACCEPT, Action::BACK],
};

/// Full-screen views without keys of their own.
pub static PAGE: ContextSpec = ContextSpec {
    context: Context::new("page"),
    title: "Other views",
    is_typing: false,
    actions: &[],
    keys: &[SCREEN, HISTORY, TAB_KEY, TABS, HELP, CLOSE, MOVES, QUIT],
    hints: &[Action::BACK, Action::SAVE],
};
