//! The merged index: the rows of many shards as one sorted, filtered list of positions.
//!
//! Rows stay in the order of their identity (namespace, name, cluster, kind); any other sort is a
//! second list of positions. A changed shard is compared with its last version by pointer, so a
//! snapshot costs what changed plus one pass over the positions.

use super::sort::{Sort, SortKey};
use crate::model::cell::{Cell, Column, natural};
use crate::model::cluster::ClusterName;
use crate::model::kind::KindId;
use crate::model::object::{ObjectKey, Row};
use crate::model::text::Text;
use crate::protocol::{Shard, ShardKey};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The conditions that decide which rows are shown.
pub trait RowPredicate {
    /// Says whether the row belongs to the view at all (namespaces, drill-down): the first count.
    fn contains(&self, row: &Row, columns: &[Column]) -> bool;
    /// Says whether it passes the filter too: the second count.
    fn passes(&self, row: &Row, columns: &[Column]) -> bool;
}

/// A shard and where it comes from.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The shard's identity.
    pub key: ShardKey,
    /// The rows.
    pub shard: Arc<Shard>,
}

#[derive(Debug, Clone)]
struct Entry {
    row: Arc<Row>,
    slot: u32,
    contained: bool,
    shown: bool,
}

/// The identity of a row in a list, without the uid: a recreated object takes its place.
pub type Identity<'a> = (&'a str, &'a str, &'a ClusterName, &'a KindId);

/// The merged index.
#[derive(Debug, Clone, Default)]
pub struct Merged {
    slots: Vec<Slot>,
    entries: Vec<Entry>,
    sort: Sort,
    /// Positions in `entries` in the order of `sort`; empty while that is the identity.
    order: Vec<u32>,
    /// The entries that are shown.
    shown: Vec<u32>,
    total: usize,
    faults: usize,
}

/// The changes of one update, by position in `entries`.
#[derive(Default)]
struct Changes {
    removed: Vec<u32>,
    replaced: Vec<u32>,
    added: Vec<Entry>,
}

impl Merged {
    /// Takes new shards in; says whether anything changed. Shards must be sorted by key.
    pub fn update(&mut self, shards: Vec<Slot>, predicate: &impl RowPredicate) -> bool {
        let lost = self.slots.iter().any(|s| shards.binary_search_by(|n| n.key.cmp(&s.key)).is_err());
        if lost {
            self.slots.clear();
            self.entries.clear();
            self.order.clear();
        }
        let mut changes = Changes::default();
        let mut is_new = lost;
        for slot in shards {
            is_new |= self.take_in(slot, predicate, &mut changes);
        }
        if is_new {
            self.apply(changes);
            self.recount();
        }
        is_new
    }

    /// Compares one shard with its last version and notes what is different.
    fn take_in(&mut self, new: Slot, predicate: &impl RowPredicate, changes: &mut Changes) -> bool {
        let known = self.slots.iter().position(|s| s.key == new.key);
        let place = known.unwrap_or(self.slots.len());
        let Ok(slot) = u32::try_from(place) else { return false };
        let old_rows = match self.slots.get(place) {
            Some(old) if Arc::ptr_eq(&old.shard, &new.shard) => return false,
            Some(old) => Arc::clone(&old.shard.rows),
            None => Arc::from([]),
        };
        let columns = Arc::clone(&new.shard.columns);
        let rows = Arc::clone(&new.shard.rows);
        match self.slots.get_mut(place) {
            Some(old) => *old = new,
            None => self.slots.push(new),
        }
        let entry = |row: &Arc<Row>| {
            let contained = predicate.contains(row, &columns);
            Entry { row: Arc::clone(row), slot, contained, shown: contained && predicate.passes(row, &columns) }
        };
        compare(&old_rows, &rows, |difference| match difference {
            Difference::Removed(row) => changes.removed.extend(self.find_entry(row, slot)),
            Difference::Added(row) => changes.added.push(entry(row)),
            Difference::Replaced(row) => {
                if let Some(at) = self.find_entry(row, slot) {
                    if let Some(old) = self.entries.get_mut(at as usize) {
                        *old = entry(row);
                    }
                    changes.replaced.push(at);
                }
            }
        });
        true
    }

