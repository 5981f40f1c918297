//! The lines above the sections: where the proxy is and how it does, what is wrong, which section is shown.

use super::lines::standing;
use super::{RoutesView, SECTIONS, Section};
use crate::model::proxy::{FindingSeverity, Routes};
use crate::model::text::{fit_end, width};
use crate::model::time::{UnixSeconds, human};
use crate::protocol::{ProxyLink, Snapshot};
use crate::views::header::{self, Piece, grouped};
use crate::views::page;
use crate::views::theme::Role;
use crate::views::view::{View as _, ViewContext};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Where things are; what has no room has no height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    pub title: Rect,
    pub counts: Rect,
    pub trouble: Rect,
    pub sections: Rect,
    pub table: Rect,
}

/// A table keeps its heading and three rows before anything but the title and the sections is shown.
const TABLE_MIN: u16 = 4;

/// Splits the area.
pub(super) fn places(area: Rect, snapshot: &Snapshot) -> Places {
    let has_picture = snapshot.proxy.routes.is_some();
    let mut y = area.y;
    let mut left = area.height;
    let mut take = |wanted: bool, keep: u16| {
        let height = u16::from(wanted && left > keep);
        let row = Rect { y, height, ..area };
        y += height;
        left -= height;
        row
    };
    let title = take(true, 0);
    let trouble = take(has_picture && !troubles(snapshot, snapshot.at).is_empty(), TABLE_MIN);
    let counts = take(has_picture, TABLE_MIN + 2);
    let sections = take(has_picture, 2);
    Places { title, counts, trouble, sections, table: Rect { y, height: left, ..area } }
}

fn piece(text: impl Into<String>, role: Role) -> Piece {
    (text.into(), role)
}

/// The troubles of the proxy as a whole: one line, the worst first; empty when nothing is.
fn troubles(snapshot: &Snapshot, now: UnixSeconds) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if let ProxyLink::Lost { why, since } = &snapshot.proxy.link {
        let age = human(now.since(*since));
        pieces.push(piece(format!(" ✗ lost {age} ago, shown as it last was: {why}"), Role::Failed));
        return pieces;
    }
    let Some(routes) = &snapshot.proxy.routes else { return pieces };
    if let Some(why) = &routes.reload.refused {
        pieces.push(piece(format!(" ✗ reload refused, the one before stays: {why}"), Role::Failed));
    }
    if routes.draining {
        pieces.push(piece(" ‖ draining: it ends, and takes no new connection", Role::Degraded));
    }
    pieces
}

/// `routes  https://127.0.0.1:6443  home eu-west`, and at the right how it is linked.
fn title(snapshot: &Snapshot) -> (Vec<Vec<Piece>>, Vec<Vec<Piece>>) {
    let name = piece(" routes", Role::Title);
    let link = match &snapshot.proxy.link {
        ProxyLink::None => piece("no proxy", Role::Dim),
        ProxyLink::Starting => piece("◌ starting", Role::Progressing),
        ProxyLink::Stopping => piece("◌ stopping", Role::Progressing),
        ProxyLink::Attached(at) if at.kept => piece("● own, stays when qd ends", Role::Dim),
        ProxyLink::Attached(at) if at.own => piece("● own, ends with qd", Role::Dim),
        ProxyLink::Attached(_) => piece("● attached", Role::Dim),
        ProxyLink::Lost { .. } => piece("✗ lost", Role::Failed),
    };
    let Some(routes) = &snapshot.proxy.routes else { return (vec![vec![name]], vec![vec![link]]) };
    let first = routes.listeners.first().map_or("no listener", |listener| listener);
    let more = match routes.listeners.len() {
        0 | 1 => String::new(),
        many => format!(" +{}", many - 1),
    };
    let shortest = vec![name, piece(format!("  {first}{more}"), Role::Strong)];
    let (mut short, mut full) = (shortest.clone(), shortest.clone());
    full.push(piece("  home ", Role::Dim));
    full.push(match &routes.home {
        Some(home) => piece(home.as_str(), Role::Scope),
        None => piece("none: what no rule takes is refused", Role::Dim),
    });
    if let Some(home) = &routes.home {
        short.push(piece(format!("  {home}"), Role::Scope));
    }
    (
        vec![full, short, shortest],
        vec![vec![link.clone()], vec![piece(link.0.chars().take(1).collect::<String>(), link.1)]],
    )
}

