//! Objects into rows while they are read: typed columns, printer columns, health.
//!
//! Pure: text in, rows out. A projection reads the text once, skips what no column needs, and keeps
//! nothing of it. The cells of built-in kinds equal the server's own Table for the same object.

mod access;
mod batch;
mod builtin;
mod cluster;
mod health;
mod interner;
mod network;
mod path;
mod pods;
mod printer;
mod scaling;
mod selector;
mod storage;
pub mod table;
#[cfg(test)]
mod testing;
mod wire;
mod workloads;

use crate::model::cell::{Cell, Column};
use crate::model::cluster::ClusterName;
use crate::model::health::Health;
use crate::model::kind::KindId;
use crate::model::object::Row;
use crate::model::text::{Text, clean};
pub use interner::Interner;
use std::sync::Arc;
use wire::Meta;

/// An object after its projection by the rule of its kind.
struct Projected<'a> {
    meta: Meta<'a>,
    cells: Box<[Cell]>,
    health: Health,
}

/// The rule of a kind: from the text of an object to its cells.
type Rule = for<'a> fn(&'a str) -> Result<Projected<'a>, serde_json::Error>;

/// An object that does not have the shape of its kind. Names the position, never the text there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an object could not be read at line {line}, column {column}")]
pub struct Unreadable {
    line: usize,
    column: usize,
}

impl Unreadable {
    /// The server sent something other than the Table that was requested.
    fn not_a_table() -> Self {
        Self { line: 1, column: 1 }
    }
}

impl From<serde_json::Error> for Unreadable {
    fn from(e: serde_json::Error) -> Self {
        Self { line: e.line(), column: e.column() }
    }
}

/// How objects of one kind become rows.
#[derive(Debug, Clone)]
pub struct Projection {
    columns: Arc<[Column]>,
    means: Means,
}

/// How the cells are computed.
#[derive(Debug, Clone)]
enum Means {
    Builtin(Rule),
    Printed(Arc<[printer::Printed]>),
}

impl Projection {
    /// The projection of a kind that every Kubernetes has; `None` for any other kind.
    pub fn builtin(kind: &KindId) -> Option<Self> {
        let builtin = builtin::find(kind)?;
        let columns = builtin.columns.iter().map(builtin::Heading::column).collect();
        Some(Self { columns, means: Means::Builtin(builtin.rule) })
    }

    /// The projection of a custom resource, by the printer columns that its definition (JSON) states for that version.
    /// Fails if the definition is not JSON of the expected shape.
    pub fn printed(definition: &str, version: &str) -> Result<Self, Unreadable> {
        let printed: Arc<[printer::Printed]> = printer::columns(definition, version)?.into();
        let columns = printed.iter().map(|p| p.column.clone()).collect();
        Ok(Self { columns, means: Means::Printed(printed) })
    }

    /// Returns true if both projections make the same rows.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.means, &other.means) {
            (Means::Printed(mine), Means::Printed(others)) => mine == others,
            (Means::Builtin(mine), Means::Builtin(others)) => std::ptr::fn_addr_eq(*mine, *others),
            (Means::Builtin(_), Means::Printed(_)) | (Means::Printed(_), Means::Builtin(_)) => false,
        }
    }

    /// The columns of `Row::cells`, in order.
    pub fn columns(&self) -> Arc<[Column]> {
        Arc::clone(&self.columns)
    }

    /// Projects one object. An object that does not have its kind's shape still has a name: it becomes a row of unknown
    /// cells. Fails if the text is not JSON, or has no readable metadata.
    pub fn row(&self, cluster: &ClusterName, raw: &str, interner: &mut Interner) -> Result<Row, Unreadable> {
        let projected = match &self.means {
            Means::Builtin(rule) => rule(raw),
            Means::Printed(columns) => printer::project(columns, raw),
        };
        let projected = match projected {
            Ok(projected) => projected,
            Err(_) => self.unknown(raw)?,
        };
        Ok(row(cluster, projected, interner))
    }

    fn unknown<'a>(&self, raw: &'a str) -> Result<Projected<'a>, serde_json::Error> {
        let object: wire::Object<'a, serde::de::IgnoredAny> = serde_json::from_str(raw)?;
        let cells = self.columns.iter().map(|_| Cell::Unknown).collect();
        Ok(Projected { meta: object.metadata, cells, health: Health::Unknown })
    }
}

fn row(cluster: &ClusterName, projected: Projected<'_>, interner: &mut Interner) -> Row {
    let meta = &projected.meta;
    Row {
        cluster: cluster.clone(),
        namespace: Text::new(clean(&meta.namespace)),
        name: Text::new(clean(&meta.name)),
        uid: Text::new(clean(&meta.uid)),
        version: Text::new(clean(&meta.resource_version)),
        created: meta.creation_timestamp.time(),
        cells: projected.cells,
        health: projected.health,
        labels: interner.labels(meta),
        owner: interner.owner(meta),
    }
}

/// Returns the namespace and the name of an object. Fails if the text is not JSON, or has no readable metadata.
pub fn identity(raw: &str) -> Result<(Text, Text), Unreadable> {
    let object: wire::Object<'_, serde::de::IgnoredAny> = serde_json::from_str(raw)?;
    Ok((Text::new(clean(&object.metadata.namespace)), Text::new(clean(&object.metadata.name))))
}

/// Returns the resourceVersion of an object; `None` if it has none. Reads the text only up to there.
pub fn resource_version(raw: &str) -> Option<String> {
    wire::find(raw, &["metadata", "resourceVersion"]).filter(|v| !v.is_empty())
}
