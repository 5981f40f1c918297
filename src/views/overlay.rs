//! What lies over the table: a stack, the top one has the keys.

use super::keymap::{Action, Context, Key};
use super::listing::ColumnChoice;
use super::msg::Effect;
use super::sort::SortKey;
use super::theme::Theme;
use crate::model::time::UnixSeconds;
use crate::protocol::Snapshot;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod columns;
mod missing;

pub use columns::ColumnList;
pub use missing::MissingList;

/// One overlay.
#[derive(Debug)]
pub enum Overlay {
    /// Which clusters are missing from the view, and why.
    Missing(MissingList),
    /// Which columns are shown, in what order; and what to sort by.
    Columns(ColumnList),
}

/// What an overlay may look at.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    pub snapshot: &'a Snapshot,
    pub theme: &'a Theme,
    pub now: UnixSeconds,
    /// The area it is drawn in.
    pub area: Rect,
}

/// What pressing a key in an overlay came to.
#[derive(Debug, Default)]
pub struct Reply {
    /// Close it.
    pub close: bool,
    /// What the screen should do, once it is closed if it closes.
    pub outcome: Option<Outcome>,
    pub effects: Vec<Effect>,
}

/// What an overlay asks of the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Run a command line.
    Run(String),
    /// Show these columns.
    Columns(ColumnChoice),
    /// Sort by this; again turns it round.
    Sort(SortKey),
}

impl Reply {
    pub fn stay() -> Self {
        Self::default()
    }

    pub fn close() -> Self {
        Self { close: true, ..Self::default() }
    }

    /// Closes and asks for something.
    pub fn finish(outcome: Outcome) -> Self {
        Self { close: true, outcome: Some(outcome), ..Self::default() }
    }

    /// Stays and asks for something.
    pub fn tell(outcome: Outcome) -> Self {
        Self { outcome: Some(outcome), ..Self::default() }
    }
}

impl Overlay {
    /// Where its keys are looked up.
    pub fn context(&self) -> Context {
        match self {
            Self::Missing(_) | Self::Columns(_) => Context::List,
        }
    }

    /// Does what the key is bound to; `action` is `None` when it is bound to nothing there.
    pub fn update(&mut self, action: Option<Action>, _key: Key, around: &Surroundings<'_>) -> Reply {
        match (action, self) {
            (Some(Action::Back), _) => Reply::close(),
            (Some(action), Self::Missing(list)) => list.act(action, around),
            (Some(action), Self::Columns(list)) => list.act(action, around),
            (None, _) => Reply::stay(),
        }
    }

    pub fn draw(&self, buffer: &mut Buffer, around: &Surroundings<'_>) {
        match self {
            Self::Missing(list) => list.draw(buffer, around),
            Self::Columns(list) => list.draw(buffer, around),
        }
    }
}

/// Moves over a list of so many entries, a page being what the overlay shows; says whether it was a move.
#[expect(clippy::wildcard_enum_match_arm, reason = "a list knows moves only")]
pub fn step(at: &mut usize, count: usize, action: Action, area: Rect) -> bool {
    let last = count.saturating_sub(1);
    let page = usize::from(area.height.saturating_sub(4)).max(1);
    *at = match action {
        Action::Up => at.saturating_sub(1),
        Action::Down => *at + 1,
        Action::PageUp => at.saturating_sub(page),
        Action::PageDown => *at + page,
        Action::Top => 0,
        Action::Bottom => last,
        _ => return false,
    }
    .min(last);
    true
}

/// Draws a list of lines with the cursor on one, scrolled so that it is seen.
pub fn draw_list(buffer: &mut Buffer, around: &Surroundings<'_>, title: &str, lines: &[String], at: usize) {
    use super::panel;
    use super::theme::Role;
    use crate::model::text::width;
    let widest = lines.iter().map(|l| width(l)).max().unwrap_or_default().max(width(title));
    let area = panel::centred(around.area, widest + 2, lines.len() + 2);
    panel::frame(buffer, area, title, around.theme);
    let rows = usize::from(area.height.saturating_sub(1));
    let from = (at + 1).saturating_sub(rows);
    for ((nth, line), y) in lines.iter().enumerate().skip(from).take(rows).zip(area.y + 1..) {
        let role = if nth == at { Role::Cursor } else { Role::Overlay };
        panel::line(buffer, area, y, line, around.theme.style(role));
    }
}
