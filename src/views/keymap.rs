//! Keys to actions and back: one table drives input, help and the hint line.

pub mod action;
pub mod common;
pub mod context;
pub mod file;
pub mod key;

pub use action::{Action, ActionSpec};
pub use context::{Binding, Context, ContextSpec, bind};
pub use key::{Code, Key, Modifiers};

use crate::model::text::width;

/// The keys of one action in one context.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    context: Context,
    action: Action,
    /// A key, or several pressed one after the other.
    keys: Vec<Key>,
}

/// The meaning of the keys pressed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The keys are bound to this.
    Action(Action),
    /// The beginning of a longer sequence: wait for the next key.
    Prefix,
    /// No key sequence begins so.
    Nothing,
}

/// An entry of the hint line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The key as it is written.
    pub key: String,
    /// A word or two for its action.
    pub label: &'static str,
}

impl Hint {
    /// Columns it takes, without the gap to the next.
    pub fn width(&self) -> usize {
        width(&self.key) + 1 + width(self.label)
    }
}

/// Columns between two hints.
pub const HINT_GAP: usize = 2;

/// All bindings, in the order of the default table. The keys of all views are `Keymap::default()`: `registry` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    contexts: Vec<&'static ContextSpec>,
    actions: Vec<&'static ActionSpec>,
    bound: Vec<Bound>,
}

impl Keymap {
    /// The default keys of these contexts. Both lists are in the order of the help.
    pub fn new(contexts: Vec<&'static ContextSpec>, actions: Vec<&'static ActionSpec>) -> Self {
        let mut bound = Vec::new();
        for spec in &contexts {
            for binding in spec.keys.iter().copied().flatten() {
                for keys in binding.keys.iter().filter_map(|keys| parse_sequence(keys)) {
                    bound.push(Bound { context: spec.context, action: binding.action, keys });
                }
            }
        }
        Self { contexts, actions, bound }
    }

    /// All contexts, in the order the help lists them.
    pub fn contexts(&self) -> impl Iterator<Item = &'static ContextSpec> {
        self.contexts.iter().copied()
    }

    /// Finds a context.
    pub fn context(&self, context: Context) -> Option<&'static ContextSpec> {
        self.contexts().find(|spec| spec.context == context)
    }

    /// Returns the title of a context for the help.
    pub fn title(&self, context: Context) -> &'static str {
        self.context(context).map_or("", |spec| spec.title)
    }

    /// Returns true if letters are typed in a context.
    pub fn is_typing(&self, context: Context) -> bool {
        self.context(context).is_some_and(|spec| spec.is_typing)
    }

    /// Finds what is said of an action.
    pub fn spec_of(&self, action: Action) -> Option<&'static ActionSpec> {
        self.actions.iter().copied().find(|spec| spec.action == action)
    }

    /// Returns the meaning of `keys`, pressed in this order, in `context`.
    pub fn resolve(&self, context: Context, keys: &[Key]) -> Meaning {
        let mut prefix = false;
        for bound in self.bound.iter().filter(|b| b.context == context) {
            if bound.keys == keys {
                return Meaning::Action(bound.action);
            }
            prefix |= bound.keys.starts_with(keys);
        }
        if prefix { Meaning::Prefix } else { Meaning::Nothing }
    }

    /// Returns the action of a single key.
    pub fn action(&self, context: Context, key: Key) -> Option<Action> {
        match self.resolve(context, &[key]) {
            Meaning::Action(action) => Some(action),
            Meaning::Prefix | Meaning::Nothing => None,
        }
    }

    /// The keys of an action in a context as they are written, the preferred one first.
    pub fn keys_of(&self, context: Context, action: Action) -> Vec<String> {
        self.bound
            .iter()
            .filter(|b| b.context == context && b.action == action)
            .map(|b| print_sequence(&b.keys))
            .collect()
    }

    /// All actions that have a key in `context`, in the order the help lists them.
    pub fn actions_in(&self, context: Context) -> impl Iterator<Item = &'static ActionSpec> {
        self.actions
            .iter()
            .copied()
            .filter(move |d| self.bound.iter().any(|b| b.context == context && b.action == d.action))
    }

    /// The hints that fit into `columns`, most useful first, `?` always among them where it works.
    pub fn hints(&self, context: Context, columns: usize) -> Vec<Hint> {
        self.hints_without(context, columns, &[])
    }

    /// As [`Keymap::hints`], without actions that would do nothing now.
    pub fn hints_without(&self, context: Context, columns: usize, unavailable: &[Action]) -> Vec<Hint> {
        let help = self.hint(context, Action::HELP);
        let reserved = help.as_ref().map_or(0, |h| h.width() + HINT_GAP);
        let wanted = self.context(context).map_or(&[][..], |spec| spec.hints);
        let mut used = reserved;
        let mut hints: Vec<Hint> = wanted
            .iter()
            .filter(|action| !unavailable.contains(action))
            .filter_map(|a| self.hint(context, *a))
            .take_while(|hint| {
                used += hint.width() + HINT_GAP;
                used <= columns + HINT_GAP
            })
            .collect();
        hints.extend(help.filter(|h| h.width() <= columns));
        hints
    }

    fn hint(&self, context: Context, action: Action) -> Option<Hint> {
        let key = self.keys_of(context, action).into_iter().next()?;
        Some(Hint { key, label: self.spec_of(action)?.label })
    }
}

