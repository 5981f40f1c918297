//! What the screen is told, and what it asks of its surroundings.

use super::keymap::Key;
use crate::model::time::UnixSeconds;
use crate::protocol::{Request, Snapshot};
use std::sync::Arc;

/// Something happened.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// The mouse was used.
    Mouse(Mouse),
    /// Columns and rows of the terminal.
    Resize(u16, u16),
    /// Text was pasted.
    Paste(String),
    /// The engine published a new picture.
    Snapshot(Arc<Snapshot>),
    /// The time; sent with every other message too, so that `update` needs no clock.
    Tick(UnixSeconds),
    /// The terminal said what its background is.
    Background {
        /// True for a light background.
        light: bool,
    },
    /// The engine did not take this, and so much waits for it already that it never will.
    Refused(Box<Request>),
    /// The answer to [`Effect::MeasureMemory`], in bytes.
    Memory(u64),
    /// The result of an [`Effect::Save`]: the file's path, or why there is none.
    Saved(Result<String, String>),
}

/// A mouse event, cells counted from the top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    /// Cells from the left.
    pub column: u16,
    /// Cells from the top.
    pub row: u16,
    /// The button or the wheel.
    pub what: MouseAction,
}

/// The part of a mouse that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseAction {
    /// The left button.
    Click,
    /// A notch up.
    WheelUp,
    /// A notch down.
    WheelDown,
}

/// Work for the surroundings: the screen itself does no IO.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Send a request to the engine.
    Send(Request),
    /// To the clipboard, by OSC 52.
    Copy(String),
    /// A new file in the state folder; the answer is [`Msg::Saved`].
    Save {
        /// The file's name.
        name: String,
        /// The file's text.
        text: String,
    },
    /// Say how much memory the program takes, where the system says; the answer is [`Msg::Memory`].
    MeasureMemory,
    /// Take the mouse, or leave it to the terminal so that text can be selected.
    CaptureMouse(bool),
    /// Stop this process, as `ctrl-z` does elsewhere.
    Suspend,
    /// Leave.
    Quit,
}

/// The result of an update.
#[derive(Debug, Default)]
pub struct Flow {
    /// Something that is shown may have changed.
    pub draw: bool,
    /// Work that the update needs done, in order.
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
