//! The visible window of a listing as a table model: plain values, ready to draw.

use super::Listing;
use super::columns::is_message;
use crate::model::cell::Cell;
use crate::model::cluster::{ClusterName, ClusterState};
use crate::model::object::Row;
use crate::model::text::{fit_end, width};
use crate::model::time::{UnixSeconds, human};
use crate::protocol::{ShardState, Snapshot};
use crate::views::merge::Slot;
use crate::views::place::Source;
use crate::views::sort::SortKey;
use crate::views::table::{
    CellModel, ColumnWish, GUTTER, GUTTER_WITH_STATE, Heading, LineModel, TableModel, fitted, lay_out,
};
use crate::views::theme::{Role, Theme};
use ratatui::style::Style;

/// The surroundings that the look of a row depends on.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The styles in force.
    pub theme: &'a Theme,
    /// The newest picture, for colours of clusters.
    pub snapshot: &'a Snapshot,
    /// The time, for ages.
    pub now: UnixSeconds,
}

impl Look<'_> {
    /// The style of a cluster's bar: its own colour, or its turn.
    pub fn cluster(&self, name: &ClusterName) -> Style {
        let nth = self.snapshot.clusters.keys().position(|n| n == name).unwrap_or_default();
        let named = self.snapshot.clusters.get(name).and_then(|c| c.entry.color.as_deref());
        self.theme.cluster(nth, named)
    }

    /// Since when the row is not current, if it is not.
    fn stale_since(&self, slot: &Slot) -> Option<UnixSeconds> {
        if let ShardState::Stale { since, .. } = &slot.shard.state {
            return Some(*since);
        }
        match self.snapshot.clusters.get(&slot.key.cluster).map(|c| &c.state) {
            Some(ClusterState::Stale { since, .. } | ClusterState::Unreachable { since, .. }) => Some(*since),
            _ => None,
        }
    }
}

impl Listing {
    /// The window of `size` (columns, rows with the heading) as it is drawn.
    pub fn model(&self, size: (usize, usize), look: Look<'_>) -> TableModel {
        let (columns, rows) = size;
        let state = self.state_column().cloned();
        let headings = self.headings(columns);
        let window = self.place.offset..self.place.offset + rows.saturating_sub(1);
        let lines = window.filter_map(|at| {
            let (row, slot) = self.rows().get(at)?;
            let old = look.stale_since(slot);
            let base = look.theme.style(if old.is_some() { Role::Stale } else { Role::Text });
            let cells = headings.iter().map(|h| self.cell(h, (row, slot), (base, old), look)).collect();
            let glyph = if state.is_none() && row.health.is_fault() { row.health.glyph() } else { "" };
            Some(LineModel {
                cells,
                marked: !self.marks.is_empty() && self.marks.contains(&row.key(&slot.key.kind)),
                selected: Some(at) == self.at(),
                glyph,
                glyph_style: look.theme.health(&row.health),
            })
        });
        TableModel { lines: lines.collect(), headings }
    }

    /// The columns that are shown in so many columns of the screen. Those in which no row has anything make room for a
    /// message that would be cut.
    pub fn headings(&self, columns: usize) -> Vec<Heading> {
        let has_glyphs = self.state_column().is_none() && self.rows().faults() > 0;
        let gutter = if has_glyphs { GUTTER_WITH_STATE } else { GUTTER };
        let wishes = self.wishes();
        let headings = lay_out(&wishes, gutter, columns);
        let of = |wish: &ColumnWish| headings.iter().find(|h| h.id == wish.id).map_or(0, |h| h.width);
        let message = |wish: &&ColumnWish| matches!(&wish.id, SortKey::Column(name) if is_message(name));
        if wishes.iter().filter(message).all(|wish| of(wish) >= wish.wanted) {
            return headings;
        }
        let used: Vec<ColumnWish> = wishes.into_iter().filter(|wish| !self.is_unused(&wish.id)).collect();
        lay_out(&used, gutter, columns)
    }

