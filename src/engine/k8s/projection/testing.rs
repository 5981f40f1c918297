//! What the tests of the rules share.

use super::{Interner, Projection};
use crate::model::cluster::ClusterName;
use crate::model::kind::KindId;
use crate::model::object::Row;
use crate::model::time::UnixSeconds;
use serde_json::Value;

/// Two minutes after 2026-01-01T00:00:00Z, when the tests' objects were made.
pub(super) const NOW: UnixSeconds = UnixSeconds(1_767_225_720);

/// The row of an object of a built-in kind.
pub(super) fn project(group: &str, kind: &str, object: &Value) -> Row {
    let projection = Projection::builtin(&KindId::new(group, kind)).unwrap();
    let row = projection.row(&ClusterName::new("c"), &object.to_string(), &mut Interner::default()).unwrap();
    assert_eq!(row.cells.len(), projection.columns().len(), "a cell for each column");
    row
}

/// What the cells show.
pub(super) fn cells(row: &Row) -> Vec<String> {
    row.cells.iter().map(|cell| cell.show(NOW).to_string()).collect()
}

/// Gives the object a name and the tests' moment of creation.
pub(super) fn made(mut object: Value) -> Value {
    object["metadata"] = serde_json::json!({"name": "o", "creationTimestamp": "2026-01-01T00:00:00Z"});
    object
}
