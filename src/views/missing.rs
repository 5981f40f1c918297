//! Which clusters are missing from the view, why, and what can be done.

use super::cursor::moved;
use super::keymap::Action;
use super::msg::Effect;
use super::page::words;
use super::panel;
use super::resources::{Gap, Missing};
use super::scope::Scope;
use super::theme::Role;
use super::view::{Input, Reply, View, ViewContext, ViewSpec};
use crate::model::cluster::ClusterName;
use crate::model::text::{fit, fit_end, width};
use crate::protocol::{ClusterRequest, Request};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::ops::Range;

/// The list, as it was when opened.
#[derive(Debug, Clone)]
pub struct MissingList {
    entries: Vec<MissingEntry>,
    /// The entry under the cursor.
    at: usize,
    /// The first line that is shown.
    top: usize,
}

/// A cluster, or several that are missing for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MissingEntry {
    gap: Gap,
    clusters: Vec<ClusterName>,
    name: String,
    text: String,
}

/// A longer cluster name is cut in the middle here.
const NAME_COLUMNS_MAX: usize = 24;

/// So many clusters with one harmless reason are an entry each; more are one entry together.
const ALONE_MAX: usize = 3;

/// Clusters that an entry names; the rest is counted.
const NAMES_MAX: usize = 24;

/// Lines of one entry; a longer text is cut at its end.
const LINES_MAX: usize = 6;

/// Columns of a sign and the space behind it.
const SIGN_COLUMNS: usize = 2;

const TITLE: &str = "missing from this view · enter retries or connects";

impl MissingList {
    /// Lists what is missing from the scope, clusters that nothing is wrong with in groups.
    pub fn new(missing: &[Missing], scope: &Scope) -> Self {
        let mut entries: Vec<MissingEntry> = Vec::new();
        for one in missing {
            let alike: Vec<&Missing> = missing.iter().filter(|m| m.gap == one.gap && m.why == one.why).collect();
            if one.gap > Gap::NotConnected || alike.len() <= ALONE_MAX {
                entries.push(single(one));
            } else if alike.first().is_some_and(|first| first.cluster == one.cluster) {
                entries.push(group(&alike, scope));
            }
        }
        Self { entries, at: 0, top: 0 }
    }

    fn accept(&self) -> Reply {
        let Some(entry) = self.entries.get(self.at) else { return Reply::close() };
        let clusters = entry.clusters.clone();
        let request = if entry.gap == Gap::NotConnected {
            Request::Cluster(ClusterRequest::Connect(clusters))
        } else {
            Request::Cluster(ClusterRequest::Retry(clusters))
        };
        Reply { effects: vec![Effect::Send(request)], ..Reply::close() }
    }

    fn go(&mut self, at: usize, area: Rect) {
        self.at = at;
        self.top = self.first(area);
    }

    /// The lines of all entries, wrapped to so many columns, each with the number of its entry.
    fn lines(&self, columns: usize) -> Vec<(usize, String)> {
        let names = self.entries.iter().map(|e| width(&e.name)).max().unwrap_or_default().min(NAME_COLUMNS_MAX);
        let indent = SIGN_COLUMNS + names + 2;
        let mut lines = Vec::new();
        for (nth, entry) in self.entries.iter().enumerate() {
            let name = fit(&entry.name, names);
            let space = " ".repeat(names.saturating_sub(width(&name)));
            let mut before = format!("{} {name}{space}  ", glyph(entry.gap));
            for text in wrapped(&entry.text, columns.saturating_sub(indent).max(1)) {
                lines.push((nth, format!("{before}{text}")));
                before = " ".repeat(indent);
            }
        }
        lines
    }

    fn place(&self, area: Rect) -> Rect {
        let lines = self.lines(text_columns(area));
        let widest = lines.iter().map(|(_, line)| width(line)).max().unwrap_or_default().max(width(TITLE));
        panel::centred(area, widest + 2, lines.len() + 2)
    }

    /// Lines shown at once.
    fn rows(&self, area: Rect) -> usize {
        usize::from(self.place(area).height.saturating_sub(1))
    }

