//! What the screen remembers from one view, and one start, to the next: never an action.

use super::listing::ColumnChoice;
use super::place::{Place, Source};
use super::scope::Scope;
use super::sort::Sort;
use crate::model::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The saved session, a plain value; `tui` writes and reads it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionState {
    /// The tabs, from left to right.
    pub tabs: Vec<SavedTab>,
    /// The tab that is shown, counted from 0.
    pub active: usize,
    /// Sort and columns per kind.
    pub sorts: BTreeMap<Text, Sort>,
    /// Columns per kind.
    pub columns: BTreeMap<Text, ColumnChoice>,
    /// The newest first.
    pub namespaces: Vec<Text>,
    /// The newest last.
    pub commands: Vec<String>,
    /// Filters typed, the newest last.
    pub filters: Vec<String>,
    /// The theme chosen by `:theme`.
    pub theme: Option<Text>,
}

/// The state of a view as it is kept in the history and the session: names and values of the view's own.
pub type SavedState = BTreeMap<Text, String>;

/// A full-screen view as it is kept in the history and the session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedView {
    /// The view's name in the registry.
    pub name: Text,
    /// The state the view is opened with again.
    pub state: SavedState,
}

/// A tab as it is saved: drill-downs into one object are not, since the object may be gone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedTab {
    /// The rows of the table.
    pub source: Source,
    /// The clusters and namespaces looked at.
    pub scope: Scope,
    /// The filter line.
    pub filter: String,
    /// Only unhealthy rows are shown.
    pub faults: bool,
    /// The wide columns are shown.
    pub wide: bool,
    /// The full-screen view in the table's place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<SavedView>,
}

/// Namespaces behind the keys `1` to `9`.
pub const NAMESPACES_MAX: usize = 9;

/// Lines kept of commands and of filters.
const LINES_MAX: usize = 100;

impl SessionState {
    /// Notes a namespace as the most recent.
    pub fn visit_namespace(&mut self, namespace: &Text) {
        self.namespaces.retain(|n| n != namespace);
        self.namespaces.insert(0, namespace.clone());
        self.namespaces.truncate(NAMESPACES_MAX);
    }

    /// Notes a command line as the most recent.
    pub fn note_command(&mut self, line: &str) {
        note(&mut self.commands, line);
    }

    /// Notes a filter as the most recent.
    pub fn note_filter(&mut self, line: &str) {
        note(&mut self.filters, line);
    }

    /// The remembered sort of a kind; events are worst and newest first unless the user chose otherwise.
    pub fn sort_of(&self, source: &Source) -> Sort {
        use super::sort::SortKey::Column;
        if let Some(sort) = self.sorts.get(source.name()) {
            return sort.clone();
        }
        match source {
            Source::Events => Sort::by(Column("TYPE".into()), true).then(Column("LAST SEEN".into()), false),
            Source::Fleet | Source::Resources(_) => Sort::default(),
        }
    }

    /// Returns the columns chosen for a kind.
    pub fn columns_of(&self, source: &Source) -> ColumnChoice {
        self.columns.get(source.name()).cloned().unwrap_or_default()
    }
}

fn note(lines: &mut Vec<String>, line: &str) {
    if line.is_empty() {
        return;
    }
    lines.retain(|l| l != line);
    lines.push(line.to_owned());
    if lines.len() > LINES_MAX {
        lines.remove(0);
    }
}

impl SavedTab {
    /// Saves a table, and the view that was in its place.
    pub fn of(place: &Place, view: Option<SavedView>) -> Self {
        Self {
            source: place.source.clone(),
            scope: place.scope.clone(),
            filter: place.filter.clone(),
            faults: place.faults,
            wide: place.wide,
            view,
        }
    }

    /// Returns the table of the tab.
    pub fn place(&self) -> Place {
        Place {
            filter: self.filter.clone(),
            faults: self.faults,
            wide: self.wide,
            ..Place::of(self.source.clone(), self.scope.clone())
        }
    }
}
