//! The table widget: columns fitted to a width, then the visible lines written to the buffer. It never
//! sees more rows than fit on the screen.

use super::sort::SortKey;
use super::theme::{Role, Theme};
use crate::model::cell::Align;
use crate::model::text::{fit, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::borrow::Cow;
use std::ops::Range;

/// The widths a column asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnWish {
    /// The column's identity.
    pub id: SortKey,
    /// The heading.
    pub heading: String,
    /// The side the cells stand at.
    pub align: Align,
    /// The widest text to show.
    pub wanted: usize,
    /// Never narrower than this, rather left out.
    pub least: usize,
    /// An essential column is this wide before any other is shown at all, where that is possible.
    pub comfort: usize,
    /// 0 is the last to be left out.
    pub importance: usize,
}

/// A column with its place on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Heading {
    /// The column's identity.
    pub id: SortKey,
    /// The heading.
    pub text: String,
    /// The side the cells stand at.
    pub align: Align,
    /// Columns from the left edge of the table.
    pub x: usize,
    /// Columns it takes.
    pub width: usize,
}

/// Columns between two columns.
const GAP: usize = 2;

/// Mark, cursor and a space before the first column.
pub const GUTTER: usize = 3;

/// The same with a state and a space, where no column shows it.
pub const GUTTER_WITH_STATE: usize = 5;

/// Columns of lower importance are essential: they have their comfort before others have a place.
pub const ESSENTIAL: usize = 4;

/// No column takes more than this before all others have what they want.
const FAIR: usize = 44;

/// Fits columns into a width: what is least important goes first, then names are cut.
pub fn lay_out(wishes: &[ColumnWish], gutter: usize, columns: usize) -> Vec<Heading> {
    let mut ranked: Vec<usize> = (0..wishes.len()).collect();
    ranked.sort_by_key(|at| wishes.get(*at).map(|w| w.importance));
    let mut room = columns.saturating_sub(gutter);
    let mut widths: Vec<Option<usize>> = vec![None; wishes.len()];
    let comfortable = |w: &ColumnWish| w.comfort.max(w.least).min(w.wanted).max(1);
    let essential = wishes.iter().filter(|w| w.importance < ESSENTIAL);
    let comfort: usize = essential.map(|w| comfortable(w) + GAP).sum();
    let has_comfort = comfort <= room + GAP;
    let mut is_first = true;
    for at in &ranked {
        let Some(wish) = wishes.get(*at) else { continue };
        let gap = if is_first { 0 } else { GAP };
        let least = if has_comfort && wish.importance < ESSENTIAL {
            comfortable(wish)
        } else {
            wish.least.min(wish.wanted).max(1)
        };
        let width = if is_first { least.min(room) } else { least };
        if width == 0 || width + gap > room {
            continue;
        }
        is_first = false;
        room -= width + gap;
        if let Some(slot) = widths.get_mut(*at) {
            *slot = Some(width);
        }
    }
    // Who lacks least is served first: many whole words are worth more than one longer name.
    ranked.sort_by_key(|at| wishes.get(*at).map(|w| w.wanted.saturating_sub(w.least)));
    for limit in [FAIR, usize::MAX] {
        for at in &ranked {
            let (Some(wish), Some(Some(width))) = (wishes.get(*at), widths.get_mut(*at)) else { continue };
            let more = wish.wanted.min(limit).saturating_sub(*width).min(room);
            *width += more;
            room -= more;
        }
    }
    place(wishes, gutter, &widths)
}

fn place(wishes: &[ColumnWish], gutter: usize, widths: &[Option<usize>]) -> Vec<Heading> {
    let mut x = gutter;
    let mut headings = Vec::new();
    for (wish, width) in wishes.iter().zip(widths) {
        let Some(width) = *width else { continue };
        headings.push(Heading { id: wish.id.clone(), text: wish.heading.clone(), align: wish.align, x, width });
        x += width + GAP;
    }
    headings
}

/// A cell, fitted to its column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CellModel {
    /// The text, fitted.
    pub text: String,
    /// The look.
    pub style: Style,
    /// A bar before the text, in the colour of the cluster.
    pub bar: Option<Style>,
    /// The parts that the filter found, as byte ranges of `text`.
    pub found: Vec<Range<usize>>,
}

/// A visible row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineModel {
    /// A cell per heading.
    pub cells: Vec<CellModel>,
    /// The row is marked.
    pub marked: bool,
    /// The cursor is on the row.
    pub selected: bool,
    /// The state where no column shows it.
    pub glyph: &'static str,
    /// The look of the sign before the row.
    pub glyph_style: Style,
}

/// The table, ready to draw.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableModel {
    /// The headings, with their places.
    pub headings: Vec<Heading>,
    /// The lines that are shown.
    pub lines: Vec<LineModel>,
}

/// Styles the table itself needs.
#[derive(Debug, Clone, Copy, Default)]
pub struct TableStyles {
    /// The row of headings.
    pub heading: Style,
    /// The row under the cursor.
    pub selected: Style,
    /// Marked rows.
    pub marked: Style,
    /// Text that the filter found.
    pub found: Style,
}

