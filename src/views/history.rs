//! The history of a tab: `esc`, `[`, `]` and `-` restore scope, filter, sort and scroll of a table, or a view's own state.

use super::place::Place;
use super::session::SavedView;

/// A table or a full-screen view, as it was when it was left.
#[derive(Debug, Clone, PartialEq)]
pub enum HistoryEntry {
    /// A table.
    Table(Box<Place>),
    /// A full-screen view.
    View(SavedView),
}

/// The way through the views of one tab, without the present one.
#[derive(Debug, Clone, Default)]
pub struct History {
    back: Vec<HistoryEntry>,
    forward: Vec<HistoryEntry>,
    last: Option<HistoryEntry>,
}

/// HistoryEntrys kept each way; the oldest goes first.
const ENTRIES_MAX: usize = 64;

impl History {
    /// Notes that `from` was left for a new one.
    pub fn left(&mut self, from: HistoryEntry) {
        self.last = Some(from.clone());
        self.back.push(from);
        if self.back.len() > ENTRIES_MAX {
            self.back.remove(0);
        }
        self.forward.clear();
    }

    /// The entry before `from`, if there is one.
    pub fn back(&mut self, from: HistoryEntry) -> Option<HistoryEntry> {
        let entry = self.back.pop()?;
        self.last = Some(from.clone());
        self.forward.push(from);
        Some(entry)
    }

    /// The entry `from` was reached back from.
    pub fn forward(&mut self, from: HistoryEntry) -> Option<HistoryEntry> {
        let entry = self.forward.pop()?;
        self.last = Some(from.clone());
        self.back.push(from);
        Some(entry)
    }

    /// The entry seen just before this one, whichever way it was left.
    pub fn last(&mut self, from: HistoryEntry) -> Option<HistoryEntry> {
        let entry = self.last.clone()?;
        self.left(from);
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::place::Source;
    use crate::views::scope::Scope;

    fn place(name: &str) -> HistoryEntry {
        HistoryEntry::Table(Box::new(Place::of(Source::Resources(name.into()), Scope::default())))
    }

    #[test]
    fn back_and_forward_walk_the_same_way() {
        let mut history = History::default();
        history.left(place("a"));
        history.left(place("b"));
        assert_eq!(history.back(place("c")), Some(place("b")));
        assert_eq!(history.back(place("b")), Some(place("a")));
        assert_eq!(history.back(place("a")), None);
        assert_eq!(history.forward(place("a")), Some(place("b")));
        assert_eq!(history.last(place("b")), Some(place("a")));
        assert_eq!(history.forward(place("a")), None, "a new way was taken");
    }
}
