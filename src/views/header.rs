//! The lines around the table: where one is and how much there is; what is missing; which keys work.

use super::keymap::{Action, Context, HINT_GAP, Keymap};
use super::listing::Listing;
use super::page::words;
use super::place::Source;
use super::resources::{Gap, Missing, NOT_SERVED};
use super::scope::Scope;
use super::theme::{Role, Theme};
use crate::error::UserError;
use crate::model::cluster::{Access, ClusterState};
use crate::model::text::{fit, fit_end, width};
use crate::protocol::Snapshot;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A piece of a line and what it means.
pub type Piece = (String, Role);

fn piece(text: impl Into<String>, role: Role) -> Piece {
    (text.into(), role)
}

/// Where one is: ` fleet  @all ▸ pods ▸ all namespaces    /api`; then without what goes without saying.
pub fn path(listing: &Listing, snapshot: &Snapshot, frozen: bool) -> Vec<Vec<Piece>> {
    let short = path_with(listing, snapshot, frozen, false);
    vec![path_with(listing, snapshot, frozen, true), short]
}

fn path_with(listing: &Listing, snapshot: &Snapshot, frozen: bool, all: bool) -> Vec<Piece> {
    let place = &listing.place;
    let title = if snapshot.title.is_empty() { "fleet" } else { &snapshot.title };
    let mut pieces = vec![
        piece(format!(" {title}"), Role::Title),
        piece("  ", Role::Text),
        piece(place.looked_at().clusters_title(), Role::Scope),
        piece(" ▸ ", Role::Dim),
        piece(listing.title(snapshot), Role::Strong),
    ];
    let by_namespace = listing.is_namespaced() || listing.rows().total() == 0 || !place.scope.namespaces.is_empty();
    if place.source != Source::Fleet && (by_namespace || place.within.is_some()) && (all || place.looked_at_narrowly())
    {
        pieces.push(piece(" ▸ ", Role::Dim));
        pieces.push(match &place.within {
            Some(within) => piece(within.title.as_str(), Role::Scope),
            None => piece(place.scope.namespaces_title(), Role::Scope),
        });
    }
    if !place.filter.is_empty() {
        pieces.push(piece("  ".to_owned(), Role::Text));
        pieces.push(piece(format!("/{}", place.filter), Role::Match));
    }
    if place.faults {
        pieces.push(piece("  faults", Role::Degraded));
    }
    if frozen {
        pieces.push(piece("  frozen", Role::Warning));
    }
    pieces
}

/// Where one is in a full-screen view: ` fleet ▸ routes`.
pub fn page_path(name: &str, snapshot: &Snapshot) -> Vec<Piece> {
    let title = if snapshot.title.is_empty() { "fleet" } else { &snapshot.title };
    vec![piece(format!(" {title}"), Role::Title), piece(" ▸ ", Role::Dim), piece(name, Role::Strong)]
}

/// How much there is: `41/43 clusters · 96,412 rows · 213 shown · ✗ 17   14:02:31`. The first of several
/// forms that fits is drawn, so the fullest comes first.
pub fn counts(listing: &Listing, snapshot: &Snapshot, clock: &str) -> Vec<Vec<Piece>> {
    let rows = listing.rows();
    let clusters = match listing.place.source {
        Source::Fleet => {
            let scope = || snapshot.clusters.values().filter(|c| listing.place.scope.has_cluster(c));
            let live = scope().filter(|c| c.state == ClusterState::Live).count();
            format!("{live}/{} live", scope().count())
        }
        Source::Resources(_) | Source::Events => match (listing.coverage.complete, listing.coverage.wanted) {
            (1, 1) => "1 cluster".to_owned(),
            (complete, wanted) => format!("{complete}/{wanted} clusters"),
        },
    };
    let role = match listing.coverage.missing.iter().map(|m| m.gap).max() {
        None | Some(Gap::Quiet) => Role::Dim,
        Some(Gap::NotConnected) => Role::Text,
        Some(Gap::Progress | Gap::Partial | Gap::Trouble) => Role::Degraded,
    };
    let (mut full, mut forms) = (vec![piece(clusters, role)], Vec::new());
    let narrowed = rows.len() != rows.total();
    if listing.place.source != Source::Fleet {
        full.push(piece(format!(" · {}", counted(rows.total(), "row")), Role::Dim));
    }
    if narrowed {
        full.push(piece(format!(" · {} shown", grouped(rows.len())), Role::Strong));
    }
    if !listing.marks.is_empty() {
        full.push(piece(format!(" · ◆ {}", listing.marks.len()), Role::Mark));
    }
    if rows.faults() > 0 {
        full.push(piece(" · ", Role::Dim));
        full.push(piece(format!("✗ {}", grouped(rows.faults())), Role::Failed));
    }
    if let Some(level) = level(listing, snapshot) {
        let short = vec![level.clone(), piece(format!(" · {}", grouped(rows.len())), Role::Dim)];
        full.splice(0..0, [level, piece(" · ", Role::Dim)]);
        forms.push(short);
    }
    let mut with_clock = full.clone();
    with_clock.push(piece(format!("   {clock}"), Role::Dim));
    forms.splice(0..0, [with_clock, full]);
    forms.push(vec![piece(grouped(rows.len()), Role::Dim)]);
    forms
}

