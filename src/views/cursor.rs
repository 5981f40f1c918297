//! Where one is in a list: the entry under the cursor, and the first that is shown.
//!
//! The window is remembered, so that what is seen stays where it is while the cursor moves within: a second click finds the same line.

use super::keymap::Action;

/// The cursor of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListCursor {
    at: usize,
    top: usize,
}

/// The result of a click on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clicked {
    /// No entry is there.
    Nothing,
    /// The cursor went there.
    Selected,
    /// The cursor was there already: what `enter` does is meant.
    Again,
}

/// The entry that a move leads to from `at`, in a list of so many entries that shows so many rows; `None` where the action
/// is no move.
pub fn moved(at: usize, action: Action, count: usize, rows: usize) -> Option<usize> {
    let last = count.saturating_sub(1);
    let page = rows.max(1);
    let at = match action {
        Action::UP => at.saturating_sub(1),
        Action::DOWN => at + 1,
        Action::PAGE_UP => at.saturating_sub(page),
        Action::PAGE_DOWN => at + page,
        Action::TOP => 0,
        Action::BOTTOM => last,
        _ => return None,
    };
    Some(at.min(last))
}

impl ListCursor {
    /// On the nth entry.
    pub fn on(nth: usize) -> Self {
        Self { at: nth, top: 0 }
    }

    /// The entry it is on.
    pub fn at(self) -> usize {
        self.at
    }

    /// Goes to an entry of a list that shows so many rows.
    pub fn go(&mut self, at: usize, rows: usize) {
        self.at = at;
        self.top = self.first(rows);
    }

    /// The first entry that is shown in so many rows: moved as little as shows the cursor.
    pub fn first(self, rows: usize) -> usize {
        self.top.clamp((self.at + 1).saturating_sub(rows.max(1)), self.at)
    }

    /// Moves over a list of so many entries; says whether it was a move.
    pub fn step(&mut self, action: Action, count: usize, rows: usize) -> bool {
        let Some(at) = moved(self.at, action, count, rows) else { return false };
        self.go(at, rows);
        true
    }

    /// Takes a click on the nth of the rows that are shown.
    pub fn click(&mut self, row: usize, count: usize, rows: usize) -> Clicked {
        let at = self.first(rows) + row;
        if row >= rows || at >= count {
            return Clicked::Nothing;
        }
        if at == self.at {
            return Clicked::Again;
        }
        self.go(at, rows);
        Clicked::Selected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_click_finds_the_same_entry_also_where_the_list_is_scrolled() {
        let mut cursor = ListCursor::default();
        cursor.step(Action::BOTTOM, 20, 5);
        assert_eq!((cursor.at(), cursor.first(5)), (19, 15));
        assert_eq!(cursor.click(1, 20, 5), Clicked::Selected);
        assert_eq!((cursor.at(), cursor.first(5)), (16, 15));
        assert_eq!(cursor.click(1, 20, 5), Clicked::Again);
        assert_eq!(cursor.click(5, 20, 5), Clicked::Nothing);
        assert_eq!(ListCursor::default().click(3, 3, 5), Clicked::Nothing);
    }

    proptest::proptest! {
        #[test]
        fn the_cursor_is_always_shown(moves in proptest::collection::vec(0_usize..6, 0..40), rows in 0_usize..9, count in 1_usize..30) {
            const MOVES: [Action; 6] =
                [Action::UP, Action::DOWN, Action::PAGE_UP, Action::PAGE_DOWN, Action::TOP, Action::BOTTOM];
            let mut cursor = ListCursor::default();
            for nth in moves {
                cursor.step(MOVES[nth], count, rows);
                let first = cursor.first(rows);
                assert!((first..first + rows.max(1)).contains(&cursor.at()) && cursor.at() < count);
            }
        }
    }
}