impl TableStyles {
    /// Returns the styles of a theme.
    pub fn of(theme: &Theme) -> Self {
        Self {
            heading: theme.style(Role::Header),
            selected: theme.style(Role::Cursor),
            marked: theme.style(Role::Mark),
            found: theme.style(Role::Match),
        }
    }
}

impl TableModel {
    /// Draws headings and lines; what does not fit is not drawn.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, styles: &TableStyles) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let top = Rect { height: 1, ..area };
        buffer.set_style(top, styles.heading);
        for heading in &self.headings {
            let text = fit(&heading.text, heading.width);
            let x = area.x + cells(heading.x) + indent(heading, &text);
            write(buffer, area, (x, area.y), &text, styles.heading);
        }
        for (line, y) in self.lines.iter().zip(area.y + 1..area.bottom()) {
            self.draw_line(line, Rect { y, height: 1, ..area }, buffer, styles);
        }
    }

    fn draw_line(&self, line: &LineModel, area: Rect, buffer: &mut Buffer, styles: &TableStyles) {
        let y = area.y;
        for (heading, cell) in self.headings.iter().zip(&line.cells) {
            let mut x = area.x + cells(heading.x) + indent_of(heading, cell);
            if let Some(style) = cell.bar {
                write(buffer, area, (x, y), "▌", style);
                x += 1;
            }
            let mut from = 0;
            for range in &cell.found {
                let plain = cell.text.get(from..range.start).unwrap_or_default();
                x = write(buffer, area, (x, y), plain, cell.style);
                let found = cell.text.get(range.clone()).unwrap_or_default();
                x = write(buffer, area, (x, y), found, cell.style.patch(styles.found));
                from = range.end;
            }
            write(buffer, area, (x, y), cell.text.get(from..).unwrap_or_default(), cell.style);
        }
        if line.marked {
            write(buffer, area, (area.x, y), "◆", styles.marked);
        }
        write(buffer, area, (area.x + 3, y), line.glyph, line.glyph_style);
        if line.selected {
            buffer.set_style(area, styles.selected);
            write(buffer, area, (area.x + 1, y), "▸", Style::default());
        }
    }

    /// The column at `x` columns from the left edge.
    pub fn heading_at(&self, x: usize) -> Option<&Heading> {
        self.headings.iter().rev().find(|h| h.x <= x)
    }
}

/// The text of a cell for its column, the cluster bar counted in.
pub fn fitted(text: &str, heading: &Heading, bar: bool) -> String {
    let room = heading.width - usize::from(bar).min(heading.width);
    match fit(text, room) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

fn indent(heading: &Heading, text: &str) -> u16 {
    match heading.align {
        Align::Left => 0,
        Align::Right => cells(heading.width.saturating_sub(width(text))),
    }
}

fn indent_of(heading: &Heading, cell: &CellModel) -> u16 {
    if cell.bar.is_some() { 0 } else { indent(heading, &cell.text) }
}

fn cells(columns: usize) -> u16 {
    u16::try_from(columns).unwrap_or(u16::MAX / 2)
}

/// Writes within the area; returns where the text ended.
fn write(buffer: &mut Buffer, area: Rect, at: (u16, u16), text: &str, style: Style) -> u16 {
    let (x, y) = at;
    if x >= area.right() || y >= area.bottom() || text.is_empty() {
        return x;
    }
    buffer.set_stringn(x, y, text, usize::from(area.right() - x), style).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str, wanted: usize, least: usize, importance: usize) -> ColumnWish {
        let id = SortKey::Column(name.into());
        ColumnWish { id, heading: name.to_owned(), align: Align::Left, wanted, least, comfort: least * 2, importance }
    }

    #[test]
    fn the_least_important_column_goes_first() {
        let wishes =
            [wish("NS", 10, 8, 3), wish("NAME", 30, 12, 0), wish("CLUSTER", 10, 8, 1), wish("NODE", 20, 20, 4)];
        let shown =
            |columns| lay_out(&wishes, GUTTER, columns).into_iter().map(|h| (h.text, h.width)).collect::<Vec<_>>();
        let all: Vec<String> = shown(100).into_iter().map(|(name, _)| name).collect();
        assert_eq!(all, ["NS", "NAME", "CLUSTER", "NODE"]);
        assert_eq!(shown(40), [("NS".into(), 10), ("NAME".into(), 13), ("CLUSTER".into(), 10)]);
        assert_eq!(shown(26), [("NAME".into(), 12), ("CLUSTER".into(), 9)]);
        assert_eq!(shown(3), []);
        let in_comfort = shown(60);
        assert_eq!(in_comfort[1], ("NAME".into(), 30), "a whole name before one more column");
    }

    proptest::proptest! {
        #[test]
        fn columns_never_reach_past_the_edge(
            wanted in proptest::collection::vec((0_usize..60, 0_usize..30, 0_usize..9), 0..9),
            columns in 0_usize..200,
        ) {
            let wishes: Vec<ColumnWish> = wanted.iter().map(|(w, l, i)| wish("C", *w, *l, *i)).collect();
            let headings = lay_out(&wishes, GUTTER, columns);
            assert!(headings.iter().all(|h| h.x + h.width <= columns));
        }
    }
}
