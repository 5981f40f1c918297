use super::{Merged, RowPredicate, Slot};
use crate::model::cell::{Cell, Column};
use crate::model::cluster::ClusterName;
use crate::model::object::Row;
use crate::model::time::UnixSeconds;
use crate::protocol::{Revision, ShardKey};
use crate::views::filter::Filter;
use crate::views::fixture::{NOW, pod, pods, shard};
use crate::views::sort::{Sort, SortKey};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Shows all, or what a filter passes.
struct By(Filter);

impl RowPredicate for By {
    fn contains(&self, row: &Row, _: &[Column]) -> bool {
        row.namespace != "hidden"
    }

    fn passes(&self, row: &Row, columns: &[Column]) -> bool {
        self.0.passes(row, columns, NOW)
    }
}

fn by(filter: &str) -> By {
    By(Filter::parse(filter).unwrap())
}

fn columns() -> Arc<[Column]> {
    Arc::from([Column::new("N"), Column::new("TEXT"), Column::new("AGE")])
}

type Objects = BTreeMap<(u8, u8), u8>;

/// Rows of one cluster; those equal to the last version are the same allocation, as the engine has it.
fn rows(cluster: &str, objects: &Objects, before: &[Arc<Row>]) -> Vec<Arc<Row>> {
    let row = |((namespace, name), value): (&(u8, u8), &u8)| {
        let namespace = if *namespace == 3 { "hidden".to_owned() } else { format!("ns{namespace}") };
        let base = pod(cluster, (&namespace, &format!("pod-{name}"), "Running", 0, 0));
        let cells = [
            Cell::Int(i64::from(*value)),
            if value % 3 == 0 { Cell::None } else { Cell::text(&format!("t{}", value % 12)) },
            Cell::Since(UnixSeconds(i64::from(value % 4))),
        ];
        let row = Row { cells: Box::from(cells), ..Row::clone(&base) };
        before.iter().find(|old| ***old == row).map_or_else(|| Arc::new(row), Arc::clone)
    };
    objects.iter().map(row).collect()
}

/// What the index must show, the simplest way.
fn naive(slots: &[Slot], predicate: &By, sort: &Sort) -> Vec<(String, String, String)> {
    let mut all: Vec<(&Row, &Slot)> =
        slots.iter().flat_map(|slot| slot.shard.rows.iter().map(move |row| (&**row, slot))).collect();
    all.retain(|(row, slot)| {
        predicate.contains(row, &slot.shard.columns) && predicate.passes(row, &slot.shard.columns)
    });
    all.sort_by(|(a, _), (b, _)| (&a.namespace, &a.name, &a.cluster).cmp(&(&b.namespace, &b.name, &b.cluster)));
    for (key, descending) in sort.keys().iter().rev() {
        all.sort_by(|(a, _), (b, _)| {
            let order = match key {
                SortKey::Name => crate::model::cell::natural(&a.name, &b.name),
                SortKey::Column(name) => {
                    let at = columns().iter().position(|c| c.name == *name).unwrap();
                    a.cells[at].order(&b.cells[at])
                }
                SortKey::Namespace | SortKey::Cluster | SortKey::Kind | SortKey::Label(_) => unreachable!(),
            };
            if *descending { order.reverse() } else { order }
        });
    }
    all.iter().map(|(row, _)| triple(row)).collect()
}

fn triple(row: &Row) -> (String, String, String) {
    (row.namespace.to_string(), row.name.to_string(), row.cluster.to_string())
}

fn any_sort() -> impl Strategy<Value = Sort> {
    let key = prop_oneof![
        Just(SortKey::Name),
        Just(SortKey::Column("N".into())),
        Just(SortKey::Column("TEXT".into())),
        Just(SortKey::Column("AGE".into())),
    ];
    proptest::collection::vec((key, any::<bool>()), 0..3)
        .prop_map(|keys| keys.into_iter().fold(Sort::default(), |sort, (key, down)| sort.then(key, down)))
}

#[derive(Debug, Clone)]
enum Step {
    /// A cluster has these objects now; none: the cluster leaves the view.
    Set(u8, Option<Objects>),
    Sort(Sort),
    Filter(&'static str),
}

fn any_step() -> impl Strategy<Value = Step> {
    let objects = proptest::collection::btree_map((0_u8..4, 0_u8..8), 0_u8..30, 0..12);
    prop_oneof![
        6 => (0_u8..3, proptest::option::weighted(0.9, objects)).prop_map(|(c, o)| Step::Set(c, o)),
        1 => any_sort().prop_map(Step::Sort),
        1 => prop::sample::select(vec!["", "t1", "!pod-3", "n>10", "t"]).prop_map(Step::Filter),
    ]
}

proptest! {
    #[test]
    fn after_any_sequence_the_index_is_what_a_plain_sort_shows(steps in proptest::collection::vec(any_step(), 1..20)) {
        let mut merged = Merged::default();
        let mut predicate = by("");
        let mut slots: BTreeMap<u8, Slot> = BTreeMap::new();
        for (revision, step) in (1..).zip(steps) {
            match step {
                Step::Set(cluster, None) => {
                    slots.remove(&cluster);
                }
                Step::Set(cluster, Some(objects)) => {
                    let name = format!("c{cluster}");
                    let before = slots.get(&cluster).map_or_else(|| Arc::from([]), |s| Arc::clone(&s.shard.rows));
                    let mut new = shard(columns(), rows(&name, &objects, &before));
                    new.revision = Revision(revision);
                    let key = ShardKey { cluster: ClusterName::new(&name), kind: pods(), selector: "".into() };
                    slots.insert(cluster, Slot { key, shard: Arc::new(new) });
                }
                Step::Sort(sort) => merged.sort_by(sort),
                Step::Filter(filter) => {
                    let narrower = by(filter).0.narrows(&predicate.0);
                    predicate = by(filter);
                    merged.filter(&predicate, narrower);
                }
            }
            let now: Vec<Slot> = slots.values().cloned().collect();
            merged.update(now.clone(), &predicate);
            let shown: Vec<_> = merged.iter().map(|(row, _)| triple(row)).collect();
            let sort = merged.sort().clone();
            prop_assert_eq!(&shown, &naive(&now, &predicate, &sort));
            let total = now.iter().flat_map(|s| s.shard.rows.iter()).filter(|r| r.namespace != "hidden").count();
            prop_assert_eq!(merged.total(), total);
            for place in 0..merged.len() {
                prop_assert_eq!(merged.place(&merged.key(place).unwrap()), Some(place));
            }
        }
    }
}

#[test]
fn the_same_shards_again_change_nothing() {
    let objects = Objects::from([((0, 1), 1), ((1, 1), 2)]);
    let key = ShardKey { cluster: ClusterName::new("c"), kind: pods(), selector: "".into() };
    let slot = Slot { key, shard: Arc::new(shard(columns(), rows("c", &objects, &[]))) };
    let mut merged = Merged::default();
    assert!(merged.update(vec![slot.clone()], &by("")));
    assert!(!merged.update(vec![slot], &by("")));
}
