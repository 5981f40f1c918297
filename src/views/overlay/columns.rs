//! The column chooser: which are shown, in what order, and what the table is sorted by.

use super::{LineList, Outcome, Reply, ViewContext};
use crate::views::cursor::{Clicked, ListCursor};
use crate::views::keymap::Action;
use crate::views::listing::ColumnChoice;
use crate::views::sort::SortKey;
use ratatui::buffer::Buffer;

/// All columns of a table, each shown or not.
#[derive(Debug, Clone)]
pub struct ColumnList {
    columns: Vec<(SortKey, bool)>,
    cursor: ListCursor,
}

/// Columns of a line that its sign takes, with the space behind it.
const SIGN_COLUMNS: usize = 2;

impl ColumnList {
    pub fn new(columns: Vec<(SortKey, bool)>) -> Self {
        Self { columns, cursor: ListCursor::default() }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a chooser knows these only")]
    /// `space` shows or hides, left and right move the column, `enter` sorts by it.
    pub fn act(&mut self, action: Action, around: &ViewContext<'_>) -> Reply {
        let rows = self.list().rows(around.area);
        if self.cursor.step(action, self.columns.len(), rows) {
            return Reply::stay();
        }
        let at = self.cursor.at();
        match action {
            Action::Mark => {
                if let Some((key, shown)) = self.columns.get_mut(at) {
                    // A table without names says nothing.
                    *shown = !*shown || *key == SortKey::Name;
                }
            }
            Action::Left if at > 0 => {
                self.columns.swap(at, at - 1);
                self.cursor.go(at - 1, rows);
            }
            Action::Right if at + 1 < self.columns.len() => {
                self.columns.swap(at, at + 1);
                self.cursor.go(at + 1, rows);
            }
            Action::Accept => {
                let key = self.columns.get(at).map(|(key, _)| key.clone());
                return key.map_or_else(Reply::close, |key| Reply::finish(Outcome::Sort(key)));
            }
            _ => return Reply::stay(),
        }
        Reply::tell(Outcome::Columns(ColumnChoice(self.columns.clone())))
    }

    /// A click on the sign of a column shows or hides it, one on its name selects it, a second sorts by it.
    pub fn click(&mut self, at: (u16, u16), around: &ViewContext<'_>) -> Option<Reply> {
        let (clicked, column) = self.list().click(&mut self.cursor, at, around.area);
        match clicked {
            Clicked::Nothing => None,
            Clicked::Selected | Clicked::Again if column < SIGN_COLUMNS => Some(self.act(Action::Mark, around)),
            Clicked::Selected => Some(Reply::stay()),
            Clicked::Again => Some(self.act(Action::Accept, around)),
        }
    }

    fn list(&self) -> LineList {
        let name = |key: &SortKey| match key {
            SortKey::Namespace => "NAMESPACE".to_owned(),
            SortKey::Name => "NAME".to_owned(),
            SortKey::Cluster => "CLUSTER".to_owned(),
            SortKey::Kind => "KIND".to_owned(),
            SortKey::Column(name) => name.to_string(),
            SortKey::Label(key) => format!("label {key}"),
        };
        let line = |(key, shown): &(SortKey, bool)| format!("{} {}", if *shown { "✓" } else { " " }, name(key));
        LineList {
            title: "columns · space shows · ←→ moves · enter sorts",
            lines: self.columns.iter().map(line).collect(),
        }
    }

    pub fn draw(&self, buffer: &mut Buffer, around: &ViewContext<'_>) {
        self.list().draw(buffer, around, self.cursor);
    }
}
