//! Every metric of the proxy.

use crate::engine::metrics::table::{Metric, MetricKind, MetricTable};

/// Declares the constants and the table of them.
macro_rules! catalogue {
    ($($name:ident = $described:expr;)+) => {
        $(pub(super) const $name: Metric = $described;)+
        /// All metrics, in the order of the exposition.
        pub const ALL: &[Metric] = &[$($name),+];
    };
}

use MetricKind::{Counter, Gauge, Histogram, Info};

catalogue! {
    REQUESTS = Metric::new("requests", Counter,
        &["cluster", "rule", "verb", "group", "resource", "subresource", "code"],
        "Requests that ended. An empty cluster: the proxy answered itself; an empty rule: none held. Code 0: the caller went first.");
    DURATION = Metric::new("request_duration_seconds", Histogram, &["cluster", "verb"],
        "From a request's head to the last byte of its answer; long-running ones are left out.");
    OVERHEAD = Metric::new("overhead_seconds", Histogram, &[],
        "What the proxy added: the whole less the wait for the API server; long-running requests are left out.");
    UPSTREAM_DURATION = Metric::new("upstream_duration_seconds", Histogram, &["cluster", "endpoint"],
        "Wait for an API server: from sending a request until the head of its answer, retries included.");
    IN_FLIGHT = Metric::new("in_flight_requests", Gauge, &["cluster"],
        "Requests under way, long-running ones left out.");
    LONG_RUNNING = Metric::new("longrunning_requests", Gauge, &["cluster", "kind"],
        "Watches, logs, exec, attach and port-forward streams under way.");
    RECEIVED = Metric::new("received_bytes", Counter, &["cluster"], "Bytes of bodies and streams from callers.");
    SENT = Metric::new("sent_bytes", Counter, &["cluster"], "Bytes of bodies and streams to callers.");
    UPGRADES = Metric::new("upgrades", Counter, &["proto", "result"],
        "Streams that asked to be upgraded: `switched`, or `refused` by whoever answered.");
    RETRIES = Metric::new("retries", Counter, &["reason", "result"],
        "Requests that were sent more than once, by why, and by whether the last answer was below 500.");
    REJECTED = Metric::new("rejected", Counter, &["reason"], "Requests that the proxy refused, by its reason.");
    STALE = Metric::new("stale_rv_rejected", Counter, &[],
        "Requests answered 410 because their resourceVersion or continue token is another cluster's.");
    MIRRORED = Metric::new("mirrored", Counter, &["cluster", "result"],
        "Copies of reads sent by `mirror`: `same` or `different` status, or `failed`.");
    TLS_ERRORS = Metric::new("tls_errors", Counter, &["side", "type"],
        "TLS handshakes that failed, with a `client` or an API server (`upstream`): `closed` or `timeout` by the other side, `not_tls`, no `handshake` both can, its `certificate` not accepted, or ours `distrusted` by it.");
    BREAKER = Metric::new("breaker_state", Gauge, &["cluster", "endpoint"],
        "0 closed, 1 half open, 2 open. Answers of 502, 503 and 504 alone do not open it.");
    HEALTH = Metric::new("cluster_health_status", Gauge, &["cluster", "endpoint"],
        "1 ready, 0 not ready or unreachable, -1 not known yet, -2 our credential is not accepted.");
    TRAFFIC = Metric::new("cluster_traffic", Gauge, &["cluster"],
        "An operator's switch: 0 open, 1 draining, 2 blocked.");
    CONNECTIONS = Metric::new("upstream_connections", Gauge, &["cluster", "endpoint"],
        "Connections to an API server.");
    STREAMS = Metric::new("upstream_streams", Gauge, &["cluster", "endpoint"],
        "Requests and streams on these connections.");
    TOKEN_REFRESH = Metric::new("token_refresh", Counter, &["cluster", "result"],
        "Renewals of a cluster's credential: `ok` or `failed`.");
    TOKEN_EXPIRY = Metric::new("token_expiry_seconds", Gauge, &["cluster"],
        "When a cluster's credential ends, in seconds since 1970.");
    CERT_EXPIRY = Metric::new("cert_expiry_seconds", Gauge, &["which"],
        "When a certificate ends, in seconds since 1970: `leaf`, `ca`, or a cluster's client certificate by its name.");
    INSECURE = Metric::new("insecure_endpoints", Gauge, &["cluster"],
        "Endpoints whose certificate is not verified. More than 0 wants a reason.");
    RELOADS = Metric::new("config_reload", Counter, &["result"], "Readings of the configuration: `ok` or `refused`.");
    RELOADED = Metric::new("config_last_reload_successful", Gauge, &[],
        "1 when the newest configuration is in force, 0 when it was refused and the one before still is.");
    CONFIG_HASH = Metric::new("config_hash", Info, &["hash"], "The configuration in force.");
    AUDIT_EVENTS = Metric::new("audit_events", Counter, &["result"],
        "Audit events: `written`, `dropped` because the queue was full, `failed` because the file could not be written.");
    SERIES_LOST = Metric::new("series_lost", Counter, &[],
        "Requests missing from requests_total because its table was full.");
    TOKIO_WORKERS = Metric::new("tokio_workers", Gauge, &[], "Threads of the runtime.");
    TOKIO_TASKS = Metric::new("tokio_alive_tasks", Gauge, &[], "Tasks that have not ended.");
    TOKIO_QUEUE = Metric::new("tokio_global_queue_depth", Gauge, &[], "Tasks that wait for any worker.");
    TOKIO_BUSY = Metric::new("tokio_busy_seconds", Counter, &["worker"], "Time a worker was not parked.");
    TOKIO_PARKS = Metric::new("tokio_parks", Counter, &["worker"], "How often a worker went to sleep.");
    RSS = Metric::of_process("process_resident_memory_bytes", Gauge, "Resident memory.");
    VIRTUAL = Metric::of_process("process_virtual_memory_bytes", Gauge, "Virtual memory.");
    CPU = Metric::of_process("process_cpu_seconds", Counter, "CPU time of user and system.");
    FDS = Metric::of_process("process_open_fds", Gauge, "Open file descriptors.");
    FDS_MAX = Metric::of_process("process_max_fds", Gauge, "The limit of open file descriptors.");
    THREADS = Metric::of_process("process_threads", Gauge, "Threads.");
    START = Metric::of_process("process_start_time_seconds", Gauge, "When it was started, in seconds since 1970.");
}

/// The proxy's metrics: what is not in this table is not exposed, and `docs/routing-metrics.md` is written from it.
pub const TABLE: MetricTable = MetricTable { prefix: "qd_proxy", rows: ALL };

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_the_prefix_stands_once() {
        let names: BTreeSet<String> = ALL.iter().map(|metric| TABLE.full_name(metric)).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(names.iter().all(|name| name.matches(TABLE.prefix).count() <= 1), "{names:?}");
        assert!(ALL.iter().all(|metric| !metric.name.ends_with("_total") && !metric.name.ends_with("_info")));
    }

    #[test]
    fn no_label_is_a_namespace_or_a_name() {
        assert!(
            ALL.iter().flat_map(|metric| metric.labels).all(|label| !["namespace", "name", "user"].contains(label))
        );
    }
}
