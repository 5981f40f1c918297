//! The question before the program ends while it runs a change.

use super::keys;
use crate::model::text::width;
use crate::protocol::{OperationStatus, Snapshot};
use crate::views::keymap::Action;
use crate::views::msg::Effect;
use crate::views::panel::{centred, frame, line};
use crate::views::theme::Role;
use crate::views::view::{Input, Reply, View, ViewContext, ViewSpec};
use ratatui::buffer::Buffer;
use std::sync::Arc;

/// Operations that the question names.
const NAMED_MAX: usize = 4;

/// The question.
#[derive(Debug)]
pub struct Leave {
    lines: Vec<String>,
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "leave", context: &keys::LEAVE, ..ViewSpec::PANEL };

impl Leave {
    /// Returns the question; `None` if this engine runs no change.
    pub fn new(snapshot: &Snapshot) -> Option<Self> {
        let is_running = |operation: &&Arc<OperationStatus>| operation.own && super::is_running(operation);
        let running: Vec<&Arc<OperationStatus>> = snapshot.changes.operations.iter().filter(is_running).collect();
        if running.is_empty() {
            return None;
        }
        let mut lines = vec!["What is under way is waited for; nothing new begins. To go on later:".to_owned()];
        lines.extend(running.iter().take(NAMED_MAX).map(|operation| format!("  qd plan resume {}", operation.id)));
        if running.len() > NAMED_MAX {
            lines.push(format!("  and {} more: qd plan list", running.len() - NAMED_MAX));
        }
        lines.push("y or q leaves · esc stays".to_owned());
        Some(Self { lines })
    }

    fn title(&self) -> &'static str {
        if self.lines.len() > 3 { "Changes still run. Leave?" } else { "A change still runs. Leave?" }
    }
}

impl View for Leave {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, _cx: &ViewContext<'_>) -> Reply {
        match input.action {
            Some(Action::BACK) => Reply::close(),
            Some(Action::ACCEPT) => Reply { effects: vec![Effect::Quit], ..Reply::close() },
            Some(_) | None => Reply::stay(),
        }
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let widest = self.lines.iter().map(|line| width(line)).max().unwrap_or_default().max(40);
        let place = centred(cx.area, widest + 2, self.lines.len() + 1);
        frame(buffer, place, self.title(), cx.theme);
        for (text, y) in self.lines.iter().zip(place.y + 1..) {
            line(buffer, place, y, text, cx.theme.style(Role::Overlay));
        }
    }
}
