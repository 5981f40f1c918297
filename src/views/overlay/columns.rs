//! The column chooser: which are shown, in what order, and what the table is sorted by.

use super::{Outcome, Reply, Surroundings, draw_list, step};
use crate::views::keymap::Action;
use crate::views::listing::ColumnChoice;
use crate::views::sort::SortKey;
use ratatui::buffer::Buffer;

/// All columns of a table, each shown or not.
#[derive(Debug, Clone)]
pub struct ColumnList {
    columns: Vec<(SortKey, bool)>,
    at: usize,
}

impl ColumnList {
    pub fn new(columns: Vec<(SortKey, bool)>) -> Self {
        Self { columns, at: 0 }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a chooser knows these only")]
    /// `space` shows or hides, left and right move the column, `enter` sorts by it.
    pub fn act(&mut self, action: Action, around: &Surroundings<'_>) -> Reply {
        if step(&mut self.at, self.columns.len(), action, around.area) {
            return Reply::stay();
        }
        match action {
            Action::Mark => {
                if let Some((key, shown)) = self.columns.get_mut(self.at) {
                    // A table without names says nothing.
                    *shown = !*shown || *key == SortKey::Name;
                }
            }
            Action::Left if self.at > 0 => {
                self.columns.swap(self.at, self.at - 1);
                self.at -= 1;
            }
            Action::Right if self.at + 1 < self.columns.len() => {
                self.columns.swap(self.at, self.at + 1);
                self.at += 1;
            }
            Action::Accept => {
                let key = self.columns.get(self.at).map(|(key, _)| key.clone());
                return key.map_or_else(Reply::close, |key| Reply::finish(Outcome::Sort(key)));
            }
            _ => return Reply::stay(),
        }
        Reply::tell(Outcome::Columns(ColumnChoice(self.columns.clone())))
    }

    pub fn draw(&self, buffer: &mut Buffer, around: &Surroundings<'_>) {
        let name = |key: &SortKey| match key {
            SortKey::Namespace => "NAMESPACE".to_owned(),
            SortKey::Name => "NAME".to_owned(),
            SortKey::Cluster => "CLUSTER".to_owned(),
            SortKey::Kind => "KIND".to_owned(),
            SortKey::Column(name) => name.to_string(),
            SortKey::Label(key) => format!("label {key}"),
        };
        let line = |(key, shown): &(SortKey, bool)| format!("{} {}", if *shown { "✓" } else { " " }, name(key));
        let lines: Vec<String> = self.columns.iter().map(line).collect();
        draw_list(buffer, around, "columns · space shows · ←→ moves · enter sorts", &lines, self.at);
    }
}
