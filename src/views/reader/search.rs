//! Searching a text: a regular expression, or the plain words if it is none.

use super::lines::Lines;
use regex::{Regex, RegexBuilder};
use std::ops::Range;

/// The largest compiled expression, so that a typed one cannot eat the memory.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Highlights drawn in one row at most.
const MATCHES_PER_LINE_MAX: usize = 200;

/// A search and where it matched.
#[derive(Debug, Clone)]
pub struct Search {
    /// The text as typed.
    pub text: String,
    regex: Regex,
    /// Lines that match, ascending.
    lines: Vec<usize>,
}

impl Search {
    /// Starts a search; lower case finds both cases. `None` for an empty text.
    pub fn new(text: &str, lines: &Lines) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .case_insensitive(!text.chars().any(char::is_uppercase))
                .size_limit(REGEX_BYTES_MAX)
                .build()
        };
        let regex = build(text).or_else(|_| build(&regex::escape(text))).ok()?;
        let mut search = Self { text: text.to_owned(), regex, lines: Vec::new() };
        search.refresh(lines);
        Some(search)
    }

    /// Looks again, in changed lines.
    pub fn refresh(&mut self, lines: &Lines) {
        self.lines = (0..lines.len()).filter(|n| self.regex.is_match(&lines.line(*n))).collect();
    }

    /// How many lines match.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// Which of the matching lines this is, from 1; `None` if it does not match.
    pub fn rank(&self, line: usize) -> Option<usize> {
        self.lines.binary_search(&line).ok().map(|i| i + 1)
    }

    /// The first matching line from `line` on, round the end.
    pub fn from(&self, line: usize) -> Option<usize> {
        let next = self.lines.partition_point(|l| *l < line);
        self.lines.get(next).or(self.lines.first()).copied()
    }

    /// The last matching line before `line`, round the beginning.
    pub fn before(&self, line: usize) -> Option<usize> {
        let next = self.lines.partition_point(|l| *l < line);
        next.checked_sub(1).and_then(|i| self.lines.get(i)).or(self.lines.last()).copied()
    }

    /// Where one line matches, for the highlight.
    pub fn ranges(&self, line: &str) -> Vec<Range<usize>> {
        let found = self.regex.find_iter(line).map(|m| m.range()).filter(|r| !r.is_empty());
        found.take(MATCHES_PER_LINE_MAX).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::Text;

    #[test]
    fn searches_go_round_and_a_broken_expression_is_taken_as_words() {
        let lines = Lines::Texts(["a (b", "x", "A (B", "y"].iter().map(|l| Text::new(l)).collect());
        let search = Search::new("(b", &lines).unwrap();
        assert_eq!((search.count(), search.from(1), search.from(3), search.before(0)), (2, Some(2), Some(0), Some(2)));
        assert_eq!(search.rank(2), Some(2));
        assert_eq!(search.ranges("a (b (b"), [2..4, 5..7]);
        assert_eq!(Search::new("(B", &lines).unwrap().count(), 1, "a capital means only capitals");
        assert!(Search::new("", &lines).is_none());
    }
}
