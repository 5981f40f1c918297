//! Changes of labels as words: `KEY=VALUE` sets a label, `KEY-` removes one.

use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};

/// Labels to set and to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelChanges {
    /// Labels to set.
    pub set: BTreeMap<Text, Text>,
    /// Keys of labels to remove.
    pub remove: BTreeSet<Text>,
}

/// Splits `KEY=VALUE` (a label to set) and `KEY-` (a label to remove); returns `None` for any other text.
pub fn split(text: &str) -> Option<(&str, Option<&str>)> {
    match text.split_once('=') {
        Some((key, value)) => Some((key, Some(value))),
        None => text.strip_suffix('-').filter(|key| !key.is_empty()).map(|key| (key, None)),
    }
}

impl LabelChanges {
    /// Reads the changes of labels among words, and leaves out all other words. Fails for a key or a value that cannot be
    /// one, and for a key that is given twice.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut changes = Self::default();
        let Self { set, remove } = &mut changes;
        for (key, value) in words.into_iter().filter_map(split) {
            check_key(key)?;
            let is_new = match value {
                Some(value) => {
                    check_value(value)?;
                    set.insert(Text::new(key), Text::new(value)).is_none() && !remove.contains(key)
                }
                None => remove.insert(Text::new(key)) && !set.contains_key(key),
            };
            if !is_new {
                return Err(format!("the label `{key}` is given twice"));
            }
        }
        Ok(changes)
    }

    /// Returns true if no label changes.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

/// Checks the rules of the API server: a prefix that is a DNS name, and a name of at most 63 characters.
fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_dns = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let prefix_fits = prefix.is_none_or(|p| !p.is_empty() && p.len() <= 253 && p.chars().all(is_dns));
    if prefix_fits && !name.is_empty() && is_word(name) {
        return Ok(());
    }
    Err(format!("`{key}` cannot be the key of a label"))
}

fn check_value(value: &str) -> Result<(), String> {
    if value.is_empty() || is_word(value) {
        return Ok(());
    }
    Err(format!("`{value}` cannot be the value of a label"))
}

fn is_word(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63 && text.chars().all(fits) && is_end(text.chars().next()) && is_end(text.chars().last())
}
