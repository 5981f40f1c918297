//! Hand-made snapshots for tests of the screen: a small fleet with every kind of trouble.

use crate::model::cell::{Cell, Column};
use crate::model::cluster::{Cluster, ClusterEntry, ClusterName, ClusterState, Costs, Facts, Source};
use crate::model::health::Health;
use crate::model::kind::{Catalog, Kind, KindId};
use crate::model::object::{Owner, Row};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::{Request, Resolution, Revision, Shard, ShardKey, ShardState, Snapshot, ViewId};
use crate::views::keymap::{Action, Code, Key};
use crate::views::msg::Effect;
use crate::views::theme::Theme;
use crate::views::theme_named;
use crate::views::view::{Input, Reply, RequestIds, View, ViewContext};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The time in all fixtures: 2026-11-21T14:02:31Z.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_795_269_751);

/// A snapshot being put together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fleet {
    clusters: BTreeMap<ClusterName, Arc<Cluster>>,
    shards: BTreeMap<ShardKey, Arc<Shard>>,
    resolutions: BTreeMap<ViewId, Arc<BTreeMap<ClusterName, Resolution>>>,
    revision: u64,
}

impl Fleet {
    /// Adds a cluster.
    pub(crate) fn cluster(mut self, name: &str, state: ClusterState) -> Self {
        let cluster = cluster(name, state);
        self.clusters.insert(cluster.entry.name.clone(), Arc::new(cluster));
        self
    }

    /// Puts rows into a cluster's shard of a kind, and shows it in a view.
    pub(crate) fn rows(mut self, view: ViewId, name: &str, kind: &KindId, shard: Shard) -> Self {
        let cluster = ClusterName::new(name);
        let key = ShardKey { cluster: cluster.clone(), kind: kind.clone(), selector: Text::default() };
        self.revision += 1;
        let shard = Shard { revision: Revision(self.revision), ..shard };
        self.shards.insert(key.clone(), Arc::new(shard));
        self.resolve(view, name, Resolution::Shards(Arc::from([key])))
    }

    /// Says what became of the view's interest in a cluster.
    pub(crate) fn resolve(mut self, view: ViewId, name: &str, resolution: Resolution) -> Self {
        let by_cluster = self.resolutions.entry(view).or_default();
        Arc::make_mut(by_cluster).insert(ClusterName::new(name), resolution);
        self
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            revision: Revision(self.revision + 1),
            at: NOW,
            clusters: Arc::new(self.clusters.clone()),
            shards: Arc::new(self.shards.clone()),
            resolutions: Arc::new(self.resolutions.clone()),
            ..Snapshot::default()
        })
    }
}

/// A cluster with plausible facts.
pub(crate) fn cluster(name: &str, state: ClusterState) -> Cluster {
    let live = matches!(state, ClusterState::Live | ClusterState::Stale { .. });
    let facts = Facts {
        version: Text::const_new("v1.35.2"),
        nodes_ready: Some(12),
        nodes_total: Some(12),
        pods_total: Some(480),
        pods_unhealthy: Some(0),
        warnings: Some(3),
        latencies_ms: [12, 14, 18, 90, 20, 16].into(),
        ..Facts::default()
    };
    Cluster {
        entry: Arc::new(ClusterEntry {
            context: Some(Text::new(name)),
            sources: vec![Source::Kubeconfig { file: "/home/ada/.kube/config".into(), context: Text::new(name) }],
            server: Text::from(format!("https://{name}.example:6443")),
            groups: name.split('-').next().map(Text::new).into_iter().collect(),
            namespace: Text::const_new("default"),
            ..ClusterEntry::new(ClusterName::new(name))
        }),
        state,
        facts: if live { facts } else { Facts::default() },
        costs: Costs::default(),
        catalog: if live { catalog() } else { Catalog::default() },
    }
}

fn catalog() -> Catalog {
    let kind = |group: &str, kind: &str, plural: &str, short: &str, namespaced| Kind {
        id: KindId::new(group, kind),
        version: Text::const_new("v1"),
        plural: Text::new(plural),
        singular: Text::new(kind.to_lowercase()),
        short_names: vec![Text::new(short)],
        categories: Vec::new(),
        namespaced,
        verbs: ["get", "list", "watch", "patch", "delete"].map(Text::const_new).to_vec(),
    };
    let kinds = Arc::from([
        kind("", "Pod", "pods", "po", true),
        kind("", "Node", "nodes", "no", false),
        kind("", "Namespace", "namespaces", "ns", false),
        kind("", "Event", "events", "ev", true),
        kind("apps", "Deployment", "deployments", "deploy", true),
        kind("apps", "ReplicaSet", "replicasets", "rs", true),
    ]);
    Catalog { kinds, ..Catalog::default() }
}

