//! Translates events of the terminal to messages of the app.

use crate::views::keymap::{Code, Key, Modifiers};
use crate::views::msg::{Mouse, MouseAction, Msg};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

/// The message for an event; `None` for events that the app does not use.
pub(super) fn message(event: &Event) -> Option<Msg> {
    match event {
        Event::Key(key) => self::key(*key).map(Msg::Key),
        Event::Mouse(mouse) => self::mouse(*mouse).map(Msg::Mouse),
        Event::Paste(text) => Some(Msg::Paste(text.clone())),
        Event::Resize(columns, rows) => Some(Msg::Resize(*columns, *rows)),
        Event::FocusGained | Event::FocusLost => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "keys that type nothing here are many, and more come")]
fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let has = |modifier| event.modifiers.contains(modifier);
    let mut modifiers =
        Modifiers { ctrl: has(KeyModifiers::CONTROL), alt: has(KeyModifiers::ALT), shift: has(KeyModifiers::SHIFT) };
    let code = match event.code {
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => {
            modifiers.shift = true;
            Code::Tab
        }
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Insert => Code::Insert,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::F(n) => Code::F(n),
        _ => return None,
    };
    Some(Key::new(code, modifiers))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "buttons and moves we do not use")]
fn mouse(event: MouseEvent) -> Option<Mouse> {
    let what = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseAction::Click,
        MouseEventKind::ScrollUp => MouseAction::WheelUp,
        MouseEventKind::ScrollDown => MouseAction::WheelDown,
        _ => return None,
    };
    Some(Mouse { column: event.column, row: event.row, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_press_is_the_same_key_however_it_is_sent() {
        let pressed = |code, modifiers| key(KeyEvent::new(code, modifiers)).unwrap();
        let capital = Key::parse("shift-n").unwrap();
        assert_eq!(pressed(KeyCode::Char('N'), KeyModifiers::SHIFT), capital);
        assert_eq!(pressed(KeyCode::Char('N'), KeyModifiers::NONE), capital);
        assert_eq!(pressed(KeyCode::BackTab, KeyModifiers::SHIFT), Key::parse("shift-tab").unwrap());
        assert_eq!(pressed(KeyCode::Char('z'), KeyModifiers::CONTROL), Key::ctrl('z'));
    }
}
