//! Text from clusters: cleaned for the terminal, measured, and fitted to a cell.

use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// A short string; up to 24 bytes are kept without an allocation.
pub type Text = compact_str::CompactString;

/// Longest text of a cell, in characters. Real names end at 253; a longer text is hostile or a message, and messages
/// are read in the detail view, not in a table.
pub const CELL_CHARS_MAX: usize = 512;

/// Returns true if a character may reach the terminal: no control characters, no bidirectional overrides, no zero-width
/// characters that hide or reorder their neighbours.
fn is_harmless(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200C}' | '\u{200E}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'))
}

/// Returns cluster text that is safe on one line: line breaks and tabs become spaces, other harmful characters are
/// removed, and text longer than [`CELL_CHARS_MAX`] is cut with an ellipsis.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.len() <= CELL_CHARS_MAX && text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(CELL_CHARS_MAX * 4));
    for (count, c) in text.chars().enumerate() {
        if count == CELL_CHARS_MAX {
            out.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_harmless(c) => out.push(c),
            _ => {}
        }
    }
    Cow::Owned(out)
}

/// Returns the text of a document or a log without harmful characters: as [`clean`], but line breaks and tabs stay, and
/// the length has no limit.
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    let kept = |c: char| c == '\n' || c == '\t' || is_harmless(c);
    if text.chars().all(kept) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| kept(*c)).collect())
}

/// Removes whole terminal escape sequences (colours, titles), of which [`clean`] would leave harmless but ugly remains.
pub fn without_escapes(text: &str) -> Cow<'_, str> {
    const ESCAPE: char = '\u{1b}';
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != ESCAPE {
            out.push(c);
            continue;
        }
        match chars.next() {
            // A control sequence ends with its first letter, or the like.
            Some('[') => drop(chars.by_ref().find(|c| ('@'..='~').contains(c))),
            // A command to the terminal ends with a bell, or with an escape and a backslash.
            Some(']' | 'P' | 'X' | '^' | '_') => {
                if chars.by_ref().find(|&c| matches!(c, '\u{7}' | ESCAPE | '\u{9c}')) == Some(ESCAPE) {
                    chars.next();
                }
            }
            // `ESC \` and its like are two characters; `ESC (B` is three.
            Some('(' | ')' | '*' | '+' | '#' | '%') => drop(chars.next()),
            Some(_) | None => {}
        }
    }
    Cow::Owned(out)
}

/// Returns the number of terminal columns the text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Fits the text into `columns`. Longer text is cut in the **middle**, because names differ at their ends; a grapheme
/// is never split.
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    let room = columns - 1;
    let tail_room = room / 2;
    let head_room = room - tail_room;
    let head = take(text.graphemes(true), head_room);
    let tail: Vec<&str> = take_rev(text, tail_room);
    let mut out = String::with_capacity(text.len());
    out.extend(head);
    out.push('…');
    out.extend(tail);
    Cow::Owned(out)
}

/// Fits the text into `columns`, for text read from its beginning: longer text is cut at its **end**.
pub fn fit_end(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let mut out = take(text.graphemes(true), room).concat();
    out.push('…');
    Cow::Owned(out)
}

fn take<'a>(graphemes: impl Iterator<Item = &'a str>, room: usize) -> Vec<&'a str> {
    let mut used = 0;
    graphemes
        .take_while(|g| {
            used += g.width();
            used <= room
        })
        .collect()
}

fn take_rev(text: &str, room: usize) -> Vec<&str> {
    let mut tail = take(text.graphemes(true).rev(), room);
    tail.reverse();
    tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_overrides_and_line_breaks_do_not_reach_a_cell() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\nd"), "a[31mbc d");
        assert_eq!(clean("plain"), "plain");
        assert!(clean(&"x".repeat(9000)).chars().count() == CELL_CHARS_MAX + 1);
    }

    #[test]
    fn what_is_read_from_its_beginning_is_cut_at_its_end() {
        assert_eq!(
            (fit_end("abc", 3), fit_end("abcd", 3), fit_end("abcd", 1)),
            ("abc".into(), "ab…".into(), "…".into())
        );
        assert_eq!((fit_end("日本語", 4), fit_end("ab", 0)), ("日…".into(), "".into()));
    }

    #[test]
    fn escape_sequences_go_as_a_whole() {
        assert_eq!(without_escapes("a\u{1b}[1;31mb\u{1b}[0mc"), "abc");
        assert_eq!(without_escapes("\u{1b}]0;title\u{7}x\u{1b}(By"), "xy");
        assert_eq!(without_escapes("\u{1b}]8;;https://a\u{1b}\\link"), "link");
        assert_eq!(without_escapes("x\u{1b}"), "x");
        assert_eq!(without_escapes("x\u{1b}]never ends"), "x");
        assert_eq!(without_escapes("plain"), "plain");
    }

    #[test]
    fn a_long_name_keeps_the_end_that_tells_it_apart() {
        assert_eq!(fit("api-7d9f8c6b5d-x2x4z", 11), "api-7…x2x4z");
        assert_eq!(fit("short", 11), "short");
        assert_eq!(fit("abc", 1), "…");
        assert_eq!(fit("abc", 0), "");
    }

    proptest::proptest! {
        #[test]
        fn a_fitted_text_is_never_wider_than_its_cell(text in "\\PC{0,40}", columns in 0_usize..30) {
            assert!(width(&fit(&clean(&text), columns)) <= columns);
        }

        #[test]
        fn a_cleaned_text_has_no_control_character(text in ".{0,60}") {
            assert!(!clean(&text).chars().any(char::is_control));
        }
    }
}
