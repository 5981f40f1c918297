//! `:doctor`: what each cluster costs and how it answers, live.

use super::cursor::moved;
use super::header::{Piece, wrapped};
use super::keymap::common::{CLOSE, HELP, HISTORY, MOVES, QUIT, SCREEN, SIDEWAYS, TAB_KEY, TABS};
use super::keymap::{Action, Context, ContextSpec};
use super::msg::Effect;
use super::panel::{clear, write};
use super::session::SavedState;
use super::theme::Role;
use super::view::{CommandSpec, Input, Opening, Reply, View, ViewContext, ViewSpec};
use crate::facts::clusters::reason;
use crate::model::cell::Align;
use crate::model::cluster::{Cluster, ClusterState};
use crate::model::text::{fit, width};
use crate::model::time::{UnixSeconds, human};
use crate::protocol::Snapshot;
use crate::views::logs::thousands;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A line of the table, before it is fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorLine {
    /// A text per column.
    pub cells: Vec<String>,
    /// The look of the cells.
    pub role: Role,
    /// Why the cluster is not live: behind the cells where there is room, else below them.
    pub why: String,
}

/// A heading, how it is aligned, and when it is left out: the highest number goes first.
const COLUMNS: &[(&str, Align, u8)] = &[
    ("CLUSTER", Align::Left, 0),
    ("STATE", Align::Left, 0),
    ("LATENCY", Align::Right, 0),
    ("MEDIAN", Align::Right, 5),
    ("WATCHES", Align::Right, 2),
    ("ROWS", Align::Right, 2),
    ("RECEIVED", Align::Right, 3),
    ("RELISTS", Align::Right, 4),
    ("ERRORS", Align::Right, 1),
    ("RETRY", Align::Right, 1),
];

/// Widest a name gets.
const NAME_MAX: usize = 24;

/// Computes the lines: a row per cluster and one for all.
pub fn lines(snapshot: &Snapshot, now: UnixSeconds) -> Vec<DoctorLine> {
    let mut lines: Vec<DoctorLine> = snapshot.clusters.values().map(|c| line(c, now)).collect();
    lines.push(total(snapshot));
    lines
}

fn line(cluster: &Cluster, now: UnixSeconds) -> DoctorLine {
    let costs = &cluster.costs;
    let latencies = &cluster.facts.latencies_ms;
    let mut sorted: Vec<u32> = latencies.iter().copied().collect();
    sorted.sort_unstable();
    let ms = |value: Option<&u32>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms}ms"));
    let retry = costs.retry_at.map(|at| at.since(now)).filter(|s| *s >= 0).map(human);
    let age = cluster.state.since().map(|s| format!(" {}", human(now.since(s)))).unwrap_or_default();
    DoctorLine {
        cells: vec![
            cluster.entry.name.to_string(),
            format!("{} {}{age}", cluster.state.glyph(), cluster.state.word()),
            ms(latencies.back()),
            ms(sorted.get(sorted.len() / 2)),
            costs.watches.to_string(),
            thousands(costs.rows),
            bytes(costs.bytes),
            thousands(costs.relists),
            thousands(costs.errors),
            retry.unwrap_or_default(),
        ],
        role: role(&cluster.state),
        why: reason(cluster, None),
    }
}

fn role(state: &ClusterState) -> Role {
    match state {
        ClusterState::Listed | ClusterState::Paused => Role::Dim,
        ClusterState::Connecting => Role::Progressing,
        ClusterState::Live => Role::Text,
        ClusterState::Stale { .. } => Role::Stale,
        ClusterState::Denied { .. } | ClusterState::AuthNeeded { .. } => Role::Degraded,
        ClusterState::Unreachable { .. } => Role::Failed,
    }
}

fn total(snapshot: &Snapshot) -> DoctorLine {
    let sum = |of: fn(&Cluster) -> u64| snapshot.clusters.values().map(|c| of(c)).sum::<u64>();
    let live = snapshot.clusters.values().filter(|c| c.state == ClusterState::Live).count();
    DoctorLine {
        cells: vec![
            "all".to_owned(),
            format!("{live}/{} live", snapshot.clusters.len()),
            String::new(),
            String::new(),
            thousands(sum(|c| u64::from(c.costs.watches))),
            thousands(sum(|c| c.costs.rows)),
            bytes(sum(|c| c.costs.bytes)),
            thousands(sum(|c| c.costs.relists)),
            thousands(sum(|c| c.costs.errors)),
            String::new(),
        ],
        role: Role::Strong,
        why: String::new(),
    }
}

/// A size in the unit that suits it, one decimal below ten.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let (mut value, mut rest, mut unit) = (count, 0, 0);
    while value >= 1024 && unit + 1 < UNITS.len() {
        (rest, value) = (value % 1024 * 10 / 1024, value / 1024);
        unit += 1;
    }
    let word = UNITS.get(unit).copied().unwrap_or_default();
    if unit > 0 && value < 10 { format!("{value}.{rest} {word}") } else { format!("{value} {word}") }
}

