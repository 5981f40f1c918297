//! Which clusters are missing from the view, why, and what can be done.

use super::{LineList, Reply, Surroundings};
use crate::model::text::{fit, width};
use crate::protocol::Request;
use crate::views::cursor::{Clicked, ListCursor};
use crate::views::keymap::Action;
use crate::views::msg::Effect;
use crate::views::resources::{Gap, Missing};
use ratatui::buffer::Buffer;

/// The list, as it was when opened.
#[derive(Debug, Clone)]
pub struct MissingList {
    missing: Vec<Missing>,
    cursor: ListCursor,
}

/// A longer cluster name is cut in the middle here.
const NAME_COLUMNS_MAX: usize = 24;

impl MissingList {
    pub fn new(missing: Vec<Missing>) -> Self {
        Self { missing, cursor: ListCursor::default() }
    }

    /// Moves; `enter` tries the cluster again now.
    pub fn act(&mut self, action: Action, around: &Surroundings<'_>) -> Reply {
        let rows = self.list().rows(around.area);
        if self.cursor.step(action, self.missing.len(), rows) || action != Action::Accept {
            return Reply::stay();
        }
        let clusters = self.missing.get(self.cursor.at()).map(|m| m.cluster.clone()).into_iter().collect();
        Reply { effects: vec![Effect::Send(Request::Retry(clusters))], ..Reply::close() }
    }

    pub fn click(&mut self, at: (u16, u16), around: &Surroundings<'_>) -> Clicked {
        self.list().click(&mut self.cursor, at, around.area).0
    }

    fn list(&self) -> LineList {
        let names = self.missing.iter().map(|m| width(m.cluster.as_str())).max().unwrap_or_default();
        let names = names.min(NAME_COLUMNS_MAX);
        let line = |m: &Missing| {
            let name = fit(m.cluster.as_str(), names);
            let space = " ".repeat(names.saturating_sub(width(&name)));
            let next =
                if m.next.is_empty() || m.why.contains(&m.next) { String::new() } else { format!(" · {}", m.next) };
            format!("{} {name}{space}  {}{next}", glyph(m.gap), m.why)
        };
        LineList { title: "missing from this view · enter retries", lines: self.missing.iter().map(line).collect() }
    }

    pub fn draw(&self, buffer: &mut Buffer, around: &Surroundings<'_>) {
        self.list().draw(buffer, around, self.cursor);
    }
}

fn glyph(gap: Gap) -> &'static str {
    match gap {
        Gap::Quiet => "·",
        Gap::Progress => "◌",
        Gap::Partial => "◐",
        Gap::Trouble => "✗",
    }
}