    fn apply(&mut self, mut changes: Changes) {
        let mut touched = changes.replaced;
        if !changes.removed.is_empty() || !changes.added.is_empty() {
            changes.removed.sort_unstable();
            let slots = std::mem::take(&mut self.slots);
            changes.added.sort_by(|a, b| identity(a, &slots).cmp(&identity(b, &slots)));
            let (moved, added) = self.rebuild(&changes.removed, changes.added, &slots);
            self.slots = slots;
            let new_place = |old: &u32| moved.get(*old as usize).copied().filter(|p| *p != GONE);
            self.order = self.order.iter().filter_map(new_place).collect();
            touched = touched.iter().filter_map(new_place).collect();
            touched.extend(added);
        }
        if !self.sort.is_identity() {
            self.reorder(&mut touched);
        }
    }

    /// Merges additions into the entries in one pass; returns where each old entry went, and the new places.
    fn rebuild(&mut self, removed: &[u32], added: Vec<Entry>, slots: &[Slot]) -> (Vec<u32>, Vec<u32>) {
        let old = std::mem::take(&mut self.entries);
        let mut places: Vec<usize> = Vec::with_capacity(added.len());
        for entry in &added {
            places.push(old.partition_point(|e| identity(e, slots) < identity(entry, slots)));
        }
        let mut merged = Vec::with_capacity(old.len() + added.len());
        let mut moved = Vec::with_capacity(old.len());
        let mut new_places = Vec::with_capacity(added.len());
        let mut additions = added.into_iter().zip(places).peekable();
        let mut gone = removed.iter().copied().peekable();
        for (at, entry) in old.into_iter().enumerate() {
            while let Some((addition, _)) = additions.next_if(|(_, place)| *place <= at) {
                new_places.push(place_of(&merged));
                merged.push(addition);
            }
            if gone.next_if(|g| *g as usize == at).is_some() {
                moved.push(GONE);
            } else {
                moved.push(place_of(&merged));
                merged.push(entry);
            }
        }
        for (addition, _) in additions {
            new_places.push(place_of(&merged));
            merged.push(addition);
        }
        self.entries = merged;
        (moved, new_places)
    }

    /// Moves the touched positions to where they belong in the sort order.
    fn reorder(&mut self, touched: &mut Vec<u32>) {
        if touched.len() * 4 > self.entries.len() {
            self.sort_all();
            return;
        }
        let mut is_touched = vec![false; self.entries.len()];
        for at in touched.iter() {
            if let Some(flag) = is_touched.get_mut(*at as usize) {
                *flag = true;
            }
        }
        let rest: Vec<u32> =
            self.order.iter().copied().filter(|at| is_touched.get(*at as usize) == Some(&false)).collect();
        touched.sort_unstable();
        touched.dedup();
        touched.sort_by(|a, b| self.compare(*a, *b));
        let mut order = Vec::with_capacity(rest.len() + touched.len());
        let mut from = 0;
        for at in touched.iter() {
            let tail = rest.get(from..).unwrap_or_default();
            let here = tail.partition_point(|other| self.compare(*other, *at) == Ordering::Less);
            order.extend_from_slice(tail.get(..here).unwrap_or_default());
            order.push(*at);
            from += here;
        }
        order.extend_from_slice(rest.get(from..).unwrap_or_default());
        self.order = order;
    }

    /// Changes the sort; nothing else costs a full sort.
    pub fn sort_by(&mut self, sort: Sort) {
        self.sort = sort;
        self.sort_all();
        self.recount();
    }

    /// Returns the order in force.
    pub fn sort(&self) -> &Sort {
        &self.sort
    }

    fn sort_all(&mut self) {
        self.order.clear();
        let Some((primary, descending)) = self.sort.primary() else { return };
        let ranks = self.ranks(&primary.clone());
        let mut keyed: Vec<(u128, u32)> = ranks.into_iter().zip(0_u32..).collect();
        let single = self.sort.is_single();
        keyed.sort_unstable_by(|(a, x), (b, y)| {
            let by_key = if descending { b.cmp(a) } else { a.cmp(b) };
            by_key.then_with(|| if single { x.cmp(y) } else { self.compare(*x, *y) })
        });
        self.order = keyed.into_iter().map(|(_, at)| at).collect();
    }

