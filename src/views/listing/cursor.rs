//! The cursor of a table: it holds one object, by identity, from the first frame it is drawn in.
//!
//! While the first rows of a view come, cluster by cluster, there is no cursor: the table stays at its top, and no key can
//! mean a row that slid under it. It is drawn once all clusters have answered, or after a moment, or when it is moved.

use super::Listing;
use crate::model::cell::Cell;
use crate::model::object::{ObjectKey, Row};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::views::events::SAME;
use crate::views::merge::{Slot, column};
use crate::views::place::{Place, Source};
use crate::views::resources::Gap;
use std::sync::Arc;

/// How long the cursor waits for the rows of slow clusters, from the first row on.
const SETTLE_S: i64 = 2;

/// Facts the cursor keeps besides its object.
#[derive(Debug, Clone, Default)]
pub(super) struct Hold {
    /// Its object was asked for before its rows came: it waits for them.
    awaited: bool,
    /// When there were rows for the first time.
    first_rows: Option<UnixSeconds>,
    /// The row it is on, as it was last.
    row: Option<Arc<Row>>,
    /// The cursor had to leave its object; not told yet.
    moved: Option<Moved>,
}

impl Hold {
    pub(super) fn of(place: &Place) -> Self {
        Self { awaited: place.cursor.is_some(), ..Self::default() }
    }

    /// The user knows why the cursor moved.
    pub(super) fn told(&mut self) {
        self.moved = None;
    }
}

/// The cursor had to leave its object for the row beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The name of the object the cursor was on.
    pub from: Text,
    /// The name of the object it is on now.
    pub to: Text,
    /// The object is there, and not shown any more.
    pub is_hidden: bool,
}

impl Moved {
    /// The sentence for the user: the next key is about another object.
    pub fn sentence(&self) -> String {
        let Self { from, to, is_hidden } = self;
        let why = if *is_hidden { "no longer passes the filter" } else { "is gone" };
        format!("{from} {why}; the cursor is on {to}")
    }
}

impl Listing {
    /// The row the cursor is on; `None` while there is no cursor.
    pub fn at(&self) -> Option<usize> {
        let has_cursor = self.place.cursor.is_some() && !self.hold.awaited && !self.merged.is_empty();
        has_cursor.then_some(self.at)
    }

    /// Says whether there are rows and no cursor yet.
    pub fn is_settling(&self) -> bool {
        self.at().is_none() && !self.merged.is_empty()
    }

    /// Why the cursor moved since this was asked last, where the user did not move it.
    pub fn take_moved(&mut self) -> Option<Moved> {
        self.hold.moved.take()
    }

    /// Holds the cursor after new rows; says whether it moved on the screen without them.
    pub(super) fn after_feed(&mut self, changed: bool, now: UnixSeconds) -> bool {
        if self.hold.first_rows.is_none() && self.merged.total() > 0 {
            self.hold.first_rows = Some(now);
        }
        let before = self.at();
        if changed || before.is_none() {
            self.hold_cursor(now);
        }
        self.at() != before
    }

    /// Says whether rows that sort before the first one need not be waited for.
    fn is_settled(&self, now: UnixSeconds) -> bool {
        self.place.source == Source::Fleet
            || self.coverage.missing.iter().all(|missing| missing.gap != Gap::Progress)
            || self.hold.first_rows.is_some_and(|first| now.since(first) >= SETTLE_S)
    }

    /// Keeps the cursor on its object, or puts it beside where that was.
    pub(super) fn hold_cursor(&mut self, now: UnixSeconds) {
        if self.merged.is_empty() {
            return;
        }
        let Some(key) = self.place.cursor.clone() else {
            if self.is_settled(now) {
                self.pin();
            }
            return;
        };
        if let Some(at) = self.merged.place(&key).or_else(|| self.same_event(&key)) {
            self.at = at;
            self.pin();
        } else if !self.hold.awaited || self.is_settled(now) {
            let was = self.at.min(self.merged.len().saturating_sub(1));
            self.at = self.merged.near(&key).unwrap_or(was);
            self.pin();
            let to = self.hold.row.as_ref().map(|row| row.name.clone()).unwrap_or_default();
            // An event's own name says nothing.
            let (from, to) = match self.place.source {
                Source::Events => (Text::const_new("the event"), Text::const_new("the one beside it")),
                Source::Fleet | Source::Resources(_) => (key.name.clone(), to),
            };
            self.hold.moved = Some(Moved { from, to, is_hidden: self.merged.has(&key) });
        }
    }

    /// Puts the cursor on the row it is at, for good.
    pub(super) fn pin(&mut self) {
        self.hold.awaited = false;
        self.place.cursor = self.merged.key(self.at);
        self.hold.row = self.merged.get(self.at).map(|(row, _)| Arc::clone(row));
    }

    /// Equal events are one row under the name of the newest: the row of the cursor may have another name now.
    fn same_event(&self, key: &ObjectKey) -> Option<usize> {
        let old = self.hold.row.as_ref().filter(|_| self.place.source == Source::Events)?;
        let texts = |row: &Row, slot: &Slot| {
            SAME.map(|name| match column(&slot.shard.columns, name).and_then(|at| row.cells.get(at)) {
                Some(Cell::Text(text)) => text.clone(),
                _ => Text::default(),
            })
        };
        let is_same = |(row, slot): (&Arc<Row>, &Slot)| {
            slot.key.cluster == key.cluster && row.namespace == old.namespace && texts(row, slot) == texts(old, slot)
        };
        self.merged.iter().position(is_same)
    }
}
