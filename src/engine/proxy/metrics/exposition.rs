//! `/metrics`: OpenMetrics text, written from the catalogue when somebody asks.

use super::catalogue::{self as of, TABLE};
use super::{Metrics, Shared, Verb};
use crate::engine::metrics::exposition::{NONE, family, pairs};
use crate::engine::metrics::process;
use crate::engine::metrics::table::Metric;
use crate::engine::proxy::metrics::labels::LongRunning;
use crate::model::proxy::{BreakerState, EndpointHealth, TrafficState, UpstreamFacts};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// State of other parts at the time of a scrape.
#[derive(Debug, Clone, Default)]
pub struct ScrapeContext {
    /// Clusters, as a screen shows them.
    pub upstreams: Vec<UpstreamFacts>,
    /// The hash of the configuration in force.
    pub hash: String,
    /// Audit events written, dropped and failed; `None` if no log is kept.
    pub audit: Option<[u64; 3]>,
}

#[derive(Debug)]
struct ProxyCollector {
    shared: Arc<Shared>,
    scene: ScrapeContext,
}

#[derive(Debug)]
struct Process(process::Process);

impl Metrics {
    /// Appends all metrics to `out`.
    pub fn expose(&self, out: &mut String, scene: ScrapeContext) {
        let mut registry = Registry::default();
        let proxy = ProxyCollector { shared: Arc::clone(&self.shared), scene };
        registry.sub_registry_with_prefix(TABLE.prefix).register_collector(Box::new(proxy));
        if let Some(process) = process::read() {
            registry.register_collector(Box::new(Process(process)));
        }
        // Writing into a String does not fail.
        let _ = text::encode(out, &registry);
    }
}

impl Collector for ProxyCollector {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        self.requests(&mut to)?;
        self.times(&mut to)?;
        self.clusters(&mut to)?;
        for metric in [of::UPGRADES, of::RETRIES, of::REJECTED, of::MIRRORED, of::TLS_ERRORS] {
            self.cold_counter(&mut to, &metric)?;
        }
        family(&mut to, &of::STALE)?.counter(NONE, self.single(&of::STALE))?;
        self.upstreams(&mut to)?;
        for metric in [of::TOKEN_REFRESH, of::RELOADS] {
            self.cold_counter(&mut to, &metric)?;
        }
        for metric in [of::TOKEN_EXPIRY, of::CERT_EXPIRY, of::INSECURE, of::RELOADED] {
            self.cold_gauge(&mut to, &metric)?;
        }
        let hash = [("hash", self.scene.hash.as_str())];
        family(&mut to, &of::CONFIG_HASH)?.info(&hash)?;
        let mut audit = family(&mut to, &of::AUDIT_EVENTS)?;
        for (result, count) in ["written", "dropped", "failed"].into_iter().zip(self.scene.audit.into_iter().flatten())
        {
            audit.counter(&[("result", result)], count)?;
        }
        family(&mut to, &of::SERIES_LOST)?.counter(NONE, self.shared.requests.lost())?;
        runtime(&mut to)
    }
}

impl ProxyCollector {
    fn requests(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (clusters, rules) = (self.shared.clusters.read(), self.shared.rules.read());
        let mut requests = family(to, &of::REQUESTS)?;
        for (key, count) in self.shared.requests.read() {
            let cluster = clusters.all.get(usize::from(key.cluster)).map_or("other", |cluster| &cluster.name);
            let rule = rules.all.get(usize::from(key.rule)).map_or("other", |rule| &rule.name);
            let verb = Verb::ALL.get(usize::from(key.verb)).copied().unwrap_or(Verb::Other);
            let [group, resource, subresource] = self.shared.resources.name(key.resource).unwrap_or_default();
            let code = key.code.to_string();
            let labels = [
                ("cluster", cluster),
                ("rule", rule),
                ("verb", verb.word()),
                ("group", group),
                ("resource", resource),
                ("subresource", subresource),
                ("code", code.as_str()),
            ];
            requests.counter(&labels, count)?;
        }
        Ok(())
    }

    fn times(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let clusters = self.shared.clusters.read();
        let mut durations = family(to, &of::DURATION)?;
        for cluster in &clusters.all {
            for (verb, duration) in Verb::ALL.iter().zip(&cluster.durations) {
                if !duration.is_empty() {
                    durations.histogram(&[("cluster", &*cluster.name), ("verb", verb.word())], duration)?;
                }
            }
        }
        family(to, &of::OVERHEAD)?.histogram(NONE, &self.shared.overhead)?;
        let mut upstream = family(to, &of::UPSTREAM_DURATION)?;
        for cluster in &clusters.all {
            for (endpoint, duration) in cluster.endpoints.lock().iter() {
                upstream.histogram(&[("cluster", &*cluster.name), ("endpoint", endpoint.as_str())], duration)?;
            }
        }
        Ok(())
    }

