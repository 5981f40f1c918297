//! Draws the whole screen from the state, and from nothing else.

use super::App;
use crate::model::text::width;
use crate::model::time::UnixSeconds;
use crate::protocol::Severity;
use crate::views::clock::time_of_day;
use crate::views::header::{self, Piece};
use crate::views::listing::Listing;
use crate::views::page;
use crate::views::place::Source;
use crate::views::prompt::PromptKind;
use crate::views::sort::SortKey;
use crate::views::table::TableStyles;
use crate::views::theme::Role;
use crate::views::view::Layer;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Where things are; what has no room has no height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Areas {
    pub(super) header: Rect,
    pub(super) tabs: Rect,
    pub(super) table: Rect,
    pub(super) reasons: Rect,
    pub(super) bottom: Rect,
}

/// Lines between table and hints at most, on a screen of so many rows; what a line must say is worth more than rows.
fn reason_lines_max(height: u16) -> u16 {
    match height {
        0..16 => 1,
        16..22 => 2,
        _ => 4,
    }
}

impl App {
    pub(super) fn screen(&self) -> Rect {
        Rect::new(0, 0, self.size.0, self.size.1)
    }

    /// Splits the screen. The table keeps at least its heading and one row, before anything around it.
    pub(super) fn areas(&self) -> Areas {
        let screen = self.screen();
        let mut spare = screen.height.saturating_sub(2);
        let mut take = |wanted: usize| {
            let height = u16::try_from(wanted).unwrap_or(spare).min(spare);
            spare -= height;
            height
        };
        let header = take(1);
        let bottom = take(1);
        let reasons = take(self.reason_lines().len());
        let tabs = take(usize::from(self.tabs.len() > 1));
        let row = |y, height| Rect { y, height, ..screen };
        let table_top = header + tabs;
        let table_height = screen.height.saturating_sub(table_top + reasons + bottom);
        Areas {
            header: row(0, header),
            tabs: row(header, tabs),
            table: row(table_top, table_height),
            reasons: row(table_top + table_height, reasons),
            bottom: row(table_top + table_height + reasons, bottom),
        }
    }

    /// Rows of the table, without its heading.
    pub(super) fn page(&self) -> usize {
        usize::from(self.areas().table.height.saturating_sub(1))
    }

    /// Draws everything.
    pub fn view(&self, frame: &mut Frame<'_>) {
        if let Some(cursor) = self.render(frame.buffer_mut()) {
            frame.set_cursor_position(cursor);
        }
    }

    /// Draws everything into a buffer; gives where the cursor is while something is typed.
    pub(super) fn render(&self, buffer: &mut Buffer) -> Option<Position> {
        let areas = self.areas();
        buffer.set_style(self.screen().intersection(buffer.area), self.appearance.theme().style(Role::Text));
        self.draw_header(areas.header, buffer);
        self.draw_tabs(areas.tabs, buffer);
        if !self.is_covered() {
            self.draw_table(areas.table, buffer);
        }
        for (line, y) in self.reason_lines().iter().zip(areas.reasons.y..areas.reasons.bottom()) {
            self.draw_pieces(Rect { y, height: 1, ..areas.reasons }, buffer, line);
        }
        let cursor = self.draw_bottom(areas.bottom, buffer);
        let page = self.tab().and_then(|tab| tab.page.as_ref());
        for view in page.into_iter().chain(&self.overlays) {
            view.draw(buffer, &self.cx(areas.table));
        }
        cursor
    }

    /// Returns true if nothing of the table is to be seen.
    fn is_covered(&self) -> bool {
        let has_page = self.tab().is_some_and(|tab| tab.page.is_some());
        has_page || self.overlays.iter().any(|view| view.spec().layer != Layer::Panel)
    }

    fn draw_header(&self, area: Rect, buffer: &mut Buffer) {
        let Some(tab) = self.tab() else { return };
        if area.is_empty() {
            return;
        }
        if let Some(page) = &tab.page {
            let path = header::page_path(page.spec().name, &self.snapshot);
            let clock = vec![(self.clock(), Role::Dim)];
            return header::draw(area, buffer, self.appearance.theme(), &[path], &[clock]);
        }
        let path = header::path(&tab.listing, &self.snapshot, self.frozen);
        let counts = header::counts(&tab.listing, &self.snapshot, &self.clock());
        header::draw(area, buffer, self.appearance.theme(), &path, &counts);
    }

    /// The time of what is shown: the snapshot's, so that an idle screen stays idle and a frozen one is honest.
    fn clock(&self) -> String {
        if self.snapshot.at == UnixSeconds::default() {
            return String::new();
        }
        time_of_day(self.snapshot.at, self.utc_offset_s)
    }

    fn draw_tabs(&self, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let mut pieces: Vec<Piece> = vec![(" ".to_owned(), Role::Tab)];
        for (at, tab) in self.tabs.iter().enumerate() {
            let role = if at == self.active { Role::TabActive } else { Role::Tab };
            pieces.push((format!(" {} {} ", at + 1, tab.title(&self.snapshot)), role));
        }
        self.draw_pieces(area, buffer, &pieces);
    }