/// The strictest access level in scope; with the number of its clusters where others have a lower one: `read-only 1/12`.
fn level(listing: &Listing, snapshot: &Snapshot) -> Option<Piece> {
    let scope = listing.place.looked_at();
    let in_scope = || snapshot.clusters.values().filter(|cluster| scope.has_cluster(cluster));
    let strictest = in_scope().map(|cluster| cluster.entry.access).max()?;
    let role = match strictest {
        Access::Guarded => Role::Dim,
        Access::Protected => Role::Protected,
        Access::ReadOnly => Role::ReadOnly,
    };
    let all = in_scope().count();
    let with = in_scope().filter(|cluster| cluster.entry.access == strictest).count();
    let word = strictest.word();
    Some(piece(if with == all { word.to_owned() } else { format!("{word} {with}/{all}") }, role))
}

/// Says how many there are: `1 row`, `96,412 rows`.
pub fn counted(number: usize, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Writes a number with commas: `96,412`.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Draws the header line: of the forms of both sides the fullest that fit together; the right side gives way last.
pub fn draw(area: Rect, buffer: &mut Buffer, theme: &Theme, left: &[Vec<Piece>], right: &[Vec<Piece>]) {
    let room = usize::from(area.width);
    let columns = |form: &[Piece]| form.iter().map(|(text, _)| width(text)).sum::<usize>();
    let pairs = right.iter().flat_map(|r| left.iter().map(move |l| (l, r)));
    let fitting = pairs.clone().find(|(l, r)| columns(l) + columns(r) + 3 <= room);
    // What was typed last is at the end of the path: it is cut only when the counts are at their shortest.
    let Some((left, right)) = fitting.or_else(|| pairs.last()) else { return };
    let own = columns(right);
    let right_fits = own + 24 <= room;
    let room_left = if right_fits { room.saturating_sub(own + 2) } else { room };
    write(area, buffer, theme, (0, room_left), left);
    if right_fits {
        write(area, buffer, theme, (room.saturating_sub(own + 1), own), right);
    }
}

/// Writes pieces from a column on, within so many columns; the last that does not fit is cut in the middle.
pub fn write(area: Rect, buffer: &mut Buffer, theme: &Theme, (from, room): (usize, usize), pieces: &[Piece]) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let mut used = 0;
    for (text, role) in pieces {
        let text = fit(text, room.saturating_sub(used));
        let x = area.x.saturating_add(u16::try_from(from + used).unwrap_or(u16::MAX));
        if x >= area.right() {
            return;
        }
        buffer.set_stringn(x, area.y, &text, usize::from(area.right() - x), theme.style(*role));
        used += width(&text);
    }
}

/// A reason has at least this room before anything comes behind it.
const REASON_COLUMNS_MIN: usize = 40;

