//! A drawn screen as plain text, ANSI or SVG, and its styles as text for tests. Deterministic: the same
//! screen gives the same bytes.

mod svg;

pub use svg::svg;

use super::theme::color::print_style;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier, Style};

/// A stretch of one row in one style.
struct Run {
    from: u16,
    /// Columns it takes.
    columns: u16,
    text: String,
    style: Style,
}

/// The rows of the screen as runs of one style, letters of two columns counted as two.
fn rows(buffer: &Buffer) -> impl Iterator<Item = Vec<Run>> {
    let area = buffer.area;
    (area.top()..area.bottom()).map(move |y| {
        let mut runs: Vec<Run> = Vec::new();
        let mut x = area.left();
        while x < area.right() {
            let Some(cell) = buffer.cell((x, y)) else { break };
            let columns = columns_of(cell);
            let style = style_of(cell);
            match runs.last_mut() {
                Some(run) if run.style == style => {
                    run.columns += columns;
                    run.text.push_str(cell.symbol());
                }
                _ => runs.push(Run { from: x, columns, text: cell.symbol().to_owned(), style }),
            }
            x += columns;
        }
        runs
    })
}

fn columns_of(cell: &Cell) -> u16 {
    u16::try_from(crate::model::text::width(cell.symbol())).unwrap_or(1).max(1)
}

fn style_of(cell: &Cell) -> Style {
    Style::new().fg(cell.fg).bg(cell.bg).add_modifier(cell.modifier)
}

/// The letters alone, without blanks at the ends of lines.
pub fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(buffer) {
        let line: String = row.into_iter().map(|run| run.text).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A line per run that is not plain: row, columns, style and text. What [`text`] cannot show.
pub fn style_runs(buffer: &Buffer) -> String {
    let mut out = String::new();
    for (y, row) in rows(buffer).enumerate() {
        for run in row {
            let style = print_style(run.style);
            let is_shown = !run.text.trim().is_empty() || run.style.bg.is_some_and(|c| c != Color::Reset);
            if !style.is_empty() && is_shown {
                let last = run.from + run.columns - 1;
                out.push_str(&format_line(y, run.from, last, &style, run.text.trim_end()));
            }
        }
    }
    out
}

fn format_line(y: usize, from: u16, last: u16, style: &str, text: &str) -> String {
    format!("{y}: {from:>3}-{last:<3} [{style}] {text}").trim_end().to_owned() + "\n"
}

/// Codes of the letters' own looks.
const CODES: &[(Modifier, &str)] = &[
    (Modifier::BOLD, "1"),
    (Modifier::DIM, "2"),
    (Modifier::ITALIC, "3"),
    (Modifier::UNDERLINED, "4"),
    (Modifier::REVERSED, "7"),
    (Modifier::CROSSED_OUT, "9"),
];

/// Codes of the sixteen colours as text; a background has ten more.
const COLORS: &[(Color, u8)] = &[
    (Color::Black, 30),
    (Color::Red, 31),
    (Color::Green, 32),
    (Color::Yellow, 33),
    (Color::Blue, 34),
    (Color::Magenta, 35),
    (Color::Cyan, 36),
    (Color::Gray, 37),
    (Color::DarkGray, 90),
    (Color::LightRed, 91),
    (Color::LightGreen, 92),
    (Color::LightYellow, 93),
    (Color::LightBlue, 94),
    (Color::LightMagenta, 95),
    (Color::LightCyan, 96),
    (Color::White, 97),
];

/// The screen with escape codes, as `cat` shows it in a terminal.
pub fn ansi(buffer: &Buffer) -> String {
    let mut out = String::new();
    for mut row in rows(buffer) {
        while row.last().is_some_and(|run| run.text.trim().is_empty() && codes(run.style).is_empty()) {
            row.pop();
        }
        for run in row {
            let codes = codes(run.style);
            if codes.is_empty() {
                out.push_str(&run.text);
            } else {
                out.extend(["\u{1b}[", &codes.join(";"), "m", &run.text, "\u{1b}[0m"]);
            }
        }
        out.push('\n');
    }
    out
}

fn codes(style: Style) -> Vec<String> {
    let looks = CODES.iter().filter(|(m, _)| style.add_modifier.contains(*m)).map(|(_, code)| (*code).to_owned());
    let fg = style.fg.and_then(|c| color_code(c, 0));
    let bg = style.bg.and_then(|c| color_code(c, 10));
    looks.chain(fg).chain(bg).collect()
}

fn color_code(color: Color, shift: u8) -> Option<String> {
    if let Color::Rgb(r, g, b) = color {
        return Some(format!("{};2;{r};{g};{b}", 38 + shift));
    }
    if let Color::Indexed(i) = color {
        return Some(format!("{};5;{i}", 38 + shift));
    }
    COLORS.iter().find(|(c, _)| *c == color).map(|(_, code)| (code + shift).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::snapshot;
    use crate::views::theme::Background;
    use ratatui::layout::Rect;

    fn screen() -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 16, 3));
        buffer.set_string(0, 0, "fleet", Style::new().bold().fg(Color::Rgb(138, 180, 248)));
        buffer.set_string(6, 0, "<a&b> 日", Style::new());
        buffer.set_string(0, 1, "✗ Failed", Style::new().red());
        buffer.set_style(Rect::new(0, 1, 16, 1), Style::new().bg(Color::Indexed(236)));
        buffer
    }

    #[test]
    fn text_keeps_letters_and_drops_trailing_blanks() {
        assert_eq!(text(&screen()), "fleet <a&b> 日\n✗ Failed\n\n");
    }

    #[test]
    fn styles_are_written_with_their_place() {
        let runs = "0:   0-4   [bold #8ab4f8] fleet\n1:   0-7   [red on 236] ✗ Failed\n1:   8-15  [on 236]\n";
        assert_eq!(style_runs(&screen()), runs);
    }

    #[test]
    fn ansi_ends_every_style_it_begins() {
        let text = ansi(&screen());
        assert_eq!(text.matches("\u{1b}[0m").count() * 2, text.matches('\u{1b}').count());
        assert!(text.starts_with("\u{1b}[1;38;2;138;180;248mfleet\u{1b}[0m <a&b> 日"), "{text:?}");
    }

    #[test]
    fn svg_is_escaped_and_the_same_each_time() {
        let one = svg(&screen(), Background::Dark);
        assert_eq!(one, svg(&screen(), Background::Dark));
        assert!(one.contains("&lt;a&amp;b&gt;"), "{one}");
        snapshot("svg", &one);
    }
}
