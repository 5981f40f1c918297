//! The columns that sort keys and `:sort` mean in a table.

use super::{Listing, keys};
use crate::views::keymap::Action;
use crate::views::sort::SortKey;

impl Listing {
    /// Returns the column that a sort action means; `None` if the table has no such column.
    pub fn sort_key_of(&self, action: Action) -> Option<SortKey> {
        match action {
            keys::SORT_NAME => Some(SortKey::Name),
            keys::SORT_NAMESPACE => Some(SortKey::Namespace),
            keys::SORT_CLUSTER => Some(SortKey::Cluster),
            keys::SORT_STATUS => {
                let state = self.state_column().cloned().map(SortKey::Column);
                state.or_else(|| self.first_column_of(&["TYPE", "READY"]))
            }
            keys::SORT_AGE => self.first_column_of(&["AGE", "LAST SEEN", "FOR"]),
            keys::SORT_READY => self.first_column_of(&["READY", "NODES", "AVAILABLE"]),
            keys::SORT_RESTARTS => self.first_column_of(&["RESTARTS"]),
            _ => None,
        }
    }

    /// Returns the column of a name, in any case.
    pub fn sort_key_named(&self, name: &str) -> Option<SortKey> {
        match name.to_ascii_lowercase().as_str() {
            "name" => Some(SortKey::Name),
            "namespace" | "ns" => Some(SortKey::Namespace),
            "cluster" => Some(SortKey::Cluster),
            _ => {
                let found = self.columns().iter().find(|c| c.name.eq_ignore_ascii_case(name));
                found.map(|c| SortKey::Column(c.name.clone()))
            }
        }
    }

    /// Returns the shown column beside the one sorted by, round the ends.
    pub fn sort_key_beside(&self, right: bool) -> Option<SortKey> {
        let shown = self.shown_columns();
        let count = shown.len().max(1);
        let at = self.place.sort.primary().and_then(|(key, _)| shown.iter().position(|k| k == key));
        let next = match (at, right) {
            (None, true) => 0,
            (None, false) => count - 1,
            (Some(at), true) => (at + 1) % count,
            (Some(at), false) => (at + count - 1) % count,
        };
        shown.into_iter().nth(next)
    }

    fn first_column_of(&self, names: &[&str]) -> Option<SortKey> {
        let found = names.iter().find_map(|name| self.columns().iter().find(|c| c.name == **name));
        found.map(|c| SortKey::Column(c.name.clone()))
    }
}
