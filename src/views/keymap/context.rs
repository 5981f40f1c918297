//! Contexts: where keys are looked up, and which keys work there.

use super::action::{Action, ActionSpec};

/// Where a key is pressed, by the name the keymap file uses: each context has keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Context(&'static str);

impl Context {
    /// A context by its name, which is unique.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Returns the name the keymap file uses.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// The default keys of one action; the first is the one hints show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The action.
    pub action: Action,
    /// Each as the keymap file writes it.
    pub keys: &'static [&'static str],
}

/// Binds keys to an action.
pub const fn bind(action: Action, keys: &'static [&'static str]) -> Binding {
    Binding { action, keys }
}

/// A context with all that is said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextSpec {
    /// The context.
    pub context: Context,
    /// The title the help shows.
    pub title: &'static str,
    /// True where letters are typed: keys without a modifier type.
    pub is_typing: bool,
    /// Actions that no other context has.
    pub actions: &'static [ActionSpec],
    /// The default keys, in groups that contexts share.
    pub keys: &'static [&'static [Binding]],
    /// The actions of the hint line, most useful first; what does not fit is left out from the end. Help is always kept.
    pub hints: &'static [Action],
}
