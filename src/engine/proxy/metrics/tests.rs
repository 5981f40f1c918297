use super::*;
use std::borrow::Cow;

fn pods() -> RequestInfo<'static> {
    RequestInfo {
        is_resource: true,
        verb: Cow::Borrowed("list"),
        resource: Cow::Borrowed("pods"),
        ..RequestInfo::default()
    }
}

fn ended(what: What) -> Exchanged {
    Exchanged {
        what,
        cluster: Some(0),
        endpoint: Some(0),
        rule: Some(0),
        code: 200,
        attempts: 1,
        retried: None,
        total: Duration::from_micros(1_040),
        upstream: Duration::from_millis(1),
        received: 0,
        sent: 1_024,
        refused: None,
        upgrade: None,
    }
}

/// Handles as a configuration of one cluster and one rule has them.
fn handles(metrics: &Metrics) -> Handles {
    let series = metrics.shared.clusters.write().get("prod", ClusterSeries::new);
    let endpoint = Arc::new(Histogram::new(histogram::REQUEST));
    series.endpoints.lock().insert("10.0.0.1:6443".to_owned(), Arc::clone(&endpoint));
    let mut clusters = metrics.shared.clusters.write();
    let mut rules = metrics.shared.rules.write();
    Handles {
        clusters: Box::new([ClusterHandle { series, endpoints: Box::new([endpoint]) }]),
        rules: Box::new([rules.get("production", RuleSeries::new)]),
        no_cluster: clusters.get("", ClusterSeries::new),
        no_rule: rules.get("", RuleSeries::new),
        shared: Arc::clone(&metrics.shared),
    }
}

fn exposed(metrics: &Metrics) -> String {
    let mut out = String::new();
    metrics
        .expose(&mut out, ScrapeContext { hash: "abc".to_owned(), audit: Some([3, 0, 0]), ..ScrapeContext::default() });
    out
}

