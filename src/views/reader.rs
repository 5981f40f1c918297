//! A text viewer: scrolls, searches, wraps and folds shared lines; formats only what is visible.

pub mod draw;
pub mod fold;
pub mod keys;
pub mod lines;
pub mod search;
pub mod syntax;

pub use lines::Lines;
pub use syntax::Syntax;

use crate::views::keymap::Action;
use fold::Folds;
use lines::rows_of;
use search::Search;

/// The room the text has on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Columns of text.
    pub columns: usize,
    /// Rows of text.
    pub rows: usize,
}

impl Room {
    /// Room of so many columns and rows.
    pub fn new(columns: u16, rows: u16) -> Self {
        Self { columns: usize::from(columns), rows: usize::from(rows) }
    }
}

/// A row of the text: a line, and which of its rows when it is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Spot {
    /// The line, counted from 0.
    pub line: usize,
    /// The row of the line, counted from 0.
    pub row: usize,
}

/// Columns one key scrolls sideways.
const SIDEWAYS: usize = 8;

/// The state of a text viewer. It owns no text: lines are shared with the snapshot they came from.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    lines: Lines,
    syntax: Syntax,
    /// The line the cursor is on, where there is a cursor.
    cursor: Option<usize>,
    top: Spot,
    left: usize,
    wrap: bool,
    follow: bool,
    folds: Folds,
    search: Option<Search>,
    /// The room of the last key: new lines keep the cursor in sight there.
    room: Room,
}

impl Reader {
    /// A viewer with a cursor and folds, for documents.
    pub fn document(syntax: Syntax) -> Self {
        Self { syntax, cursor: Some(0), ..Self::default() }
    }

    /// A viewer that follows what is added, for logs.
    pub fn tail(syntax: Syntax) -> Self {
        Self { syntax, follow: true, wrap: false, ..Self::default() }
    }

    /// A viewer of a fixed text.
    pub fn text(lines: Lines, syntax: Syntax) -> Self {
        Self { lines, syntax, ..Self::default() }
    }

    /// Returns the text.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Returns true if the view stays at the newest line.
    pub fn is_following(&self) -> bool {
        self.follow
    }

    /// Returns true if long lines are wrapped.
    pub fn is_wrapped(&self) -> bool {
        self.wrap
    }

    /// Returns the line the cursor is on, where there is a cursor.
    pub fn cursor(&self) -> Option<usize> {
        self.cursor
    }

    /// Takes new lines. `gone` lines went from the front since the last ones: what is read stays in place.
    pub fn set_lines(&mut self, lines: Lines, gone: usize) {
        if self.lines.is_same(&lines) {
            return;
        }
        let is_first = self.lines.is_empty();
        let opens = is_first && self.syntax == Syntax::Yaml;
        self.folds = if opens { fold::folded_at_first(&lines) } else { self.folds.moved(&self.lines, &lines) };
        self.lines = lines;
        self.top.line = self.top.line.saturating_sub(gone).min(self.lines.len().saturating_sub(1));
        let last = self.lines.len().saturating_sub(1);
        self.cursor = self.cursor.map(|c| self.folds.shown_for(c.saturating_sub(gone).min(last)));
        if let Some(search) = &mut self.search {
            search.refresh(&self.lines);
        }
        if self.cursor.is_some() && self.room.rows > 0 {
            self.keep_cursor_visible(self.room);
        }
    }

    /// Does what a key asked for; `false` if it is not the viewer's.
    pub fn on(&mut self, action: Action, room: Room) -> bool {
        let page = room.rows.saturating_sub(1).max(1);
        self.room = room;
        match action {
            Action::UP => self.step(room, false),
            Action::DOWN => self.step(room, true),
            Action::PAGE_UP => self.scroll(room, page, false),
            Action::PAGE_DOWN => self.scroll(room, page, true),
            Action::TOP => self.go(0, room),
            Action::BOTTOM => self.bottom(room),
            Action::LEFT => self.left = self.left.saturating_sub(SIDEWAYS),
            Action::RIGHT if !self.wrap => self.left = (self.left + SIDEWAYS).min(self.widest(room)),
            keys::WRAP => {
                (self.wrap, self.left, self.top.row) = (!self.wrap, 0, 0);
                self.keep_cursor_visible(room);
            }
            keys::FOLLOW if self.cursor.is_none() => {
                self.unfollow(room);
                self.follow = !self.follow;
            }
            keys::FOLD => self.fold(room),
            keys::FOLD_ALL => {
                self.folds.toggle_all(&self.lines);
                self.settle(room);
            }
            keys::NEXT_MATCH => self.next_match(room, true),
            keys::PREVIOUS_MATCH => self.next_match(room, false),
            _ => return false,
        }
        // Lines may have changed since the last key, too.
        self.keep_cursor_visible(room);
        true
    }

