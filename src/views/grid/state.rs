//! Where one is in a grid: the line under the cursor, the order, the filter.

use super::{Grid, GridWindow, rows_of};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::views::cursor::moved;
use crate::views::filter::Filter;
use crate::views::keymap::Action;
use crate::views::session::SavedState;
use crate::views::table::TableStyles;
use crate::views::view::{FilterLine, ViewContext};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// The cursor, the order and the filter of a grid.
#[derive(Debug, Clone, Default)]
pub struct GridState {
    at: usize,
    /// The line the cursor is on: it stays there when lines come and go.
    id: Text,
    top: usize,
    /// A column, and whether the largest comes first.
    sort: Option<(usize, bool)>,
    filter: Filter,
    /// Why the filter as typed cannot be used; the last good one stays.
    mistake: Option<String>,
    /// New lines come at the end, and the cursor stays with them while it is there.
    is_tail: bool,
    left_end: bool,
}

/// The effect of a click in a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GridClick {
    /// A heading sorted the lines, or a line was selected.
    Moved,
    /// The selected line was clicked again: it is to be opened.
    Opens,
}

/// The lines that are shown: the one under the cursor and the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The line under the cursor.
    pub at: usize,
    /// The first line that is shown.
    pub top: usize,
}

impl GridState {
    /// A grid whose newest line is the last: the cursor stays with it until it is moved away. It cannot be sorted.
    pub fn tail() -> Self {
        Self { is_tail: true, ..Self::default() }
    }

    /// The filter in force.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The column sorted by, and whether the largest comes first.
    pub fn sort(&self) -> Option<(usize, bool)> {
        self.sort
    }

    /// Filters and sorts the lines of a grid.
    pub fn applied(&self, grid: Grid, now: UnixSeconds) -> Grid {
        grid.filtered(&self.filter, now).sorted(self.sort, now)
    }

    /// The line under the cursor: where its identity is now, else where it was.
    pub fn at(&self, grid: &Grid) -> usize {
        let last = grid.len().saturating_sub(1);
        if self.is_tail && !self.left_end {
            return last;
        }
        grid.find(&self.id).unwrap_or(self.at).min(last)
    }

    /// Puts the cursor on a line of a grid that shows so many rows.
    pub fn go_to(&mut self, at: usize, grid: &Grid, rows: usize) {
        self.id = grid.line(at).map(|line| line.id.clone()).unwrap_or_default();
        self.top = first(self.top, at, rows);
        self.at = at;
        self.left_end = at != grid.len().saturating_sub(1);
    }

    /// Takes a click at a cell of the screen: one on a heading sorts, one on a line selects it, a second one opens it. `None`
    /// where the grid has neither.
    pub fn click(&mut self, at: Position, table: Rect, grid: &Grid, now: UnixSeconds) -> Option<GridClick> {
        if !table.contains(at) {
            return None;
        }
        let row = usize::from(at.y - table.y);
        if row == 0 {
            self.sort_at(usize::from(at.x - table.x), grid, usize::from(table.width), now);
            return Some(GridClick::Moved);
        }
        let rows = rows_of(table);
        let shown = self.shown(grid, rows);
        let line = shown.top + row - 1;
        if line >= grid.len() {
            return None;
        }
        if line == shown.at {
            return Some(GridClick::Opens);
        }
        self.go_to(line, grid, rows);
        Some(GridClick::Moved)
    }

    /// Draws the visible window of a grid, its heading first.
    pub fn draw(&self, grid: &Grid, table: Rect, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let size = (usize::from(table.width), usize::from(table.height));
        let window = GridWindow { size, shown: self.shown(grid, rows_of(table)), now: cx.now, filter: self.filter() };
        grid.model(&window, cx.theme).draw(table, buffer, &TableStyles::of(cx.theme));
    }

    /// Moves over the lines; returns false if the action is no move.
    pub fn step(&mut self, action: Action, grid: &Grid, rows: usize) -> bool {
        let Some(at) = moved(self.at(grid), action, grid.len(), rows) else { return false };
        self.go_to(at, grid, rows);
        true
    }

    /// The lines shown in so many rows.
    pub fn shown(&self, grid: &Grid, rows: usize) -> Shown {
        let at = self.at(grid);
        let top = self.top.min(grid.len().saturating_sub(rows));
        Shown { at, top: first(top, at, rows) }
    }

    /// Sorts by the heading at a column of the grid; again turns it round, and a third time gives the own order back.
    pub fn sort_at(&mut self, column: usize, grid: &Grid, columns: usize, now: UnixSeconds) {
        if self.is_tail {
            return;
        }
        let headings = grid.headings(columns, now);
        let Some(heading) = headings.iter().rev().find(|heading| heading.x <= column) else { return };
        let Some(nth) = grid.columns.iter().position(|spec| spec.name == heading.text) else { return };
        self.sort = match self.sort {
            Some((at, false)) if at == nth => Some((nth, true)),
            Some((at, true)) if at == nth => None,
            _ => Some((nth, false)),
        };
    }

    /// Filters; a mistake is kept to be said, and the last good filter stays.
    pub fn set_filter(&mut self, text: &str) {
        match Filter::parse(text) {
            Ok(filter) => (self.filter, self.mistake) = (filter, None),
            Err(why) => self.mistake = Some(why),
        }
    }

    /// Saves the filter, the order and the line under the cursor, under a name of the view's own.
    pub fn save(&self, name: &str, into: &mut SavedState) {
        let sort = self.sort.map(|(column, descending)| format!("{}{column}", if descending { "-" } else { "" }));
        let values =
            [("filter", self.filter.source()), ("line", &self.id), ("sort", sort.as_deref().unwrap_or_default())];
        for (what, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
            into.insert(Text::from(format!("{name}.{what}")), value.to_owned());
        }
    }

    /// Takes back what was saved; values of another version that cannot be read are left out.
    pub fn restore(&mut self, name: &str, from: &SavedState) {
        let value = |what: &str| from.get(format!("{name}.{what}").as_str());
        if let Some(filter) = value("filter").and_then(|text| Filter::parse(text).ok()) {
            self.filter = filter;
        }
        if let Some(line) = value("line") {
            self.id = Text::new(line);
        }
        self.sort = value("sort").and_then(|text| {
            let column = text.trim_start_matches('-').parse().ok()?;
            Some((column, text.starts_with('-')))
        });
    }

    /// The filter as the prompt needs it.
    pub fn filter_line(&self) -> FilterLine<'_> {
        FilterLine { text: self.filter.source(), mistake: self.mistake.as_deref() }
    }

    /// Takes the filter away; returns false if there was none.
    pub fn clear_filter(&mut self) -> bool {
        let had = !self.filter.is_empty() || self.mistake.is_some();
        if had {
            self.set_filter("");
        }
        had
    }
}

/// The first line of a window so that the cursor is seen.
fn first(top: usize, at: usize, rows: usize) -> usize {
    top.clamp((at + 1).saturating_sub(rows), at)
}
