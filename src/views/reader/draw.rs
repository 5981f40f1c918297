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
    /// Draws the text into `area`, and nowhere else.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        let room = Room::new(area.width, area.height);
        for (y, spot) in (area.y..area.bottom()).zip(self.window(room)) {
            let row = Rect { y, height: 1, ..area };
            self.draw_row(spot, row, buffer, theme);
            if self.cursor == Some(spot.line) {
                buffer.set_style(row, theme.style(Role::Cursor));
            }
        }
    }

    fn draw_row(&self, spot: Spot, row: Rect, buffer: &mut Buffer, theme: &Theme) {
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
            let role = role_at(&parts, byte).unwrap_or(Role::Text);
            let plain = theme.style(Role::Text).patch(theme.style(role));
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
