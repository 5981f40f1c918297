//! The lines a reader shows, and how one of them is cut into screen rows.

use crate::model::text::{Text, width};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use unicode_segmentation::UnicodeSegmentation as _;

/// Shared lines, as documents and tails carry them.
#[derive(Clone)]
pub enum Lines {
    /// Lines of a document.
    Texts(Arc<[Text]>),
    /// Lines of a log.
    Logs(Arc<[Arc<str>]>),
}

/// A decoded Secret may be among what is read: never its text.
impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lines({})", self.len())
    }
}

/// Columns between two tab stops.
const TAB: usize = 8;

impl Default for Lines {
    fn default() -> Self {
        Self::Texts(Arc::from([]))
    }
}

impl Lines {
    /// Returns the number of lines.
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(lines) => lines.len(),
            Self::Logs(lines) => lines.len(),
        }
    }

    /// Returns true if there is no line.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A line as it is shown: tabs as spaces. Empty past the end.
    pub fn line(&self, number: usize) -> Cow<'_, str> {
        let raw = match self {
            Self::Texts(lines) => lines.get(number).map_or("", Text::as_str),
            Self::Logs(lines) => lines.get(number).map_or("", |l| l),
        };
        if raw.contains('\t') { Cow::Owned(expand(raw)) } else { Cow::Borrowed(raw) }
    }

    /// The same memory: nothing can have changed.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Texts(a), Self::Texts(b)) => Arc::ptr_eq(a, b),
            (Self::Logs(a), Self::Logs(b)) => Arc::ptr_eq(a, b),
            (Self::Texts(_) | Self::Logs(_), _) => false,
        }
    }
}

fn expand(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len() + TAB);
    let mut column = 0;
    for part in raw.split_inclusive('\t') {
        let text = part.trim_end_matches('\t');
        out.push_str(text);
        column += width(text);
        if text.len() < part.len() {
            let spaces = TAB - column % TAB;
            out.extend(std::iter::repeat_n(' ', spaces));
            column += spaces;
        }
    }
    out
}

/// The bytes of a line from `left` columns on, as many as fit into `columns`.
pub fn cut(line: &str, left: usize, columns: usize) -> Range<usize> {
    if line.is_ascii() {
        let start = left.min(line.len());
        return start..left.saturating_add(columns).min(line.len());
    }
    let (mut at, mut start, mut end) = (0, line.len(), line.len());
    for (byte, grapheme) in line.grapheme_indices(true) {
        if at >= left && start == line.len() {
            start = byte;
        }
        at += width(grapheme);
        if at > left.saturating_add(columns) {
            end = byte;
            break;
        }
    }
    start.min(end)..end
}

/// Cuts a line into rows of at most `columns`; an empty line is one empty row.
pub fn wrapped(line: &str, columns: usize) -> Vec<Range<usize>> {
    let columns = columns.max(1);
    if line.is_ascii() {
        let starts = (0..line.len().max(1)).step_by(columns);
        return starts.map(|s| s..(s + columns).min(line.len())).collect();
    }
    let (mut rows, mut start, mut used) = (Vec::new(), 0, 0);
    for (byte, grapheme) in line.grapheme_indices(true) {
        let wide = width(grapheme);
        if used + wide > columns && byte > start {
            rows.push(start..byte);
            (start, used) = (byte, 0);
        }
        used += wide;
    }
    rows.push(start..line.len());
    rows
}

/// How many rows [`wrapped`] gives.
pub fn rows_of(line: &str, columns: usize) -> usize {
    if line.is_ascii() { line.len().div_ceil(columns.max(1)).max(1) } else { wrapped(line, columns).len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tabs_become_spaces_to_the_next_stop() {
        assert_eq!(expand("a\tb\t\tc"), "a       b               c");
    }

    #[test]
    fn a_wide_letter_is_never_split() {
        assert_eq!(&"日本語"[cut("日本語", 0, 3)], "日");
        assert_eq!(&"日本語"[cut("日本語", 2, 4)], "本語");
        assert_eq!(wrapped("日本語", 4), [0..6, 6..9]);
        assert_eq!(wrapped("", 4).len(), 1);
    }

    proptest! {
        #[test]
        fn rows_join_to_the_line_and_fit(line in "\\PC{0,60}", columns in 2_usize..20) {
            let rows = wrapped(&line, columns);
            let joined: String = rows.iter().map(|r| &line[r.clone()]).collect();
            prop_assert_eq!(&joined, &line);
            // One letter may be wider than the row; it is then alone on it, and is not drawn.
            let fits = |r: &Range<usize>| width(&line[r.clone()]) <= columns || line[r.clone()].graphemes(true).count() == 1;
            prop_assert!(rows.iter().all(fits));
            prop_assert_eq!(rows.len(), rows_of(&line, columns));
        }

        #[test]
        fn a_cut_is_never_wider_than_asked(line in "\\PC{0,40}", left in 0_usize..50, columns in 0_usize..30) {
            let range = cut(&line, left, columns);
            prop_assert!(width(&line[range]) <= columns + 1);
        }
    }
}
