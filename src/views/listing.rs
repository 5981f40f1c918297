//! A live table: a place, the rows that are there now, the cursor and the marks.

use super::filter::Filter;
use super::fleet;
use super::merge::{Merged, RowPredicate, Slot, column};
use super::place::{Place, Source};
use super::resources::{self, Asked, Coverage};
use super::sort::{Sort, SortKey};
use crate::model::cell::Column;
use crate::model::object::{ObjectKey, Row};
use crate::model::text::Text;
use crate::model::time::{UnixSeconds, until_next_change};
use crate::protocol::{Snapshot, ViewId};
use std::collections::{BTreeMap, BTreeSet};

mod columns;
mod cursor;
pub mod keys;
mod model;
mod sorting;

pub use columns::ColumnChoice;
use cursor::Hold;
pub use cursor::Moved;
pub use model::Look;

/// A table and all that belongs to it.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// The table and how it is shown.
    pub place: Place,
    /// The clusters that answered, and those that are missing.
    pub coverage: Coverage,
    /// The marked rows.
    pub marks: BTreeSet<ObjectKey>,
    /// Which columns to show and in what order, where the user chose.
    pub choice: ColumnChoice,
    filter: Filter,
    /// The mistake in the filter line as it is being typed; the last good one stays in force, and is the place's.
    pub filter_error: Option<String>,
    merged: Merged,
    /// The row the cursor is on.
    at: usize,
    /// Facts the cursor keeps besides its object.
    hold: Hold,
    /// The columns of all shards, joined by name, in order of appearance.
    columns: Vec<Column>,
    /// The widest text seen per column since rows, sort or filter changed at large.
    widths: BTreeMap<SortKey, usize>,
    namespaced: bool,
}

/// The view's own conditions, as the merged index asks for them.
struct Conditions<'a> {
    place: &'a Place,
    filter: &'a Filter,
    now: UnixSeconds,
}

impl RowPredicate for Conditions<'_> {
    fn contains(&self, row: &Row, columns: &[Column]) -> bool {
        (self.place.source != Source::Fleet || fleet::is_in(row, columns, &self.place.scope))
            && self.place.scope.has_namespace(&row.namespace)
            && self.place.within.as_ref().is_none_or(|w| w.holds(row, columns))
    }

    fn passes(&self, row: &Row, columns: &[Column]) -> bool {
        (!self.place.faults || row.health.is_fault()) && self.filter.passes(row, columns, self.now)
    }
}

impl Listing {
    /// Opens a place; rows come with [`Listing::feed`].
    pub fn new(place: Place, choice: ColumnChoice) -> Self {
        let mut listing = Self { choice, hold: Hold::of(&place), ..Self::default() };
        listing.merged.sort_by(place.sort.clone());
        listing.place = place;
        match Filter::parse(&listing.place.filter) {
            Ok(parsed) => listing.filter = parsed,
            Err(why) => {
                listing.place.filter.clear();
                listing.filter_error = Some(why);
            }
        }
        listing
    }

    /// Takes in a snapshot; says whether anything that is shown may have changed.
    pub fn feed(&mut self, snapshot: &Snapshot, view: ViewId, now: UnixSeconds) -> bool {
        let slots = match &self.place.source {
            Source::Fleet => vec![fleet::slot(snapshot, self.merged.slots().first())],
            Source::Resources(_) | Source::Events => {
                let asked = Asked {
                    scope: &self.place.looked_at(),
                    resource: self.place.source.name(),
                    selector: self.filter.selector(),
                };
                let mut coverage = resources::coverage(snapshot, view, &asked, now);
                let slots = std::mem::take(&mut coverage.slots);
                self.coverage = coverage;
                self.prepared(slots)
            }
        };
        let conditions = Conditions { place: &self.place, filter: &self.filter, now };
        let changed = self.merged.update(slots, &conditions);
        if changed {
            self.join_columns();
        }
        self.after_feed(changed, now) || changed
    }

    /// Events become one row per cluster, object, reason and message; everything else stays as it is.
    fn prepared(&self, slots: Vec<Slot>) -> Vec<Slot> {
        match self.place.source {
            Source::Events => super::events::deduplicated(slots, self.merged.slots()),
            Source::Fleet | Source::Resources(_) => slots,
        }
    }

    fn join_columns(&mut self) {
        let mut columns: Vec<Column> = Vec::new();
        for slot in self.merged.slots() {
            for c in slot.shard.columns.iter() {
                if column(&columns, &c.name).is_none() {
                    columns.push(c.clone());
                }
            }
        }
        if columns != self.columns {
            self.columns = columns;
            self.widths.clear();
        }
        // Rows are in order of their namespaces: when the last one has none, none has.
        let has_namespace = |slot: &Slot| slot.shard.rows.last().is_some_and(|row| !row.namespace.is_empty());
        self.namespaced = self.merged.slots().iter().any(has_namespace);
    }

    /// Filters by what is typed; a line with a mistake leaves the last good one in force, in the place too.
    pub fn set_filter(&mut self, line: &str, now: UnixSeconds) {
        match Filter::parse(line) {
            Ok(filter) => {
                line.clone_into(&mut self.place.filter);
                let narrower = filter.narrows(&self.filter) && !self.filter.is_empty();
                self.filter = filter;
                self.filter_error = None;
                self.judge(narrower, now);
            }
            Err(why) => self.filter_error = Some(why),
        }
    }

    /// Judges all rows again: the user asked for others.
    fn judge(&mut self, narrower: bool, now: UnixSeconds) {
        self.sift(narrower, now);
        self.hold_cursor(now);
        self.hold.told();
    }

