//! What the screen is told, and what it asks of its surroundings.

use super::keymap::Key;
use crate::model::time::UnixSeconds;
use crate::protocol::{Request, Snapshot};
use std::sync::Arc;

/// Something happened.
#[derive(Debug, Clone)]
pub enum Msg {
    Key(Key),
    Mouse(Mouse),
    /// Columns and rows of the terminal.
    Resize(u16, u16),
    Paste(String),
    Snapshot(Arc<Snapshot>),
    /// The time; sent with every other message too, so that `update` needs no clock.
    Tick(UnixSeconds),
    /// The terminal said what its background is.
    Background {
        light: bool,
    },
    /// The engine did not take this, and so much waits for it already that it never will.
    Refused(Box<Request>),
    /// The answer to [`Effect::MeasureMemory`], in bytes.
    Memory(u64),
    /// What became of an [`Effect::Save`]: where it is, or why not.
    Saved(Result<String, String>),
}

/// A mouse event, cells counted from the top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    pub column: u16,
    pub row: u16,
    pub what: MouseAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseAction {
    Click,
    WheelUp,
    WheelDown,
}

/// Work for the surroundings: the screen itself does no IO.
#[derive(Debug, Clone)]
pub enum Effect {
    Send(Request),
    /// To the clipboard, by OSC 52.
    Copy(String),
    /// A new file in the state folder; the answer is [`Msg::Saved`].
    Save {
        name: String,
        text: String,
    },
    /// Say how much memory the program takes, where the system says; the answer is [`Msg::Memory`].
    MeasureMemory,
    /// Take the mouse, or leave it to the terminal so that text can be selected.
    CaptureMouse(bool),
    Suspend,
    Quit,
}

/// What an update came to.
#[derive(Debug, Default)]
pub struct Flow {
    /// Something that is shown may have changed.
    pub draw: bool,
    pub effects: Vec<Effect>,
}

impl Flow {
    /// This, and what the next update came to.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.draw |= next.draw;
        self.effects.extend(next.effects);
        self
    }
}