    /// A number per entry that orders as the key does: texts by their rank among the distinct ones.
    fn ranks(&self, key: &SortKey) -> Vec<u128> {
        let mut distinct: HashMap<&str, u64> = HashMap::new();
        let cells: Vec<Value<'_>> = self.entries.iter().map(|e| self.value(e, key)).collect();
        for cell in &cells {
            if let Value::Text(t) = cell {
                distinct.insert(t, 0);
            }
        }
        let mut texts: Vec<&str> = distinct.keys().copied().collect();
        texts.sort_unstable_by(|a, b| natural(a, b));
        for (rank, text) in (0_u64..).zip(texts) {
            distinct.insert(text, rank);
        }
        let mut ranks = Vec::with_capacity(cells.len());
        for cell in &cells {
            ranks.push(match cell {
                Value::Text(t) => TEXT_RANK | u128::from(distinct.get(t).copied().unwrap_or_default()),
                Value::Cell(c) => c.rank_key(),
            });
        }
        ranks
    }

    fn value<'a>(&'a self, entry: &'a Entry, key: &SortKey) -> Value<'a> {
        let row = &*entry.row;
        match key {
            SortKey::Namespace => Value::Text(&row.namespace),
            SortKey::Name => Value::Text(&row.name),
            SortKey::Cluster => Value::Text(row.cluster.as_str()),
            SortKey::Kind => Value::Text(self.slot(entry).map_or("", |s| &s.key.kind.kind)),
            SortKey::Label(l) => Value::Text(row.label(l).unwrap_or_default()),
            SortKey::Column(name) => {
                let columns = self.slot(entry).map_or(&[][..], |s| &s.shard.columns);
                match column(columns, name).and_then(|at| row.cells.get(at)) {
                    Some(Cell::Text(t)) => Value::Text(t),
                    Some(cell) => Value::Cell(cell),
                    None => Value::Cell(&Cell::Empty),
                }
            }
        }
    }

    /// Compares two positions by the sort, then by identity.
    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (Some(x), Some(y)) = (self.entries.get(a as usize), self.entries.get(b as usize)) else {
            return a.cmp(&b);
        };
        for (key, descending) in self.sort.keys() {
            let by_key = self.value(x, key).order(&self.value(y, key));
            let by_key = if *descending { by_key.reverse() } else { by_key };
            if by_key != Ordering::Equal {
                return by_key;
            }
        }
        a.cmp(&b)
    }

    /// Judges all rows again; with `narrower`, only those shown now, since no other can pass.
    pub fn filter(&mut self, predicate: &impl RowPredicate, narrower: bool) {
        let slots = std::mem::take(&mut self.slots);
        for entry in &mut self.entries {
            if narrower && !entry.shown {
                continue;
            }
            let columns = slots.get(entry.slot as usize).map_or(&[][..], |s| &s.shard.columns);
            if !narrower {
                entry.contained = predicate.contains(&entry.row, columns);
            }
            entry.shown = entry.contained && predicate.passes(&entry.row, columns);
        }
        self.slots = slots;
        self.recount();
    }

    fn recount(&mut self) {
        self.shown.clear();
        let shown = |at: &u32| self.entries.get(*at as usize).is_some_and(|e| e.shown);
        if self.sort.is_identity() {
            self.shown.extend((0_u32..).zip(&self.entries).filter(|(_, e)| e.shown).map(|(at, _)| at));
        } else {
            self.shown.extend(self.order.iter().copied().filter(shown));
        }
        let contained = self.entries.iter().filter(|e| e.contained);
        self.total = contained.clone().count();
        self.faults = contained.filter(|e| e.row.health.is_fault()).count();
    }

    /// How many rows are shown.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Returns true if no row passes the filter.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// How many rows there are before the filter.
    pub fn total(&self) -> usize {
        self.total
    }

    /// How many of them are faults.
    pub fn faults(&self) -> usize {
        self.faults
    }

    /// Returns the shards the rows come from.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    fn slot(&self, entry: &Entry) -> Option<&Slot> {
        self.slots.get(entry.slot as usize)
    }

    /// The shown row at a place, and its shard.
    pub fn get(&self, place: usize) -> Option<(&Arc<Row>, &Slot)> {
        let entry = self.entries.get(*self.shown.get(place)? as usize)?;
        Some((&entry.row, self.slot(entry)?))
    }

    /// The full key of the shown row at a place.
    pub fn key(&self, place: usize) -> Option<ObjectKey> {
        self.get(place).map(|(row, slot)| row.key(&slot.key.kind))
    }

    /// All shown rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<Row>, &Slot)> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// Where a row is shown, by its identity.
    pub fn place(&self, key: &ObjectKey) -> Option<usize> {
        let wanted: Identity<'_> = (&key.namespace, &key.name, &key.cluster, &key.kind);
        let at = self.entries.binary_search_by(|e| identity(e, &self.slots).cmp(&Some(wanted))).ok()?;
        let at = u32::try_from(at).ok()?;
        if self.sort.is_identity() {
            self.shown.binary_search(&at).ok()
        } else {
            self.shown.iter().position(|p| *p == at)
        }
    }

    /// Where the row is shown that comes next after this one, which is not shown; `None` where nothing tells.
    pub fn near(&self, key: &ObjectKey) -> Option<usize> {
        let wanted: Identity<'_> = (&key.namespace, &key.name, &key.cluster, &key.kind);
        let found = self.entries.binary_search_by(|e| identity(e, &self.slots).cmp(&Some(wanted)));
        let next = match found {
            Ok(at) | Err(at) if self.sort.is_identity() => {
                self.shown.partition_point(|shown| usize::try_from(*shown).is_ok_and(|shown| shown < at))
            }
            Ok(at) => {
                let before = self.order.iter().take_while(|place| usize::try_from(**place) != Ok(at));
                before.filter(|place| self.entries.get(**place as usize).is_some_and(|e| e.shown)).count()
            }
            Err(_) => return None,
        };
        Some(next.min(self.shown.len().saturating_sub(1)))
    }

    /// Says whether the row is there, shown or not.
    pub fn has(&self, key: &ObjectKey) -> bool {
        let wanted: Identity<'_> = (&key.namespace, &key.name, &key.cluster, &key.kind);
        self.entries.binary_search_by(|e| identity(e, &self.slots).cmp(&Some(wanted))).is_ok()
    }

    fn find_entry(&self, row: &Row, slot: u32) -> Option<u32> {
        let kind = &self.slots.get(slot as usize)?.key.kind;
        let wanted: Identity<'_> = (&row.namespace, &row.name, &row.cluster, kind);
        let at = self.entries.binary_search_by(|e| identity(e, &self.slots).cmp(&Some(wanted))).ok()?;
        u32::try_from(at).ok()
    }
}