    fn cell(
        &self,
        heading: &Heading,
        (row, slot): (&Row, &Slot),
        (base, stale): (Style, Option<UnixSeconds>),
        look: Look<'_>,
    ) -> CellModel {
        let is_state = matches!(&heading.id, SortKey::Column(name) if self.state_column() == Some(name));
        if is_state {
            return self.state_cell(heading, (row, slot), (base, stale), look);
        }
        let (text, _) = self.text_of(&heading.id, row, slot, look.now);
        let has_bar = match heading.id {
            SortKey::Cluster => true,
            SortKey::Name => self.place.source == Source::Fleet,
            SortKey::Namespace | SortKey::Kind | SortKey::Column(_) | SortKey::Label(_) => false,
        };
        let text = match &heading.id {
            SortKey::Column(name) if is_message(name) => fit_end(&text, heading.width).into_owned(),
            SortKey::Namespace
            | SortKey::Name
            | SortKey::Cluster
            | SortKey::Kind
            | SortKey::Column(_)
            | SortKey::Label(_) => fitted(&text, heading, has_bar),
        };
        let searched = !is_relative(&heading.id, row, slot);
        CellModel {
            style: if stale.is_some() { base } else { self.tone(&heading.id, row, slot, look).unwrap_or(base) },
            bar: has_bar.then(|| look.cluster(&row.cluster)),
            found: if searched { self.filter().found(&text) } else { Vec::new() },
            text,
        }
    }

    /// Glyph, word, and the age of what is stale.
    fn state_cell(
        &self,
        heading: &Heading,
        (row, slot): (&Row, &Slot),
        (base, stale): (Style, Option<UnixSeconds>),
        look: Look<'_>,
    ) -> CellModel {
        let (word, _) = self.text_of(&heading.id, row, slot, look.now);
        let cluster = look.snapshot.clusters.get(&row.cluster);
        let (glyph, tone) = match cluster {
            Some(c) if self.place.source == Source::Fleet => (c.state.glyph(), look.theme.state(&c.state)),
            _ => (row.health.glyph(), look.theme.health(&row.health)),
        };
        let mut text = if word.is_empty() { String::new() } else { format!("{glyph} {word}") };
        if let Some(since) = stale.filter(|_| self.place.source != Source::Fleet) {
            let with_age = format!("{text}  ({} ago)", human(look.now.since(since)));
            if width(&with_age) <= heading.width {
                text = with_age;
            }
        }
        let text = fitted(&text, heading, false);
        let found = self.filter().found(&text);
        let tone = if stale.is_some() && self.place.source != Source::Fleet { base } else { tone };
        CellModel { text, style: tone, bar: None, found }
    }

    /// Colour where it means something, outside the state column.
    fn tone(&self, key: &SortKey, row: &Row, slot: &Slot, look: Look<'_>) -> Option<Style> {
        let SortKey::Column(name) = key else {
            return matches!(key, SortKey::Namespace).then(|| look.theme.style(Role::Dim));
        };
        let at = crate::views::merge::column(&slot.shard.columns, name)?;
        let cell = row.cells.get(at)?;
        let worry = match (name.as_str(), cell) {
            ("READY" | "NODES", Cell::Ratio { have, want }) => have < want && row.health.is_fault(),
            ("UNHEALTHY" | "WARNINGS", Cell::Int(n)) => *n > 0,
            ("TYPE", Cell::Text(kind)) => kind == "Warning",
            ("EXPIRY", Cell::Text(_)) => true,
            ("EXPIRY", Cell::Span { from, to: Some(to) }) => to.since(*from) < EXPIRY_SOON_S,
            ("RESTARTS", Cell::Restarts { last: Some(t), .. }) => look.now.since(*t) < RESTART_RECENT_S,
            _ => false,
        };
        let gone =
            matches!(cell, Cell::None | Cell::Unknown) || (self.place.source == Source::Fleet && name == "SOURCE");
        if worry { Some(look.theme.style(Role::Degraded)) } else { gone.then(|| look.theme.style(Role::Dim)) }
    }
}

/// A credential that ends within two weeks is worth a look.
const EXPIRY_SOON_S: i64 = 14 * 24 * 3600;

/// A restart within the hour is news.
const RESTART_RECENT_S: i64 = 3600;

fn is_relative(key: &SortKey, row: &Row, slot: &Slot) -> bool {
    let SortKey::Column(name) = key else { return false };
    let at = crate::views::merge::column(&slot.shard.columns, name);
    at.and_then(|at| row.cells.get(at)).is_some_and(|cell| !matches!(cell, Cell::Text(_)))
}
