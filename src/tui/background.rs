//! Detects a dark or light terminal: one query, at the time of the first frame.
//!
//! The answer arrives among the keys, so it is filtered out of the events. A second reader of the terminal beside the
//! event stream would swallow keys typed meanwhile.

use super::Options;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::io::Write as _;

/// Query for the background colour (OSC 11). Terminals that do not support it stay silent.
const QUESTION: &str = "\u{1b}]11;?\u{1b}\\";

/// Terminals that print unknown sequences to the screen.
const UNFIT: [&str; 2] = ["dumb", "linux"];

/// The longest answer: four parts of four digits.
const ANSWER_MAX: usize = 40;

/// Waits for the answer among the events.
#[derive(Debug, Default)]
pub(super) struct BackgroundQuery {
    asked: bool,
    /// The last event was a lone escape: possibly the first piece of an answer in two pieces.
    escaped: bool,
    /// The text so far of a possible answer, from the held events.
    read: String,
    held: Vec<Event>,
}

/// Result of the filter for an event.
#[derive(Debug, PartialEq)]
pub(super) enum Taken {
    /// Events to handle, in order; empty while the held ones may still become the answer.
    Events(Vec<Event>),
    /// The event completed the answer.
    Answer { light: bool },
}

impl BackgroundQuery {
    /// Sends the query, unless a theme was chosen or colours are off. Fails if the terminal cannot be written to.
    pub(super) fn ask(options: &Options) -> std::io::Result<Self> {
        let fit = options.term.as_deref().is_none_or(|term| !UNFIT.contains(&term));
        let asked = options.theme.is_none() && !options.no_color && fit;
        if asked {
            let mut out = std::io::stdout();
            out.write_all(QUESTION.as_bytes())?;
            out.flush()?;
        }
        Ok(Self { asked, ..Self::default() })
    }

    /// Filters an event, before any other handler.
    pub(super) fn take(&mut self, event: Event) -> Taken {
        let Some(key) = typed(&event).filter(|_| self.asked) else {
            return self.release(event);
        };
        match (self.held.is_empty(), key) {
            (true, (KeyCode::Char(']'), KeyModifiers::ALT)) => {}
            (true, (KeyCode::Char(']'), KeyModifiers::NONE)) if self.escaped => {}
            (false, (KeyCode::Char('\\'), KeyModifiers::ALT) | (KeyCode::Char('g'), KeyModifiers::CONTROL)) => {
                return match is_light(&self.read) {
                    Some(light) => {
                        *self = Self::default();
                        Taken::Answer { light }
                    }
                    None => self.release(event),
                };
            }
            (false, (KeyCode::Char(c), KeyModifiers::NONE | KeyModifiers::SHIFT)) if self.read.len() < ANSWER_MAX => {
                self.read.push(c);
                if !fits(&self.read) {
                    return self.release(event);
                }
            }
            _ => return self.release(event),
        }
        self.held.push(event);
        Taken::Events(Vec::new())
    }

    /// Not the answer: returns all held events, which the user typed.
    fn release(&mut self, event: Event) -> Taken {
        self.read.clear();
        self.escaped = typed(&event) == Some((KeyCode::Esc, KeyModifiers::NONE));
        let mut events = std::mem::take(&mut self.held);
        events.push(event);
        Taken::Events(events)
    }
}

fn typed(event: &Event) -> Option<(KeyCode, KeyModifiers)> {
    match event {
        Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) => Some((*code, *modifiers)),
        Event::Key(_)
        | Event::Mouse(_)
        | Event::Paste(_)
        | Event::Resize(..)
        | Event::FocusGained
        | Event::FocusLost => None,
    }
}

/// Returns true if an answer can begin like this.
fn fits(read: &str) -> bool {
    ["11;rgb:", "11;rgba:"].iter().any(|head| match read.strip_prefix(head) {
        Some(rest) => rest.chars().all(|c| c.is_ascii_hexdigit() || c == '/'),
        None => head.starts_with(read),
    })
}

