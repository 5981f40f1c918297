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
mod pods;
mod scaling;
mod selector;
mod storage;
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

/// What a kind's rule makes of one object.
struct Projected<'a> {
    meta: Meta<'a>,
    cells: Box<[Cell]>,
    health: Health,
}

/// A kind's rule: the text of an object to its cells.
type Rule = for<'a> fn(&'a str) -> Result<Projected<'a>, serde_json::Error>;

/// An object that is not of the shape its kind has. Says where, never what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an object could not be read at line {line}, column {column}")]
pub struct Unreadable {
    line: usize,
    column: usize,
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
    rule: Rule,
}

impl Projection {
    /// The projection of a kind that every Kubernetes has.
    pub fn builtin(kind: &KindId) -> Option<Self> {
        builtin::find(kind)
            .map(|b| Self { columns: b.columns.iter().map(builtin::Heading::column).collect(), rule: b.rule })
    }

    /// The columns of the rows' cells.
    pub fn columns(&self) -> Arc<[Column]> {
        Arc::clone(&self.columns)
    }

    /// Projects one object. An object that is not of its kind's shape still has a name: it becomes
    /// a row of unknown cells.
    pub fn row(&self, cluster: &ClusterName, raw: &str, interner: &mut Interner) -> Result<Row, Unreadable> {
        let projected = match (self.rule)(raw) {
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

/// The namespace and name of an object.
pub fn identity(raw: &str) -> Result<(Text, Text), Unreadable> {
    let object: wire::Object<'_, serde::de::IgnoredAny> = serde_json::from_str(raw)?;
    Ok((Text::new(clean(&object.metadata.namespace)), Text::new(clean(&object.metadata.name))))
}

/// The resourceVersion of an object. Reads no further than to it.
pub fn resource_version(raw: &str) -> Option<String> {
    wire::find(raw, &["metadata", "resourceVersion"]).filter(|v| !v.is_empty())
}