    /// Judges all rows again: the time is different.
    pub fn judge_by_time(&mut self, now: UnixSeconds) {
        self.sift(false, now);
        self.hold_cursor(now);
    }

    fn sift(&mut self, narrower: bool, now: UnixSeconds) {
        let conditions = Conditions { place: &self.place, filter: &self.filter, now };
        self.merged.filter(&conditions, narrower);
        self.widths.clear();
    }

    /// Returns the table's name: the plural of its kind once a cluster has said it, else as typed.
    pub fn title<'a>(&'a self, snapshot: &'a Snapshot) -> &'a str {
        let typed = self.place.source.name();
        let Source::Resources(_) = self.place.source else { return typed };
        let kinds = snapshot.clusters.values().filter_map(|c| c.catalog.find(typed));
        // A name with its group was typed for a reason.
        kinds.map(|kind| kind.plural.as_str()).next().filter(|_| !typed.contains('.')).unwrap_or(typed)
    }

    /// Returns true if the rows have namespaces.
    pub fn is_namespaced(&self) -> bool {
        self.namespaced
    }

    /// Returns the filter in force.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Shows only what is unhealthy, or everything.
    pub fn set_faults(&mut self, faults: bool, now: UnixSeconds) {
        self.place.faults = faults;
        self.judge(false, now);
    }

    /// Sorts.
    pub fn set_sort(&mut self, sort: Sort) {
        self.place.sort = sort.clone();
        self.merged.sort_by(sort);
        if let Some(at) = self.place.cursor.as_ref().and_then(|key| self.merged.place(key)) {
            self.at = at;
        }
        self.widths.clear();
    }

    /// Shows or hides the wide columns.
    pub fn set_wide(&mut self, wide: bool) {
        self.place.wide = wide;
        self.widths.clear();
    }

    /// Moves the cursor by rows.
    pub fn step(&mut self, rows: isize) {
        self.go_to(self.at.saturating_add_signed(rows));
    }

    /// Puts the cursor on a row; past the end is the last.
    pub fn go_to(&mut self, row: usize) {
        self.at = row.min(self.merged.len().saturating_sub(1));
        self.pin();
    }

    /// Scrolls without moving the cursor further than the window makes it.
    pub fn scroll(&mut self, rows: isize, height: usize) {
        let last = self.merged.len().saturating_sub(height);
        self.place.offset = self.place.offset.saturating_add_signed(rows).min(last);
        let at = self.at.clamp(self.place.offset, self.place.offset + height.saturating_sub(1));
        self.go_to(at);
    }

    /// Brings the cursor into a window of so many rows, and measures what it shows.
    pub fn settle(&mut self, height: usize, now: UnixSeconds) {
        let height = height.max(1);
        let offset = &mut self.place.offset;
        if self.at < *offset {
            *offset = self.at;
        } else if self.at >= *offset + height {
            *offset = self.at + 1 - height;
        }
        *offset = (*offset).min(self.merged.len().saturating_sub(height));
        self.measure(height, now);
    }

    /// Marks the row at the cursor or takes the mark away, and moves on.
    pub fn toggle_mark(&mut self) {
        if let Some(key) = self.selected() {
            if !self.marks.remove(&key) {
                self.marks.insert(key);
            }
            self.step(1);
        }
    }

    /// The object at the cursor; none while there is no cursor.
    pub fn selected(&self) -> Option<ObjectKey> {
        self.selected_row().map(|(row, slot)| row.key(&slot.key.kind))
    }

    /// The row at the cursor and its shard.
    pub fn selected_row(&self) -> Option<(&Row, &Slot)> {
        self.merged.get(self.at()?).map(|(row, slot)| (&**row, slot))
    }

    /// Returns the objects an action is about: the marked objects, or else the one at the cursor.
    pub fn chosen(&self) -> Vec<ObjectKey> {
        if self.marks.is_empty() { self.selected().into_iter().collect() } else { self.marks.iter().cloned().collect() }
    }

    /// Returns the rows, merged over clusters.
    pub fn rows(&self) -> &Merged {
        &self.merged
    }

    /// The columns of all shards, joined by name.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Shows this cell of a row by the column's heading.
    pub fn cell_text(&self, row: &Row, slot: &Slot, name: &str, now: UnixSeconds) -> Option<Text> {
        let at = column(&slot.shard.columns, name)?;
        row.cells.get(at).map(|cell| cell.show(now))
    }

    /// Seconds until a visible cell reads differently; `None` when none ever does.
    pub fn next_change(&self, height: usize, now: UnixSeconds) -> Option<i64> {
        use crate::model::cell::Cell;
        let visible = self.place.offset..self.place.offset + height;
        let cells = visible.filter_map(|at| self.merged.get(at)).flat_map(|(row, _)| row.cells.iter());
        let moments = cells.filter_map(|cell| match cell {
            Cell::Since(t) | Cell::Restarts { last: Some(t), .. } | Cell::Span { from: t, to: None } => Some(*t),
            Cell::Empty
            | Cell::None
            | Cell::Unknown
            | Cell::Text(_)
            | Cell::Int(_)
            | Cell::Ratio { .. }
            | Cell::Restarts { last: None, .. }
            | Cell::Span { to: Some(_), .. } => None,
        });
        let cells = moments.map(|t| until_next_change(now.since(t))).min();
        let by_filter = (self.filter.depends_on_time() || self.is_settling()).then_some(1);
        let gaps = self.coverage.missing.iter().filter_map(|m| m.since);
        let gaps = gaps.map(|t| until_next_change(now.since(t))).min();
        [cells, by_filter, gaps].into_iter().flatten().min()
    }
}