/// The view: where it is scrolled to.
#[derive(Debug, Clone, Default)]
pub struct Doctor {
    top: usize,
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec {
    name: "doctor",
    context: &CONTEXT,
    command: Some(CommandSpec {
        names: &["doctor", "info"],
        usage: "doctor",
        help: "Show what each cluster costs and how it answers",
    }),
    open: Some(open),
    ..ViewSpec::PAGE
};

/// In the saved state: the first line that is shown.
const TOP: &str = "top";

/// The keys of the view.
pub static CONTEXT: ContextSpec = ContextSpec {
    context: Context::new("doctor"),
    title: "Doctor",
    is_typing: false,
    actions: &[],
    keys: &[SCREEN, HISTORY, TAB_KEY, TABS, HELP, CLOSE, MOVES, SIDEWAYS, QUIT],
    hints: &[Action::BACK, Action::SAVE],
};

#[expect(clippy::unnecessary_wraps, reason = "other views can fail to open")]
fn open(opening: &mut Opening<'_>) -> Result<Box<dyn View>, String> {
    opening.effects.push(Effect::MeasureMemory);
    let top = opening.saved.get(TOP).and_then(|top| top.parse().ok()).unwrap_or_default();
    Ok(Box::new(Doctor { top }))
}

impl View for Doctor {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        let Some(action) = input.action else { return Reply::stay() };
        if action == Action::BACK {
            return Reply::close();
        }
        let rows = usize::from(cx.area.height.saturating_sub(2)).max(1);
        let all = rows_of(&lines(cx.snapshot, cx.now), usize::from(cx.area.width.saturating_sub(2)));
        // The first line of the last page is the last to scroll to.
        let tops = all.len().saturating_sub(rows) + 1;
        let top = moved(self.top, action, tops, rows);
        self.top = top.unwrap_or(self.top);
        Reply::known(top.is_some())
    }

    fn saved(&self) -> SavedState {
        SavedState::from([(TOP.into(), self.top.to_string())])
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let area = cx.area.intersection(buffer.area);
        clear(buffer, area);
        let row = |n: u16| Rect {
            x: area.x + area.width.min(1),
            y: area.y.saturating_add(n),
            width: area.width.saturating_sub(2),
            height: 1,
        };
        let lines = lines(cx.snapshot, cx.now);
        let widths = widths(&lines, usize::from(row(0).width));
        let memory = cx.process_bytes.map(|m| format!(" · memory {}", bytes(m))).unwrap_or_default();
        let notices = cx.snapshot.notices.len();
        let title = format!("doctor  {} clusters{memory} · {notices} notices", cx.snapshot.clusters.len());
        if area.height > 0 {
            write(buffer, row(0), &title, cx.theme.style(Role::Title));
        }
        if area.height > 1 {
            let headings: Vec<String> = COLUMNS.iter().map(|(name, ..)| (*name).to_owned()).collect();
            write(buffer, row(1), &fitted(&headings, &widths), cx.theme.style(Role::Header));
        }
        for (line, n) in rows_of(&lines, usize::from(row(0).width)).iter().skip(self.top).zip(2..area.height) {
            let mut place = row(n);
            for (text, role) in line {
                let end = write(buffer, place, text, cx.theme.style(*role));
                place = Rect { x: end, width: row(n).right().saturating_sub(end), ..place };
            }
        }
    }
}

/// DoctorLines of one reason below its cluster; a longer one is cut at its end.
const WHY_LINES_MAX: usize = 6;

/// How far a reason below its cluster is set in.
const WHY_INDENT: usize = 4;

/// The rows of the table in so many columns: a row per line, and below it its reason where that does not fit beside it.
fn rows_of(lines: &[DoctorLine], columns: usize) -> Vec<Vec<Piece>> {
    let widths = widths(lines, columns);
    let mut rows = Vec::new();
    for line in lines {
        let text = fitted(&line.cells, &widths);
        if width(&text) + 2 + width(&line.why) <= columns {
            rows.push(vec![(text, line.role), (format!("  {}", line.why), Role::Dim)]);
            continue;
        }
        rows.push(vec![(text, line.role)]);
        let room = columns.saturating_sub(WHY_INDENT).max(1);
        for why in wrapped(&[(line.why.clone(), Role::Dim)], room + 2, WHY_LINES_MAX) {
            let indent = " ".repeat(WHY_INDENT.saturating_sub(1).min(columns));
            rows.push(std::iter::once((indent, Role::Dim)).chain(why).collect());
        }
    }
    rows
}

/// Widths of the columns that fit, 0 for those left out.
fn widths(lines: &[DoctorLine], room: usize) -> Vec<usize> {
    let widest = |at: usize| lines.iter().filter_map(|l| l.cells.get(at)).map(|c| width(c)).max().unwrap_or(0);
    let mut widths: Vec<usize> =
        COLUMNS.iter().enumerate().map(|(at, (name, ..))| widest(at).max(width(name))).collect();
    if let Some(name) = widths.first_mut() {
        *name = (*name).min(NAME_MAX);
    }
    for level in (1..=5).rev() {
        let total: usize = widths.iter().filter(|w| **w > 0).map(|w| w + 2).sum();
        if total <= room + 2 {
            break;
        }
        for (slot, _) in widths.iter_mut().zip(COLUMNS).filter(|(_, (.., l))| *l == level) {
            *slot = 0;
        }
    }
    widths
}

fn fitted(cells: &[String], widths: &[usize]) -> String {
    let shown = cells.iter().zip(widths).zip(COLUMNS).filter(|((_, w), _)| **w > 0);
    let cell = |((text, w), (_, align, _)): ((&String, &usize), &(&str, Align, u8))| {
        let text = fit(text, *w);
        let gap = " ".repeat(w.saturating_sub(width(&text)));
        match align {
            Align::Left => format!("{text}{gap}"),
            Align::Right => format!("{gap}{text}"),
        }
    };
    shown.map(cell).collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests;
