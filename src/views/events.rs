//! Events: equal ones of one object become one row with their count, so that a crash loop is a line.

use super::merge::{Slot, column};
use crate::model::cell::{Cell, Column};
use crate::model::object::Row;
use crate::model::text::Text;
use crate::protocol::Shard;
use std::collections::HashMap;
use std::sync::Arc;

/// Columns that tell two events apart, beside cluster and namespace.
const SAME: [&str; 4] = ["TYPE", "REASON", "OBJECT", "MESSAGE"];

/// Folds the events of each shard; a shard that did not change since `before` is taken from there.
pub fn deduplicated(slots: Vec<Slot>, before: &[Slot]) -> Vec<Slot> {
    let fold = |slot: Slot| {
        let known = before.iter().find(|b| b.key == slot.key && b.shard.revision == slot.shard.revision);
        known.cloned().unwrap_or_else(|| {
            let old = before.iter().find(|b| b.key == slot.key).map(|b| &*b.shard);
            Slot { shard: Arc::new(folded(&slot.shard, old)), key: slot.key }
        })
    };
    slots.into_iter().map(fold).collect()
}

fn folded(shard: &Shard, before: Option<&Shard>) -> Shard {
    let columns = with_count(&shard.columns);
    let last_seen = column(&columns, "LAST SEEN");
    let count = column(&columns, "COUNT");
    let same: Vec<usize> = SAME.iter().filter_map(|name| column(&columns, name)).collect();
    let mut groups: HashMap<(&Text, Vec<&str>), Group<'_>> = HashMap::new();
    for row in shard.rows.iter() {
        let text = |at: &usize| match row.cells.get(*at) {
            Some(Cell::Text(text)) => text.as_str(),
            _ => "",
        };
        let key = (&row.namespace, same.iter().map(text).collect());
        groups.entry(key).or_insert_with(|| Group { newest: row, count: 0 }).add(row, last_seen, count);
    }
    let mut rows: Vec<Arc<Row>> = groups.into_values().map(|group| Arc::new(group.row(count))).collect();
    rows.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    if let Some(before) = before {
        keep_equal(&mut rows, &before.rows);
    }
    Shard { columns, rows: Arc::from(rows), ..shard.clone() }
}

/// Rows equal to their last version keep its place in memory, so that the index sees no change.
fn keep_equal(rows: &mut [Arc<Row>], before: &[Arc<Row>]) {
    for row in rows {
        let key = (&row.namespace, &row.name);
        let old = before.binary_search_by(|o| (&o.namespace, &o.name).cmp(&key)).ok().and_then(|at| before.get(at));
        if let Some(old) = old.filter(|old| **old == *row) {
            *row = Arc::clone(old);
        }
    }
}

struct Group<'a> {
    newest: &'a Arc<Row>,
    count: i64,
}

impl<'a> Group<'a> {
    fn add(&mut self, row: &'a Arc<Row>, last_seen: Option<usize>, count: Option<usize>) {
        self.count += match count.and_then(|at| row.cells.get(at)) {
            Some(Cell::Int(n)) => (*n).max(1),
            _ => 1,
        };
        let seen = |row: &'a Arc<Row>| last_seen.and_then(|at| row.cells.get(at));
        if let (Some(Cell::Since(a)), Some(Cell::Since(b))) = (seen(row), seen(self.newest))
            && a > b
        {
            self.newest = row;
        }
    }

    fn row(&self, count: Option<usize>) -> Row {
        let mut row = Row::clone(self.newest);
        let mut cells = row.cells.to_vec();
        match count.and_then(|at| cells.get_mut(at)) {
            Some(cell) => *cell = Cell::Int(self.count),
            None => cells.push(Cell::Int(self.count)),
        }
        row.cells = cells.into_boxed_slice();
        row
    }
}

/// The event columns with COUNT always shown; added at the end where a server has none.
fn with_count(columns: &[Column]) -> Arc<[Column]> {
    let mut columns = columns.to_vec();
    match column(&columns, "COUNT").and_then(|at| columns.get_mut(at)) {
        Some(count) => count.priority = 0,
        None => columns.push(Column::new("COUNT").right()),
    }
    Arc::from(columns)
}
