//! Which columns a listing shows, in what order, and how wide they would like to be.

use super::Listing;
use crate::model::cell::{Align, Column};
use crate::model::object::Row;
use crate::model::text::{Text, width};
use crate::model::time::UnixSeconds;
use crate::views::merge::{Slot, column};
use crate::views::place::Source;
use crate::views::sort::SortKey;
use crate::views::table::{ColumnWish, ESSENTIAL};
use serde::{Deserialize, Serialize};

/// The user's choice for one kind: columns in order, each shown or not. Columns it does not name follow
/// as they come. Empty: the default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ColumnChoice(pub Vec<(SortKey, bool)>);

/// Columns that say how the object is, the first that a kind has.
const STATE_COLUMNS: [&str; 3] = ["STATUS", "STATE", "PHASE"];

/// Columns of free text: cut at their end, and shown early because they say why.
const MESSAGE_COLUMNS: [&str; 2] = ["REASON", "MESSAGE"];

/// Rows looked at to find how wide columns are, beside those on the screen.
const SAMPLE_ROWS: usize = 200;

/// Labels offered in the chooser.
const LABELS_MAX: usize = 40;

/// The widest column: what is longer is read in the detail view.
const COLUMN_WIDTH_MAX: usize = 120;

impl Listing {
    /// All columns that could be shown, in order, each with "shown".
    pub fn all_columns(&self) -> Vec<(SortKey, bool)> {
        let mut all = self.choice.0.clone();
        for (key, shown) in self.default_columns() {
            if !all.iter().any(|(k, _)| *k == key) {
                all.push((key, shown));
            }
        }
        all.retain(|(key, _)| self.exists(key));
        all
    }

    fn default_columns(&self) -> Vec<(SortKey, bool)> {
        let mut all = Vec::new();
        if self.namespaced {
            all.push((SortKey::Namespace, true));
        }
        all.push((SortKey::Name, true));
        if self.place.source != Source::Fleet {
            all.push((SortKey::Cluster, true));
        }
        if self.has_kinds() {
            all.push((SortKey::Kind, true));
        }
        let shown = |c: &Column| c.priority == 0 || self.place.wide;
        // An event is named by its object; its own name says nothing.
        let is_name = |c: &Column| self.place.source == Source::Events && c.name == "OBJECT";
        let cells = self.columns.iter().filter(|c| !is_name(c));
        let is_last = |c: &&Column| self.place.source == Source::Events && c.name == "MESSAGE";
        let (last, others): (Vec<&Column>, Vec<&Column>) = cells.partition(is_last);
        all.extend(others.into_iter().chain(last).map(|c| (SortKey::Column(c.name.clone()), shown(c))));
        all
    }

    fn exists(&self, key: &SortKey) -> bool {
        match key {
            SortKey::Namespace => self.namespaced,
            SortKey::Name | SortKey::Label(_) => true,
            SortKey::Cluster => self.place.source != Source::Fleet,
            SortKey::Kind => self.has_kinds(),
            SortKey::Column(name) => column(&self.columns, name).is_some(),
        }
    }

    /// Says whether rows of several kinds are shown (a category).
    fn has_kinds(&self) -> bool {
        let mut kinds = self.rows().slots().iter().map(|s| &s.key.kind);
        let first = kinds.next();
        kinds.any(|k| Some(k) != first)
    }

