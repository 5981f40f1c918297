//! A simulated cluster behind the port: objects, a log of changes, and the faults of real ones.

use super::write::Writes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt as _};
use parking_lot::Mutex;
use quarterdeck::engine::cluster::{Answer, ClusterError, ClusterReader, Identity, Probe, Query, WatchItem, WatchSpec};
use quarterdeck::model::cell::{Cell, Column};
use quarterdeck::model::cluster::ClusterName;
use quarterdeck::model::document::Aspect;
use quarterdeck::model::health::Health;
use quarterdeck::model::kind::{Catalog, Kind, KindId};
use quarterdeck::model::logs::LogSource;
use quarterdeck::model::object::{ObjectKey, Row};
use quarterdeck::model::text::Text;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// (group, kind, plural, namespaced) of what every simulated cluster serves.
const KINDS: &[(&str, &str, &str, bool)] = &[
    ("", "Pod", "pods", true),
    ("", "Node", "nodes", false),
    ("", "Event", "events", true),
    ("", "ConfigMap", "configmaps", true),
    ("", "Secret", "secrets", true),
    ("apps", "Deployment", "deployments", true),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", false),
];

/// The custom kind a definition of this name brings.
pub(crate) const WIDGETS: &str = "widgets.sim.dev";

/// How the way to the cluster is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Way {
    #[default]
    Open,
    /// Refused at once; what is open is cut.
    Refused,
    /// Packets vanish: calls hang, watches are silent.
    Silent,
}

/// (namespace, name).
pub(crate) type Place = (Text, Text);

/// The state of one cluster.
#[derive(Debug, Default)]
pub(crate) struct Sim {
    pub(crate) way: Way,
    pub(crate) latency: Duration,
    pub(crate) unauthorized: bool,
    /// The probe and the calls panic: a bug of ours.
    pub(crate) panics: bool,
    /// Kinds that may not be listed in all namespaces at once.
    pub(crate) denied_wide: BTreeSet<KindId>,
    /// Kinds that may not be listed at all.
    pub(crate) denied: BTreeSet<KindId>,
    /// Kinds that may be listed and not watched.
    pub(crate) unwatched: BTreeSet<KindId>,
    /// Every call fails with a 500.
    pub(crate) broken: bool,
    /// The next lists break off after this many objects.
    pub(crate) half_lists: u32,
    pub(crate) objects: BTreeMap<KindId, BTreeMap<Place, u64>>,
    pub(crate) logs: Vec<Text>,
    pub(crate) writes: Writes,
    revision: u64,
    /// Changes, oldest first: (revision, kind, place, value or deleted).
    log: VecDeque<(u64, KindId, Place, Option<u64>)>,
    /// Watches from before this revision are told 410.
    compacted: u64,
    /// Watches that began before this cut end with an error.
    cuts: u64,
    pub(crate) connects: u32,
    pub(crate) calls: u32,
    pub(crate) watches: i64,
}

impl Sim {
    pub(crate) fn put(&mut self, kind: &KindId, namespace: &str, name: &str, value: u64) {
        let place = (Text::new(namespace), Text::new(name));
        let is_new = self.objects.entry(kind.clone()).or_default().insert(place.clone(), value).is_none();
        if is_new {
            self.writes.born(kind, &place);
        }
        self.note(kind, place, Some(value));
    }

    pub(crate) fn delete(&mut self, kind: &KindId, namespace: &str, name: &str) {
        let place = (Text::new(namespace), Text::new(name));
        if self.objects.get_mut(kind).is_some_and(|objects| objects.remove(&place).is_some()) {
            self.writes.gone(kind, &place);
            self.note(kind, place, None);
        }
    }

    pub(super) fn note(&mut self, kind: &KindId, place: Place, value: Option<u64>) {
        self.revision += 1;
        self.writes.touched(kind, &place);
        self.log.push_back((self.revision, kind.clone(), place, value));
    }

    /// What happened before now is forgotten: watches behind must list again.
    pub(crate) fn compact(&mut self) {
        self.revision += 1;
        self.compacted = self.revision;
        self.log.clear();
    }

    /// Open watches break.
    pub(crate) fn cut(&mut self) {
        self.cuts += 1;
    }

    /// Nothing is broken any more.
    pub(crate) fn heal(&mut self) {
        self.way = Way::Open;
        self.latency = Duration::ZERO;
        self.unauthorized = false;
        self.panics = false;
        self.broken = false;
        self.half_lists = 0;
        self.denied.clear();
        self.denied_wide.clear();
        self.unwatched.clear();
    }

