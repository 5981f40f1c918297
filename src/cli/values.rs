//! Parsers of values on the command line.

use crate::model::time::UnixSeconds;

/// Parses a time in RFC 3339. Fails for any other text.
pub(super) fn parse_time(text: &str) -> Result<UnixSeconds, String> {
    let read: Result<jiff::Timestamp, _> = text.parse();
    read.map(|at| UnixSeconds(at.as_second())).map_err(|_| "expected a time, as in 2026-11-21T23:00:00Z".to_owned())
}

/// Parses `KEY=VALUE`. Fails for any other text.
pub(super) fn parse_label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| "expected KEY=VALUE".to_owned())
}

/// Parses `30`, `30s`, `2m`, `1h` as whole seconds, at least one. Fails for any other text.
pub(super) fn parse_seconds(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(format!("`{unit}` is not a unit of time; use s, m or h")),
    };
    let number: u32 = digits.parse().map_err(|_| "expected a number, as in 30s".to_owned())?;
    match number.checked_mul(factor) {
        Some(0) | None => Err("expected between 1s and 1193046h".to_owned()),
        Some(seconds) => Ok(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_read_as_kubectl_writes_them() {
        assert_eq!(parse_seconds("30"), Ok(30));
        assert_eq!(parse_seconds("2m"), Ok(120));
        assert!(parse_seconds("0").is_err());
        assert!(parse_seconds("5d").is_err());
    }
}