/// Wraps pieces of one text between words, to so many lines at most; what is left is cut with an ellipsis.
pub fn wrapped(pieces: &[Piece], columns: usize, lines: usize) -> Vec<Vec<Piece>> {
    let text: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
    let indent = usize::from(columns > 1);
    let body = text.trim_start();
    let lead = text.len() - body.len();
    let rows = words(body, columns.saturating_sub(indent + 1).max(1));
    let mut out: Vec<Vec<Piece>> = Vec::new();
    for (nth, row) in rows.iter().enumerate().take(lines) {
        let mut line = vec![piece(" ".repeat(indent), Role::Text)];
        let is_cut = nth + 1 == lines && rows.len() > lines;
        let end = if is_cut { text.len() } else { row.end + lead };
        let mut at = 0;
        let mut room = columns.saturating_sub(indent);
        for (part, role) in pieces {
            let (from, to) = (at.max(row.start + lead), (at + part.len()).min(end));
            at += part.len();
            if let Some(shown) = text.get(from..to).filter(|_| from < to && room > 0) {
                let shown = fit_end(shown, room).into_owned();
                room = room.saturating_sub(width(&shown));
                line.push(piece(shown, *role));
            }
        }
        out.push(line);
    }
    out
}

/// Says whether nothing was left out of the reasons.
pub fn is_whole(reasons: &[Piece]) -> bool {
    !is_cut(reasons) && !reasons.iter().any(|(text, _)| text.contains(MORE))
}

/// Says whether a reason was cut.
pub fn is_cut(reasons: &[Piece]) -> bool {
    reasons.iter().any(|(text, _)| text.contains('…'))
}

/// Before how many more there are.
const MORE: &str = " · m: ";

/// Says what is missing from the table; empty when nothing that matters is. What is said of clusters takes `room`
/// columns, of which a line has `columns`.
pub fn reasons(missing: &[Missing], scope: &Scope, (columns, room): (usize, usize)) -> Vec<Piece> {
    let of = |from: Gap, to: Gap| missing.iter().filter(move |m| m.gap >= from && m.gap <= to).collect::<Vec<_>>();
    let (trouble, waiting) = (of(Gap::Partial, Gap::Trouble), of(Gap::Progress, Gap::Progress));
    let apart = of(Gap::NotConnected, Gap::NotConnected);
    let (title, role, shown) = match (trouble.len(), waiting.len()) {
        (0, 0) if apart.is_empty() => return Vec::new(),
        (0, 0) => return not_connected(&apart, scope, columns),
        (0, n) => (format!("{} loading: ", counted(n, "cluster")), Role::Progressing, waiting),
        (n, _) => (format!("{} incomplete: ", counted(n, "cluster")), Role::Degraded, trouble),
    };
    let mut end = if apart.is_empty() { String::new() } else { format!(" · {} not connected", apart.len()) };
    let mut room = room.saturating_sub(width(&title) + 2);
    match room.checked_sub(width(&end)).filter(|left| *left >= REASON_COLUMNS_MIN) {
        Some(left) => room = left,
        None => end.clear(),
    }
    let mut text = String::new();
    let last = shown.len().saturating_sub(1);
    for (at, missing) in shown.iter().enumerate() {
        let next = format!("{}{} {}", if at == 0 { "" } else { " · " }, missing.cluster, missing.why);
        let more = |left: usize| if left == 0 { String::new() } else { format!("{MORE}{left} more") };
        if width(&text) + width(&next) + width(&more(last - at)) > room {
            let more = more(shown.len() - at.max(1));
            let left = room.saturating_sub(width(&more));
            match at {
                0 if left < REASON_COLUMNS_MIN => text.push_str(&fit(&next, room)),
                0 => text.extend([&*fit(&next, left), &more]),
                _ => text.push_str(&more),
            }
            break;
        }
        text.push_str(&next);
    }
    vec![piece(format!(" {title}"), role), piece(text, Role::Dim), piece(end, Role::Text)]
}

/// Says how many clusters nobody connected, and how to connect them; names them where there is room.
fn not_connected(apart: &[&Missing], scope: &Scope, columns: usize) -> Vec<Piece> {
    let title = format!(" {} not connected", counted(apart.len(), "cluster"));
    let short = format!(" · o in :clusters, or :connect {}", scope.connectable());
    let names = apart.iter().map(|m| m.cluster.as_str());
    let whys = apart.iter().map(|m| match m.why.as_str() {
        "not connected" => m.cluster.to_string(),
        why => format!("{} ({why})", m.cluster),
    });
    let full = format!(
        ": {} · o in :clusters, or :connect {}",
        whys.collect::<Vec<_>>().join(", "),
        names.collect::<Vec<_>>().join(",")
    );
    let rest = if width(&title) + width(&full) < columns { full } else { short };
    vec![piece(title, Role::Text), piece(rest, Role::Dim)]
}

