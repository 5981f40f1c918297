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

/// Length of a window; the percentiles of a rule cover its last one to two windows.
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
    /// Index of the window that is being filled.
    window: AtomicUsize,
    turned: Mutex<Option<Instant>>,
}

/// Series with an index and a name, for good: a cluster that returns continues its counters.
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

/// The handles of one configuration, with the indexes of its clusters and rules.
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

/// The labels of a request, as small numbers: all that is needed of its `RequestInfo` after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct What {
    /// Verb of the request.
    pub verb: Verb,
    /// Resource of the request.
    pub resource: Resource,
    /// Kind of a long-running request; `None` for a short one.
    pub long_running: Option<LongRunning>,
}

/// The outcome of a request; complete when the last byte of its answer is sent or its caller is gone.
#[derive(Debug, Clone, Copy)]
pub struct Exchanged {
    /// Labels of the request.
    pub what: What,
    /// Index of the cluster in the configuration; `None` if the proxy answered itself.
    pub cluster: Option<usize>,
    /// Index of the endpoint that answered; `None` if none did.
    pub endpoint: Option<usize>,
    /// Index of the rule in the configuration; `None` if no rule matched.
    pub rule: Option<usize>,
    /// HTTP status of the answer; 0 if there was none.
    pub code: u16,
    /// Number of times the request was sent; 0 if it was never sent.
    pub attempts: u32,
    /// Reason for the retry: one of a fixed, small set.
    pub retried: Option<&'static str>,
    /// Time from the head of the request to the end of the answer.
    pub total: Duration,
    /// Part of `total` spent waiting for an API server.
    pub upstream: Duration,
    /// Bytes from the caller.
    pub received: u64,
    /// Bytes to the caller.
    pub sent: u64,
    /// Label of the `Refusal` that was the answer; `None` if a cluster answered.
    pub refused: Option<&'static str>,
    /// Protocol the request asked to upgrade to; `None` for a plain request.
    pub upgrade: Option<Protocol>,
}

/// A request under way, counted as such until the guard is dropped.
#[derive(Debug)]
pub struct Underway {
    series: Arc<ClusterSeries>,
    kind: Option<LongRunning>,
}

/// Traffic of a rule, as the Routes view shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests since the start.
    pub hits: u64,
    /// Requests that ended without an answer or with a status of 500 or more.
    pub errors: u64,
    /// Median duration of short requests in the last one to two minutes, in microseconds; `None` if there were none.
    pub p50_us: Option<u64>,
    /// The 99th percentile of the same durations, in microseconds.
    pub p99_us: Option<u64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Creates counters at zero.
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

    /// Finds or makes the counters that `config` needs; call it before the configuration comes into force. Endpoints
    /// are named as in the Routes view: `host:port`.
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

    /// Counts a refusal without a request to record, for example when a head cannot be read.
    pub fn rejected(&self, label: &'static str) {
        self.shared.rejected(label);
    }

    /// Counts a failed TLS handshake.
    pub fn tls_error(&self, side: Side, why: TlsTrouble) {
        self.shared.cold.count(&catalogue::TLS_ERRORS, [word(side.word()), word(why.word())]);
    }

    /// Adds renewals of a cluster's credential: successful ones, or failed ones.
    pub fn tokens_refreshed(&self, cluster: &str, ok: bool, times: u64) {
        let result = if ok { "ok" } else { "failed" };
        self.shared.cold.add(&catalogue::TOKEN_REFRESH, [name(cluster), word(result)], times);
    }

    /// Sets the time a cluster's credential expires, in seconds since 1970.
    pub fn token_expires(&self, cluster: &str, at: i64) {
        self.shared.cold.set(&catalogue::TOKEN_EXPIRY, name(cluster), at);
    }

    /// Sets the time a certificate expires, in seconds since 1970; `which` is `leaf`, `ca` or a cluster's name.
    pub fn certificate_expires(&self, which: &str, at: i64) {
        self.shared.cold.set(&catalogue::CERT_EXPIRY, name(which), at);
    }

    /// Sets the number of a cluster's endpoints whose certificate is not verified.
    pub fn insecure_endpoints(&self, cluster: &str, count: usize) {
        self.shared.cold.set(&catalogue::INSECURE, name(cluster), i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts a reload: the configuration is in force, or was refused.
    pub fn reloaded(&self, ok: bool) {
        self.shared.cold.count(&catalogue::RELOADS, [word(if ok { "ok" } else { "refused" }), word("")]);
        self.shared.cold.set(&catalogue::RELOADED, word(""), i64::from(ok));
    }

    /// Counts a mirrored read: `Some(true)` if its status was that of the original, `None` if it failed.
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
    /// Returns the labels of a request.
    pub fn what(&self, info: &RequestInfo<'_>) -> What {
        What { verb: Verb::of(info), resource: self.shared.resources.of(info), long_running: LongRunning::of(info) }
    }

    /// Counts a request as under way: to a cluster, or answered by the proxy if `cluster` is `None`.
    pub fn started(&self, cluster: Option<usize>, what: What) -> Underway {
        let series = Arc::clone(self.cluster(cluster).0);
        series.under_way(what.long_running).fetch_add(1, Relaxed);
        Underway { series, kind: what.long_running }
    }

    /// Counts a request that has ended.
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

    /// Returns the traffic of a rule by its index; `None` stands for the requests that no rule matched.
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
    /// Begins a new window of percentiles when the current one is full. Without readers a window grows longer, which
    /// does no harm.
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
    /// The first index stands for no name, the second for names beyond the bound.
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

/// Returns `host:port` of a server's URL.
pub(super) fn address(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests;