/// Reads `ctrl-z` or a sequence, its keys apart by spaces: `g g`.
pub fn parse_sequence(text: &str) -> Option<Vec<Key>> {
    let keys: Option<Vec<Key>> = text.split_whitespace().map(Key::parse).collect();
    keys.filter(|k| !k.is_empty())
}

/// Writes a sequence as [`parse_sequence`] reads it.
pub fn print_sequence(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::listing::keys;
    use proptest::prelude::*;

    #[test]
    fn every_default_key_can_be_read() {
        for spec in Keymap::default().contexts() {
            for binding in spec.keys.iter().copied().flatten() {
                for keys in binding.keys {
                    assert!(parse_sequence(keys).is_some(), "{:?}: {keys}", binding.action);
                }
            }
        }
    }

    #[test]
    fn no_key_is_bound_twice_in_one_context() {
        let map = Keymap::default();
        for (i, a) in map.bound.iter().enumerate() {
            for b in map.bound.iter().skip(i + 1) {
                let clash = a.context == b.context && (a.keys.starts_with(&b.keys) || b.keys.starts_with(&a.keys));
                assert!(!clash, "{} in {:?}: {:?} and {:?}", print_sequence(&a.keys), a.context, a.action, b.action);
            }
        }
    }

    #[test]
    fn every_action_has_one_name_one_help_and_a_key() {
        let map = Keymap::default();
        for (nth, spec) in map.actions.iter().enumerate() {
            let name = spec.action.name();
            assert!(width(spec.help) <= 55, "{name} does not fit the help at 80 columns");
            assert!(!spec.help.is_empty() && !spec.label.is_empty() && !spec.help.ends_with('.'), "{name}");
            for other in map.actions.iter().skip(nth + 1) {
                assert!(!other.is_called(name) && !spec.aliases.iter().any(|alias| other.is_called(alias)), "{name}");
            }
            assert!(map.bound.iter().any(|b| b.action == spec.action), "{name} has no key");
        }
        assert!(map.bound.iter().all(|b| map.spec_of(b.action).is_some()));
    }

    #[test]
    fn every_context_has_one_name_and_hints_that_have_a_key_there() {
        let map = Keymap::default();
        for (nth, spec) in map.contexts.iter().enumerate() {
            assert!(map.contexts.iter().skip(nth + 1).all(|other| other.context != spec.context), "{:?}", spec.context);
            for action in spec.hints {
                assert!(!map.keys_of(spec.context, *action).is_empty(), "{:?}: {action:?}", spec.context);
            }
        }
    }

    #[test]
    fn k9s_fingers_find_their_keys() {
        let map = Keymap::default();
        for (key, action) in [
            (":", Action::COMMAND),
            ("/", Action::FILTER),
            ("?", Action::HELP),
            ("esc", Action::BACK),
            ("enter", Action::OPEN),
            ("G", Action::BOTTOM),
            ("ctrl-4", keys::CLEAR_MARKS),
            ("ctrl-z", keys::FAULTS),
            ("N", keys::SORT_NAME),
            ("J", Action::OWNER),
            ("0", Action::new("namespace-0")),
            ("l", Action::LOGS),
            ("ctrl-d", keys::DELETE),
        ] {
            let key = Key::parse(key).unwrap();
            assert_eq!(map.action(Context::new("table"), key), Some(action), "{key}");
        }
        assert_eq!(map.action(Context::new("table"), Key::ctrl('k')), None, "no key kills without asking");
    }

    proptest! {
        #[test]
        fn hints_never_outgrow_the_line(columns in 0_usize..200, context in 0_usize..11) {
            let hints = {
                let map = Keymap::default();
                map.hints(map.contexts[context].context, columns)
            };
            let used: usize = hints.iter().map(|h| h.width() + HINT_GAP).sum();
            prop_assert!(used <= columns + HINT_GAP);
        }
    }
}
