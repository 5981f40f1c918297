//! Proxies to look at: a little of everything, too much of it, and none.

use super::super::*;
use crate::model::cluster::ClusterState;
use crate::model::proxy::{
    BreakerState, EndpointFacts, EndpointHealth, Exchange, Finding, FindingSeverity, Reload, RuleFacts,
};
use crate::model::time::UnixSeconds;
use crate::protocol::{ProxyAt, ProxySnapshot};
use crate::views::export::text;
use crate::views::fixture::{Fleet, NOW, act, context, drawn, requests};
use crate::views::theme_named;

pub(super) const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (40, 10)];

pub(super) fn ago(seconds: i64) -> UnixSeconds {
    UnixSeconds(NOW.0 - seconds)
}

pub(super) fn rule(
    name: &str,
    when: &str,
    then: &str,
    (hits, errors): (u64, u64),
    (p50, p99): (u64, u64),
) -> RuleFacts {
    RuleFacts {
        name: name.into(),
        priority: 100,
        when: when.into(),
        then: then.into(),
        targets: then.split([' ', ',']).next().map(Text::new).into_iter().collect(),
        hits,
        errors,
        p50_us: (hits > 0).then_some(p50),
        p99_us: (hits > 0).then_some(p99),
        place: "rules.yaml:12".into(),
    }
}

pub(super) fn endpoint(address: &str, health: EndpointHealth, probes: &[Option<u32>]) -> EndpointFacts {
    EndpointFacts {
        address: address.into(),
        health,
        connections: 2,
        streams: 7,
        probes: probes.to_vec(),
        ..Default::default()
    }
}

pub(super) fn upstream(name: &str, endpoints: Vec<EndpointFacts>) -> UpstreamFacts {
    UpstreamFacts { name: name.into(), endpoints, in_flight: 4, long_running: 2, ..UpstreamFacts::default() }
}

pub(super) fn exchange(number: u64, code: u16, (verb, uri): (&str, &str), (rule, cluster): (&str, &str)) -> Exchange {
    Exchange {
        number,
        at: ago(60 - i64::try_from(number % 60).unwrap()),
        verb: verb.into(),
        uri: uri.into(),
        user: "ada".into(),
        rule: rule.into(),
        cluster: cluster.into(),
        code,
        micros: 350 + number * 17,
        attempts: 1,
        long_running: false,
    }
}

/// A proxy with a little of everything.
pub(super) fn normal() -> Routes {
    let ms = |values: &[u32]| values.iter().map(|ms| Some(*ms)).collect::<Vec<_>>();
    let mut lost = endpoint("10.0.1.9:6443", EndpointHealth::Unreachable, &[Some(9), Some(8), None, None, None]);
    (lost.why, lost.breaker) = ("connection refused".into(), BreakerState::Open);
    let mut staging = upstream("staging", vec![endpoint("10.0.2.4:6443", EndpointHealth::Ready, &ms(&[11, 12, 10]))]);
    staging.traffic = TrafficState::Draining;
    let mut lab = upstream("lab", vec![endpoint("10.0.3.4:6443", EndpointHealth::Unauthorized, &ms(&[31, 30]))]);
    lab.credential = Some("the token file is empty: write one".into());
    let watch =
        Exchange { long_running: true, ..exchange(4, 200, ("watch", "/api/v1/pods?watch=true"), ("rest", "dev-1")) };
    Routes {
        at: NOW,
        listeners: vec!["https://127.0.0.1:6443".into(), "unix:/run/qd.sock".into()],
        publish_dir: "/run/qd".into(),
        home: Some("dev-1".into()),
        rules: vec![
            rule("production", "namespace equals production", "prod", (12_345, 0), (420, 2_300)),
            rule(
                "read-dev",
                "verb in get,list · namespace prefix dev-",
                "dev-1, dev-2 by weight",
                (871, 12),
                (610, 48_700),
            ),
            rule("no-secrets", "resource equals secrets", "deny", (0, 0), (0, 0)),
        ],
        clusters: vec![
            upstream("dev-1", vec![endpoint("127.0.0.1:21168", EndpointHealth::Ready, &ms(&[3, 4, 3, 9, 3]))]),
            upstream("prod", vec![endpoint("10.0.1.8:6443", EndpointHealth::Ready, &ms(&[8, 9, 8])), lost]),
            staging,
            lab,
        ],
        findings: vec![
            finding(
                FindingSeverity::Warning,
                "split-verbs",
                "reads and writes of deployments go to different clusters",
            ),
            finding(FindingSeverity::Error, "shadowed", "no request reaches it: production takes them all"),
        ],
        reload: Reload {
            at: ago(130),
            hash: "8f31a0c2d4e5".into(),
            origin: "/etc/qd/routes.yaml".into(),
            refused: None,
            count: 4,
        },
        tail: vec![
            exchange(1, 200, ("get", "/api/v1/namespaces/production/pods/api-1"), ("production", "prod")),
            exchange(2, 404, ("get", "/api/v1/namespaces/dev-a/pods/gone"), ("read-dev", "dev-2")),
            exchange(3, 503, ("list", "/apis/apps/v1/deployments?limit=500"), ("", "dev-1")),
            watch,
        ],
        draining: false,
        in_flight: 12,
        long_running: 3,
    }
}

