//! What the proxy counts. Handles are found once, when a configuration comes into force; on the way of a request
//! there are small numbers and atomic additions only.

pub mod catalogue;
mod exposition;
mod labels;
mod series;

pub use super::metrics::labels::{LongRunning, Protocol, Side, TlsTrouble, Verb};
use crate::engine::metrics::histogram::{self, Histogram, Latency};
pub use exposition::ScrapeContext;
pub use series::Resource;

use crate::engine::metrics::labelled::{LabelledMetrics, name, word};
use crate::engine::proxy::config::ProxyConfig;
use crate::engine::proxy::request::RequestInfo;
use parking_lot::{Mutex, RwLock};
use series::{Key, PLACES_MAX, Resources, Series};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// Percentiles of a rule are those of its last one to two of these.
const WINDOW: Duration = Duration::from_secs(60);

/// The refusal label that is counted as a stale resourceVersion as well.
pub const STALE_LABEL: &str = "stale_resource_version";

/// All counters of one proxy. They outlive its configurations.
#[derive(Debug)]
pub struct Metrics {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clusters: RwLock<Named<ClusterSeries>>,
    rules: RwLock<Named<RuleSeries>>,
    requests: Series,
    resources: Resources,
    overhead: Histogram,
    cold: LabelledMetrics,
    /// Which window of each rule is being filled.
    window: AtomicUsize,
    turned: Mutex<Option<Instant>>,
}

/// Things with a place and a name, for good: a cluster that comes back continues its counters.
#[derive(Debug)]
struct Named<T> {
    places: BTreeMap<Arc<str>, Arc<T>>,
    all: Vec<Arc<T>>,
}

#[derive(Debug)]
struct ClusterSeries {
    place: u16,
    name: Arc<str>,
    durations: Box<[Histogram]>,
    endpoints: Mutex<BTreeMap<String, Arc<Histogram>>>,
    in_flight: AtomicI64,
    long_running: Box<[AtomicI64]>,
    received: AtomicU64,
    sent: AtomicU64,
}

#[derive(Debug)]
struct RuleSeries {
    place: u16,
    name: Arc<str>,
    hits: AtomicU64,
    errors: AtomicU64,
    windows: [Latency; 2],
}

/// The handles of one configuration: indexed as its clusters and rules are.
#[derive(Debug)]
pub struct Handles {
    shared: Arc<Shared>,
    clusters: Box<[ClusterHandle]>,
    rules: Box<[Arc<RuleSeries>]>,
    no_cluster: Arc<ClusterSeries>,
    no_rule: Arc<RuleSeries>,
}

#[derive(Debug)]
struct ClusterHandle {
    series: Arc<ClusterSeries>,
    endpoints: Box<[Arc<Histogram>]>,
}

/// What a request is, in small numbers: all that is needed of its `RequestInfo` when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct What {
    pub verb: Verb,
    pub resource: Resource,
    /// `None` for what must end in its time.
    pub long_running: Option<LongRunning>,
}

/// How a request went; filled when the last byte of its answer is gone, or its caller.
#[derive(Debug, Clone, Copy)]
pub struct Exchanged {
    pub what: What,
    /// Its place in the configuration; `None` where the proxy answered itself.
    pub cluster: Option<usize>,
    /// The place of the endpoint that answered.
    pub endpoint: Option<usize>,
    /// Its place in the configuration; `None` where no rule held.
    pub rule: Option<usize>,
    /// 0 where there was no answer.
    pub code: u16,
    /// How often it was sent; 0 where it never was.
    pub attempts: u32,
    /// Why it was sent again: one of a fixed, small set.
    pub retried: Option<&'static str>,
    /// From the head of the request to the end of the answer.
    pub total: Duration,
    /// Of that: waiting for an API server.
    pub upstream: Duration,
    /// Bytes from and to the caller.
    pub received: u64,
    pub sent: u64,
    /// The label of the `Refusal` that was the answer.
    pub refused: Option<&'static str>,
    /// What it wanted to become.
    pub upgrade: Option<Protocol>,
}

/// A request under way, counted as such until this is dropped.
#[derive(Debug)]
pub struct Underway {
    series: Arc<ClusterSeries>,
    kind: Option<LongRunning>,
}

