//! Where the user is: what is shown and how, apart from the rows themselves. History keeps places.

use super::scope::Scope;
use super::selector::Selector;
use super::sort::Sort;
use crate::model::cell::{Cell, Column};
use crate::model::cluster::ClusterName;
use crate::model::object::{ObjectKey, Row};
use crate::model::text::Text;
use serde::{Deserialize, Serialize};

/// The rows a table is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A row per cluster.
    #[default]
    Fleet,
    /// A row per object of this kind (as typed).
    Resources(Text),
    /// Events, equal ones as one row.
    Events,
}

impl Source {
    /// Under what name sort and columns are remembered.
    pub fn name(&self) -> &str {
        match self {
            Self::Fleet => "clusters",
            Self::Resources(resource) => resource,
            Self::Events => "events",
        }
    }
}

/// A drill-down: only rows that belong to one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Within {
    /// `deployments/api`.
    pub title: Text,
    /// The cluster of the object.
    pub cluster: ClusterName,
    /// How rows belong to it.
    pub test: Belongs,
}

/// How a row belongs to the object.
#[derive(Debug, Clone, PartialEq)]
pub enum Belongs {
    /// Its labels are selected, in this namespace.
    Selected {
        /// The namespace.
        namespace: Text,
        /// The selector of the object.
        selector: Selector,
    },
    /// Its owner has this uid.
    Owned(Text),
    /// The named column has this value.
    Column {
        /// The column's name.
        name: Text,
        /// The value that names the object.
        value: Text,
    },
}

impl Within {
    /// Returns true if a row belongs to the object.
    pub fn holds(&self, row: &Row, columns: &[Column]) -> bool {
        row.cluster == self.cluster
            && match &self.test {
                Belongs::Selected { namespace, selector } => {
                    row.namespace == *namespace && selector.matches(|key| row.label(key))
                }
                Belongs::Owned(uid) => row.owner.as_ref().is_some_and(|o| o.uid == *uid),
                Belongs::Column { name, value } => {
                    let cell = super::merge::column(columns, name).and_then(|at| row.cells.get(at));
                    matches!(cell, Some(Cell::Text(text)) if text == value)
                }
            }
    }
}

/// The place itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Place {
    /// The rows that are shown.
    pub source: Source,
    /// The clusters and namespaces looked at.
    pub scope: Scope,
    /// The drill-down, where there is one.
    pub within: Option<Within>,
    /// The filter line as typed.
    pub filter: String,
    /// The order.
    pub sort: Sort,
    /// Only unhealthy rows are shown.
    pub faults: bool,
    /// The wide columns are shown.
    pub wide: bool,
    /// The selected object; it is found again by its identity.
    pub cursor: Option<ObjectKey>,
    /// The first visible row.
    pub offset: usize,
    /// Columns scrolled away on the left; NAME stays.
    pub sideways: usize,
}

impl Place {
    /// A table as it opens: unfiltered, in its own order.
    pub fn of(source: Source, scope: Scope) -> Self {
        Self { source, scope, ..Self::default() }
    }
}

impl Place {
    /// Returns true if this is the same table, whatever its cursor is on and wherever it is scrolled to.
    pub fn is_same_table(&self, other: &Self) -> bool {
        let fixed = |place: &Self| Self { cursor: None, offset: 0, sideways: 0, ..place.clone() };
        fixed(self) == fixed(other)
    }

    /// Says whether the path must name what is looked at within the clusters.
    pub fn looked_at_narrowly(&self) -> bool {
        self.within.is_some() || !self.scope.namespaces.is_empty()
    }

    /// The clusters and namespaces that are really looked at: a drill-down needs one cluster only.
    pub fn looked_at(&self) -> Scope {
        match &self.within {
            Some(within) => Scope { namespaces: self.scope.namespaces.clone(), ..Scope::of(&within.cluster) },
            None => self.scope.clone(),
        }
    }
}