    fn draw_pieces(&self, area: Rect, buffer: &mut Buffer, pieces: &[Piece]) {
        header::write(area, buffer, self.appearance.theme(), (0, usize::from(area.width)), pieces);
    }

    fn draw_table(&self, area: Rect, buffer: &mut Buffer) {
        let Some(tab) = self.tab() else { return };
        let model = tab.listing.model((usize::from(area.width), usize::from(area.height)), self.look());
        model.draw(area, buffer, &TableStyles::of(self.appearance.theme()));
        if tab.listing.rows().is_empty() {
            let lines = header::empty(&tab.listing, &self.snapshot);
            let lines: Vec<(String, Role)> = lines.into_iter().map(|line| (line, Role::Dim)).collect();
            let (x, y) = (area.x.saturating_add(2), area.y.saturating_add(2));
            let (width, height) = (area.width.saturating_sub(3), area.height.saturating_sub(2));
            page::say(Rect { x, y, width, height }, buffer, &lines, self.appearance.theme());
        }
    }

    /// The lines above the hints.
    fn reason_lines(&self) -> Vec<Vec<Piece>> {
        let lines = usize::from(reason_lines_max(self.size.1));
        let columns = usize::from(self.size.0);
        header::wrapped(&self.reason_pieces(lines), columns, lines)
    }

    /// The words of those lines, in so many lines at most: the last message, else a mistake in the filter, else what is missing or
    /// wrong.
    fn reason_pieces(&self, lines: usize) -> Vec<Piece> {
        if let Some(message) = self.status.message() {
            let role = match message.severity {
                Severity::Note => Role::Note,
                Severity::Warning => Role::Warning,
                Severity::Error => Role::Error,
            };
            return vec![(format!(" {}", message.text), role)];
        }
        let Some(tab) = self.tab().filter(|_| !self.is_covered()) else { return Vec::new() };
        if let Some(why) = &tab.listing.filter_error {
            return vec![(format!(" filter: {why}"), Role::Error)];
        }
        let listing = &tab.listing;
        if listing.place.source == Source::Fleet {
            return self.cluster_reason(listing);
        }
        self.missing_reasons(listing, lines)
    }

    /// The clusters that are missing: in one line where that is all, in two else; in more only where the first reason needs them.
    fn missing_reasons(&self, listing: &Listing, lines: usize) -> Vec<Piece> {
        let columns = usize::from(self.size.0);
        let scope = listing.place.looked_at();
        let within = |lines: usize| {
            // Words that do not fit leave a line before its end.
            let room = if lines > 1 { columns * lines * 9 / 10 } else { columns };
            header::reasons(&listing.coverage.missing, &scope, (columns, room))
        };
        let is_enough = |nth: usize, said: &[Piece]| header::is_whole(said) || nth > 1 && !header::is_cut(said);
        let mut forms = (1..=lines).map(|nth| (nth, within(nth)));
        forms.find(|(nth, said)| is_enough(*nth, said)).map_or_else(|| within(lines), |(_, said)| said)
    }

    /// Why the cluster under the cursor is not well, where its row has no room to say it.
    fn cluster_reason(&self, listing: &Listing) -> Vec<Piece> {
        let Some((row, slot)) = listing.selected_row() else { return Vec::new() };
        let why = listing.cell_text(row, slot, "REASON", self.now).unwrap_or_default();
        let room = listing.headings(usize::from(self.size.0)).into_iter();
        let room = room.filter(|h| h.id == SortKey::Column("REASON".into())).map(|h| h.width).next();
        if why.is_empty() || room.is_some_and(|room| width(&why) <= room) {
            return Vec::new();
        }
        vec![(format!(" {}: ", row.name), Role::Degraded), (why.to_string(), Role::Text)]
    }

    /// The prompt while something is typed, else the hints; returns where the cursor is.
    fn draw_bottom(&self, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let Some(prompt) = &self.prompt else {
            let hints = header::hints(&self.keymap, self.context(), usize::from(area.width), &self.unavailable());
            self.draw_pieces(area, buffer, &hints);
            return None;
        };
        let sign = match prompt.kind {
            PromptKind::Command => ":",
            PromptKind::Filter | PromptKind::Search => "/",
        };
        let room = usize::from(area.width).saturating_sub(2);
        // A long line shows its end, where one types.
        let skip = (prompt.cursor() + 1).saturating_sub(room);
        let shown: String = skip_columns(prompt.text(), skip);
        let ghost = if prompt.at_end() { prompt.ghost.clone() } else { String::new() };
        let pieces = [(sign.to_owned(), Role::Key), (shown, Role::Input), (ghost, Role::Ghost)];
        self.draw_pieces(area, buffer, &pieces);
        let x = area.x + u16::try_from(prompt.cursor().saturating_sub(skip) + 1).unwrap_or(u16::MAX);
        (!area.is_empty()).then(|| Position::new(x.min(area.right().saturating_sub(1)), area.y))
    }
}

fn skip_columns(text: &str, columns: usize) -> String {
    let mut skipped = 0;
    let rest = text.chars().skip_while(|c| {
        let skip = skipped < columns;
        skipped += width(c.encode_utf8(&mut [0; 4]));
        skip
    });
    rest.collect()
}