#[test]
fn one_request_is_one_of_everything() {
    let metrics = Metrics::new();
    let handles = handles(&metrics);
    let what = handles.what(&pods());
    let under_way = handles.started(Some(0), what);
    assert!(exposed(&metrics).contains("qd_proxy_in_flight_requests{cluster=\"prod\"} 1\n"));
    drop(under_way);
    handles.record(&ended(what));
    let text = exposed(&metrics);
    let labels =
        "cluster=\"prod\",rule=\"production\",verb=\"list\",group=\"\",resource=\"pods\",subresource=\"\",code=\"200\"";
    for line in [
        format!("qd_proxy_requests_total{{{labels}}} 1"),
        "qd_proxy_in_flight_requests{cluster=\"prod\"} 0".to_owned(),
        "qd_proxy_overhead_seconds_bucket{le=\"0.000035\"} 0".to_owned(),
        "qd_proxy_overhead_seconds_bucket{le=\"0.00005\"} 1".to_owned(),
        "qd_proxy_sent_bytes_total{cluster=\"prod\"} 1024".to_owned(),
        "qd_proxy_upstream_duration_seconds_count{cluster=\"prod\",endpoint=\"10.0.0.1:6443\"} 1".to_owned(),
        "qd_proxy_config_hash_info{hash=\"abc\"} 1".to_owned(),
        "qd_proxy_audit_events_total{result=\"written\"} 3".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn watches_are_counted_apart_and_their_hours_are_no_latency() {
    let metrics = Metrics::new();
    let handles = handles(&metrics);
    let watch = handles.what(&RequestInfo { verb: Cow::Borrowed("watch"), ..pods() });
    let under_way = handles.started(Some(0), watch);
    let line = "qd_proxy_longrunning_requests{cluster=\"prod\",kind=\"watch\"}";
    assert!(exposed(&metrics).contains(&format!("{line} 1\n")));
    drop(under_way);
    handles.record(&Exchanged { total: Duration::from_secs(3_601), ..ended(watch) });
    let text = exposed(&metrics);
    assert!(text.contains(&format!("{line} 0\n")));
    assert!(text.contains("qd_proxy_overhead_seconds_count 0\n"));
    assert!(!text.contains("verb=\"watch\"} "), "no duration of a watch");
}

#[test]
fn retries_refusals_and_upgrades_have_their_own() {
    let metrics = Metrics::new();
    let handles = handles(&metrics);
    let what = handles.what(&pods());
    handles.record(&Exchanged { attempts: 2, retried: Some("refused_stream"), ..ended(what) });
    handles.record(&Exchanged { code: 410, refused: Some(STALE_LABEL), cluster: None, ..ended(what) });
    handles.record(&Exchanged { code: 101, upgrade: Some(Protocol::WebSocket), ..ended(what) });
    metrics.tls_error(Side::Client, TlsTrouble::Handshake);
    metrics.reloaded(false);
    let text = exposed(&metrics);
    for line in [
        "qd_proxy_retries_total{reason=\"refused_stream\",result=\"ok\"} 1",
        "qd_proxy_rejected_total{reason=\"stale_resource_version\"} 1",
        "qd_proxy_stale_rv_rejected_total 1",
        "qd_proxy_upgrades_total{proto=\"websocket\",result=\"switched\"} 1",
        "qd_proxy_tls_errors_total{side=\"client\",type=\"handshake\"} 1",
        "qd_proxy_config_reload_total{result=\"refused\"} 1",
        "qd_proxy_config_last_reload_successful 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn percentiles_forget_what_is_minutes_old() {
    let metrics = Metrics::new();
    let handles = handles(&metrics);
    let what = handles.what(&pods());
    assert_eq!(handles.traffic(Some(0), Instant::now()), Traffic::default());
    handles.record(&Exchanged { code: 503, ..ended(what) });
    let seen = handles.traffic(Some(0), Instant::now());
    assert_eq!((seen.hits, seen.errors), (1, 1));
    assert!(seen.p50_us.is_some_and(|p50| (1_040..1_300).contains(&p50)));
    for _ in 0..2 {
        tokio::time::advance(WINDOW).await;
        handles.traffic(Some(0), Instant::now());
    }
    let later = handles.traffic(Some(0), Instant::now());
    assert_eq!((later.hits, later.p50_us), (1, None));
    assert_eq!(handles.traffic(None, Instant::now()).hits, 0);
}

#[test]
fn a_cluster_that_comes_back_continues_its_counters() {
    let metrics = Metrics::new();
    let first = handles(&metrics);
    first.record(&ended(first.what(&pods())));
    let second = handles(&metrics);
    second.record(&ended(second.what(&pods())));
    assert!(exposed(&metrics).contains("code=\"200\"} 2\n"));
}

/// Samples as Prometheus reads them: the name, and whether its line is well-formed.
fn samples(text: &str) -> Vec<String> {
    let name = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    text.lines().filter(|line| !line.starts_with('#')).map(name).collect()
}

#[tokio::test]
async fn what_is_exposed_is_what_the_catalogue_lists() {
    let metrics = Metrics::new();
    let handles = handles(&metrics);
    let what = handles.what(&pods());
    handles.record(&Exchanged { attempts: 2, upgrade: Some(Protocol::Spdy), refused: Some("x"), ..ended(what) });
    let text = exposed(&metrics);
    assert!(text.ends_with("# EOF\n"));
    let declared: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let listed: Vec<String> = catalogue::ALL
        .iter()
        .map(|metric| catalogue::TABLE.full_name(metric))
        .map(|name| name.trim_end_matches("_total").trim_end_matches("_info").to_owned())
        .collect();
    let mut sorted = [declared.clone(), listed.iter().map(String::as_str).collect()];
    for names in &mut sorted {
        names.sort_unstable();
    }
    if cfg!(target_os = "linux") {
        assert_eq!(sorted[0], sorted[1]);
    }
    for sample in samples(&text) {
        let base = sample.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
        let base = base.trim_end_matches("_total").trim_end_matches("_info");
        assert!(declared.contains(&base), "{sample} has no TYPE");
    }
}