/// Marks an entry that has gone.
const GONE: u32 = u32::MAX;

/// Where the next entry goes. Positions are `u32`: four thousand million rows do not fit in memory.
fn place_of(entries: &[Entry]) -> u32 {
    u32::try_from(entries.len()).unwrap_or(GONE)
}

fn identity<'a>(entry: &'a Entry, slots: &'a [Slot]) -> Option<Identity<'a>> {
    let slot = slots.get(entry.slot as usize)?;
    Some((&entry.row.namespace, &entry.row.name, &entry.row.cluster, &slot.key.kind))
}

/// Finds a column by its heading.
pub fn column(columns: &[Column], name: &str) -> Option<usize> {
    columns.iter().position(|c| c.name.eq_ignore_ascii_case(name))
}

/// Texts come after every number, as [`Cell::order`] has it.
const TEXT_RANK: u128 = 8 << 124;

enum Value<'a> {
    Text(&'a str),
    Cell(&'a Cell),
}

impl Value<'_> {
    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) if a == b => Ordering::Equal,
            (Self::Text(a), Self::Text(b)) => natural(a, b),
            (Self::Cell(a), Self::Cell(b)) => a.order(b),
            (Self::Text(_), Self::Cell(_)) => Ordering::Greater,
            (Self::Cell(_), Self::Text(_)) => Ordering::Less,
        }
    }
}

enum Difference<'a> {
    Removed(&'a Row),
    Added(&'a Arc<Row>),
    Replaced(&'a Arc<Row>),
}

/// Walks two versions of a shard, both sorted by (namespace, name). Equal pointers are equal rows.
fn compare<'a>(old: &'a [Arc<Row>], new: &'a [Arc<Row>], mut tell: impl FnMut(Difference<'a>)) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let name = |row: &'a Arc<Row>| -> (&'a Text, &'a Text) { (&row.namespace, &row.name) };
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) if Arc::ptr_eq(a, b) => {
                old.next();
                new.next();
                continue;
            }
            (Some(a), Some(b)) => name(a).cmp(&name(b)),
        };
        match order {
            Ordering::Less => old.next().map(|row| tell(Difference::Removed(row))),
            Ordering::Greater => new.next().map(|row| tell(Difference::Added(row))),
            Ordering::Equal => {
                old.next();
                new.next().map(|row| tell(Difference::Replaced(row)))
            }
        };
    }
}