    /// The first line that is shown: moved as little as shows all of the entry under the cursor.
    fn first(&self, area: Rect) -> usize {
        let lines = self.lines(text_columns(area));
        let own = |(nth, _): &(usize, String)| *nth == self.at;
        let start = lines.iter().position(own).unwrap_or_default();
        let end = lines.iter().rposition(own).map_or(start, |last| last + 1);
        self.top.max(end.saturating_sub(self.rows(area).max(1))).min(start)
    }
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "missing", ..ViewSpec::PANEL };

impl View for MissingList {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    /// Moves; `enter` tries the clusters again now, or connects them.
    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        let Some(action) = input.action else { return Reply::stay() };
        match action {
            Action::BACK => return Reply::close(),
            Action::ACCEPT => return self.accept(),
            action => {
                if let Some(at) = moved(self.at, action, self.entries.len(), self.rows(cx.area)) {
                    self.go(at, cx.area);
                }
            }
        }
        Reply::stay()
    }

    fn click(&mut self, at: Position, cx: &ViewContext<'_>) -> Option<Reply> {
        let place = self.place(cx.area);
        if !place.contains(at) || at.y == place.y {
            return None;
        }
        let line = self.first(cx.area) + usize::from(at.y - place.y - 1);
        let entry = self.lines(text_columns(cx.area)).get(line).map(|(entry, _)| *entry)?;
        if entry == self.at {
            return Some(self.accept());
        }
        self.go(entry, cx.area);
        Some(Reply::stay())
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let area = self.place(cx.area);
        panel::frame(buffer, area, TITLE, cx.theme);
        let (from, rows) = (self.first(cx.area), self.rows(cx.area));
        let lines = self.lines(text_columns(cx.area));
        for ((nth, line), y) in lines.iter().skip(from).take(rows).zip(area.y + 1..) {
            let role = if *nth == self.at { Role::Cursor } else { Role::Overlay };
            panel::line(buffer, area, y, line, cx.theme.style(role));
        }
    }
}

/// Columns of text in the widest panel that the area takes.
fn text_columns(area: Rect) -> usize {
    usize::from(panel::centred(area, usize::MAX, 0).width.saturating_sub(2))
}

fn single(missing: &Missing) -> MissingEntry {
    let next = if missing.next.is_empty() || missing.why.contains(&missing.next) {
        String::new()
    } else {
        format!(" · {}", missing.next)
    };
    MissingEntry {
        gap: missing.gap,
        clusters: vec![missing.cluster.clone()],
        name: missing.cluster.to_string(),
        text: format!("{}{next}", missing.why),
    }
}

/// The next step comes before the names: those may be too many for the screen.
fn group(alike: &[&Missing], scope: &Scope) -> MissingEntry {
    let first = alike.first();
    let gap = first.map_or(Gap::Quiet, |m| m.gap);
    let can_connect = gap == Gap::NotConnected && first.is_some_and(|m| !m.next.is_empty());
    let next = if can_connect { format!(" · :connect {}", scope.connectable()) } else { String::new() };
    let clusters: Vec<ClusterName> = alike.iter().map(|m| m.cluster.clone()).collect();
    let names: Vec<&str> = clusters.iter().take(NAMES_MAX).map(ClusterName::as_str).collect();
    let more = clusters.len() - names.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    MissingEntry {
        gap,
        name: format!("{} clusters", clusters.len()),
        text: format!("{}{next} · {}{more}", first.map_or("", |m| m.why.as_str()), names.join(", ")),
        clusters,
    }
}

/// The text in rows, at most [`LINES_MAX`].
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let rows = words(text, columns);
    let row = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default().trim_end().to_owned();
    let mut shown: Vec<String> = rows.iter().take(LINES_MAX).map(row).collect();
    if let (Some(cut), Some(last)) = (rows.get(LINES_MAX), shown.last_mut()) {
        let rest = rows.get(LINES_MAX - 1).map_or(cut.start, |last| last.start);
        *last = fit_end(text.get(rest..).unwrap_or_default(), columns).into_owned();
    }
    shown
}

fn glyph(gap: Gap) -> &'static str {
    match gap {
        Gap::Quiet | Gap::NotConnected => "·",
        Gap::Progress => "◌",
        Gap::Partial => "◐",
        Gap::Trouble => "✗",
    }
}
