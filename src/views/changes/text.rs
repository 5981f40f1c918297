//! A plan as styled lines, and the question below it.

use crate::facts::change as facts;
use crate::model::change::{Consent, Prompt};
use crate::protocol::ReadyPlan;
use crate::views::header::Piece;
use crate::views::page::words;
use crate::views::theme::Role;

/// Columns by which the further rows of a long line are set in.
const INDENT: usize = 6;

/// Returns the plan in lines of at most so many columns.
pub(super) fn plan(ready: &ReadyPlan, columns: usize) -> Vec<Piece> {
    let text = facts::plan(&ready.plan, &ready.waves);
    let mut lines: Vec<Piece> = Vec::new();
    for (nth, line) in text.lines().enumerate() {
        let role = if nth == 0 { Role::Strong } else { role(line) };
        lines.push((line.to_owned(), role));
    }
    lines.extend(ready.missing.iter().map(|missing| (missing.to_string(), Role::Warning)));
    wrapped(&lines, columns)
}

fn role(line: &str) -> Role {
    let is_object = line.starts_with(' ');
    if line.contains('✗') {
        Role::Failed
    } else if is_object && line.contains("not checked: ") {
        Role::Degraded
    } else if is_object {
        Role::Text
    } else if line.contains(" (protected): ") {
        Role::Protected
    } else if line.contains(" (read-only): ") {
        Role::ReadOnly
    } else if line.contains(" (guarded): ") {
        Role::Strong
    } else {
        Role::Dim
    }
}

/// Returns lines wrapped between words, the further rows of each set in.
pub(super) fn wrapped(lines: &[Piece], columns: usize) -> Vec<Piece> {
    let mut out = Vec::new();
    for (text, role) in lines {
        if text.is_empty() {
            out.push((String::new(), *role));
        }
        let room = columns.saturating_sub(INDENT).max(1);
        let mut rest = text.as_str();
        let mut width = columns.max(1);
        let mut indent = "";
        while !rest.is_empty() {
            let end = words(rest, width).first().map_or(rest.len(), |row| row.end.max(1));
            let (row, left) = rest.split_at_checked(end).unwrap_or((rest, ""));
            out.push((format!("{indent}{}", row.trim_end()), *role));
            (rest, width, indent) = (left, room, "      ");
        }
    }
    out
}

/// Returns the question below a plan, or why there is none.
pub(super) fn question(ready: &ReadyPlan) -> Vec<Piece> {
    let close = |text: String| vec![(text, Role::Warning), ("esc discards the plan.".to_owned(), Role::Dim)];
    if ready.plan.changed().next().is_none() {
        return close("There is nothing to change.".to_owned());
    }
    let prompts = match &ready.consent {
        Consent::Refused { why, hint } => return close(format!("✗ {why}: {hint}")),
        Consent::Ask(prompts) => prompts.as_slice(),
        Consent::Given => &[],
    };
    let names: Vec<&str> = prompts
        .iter()
        .filter_map(|prompt| match prompt {
            Prompt::Agree => None,
            Prompt::Cluster(name) => Some(name.as_str()),
            Prompt::Object(_, name) => Some(name),
        })
        .collect();
    let question = match names.as_slice() {
        [] => "Carry out this plan? y carries it out · esc discards it".to_owned(),
        [one] => format!("Carry out this plan? y, then type {one} · esc discards it"),
        many => format!("Carry out this plan? y, then type {} names: {} · esc discards it", many.len(), some(many)),
    };
    let role = if names.is_empty() { Role::Key } else { Role::Protected };
    vec![(question, role)]
}

/// Returns the first names, and how many more there are.
fn some(names: &[&str]) -> String {
    const NAMED_MAX: usize = 4;
    let more = names.len().saturating_sub(NAMED_MAX);
    let named = names.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}
