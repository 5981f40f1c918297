//! Colours for one visible line: what each part of it is.

use crate::views::theme::Role;
use std::ops::Range;

/// The kind of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Syntax {
    /// No colours.
    #[default]
    Plain,
    /// Keys, values and comments.
    Yaml,
    /// `Key:  value`, as a description has it.
    Describe,
    /// Levels and times.
    Log,
    /// Headings at the edge, and keys before what they do.
    Help,
}

/// A part of a line with a meaning of its own; what no part covers is plain text.
pub type Part = (Range<usize>, Role);

/// The parts of a line, in order, not overlapping.
pub fn parts(syntax: Syntax, line: &str) -> Vec<Part> {
    match syntax {
        Syntax::Plain => Vec::new(),
        Syntax::Yaml => yaml(line),
        Syntax::Describe => describe(line),
        Syntax::Log => log(line),
        Syntax::Help => help(line),
    }
}

fn yaml(line: &str) -> Vec<Part> {
    let mut start = line.len() - line.trim_start().len();
    let mut parts = Vec::new();
    while line.get(start..).is_some_and(|rest| rest.starts_with("- ")) {
        parts.push((start..start + 1, Role::Dim));
        start += 2;
    }
    let rest = line.get(start..).unwrap_or_default();
    if rest.starts_with('#') {
        parts.push((start..line.len(), Role::YamlComment));
        return parts;
    }
    let value = match key_length(rest) {
        Some(length) => {
            parts.push((start..start + length, Role::YamlKey));
            parts.push((start + length..start + length + 1, Role::Dim));
            start + length + 1
        }
        None => start,
    };
    let text = line.get(value..).unwrap_or_default();
    let skipped = text.len() - text.trim_start().len();
    if !text.trim().is_empty() {
        parts.push((value + skipped..line.len(), value_role(text.trim())));
    }
    parts
}

/// The length of a key at the beginning: up to a colon that ends the line or is followed by a space.
fn key_length(text: &str) -> Option<usize> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let close = text.get(1..)?.find(quote)? + 2;
        return text.get(close..)?.starts_with(':').then_some(close);
    }
    let colon = text.match_indices(':').map(|(i, _)| i).find(|i| text.get(i + 1..).is_some_and(ends_key))?;
    (!text.get(..colon)?.contains(' ')).then_some(colon)
}

fn ends_key(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(' ')
}

fn value_role(value: &str) -> Role {
    match value {
        "true" | "false" | "null" | "~" | "{}" | "[]" | "|" | "|-" | ">" | ">-" => Role::YamlLiteral,
        v if v.trim_start_matches(['"', '\'']).starts_with("••") => Role::Secret,
        v if v.parse::<f64>().is_ok() => Role::YamlNumber,
        _ => Role::YamlText,
    }
}

fn describe(line: &str) -> Vec<Part> {
    let start = line.len() - line.trim_start().len();
    let rest = line.get(start..).unwrap_or_default();
    let colon = rest.match_indices(':').map(|(i, _)| i).find(|i| rest.get(i + 1..).is_some_and(ends_key));
    match colon {
        Some(length) if length <= 40 && !rest.get(..length).is_some_and(|k| k.contains("  ")) => {
            vec![(start..start + length + 1, Role::YamlKey)]
        }
        _ => Vec::new(),
    }
}

fn help(line: &str) -> Vec<Part> {
    if !line.starts_with(' ') {
        return vec![(0..line.len(), Role::Header)];
    }
    let start = line.len() - line.trim_start().len();
    let left = line.get(start..).and_then(|rest| rest.find("   ")).map_or(line.len(), |length| start + length);
    vec![(start..left, Role::Key)]
}

/// Words that tell how bad a log line is; looked for near its beginning only.
const LEVELS: &[(&str, Role)] = &[
    ("FATAL", Role::Failed),
    ("PANIC", Role::Failed),
    ("ERROR", Role::Failed),
    ("WARNING", Role::Degraded),
    ("WARN", Role::Degraded),
    ("DEBUG", Role::Dim),
    ("TRACE", Role::Dim),
];

/// How far into a line its level may stand.
const LEVEL_WITHIN: usize = 120;

fn log(line: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let stamp = stamp_length(line);
    if stamp > 0 {
        parts.push((0..stamp, Role::Dim));
    }
    let head: String =
        line.chars().take_while(char::is_ascii).take(LEVEL_WITHIN).collect::<String>().to_ascii_uppercase();
    let level = LEVELS.iter().filter_map(|(word, role)| {
        let at = head.get(stamp..)?.find(word)? + stamp;
        let is_word = !head.get(..at)?.ends_with(|c: char| c.is_ascii_alphanumeric())
            && !head.get(at + word.len()..)?.starts_with(|c: char| c.is_ascii_alphabetic());
        is_word.then_some((at..at + word.len(), *role))
    });
    parts.extend(level.min_by_key(|(range, _)| range.start));
    parts
}

/// The length of an RFC 3339 time at the beginning, as the API server writes it.
fn stamp_length(line: &str) -> usize {
    let end = line.find(' ').unwrap_or(line.len());
    let is_stamp = (20..=40).contains(&end)
        && line.as_bytes().get(10) == Some(&b'T')
        && line.as_bytes().iter().take(4).all(u8::is_ascii_digit);
    if is_stamp { end } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(syntax: Syntax, line: &str) -> String {
        parts(syntax, line)
            .into_iter()
            .map(|(r, role)| format!("{}={}", &line[r], role.name()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn yaml_parts_are_told_apart() {
        for (line, expect) in [
            ("  name: api", "name=yaml-key :=dim api=yaml-text"),
            ("- image: a:1.2", "-=dim image=yaml-key :=dim a:1.2=yaml-text"),
            ("  replicas: 3", "replicas=yaml-key :=dim 3=yaml-number"),
            ("  paused: true", "paused=yaml-key :=dim true=yaml-literal"),
            ("spec:", "spec=yaml-key :=dim"),
            ("# note", "# note=yaml-comment"),
            ("  password: ••••••••", "password=yaml-key :=dim ••••••••=secret"),
            ("  'a: b': c", "'a: b'=yaml-key :=dim c=yaml-text"),
            ("    http://x/y", "http://x/y=yaml-text"),
            ("", ""),
        ] {
            assert_eq!(show(Syntax::Yaml, line), expect, "{line}");
        }
    }

    #[test]
    fn times_and_levels_of_log_lines_stand_out() {
        assert_eq!(
            show(Syntax::Log, "2026-11-21T09:00:00.1Z level=error x"),
            "2026-11-21T09:00:00.1Z=dim error=failed"
        );
        assert_eq!(show(Syntax::Log, "[WARN] slow"), "WARN=degraded");
        assert_eq!(show(Syntax::Log, "terrors of errorless code"), "");
        assert_eq!(show(Syntax::Describe, "  Node:   n-1"), "Node:=yaml-key");
    }

    proptest::proptest! {
        #[test]
        fn parts_are_ordered_and_on_letter_boundaries(line in "\\PC{0,60}") {
            for syntax in [Syntax::Plain, Syntax::Yaml, Syntax::Describe, Syntax::Log, Syntax::Help] {
                let mut at = 0;
                for (range, _) in parts(syntax, &line) {
                    assert!(range.start >= at && range.end >= range.start, "{line:?}");
                    assert!(line.get(range.clone()).is_some(), "{line:?} {range:?}");
                    at = range.end;
                }
            }
        }
    }
}
