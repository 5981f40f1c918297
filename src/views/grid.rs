//! A table of anything: columns and lines, plain values that are filtered, sorted and laid out.

mod state;

pub use state::{GridClick, GridState, Shown};

use crate::model::cell::{Align, Cell, Column, natural};
use crate::model::cluster::ClusterName;
use crate::model::object::Row;
use crate::model::text::{Text, fit_end, width};
use crate::model::time::UnixSeconds;
use crate::views::filter::Filter;
use crate::views::sort::SortKey;
use crate::views::table::{CellModel, ColumnWish, GUTTER, Heading, LineModel, TableModel, fitted, lay_out};
use crate::views::theme::{Role, Theme};
use ratatui::layout::Rect;
use std::cmp::Ordering;

/// A column of a section.
#[derive(Debug, Clone, Copy)]
pub struct GridColumn {
    /// The heading.
    pub name: &'static str,
    /// The side the cells stand at.
    pub align: Align,
    /// 0 is the last to be left out; below 4 it has its comfort first.
    pub importance: usize,
    /// Rather left out than narrower.
    pub least: usize,
    /// Columns wanted before less important ones get any.
    pub comfort: usize,
    /// Free text, read from its beginning: cut at its end.
    pub prose: bool,
}

/// A column of text that can be cut in its middle.
pub const fn left(name: &'static str, importance: usize, least: usize, comfort: usize) -> GridColumn {
    GridColumn { name, align: Align::Left, importance, least, comfort, prose: false }
}

/// A column of numbers.
pub const fn right(name: &'static str, importance: usize, least: usize) -> GridColumn {
    GridColumn { name, align: Align::Right, importance, least, comfort: least, prose: false }
}

/// A column of sentences, cut at their end.
pub const fn prose(name: &'static str, importance: usize, least: usize, comfort: usize) -> GridColumn {
    GridColumn { name, align: Align::Left, importance, least, comfort, prose: true }
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub struct GridLine {
    /// Stable identity of the line: the cursor follows it when lines move.
    pub id: Text,
    /// Its cells, and what a filter looks at besides.
    pub row: Row,
    /// The look of each cell.
    pub roles: Vec<Role>,
}

impl GridLine {
    /// `cells` and their looks, one per column of the section.
    pub fn new(id: Text, (cluster, name): (&str, &str), cells: Vec<(Cell, Role)>) -> Self {
        let (cells, roles): (Vec<Cell>, Vec<Role>) = cells.into_iter().unzip();
        let row = Row {
            cluster: ClusterName::new(cluster),
            namespace: Text::default(),
            name: Text::new(name),
            uid: Text::default(),
            version: Text::default(),
            created: None,
            cells: cells.into(),
            health: crate::model::health::Health::Unknown,
            labels: std::sync::Arc::from(""),
            owner: None,
        };
        Self { id, row, roles }
    }
}

/// Columns and groups of lines; a group is a line and those that belong to it.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// The columns, the same for all lines.
    pub columns: &'static [GridColumn],
    /// The lines, in groups that are filtered and sorted together.
    pub groups: Vec<Vec<GridLine>>,
}

/// How a grid is drawn.
#[derive(Debug, Clone, Copy)]
pub struct GridWindow<'a> {
    /// Columns and rows, the heading with them.
    pub size: (usize, usize),
    /// The lines that are shown.
    pub shown: Shown,
    /// The time, for ages.
    pub now: UnixSeconds,
    /// The filter, whose matches are marked.
    pub filter: &'a Filter,
}

impl Grid {
    fn columns_of(specs: &[GridColumn]) -> Vec<Column> {
        specs.iter().map(|spec| Column { align: spec.align, ..Column::new(spec.name) }).collect()
    }

    /// Keeps the groups of which a line passes.
    #[must_use]
    pub fn filtered(mut self, filter: &Filter, now: UnixSeconds) -> Self {
        if !filter.is_empty() {
            let columns = Self::columns_of(self.columns);
            self.groups.retain(|group| group.iter().any(|line| filter.passes(&line.row, &columns, now)));
        }
        self
    }