    /// Label keys of a sample of rows, in order, at most so many as a chooser can show.
    pub fn label_keys(&self) -> Vec<Text> {
        let rows = (0..self.rows().len().min(SAMPLE_ROWS)).filter_map(|at| self.rows().get(at));
        let mut keys = std::collections::BTreeSet::new();
        for (row, _) in rows {
            keys.extend(row.labels.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, _)| Text::new(key)));
        }
        keys.into_iter().take(LABELS_MAX).collect()
    }

    /// The columns shown, in order, as [`SortKey`]s.
    pub fn shown_columns(&self) -> Vec<SortKey> {
        self.all_columns().into_iter().filter(|(_, shown)| *shown).map(|(key, _)| key).collect()
    }

    /// The column that says how an object is, where this table has one.
    pub fn state_column(&self) -> Option<&Text> {
        let names: &[&str] = if self.place.source == Source::Events { &["TYPE"] } else { &STATE_COLUMNS };
        let name = names.iter().find_map(|name| column(&self.columns, name))?;
        self.columns.get(name).map(|c| &c.name)
    }

    /// The shown columns with their wishes, after scrolling sideways.
    pub(super) fn wishes(&self) -> Vec<ColumnWish> {
        let state = self.state_column().cloned();
        let shown = self.shown_columns();
        let movable = shown.iter().filter(|key| **key != SortKey::Name).count();
        let mut skip = self.place.sideways.min(movable.saturating_sub(1));
        let mut wishes = Vec::new();
        for (nth, key) in shown.into_iter().enumerate() {
            if key != SortKey::Name && skip > 0 {
                skip -= 1;
                continue;
            }
            let scrolled = self.place.sideways > 0;
            wishes.push(self.wish(key, nth, state.as_ref().filter(|_| !scrolled)));
        }
        wishes
    }

    /// Says whether no row that was measured has anything in the column.
    pub(super) fn is_unused(&self, key: &SortKey) -> bool {
        matches!(key, SortKey::Column(_))
            && self.state_column().is_none_or(|state| *key != SortKey::Column(state.clone()))
            && self.widths.get(key) == Some(&0)
    }

    fn wish(&self, key: SortKey, nth: usize, state: Option<&Text>) -> ColumnWish {
        let heading = self.heading(&key);
        let wanted = self.widths.get(&key).copied().unwrap_or_default().max(width(&heading));
        let is_state = matches!((&key, state), (SortKey::Column(name), Some(state)) if name == state);
        let is_sorted = self.place.sort.primary().is_some_and(|(sorted, _)| *sorted == key);
        let is_message = matches!(&key, SortKey::Column(name) if is_message(name));
        let (importance, least, comfort) = match &key {
            SortKey::Name => (0, 11, 24),
            SortKey::Cluster => (1, 9, 16),
            _ if is_state => (2, 13, 18),
            SortKey::Namespace => (3, 9, 12),
            _ if is_message => (ESSENTIAL + 1, 20, 0),
            // What the table is sorted by must be seen.
            _ if is_sorted => (ESSENTIAL, 20, 0),
            SortKey::Kind | SortKey::Column(_) | SortKey::Label(_) => (ESSENTIAL + 2 + nth, 20, 0),
        };
        let named = if let SortKey::Column(name) = &key { column(&self.columns, name) } else { None };
        let align = named.and_then(|at| self.columns.get(at)).map(|c| c.align);
        // An arrow that is cut off says nothing: the heading's width is the least.
        let least = least.min(wanted).max(width(&heading).min(wanted));
        ColumnWish { align: align.unwrap_or(Align::Left), id: key, heading, wanted, least, comfort, importance }
    }

    /// The heading with an arrow where the table is sorted by it.
    fn heading(&self, key: &SortKey) -> String {
        let name = match key {
            SortKey::Namespace => "NAMESPACE",
            SortKey::Name if self.place.source == Source::Fleet => "CLUSTER",
            SortKey::Name if self.place.source == Source::Events => "OBJECT",
            SortKey::Name => "NAME",
            SortKey::Cluster => "CLUSTER",
            SortKey::Kind => "KIND",
            SortKey::Column(name) | SortKey::Label(name) => name,
        };
        match self.place.sort.primary() {
            Some((sorted, false)) if sorted == key => format!("{name}↑"),
            Some((sorted, true)) if sorted == key => format!("{name}↓"),
            _ => name.to_owned(),
        }
    }

    /// Widens columns to what the window and a sample of all rows show; they never shrink by themselves,
    /// so that the table stands still while rows come and go. Only a column of messages gives its place
    /// back once all rows are in sight and none has a message any more.
    pub(super) fn measure(&mut self, height: usize, now: UnixSeconds) {
        let keys = self.shown_columns();
        let fresh = self.widths.is_empty();
        let mut widths = std::mem::take(&mut self.widths);
        let window = self.place.offset..self.place.offset + height;
        let step = (self.rows().len() / SAMPLE_ROWS).max(1);
        let sample =
            if fresh { (0..self.rows().len()).step_by(step).take(SAMPLE_ROWS) } else { (0..0).step_by(1).take(0) };
        for at in window.chain(sample) {
            let Some((row, slot)) = self.rows().get(at) else { continue };
            for key in &keys {
                let (text, glyph) = self.text_of(key, row, slot, now);
                let needed = (width(&text) + glyph).min(COLUMN_WIDTH_MAX);
                let known = widths.entry(key.clone()).or_default();
                *known = (*known).max(needed);
            }
        }
        if self.rows().len() <= height {
            let rows = || (0..self.rows().len()).filter_map(|at| self.rows().get(at));
            widths.retain(|key, _| {
                let is_silent = || rows().all(|(row, slot)| self.text_of(key, row, slot, now).0.is_empty());
                !(matches!(key, SortKey::Column(name) if is_message(name)) && is_silent())
            });
        }
        self.widths = widths;
    }

    /// The text of a cell, and how many columns a glyph or bar before it takes.
    pub(super) fn text_of(&self, key: &SortKey, row: &Row, slot: &Slot, now: UnixSeconds) -> (Text, usize) {
        match key {
            SortKey::Namespace => (row.namespace.clone(), 0),
            SortKey::Name if self.place.source == Source::Events => {
                (self.cell_text(row, slot, "OBJECT", now).unwrap_or_else(|| row.name.clone()), 0)
            }
            SortKey::Name => (row.name.clone(), usize::from(self.place.source == Source::Fleet)),
            SortKey::Cluster => (Text::new(row.cluster.as_str()), 1),
            SortKey::Kind => (Text::new(slot.key.kind.kind.to_lowercase()), 0),
            SortKey::Label(key) => (Text::new(row.label(key).unwrap_or_default()), 0),
            SortKey::Column(name) => {
                let text = self.cell_text(row, slot, name, now).unwrap_or_default();
                (text, if self.state_column() == Some(name) { 2 } else { 0 })
            }
        }
    }
}

/// Says whether a column holds free text.
pub(super) fn is_message(name: &str) -> bool {
    MESSAGE_COLUMNS.contains(&name)
}