pub(crate) fn pods() -> KindId {
    KindId::new("", "Pod")
}

/// The columns of pods.
pub(crate) fn pod_columns() -> Arc<[Column]> {
    Arc::from([
        Column::new("READY").right(),
        Column::new("STATUS"),
        Column::new("RESTARTS").right(),
        Column::new("AGE").right(),
        Column::wide("IP"),
        Column::wide("NODE"),
    ])
}

/// A pod: (namespace, name, status, restarts, age in seconds).
pub(crate) type Pod<'a> = (&'a str, &'a str, &'a str, u32, i64);

pub(crate) fn pod(cluster: &str, (namespace, name, status, restarts, age): Pod<'_>) -> Arc<Row> {
    let health = match status {
        "Running" | "Completed" => Health::Healthy,
        "ContainerCreating" | "Pending" => Health::Progressing,
        other => Health::Failed(Text::new(other)),
    };
    let have = u32::from(status == "Running");
    let created = UnixSeconds(NOW.0 - age);
    Arc::new(Row {
        cluster: ClusterName::new(cluster),
        namespace: Text::new(namespace),
        name: Text::new(name),
        uid: Text::from(format!("{cluster}/{namespace}/{name}")),
        version: Text::const_new("1"),
        created: Some(created),
        cells: Box::from([
            Cell::Ratio { have, want: 1 },
            Cell::text(status),
            Cell::Restarts { count: restarts, last: None },
            Cell::Since(created),
            Cell::text("10.0.0.7"),
            Cell::text("n-14"),
        ]),
        health,
        labels: Arc::from(format!("app={}", name.split('-').next().unwrap_or_default())),
        owner: Some(Arc::new(Owner {
            kind: KindId::new("apps", "ReplicaSet"),
            name: Text::new(name),
            uid: Text::const_new("rs"),
        })),
    })
}

/// A live shard of these rows, which are sorted here.
pub(crate) fn shard(columns: Arc<[Column]>, mut rows: Vec<Arc<Row>>) -> Shard {
    rows.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    Shard { revision: Revision(0), state: ShardState::Live, only: None, columns, rows: Arc::from(rows) }
}

pub(crate) fn pod_shard(cluster: &str, list: &[Pod<'_>]) -> Shard {
    shard(pod_columns(), list.iter().map(|p| pod(cluster, *p)).collect())
}

/// Deployments: (namespace, name, selector).
pub(crate) fn deployment_shard(cluster: &str, list: &[(&str, &str, &str)]) -> Shard {
    let columns = Arc::from([Column::new("READY").right(), Column::new("AGE").right(), Column::wide("SELECTOR")]);
    let row = |(namespace, name, selector): &(&str, &str, &str)| {
        let cells = [Cell::Ratio { have: 1, want: 1 }, Cell::Since(NOW), Cell::text(selector)];
        let pod = pod(cluster, (namespace, name, "Running", 0, 0));
        Arc::new(Row { cells: Box::from(cells), owner: None, ..Row::clone(&pod) })
    };
    shard(columns, list.iter().map(row).collect())
}

/// The surroundings of a view on a screen of its own.
pub(crate) fn context<'a>(
    snapshot: &'a Snapshot,
    theme: &'a Theme,
    (columns, rows): (u16, u16),
    ids: &'a RequestIds,
) -> ViewContext<'a> {
    ViewContext { snapshot, theme, now: NOW, area: Rect::new(0, 0, columns, rows), ids, process_bytes: None }
}

/// Draws a view on a screen of its own.
pub(crate) fn drawn(view: &dyn View, snapshot: &Snapshot, (columns, rows): (u16, u16), theme: &str) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    view.draw(&mut buffer, &context(snapshot, &theme_named(theme), (columns, rows), &RequestIds::from(1)));
    buffer
}

/// Gives a view an action, as a key that types nothing does.
pub(crate) fn act(view: &mut dyn View, action: Action, snapshot: &Snapshot, ids: &RequestIds) -> Reply {
    let input = Input { action: Some(action), key: Key::plain(Code::Insert) };
    view.update(input, &context(snapshot, &theme_named("mono"), (80, 24), ids))
}

/// The requests among a reply's effects.
pub(crate) fn requests(reply: Reply) -> Vec<Request> {
    let sent = reply.effects.into_iter();
    sent.filter_map(|effect| if let Effect::Send(request) = effect { Some(request) } else { None }).collect()
}