    /// Sorts by a column; the order of the proxy stays among equals.
    #[must_use]
    pub fn sorted(mut self, by: Option<(usize, bool)>, now: UnixSeconds) -> Self {
        if let Some((column, descending)) = by {
            self.groups.sort_by(|a, b| {
                let cell = |group: &Vec<GridLine>| group.first().and_then(|line| line.row.cells.get(column)).cloned();
                let order = order(&cell(a).unwrap_or_default(), &cell(b).unwrap_or_default(), now);
                if descending { order.reverse() } else { order }
            });
        }
        self
    }

    /// Returns the number of lines.
    pub fn len(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }

    /// Returns true if there is no line.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Returns all lines, in order.
    pub fn lines(&self) -> impl Iterator<Item = &GridLine> {
        self.groups.iter().flatten()
    }

    /// Returns the nth line.
    pub fn line(&self, at: usize) -> Option<&GridLine> {
        self.lines().nth(at)
    }

    /// Where the line of this identity is.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.lines().position(|line| line.id == id)
    }

    /// The headings in a width.
    pub fn headings(&self, columns: usize, now: UnixSeconds) -> Vec<Heading> {
        let mut wanted: Vec<usize> = self.columns.iter().map(|spec| width(spec.name)).collect();
        for line in self.lines() {
            for (most, cell) in wanted.iter_mut().zip(&line.row.cells) {
                *most = (*most).max(width(&cell.show(now)));
            }
        }
        let wish = |(spec, wanted): (&GridColumn, usize)| ColumnWish {
            id: SortKey::Column(Text::const_new(spec.name)),
            heading: spec.name.to_owned(),
            align: spec.align,
            wanted,
            least: spec.least,
            comfort: spec.comfort,
            importance: spec.importance,
        };
        let wishes: Vec<ColumnWish> = self.columns.iter().zip(wanted).map(wish).collect();
        lay_out(&wishes, GUTTER, columns)
    }

    /// The visible window, ready to draw.
    pub fn model(&self, window: &GridWindow<'_>, theme: &Theme) -> TableModel {
        let (columns, rows) = window.size;
        let headings = self.headings(columns, window.now);
        let shown = self.lines().enumerate().skip(window.shown.top).take(rows.saturating_sub(1));
        let lines = shown.map(|(nth, line)| LineModel {
            cells: headings.iter().map(|heading| self.cell(heading, line, window, theme)).collect(),
            selected: nth == window.shown.at,
            ..LineModel::default()
        });
        TableModel { lines: lines.collect(), headings }
    }

    fn cell(&self, heading: &Heading, line: &GridLine, window: &GridWindow<'_>, theme: &Theme) -> CellModel {
        let place = self.columns.iter().position(|spec| spec.name == heading.text).unwrap_or_default();
        let text = line.row.cells.get(place).map(|cell| cell.show(window.now)).unwrap_or_default();
        let is_prose = self.columns.get(place).is_some_and(|spec| spec.prose);
        let text = if is_prose { fit_end(&text, heading.width).into_owned() } else { fitted(&text, heading, false) };
        let role = line.roles.get(place).copied().unwrap_or(Role::Text);
        CellModel { found: window.filter.found(&text), text, style: theme.style(role), bar: None }
    }
}

/// Returns the lines of a grid below its heading.
pub fn rows_of(table: Rect) -> usize {
    usize::from(table.height.saturating_sub(1)).max(1)
}

/// Numbers by value, also where they stand as text; the rest as people order text; nothing comes first.
fn order(a: &Cell, b: &Cell, now: UnixSeconds) -> Ordering {
    match (a.number(now), b.number(now)) {
        (Some(x), Some(y)) => x.total_cmp(&y),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => natural(&a.show(now), &b.show(now)),
    }
}
