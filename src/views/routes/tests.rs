//! The view model, its screens and its keys.

use super::lines::{bars, millis, standing};
use super::*;
use crate::model::cluster::{ClusterEntry, ClusterState};
use crate::model::route::{
    BreakerState, Candidate, Checked, EndpointFacts, EndpointHealth, Exchange, Explanation, Finding, FindingSeverity,
    Passed, Reload, RuleFacts,
};
use crate::protocol::{Explained, ProxyAt};
use crate::views::export::{style_runs, text};
use crate::views::fixture::{Fleet, NOW};
use crate::views::keymap::Key;
use crate::views::theme::BUILT_IN;
use crate::views::{snapshot, theme_named};
use std::collections::BTreeMap;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (40, 10)];

fn ago(seconds: i64) -> UnixSeconds {
    UnixSeconds(NOW.0 - seconds)
}

fn rule(name: &str, when: &str, then: &str, (hits, errors): (u64, u64), (p50, p99): (u64, u64)) -> RuleFacts {
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

fn endpoint(address: &str, health: EndpointHealth, probes: &[Option<u32>]) -> EndpointFacts {
    EndpointFacts {
        address: address.into(),
        health,
        connections: 2,
        streams: 7,
        probes: probes.to_vec(),
        ..Default::default()
    }
}

fn upstream(name: &str, endpoints: Vec<EndpointFacts>) -> UpstreamFacts {
    UpstreamFacts { name: name.into(), endpoints, in_flight: 4, long_running: 2, ..UpstreamFacts::default() }
}

fn exchange(number: u64, code: u16, (verb, uri): (&str, &str), (rule, cluster): (&str, &str)) -> Exchange {
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
fn normal() -> Routes {
    let ms = |values: &[u32]| values.iter().map(|ms| Some(*ms)).collect::<Vec<_>>();
    let mut lost = endpoint("10.0.1.9:6443", EndpointHealth::Unreachable, &[Some(9), Some(8), None, None, None]);
    (lost.why, lost.breaker) = ("connection refused".into(), BreakerState::Open);
    let mut staging = upstream("staging", vec![endpoint("10.0.2.4:6443", EndpointHealth::Ready, &ms(&[11, 12, 10]))]);
    staging.fence = Fence::Draining;
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

fn finding(severity: FindingSeverity, code: &str, text: &str) -> Finding {
    Finding {
        severity,
        code: code.into(),
        place: "rules.yaml:31".into(),
        rule: Some("read-dev".into()),
        text: text.into(),
    }
}

/// More of everything than any screen has.
fn overfull() -> Routes {
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

fn attached() -> ProxyLink {
    ProxyLink::Attached(ProxyAt { address: "127.0.0.1:9443".into(), pid: Some(7), own: false, kept: false })
}

fn own() -> ProxyLink {
    ProxyLink::Attached(ProxyAt { address: "127.0.0.1:9443".into(), pid: Some(7), own: true, kept: false })
}

fn with(proxy: ProxyLink, routes: Option<Routes>) -> Snapshot {
    let fleet = Fleet::default().cluster("prod", ClusterState::Live).cluster("dev-1", ClusterState::Live);
    Snapshot { proxy, routes: routes.map(Arc::new), starts_proxies: true, ..Snapshot::clone(&fleet.snapshot()) }
}

/// Every state of the view, by name.
fn states() -> Vec<(&'static str, Snapshot)> {
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

fn view(section: Section) -> RoutesView {
    let mut view = RoutesView::open(0, &mut 1).0;
    view.section = section;
    view
}

fn drawn(view: &RoutesView, snapshot: &Snapshot, (columns, rows): (u16, u16), theme: &str) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    view.draw(buffer.area, &mut buffer, &Scene { snapshot, theme: &theme_named(theme), now: NOW });
    buffer
}

fn press(view: &mut RoutesView, snapshot: &Snapshot, actions: &[Action]) -> Vec<Request> {
    let theme = theme_named("mono");
    let around = Surroundings { snapshot, theme: &theme, now: NOW, area: Rect::new(0, 0, 120, 24) };
    let mut next = 100;
    let sent = actions.iter().flat_map(|action| view.on(*action, &around, &mut next).effects);
    sent.filter_map(|effect| if let Effect::Send(request) = effect { Some(request) } else { None }).collect()
}

fn shown(view: &RoutesView, snapshot: &Snapshot) -> String {
    text(&drawn(view, snapshot, (120, 24), "mono"))
}

#[test]
fn every_section_fits_every_screen() {
    for (state, snap) in states() {
        for (section, title) in SECTIONS {
            if snap.routes.is_none() && *section != Section::Rules {
                continue;
            }
            let pictures: Vec<String> = SIZES
                .iter()
                .map(|size| format!("{}x{}\n{}", size.0, size.1, text(&drawn(&view(*section), &snap, *size, "mono"))))
                .collect();
            snapshot(&format!("routes_{state}_{}", title.to_lowercase()), &pictures.join("\n"));
        }
    }
}

#[test]
fn colour_is_for_trouble_in_every_theme() {
    let snap = with(attached(), Some(normal()));
    for (theme, _) in BUILT_IN {
        snapshot(
            &format!("routes_style_{theme}"),
            &style_runs(&drawn(&view(Section::Clusters), &snap, (100, 14), theme)),
        );
    }
}

#[test]
fn no_size_is_too_small() {
    for (_, snap) in states() {
        for (section, _) in SECTIONS {
            for columns in [0, 1, 5, 19, 40, 79] {
                for rows in 0..9 {
                    drawn(&view(*section), &snap, (columns, rows), "mono");
                }
            }
        }
    }
}

#[test]
fn a_cluster_is_said_in_one_word() {
    let ready = || endpoint("a:1", EndpointHealth::Ready, &[]);
    let word = |cluster: &UpstreamFacts| standing(cluster).word.to_string();
    assert_eq!(word(&upstream("a", vec![])), "no endpoint");
    assert_eq!(word(&upstream("a", vec![ready(), ready()])), "ready");
    assert_eq!(
        word(&upstream("a", vec![ready(), EndpointFacts { breaker: BreakerState::Open, ..ready() }])),
        "1/2 ready"
    );
    assert_eq!(word(&upstream("a", vec![EndpointFacts { breaker: BreakerState::Open, ..ready() }])), "breaker open");
    let credential = UpstreamFacts { credential: Some("log in".into()), ..upstream("a", vec![ready()]) };
    assert_eq!(word(&credential), "credential");
    assert_eq!(
        word(&UpstreamFacts { fence: Fence::Fenced, ..credential }),
        "fenced",
        "the operator's word comes first"
    );
    assert!(
        !standing(&upstream("a", vec![endpoint("a:1", EndpointHealth::Unknown, &[])])).is_trouble,
        "not probed yet"
    );
}

#[test]
fn probes_are_bars_and_crosses() {
    assert_eq!(bars(&[]), "");
    assert_eq!(bars(&[Some(0), Some(50), None, Some(100)]), "▁▄✗█");
    assert_eq!(bars(&[Some(u32::MAX); 40]).chars().count(), 10);
    assert_eq!([350, 12_400, 1_204_000].map(millis), ["0.35", "12.4", "1204"]);
}

#[test]
fn sections_are_switched_by_tab_and_digit() {
    let snap = with(attached(), Some(normal()));
    let mut view = view(Section::Rules);
    press(&mut view, &snap, &[Action::NextSection]);
    assert_eq!(view.section(), Section::Clusters);
    press(&mut view, &snap, &[Action::PreviousSection, Action::PreviousSection]);
    assert_eq!(view.section(), Section::Findings);
    press(&mut view, &snap, &[Action::Section(3)]);
    assert_eq!(view.section(), Section::Tail);
}

#[test]
fn the_cursor_stays_with_its_cluster() {
    let mut routes = normal();
    let mut view = view(Section::Clusters);
    press(&mut view, &with(attached(), Some(routes.clone())), &[Action::Bottom]);
    routes.clusters.insert(0, upstream("first", vec![]));
    let snap = with(attached(), Some(routes));
    assert_eq!(view.cluster(&snap, NOW).unwrap().name, "lab");
}

#[test]
fn the_newest_request_is_followed_until_one_moves_away_and_stands_still_while_paused() {
    let mut routes = normal();
    let snap = |routes: &Routes| with(attached(), Some(routes.clone()));
    let mut view = view(Section::Tail);
    let under = |view: &RoutesView, snap: &Snapshot| {
        let sheet = view.sheet(snap, NOW).unwrap();
        sheet.line(view.at(&sheet)).unwrap().id.to_string()
    };
    assert_eq!(under(&view, &snap(&routes)), "4");
    routes.tail.push(exchange(5, 200, ("get", "/version"), ("rest", "dev-1")));
    assert_eq!(under(&view, &snap(&routes)), "5");
    press(&mut view, &snap(&routes), &[Action::Up]);
    routes.tail.push(exchange(6, 200, ("get", "/version"), ("rest", "dev-1")));
    assert_eq!(under(&view, &snap(&routes)), "4");
    press(&mut view, &snap(&routes), &[Action::Bottom, Action::Freeze]);
    routes.tail.push(exchange(7, 200, ("get", "/livez"), ("rest", "dev-1")));
    let paused = shown(&view, &snap(&routes));
    assert!(!paused.contains("/livez") && paused.contains("paused, 1 newer"), "{paused}");
    press(&mut view, &snap(&routes), &[Action::Freeze]);
    assert_eq!(under(&view, &snap(&routes)), "7");
}

#[test]
fn the_tail_is_filtered_by_the_grammar_of_all_tables() {
    let snap = with(attached(), Some(normal()));
    let mut view = view(Section::Tail);
    view.set_filter("code>=400 !deployments");
    let text = shown(&view, &snap);
    assert!(text.contains("dev-a/pods/gone") && !text.contains("limit=500") && !text.contains("api-1"), "{text}");
    view.set_filter("~(");
    assert!(shown(&view, &snap).contains("filter: "), "the mistake is said");
    press(&mut view, &snap, &[Action::Back]);
    assert!(view.filter().is_empty(), "esc clears it first");
    view.set_filter("nothing has this");
    assert!(shown(&view, &snap).contains("esc clears it"));
}

fn heading(view: &RoutesView, snap: &Snapshot, name: &str) -> (u16, u16) {
    let text = shown(view, snap);
    let (y, line) = text.lines().enumerate().find(|(_, line)| line.contains(name)).unwrap();
    let x = line.split(name).next().unwrap().chars().count();
    (u16::try_from(x).unwrap(), u16::try_from(y).unwrap())
}

fn click(view: &mut RoutesView, snapshot: &Snapshot, at: (u16, u16)) -> Reply {
    let theme = theme_named("mono");
    view.click(at, &Surroundings { snapshot, theme: &theme, now: NOW, area: Rect::new(0, 0, 120, 24) })
}

#[test]
fn a_click_sorts_selects_opens_and_switches() {
    let snap = with(attached(), Some(normal()));
    let mut view = view(Section::Rules);
    let first = |view: &RoutesView| view.sheet(&snap, NOW).unwrap().line(0).unwrap().row.name.to_string();
    let hits = heading(&view, &snap, "HITS");
    for wanted in ["no-secrets", "production", "production"] {
        click(&mut view, &snap, hits);
        assert_eq!(first(&view), wanted);
    }
    assert!(view.pane().unwrap().sort.is_none(), "a third click gives the proxy's order back");
    let row = (hits.0, hits.1 + 2);
    assert!(click(&mut view, &snap, row).over.is_none(), "the first click selects");
    assert!(matches!(click(&mut view, &snap, row).over.as_deref(), Some(Overlay::Chooser(_))), "the second opens");
    let findings = heading(&view, &snap, "4 Findings");
    click(&mut view, &snap, findings);
    assert_eq!(view.section(), Section::Findings);
    assert!(click(&mut view, &snap, (1, 23)).over.is_none(), "nothing is there");
}

#[test]
fn keys_that_do_nothing_are_not_offered() {
    let offers = |view: &RoutesView, snap: &Snapshot, action| view.offers(action, snap, NOW);
    let (rules, clusters) = (view(Section::Rules), view(Section::Clusters));
    let none = with(ProxyLink::None, None);
    let (theirs, ours) = (with(attached(), Some(normal())), with(own(), Some(normal())));
    for (action, without, foreign, mine) in [
        (Action::StartProxy, true, false, false),
        (Action::StopProxy, false, false, true),
        (Action::KeepProxy, false, false, true),
        (Action::TestRoute, false, true, true),
        (Action::Reload, false, true, true),
        (Action::Filter, false, true, true),
        (Action::Open, false, true, true),
        (Action::Drain, false, false, false),
    ] {
        let got = [&none, &theirs, &ours].map(|snap| offers(&rules, snap, action));
        assert_eq!(got, [without, foreign, mine], "{action:?}");
    }
    assert!(offers(&clusters, &theirs, Action::Drain) && !offers(&clusters, &theirs, Action::Unfence));
    let lost = with(ProxyLink::Lost { why: "gone".into(), since: NOW }, Some(normal()));
    assert!(!offers(&clusters, &lost, Action::Fence), "nobody is there to do it");
    assert!(offers(&rules, &lost, Action::StartProxy), "another can be started");
    let cannot = Snapshot { starts_proxies: false, ..none };
    assert!(!offers(&rules, &cannot, Action::StartProxy), "this qd starts none");
}

#[test]
fn a_fence_is_confirmed_and_the_same_key_takes_it_away() {
    let snap = with(attached(), Some(normal()));
    let mut view = view(Section::Clusters);
    let theme = theme_named("mono");
    let around = Surroundings { snapshot: &snap, theme: &theme, now: NOW, area: Rect::new(0, 0, 80, 24) };
    let reply = view.on(Action::Fence, &around, &mut 7);
    assert!(reply.effects.is_empty(), "nothing happens unasked");
    let Some(Overlay::Confirm(confirm)) = reply.over.as_deref() else { panic!("no question") };
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    confirm.draw(buffer.area, &mut buffer, &theme);
    snapshot("routes_confirm_fence", &text(&buffer));
    let sent = confirm.on(Action::Accept);
    let Some(Effect::Send(Request::FenceCluster { id, cluster, fence })) = sent.effects.first() else { panic!() };
    assert_eq!((id.0, cluster.as_str(), *fence, sent.close), (7, "dev-1", Fence::Fenced, true));
    // `staging` is draining: the same key, or `u`, opens it at once.
    let mut at_staging = vec![Action::Top, Action::Down, Action::Down, Action::Down, Action::Down];
    for key in [Action::Drain, Action::Unfence] {
        at_staging.push(key);
        let sent = press(&mut view, &snap, &at_staging);
        at_staging.pop();
        let [Request::FenceCluster { cluster, fence: Fence::Open, .. }] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!(cluster, "staging");
    }
}

#[test]
fn a_protected_cluster_is_typed() {
    let mut snap = with(attached(), Some(normal()));
    let clusters = Arc::make_mut(&mut snap.clusters);
    for cluster in clusters.values_mut() {
        let entry = ClusterEntry { access: Access::Protected, ..ClusterEntry::clone(&cluster.entry) };
        Arc::make_mut(cluster).entry = Arc::new(entry);
    }
    let mut view = view(Section::Clusters);
    let theme = theme_named("mono");
    let around = Surroundings { snapshot: &snap, theme: &theme, now: NOW, area: Rect::new(0, 0, 80, 24) };
    let Some(Overlay::Confirm(mut confirm)) = view.on(Action::Drain, &around, &mut 7).over.map(|over| *over) else {
        panic!("no question")
    };
    assert!(confirm.on(Action::Accept).effects.is_empty(), "its name is not typed yet");
    for c in "dev-1".chars() {
        assert!(confirm.key(Key::char(c)));
    }
    for (name, size) in [("", (80, 24)), ("_40x10", (40, 10))] {
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        confirm.draw(buffer.area, &mut buffer, &theme);
        snapshot(&format!("routes_confirm_typed{name}"), &text(&buffer));
    }
    assert_eq!(confirm.on(Action::Accept).effects.len(), 1);
}

#[test]
fn the_tester_says_which_way_and_why() {
    let mut tester = Tester::new(RequestId(9));
    let picture = |tester: &Tester, (columns, rows): (u16, u16)| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        tester.draw(buffer.area, &mut buffer, &theme_named("mono"));
        text(&buffer)
    };
    snapshot("routes_tester_new", &picture(&tester, (80, 24)));
    assert!(tester.on(Action::Accept).effects.is_empty(), "nothing is typed");
    tester.paste("kubectl get pods -n production");
    let sent = tester.on(Action::Accept);
    let Some(Effect::Send(Request::TestRoute { id, text })) = sent.effects.first() else { panic!() };
    assert_eq!((id.0, text.as_str()), (9, "kubectl get pods -n production"));
    assert!(picture(&tester, (80, 24)).contains("asking the proxy"));
    let next = |rule: &str, cluster: Option<&str>, why: &str| Candidate {
        rule: rule.into(),
        cluster: cluster.map(Text::new),
        why: why.into(),
    };
    let answer = Explanation {
        request: "GET /api/v1/namespaces/production/pods".into(),
        read: "list pods in production".into(),
        rule: Some("production".into()),
        place: "rules.yaml:12".into(),
        cluster: Some("prod".into()),
        why: "namespace equals production".into(),
        next: vec![
            next("read-dev", None, "denied"),
            next("rest", Some("dev-1"), "always"),
            next("home", Some("dev-1"), "no rule holds"),
        ],
        ..Explanation::default()
    };
    let mut snap = with(attached(), Some(normal()));
    snap.explanations = Arc::new(BTreeMap::from([(RequestId(9), Arc::new(Explained::Answer(Box::new(answer))))]));
    tester.feed(&snap);
    for size in SIZES {
        snapshot(&format!("routes_tester_{}x{}", size.0, size.1), &picture(&tester, size));
    }
    tester.key(Key::ctrl('u'));
    tester.on(Action::Up);
    assert!(picture(&tester, (80, 24)).contains("› kubectl get pods"), "what was asked comes back");
    snap.explanations =
        Arc::new(BTreeMap::from([(RequestId(9), Arc::new(Explained::Refused("no verb is called GTE".into())))]));
    tester.feed(&snap);
    assert!(picture(&tester, (80, 24)).contains("✗ no verb is called GTE"));
}

#[test]
fn the_tester_says_what_was_passed_and_what_else_is_sent() {
    let checked = |condition: &str, value: &str| Checked { condition: condition.into(), value: value.into() };
    let passed = |rule: &str, value: &str| Passed {
        rule: rule.into(),
        place: "rules.yaml:4".into(),
        failed: checked("namespace equals staging", value),
    };
    let further =
        Explanation { read: "patch deployments.apps web".into(), cluster: Some("dev-1".into()), ..Default::default() };
    let answer = Explanation {
        cluster: Some("prod".into()),
        passed: vec![passed("far", "a"), passed("near", "b"), passed("nearer", "c"), passed("nearest", "")],
        warnings: vec!["the requests of this command go to several clusters: dev-1, prod".into()],
        further: vec![further],
        ..Default::default()
    };
    let mut tester = Tester::new(RequestId(9));
    tester.paste("kubectl apply");
    tester.on(Action::Accept);
    let mut snap = with(attached(), Some(normal()));
    snap.explanations = Arc::new(BTreeMap::from([(RequestId(9), Arc::new(Explained::Answer(Box::new(answer))))]));
    tester.feed(&snap);
    let lines: Vec<String> = tester.lines().into_iter().map(|(line, _)| line).collect();
    assert_eq!(
        lines[lines.len() - 5..],
        [
            "not      nearest: namespace equals staging · it is none",
            "         nearer: namespace equals staging · it is c",
            "         near: namespace equals staging · it is b",
            "also     patch deployments.apps web → dev-1",
            "▲        the requests of this command go to several clusters: dev-1, prod",
        ]
    );
}

#[test]
fn a_line_opens_in_full() {
    let snap = with(attached(), Some(normal()));
    for (section, title) in SECTIONS {
        let mut view = view(*section);
        let theme = theme_named("mono");
        let around = Surroundings { snapshot: &snap, theme: &theme, now: NOW, area: Rect::new(0, 0, 80, 24) };
        view.on(Action::Down, &around, &mut 1);
        let Some(Overlay::Chooser(chooser)) = view.on(Action::Open, &around, &mut 1).over.map(|over| *over) else {
            panic!("{title} does not open")
        };
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        chooser.draw(buffer.area, &mut buffer, &theme);
        snapshot(&format!("routes_open_{}", title.to_lowercase()), &text(&buffer));
    }
}
