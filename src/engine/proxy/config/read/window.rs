//! Weekly windows in UTC: `days: [mon-fri]`, `from: "22:00"`, `to: "04:00"`.

use super::credential::texts;
use super::{Piece, Reader};
use crate::config::tree::Node;
use crate::engine::proxy::config::Window;
use crate::engine::proxy::config::words::DAYS;

/// The whole of every day.
pub(super) const ALWAYS: Window = Window { days: 0b111_1111, from: 0, to: 0 };

impl Reader<'_> {
    pub(super) fn window(&mut self, piece: &Piece, node: &Node) -> Option<Window> {
        let mut days = 0;
        for text in texts(node.get("days")) {
            let Some(more) = days_of(&text) else {
                let at = piece.at(node.get("days").unwrap_or(node));
                self.flaw(&at, format!("`days`: expected days such as mon or mon-fri: {}", DAYS.join(", ")));
                return None;
            };
            days |= more;
        }
        let days = if node.get("days").is_none() { ALWAYS.days } else { days };
        let from = self.time(piece, node, "from")?;
        let to = self.time(piece, node, "to")?;
        (days != 0).then_some(Window { days, from, to })
    }

    fn time(&mut self, piece: &Piece, node: &Node, key: &str) -> Option<u16> {
        let given = node.get(key)?;
        let minutes = given.text().and_then(minutes_of);
        if minutes.is_none() {
            self.flaw(&piece.at(given), format!("`{key}`: expected a time of day in UTC such as \"22:00\""));
        }
        minutes
    }
}

/// Parses days: `mon`, `Monday`, `fri-mon`.
fn days_of(text: &str) -> Option<u8> {
    let day = |text: &str| {
        let text = text.trim().to_lowercase();
        let long = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        DAYS.iter().position(|d| *d == text).or_else(|| long.iter().position(|d| *d == text))
    };
    let Some((first, last)) = text.split_once('-') else { return Some(1 << day(text)?) };
    let (first, last) = (day(first)?, day(last)?);
    let length = (last + DAYS.len() - first) % DAYS.len();
    Some((0..=length).fold(0, |days, step| days | 1 << ((first + step) % DAYS.len())))
}

/// Parses a time of day into minutes since midnight; `24:00` is midnight.
fn minutes_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |t: &str| {
        (t.len() <= 2 && !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u16>().ok())?
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    match (hours, minutes) {
        (24, 0) => Some(0),
        (0..=23, 0..=59) => Some(hours * 60 + minutes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_read_as_people_write_them() {
        assert_eq!(days_of("mon"), Some(1));
        assert_eq!(days_of("Sunday"), Some(1 << 6));
        assert_eq!(days_of("mon-fri"), Some(0b1_1111));
        assert_eq!(days_of("sat-mon"), Some(0b110_0001));
        assert_eq!(days_of("someday"), None);
        for (text, minutes) in [("00:00", Some(0)), ("22:30", Some(1350)), ("8:05", Some(485)), ("24:00", Some(0))] {
            assert_eq!(minutes_of(text), minutes, "{text}");
        }
        for bad in ["", "24:01", "12:60", "12", "-1:00", "+1:00", "1:2:3", "noon"] {
            assert_eq!(minutes_of(bad), None, "{bad}");
        }
    }
}
