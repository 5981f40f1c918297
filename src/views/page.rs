//! What the full-screen leaves have in common: their answer to a key, their title row, their body.

use super::panel::{clear, right, write};
use super::theme::{Role, Theme};
use super::view::ViewContext;
use crate::model::cluster::{ClusterName, ClusterState};
use crate::model::object::ObjectKey;
use crate::model::text::{fit, width};
use crate::model::time::human;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The parts of a title row: the kind of view, what it shows, and notes at the right, each with its look.
#[derive(Debug)]
pub struct Title<'a> {
    /// The kind of view.
    pub view: &'a str,
    /// The object it shows.
    pub object: &'a ObjectKey,
    /// Notes at the right, the most important first.
    pub notes: Vec<(String, Role)>,
}

/// `pods/api-1`, with its namespace where it has one.
pub fn object_name(object: &ObjectKey) -> String {
    let kind = object.kind.kind.to_lowercase();
    if object.namespace.is_empty() {
        format!("{kind} {}", object.name)
    } else {
        format!("{kind} {}/{}", object.namespace, object.name)
    }
}

/// The colour of a cluster wherever it is named: its own, or its turn in the order of names.
pub fn cluster_style(cluster: &ClusterName, cx: &ViewContext<'_>) -> Style {
    let nth = cx.snapshot.clusters.keys().position(|name| name == cluster).unwrap_or(0);
    let entry = cx.snapshot.clusters.get(cluster).map(|c| &c.entry);
    cx.theme.cluster(nth, entry.and_then(|e| e.color.as_deref()))
}

/// Returns the state of a cluster that is not live, and for how long.
pub fn trouble(cluster: &ClusterName, cx: &ViewContext<'_>) -> Option<(String, Role)> {
    let state = &cx.snapshot.clusters.get(cluster)?.state;
    if *state == ClusterState::Live {
        return None;
    }
    let age = state.since().map(|since| format!(" {}", human(cx.now.since(since)))).unwrap_or_default();
    let role = match state {
        ClusterState::Unreachable { .. } => Role::Failed,
        ClusterState::Denied { .. } | ClusterState::AuthNeeded { .. } => Role::Degraded,
        ClusterState::Stale { .. } => Role::Stale,
        ClusterState::Listed | ClusterState::Connecting | ClusterState::Live | ClusterState::Paused => Role::Dim,
    };
    Some((format!("{} {}{age}", state.glyph(), state.word()), role))
}

/// Columns the name keeps when notes want its room: with its middle cut, still told apart.
const NAME_MIN: usize = 14;

/// Clears the leaf's area, draws the title into its first row and gives the rest.
pub fn begin(buffer: &mut Buffer, title: &Title<'_>, cx: &ViewContext<'_>) -> Rect {
    let area = cx.area.intersection(buffer.area);
    clear(buffer, area);
    let row =
        Rect { height: area.height.min(1), x: area.x + area.width.min(1), width: area.width.saturating_sub(2), ..area };
    let style = |role| cx.theme.style(role);
    let mut notes: Vec<(String, Role)> = trouble(&title.object.cluster, cx).into_iter().collect();
    notes.extend(title.notes.iter().filter(|(text, _)| !text.is_empty()).cloned());
    let cluster = format!("▌{}", title.object.cluster);
    let name = object_name(title.object);
    let fixed = width(title.view) + width(&cluster) + 4;
    let room = usize::from(row.width);
    // Notes give way first, from the end; then the name is cut in its middle.
    while !notes.is_empty() && fixed + width(&name).min(NAME_MIN) + notes_width(&notes) > room {
        notes.pop();
    }
    let mut rest = row;
    let x = write(buffer, rest, title.view, style(Role::Title));
    rest = from(row, x + 2);
    let x = write(buffer, rest, &cluster, cluster_style(&title.object.cluster, cx));
    rest = from(row, x + 2);
    let name_room = room.saturating_sub(fixed + notes_width(&notes));
    write(buffer, rest, &fit(&name, name_room), style(Role::Strong));
    let mut end = row;
    for (text, role) in notes.iter().rev() {
        let place = right(end, text);
        write(buffer, place, text, style(*role));
        end.width = place.x.saturating_sub(row.x).saturating_sub(2);
    }
    Rect { y: area.y + row.height, height: area.height - row.height, ..area }
}

fn notes_width(notes: &[(String, Role)]) -> usize {
    notes.iter().map(|(text, _)| width(text) + 2).sum()
}

fn from(row: Rect, x: u16) -> Rect {
    let x = x.min(row.right());
    Rect { x, width: row.right() - x, ..row }
}

/// Writes lines in the leaf's body where there is no text to read: what is going on, or why not.
pub fn say(area: Rect, buffer: &mut Buffer, lines: &[(String, Role)], theme: &Theme) {
    let columns = usize::from(area.width.saturating_sub(2));
    let mut y = area.y;
    for (text, role) in lines {
        for range in words(text, columns) {
            let row = Rect { x: area.x + area.width.min(1), y, width: area.width.saturating_sub(2), height: 1 };
            if y < area.bottom() {
                write(buffer, row, text.get(range).unwrap_or_default(), theme.style(*role));
            }
            y = y.saturating_add(1);
        }
    }
}

/// Cuts a sentence into rows between words; a word longer than the row is cut within.
pub(super) fn words(text: &str, columns: usize) -> Vec<std::ops::Range<usize>> {
    let mut rows: Vec<std::ops::Range<usize>> = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(' ') {
        let (start, end) = (at, at + word.len());
        at = end;
        match rows.last_mut() {
            Some(row) if width(text.get(row.start..end).unwrap_or_default().trim_end()) <= columns => row.end = end,
            _ => rows.extend(
                super::reader::lines::wrapped(word.trim_end(), columns).iter().map(|r| start + r.start..start + r.end),
            ),
        }
    }
    rows
}

/// The body of a leaf with a column free at each side, as its title row has.
pub fn inner(body: Rect) -> Rect {
    Rect { x: body.x + body.width.min(1), width: body.width.saturating_sub(2), ..body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_break_between_words() {
        let text = "api is forbidden: supercalifragilistic words";
        let rows: Vec<&str> = words(text, 12).into_iter().map(|r| text[r].trim_end()).collect();
        assert_eq!(rows, ["api is", "forbidden:", "supercalifra", "gilistic", "words"]);
    }

    proptest::proptest! {
        #[test]
        fn no_row_is_too_wide(text in "[a-z ]{0,60}", columns in 1_usize..20) {
            for row in words(&text, columns) {
                assert!(width(text[row].trim_end()) <= columns);
            }
        }
    }
}
