//! The rows of one shard: changes are folded in as they arrive; the sorted slice that snapshots share
//! is rebuilt only on request.
//!
//! A rebuild copies pointers only, and a changed row: see `a_rebuild_copies_pointers_only`.

use crate::model::object::Row;
use crate::model::text::Text;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Effect of a change on the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing that a screen shows is different.
    Same,
    /// A row was added.
    Added,
    /// At least one row is different.
    Changed,
    /// A row was removed.
    Removed,
}

impl Change {
    /// Returns true if a screen shows the difference.
    pub fn is_visible(self) -> bool {
        self != Self::Same
    }
}

/// Rows of one shard, unique by (namespace, name).
#[derive(Debug, Default)]
pub struct Rows {
    /// Rows as of the last rebuild, sorted.
    base: Arc<[Arc<Row>]>,
    /// Changes since then; `None` is a removal.
    pending: BTreeMap<(Text, Text), Option<Arc<Row>>>,
    /// Lists under way, by namespace (`None`: of all), each in its order.
    lists: BTreeMap<Option<Text>, Vec<Arc<Row>>>,
    /// Lists that were complete once: a later list replaces the rows only at its end.
    complete: BTreeSet<Option<Text>>,
    len: usize,
    faults: usize,
}

impl Rows {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number of rows with a fault, by their kind's health rule.
    pub fn faults(&self) -> usize {
        self.faults
    }

    /// Returns true if the list of this namespace (`None`: the one list of all) was ever complete: an object that is
    /// missing then does not exist.
    pub fn is_complete(&self, namespace: Option<&Text>) -> bool {
        self.complete.contains(&namespace.cloned())
    }

    /// Begins a list or a relist of this namespace, or of all. The rows stay as they are until its end.
    pub fn start(&mut self, namespace: Option<&Text>) {
        self.lists.insert(namespace.cloned(), Vec::new());
    }

    /// Folds in one object, of a list or after it.
    pub fn apply(&mut self, row: Row) -> Change {
        let row = Arc::new(row);
        if let Some((of, list)) = list_of(&mut self.lists, &row.namespace) {
            list.push(Arc::clone(&row));
            // The very first list is shown as it comes: half a table beats none.
            if self.complete.contains(of) {
                return Change::Same;
            }
        }
        self.put(row)
    }

    /// Removes an object, also from a list under way; [`Change::Same`] if there is none.
    pub fn delete(&mut self, namespace: &str, name: &str) -> Change {
        if let Some((_, list)) = list_of(&mut self.lists, namespace) {
            list.retain(|row| !(row.namespace == namespace && row.name == name));
        }
        let Some(old) = self.get(namespace, name).map(Arc::clone) else { return Change::Same };
        self.count(Some(&old), None);
        self.pending.insert((old.namespace.clone(), old.name.clone()), None);
        Change::Removed
    }

    /// Ends the list of this namespace, or of all: objects that it did not return are removed.
    pub fn finish(&mut self, namespace: Option<&Text>) -> Change {
        self.complete.insert(namespace.cloned());
        let Some(mut list) = self.lists.remove(&namespace.cloned()) else { return Change::Same };
        let old = self.rows();
        if let Some(namespace) = namespace {
            list.extend(old.iter().filter(|row| row.namespace != *namespace).map(Arc::clone));
        }
        // Stable, and the last of equals wins: an object can change while it is listed.
        list.sort_by(|a, b| order(a, b));
        list.reverse();
        list.dedup_by(|a, b| order(a, b) == Ordering::Equal);
        list.reverse();
        self.replace(&old, keep_unchanged(&old, list))
    }

    /// Keeps the rows of these namespaces only, and waits for a list of each of them.
    pub fn narrow(&mut self, namespaces: &[Text]) -> Change {
        self.lists.clear();
        self.complete.retain(|of| of.as_ref().is_some_and(|of| namespaces.contains(of)));
        let old = self.rows();
        let kept = old.iter().filter(|row| namespaces.contains(&row.namespace)).map(Arc::clone).collect();
        self.replace(&old, kept)
    }

    fn replace(&mut self, old: &[Arc<Row>], rows: Vec<Arc<Row>>) -> Change {
        let same = old.len() == rows.len() && old.iter().zip(&rows).all(|(a, b)| Arc::ptr_eq(a, b));
        if same {
            return Change::Same;
        }
        self.len = rows.len();
        self.faults = rows.iter().filter(|row| row.health.is_fault()).count();
        self.base = rows.into();
        Change::Changed
    }

