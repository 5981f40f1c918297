//! Draws the visible rows of a reader: syntax, matches, cursor, fold marks.

use super::lines::{cut, wrapped};
use super::syntax::{Part, parts};
use super::{Reader, Room, Spot};
use crate::model::text::width;
use crate::views::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation as _;

impl Reader {
    /// Draws the text into `area`, and nowhere else; `role` is that of what has no other: the screen's text or an
    /// overlay's.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme, role: Role) {
        let area = area.intersection(buffer.area);
        let room = Room::new(area.width, area.height);
        for (y, spot) in (area.y..area.bottom()).zip(self.window(room)) {
            let row = Rect { y, height: 1, ..area };
            buffer.set_style(row, self.over(spot, theme.style(role), theme));
            self.draw_row(spot, row, buffer, (theme, theme.style(role)));
        }
    }

    fn draw_row(&self, spot: Spot, row: Rect, buffer: &mut Buffer, (theme, ground): (&Theme, Style)) {
        let line = self.lines.line(spot.line);
        let columns = usize::from(row.width);
        let shown = if self.wrap {
            wrapped(&line, columns).get(spot.row).cloned().unwrap_or(0..0)
        } else {
            cut(&line, self.left, columns)
        };
        let parts = parts(self.syntax, &line);
        let matches = self.search.as_ref().map_or_else(Vec::new, |s| s.ranges(&line));
        let style = |byte: usize| {
            let plain = role_at(&parts, byte).map_or(ground, |role| ground.patch(theme.style(role)));
            let plain = self.over(spot, plain, theme);
            if is_in(&matches, byte) { plain.patch(self.match_style(spot, theme)) } else { plain }
        };
        let end = put(&line, shown, row, buffer, style);
        let hidden = self.folds.hidden(spot.line);
        if hidden > 0 {
            let mark = format!(" ▸ {hidden} lines");
            put(&mark, 0..mark.len(), Rect { x: end, width: row.right() - end, ..row }, buffer, |_| {
                theme.style(Role::Dim)
            });
        }
    }

    /// A style with the cursor's over it, where the cursor is.
    fn over(&self, spot: Spot, style: Style, theme: &Theme) -> Style {
        if self.cursor == Some(spot.line) { style.patch(theme.style(Role::Cursor)) } else { style }
    }

    fn match_style(&self, spot: Spot, theme: &Theme) -> Style {
        theme.style(if self.cursor == Some(spot.line) { Role::MatchCurrent } else { Role::Match })
    }
}

fn role_at(parts: &[Part], byte: usize) -> Option<Role> {
    parts.iter().find(|(range, _)| range.contains(&byte)).map(|(_, role)| *role)
}

fn is_in(ranges: &[Range<usize>], byte: usize) -> bool {
    ranges.iter().any(|r| r.contains(&byte))
}

/// Writes a part of a text, letter by letter, as far as the row goes; gives the column after it. A letter of no
/// width or with a control character in it is left out, wherever it came from.
pub fn put(text: &str, shown: Range<usize>, row: Rect, buffer: &mut Buffer, style: impl Fn(usize) -> Style) -> u16 {
    let row = row.intersection(buffer.area);
    if row.is_empty() {
        return row.x;
    }
    let mut x = row.x;
    let start = shown.start;
    for (byte, letter) in text.get(shown).unwrap_or_default().grapheme_indices(true) {
        let wide = u16::try_from(width(letter)).unwrap_or(u16::MAX);
        if wide == 0 || letter.chars().any(char::is_control) {
            continue;
        }
        if x.saturating_add(wide) > row.right() {
            break;
        }
        buffer.set_string(x, row.y, letter, style(start + byte));
        x += wide;
    }
    x
}