pub(super) fn finding(severity: FindingSeverity, code: &str, text: &str) -> Finding {
    Finding {
        severity,
        code: code.into(),
        place: "rules.yaml:31".into(),
        rule: Some("read-dev".into()),
        text: text.into(),
    }
}

/// More of everything than any screen has.
pub(super) fn overfull() -> Routes {
    let mut routes = normal();
    for nth in 0..300_u64 {
        let name = format!("a-rule-with-a-name-nobody-types-twice-{nth:03}");
        let when = "namespace regex ^team-[a-z]+-[0-9]+$ · verb in get,list,watch · group not-in apps,batch";
        routes.rules.push(rule(
            &name,
            when,
            "region-eu-west-production-1, region-eu-west-production-2 by affinity",
            (nth * 7_919, nth),
            (nth, nth * 900),
        ));
        let mut one = upstream(&format!("region-{nth:02}-production-cluster"), Vec::new());
        one.endpoints =
            (0..3).map(|n| endpoint(&format!("10.{nth}.0.{n}:6443"), EndpointHealth::Ready, &[Some(5); 30])).collect();
        routes.clusters.push(one);
        let uri =
            format!("/api/v1/namespaces/team-{nth}/pods/service-with-a-long-name-{nth}-7d9f8c6b5d-x2x4z?timeout=30s");
        routes.tail.push(exchange(
            nth + 5,
            200,
            ("get", &uri),
            ("a-rule-with-a-name-nobody-types-twice-001", "region-01-production-cluster"),
        ));
        routes.findings.push(finding(
            FindingSeverity::Warning,
            "unanchored-regex",
            "the regex matches inside longer names too; anchor it with ^ and $",
        ));
    }
    routes
}

pub(super) fn attached() -> ProxyLink {
    ProxyLink::Attached(ProxyAt { address: "127.0.0.1:9443".into(), pid: Some(7), own: false, kept: false })
}

pub(super) fn own() -> ProxyLink {
    ProxyLink::Attached(ProxyAt { address: "127.0.0.1:9443".into(), pid: Some(7), own: true, kept: false })
}

pub(super) fn with(link: ProxyLink, routes: Option<Routes>) -> Snapshot {
    let fleet = Fleet::default().cluster("prod", ClusterState::Live).cluster("dev-1", ClusterState::Live);
    let proxy = ProxySnapshot { link, routes: routes.map(Arc::new), can_start: true, ..ProxySnapshot::default() };
    Snapshot { proxy, ..Snapshot::clone(&fleet.snapshot()) }
}

/// Every state of the view, by name.
pub(super) fn states() -> Vec<(&'static str, Snapshot)> {
    let error = |change: fn(&mut Routes)| {
        let mut routes = normal();
        change(&mut routes);
        routes
    };
    let refused = error(|routes| {
        routes.reload.refused = Some("rules.yaml:12: no operator is called equal; did you mean equals?".into());
        routes.draining = true;
    });
    let why = "127.0.0.1:9443: connection refused".into();
    vec![
        ("none", with(ProxyLink::None, None)),
        ("starting", with(ProxyLink::Starting, None)),
        ("empty", with(attached(), Some(Routes::default()))),
        ("normal", with(attached(), Some(normal()))),
        ("overfull", with(own(), Some(overfull()))),
        ("error", with(attached(), Some(refused))),
        ("lost", with(ProxyLink::Lost { why, since: ago(40) }, Some(normal()))),
    ]
}

pub(super) fn view(section: Section) -> RoutesView {
    let mut view = RoutesView::open(0, &RequestIds::from(1)).0;
    view.section = section;
    view
}

pub(super) fn press(view: &mut RoutesView, snapshot: &Snapshot, actions: &[Action]) -> Vec<Request> {
    let ids = RequestIds::from(100);
    actions.iter().flat_map(|action| requests(act(view, *action, snapshot, &ids))).collect()
}

/// The shown section as a grid.
pub(super) fn grid(view: &RoutesView, snapshot: &Snapshot) -> Grid {
    view.grid(&context(snapshot, &theme_named("mono"), (120, 24), &RequestIds::from(1))).unwrap()
}

pub(super) fn shown(view: &RoutesView, snapshot: &Snapshot) -> String {
    text(&drawn(view, snapshot, (120, 24), "mono"))
}
