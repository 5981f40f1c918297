//! Which clusters are missing from the view, why, and what can be done.

use super::{Reply, Surroundings, centred};
use crate::model::text::{fit, width};
use crate::protocol::Request;
use crate::views::keymap::Action;
use crate::views::msg::Effect;
use crate::views::resources::{Gap, Missing};
use crate::views::theme::Role;
use ratatui::buffer::Buffer;
use ratatui::style::Style;

/// The list, as it was when opened.
#[derive(Debug, Clone)]
pub struct MissingList {
    missing: Vec<Missing>,
    at: usize,
}

impl MissingList {
    pub fn new(missing: Vec<Missing>) -> Self {
        Self { missing, at: 0 }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a list knows moves and one answer")]
    /// Moves; `enter` tries the cluster again now.
    pub fn act(&mut self, action: Action, around: &Surroundings<'_>) -> Reply {
        let last = self.missing.len().saturating_sub(1);
        let page = usize::from(around.area.height.saturating_sub(4)).max(1);
        match action {
            Action::Up => self.at = self.at.saturating_sub(1),
            Action::Down => self.at = (self.at + 1).min(last),
            Action::PageUp => self.at = self.at.saturating_sub(page),
            Action::PageDown => self.at = (self.at + page).min(last),
            Action::Top => self.at = 0,
            Action::Bottom => self.at = last,
            Action::Accept => {
                let clusters = self.missing.get(self.at).map(|m| m.cluster.clone()).into_iter().collect();
                return Reply {
                    close: true,
                    effects: vec![Effect::Send(Request::Retry(clusters))],
                    ..Reply::default()
                };
            }
            _ => {}
        }
        Reply::stay()
    }

    pub fn draw(&self, buffer: &mut Buffer, around: &Surroundings<'_>) {
        let names = self.missing.iter().map(|m| width(m.cluster.as_str())).max().unwrap_or_default().min(24);
        let line = |m: &Missing| {
            let name = fit(m.cluster.as_str(), names);
            let next =
                if m.next.is_empty() || m.why.contains(&m.next) { String::new() } else { format!(" · {}", m.next) };
            format!("{} {name}{}  {}{next}", glyph(m.gap), " ".repeat(names.saturating_sub(width(&name))), m.why)
        };
        let lines: Vec<String> = self.missing.iter().map(line).collect();
        let widest = lines.iter().map(|l| width(l)).max().unwrap_or_default().max(40);
        let area = centred(around.area, widest + 4, lines.len() + 3);
        let styles = |role| around.theme.style(role);
        let title = format!("{} clusters not complete · enter retries", self.missing.len());
        let rows = usize::from(area.height.saturating_sub(2));
        let from = (self.at + 1).saturating_sub(rows);
        let shown = lines.iter().enumerate().skip(from).take(rows).map(|(at, line)| {
            let style = if at == self.at { styles(Role::Cursor) } else { Style::default() };
            (line.as_str(), style)
        });
        super::frame(buffer, area, &title, around.theme);
        for ((text, style), y) in shown.zip(area.y + 1..) {
            super::line(buffer, area, y, text, style);
        }
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