    /// Returns the row of an object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Row>> {
        if !self.pending.is_empty()
            && let Some(pending) = self.pending.get(&(Text::new(namespace), Text::new(name)))
        {
            return pending.as_ref();
        }
        let found = self
            .base
            .binary_search_by(|row| row.namespace.as_str().cmp(namespace).then_with(|| row.name.as_str().cmp(name)));
        self.base.get(found.ok()?)
    }

    /// Returns all rows, sorted by (namespace, name). Shared: a second call without a change costs nothing.
    pub fn rows(&mut self) -> Arc<[Arc<Row>]> {
        if !self.pending.is_empty() {
            self.base = merge(&self.base, std::mem::take(&mut self.pending));
        }
        Arc::clone(&self.base)
    }

    fn put(&mut self, row: Arc<Row>) -> Change {
        let old = self.get(&row.namespace, &row.name).map(Arc::clone);
        let change = match &old {
            Some(old) if old.shows_same(&row) => return Change::Same,
            Some(_) => Change::Changed,
            None => Change::Added,
        };
        self.count(old.as_deref(), Some(&row));
        self.pending.insert((row.namespace.clone(), row.name.clone()), Some(row));
        change
    }

    fn count(&mut self, old: Option<&Row>, new: Option<&Row>) {
        let fault = |row: Option<&Row>| usize::from(row.is_some_and(|row| row.health.is_fault()));
        self.len = self.len + usize::from(new.is_some()) - usize::from(old.is_some());
        self.faults = self.faults + fault(new) - fault(old);
    }
}

/// Returns the list under way that an object of this namespace belongs to.
fn list_of<'a>(
    lists: &'a mut BTreeMap<Option<Text>, Vec<Arc<Row>>>,
    namespace: &str,
) -> Option<(&'a Option<Text>, &'a mut Vec<Arc<Row>>)> {
    lists.iter_mut().find(|(of, _)| of.as_ref().is_none_or(|of| of == namespace))
}

fn order(a: &Row, b: &Row) -> Ordering {
    a.namespace.cmp(&b.namespace).then_with(|| a.name.cmp(&b.name))
}

/// Replaces each new row by the old one where a screen would show the same.
fn keep_unchanged(old: &[Arc<Row>], new: Vec<Arc<Row>>) -> Vec<Arc<Row>> {
    let mut old = old.iter().peekable();
    let keep = |row: Arc<Row>| {
        while old.next_if(|candidate| order(candidate, &row) == Ordering::Less).is_some() {}
        match old.peek() {
            Some(same) if order(same, &row) == Ordering::Equal && same.shows_same(&row) => Arc::clone(same),
            _ => row,
        }
    };
    new.into_iter().map(keep).collect()
}