/// Returns true if the brightness of `11;rgb:RRRR/GGGG/BBBB`, each part of one to four digits, is above the middle;
/// `None` for any other text.
fn is_light(read: &str) -> Option<bool> {
    let (_, parts) = read.split_once(':')?;
    let part = |text: &str| {
        let digits = u32::try_from(text.len()).ok().filter(|count| (1..=4).contains(count))?;
        let full = 16_u32.checked_pow(digits)?.checked_sub(1)?;
        Some(f64::from(u32::from_str_radix(text, 16).ok()?) / f64::from(full))
    };
    let parts: Vec<f64> = parts.split('/').map(part).collect::<Option<_>>()?;
    let [red, green, blue, ..] = parts.as_slice() else { return None };
    // The weights of ITU-R BT.709.
    Some(0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: char, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(code), modifiers))
    }

    /// As crossterm reads it.
    fn answer(text: &str) -> Vec<Event> {
        let mut events = vec![key(']', KeyModifiers::ALT)];
        events.extend(text.chars().map(|c| key(c, KeyModifiers::NONE)));
        events.push(key('\\', KeyModifiers::ALT));
        events
    }

    fn waiting() -> BackgroundQuery {
        BackgroundQuery { asked: true, ..BackgroundQuery::default() }
    }

    fn passed(query: &mut BackgroundQuery, events: Vec<Event>) -> (Vec<Event>, Option<bool>) {
        let (mut out, mut found) = (Vec::new(), None);
        for event in events {
            match query.take(event) {
                Taken::Events(events) => out.extend(events),
                Taken::Answer { light } => found = Some(light),
            }
        }
        (out, found)
    }

    #[test]
    fn the_answer_is_found_and_nothing_else_is_lost() {
        let typed = |text: &str| text.chars().map(|c| key(c, KeyModifiers::NONE)).collect::<Vec<_>>();
        for (text, light) in [
            ("11;rgb:ffff/ffff/ffff", true),
            ("11;rgb:1e1e/1e1e/2e2e", false),
            ("11;rgb:f/f/f", true),
            ("11;rgba:00/00/00/ff", false),
        ] {
            let mut query = waiting();
            let all = [typed(":p"), answer(text), typed("ods")].concat();
            assert_eq!(passed(&mut query, all), (typed(":pods"), Some(light)), "{text}");
            let later = answer(text);
            assert_eq!(passed(&mut query, later.clone()), (later, None), "it is asked once");
        }
    }

    #[test]
    fn the_other_end_of_an_answer_is_a_bell() {
        let mut all = answer("11;rgb:ffff/ffff/ffff");
        all.pop();
        all.push(key('g', KeyModifiers::CONTROL));
        assert_eq!(passed(&mut waiting(), all), (vec![], Some(true)));
    }

    #[test]
    fn an_answer_in_two_pieces_is_one() {
        let escape = Event::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
        let mut all = answer("11;rgb:ffff/ffff/ffff");
        all[0] = key(']', KeyModifiers::NONE);
        all.insert(0, escape.clone());
        assert_eq!(passed(&mut waiting(), all), (vec![escape], Some(true)));
        assert_eq!(passed(&mut waiting(), vec![key(']', KeyModifiers::NONE)]).0.len(), 1, "a key of its own");
    }

    #[test]
    fn what_only_begins_like_an_answer_is_what_was_typed() {
        for text in ["11;rgb:12/zz", "12;rgb", "11;rgb:1/2", "11;rgb:1/2/12345", "q"] {
            let all = answer(text);
            assert_eq!(passed(&mut waiting(), all.clone()), (all, None), "{text}");
        }
        let all = vec![key(']', KeyModifiers::ALT), Event::Resize(80, 24), key('j', KeyModifiers::NONE)];
        assert_eq!(passed(&mut waiting(), all.clone()), (all, None));
    }
}