    fn clusters(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let clusters = self.shared.clusters.read();
        let mut in_flight = family(to, &of::IN_FLIGHT)?;
        for cluster in &clusters.all {
            in_flight.gauge(&[("cluster", &*cluster.name)], cluster.in_flight.load(Relaxed))?;
        }
        let mut long_running = family(to, &of::LONG_RUNNING)?;
        for cluster in &clusters.all {
            for (kind, count) in LongRunning::ALL.iter().zip(&cluster.long_running) {
                let labels = [("cluster", &*cluster.name), ("kind", kind.word())];
                long_running.gauge(&labels, count.load(Relaxed))?;
            }
        }
        let mut received = family(to, &of::RECEIVED)?;
        for cluster in &clusters.all {
            received.counter(&[("cluster", &*cluster.name)], cluster.received.load(Relaxed))?;
        }
        let mut sent = family(to, &of::SENT)?;
        for cluster in &clusters.all {
            sent.counter(&[("cluster", &*cluster.name)], cluster.sent.load(Relaxed))?;
        }
        Ok(())
    }

    fn cold_counter(&self, to: &mut DescriptorEncoder<'_>, metric: &Metric) -> fmt::Result {
        let mut counter = family(to, metric)?;
        for (labels, count) in self.shared.cold.counts_of(metric) {
            counter.counter(&pairs(metric, &labels), count)?;
        }
        Ok(())
    }

    fn cold_gauge(&self, to: &mut DescriptorEncoder<'_>, metric: &Metric) -> fmt::Result {
        let mut gauge = family(to, metric)?;
        for (labels, value) in self.shared.cold.gauges_of(metric) {
            gauge.gauge(&pairs(metric, &labels), value)?;
        }
        Ok(())
    }

    fn single(&self, metric: &Metric) -> u64 {
        self.shared.cold.counts_of(metric).iter().map(|(_, count)| count).sum()
    }

    /// Writes a gauge for every endpoint.
    fn upstreams(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Read = fn(&crate::model::proxy::EndpointFacts) -> i64;
        let gauges: [(&Metric, Read); 4] = [
            (&of::BREAKER, |endpoint| match endpoint.breaker {
                BreakerState::Closed => 0,
                BreakerState::HalfOpen => 1,
                BreakerState::Open => 2,
            }),
            (&of::HEALTH, |endpoint| match endpoint.health {
                EndpointHealth::Ready => 1,
                EndpointHealth::NotReady | EndpointHealth::Unreachable => 0,
                EndpointHealth::Unknown => -1,
                EndpointHealth::Unauthorized => -2,
            }),
            (&of::CONNECTIONS, |endpoint| i64::from(endpoint.connections)),
            (&of::STREAMS, |endpoint| i64::from(endpoint.streams)),
        ];
        for (metric, read) in gauges {
            let mut gauge = family(to, metric)?;
            for cluster in &self.scene.upstreams {
                for endpoint in &cluster.endpoints {
                    let labels = [("cluster", cluster.name.as_str()), ("endpoint", endpoint.address.as_str())];
                    gauge.gauge(&labels, read(endpoint))?;
                }
            }
        }
        let mut blocked = family(to, &of::TRAFFIC)?;
        for cluster in &self.scene.upstreams {
            let value = match cluster.traffic {
                TrafficState::Open => 0,
                TrafficState::Draining => 1,
                TrafficState::Blocked => 2,
            };
            blocked.gauge(&[("cluster", cluster.name.as_str())], value)?;
        }
        Ok(())
    }
}

/// Writes the metrics of the tokio runtime; none outside of a runtime.
fn runtime(to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let Ok(handle) = tokio::runtime::Handle::try_current() else { return Ok(()) };
    let metrics = handle.metrics();
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    family(to, &of::TOKIO_WORKERS)?.gauge(NONE, count(metrics.num_workers()))?;
    family(to, &of::TOKIO_TASKS)?.gauge(NONE, count(metrics.num_alive_tasks()))?;
    family(to, &of::TOKIO_QUEUE)?.gauge(NONE, count(metrics.global_queue_depth()))?;
    let mut busy = family(to, &of::TOKIO_BUSY)?;
    for worker in 0..metrics.num_workers() {
        busy.seconds(&[("worker", &worker.to_string())], metrics.worker_total_busy_duration(worker).as_secs_f64())?;
    }
    let mut parks = family(to, &of::TOKIO_PARKS)?;
    for worker in 0..metrics.num_workers() {
        parks.counter(&[("worker", &worker.to_string())], metrics.worker_park_count(worker))?;
    }
    Ok(())
}

impl Collector for Process {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let Process(of_kernel) = self;
        family(&mut to, &of::RSS)?.gauge(NONE, whole(of_kernel.resident_bytes))?;
        family(&mut to, &of::VIRTUAL)?.gauge(NONE, whole(of_kernel.virtual_bytes))?;
        family(&mut to, &of::CPU)?.seconds(NONE, of_kernel.cpu_seconds)?;
        family(&mut to, &of::FDS)?.gauge(NONE, whole(of_kernel.open_fds))?;
        if let Some(max) = of_kernel.max_fds {
            family(&mut to, &of::FDS_MAX)?.gauge(NONE, whole(max))?;
        }
        family(&mut to, &of::THREADS)?.gauge(NONE, whole(of_kernel.threads))?;
        if let Some(started) = of_kernel.started {
            family(&mut to, &of::START)?.gauge(NONE, whole(started))?;
        }
        Ok(())
    }
}
