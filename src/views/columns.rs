//! The column chooser: which are shown, in what order, and what the table is sorted by.

use super::cursor::{Clicked, ListCursor};
use super::keymap::Action;
use super::line_list::LineList;
use super::listing::ColumnChoice;
use super::sort::SortKey;
use super::view::{Input, Reply, ScreenCommand, View, ViewContext, ViewSpec};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// All columns of a table, each shown or not.
#[derive(Debug, Clone)]
pub struct ColumnList {
    columns: Vec<(SortKey, bool)>,
    cursor: ListCursor,
}

/// Columns of a line that its sign takes, with the space behind it.
const SIGN_COLUMNS: usize = 2;

impl ColumnList {
    /// A chooser of these columns, each shown or not, in the order of the table.
    pub fn new(columns: Vec<(SortKey, bool)>) -> Self {
        Self { columns, cursor: ListCursor::default() }
    }

    /// `space` shows or hides, left and right move the column, `enter` sorts by it.
    fn act(&mut self, action: Action, area: Rect) -> Reply {
        let rows = self.list().rows(area);
        if self.cursor.step(action, self.columns.len(), rows) {
            return Reply::stay();
        }
        let at = self.cursor.at();
        match action {
            Action::MARK => {
                if let Some((key, shown)) = self.columns.get_mut(at) {
                    // A table without names says nothing.
                    *shown = !*shown || *key == SortKey::Name;
                }
            }
            Action::LEFT if at > 0 => {
                self.columns.swap(at, at - 1);
                self.cursor.go(at - 1, rows);
            }
            Action::RIGHT if at + 1 < self.columns.len() => {
                self.columns.swap(at, at + 1);
                self.cursor.go(at + 1, rows);
            }
            Action::ACCEPT => {
                let key = self.columns.get(at).map(|(key, _)| key.clone());
                return key.map_or_else(Reply::close, |key| Reply::finish(ScreenCommand::Sort(key)));
            }
            _ => return Reply::stay(),
        }
        Reply::tell(ScreenCommand::Columns(ColumnChoice(self.columns.clone())))
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
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "columns", ..ViewSpec::PANEL };

impl View for ColumnList {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        match input.action {
            Some(Action::BACK) => Reply::close(),
            Some(action) => self.act(action, cx.area),
            None => Reply::stay(),
        }
    }

    /// A click on the sign of a column shows or hides it, one on its name selects it, a second sorts by it.
    fn click(&mut self, at: Position, cx: &ViewContext<'_>) -> Option<Reply> {
        let (clicked, column) = self.list().click(&mut self.cursor, at, cx.area);
        match clicked {
            Clicked::Nothing => None,
            Clicked::Selected | Clicked::Again if column < SIGN_COLUMNS => Some(self.act(Action::MARK, cx.area)),
            Clicked::Selected => Some(Reply::stay()),
            Clicked::Again => Some(self.act(Action::ACCEPT, cx.area)),
        }
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        self.list().draw(buffer, cx, self.cursor);
    }
}
