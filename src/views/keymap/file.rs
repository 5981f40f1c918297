//! The user's keymap file: only what differs from the defaults.
//!
//! ```yaml
//! describe: i            # everywhere the action works
//! top: ["g g", home]     # several keys; a sequence has its keys apart by spaces
//! logs.wrap: ctrl-l      # in one context only
//! copy: ~                # no key
//! ```

use super::{Action, Bound, Context, Key, Keymap, parse_sequence, print_sequence};
use crate::views::suggest::nearest;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

/// Something wrong in a file of the user's, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's path.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// A sentence that names the mistake.
    pub message: String,
    /// The next step; may be empty.
    pub hint: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

/// The keys of one entry, as written.
#[derive(Debug, Default)]
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

/// Accepts what YAML makes of a key: text, a digit read as a number, nothing, or a list of those.
struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key (ctrl-z), a list of keys, or ~ for none")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Keys, E> {
        Ok(Keys(vec![text.to_owned()]))
    }

    fn visit_u64<E: de::Error>(self, digit: u64) -> Result<Keys, E> {
        Ok(Keys(vec![digit.to_string()]))
    }

    fn visit_i64<E: de::Error>(self, digit: i64) -> Result<Keys, E> {
        Ok(Keys(vec![digit.to_string()]))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_none<E: de::Error>(self) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Keys, A::Error> {
        let mut keys = Keys::default();
        while let Some(mut entry) = list.next_element::<Keys>()? {
            keys.0.append(&mut entry.0);
        }
        Ok(keys)
    }
}

/// An entry of the file, understood.
struct FileEntry {
    action: Action,
    contexts: Vec<Context>,
    keys: Vec<Vec<Key>>,
    line: u64,
}

impl Keymap {
    /// The defaults with the user's changes. What is wrong is reported and left out; of two actions on one
    /// key the user's wins over the default, and the first of two of the user's.
    pub fn with_file(text: &str, file: &str) -> (Self, Vec<Problem>) {
        let mut map = Self::default();
        if text.trim().is_empty() {
            return (map, Vec::new());
        }
        let options = serde_saphyr::options! { strict_booleans: true };
        let parsed: Result<Option<BTreeMap<String, Spanned<Keys>>>, _> =
            serde_saphyr::from_str_with_options(text, options);
        let raw = match parsed {
            Ok(raw) => raw.unwrap_or_default(),
            Err(error) => {
                let line = error.location().map_or(0, |l| l.line());
                let problem = Problem { file: file.to_owned(), line, message: error.to_string(), hint: String::new() };
                return (map, vec![problem]);
            }
        };
        let (mut entries, mut problems) = (Vec::new(), Vec::new());
        for (name, keys) in &raw {
            match understand(&map, name, keys) {
                Ok(entry) => entries.push(entry),
                Err((message, hint)) => {
                    problems.push(Problem { file: file.to_owned(), line: keys.referenced.line(), message, hint });
                }
            }
        }
        entries.sort_by_key(|e| e.line);
        for (line, message, hint) in map.apply(&entries) {
            problems.push(Problem { file: file.to_owned(), line, message, hint });
        }
        problems.sort_by_key(|p| p.line);
        (map, problems)
    }

    /// Replaces the keys of each entry's action, then settles what clashes.
    fn apply(&mut self, entries: &[FileEntry]) -> Vec<(u64, String, String)> {
        for entry in entries {
            self.bound.retain(|b| b.action != entry.action || !entry.contexts.contains(&b.context));
        }
        let mut chosen: Vec<Bound> = Vec::new();
        let mut clashes = Vec::new();
        for entry in entries {
            for context in &entry.contexts {
                for keys in &entry.keys {
                    let bound = Bound { context: *context, action: entry.action, keys: keys.clone() };
                    let earlier = chosen.iter().find(|b| clash(b, &bound)).map(|b| (b.action, false));
                    let default = self.bound.iter().find(|b| clash(b, &bound)).map(|b| (b.action, true));
                    if let Some((other, is_default)) = earlier.or(default) {
                        clashes.push(conflict(&bound, other, is_default, entry.line));
                    }
                    if earlier.is_none() {
                        self.bound.retain(|b| !clash(b, &bound));
                        chosen.push(bound);
                    }
                }
            }
        }
        self.bound.append(&mut chosen);
        clashes
    }
}

/// Two bindings that cannot both work: the same keys, or one the beginning of the other.
fn clash(a: &Bound, b: &Bound) -> bool {
    a.context == b.context && a.action != b.action && (a.keys.starts_with(&b.keys) || b.keys.starts_with(&a.keys))
}

fn conflict(bound: &Bound, other: Action, is_default: bool, line: u64) -> (u64, String, String) {
    let (keys, place) = (print_sequence(&bound.keys), bound.context.name());
    let (name, other) = (bound.action.name(), other.name());
    let message = format!("{keys} is both {name} and {other} in {place}");
    let hint = if is_default {
        format!("{other} has no such key now; give it another")
    } else {
        format!("{other} keeps it; give {name} another")
    };
    (line, message, hint)
}

