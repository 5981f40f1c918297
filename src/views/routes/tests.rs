//! The view model, its screens and its keys.

mod confirm;
mod fixture;
mod tester;

use super::lines::{millis, standing};
use super::*;
use crate::facts::sparkline::sparkline;
use crate::model::proxy::{BreakerState, EndpointFacts, EndpointHealth};
use crate::protocol::ProxySnapshot;
use crate::views::export::{style_runs, text};
use crate::views::fixture::{NOW, act, context, drawn};
use crate::views::theme::BUILT_IN;
use crate::views::{snapshot, theme_named};
use fixture::{SIZES, attached, endpoint, exchange, grid, normal, own, press, shown, states, upstream, view, with};

#[test]
fn every_section_fits_every_screen() {
    for (state, snap) in states() {
        for (section, title) in SECTIONS {
            if snap.proxy.routes.is_none() && section != Section::Rules {
                continue;
            }
            let pictures: Vec<String> = SIZES
                .iter()
                .map(|size| format!("{}x{}\n{}", size.0, size.1, text(&drawn(&view(section), &snap, *size, "mono"))))
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
                    drawn(&view(section), &snap, (columns, rows), "mono");
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
        word(&UpstreamFacts { traffic: TrafficState::Blocked, ..credential }),
        "blocked",
        "the operator's word comes first"
    );
    assert!(
        !standing(&upstream("a", vec![endpoint("a:1", EndpointHealth::Unknown, &[])])).is_trouble,
        "not probed yet"
    );
}

#[test]
fn probes_are_bars_and_crosses() {
    assert_eq!(sparkline(&[]), "");
    assert_eq!(sparkline(&[Some(0), Some(50), None, Some(100)]), "▁▄✗█");
    assert_eq!(sparkline(&[Some(u32::MAX); 40]).chars().count(), 10);
    assert_eq!([350, 12_400, 1_204_000].map(millis), ["0.35", "12.4", "1204"]);
}

#[test]
fn sections_are_switched_by_tab_and_digit() {
    let snap = with(attached(), Some(normal()));
    let mut view = view(Section::Rules);
    press(&mut view, &snap, &[keys::NEXT_SECTION]);
    assert_eq!(view.section(), Section::Clusters);
    press(&mut view, &snap, &[keys::PREVIOUS_SECTION, keys::PREVIOUS_SECTION]);
    assert_eq!(view.section(), Section::Findings);
    press(&mut view, &snap, &[Action::new("section-3")]);
    assert_eq!(view.section(), Section::Tail);
}

#[test]
fn the_cursor_stays_with_its_cluster() {
    let mut routes = normal();
    let mut view = view(Section::Clusters);
    press(&mut view, &with(attached(), Some(routes.clone())), &[Action::BOTTOM]);
    routes.clusters.insert(0, upstream("first", vec![]));
    let snap = with(attached(), Some(routes));
    assert_eq!(view.cluster(&grid(&view, &snap), &snap).unwrap().name, "lab");
}

#[test]
fn the_newest_request_is_followed_until_one_moves_away_and_stands_still_while_paused() {
    let mut routes = normal();
    let snap = |routes: &Routes| with(attached(), Some(routes.clone()));
    let mut view = view(Section::Tail);
    let under = |view: &RoutesView, snap: &Snapshot| {
        let grid = grid(view, snap);
        grid.line(view.state().at(&grid)).unwrap().id.to_string()
    };
    assert_eq!(under(&view, &snap(&routes)), "4");
    routes.tail.push(exchange(5, 200, ("get", "/version"), ("rest", "dev-1")));
    assert_eq!(under(&view, &snap(&routes)), "5");
    press(&mut view, &snap(&routes), &[Action::UP]);
    routes.tail.push(exchange(6, 200, ("get", "/version"), ("rest", "dev-1")));
    assert_eq!(under(&view, &snap(&routes)), "4");
    press(&mut view, &snap(&routes), &[Action::BOTTOM, Action::FREEZE]);
    routes.tail.push(exchange(7, 200, ("get", "/livez"), ("rest", "dev-1")));
    let paused = shown(&view, &snap(&routes));
    assert!(!paused.contains("/livez") && paused.contains("paused, 1 newer"), "{paused}");
    press(&mut view, &snap(&routes), &[Action::FREEZE]);
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
    press(&mut view, &snap, &[Action::BACK]);
    assert!(view.filter().unwrap().text.is_empty(), "esc clears it first");
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
    let (theme, ids) = (theme_named("mono"), RequestIds::from(1));
    view.click(at.into(), &context(snapshot, &theme, (120, 24), &ids)).unwrap()
}

#[test]
fn a_click_sorts_selects_opens_and_switches() {
    let snap = with(attached(), Some(normal()));
    let mut view = view(Section::Rules);
    let first = |view: &RoutesView| grid(view, &snap).line(0).unwrap().row.name.to_string();
    let hits = heading(&view, &snap, "HITS");
    for wanted in ["no-secrets", "production", "production"] {
        click(&mut view, &snap, hits);
        assert_eq!(first(&view), wanted);
    }
    assert!(view.state().sort().is_none(), "a third click gives the proxy's order back");
    let row = (hits.0, hits.1 + 2);
    assert!(click(&mut view, &snap, row).over.is_none(), "the first click selects");
    assert!(click(&mut view, &snap, row).over.is_some_and(|over| over.spec().name == "chooser"), "the second opens");
    let findings = heading(&view, &snap, "4 Findings");
    click(&mut view, &snap, findings);
    assert_eq!(view.section(), Section::Findings);
    assert!(click(&mut view, &snap, (1, 23)).over.is_none(), "nothing is there");
}

#[test]
fn keys_that_do_nothing_are_not_offered() {
    let (theme, ids) = (theme_named("mono"), RequestIds::from(1));
    let offers = |view: &RoutesView, snap: &Snapshot, action| {
        !view.unavailable(&context(snap, &theme, (80, 24), &ids)).contains(&action)
    };
    let (rules, clusters) = (view(Section::Rules), view(Section::Clusters));
    let none = with(ProxyLink::None, None);
    let (theirs, ours) = (with(attached(), Some(normal())), with(own(), Some(normal())));
    for (action, without, foreign, mine) in [
        (keys::START_PROXY, true, false, false),
        (keys::STOP_PROXY, false, false, true),
        (keys::KEEP_PROXY, false, false, true),
        (keys::TEST_ROUTE, false, true, true),
        (keys::RELOAD, false, true, true),
        (Action::FILTER, false, true, true),
        (Action::OPEN, false, true, true),
        (keys::DRAIN, false, false, false),
    ] {
        let got = [&none, &theirs, &ours].map(|snap| offers(&rules, snap, action));
        assert_eq!(got, [without, foreign, mine], "{action:?}");
    }
    assert!(offers(&clusters, &theirs, keys::DRAIN) && !offers(&clusters, &theirs, keys::REOPEN));
    let lost = with(ProxyLink::Lost { why: "gone".into(), since: NOW }, Some(normal()));
    assert!(!offers(&clusters, &lost, keys::BLOCK), "nobody is there to do it");
    assert!(offers(&rules, &lost, keys::START_PROXY), "another can be started");
    let cannot = Snapshot { proxy: ProxySnapshot { can_start: false, ..none.proxy.clone() }, ..none };
    assert!(!offers(&rules, &cannot, keys::START_PROXY), "this qd starts none");
}

#[test]
fn a_line_opens_in_full() {
    let snap = with(attached(), Some(normal()));
    for (section, title) in SECTIONS {
        let mut view = view(section);
        let ids = RequestIds::from(1);
        act(&mut view, Action::DOWN, &snap, &ids);
        let chooser = act(&mut view, Action::OPEN, &snap, &ids).over.unwrap();
        let buffer = drawn(&*chooser, &snap, (80, 24), "mono");
        snapshot(&format!("routes_open_{}", title.to_lowercase()), &text(&buffer));
    }
}