/// `12 in flight · 3 long-running · loaded 2m ago, the 4th, from rules.yaml`.
fn counts(routes: &Routes, now: UnixSeconds) -> Vec<Piece> {
    let mut pieces = vec![piece(
        format!(" {} in flight · {} long-running", grouped_u64(routes.in_flight), grouped_u64(routes.long_running)),
        Role::Text,
    )];
    if routes.reload.at != UnixSeconds::default() {
        let age = human(now.since(routes.reload.at));
        pieces.push(piece(format!(" · loaded {age} ago"), Role::Dim));
    }
    if routes.reload.count > 1 {
        pieces.push(piece(format!(", {} times", routes.reload.count), Role::Dim));
    }
    if !routes.reload.origin.is_empty() {
        pieces.push(piece(format!(" from {}", routes.reload.origin), Role::Dim));
    }
    if !routes.reload.hash.is_empty() {
        let short: String = routes.reload.hash.chars().take(HASH_SHOWN).collect();
        pieces.push(piece(format!(" · {short}"), Role::Dim));
    }
    pieces
}

/// As much of a hash as tells two configurations apart.
const HASH_SHOWN: usize = 8;

fn grouped_u64(count: u64) -> String {
    grouped(usize::try_from(count).unwrap_or(usize::MAX))
}

/// The titles of the sections, each with how much there is and what of it is trouble.
fn section_titles(snapshot: &Snapshot) -> Vec<(Section, String, Option<Piece>)> {
    let Some(routes) = &snapshot.proxy.routes else { return Vec::new() };
    let trouble = |count: usize, glyph: &str, role| (count > 0).then(|| piece(format!("{glyph}{count} "), role));
    let of = |section| match section {
        Section::Rules => (routes.rules.len(), None),
        Section::Clusters => {
            let away = routes.clusters.iter().filter(|cluster| standing(cluster).is_trouble).count();
            (routes.clusters.len(), trouble(away, "▲", Role::Degraded))
        }
        Section::Tail => (routes.tail.len(), None),
        Section::Findings => {
            let errors = routes.findings.iter().filter(|f| f.severity == FindingSeverity::Error).count();
            (routes.findings.len(), trouble(errors, "✗", Role::Failed))
        }
    };
    let titled = SECTIONS.iter().enumerate().map(|(nth, (section, title))| {
        let (count, trouble) = of(*section);
        (*section, format!(" {} {title} {count} ", nth + 1), trouble)
    });
    titled.collect()
}

/// Columns before the first title.
const SECTIONS_INDENT: usize = 1;

/// The titles as they fit into so many columns: the others than the shown one by their digits alone, if need be.
fn fitted_titles(snapshot: &Snapshot, shown: Section, columns: usize) -> Vec<(Section, String, Option<Piece>)> {
    let mut titles = section_titles(snapshot);
    let columns_of = |trouble: &Option<Piece>| trouble.as_ref().map_or(0, |(text, _)| width(text));
    let total: usize = titles.iter().map(|(_, title, trouble)| width(title) + columns_of(trouble)).sum();
    if SECTIONS_INDENT + total > columns {
        for (nth, (_, title, _)) in titles.iter_mut().enumerate().filter(|(_, (section, ..))| *section != shown) {
            *title = format!(" {} ", nth + 1);
        }
    }
    titles
}

/// Which section's title is at this column.
pub(super) fn section_at(snapshot: &Snapshot, shown: Section, (column, columns): (usize, usize)) -> Option<usize> {
    let mut end = SECTIONS_INDENT;
    fitted_titles(snapshot, shown, columns).iter().position(|(_, title, trouble)| {
        end += width(title) + trouble.as_ref().map_or(0, |(text, _)| width(text));
        column < end
    })
}