/// Reads `action` or `context.action` and its keys; the error is a message and a hint.
fn understand(map: &Keymap, name: &str, keys: &Spanned<Keys>) -> Result<FileEntry, (String, String)> {
    let (place, action_name) = name.split_once('.').map_or((None, name), |(c, a)| (Some(c), a));
    let spec = map.actions.iter().find(|spec| spec.is_called(action_name)).ok_or_else(|| {
        let hint = nearest(action_name, map.actions.iter().map(|spec| spec.action.name()));
        (format!("unknown action {action_name}"), did_you_mean(hint))
    })?;
    let action = spec.action;
    let works_in = |c: &Context| !map.keys_of(*c, action).is_empty();
    let contexts: Vec<Context> = match place {
        None => map.contexts().map(|spec| spec.context).filter(works_in).collect(),
        Some(place) => {
            let known: Vec<Context> = map.contexts().map(|spec| spec.context).collect();
            let context = known.iter().copied().find(|context| context.name() == place).ok_or_else(|| {
                (
                    format!("unknown context {place}"),
                    did_you_mean(nearest(place, known.iter().map(|context| context.name()))),
                )
            })?;
            if !works_in(&context) {
                return Err((format!("{action_name} does nothing in {place}"), String::new()));
            }
            vec![context]
        }
    };
    let parsed = keys.value.0.iter().map(|text| {
        parse_sequence(text)
            .ok_or_else(|| (format!("{text:?} is no key"), "keys are written ctrl-z, shift-n, space, f5, [".to_owned()))
    });
    let keys_read = parsed.collect::<Result<Vec<_>, _>>()?;
    Ok(FileEntry { action, contexts, keys: keys_read, line: keys.referenced.line() })
}

/// The hint for a name nobody knows.
pub(crate) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|n| format!("did you mean {n}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::listing::keys;
    use crate::views::reader;

    fn read(text: &str) -> (Keymap, String) {
        let (map, problems) = Keymap::with_file(text, "keys.yaml");
        (map, problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn only_what_the_file_names_changes() {
        let (map, problems) = read("describe: i\nyaml: [e, f5]\ntop: 'g g'\nnode: ~\n");
        assert_eq!(problems, "");
        assert_eq!(map.keys_of(Context::new("table"), Action::DESCRIBE), ["i"]);
        assert_eq!(map.keys_of(Context::new("detail"), Action::YAML), ["e", "f5"]);
        assert_eq!(map.keys_of(Context::new("table"), keys::NODE), [""; 0]);
        assert_eq!(map.keys_of(Context::new("table"), Action::LOGS), ["l"]);
        assert_eq!(map.resolve(Context::new("table"), &[Key::char('g')]), super::super::Meaning::Prefix);
        let twice = [Key::char('g'), Key::char('g')];
        assert_eq!(map.resolve(Context::new("table"), &twice), super::super::Meaning::Action(Action::TOP));
    }

    #[test]
    fn one_context_can_be_changed_alone_and_yaml_booleans_are_keys() {
        let (map, problems) = read("logs.follow: y\nlogs.wrap: 9\n");
        assert_eq!(problems, "");
        assert_eq!(map.keys_of(Context::new("logs"), reader::keys::FOLLOW), ["y"]);
        assert_eq!(map.keys_of(Context::new("logs"), reader::keys::WRAP), ["9"]);
        assert_eq!(map.keys_of(Context::new("detail"), reader::keys::WRAP), ["w"]);
    }

    #[test]
    fn the_names_of_one_release_ago_are_still_taken() {
        let (map, problems) = read("fence: b\nroutes.unfence: e\n");
        assert_eq!(problems, "");
        let routes = Context::new("routes");
        assert_eq!(map.keys_of(routes, Action::new("block")), ["b"]);
        assert_eq!(map.keys_of(routes, Action::new("reopen")), ["e"]);
    }

    #[test]
    fn conflicts_name_both_actions_and_unknown_names_get_a_suggestion() {
        let (map, problems) = read("describe: l\nlogz: z\ntabel.copy: v\nyaml: hyper-x\nlogs.node: a\ncopy: l\n");
        insta::assert_snapshot!(problems, @r#"
        keys.yaml:1: l is both describe and logs in table (logs has no such key now; give it another)
        keys.yaml:1: l is both describe and logs in detail (logs has no such key now; give it another)
        keys.yaml:2: unknown action logz (did you mean logs?)
        keys.yaml:3: unknown context tabel (did you mean table?)
        keys.yaml:4: "hyper-x" is no key (keys are written ctrl-z, shift-n, space, f5, [)
        keys.yaml:5: node does nothing in logs
        keys.yaml:6: l is both copy and right in fleet (right has no such key now; give it another)
        keys.yaml:6: l is both copy and describe in table (describe keeps it; give copy another)
        keys.yaml:6: l is both copy and describe in detail (describe keeps it; give copy another)
        keys.yaml:6: l is both copy and right in logs (right has no such key now; give it another)
        "#);
        assert_eq!(map.action(Context::new("table"), Key::char('l')), Some(Action::DESCRIBE));
        assert_eq!(map.keys_of(Context::new("table"), Action::YAML), ["y"], "a wrong entry changes nothing");
    }

    #[test]
    fn a_file_that_is_no_mapping_is_reported_with_its_line() {
        let (map, problems) = read("a: b\n - c\n");
        assert_eq!(map, Keymap::default());
        assert!(problems.starts_with("keys.yaml:"), "{problems}");
        assert_eq!(read("# nothing\n").1, "");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_reported(text in "\\PC{0,60}") {
            drop(Keymap::with_file(&text, "keys.yaml"));
        }
    }
}
