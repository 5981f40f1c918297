//! The frame of an overlay: a calm rectangle in the middle, set apart by its background.

use super::reader::draw::put;
use super::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// A rectangle in the middle, as large as wanted and as fits, an edge of the table left visible where there is room.
pub fn centred(area: Rect, columns: usize, rows: usize) -> Rect {
    let clamp = |wanted: usize, have: u16| u16::try_from(wanted).unwrap_or(u16::MAX).min(have);
    let width = clamp(columns, area.width.saturating_sub(2).max(area.width.min(20)));
    let height = clamp(rows, area.height.saturating_sub(2).max(area.height.min(3)));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// Clears the rectangle and writes the title into its first row.
pub fn frame(buffer: &mut Buffer, area: Rect, title: &str, theme: &Theme) {
    let area = area.intersection(buffer.area);
    clear(buffer, area);
    buffer.set_style(area, theme.style(Role::Overlay));
    line(buffer, area, area.y, title, theme.style(Role::OverlayTitle));
}

/// Empties a rectangle, styles too.
pub fn clear(buffer: &mut Buffer, area: Rect) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
}

/// Writes one line of an overlay, a column in from its edge, over its whole width.
pub fn line(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) {
    if y < area.top() || y >= area.bottom() {
        return;
    }
    let row = Rect { y, height: 1, ..area };
    buffer.set_style(row.intersection(buffer.area), style);
    write(buffer, Rect { x: row.x.saturating_add(1), width: row.width.saturating_sub(2), ..row }, text, style);
}

/// Writes a text into a row as far as it goes, and never outside the buffer; gives the column after it.
pub fn write(buffer: &mut Buffer, row: Rect, text: &str, style: Style) -> u16 {
    put(text, 0..text.len(), row, buffer, |_| style)
}

/// The right part of a row, as wide as the text, where there is room for it.
pub fn right(row: Rect, text: &str) -> Rect {
    let width = u16::try_from(crate::model::text::width(text)).unwrap_or(u16::MAX).min(row.width);
    Rect { x: row.right() - width, width, ..row }
}
