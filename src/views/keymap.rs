//! Keys to actions and back: one table drives input, help and the hint line.

pub mod action;
pub mod file;
pub mod key;

pub use action::{Action, SortBy};
pub use key::{Code, Key, Modifiers};

use crate::model::text::width;

/// Where a key is pressed: each context has keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// The clusters.
    Fleet,
    /// Any table of objects.
    Table,
    /// YAML or describe of one object.
    Detail,
    Logs,
    Help,
    Doctor,
    /// The routing proxy.
    Routes,
    /// A chooser, a confirmation, a message: entries to move over.
    List,
    /// Typing to find an entry.
    Palette,
    /// A question whose answer may have to be typed: the tester, a confirmation.
    Ask,
    /// Typing a command, a filter or a search.
    Prompt,
}

/// All contexts, with the name the keymap file uses and the title the help shows.
pub const CONTEXTS: &[(Context, &str, &str)] = &[
    (Context::Fleet, "fleet", "Clusters"),
    (Context::Table, "table", "Resources"),
    (Context::Detail, "detail", "YAML and describe"),
    (Context::Logs, "logs", "Logs"),
    (Context::Help, "help", "Help"),
    (Context::Doctor, "doctor", "Doctor"),
    (Context::Routes, "routes", "Routes"),
    (Context::List, "list", "Choosers"),
    (Context::Palette, "palette", "Palette"),
    (Context::Ask, "ask", "Tester and confirmations"),
    (Context::Prompt, "prompt", "Command, filter and search line"),
];

impl Context {
    /// The name the keymap file uses.
    pub fn name(self) -> &'static str {
        CONTEXTS.iter().find(|(c, ..)| *c == self).map_or("", |(_, name, _)| name)
    }

    /// The title the help shows.
    pub fn title(self) -> &'static str {
        CONTEXTS.iter().find(|(c, ..)| *c == self).map_or("", |(.., title)| title)
    }

    pub fn named(name: &str) -> Option<Self> {
        CONTEXTS.iter().find(|(_, n, _)| *n == name).map(|(c, ..)| *c)
    }
}

/// The keys of one action in one context.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    context: Context,
    action: Action,
    /// One key, or several pressed one after the other.
    keys: Vec<Key>,
}

/// What the keys pressed so far mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Action(Action),
    /// The beginning of a longer sequence: wait for the next key.
    Prefix,
    Nothing,
}

/// One entry of the hint line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub key: String,
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

/// All bindings, in the order of the default table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    bound: Vec<Bound>,
}

impl Default for Keymap {
    fn default() -> Self {
        let mut bound = Vec::new();
        for line in action::DEFAULTS {
            for context in line.contexts {
                for keys in line.keys.iter().filter_map(|k| parse_sequence(k)) {
                    bound.push(Bound { context: *context, action: line.action, keys });
                }
            }
        }
        Self { bound }
    }
}

impl Keymap {
    /// What `keys`, pressed in this order, mean in `context`.
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

    /// What a single key means.
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
    pub fn actions_in(&self, context: Context) -> impl Iterator<Item = &'static action::Described> {
        action::ACTIONS.iter().filter(move |d| self.bound.iter().any(|b| b.context == context && b.action == d.action))
    }

    /// The hints that fit into `columns`, most useful first, `?` always among them where it works.
    pub fn hints(&self, context: Context, columns: usize) -> Vec<Hint> {
        self.hints_without(context, columns, &[])
    }

    /// As [`Keymap::hints`], without actions that would do nothing now.
    pub fn hints_without(&self, context: Context, columns: usize, unavailable: &[Action]) -> Vec<Hint> {
        let help = self.hint(context, Action::Help);
        let reserved = help.as_ref().map_or(0, |h| h.width() + HINT_GAP);
        let wanted = action::HINTS.iter().find(|(c, _)| *c == context).map_or(&[][..], |(_, actions)| actions);
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
        Some(Hint { key, label: action.described()?.label })
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
    use proptest::prelude::*;

    #[test]
    fn every_default_key_can_be_read() {
        for line in action::DEFAULTS {
            for keys in line.keys {
                assert!(parse_sequence(keys).is_some(), "{:?}: {keys}", line.action);
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
        for (i, d) in action::ACTIONS.iter().enumerate() {
            assert!(width(d.help) <= 55, "{} does not fit the help at 80 columns", d.name);
            assert!(!d.help.is_empty() && !d.label.is_empty() && !d.help.ends_with('.'), "{}", d.name);
            assert!(action::ACTIONS.iter().skip(i + 1).all(|o| o.name != d.name && o.action != d.action), "{}", d.name);
            assert!(map.bound.iter().any(|b| b.action == d.action), "{} has no key", d.name);
        }
        assert!(map.bound.iter().all(|b| b.action.described().is_some()));
    }

    #[test]
    fn hints_name_only_actions_that_have_a_key_there() {
        let map = Keymap::default();
        for (context, actions) in action::HINTS {
            for action in *actions {
                assert!(!map.keys_of(*context, *action).is_empty(), "{context:?}: {action:?}");
            }
        }
        let all: Vec<Context> = action::HINTS.iter().map(|(c, _)| *c).collect();
        assert_eq!(all, CONTEXTS.iter().map(|(c, ..)| *c).collect::<Vec<_>>());
    }

    #[test]
    fn k9s_fingers_find_their_keys() {
        let map = Keymap::default();
        for (key, action) in [
            (":", Action::Command),
            ("/", Action::Filter),
            ("?", Action::Help),
            ("esc", Action::Back),
            ("enter", Action::Open),
            ("G", Action::Bottom),
            ("ctrl-4", Action::ClearMarks),
            ("ctrl-z", Action::Faults),
            ("N", Action::Sort(SortBy::Name)),
            ("J", Action::Owner),
            ("0", Action::Namespace(0)),
            ("l", Action::Logs),
        ] {
            let key = Key::parse(key).unwrap();
            assert_eq!(map.action(Context::Table, key), Some(action), "{key}");
        }
        assert_eq!(map.action(Context::Table, Key::ctrl('k')), None, "no key kills without asking");
        assert_eq!(map.action(Context::Table, Key::ctrl('d')), None, "what cannot be done has no key");
    }

    proptest! {
        #[test]
        fn hints_never_outgrow_the_line(columns in 0_usize..200, context in 0..CONTEXTS.len()) {
            let hints = Keymap::default().hints(CONTEXTS[context].0, columns);
            let used: usize = hints.iter().map(|h| h.width() + HINT_GAP).sum();
            prop_assert!(used <= columns + HINT_GAP);
        }
    }
}