/// What the Routes view shows of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub hits: u64,
    pub errors: u64,
    /// Microseconds, of the last minute or two; `None` where there was no request.
    pub p50_us: Option<u64>,
    pub p99_us: Option<u64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                clusters: RwLock::new(Named::new(ClusterSeries::new)),
                rules: RwLock::new(Named::new(RuleSeries::new)),
                requests: Series::new(),
                resources: Resources::new(),
                overhead: Histogram::new(histogram::OVERHEAD),
                cold: LabelledMetrics::default(),
                window: AtomicUsize::new(0),
                turned: Mutex::new(None),
            }),
        }
    }

    /// Finds or makes what `config` needs; called before it comes into force. `endpoint` names one as the Routes view
    /// does: `host:port`.
    pub fn handles(&self, config: &ProxyConfig) -> Handles {
        let (mut clusters, mut rules) = (self.shared.clusters.write(), self.shared.rules.write());
        let cluster = |cluster: &crate::engine::proxy::config::UpstreamCluster| {
            let series = clusters.get(&cluster.name, ClusterSeries::new);
            let mut known = series.endpoints.lock();
            let mut endpoint = |server: &str| {
                let made = || Arc::new(Histogram::new(histogram::REQUEST));
                Arc::clone(known.entry(address(server).to_owned()).or_insert_with(made))
            };
            let endpoints = cluster.endpoints.iter().map(|one| endpoint(&one.server)).collect();
            drop(known);
            ClusterHandle { series, endpoints }
        };
        let handles = config.clusters.iter().map(cluster).collect();
        Handles {
            clusters: handles,
            rules: config.rules.iter().map(|rule| rules.get(&rule.name, RuleSeries::new)).collect(),
            no_cluster: clusters.get("", ClusterSeries::new),
            no_rule: rules.get("", RuleSeries::new),
            shared: Arc::clone(&self.shared),
        }
    }

    /// A refusal before there was a request to record, as when a head cannot be read.
    pub fn rejected(&self, label: &'static str) {
        self.shared.rejected(label);
    }

    pub fn tls_error(&self, side: Side, why: TlsTrouble) {
        self.shared.cold.count(&catalogue::TLS_ERRORS, [word(side.word()), word(why.word())]);
    }

    /// A cluster's credential was renewed, or could not be, so many times more.
    pub fn tokens_refreshed(&self, cluster: &str, ok: bool, times: u64) {
        let result = if ok { "ok" } else { "failed" };
        self.shared.cold.add(&catalogue::TOKEN_REFRESH, [name(cluster), word(result)], times);
    }

    /// When a cluster's credential ends, in seconds since 1970.
    pub fn token_expires(&self, cluster: &str, at: i64) {
        self.shared.cold.set(&catalogue::TOKEN_EXPIRY, name(cluster), at);
    }

    /// When a certificate ends, in seconds since 1970: `leaf`, `ca`, or a cluster's name.
    pub fn certificate_expires(&self, which: &str, at: i64) {
        self.shared.cold.set(&catalogue::CERT_EXPIRY, name(which), at);
    }

    pub fn insecure_endpoints(&self, cluster: &str, count: usize) {
        self.shared.cold.set(&catalogue::INSECURE, name(cluster), i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A configuration was read, and is in force or was refused.
    pub fn reloaded(&self, ok: bool) {
        self.shared.cold.count(&catalogue::RELOADS, [word(if ok { "ok" } else { "refused" }), word("")]);
        self.shared.cold.set(&catalogue::RELOADED, word(""), i64::from(ok));
    }

    /// A copy of a read was sent: `Some(true)` when its status was that of the original, `None` when it failed.
    pub fn mirrored(&self, cluster: &str, same: Option<bool>) {
        let result = same.map_or("failed", |same| if same { "same" } else { "different" });
        self.shared.cold.count(&catalogue::MIRRORED, [name(cluster), word(result)]);
    }
}

impl Shared {
    fn rejected(&self, label: &'static str) {
        self.cold.count(&catalogue::REJECTED, [word(label), word("")]);
        if label == STALE_LABEL {
            self.cold.count(&catalogue::STALE, [word(""), word("")]);
        }
    }
}

impl Handles {
    pub fn what(&self, info: &RequestInfo<'_>) -> What {
        What { verb: Verb::of(info), resource: self.shared.resources.of(info), long_running: LongRunning::of(info) }
    }

    /// A request goes to a cluster, or is answered here.
    pub fn started(&self, cluster: Option<usize>, what: What) -> Underway {
        let series = Arc::clone(self.cluster(cluster).0);
        series.under_way(what.long_running).fetch_add(1, Relaxed);
        Underway { series, kind: what.long_running }
    }

    /// A request has ended.
    pub fn record(&self, ended: &Exchanged) {
        let (cluster, endpoints) = self.cluster(ended.cluster);
        let rule = ended.rule.and_then(|place| self.rules.get(place)).unwrap_or(&self.no_rule);
        let What { verb, resource, long_running } = ended.what;
        let verb_place = u8::try_from(verb.place()).unwrap_or(0);
        let key = Key { cluster: cluster.place, rule: rule.place, verb: verb_place, resource, code: ended.code };
        self.shared.requests.count(key);
        cluster.received.fetch_add(ended.received, Relaxed);
        cluster.sent.fetch_add(ended.sent, Relaxed);
        rule.hits.fetch_add(1, Relaxed);
        if ended.code == 0 || ended.code >= 500 {
            rule.errors.fetch_add(1, Relaxed);
        }
        if long_running.is_none() {
            if let Some(duration) = cluster.durations.get(verb.place()) {
                duration.observe(ended.total);
            }
            self.shared.overhead.observe(ended.total.saturating_sub(ended.upstream));
            if let Some(window) = rule.windows.get(self.shared.window.load(Relaxed)) {
                window.observe(u64::try_from(ended.total.as_micros()).unwrap_or(u64::MAX));
            }
        }
        if let Some(endpoint) = ended.endpoint.and_then(|place| endpoints.get(place)) {
            endpoint.observe(ended.upstream);
        }
        if ended.attempts > 1 || ended.refused.is_some() || ended.upgrade.is_some() {
            self.record_seldom(ended);
        }
    }

    fn record_seldom(&self, ended: &Exchanged) {
        let cold = &self.shared.cold;
        if ended.attempts > 1 {
            let result = if (1..500).contains(&ended.code) { "ok" } else { "failed" };
            cold.count(&catalogue::RETRIES, [word(ended.retried.unwrap_or("unknown")), word(result)]);
        }
        if let Some(label) = ended.refused {
            self.shared.rejected(label);
        }
        if let Some(protocol) = ended.upgrade {
            let result = if ended.code == 101 { "switched" } else { "refused" };
            cold.count(&catalogue::UPGRADES, [word(protocol.word()), word(result)]);
        }
    }

    /// What rule `place` did; `None` asks for what no rule took.
    pub fn traffic(&self, place: Option<usize>, now: Instant) -> Traffic {
        self.shared.turn(now);
        let rule = place.and_then(|place| self.rules.get(place)).unwrap_or(&self.no_rule);
        let [one, other] = &rule.windows;
        let percentiles = histogram::percentiles(&[one, other], [50, 99]);
        Traffic {
            hits: rule.hits.load(Relaxed),
            errors: rule.errors.load(Relaxed),
            p50_us: percentiles.map(|[p50, _]| p50),
            p99_us: percentiles.map(|[_, p99]| p99),
        }
    }

    fn cluster(&self, place: Option<usize>) -> (&Arc<ClusterSeries>, &[Arc<Histogram>]) {
        match place.and_then(|place| self.clusters.get(place)) {
            Some(handle) => (&handle.series, &handle.endpoints),
            None => (&self.no_cluster, &[]),
        }
    }
}

impl Shared {
    /// Begins a new window of percentiles where it is time. Nobody looking means a longer one, which does no harm.
    fn turn(&self, now: Instant) {
        let mut turned = self.turned.lock();
        let since = *turned.get_or_insert(now);
        if now.saturating_duration_since(since) < WINDOW {
            return;
        }
        *turned = Some(now);
        let next = 1 - self.window.load(Relaxed).min(1);
        for window in self.rules.read().all.iter().filter_map(|rule| rule.windows.get(next)) {
            window.clear();
        }
        self.window.store(next, Relaxed);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.series.under_way(self.kind).fetch_sub(1, Relaxed);
    }
}

impl<T> Named<T> {
    /// The first place is for none at all, the second for what found no place.
    fn new(make: impl Fn(u16, Arc<str>) -> T) -> Self {
        let mut named = Self { places: BTreeMap::new(), all: Vec::new() };
        named.get("", &make);
        named.all.push(Arc::new(make(1, Arc::from("other"))));
        named
    }

    fn get(&mut self, name: &str, make: impl Fn(u16, Arc<str>) -> T) -> Arc<T> {
        if let Some(known) = self.places.get(name) {
            return Arc::clone(known);
        }
        if let (true, Some(other)) = (self.all.len() >= PLACES_MAX, self.all.get(1)) {
            return Arc::clone(other);
        }
        let name: Arc<str> = Arc::from(name);
        let made = Arc::new(make(u16::try_from(self.all.len()).unwrap_or(1), Arc::clone(&name)));
        self.all.push(Arc::clone(&made));
        self.places.insert(name, Arc::clone(&made));
        made
    }
}

impl ClusterSeries {
    fn new(place: u16, name: Arc<str>) -> Self {
        Self {
            place,
            name,
            durations: Verb::ALL.iter().map(|_| Histogram::new(histogram::REQUEST)).collect(),
            endpoints: Mutex::default(),
            in_flight: AtomicI64::new(0),
            long_running: LongRunning::ALL.iter().map(|_| AtomicI64::new(0)).collect(),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        }
    }

    fn under_way(&self, kind: Option<LongRunning>) -> &AtomicI64 {
        kind.and_then(|kind| self.long_running.get(kind.place())).unwrap_or(&self.in_flight)
    }
}

impl RuleSeries {
    fn new(place: u16, name: Arc<str>) -> Self {
        let (hits, errors) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { place, name, hits, errors, windows: [Latency::new(), Latency::new()] }
    }
}

/// `host:port` of a server's URL.
pub(super) fn address(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests;