    fn catalog(&self) -> Catalog {
        let mut kinds: Vec<Kind> = KINDS.iter().map(|(g, k, p, n)| kind(g, k, p, *n)).collect();
        let crds = self.objects.get(&crd()).is_some_and(|crds| crds.keys().any(|(_, name)| name == WIDGETS));
        if crds {
            kinds.push(kind("sim.dev", "Widget", "widgets", true));
        }
        Catalog { kinds: kinds.into(), failed_groups: Arc::default() }
    }
}

pub(crate) fn pod() -> KindId {
    KindId::new("", "Pod")
}

pub(crate) fn crd() -> KindId {
    KindId::new("apiextensions.k8s.io", "CustomResourceDefinition")
}

pub(crate) fn kind(group: &str, kind: &str, plural: &str, namespaced: bool) -> Kind {
    Kind {
        id: KindId::new(group, kind),
        version: Text::const_new("v1"),
        plural: Text::new(plural),
        singular: Text::new(kind.to_lowercase()),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        verbs: ["get", "list", "watch", "delete", "patch"].map(Text::const_new).to_vec(),
    }
}

/// A handle on one simulated cluster; clones are the same cluster.
#[derive(Debug, Clone)]
pub(crate) struct SimCluster {
    pub(crate) name: ClusterName,
    sim: Arc<Mutex<Sim>>,
    changes: watch::Sender<u64>,
}

impl SimCluster {
    pub(crate) fn new(name: &str) -> Self {
        let mut sim = Sim::default();
        sim.put(&KindId::new("", "Node"), "", "n-1", 0);
        for n in 0..3_u64 {
            sim.put(&pod(), &format!("ns-{}", n % 2), &format!("pod-{n}"), n);
        }
        Self { name: ClusterName::new(name), sim: Arc::new(Mutex::new(sim)), changes: watch::channel(0).0 }
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Sim) -> T) -> T {
        let result = change(&mut self.sim.lock());
        self.changes.send_modify(|n| *n += 1);
        result
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Sim) -> T) -> T {
        look(&self.sim.lock())
    }

    pub(crate) fn note_connect(&self) {
        self.sim.lock().connects += 1;
    }

    /// One call over the wire: latency, partition, and what the server thinks of us.
    pub(crate) async fn call<T>(
        &self,
        answer: impl FnOnce(&mut Sim) -> Result<T, ClusterError>,
    ) -> Result<T, ClusterError> {
        let latency = self.look(|sim| sim.latency);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if self.look(|sim| sim.way == Way::Silent) {
            std::future::pending::<()>().await;
        }
        let mut sim = self.sim.lock();
        sim.calls += 1;
        sim.gate()?;
        answer(&mut sim)
    }
}

impl Sim {
    fn gate(&self) -> Result<(), ClusterError> {
        assert!(!self.panics, "a bug, as simulated");
        if self.way == Way::Refused {
            return Err(ClusterError::Unreachable(Text::const_new("connection refused")));
        }
        if self.unauthorized {
            return Err(ClusterError::AuthNeeded(Text::const_new("log in again")));
        }
        if self.broken {
            return Err(ClusterError::Failed(Text::const_new("500 internal server error")));
        }
        Ok(())
    }

    fn may_list(&self, spec: &WatchSpec) -> Result<(), ClusterError> {
        self.gate()?;
        let served = self.catalog().get(&spec.kind.id).is_some();
        if !served {
            return Err(ClusterError::NotFound(Text::const_new("the server could not find the requested resource")));
        }
        let wide = spec.namespaces.is_none() && self.denied_wide.contains(&spec.kind.id);
        if wide || self.denied.contains(&spec.kind.id) {
            return Err(ClusterError::Denied(compact_str::format_compact!("{} is forbidden", spec.kind.plural)));
        }
        Ok(())
    }
}

fn columns(kind: &KindId) -> Arc<[Column]> {
    match kind.kind.as_str() {
        "Event" => [Column::new("LAST SEEN"), Column::new("OBJECT")].into(),
        _ => [Column::new("STATUS"), Column::new("VALUE").right()].into(),
    }
}

/// The row of one object, as the adapter would project it.
pub(crate) fn row(cluster: &ClusterName, kind: &KindId, (namespace, name): &Place, value: u64) -> Row {
    let bad = value % 7 == 6;
    let status = if bad { "Broken" } else { "Ready" };
    let number = i64::try_from(value).unwrap_or(i64::MAX);
    let cells: Box<[Cell]> = match kind.kind.as_str() {
        "Event" => {
            Box::new([Cell::Since(quarterdeck::model::time::UnixSeconds(number)), Cell::text(&format!("pod/{name}"))])
        }
        _ => Box::new([Cell::text(status), Cell::Int(number)]),
    };
    Row {
        cluster: cluster.clone(),
        namespace: namespace.clone(),
        name: name.clone(),
        uid: compact_str::format_compact!("{namespace}/{name}"),
        version: compact_str::format_compact!("{value}"),
        created: None,
        cells,
        health: if bad { Health::Failed(Text::const_new("Broken")) } else { Health::Healthy },
        labels: Arc::from(""),
        owner: None,
    }
}