    /// Scrolls by rows without leaving the text: what the wheel does.
    pub fn scroll(&mut self, room: Room, rows: usize, down: bool) {
        self.unfollow(room);
        self.top = self.start(room);
        for _ in 0..rows {
            let next = if down { self.after(self.top, room) } else { self.before(self.top, room) };
            let Some(next) = next else { break };
            self.top = next;
        }
        self.top = self.top.min(self.last_top(room));
        let window = self.rows_from(self.top, room);
        if let (Some(cursor), Some(first), Some(last)) = (self.cursor, window.first(), window.last()) {
            self.cursor = Some(cursor.clamp(first.line, last.line));
        }
    }

    /// Takes a click on one of the rows that are shown: the cursor goes to its line, and where it is already, the block that
    /// the line opens is folded or unfolded. `false` where there is no cursor or no line.
    pub fn click(&mut self, row: usize, room: Room) -> bool {
        let Some(line) = self.window(room).get(row).map(|spot| spot.line).filter(|_| self.cursor.is_some()) else {
            return false;
        };
        // What is seen stays where it is.
        self.top = self.start(room);
        self.room = room;
        if self.cursor != Some(line) {
            self.cursor = Some(line);
        } else if fold::block_end(&self.lines, line).is_some() {
            self.fold(room);
        }
        true
    }

    /// Searches from what is on the screen; an empty text ends the search.
    pub fn search(&mut self, text: &str, room: Room) {
        self.search = Search::new(text, &self.lines);
        let here = self.here(room);
        if let Some(line) = self.search.as_ref().and_then(|s| self.prefer_shown(s, here, true)) {
            self.show_match(line, room);
        }
    }

    /// The next match that is not folded away, round the end; a folded one only when there is no other.
    fn prefer_shown(&self, search: &Search, from: usize, forward: bool) -> Option<usize> {
        let step = |at: usize| if forward { search.from(at) } else { search.before(at) };
        let first = step(from)?;
        let mut line = first;
        for _ in 0..search.count() {
            if self.folds.shown_for(line) == line {
                return Some(line);
            }
            line = step(if forward { line + 1 } else { line })?;
        }
        Some(first)
    }

    /// The text searched for, which of the matching lines is current, and how many there are.
    pub fn found(&self) -> Option<(&str, usize, usize)> {
        let search = self.search.as_ref()?;
        let current = search.rank(self.cursor.unwrap_or(self.top.line)).unwrap_or(0);
        Some((&search.text, current, search.count()))
    }

    /// Says whether a search is on; `esc` ends it before it closes the view.
    pub fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// Ends the search.
    pub fn end_search(&mut self) {
        self.search = None;
    }

    /// The text of the line the cursor is on.
    pub fn line_text(&self) -> Option<String> {
        self.cursor.map(|c| self.lines.line(c).into_owned())
    }

    /// How far the text is read, in percent of its lines.
    pub fn percent(&self, room: Room) -> usize {
        let last = self.window(room).last().map_or(0, |s| self.folds.next(s.line));
        (last * 100).checked_div(self.lines.len()).unwrap_or(100)
    }

    /// The rows that are visible now, from the top one. The cursor is always among them.
    pub fn window(&self, room: Room) -> Vec<Spot> {
        if self.lines.is_empty() { Vec::new() } else { self.rows_from(self.start(room), room) }
    }

    fn rows_from(&self, top: Spot, room: Room) -> Vec<Spot> {
        let mut spots = Vec::with_capacity(room.rows);
        let mut next = Some(top);
        while let (Some(spot), true) = (next, spots.len() < room.rows) {
            spots.push(spot);
            next = self.after(spot, room);
        }
        spots
    }

    /// The row at the top: where it was, moved as little as shows the cursor.
    fn start(&self, room: Room) -> Spot {
        let lowest = self.last_top(room);
        if self.follow {
            return lowest;
        }
        let shown = self.folds.shown_for(self.top.line);
        let top = if shown == self.top.line { self.top } else { Spot { line: shown, row: 0 } };
        let top = top.min(lowest);
        // Some row of its line is enough: a line longer than the screen can be paged through.
        let Some(cursor) = self.cursor.filter(|c| !self.rows_from(top, room).iter().any(|s| s.line == *c)) else {
            return top;
        };
        let mut spot = Spot { line: cursor, row: 0 };
        if spot > top {
            for _ in 1..room.rows {
                let Some(before) = self.before(spot, room) else { break };
                spot = before;
            }
        }
        spot.min(lowest)
    }

