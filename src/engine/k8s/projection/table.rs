//! Rows of kinds without a projection of our own, from the Table that the server makes.

use super::wire::{Meta, Object, Seq, Str, since};
use super::{Interner, Projected, Unreadable, row};
use crate::model::cell::{Cell, Column};
use crate::model::cluster::ClusterName;
use crate::model::health::Health;
use crate::model::object::Row;
use crate::model::text::{Text, clean};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::sync::Arc;

/// The columns of a server's Table, and the position of each in its cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tabulation {
    columns: Arc<[Column]>,
    /// For each column, the index of its cell in the server's row, and whether it is the age: the server writes the age
    /// as of its answer, we compute it as of now.
    cells: Arc<[(usize, bool)]>,
}

/// A Table: one page of a list, or the change of one watch event.
#[derive(Debug, Default)]
pub struct Page {
    /// The rows, in the order of the server.
    pub rows: Vec<Row>,
    /// The list's resourceVersion, or that of the changed object.
    pub version: String,
    /// The continue token of the next page; empty on the last page.
    pub next: String,
    /// Number of objects on later pages; `None` if the server does not state it.
    pub remaining: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Table<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    metadata: ListMeta<'a>,
    #[serde(borrow)]
    column_definitions: Seq<Heading<'a>>,
    #[serde(borrow)]
    rows: Seq<TableRow<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta<'a> {
    #[serde(borrow)]
    resource_version: Str<'a>,
    #[serde(rename = "continue")]
    next: Str<'a>,
    remaining_item_count: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Heading<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(rename = "type")]
    kind: Str<'a>,
    format: Str<'a>,
    priority: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TableRow<'a> {
    #[serde(borrow)]
    cells: Vec<&'a RawValue>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

impl Tabulation {
    /// The columns of `Row::cells`, in order; empty before the first Table.
    pub fn columns(&self) -> Arc<[Column]> {
        Arc::clone(&self.columns)
    }

    fn of(headings: &[Heading<'_>]) -> Self {
        let name = headings.iter().position(|h| *h.format == *"name" || h.name.eq_ignore_ascii_case("name"));
        let shown = || headings.iter().enumerate().filter(|(at, _)| Some(*at) != name);
        let column = |heading: &Heading<'_>| {
            let text = clean(&heading.name).to_uppercase();
            let column = if heading.priority > 0 { Column::wide(&text) } else { Column::new(&text) };
            let right = is_age(heading) || matches!(&*heading.kind, "integer" | "number");
            if right { column.right() } else { column }
        };
        Self {
            columns: shown().map(|(_, heading)| column(heading)).collect(),
            cells: shown().map(|(at, heading)| (at, is_age(heading))).collect(),
        }
    }

    /// Reads a Table. Its columns replace the present ones where it states any; the Tables of a watch leave them out.
    /// Fails if the text is not a Table, or if one of its rows comes without the metadata of its object.
    pub fn read(&mut self, cluster: &ClusterName, text: &str, interner: &mut Interner) -> Result<Page, Unreadable> {
        let table: Table<'_> = serde_json::from_str(text)?;
        if *table.kind != *"Table" {
            return Err(Unreadable::not_a_table());
        }
        if !table.column_definitions.is_empty() {
            let stated = Self::of(&table.column_definitions);
            if stated != *self {
                *self = stated;
            }
        }
        let rows: Result<Vec<Row>, Unreadable> =
            table.rows.iter().map(|row| self.row(cluster, row, interner)).collect();
        let rows = rows?;
        let version = match (rows.as_slice(), &*table.metadata.resource_version) {
            ([one], "") => one.version.to_string(),
            (_, version) => version.to_owned(),
        };
        Ok(Page {
            rows,
            version,
            next: table.metadata.next.to_string(),
            remaining: table.metadata.remaining_item_count,
        })
    }

    fn row(&self, cluster: &ClusterName, row_: &TableRow<'_>, interner: &mut Interner) -> Result<Row, Unreadable> {
        let object: Object<'_, IgnoredAny> = match row_.object {
            Some(object) => serde_json::from_str(object.get())?,
            None => return Err(Unreadable::not_a_table()),
        };
        let meta = object.metadata;
        let cells = self.cells.iter().map(|(at, age)| match row_.cells.get(*at) {
            Some(_) if *age => age_of(&meta),
            Some(value) => cell(value.get()),
            None => Cell::Empty,
        });
        let health = if meta.is_terminating() { Health::Progressing } else { Health::Unknown };
        Ok(row(cluster, Projected { cells: cells.collect(), health, meta }, interner))
    }
}

fn is_age(heading: &Heading<'_>) -> bool {
    heading.name.eq_ignore_ascii_case("age")
}

fn age_of(meta: &Meta<'_>) -> Cell {
    since(&meta.creation_timestamp)
}

fn cell(json: &str) -> Cell {
    match json {
        "null" => Cell::Empty,
        text if text.starts_with('"') => match serde_json::from_str::<Str<'_>>(text).as_deref() {
            Ok("<none>") => Cell::None,
            Ok("<unknown>") => Cell::Unknown,
            Ok(text) => Cell::text(text),
            Err(_) => Cell::Empty,
        },
        other => other.parse().map_or_else(|_| Cell::text(other), Cell::Int),
    }
}

/// Returns the namespaces and names of the objects in a Table, for a watch event that deletes them. Fails if the text
/// is not a Table, or if one of its objects has no readable metadata.
pub fn identities(text: &str) -> Result<Vec<(Text, Text)>, Unreadable> {
    let table: Table<'_> = serde_json::from_str(text)?;
    table.rows.iter().filter_map(|row| row.object).map(|object| super::identity(object.get())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::k8s::projection::testing::NOW;

    const TABLE: &str = r#"{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"5","continue":"t","remainingItemCount":9},
        "columnDefinitions":[{"name":"Name","type":"string","format":"name"},{"name":"Cpu","type":"integer"},
            {"name":"Where","type":"string","priority":1},{"name":"Age","type":"string"}],
        "rows":[{"cells":["a",7,"<none>","9d"],"object":{"kind":"PartialObjectMetadata","metadata":
            {"name":"a","namespace":"n","uid":"u","resourceVersion":"4","creationTimestamp":"2026-01-01T00:00:00Z"}}}]}"#;

    #[test]
    fn a_table_becomes_rows_with_ages_of_our_own() {
        let (mut tabulation, cluster) = (Tabulation::default(), ClusterName::new("c"));
        let page = tabulation.read(&cluster, TABLE, &mut Interner::default()).unwrap();
        let names: Vec<String> = tabulation.columns().iter().map(|c| c.name.to_string()).collect();
        assert_eq!(names, ["CPU", "WHERE", "AGE"]);
        let shown: Vec<String> = page.rows[0].cells.iter().map(|c| c.show(NOW).to_string()).collect();
        assert_eq!(shown, ["7", "<none>", "2m"]);
        assert_eq!((page.version.as_str(), page.next.as_str(), page.remaining), ("5", "t", Some(9)));
        let event = TABLE
            .replace("\"columnDefinitions\":[", "\"columnDefinitions\":[],\"x\":[")
            .replace("\"resourceVersion\":\"5\",", "");
        let change = tabulation.read(&cluster, &event, &mut Interner::default()).unwrap();
        assert_eq!((change.rows[0].cells.len(), change.version.as_str()), (3, "4"));
        assert_eq!(identities(TABLE).unwrap(), [(Text::from("n"), Text::from("a"))]);
        assert!(tabulation.read(&cluster, r#"{"kind":"PodList","items":[]}"#, &mut Interner::default()).is_err());
    }
}