/// Where a simulated watch stands.
#[derive(Debug)]
enum Phase {
    List,
    Sending {
        rest: VecDeque<(Place, u64)>,
        from: u64,
        broken_after: Option<u32>,
    },
    Watch {
        from: u64,
        cuts: u64,
    },
    /// It may not be watched, and is listed again then.
    Rest {
        until: Instant,
    },
}

struct Open {
    cluster: SimCluster,
    spec: WatchSpec,
    phase: Phase,
    /// It was told that it may not be watched.
    unwatched: bool,
    changes: watch::Receiver<u64>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.cluster.sim.lock().watches -= 1;
    }
}

impl Open {
    fn wants(&self, kind: &KindId, place: &Place) -> bool {
        let named = self.spec.namespaces.as_ref().is_none_or(|only| only.contains(&place.0));
        self.spec.kind.id == *kind && named
    }

    async fn next(&mut self) -> Result<WatchItem, ClusterError> {
        loop {
            if let Phase::Rest { until } = self.phase {
                tokio::time::sleep_until(until).await;
                self.phase = Phase::List;
            }
            let latency = self.cluster.look(|sim| sim.latency);
            if !latency.is_zero() && matches!(self.phase, Phase::List) {
                tokio::time::sleep(latency).await;
            }
            if self.cluster.look(|sim| sim.way == Way::Silent) {
                if matches!(self.phase, Phase::Watch { .. }) {
                    self.changes.changed().await.ok();
                    continue;
                }
                // Half a connect timeout each, as a client would give up.
                tokio::time::sleep(Duration::from_secs(5)).await;
                self.phase = Phase::List;
                return Err(ClusterError::Unreachable(Text::const_new("connect timed out")));
            }
            self.changes.mark_unchanged();
            if let Some(item) = self.step()? {
                return Ok(item);
            }
            if matches!(self.phase, Phase::Rest { .. }) {
                continue;
            }
            self.changes.changed().await.ok();
        }
    }

    /// What is there now, if anything.
    fn step(&mut self) -> Result<Option<WatchItem>, ClusterError> {
        let cluster = self.cluster.clone();
        let mut sim = cluster.sim.lock();
        let namespace = self.spec.namespaces.as_ref().and_then(|only| only.first().cloned());
        match &mut self.phase {
            Phase::List => {
                sim.calls += 1;
                sim.may_list(&self.spec)?;
                let kind = &self.spec.kind.id;
                let objects = sim.objects.get(kind).into_iter().flatten();
                let only = self.spec.namespaces.as_ref();
                let named = objects.filter(|(place, _)| only.is_none_or(|only| only.contains(&place.0)));
                let rest: VecDeque<_> = named.map(|(place, value)| (place.clone(), *value)).collect();
                let expected = u32::try_from(rest.len()).ok();
                let broken_after = (sim.half_lists > 0).then_some(1);
                sim.half_lists = sim.half_lists.saturating_sub(1);
                self.phase = Phase::Sending { rest, from: sim.revision, broken_after };
                Ok(Some(WatchItem::Started { namespace, columns: columns(kind), expected }))
            }
            Phase::Sending { broken_after: Some(0), .. } => {
                self.phase = Phase::List;
                Err(ClusterError::Failed(Text::const_new("unexpected end of file")))
            }
            Phase::Sending { rest, from, broken_after } => {
                if let Err(error) = sim.gate() {
                    self.phase = Phase::List;
                    return Err(error);
                }
                if let Some((place, value)) = rest.pop_front() {
                    *broken_after = broken_after.map(|n| n - 1);
                    let row = Box::new(row(&cluster.name, &self.spec.kind.id, &place, value));
                    return Ok(Some(WatchItem::Applied { row, bytes: 100 }));
                }
                self.phase = Phase::Watch { from: *from, cuts: sim.cuts };
                Ok(Some(WatchItem::Listed { namespace }))
            }
            Phase::Rest { .. } => Ok(None),
            Phase::Watch { cuts, .. } => {
                if *cuts < sim.cuts {
                    *cuts = sim.cuts;
                    return Err(ClusterError::Failed(Text::const_new("the watch was cut")));
                }
                sim.gate()?;
                let denied = sim.unwatched.contains(&self.spec.kind.id);
                if denied {
                    self.phase = Phase::Rest { until: Instant::now() + Duration::from_secs(30) };
                }
                if std::mem::replace(&mut self.unwatched, denied) != denied {
                    let denied = denied.then(|| compact_str::format_compact!("cannot watch {}", self.spec.kind.plural));
                    return Ok(Some(WatchItem::Watching { namespace, denied }));
                }
                let Phase::Watch { from, .. } = &mut self.phase else { return Ok(None) };
                if *from < sim.compacted {
                    self.phase = Phase::List;
                    return Err(ClusterError::Expired);
                }
                let from = *from;
                let found = sim.log.iter().find(|(at, kind, place, _)| *at > from && self.wants(kind, place)).cloned();
                let Some((at, kind, place, value)) = found else { return Ok(None) };
                if let Phase::Watch { from, .. } = &mut self.phase {
                    *from = at;
                }
                Ok(Some(match value {
                    Some(value) => {
                        WatchItem::Applied { row: Box::new(row(&cluster.name, &kind, &place, value)), bytes: 100 }
                    }
                    None => WatchItem::Deleted { namespace: place.0, name: place.1 },
                }))
            }
        }
    }
}

