//! Folding by indentation: which lines belong under which, and which are hidden.

use super::lines::Lines;
use std::collections::BTreeMap;

/// The folded blocks: first line to last line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folds {
    blocks: BTreeMap<usize, usize>,
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The last line of the block that `first` opens, if it opens one: what is indented deeper, and a list
/// that sits right below its key.
pub fn block_end(lines: &Lines, first: usize) -> Option<usize> {
    let head = lines.line(first);
    if head.trim().is_empty() {
        return None;
    }
    let (depth, is_key) = (indent(&head), head.trim_end().ends_with(':') && !head.trim_start().starts_with("- "));
    let mut last = first;
    for number in first + 1..lines.len() {
        let line = lines.line(number);
        if line.trim().is_empty() {
            continue;
        }
        let is_item = is_key && indent(&line) == depth && line.trim_start().starts_with('-');
        if indent(&line) <= depth && !is_item {
            break;
        }
        last = number;
    }
    (last > first).then_some(last)
}

impl Folds {
    /// Folds the block `line` opens or is part of, or unfolds it. Gives the line that now stands for it.
    pub fn toggle(&mut self, lines: &Lines, line: usize) -> Option<usize> {
        if self.blocks.remove(&line).is_some() {
            return Some(line);
        }
        let first = opener(lines, line)?;
        self.fold(lines, first);
        Some(first)
    }

    /// Folds the block that `line` opens.
    pub fn fold(&mut self, lines: &Lines, line: usize) {
        if let Some(last) = block_end(lines, line) {
            self.blocks.insert(line, last);
        }
    }

    /// Folds all blocks that start at the left edge, or, when something is folded, unfolds everything.
    pub fn toggle_all(&mut self, lines: &Lines) {
        if !self.blocks.is_empty() {
            self.blocks.clear();
            return;
        }
        let mut number = 0;
        while number < lines.len() {
            self.fold(lines, number);
            number = self.blocks.get(&number).map_or(number, |last| *last) + 1;
        }
    }

    /// The line that stands for `line`: itself, or the head of the outermost folded block around it.
    pub fn shown_for(&self, line: usize) -> usize {
        self.blocks.range(..line).find(|(_, last)| **last >= line).map_or(line, |(first, _)| *first)
    }

    /// The next line that is shown; may be past the end.
    pub fn next(&self, line: usize) -> usize {
        self.blocks.get(&line).map_or(line, |last| *last) + 1
    }

    /// The line shown before; `None` at the beginning.
    pub fn previous(&self, line: usize) -> Option<usize> {
        line.checked_sub(1).map(|l| self.shown_for(l))
    }

    /// How many lines are hidden under this one.
    pub fn hidden(&self, line: usize) -> usize {
        self.blocks.get(&line).map_or(0, |last| last - line)
    }

    /// Unfolds whatever hides `line`.
    pub fn reveal(&mut self, line: usize) {
        self.blocks.retain(|first, last| line <= *first || line > *last);
    }

    /// Finds the same blocks in changed lines, by the text of their first line and which of its equals it is.
    #[must_use]
    pub fn moved(&self, before: &Lines, after: &Lines) -> Self {
        let mut moved = Self::default();
        for first in self.blocks.keys() {
            let head = before.line(*first);
            let nth = (0..*first).filter(|l| before.line(*l) == head).count();
            if let Some(found) = (0..after.len()).filter(|l| after.line(*l) == head).nth(nth) {
                moved.fold(after, found);
            }
        }
        moved
    }
}

/// The line that opens the innermost block around `line`: itself if it opens one.
fn opener(lines: &Lines, line: usize) -> Option<usize> {
    if block_end(lines, line).is_some() {
        return Some(line);
    }
    (0..line).rev().find(|l| block_end(lines, *l).is_some_and(|last| last >= line))
}

/// Blocks that are folded when a document opens: the bookkeeping of the API server.
pub fn folded_at_first(lines: &Lines) -> Folds {
    let mut folds = Folds::default();
    for number in (0..lines.len()).filter(|n| lines.line(*n).trim_end() == "  managedFields:") {
        folds.fold(lines, number);
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::Text;
    use proptest::prelude::*;

    fn lines(text: &str) -> Lines {
        Lines::Texts(text.lines().map(Text::new).collect())
    }

    const POD: &str = "kind: Pod\nmetadata:\n  name: a\n  managedFields:\n  - manager: kubectl\n    f: {}\n  \
                       uid: x\nspec:\n  containers:\n  - name: c\n    image: i\n";

    #[test]
    fn a_block_is_what_is_deeper_and_the_list_below_its_key() {
        let lines = lines(POD);
        assert_eq!(block_end(&lines, 1), Some(6));
        assert_eq!(block_end(&lines, 3), Some(5), "the list sits at the depth of its key");
        assert_eq!(block_end(&lines, 9), Some(10));
        assert_eq!(block_end(&lines, 0), None);
    }

    #[test]
    fn managed_fields_are_folded_when_a_document_opens() {
        let lines = lines(POD);
        let mut folds = folded_at_first(&lines);
        assert_eq!((folds.next(3), folds.hidden(3)), (6, 2));
        assert_eq!(folds.previous(6), Some(3));
        folds.reveal(4);
        assert_eq!(folds, Folds::default());
    }

    #[test]
    fn folds_stay_with_their_block_when_lines_move() {
        let before = lines(POD);
        let after = lines(&POD.replace("  name: a\n", "  labels:\n    x: y\n  name: a\n"));
        let moved = folded_at_first(&before).moved(&before, &after);
        assert_eq!(moved.hidden(5), 2);
    }

    #[test]
    fn inside_a_block_its_head_folds() {
        let lines = lines(POD);
        let mut folds = Folds::default();
        assert_eq!(folds.toggle(&lines, 10), Some(9));
        assert_eq!(folds.toggle(&lines, 9), Some(9));
        assert_eq!(folds, Folds::default());
        folds.toggle_all(&lines);
        assert_eq!((folds.next(0), folds.next(1), folds.next(7)), (1, 7, 11));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(
            depths in proptest::collection::vec(0_usize..5, 1..40), line in 0_usize..40, all in any::<bool>(),
        ) {
            let text: Vec<String> = depths.iter().map(|d| format!("{}k{d}:", "  ".repeat(*d))).collect();
            let lines = lines(&text.join("\n"));
            let mut folds = Folds::default();
            if all {
                folds.toggle_all(&lines);
                folds.toggle_all(&lines);
                prop_assert_eq!(&folds, &Folds::default());
            }
            if let Some(head) = folds.toggle(&lines, line.min(lines.len() - 1)) {
                prop_assert!(folds.next(head) > head);
                prop_assert_eq!(folds.moved(&lines, &lines), folds.clone());
                folds.fold(&lines, head);
                folds.toggle(&lines, head);
                prop_assert_eq!(folds, Folds::default());
            }
        }
    }
}
