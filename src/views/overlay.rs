//! What lies over the table: a stack, the top one has the keys.

use super::keymap::{Action, Context, Key};
use super::msg::Effect;
use super::theme::{Role, Theme};
use crate::model::time::UnixSeconds;
use crate::protocol::Snapshot;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

mod missing;

pub use missing::MissingList;

/// One overlay.
#[derive(Debug)]
pub enum Overlay {
    /// Which clusters are missing from the view, and why.
    Missing(MissingList),
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
    /// A command line to run once it is closed.
    pub command: Option<String>,
    pub effects: Vec<Effect>,
}

impl Reply {
    pub fn stay() -> Self {
        Self::default()
    }

    pub fn close() -> Self {
        Self { close: true, ..Self::default() }
    }

    /// Closes and runs a command line.
    pub fn run(command: impl Into<String>) -> Self {
        Self { close: true, command: Some(command.into()), ..Self::default() }
    }
}

impl Overlay {
    /// Where its keys are looked up.
    pub fn context(&self) -> Context {
        match self {
            Self::Missing(_) => Context::List,
        }
    }

    /// Does what the key is bound to; `action` is `None` when it is bound to nothing there.
    pub fn update(&mut self, action: Option<Action>, _key: Key, around: &Surroundings<'_>) -> Reply {
        match (action, self) {
            (Some(Action::Back), _) => Reply::close(),
            (Some(action), Self::Missing(list)) => list.act(action, around),
            (None, _) => Reply::stay(),
        }
    }

    pub fn draw(&self, buffer: &mut Buffer, around: &Surroundings<'_>) {
        match self {
            Self::Missing(list) => list.draw(buffer, around),
        }
    }
}

/// A rectangle in the middle, as large as wanted and as fits, a column and a row of the table left visible
/// where there is room.
pub fn centred(area: Rect, columns: usize, rows: usize) -> Rect {
    let clamp = |wanted: usize, have: u16| u16::try_from(wanted).unwrap_or(u16::MAX).min(have);
    let width = clamp(columns, area.width.saturating_sub(2).max(area.width.min(20)));
    let height = clamp(rows, area.height.saturating_sub(2).max(area.height.min(3)));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// Clears the rectangle and writes the title into its first row. No border: the background sets it apart.
pub fn frame(buffer: &mut Buffer, area: Rect, title: &str, theme: &Theme) {
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
    buffer.set_style(area, theme.style(Role::Overlay));
    line(buffer, area, area.y, title, theme.style(Role::OverlayTitle));
}

/// Writes one line of an overlay, a column in from its edge, over its whole width.
pub fn line(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) {
    let area = area.intersection(buffer.area);
    if y >= area.bottom() || area.width < 3 {
        return;
    }
    buffer.set_style(Rect { y, height: 1, ..area }, style);
    buffer.set_stringn(area.x + 1, y, text, usize::from(area.width - 2), style);
}