impl ClusterReader for SimCluster {
    fn probe(&self) -> BoxFuture<'_, Result<Probe, ClusterError>> {
        Box::pin(async move {
            let latency = self.look(|sim| sim.latency);
            self.call(|_| Ok(Probe { latency, version: Some(Text::const_new("v1.35.0")), expiry: None })).await
        })
    }

    fn identify(&self) -> BoxFuture<'_, Result<Identity, ClusterError>> {
        let uid = compact_str::format_compact!("uid-{}", self.name);
        Box::pin(self.call(|_| Ok(Identity { uid, properties: BTreeMap::new() })))
    }

    fn discover(&self) -> BoxFuture<'_, Result<Catalog, ClusterError>> {
        Box::pin(self.call(|sim| Ok(sim.catalog())))
    }

    fn watch(&self, spec: WatchSpec) -> BoxStream<'static, Result<WatchItem, ClusterError>> {
        self.sim.lock().watches += 1;
        let open = Open {
            cluster: self.clone(),
            spec,
            phase: Phase::List,
            unwatched: false,
            changes: self.changes.subscribe(),
        };
        futures::stream::unfold(open, |mut open| async move {
            let item = open.next().await;
            Some((item, open))
        })
        .boxed()
    }

    fn open(&self, object: ObjectKey, _: Kind, _: Aspect) -> BoxFuture<'_, Result<Vec<Text>, ClusterError>> {
        Box::pin(self.call(move |sim| {
            let place = (object.namespace.clone(), object.name.clone());
            let value = sim.objects.get(&object.kind).and_then(|objects| objects.get(&place));
            let value = value.ok_or_else(|| ClusterError::NotFound(Text::const_new("not found")))?;
            Ok(vec![compact_str::format_compact!("value: {value}")])
        }))
    }

    fn reveal(&self, object: ObjectKey, _: Kind) -> BoxFuture<'_, Result<String, ClusterError>> {
        Box::pin(self.call(move |_| Ok(format!("secret of {}", object.name))))
    }

    fn containers(&self, _: ObjectKey) -> BoxFuture<'_, Result<Vec<Text>, ClusterError>> {
        Box::pin(self.call(|_| Ok(vec![Text::const_new("main")])))
    }

    fn may_list(&self, _: Kind, _: Option<Text>) -> BoxFuture<'_, Result<(), ClusterError>> {
        Box::pin(self.call(|_| Ok(())))
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Answer, ClusterError>> {
        Box::pin(self.call(move |sim| sim.answer(&query)))
    }

    fn tail(&self, source: LogSource) -> BoxStream<'static, Result<Text, ClusterError>> {
        let from = source.tail_lines.map(|n| n as usize);
        let begin = self.look(|sim| from.map_or(0, |n| sim.logs.len().saturating_sub(n)));
        let state = (self.clone(), begin, self.changes.subscribe());
        futures::stream::unfold(Some(state), move |state| async move {
            let (cluster, at, mut changes) = state?;
            loop {
                changes.mark_unchanged();
                if let Err(error) = cluster.look(Sim::gate) {
                    return Some((Err(error), None));
                }
                if let Some(line) = cluster.look(|sim| sim.logs.get(at).cloned()) {
                    return Some((Ok(line), Some((cluster, at + 1, changes))));
                }
                if !source.follow {
                    return None;
                }
                changes.changed().await.ok()?;
            }
        })
        .boxed()
    }
}
