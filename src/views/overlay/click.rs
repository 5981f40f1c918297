//! Clicks on what lies over the table. As in the table, one selects and a second on the same line does what `enter` does;
//! a click beside an overlay does nothing, and none answers a question.

use super::{Overlay, Reply, ViewContext};
use crate::views::cursor::Clicked;
use crate::views::keymap::{Action, Code, Key};

impl Overlay {
    /// Takes a click at a column and row of the screen; `None` when nothing is there to be clicked.
    pub fn click(&mut self, at: (u16, u16), around: &ViewContext<'_>, next: &mut u64) -> Option<Reply> {
        let clicked = match self {
            Self::Routes(routes) => return Some(routes.click(at, around)),
            Self::Columns(list) => return list.click(at, around),
            Self::Detail(detail) => return detail.click(at, around.area).then(Reply::stay),
            Self::Missing(list) => list.click(at, around),
            Self::Containers(list) => list.click(at, around.area, around.snapshot),
            Self::Palette(palette) => palette.click(at, around.area),
            Self::Chooser(chooser) => chooser.click(at, around.area),
            Self::Logs(_) | Self::Help(_) | Self::Doctor(_) | Self::Tester(_) | Self::Confirm(_) => Clicked::Nothing,
        };
        match clicked {
            Clicked::Nothing => None,
            Clicked::Selected => Some(Reply::stay()),
            Clicked::Again => Some(self.update((Some(Action::Accept), Key::plain(Code::Enter)), around, next)),
        }
    }
}