/// Merges sorted rows with the changes since.
fn merge(base: &[Arc<Row>], pending: BTreeMap<(Text, Text), Option<Arc<Row>>>) -> Arc<[Arc<Row>]> {
    let mut rows = Vec::with_capacity(base.len() + pending.len());
    let mut rest = base;
    for ((namespace, name), row) in pending {
        let before = rest.partition_point(|r| (&r.namespace, &r.name) < (&namespace, &name));
        let (kept, after) = rest.split_at(before);
        rows.extend(kept.iter().map(Arc::clone));
        rest = match after.split_first() {
            Some((first, others)) if first.namespace == namespace && first.name == name => others,
            _ => after,
        };
        rows.extend(row);
    }
    rows.extend(rest.iter().map(Arc::clone));
    rows.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cell::Cell;
    use crate::model::cluster::ClusterName;
    use crate::model::health::Health;
    use proptest::prelude::*;

    fn row(namespace: &str, name: &str, value: i64) -> Row {
        Row {
            cluster: ClusterName::new("c"),
            namespace: Text::new(namespace),
            name: Text::new(name),
            uid: Text::default(),
            version: Text::new(value.to_string()),
            created: None,
            cells: Box::new([Cell::Int(value)]),
            health: if value % 2 == 0 { Health::Healthy } else { Health::Failed(Text::new("odd")) },
            labels: Arc::from(""),
            owner: None,
        }
    }

    fn shown(rows: &mut Rows) -> Vec<(String, String, Cell)> {
        rows.rows().iter().map(|r| (r.namespace.to_string(), r.name.to_string(), r.cells[0].clone())).collect()
    }

    #[derive(Debug, Clone)]
    enum Step {
        Apply(u8, i64),
        Delete(u8),
        Relist(Vec<(u8, i64)>),
        Rebuild,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..40_u8, 0..4_i64).prop_map(|(k, v)| Step::Apply(k, v)),
            3 => (0..40_u8).prop_map(Step::Delete),
            1 => prop::collection::vec((0..40_u8, 0..4_i64), 0..30).prop_map(Step::Relist),
            1 => Just(Step::Rebuild),
        ]
    }

    fn place(key: u8) -> (String, String) {
        (format!("ns{}", key % 3), format!("pod-{key}"))
    }

    proptest! {
        #[test]
        fn the_index_equals_a_naive_map_after_any_sequence(steps in prop::collection::vec(step(), 0..80)) {
            let mut rows = Rows::default();
            let mut naive: BTreeMap<(String, String), i64> = BTreeMap::new();
            rows.start(None);
            rows.finish(None);
            for step in steps {
                let before = shown(&mut rows);
                let visible = match step {
                    Step::Apply(key, value) => {
                        let (ns, name) = place(key);
                        naive.insert((ns.clone(), name.clone()), value);
                        rows.apply(row(&ns, &name, value)).is_visible()
                    }
                    Step::Delete(key) => {
                        let (ns, name) = place(key);
                        naive.remove(&(ns.clone(), name.clone()));
                        rows.delete(&ns, &name).is_visible()
                    }
                    Step::Relist(list) => {
                        naive = list.iter().map(|(k, v)| (place(*k), *v)).collect();
                        rows.start(None);
                        for (key, value) in list {
                            let (ns, name) = place(key);
                            prop_assert!(!rows.apply(row(&ns, &name, value)).is_visible());
                        }
                        prop_assert_eq!(&before, &shown(&mut rows));
                        rows.finish(None).is_visible()
                    }
                    Step::Rebuild => { drop(rows.rows()); false }
                };
                let expected: Vec<_> =
                    naive.iter().map(|((ns, name), v)| (ns.clone(), name.clone(), Cell::Int(*v))).collect();
                prop_assert_eq!(rows.len(), naive.len());
                prop_assert_eq!(rows.faults(), naive.values().filter(|v| *v % 2 != 0).count());
                let after = shown(&mut rows);
                prop_assert_eq!(&after, &expected);
                prop_assert_eq!(visible, before != after);
            }
        }
    }

    #[test]
    fn the_first_list_is_shown_as_it_comes_and_a_later_one_when_complete() {
        let mut rows = Rows::default();
        rows.start(None);
        assert_eq!(rows.apply(row("a", "one", 0)), Change::Added);
        assert_eq!(rows.rows().len(), 1);
        // The stream broke and lists again: what came stays, what is gone goes at the end.
        rows.start(None);
        assert_eq!(rows.apply(row("a", "two", 0)), Change::Added);
        assert_eq!(rows.rows().len(), 2);
        assert_eq!(rows.finish(None), Change::Changed);
        assert_eq!(rows.rows().len(), 1);
        rows.start(None);
        assert_eq!(rows.rows().len(), 1);
        assert_eq!(rows.finish(None), Change::Changed);
        assert!(rows.is_empty());
    }

    #[test]
    fn a_list_of_one_namespace_leaves_the_others_alone() {
        let mut rows = Rows::default();
        let (a, b) = (Text::new("a"), Text::new("b"));
        rows.start(Some(&a));
        rows.start(Some(&b));
        rows.apply(row("a", "one", 0));
        rows.apply(row("b", "two", 0));
        rows.finish(Some(&a));
        assert!(rows.is_complete(Some(&a)) && !rows.is_complete(Some(&b)));
        rows.finish(Some(&b));
        rows.start(Some(&a));
        assert_eq!(rows.finish(Some(&a)), Change::Changed);
        assert_eq!(shown(&mut rows), [("b".to_owned(), "two".to_owned(), Cell::Int(0))]);
        assert_eq!(rows.narrow(&[a]), Change::Changed);
        assert!(rows.is_empty());
    }

    #[test]
    fn an_unchanged_object_keeps_its_row() {
        let mut rows = Rows::default();
        rows.start(None);
        rows.apply(row("a", "one", 0));
        rows.finish(None);
        let before = rows.rows();
        let mut same = row("a", "one", 0);
        same.version = Text::new("99");
        assert_eq!(rows.apply(same.clone()), Change::Same);
        rows.start(None);
        rows.apply(same);
        assert_eq!(rows.finish(None), Change::Same);
        assert!(Arc::ptr_eq(&before, &rows.rows()));
    }

    #[test]
    fn a_rebuild_copies_pointers_only() {
        let mut rows = Rows::default();
        rows.start(None);
        for n in 0..1_000 {
            rows.apply(row("ns", &format!("pod-{n:05}"), 0));
        }
        rows.finish(None);
        for n in [0, 500, 999] {
            let held = rows.rows();
            rows.apply(row("ns", &format!("pod-{n:05}"), 1));
            let rebuilt = rows.rows();
            assert_eq!(rebuilt.len(), held.len());
            let other = |&at: &usize| !Arc::ptr_eq(&held[at], &rebuilt[at]);
            assert_eq!((0..held.len()).filter(other).collect::<Vec<_>>(), [n]);
            assert!(Arc::ptr_eq(&rebuilt, &rows.rows()), "without a change nothing is rebuilt");
        }
    }
}