impl RoutesView {
    pub(super) fn draw_head(&self, area: Rect, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let places = places(area, cx.snapshot);
        let whole = |row: Rect| (0, usize::from(row.width));
        let (left, right) = title(cx.snapshot);
        if places.title.height > 0 {
            header::draw(places.title, buffer, cx.theme, &left, &right);
        }
        if let Some(routes) = cx.snapshot.proxy.routes.as_ref().filter(|_| places.counts.height > 0) {
            let mut room = usize::from(places.counts.width);
            // What does not fit is left out whole, from the end.
            let fits = |(text, _): &Piece| room.checked_sub(width(text)).map(|rest| room = rest).is_some();
            let pieces: Vec<Piece> = counts(routes, cx.now).into_iter().take_while(fits).collect();
            header::write(places.counts, buffer, cx.theme, whole(places.counts), &pieces);
        }
        if places.trouble.height > 0 {
            let mut room = usize::from(places.trouble.width).saturating_sub(1);
            let cut = troubles(cx.snapshot, cx.now).into_iter().map(|(text, role)| {
                let text = fit_end(&text, room).into_owned();
                room -= width(&text).min(room);
                (text, role)
            });
            let pieces: Vec<Piece> = cut.collect();
            header::write(places.trouble, buffer, cx.theme, whole(places.trouble), &pieces);
        }
        if places.sections.height > 0 {
            let pieces = self.section_pieces(cx, usize::from(places.sections.width));
            header::write(places.sections, buffer, cx.theme, whole(places.sections), &pieces);
        }
    }

    fn section_pieces(&self, cx: &ViewContext<'_>, columns: usize) -> Vec<Piece> {
        let mut pieces = vec![piece(" ".repeat(SECTIONS_INDENT), Role::Tab)];
        for (section, title, trouble) in fitted_titles(cx.snapshot, self.section, columns) {
            pieces.push(piece(title, if section == self.section { Role::TabActive } else { Role::Tab }));
            pieces.extend(trouble);
        }
        if let Some(held) = self.held.as_ref().filter(|_| self.section == Section::Tail) {
            let last = |routes: &Routes| routes.tail.last().map_or(0, |exchange| exchange.number);
            let newer = cx.snapshot.proxy.routes.as_ref().map_or(0, |now| last(now).saturating_sub(last(held)));
            pieces.push(piece(format!("  paused, {newer} newer"), Role::Warning));
        }
        if let Some(filter) = self.filter() {
            if !filter.text.is_empty() {
                pieces.push(piece(format!("  /{}", filter.text), Role::Match));
            }
            if let Some(why) = filter.mistake {
                pieces.push(piece(format!("  filter: {why}"), Role::Error));
            }
        }
        pieces
    }

    /// Why a section has no line.
    pub(super) fn draw_empty(&self, table: Rect, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let has_home = cx.snapshot.proxy.routes.as_ref().is_some_and(|routes| routes.home.is_some());
        let text = match self.section {
            _ if self.filter().is_some_and(|filter| !filter.text.is_empty()) => {
                "Nothing passes the filter; esc clears it."
            }
            Section::Rules if !has_home => "No rules and no home: every request is refused.",
            Section::Rules => "No rules: every request goes to the home cluster.",
            Section::Clusters => "No clusters: every request is refused.",
            Section::Tail => "No request yet.",
            Section::Findings => "The lint has found nothing.",
        };
        let below = Rect { y: table.y.saturating_add(2), height: table.height.saturating_sub(2), ..table };
        page::say(below, buffer, &[(text.to_owned(), Role::Dim)], cx.theme);
    }
}

/// The text while there is no picture.
pub(super) fn draw_without(area: Rect, buffer: &mut Buffer, cx: &ViewContext<'_>) {
    let dim = |text: &str| (text.to_owned(), Role::Dim);
    let blank = || (String::new(), Role::Text);
    let how = |lines: &mut Vec<(String, Role)>| {
        if cx.snapshot.proxy.can_start {
            lines.push(dim("The keys below start one; it ends with qd unless it is told to stay."));
        }
        lines.extend([
            dim("`qd serve` starts one in a shell, and this view attaches to it."),
            dim("`:routes attach HOST:PORT TOKEN-FILE` attaches by another one's admin address."),
        ]);
    };
    let mut lines = vec![blank()];
    match &cx.snapshot.proxy.link {
        ProxyLink::None => {
            lines.push(("No routing proxy runs here.".to_owned(), Role::Text));
            how(&mut lines);
            lines.push(blank());
            lines.push(dim("One endpoint for kubectl and any client; each request goes to the right cluster by rule."));
        }
        ProxyLink::Starting => lines.push(("◌ starting a proxy".to_owned(), Role::Progressing)),
        ProxyLink::Stopping => lines.push(("◌ the proxy drains and ends".to_owned(), Role::Progressing)),
        ProxyLink::Attached(at) => {
            lines.push((format!("◌ attached to {}; its first picture comes", at.address), Role::Progressing));
        }
        ProxyLink::Lost { why, .. } => {
            lines.push((format!("✗ {why}"), Role::Failed));
            how(&mut lines);
        }
    }
    page::say(area, buffer, &lines, cx.theme);
}
