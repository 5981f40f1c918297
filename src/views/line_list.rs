//! A list of lines over the table: its frame, its cursor, and what a click means.

use super::cursor::{Clicked, ListCursor};
use super::panel;
use super::theme::Role;
use super::view::ViewContext;
use crate::model::text::width;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// A list of lines over the table: how it looks, and where its entries are.
#[derive(Debug, Clone)]
pub struct LineList {
    /// The text in the frame.
    pub title: &'static str,
    /// The entries, one a line.
    pub lines: Vec<String>,
}

impl LineList {
    fn place(&self, area: Rect) -> Rect {
        let widest = self.lines.iter().map(|line| width(line)).max().unwrap_or_default().max(width(self.title));
        panel::centred(area, widest + 2, self.lines.len() + 2)
    }

    /// Entries shown at once.
    pub fn rows(&self, area: Rect) -> usize {
        usize::from(self.place(area).height.saturating_sub(1))
    }

    /// Takes a click at a column and row of the screen; gives the column within the line, too.
    pub fn click(&self, cursor: &mut ListCursor, at: Position, area: Rect) -> (Clicked, usize) {
        let place = self.place(area);
        if !place.contains(at) || at.y == place.y {
            return (Clicked::Nothing, 0);
        }
        let clicked = cursor.click(usize::from(at.y - place.y - 1), self.lines.len(), self.rows(area));
        (clicked, usize::from((at.x - place.x).saturating_sub(1)))
    }

    /// Draws it, scrolled so that the cursor is seen.
    pub fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>, cursor: ListCursor) {
        let area = self.place(cx.area);
        panel::frame(buffer, area, self.title, cx.theme);
        let rows = self.rows(cx.area);
        let from = cursor.first(rows);
        for ((nth, line), y) in self.lines.iter().enumerate().skip(from).take(rows).zip(area.y + 1..) {
            let role = if nth == cursor.at() { Role::Cursor } else { Role::Overlay };
            panel::line(buffer, area, y, line, cx.theme.style(role));
        }
    }
}
