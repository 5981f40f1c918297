//! Events: equal ones of one object become one row with their count, so that a crash loop is a line.

use super::merge::{Slot, column};
use crate::model::cell::{Cell, Column};
use crate::model::object::Row;
use crate::model::text::Text;
use crate::protocol::Shard;
use std::collections::HashMap;
use std::sync::Arc;

/// Columns that tell two events apart, beside cluster and namespace.
pub(super) const SAME: [&str; 4] = ["TYPE", "REASON", "OBJECT", "MESSAGE"];

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

/// The event columns with COUNT always shown; added at the end where a server has none. A shard whose list
/// has not begun has no columns yet.
fn with_count(columns: &[Column]) -> Arc<[Column]> {
    let mut columns = columns.to_vec();
    if columns.is_empty() {
        return Arc::from(columns);
    }
    match column(&columns, "COUNT").and_then(|at| columns.get_mut(at)) {
        Some(count) => *count = Column::new("COUNT").right(),
        None => columns.push(Column::new("COUNT").right()),
    }
    Arc::from(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::ClusterName;
    use crate::model::kind::KindId;
    use crate::model::time::UnixSeconds;
    use crate::protocol::{Revision, ShardKey};
    use crate::views::fixture::{pod, shard};

    fn event(name: &str, seen: i64, reason: &str, count: i64) -> Arc<Row> {
        let cells = [
            Cell::Since(UnixSeconds(seen)),
            Cell::text("Warning"),
            Cell::text(reason),
            Cell::text("pod/api"),
            Cell::Int(count),
            Cell::text("back-off"),
        ];
        let base = pod("eu", ("payments", name, "", 0, 0));
        Arc::new(Row { cells: Box::from(cells), ..Row::clone(&base) })
    }

    fn slot(revision: u64, rows: Vec<Arc<Row>>) -> Slot {
        let names = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "COUNT", "MESSAGE"];
        let columns = names.map(Column::new).to_vec().into();
        let key =
            ShardKey { cluster: ClusterName::new("eu"), kind: KindId::new("", "Event"), selector: Text::default() };
        Slot { key, shard: Arc::new(Shard { revision: Revision(revision), ..shard(columns, rows) }) }
    }

    #[test]
    fn equal_events_are_one_row_with_their_count_and_the_newest_time() {
        let rows = vec![event("a", 10, "BackOff", 3), event("b", 30, "BackOff", 4), event("c", 20, "Failed", 1)];
        let folded = deduplicated(vec![slot(1, rows)], &[]);
        let shown = |row: &Arc<Row>| (row.name.to_string(), row.cells[0].clone(), row.cells[4].clone());
        let shown: Vec<_> = folded[0].shard.rows.iter().map(shown).collect();
        let since = |s| Cell::Since(UnixSeconds(s));
        assert_eq!(shown, [("b".into(), since(30), Cell::Int(7)), ("c".into(), since(20), Cell::Int(1))]);
    }

    #[test]
    fn what_did_not_change_stays_where_it_is() {
        let before = deduplicated(vec![slot(1, vec![event("a", 10, "BackOff", 3)])], &[]);
        let again = deduplicated(vec![slot(1, vec![event("a", 10, "BackOff", 3)])], &before);
        assert!(Arc::ptr_eq(&before[0].shard, &again[0].shard));
        let rows = vec![event("a", 10, "BackOff", 3), event("c", 20, "Failed", 1)];
        let more = deduplicated(vec![slot(2, rows)], &before);
        assert!(Arc::ptr_eq(&before[0].shard.rows[0], &more[0].shard.rows[0]));
    }
}