/// The keys that work here, as the keymap has them, without those that would do nothing now.
pub fn hints(keymap: &Keymap, context: Context, columns: usize, unavailable: &[Action]) -> Vec<Piece> {
    let mut pieces = vec![piece(" ", Role::Hint)];
    for (at, hint) in keymap.hints_without(context, columns.saturating_sub(1), unavailable).into_iter().enumerate() {
        if at > 0 {
            pieces.push(piece(" ".repeat(HINT_GAP), Role::Hint));
        }
        pieces.push(piece(hint.key, Role::Key));
        pieces.push(piece(format!(" {}", hint.label), Role::Hint));
    }
    pieces
}

/// The text with a capital at its beginning.
fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Why the table is empty, and what to do.
pub fn empty(listing: &Listing, snapshot: &Snapshot) -> Vec<String> {
    let rows = listing.rows();
    let mut lines = Vec::new();
    if snapshot.revision.0 == 0 {
        return vec!["starting".to_owned()];
    }
    if snapshot.clusters.is_empty() {
        let UserError { message, causes, hints, .. } = UserError::no_clusters(&snapshot.inventory);
        return [vec![format!("{}:", sentence_case(&message))], causes, hints].concat();
    }
    let what = listing.place.source.name();
    if rows.total() > 0 {
        lines.push(format!("None of {} {what} passes the filter.", grouped(rows.total())));
        lines.push("esc clears the filter.".to_owned());
        return lines;
    }
    let coverage = &listing.coverage;
    if coverage.wanted == 0 {
        lines.push(format!("No cluster in {}.", listing.place.scope.clusters_title()));
        lines.push("Connect some in :clusters, or type another scope: :@prod-*".to_owned());
        return lines;
    }
    let is = |gap: Gap| coverage.missing.iter().filter(|m| m.gap == gap).count();
    if is(Gap::NotConnected) == coverage.wanted {
        lines.push(format!("No cluster in {} is connected.", listing.place.scope.clusters_title()));
        lines.push(format!("o in :clusters connects one; :connect {}", listing.place.scope.connectable()));
        return lines;
    }
    let not_served = coverage.missing.iter().filter(|m| m.why == NOT_SERVED).count();
    if not_served > 0 && not_served + is(Gap::NotConnected) == coverage.wanted {
        let which = if not_served == coverage.wanted { "cluster" } else { "connected cluster" };
        lines.push(format!("No {which} in {} serves {what}.", listing.place.scope.clusters_title()));
        lines.push("ctrl-a finds the kinds they serve.".to_owned());
    } else if is(Gap::Progress) > 0 {
        let waiting = coverage.missing.iter().filter(|m| m.gap == Gap::Progress).take(8);
        lines.push(format!("No {what} yet; still loading:"));
        lines.extend(waiting.map(|m| format!("{}: {}", m.cluster, m.why)));
    } else if coverage.complete == 0 {
        lines.push(format!("No cluster can show {what}."));
        let asked = coverage.missing.iter().filter(|m| m.gap != Gap::NotConnected).take(8);
        lines.extend(asked.map(|m| format!("{}: {}", m.cluster, m.why)));
    } else {
        let nothing = match &listing.place.within {
            Some(within) if listing.place.source == Source::Events => format!("No events for {}.", within.title),
            Some(within) => format!("No {what} of {}.", within.title),
            None => {
                let namespaces = &listing.place.scope.namespaces;
                let place = if namespaces.is_empty() { "any namespace".to_owned() } else { namespaces.join(",") };
                let answered = match coverage.wanted {
                    1 => String::new(),
                    wanted => format!(" ({} of {wanted} clusters answered)", coverage.complete),
                };
                format!("No {what} in {place}{answered}.")
            }
        };
        lines.push(nothing);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1234), "1,234");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