    fn here(&self, room: Room) -> usize {
        self.cursor.unwrap_or_else(|| self.window(room).first().map_or(0, |s| s.line))
    }

    fn step(&mut self, room: Room, down: bool) {
        let Some(cursor) = self.cursor else { return self.scroll(room, 1, down) };
        let next = if down { Some(self.folds.next(cursor)) } else { self.folds.previous(cursor) };
        if let Some(next) = next.filter(|n| *n < self.lines.len()) {
            self.cursor = Some(next);
        }
        self.keep_cursor_visible(room);
    }

    fn go(&mut self, line: usize, room: Room) {
        self.unfollow(room);
        let line = self.folds.shown_for(line.min(self.lines.len().saturating_sub(1)));
        if self.cursor.is_some() {
            self.cursor = Some(line);
            self.keep_cursor_visible(room);
        } else {
            self.top = Spot { line, row: 0 };
            self.top = self.top.min(self.last_top(room));
        }
    }

    fn bottom(&mut self, room: Room) {
        if self.cursor.is_some() {
            self.go(self.lines.len().saturating_sub(1), room);
        }
        self.top = self.last_top(room);
    }

    fn fold(&mut self, room: Room) {
        let Some(cursor) = self.cursor else { return };
        if let Some(head) = self.folds.toggle(&self.lines, cursor) {
            self.cursor = Some(head);
        }
        self.settle(room);
    }

    /// After folds changed: cursor and top must be on lines that are shown.
    fn settle(&mut self, room: Room) {
        self.cursor = self.cursor.map(|c| self.folds.shown_for(c));
        self.top = Spot { line: self.folds.shown_for(self.top.line), row: 0 };
        self.keep_cursor_visible(room);
    }

    fn next_match(&mut self, room: Room, forward: bool) {
        let here = self.here(room);
        let found = self.search.as_ref().and_then(|s| {
            let from = if forward { here + 1 } else { here };
            self.prefer_shown(s, from, forward)
        });
        if let Some(line) = found {
            self.show_match(line, room);
        }
    }

    fn show_match(&mut self, line: usize, room: Room) {
        self.folds.reveal(line);
        self.go(line, room);
        self.show_column_of_match(line, room);
    }

    /// Scrolls sideways when the match lies outside.
    fn show_column_of_match(&mut self, line: usize, room: Room) {
        let text = self.lines.line(line);
        let start = self.search.as_ref().and_then(|s| s.ranges(&text).first().map(|r| r.start)).unwrap_or(0);
        let column = crate::model::text::width(text.get(..start).unwrap_or_default());
        if !self.wrap && (column < self.left || column + SIDEWAYS > self.left + room.columns) {
            self.left = if column + SIDEWAYS < room.columns { 0 } else { column.saturating_sub(room.columns / 3) };
        }
    }

    fn keep_cursor_visible(&mut self, room: Room) {
        self.top = self.start(room);
    }

    /// Stops following where the text is now.
    fn unfollow(&mut self, room: Room) {
        if self.follow {
            self.top = self.last_top(room);
            self.follow = false;
        }
    }

    fn rows(&self, line: usize, room: Room) -> usize {
        if self.wrap { rows_of(&self.lines.line(line), room.columns) } else { 1 }
    }

    fn after(&self, spot: Spot, room: Room) -> Option<Spot> {
        if spot.row + 1 < self.rows(spot.line, room) {
            return Some(Spot { row: spot.row + 1, ..spot });
        }
        let line = self.folds.next(spot.line);
        (line < self.lines.len()).then_some(Spot { line, row: 0 })
    }

    fn before(&self, spot: Spot, room: Room) -> Option<Spot> {
        if let Some(row) = spot.row.checked_sub(1) {
            return Some(Spot { row, ..spot });
        }
        let line = self.folds.previous(spot.line)?;
        Some(Spot { line, row: self.rows(line, room).saturating_sub(1) })
    }

    /// The top row when the last row of the text is at the bottom of the screen.
    fn last_top(&self, room: Room) -> Spot {
        let last = self.folds.shown_for(self.lines.len().saturating_sub(1));
        let mut spot = Spot { line: last, row: self.rows(last, room).saturating_sub(1) };
        for _ in 1..room.rows {
            let Some(before) = self.before(spot, room) else { break };
            spot = before;
        }
        spot
    }

    /// How far it makes sense to scroll to the right: the widest visible line.
    fn widest(&self, room: Room) -> usize {
        let widths = self.window(room).into_iter().map(|s| crate::model::text::width(&self.lines.line(s.line)));
        widths.max().unwrap_or(0).saturating_sub(room.columns / 2)
    }
}

#[cfg(test)]
mod tests;
