use crate::protocol::LogsRequest;
use super::*;
use crate::model::cluster::{ClusterName, ClusterState};
use crate::model::kind::KindId;
use crate::views::export::{style_runs, text};
use crate::views::fixture::{Fleet, NOW};
use crate::views::theme::BUILT_IN;
use crate::views::{snapshot, theme_named};
use std::collections::BTreeMap;

const AREA: Rect = Rect { x: 0, y: 0, width: 80, height: 24 };

fn pod() -> ObjectKey {
    ObjectKey {
        cluster: ClusterName::new("eu-west"),
        kind: KindId::new("", "Pod"),
        namespace: "payments".into(),
        name: "api-7d9f8c6b5d-8s2lq".into(),
        uid: "u".into(),
    }
}

fn opened() -> LogView {
    LogView::open(pod(), "", false, &mut 1).0
}

fn fleet(view: &LogView, state: LogStreamState, lines: &[&str], dropped: u64) -> Snapshot {
    let tail = LogStream {
        source: LogSource { container: "api".into(), ..view.source.clone() },
        state,
        lines: lines.iter().map(|l| Arc::from(*l)).collect(),
        dropped,
        containers: Arc::from(["api", "sidecar"].map(Text::const_new)),
    };
    let base = Fleet::default().cluster("eu-west", ClusterState::Live).snapshot();
    Snapshot { logs: Arc::new(BTreeMap::from([(view.id, Arc::new(tail))])), ..Snapshot::clone(&base) }
}

fn drawn(view: &LogView, snapshot: &Snapshot, (columns, rows): (u16, u16), theme: &str) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    let theme = theme_named(theme);
    view.draw(buffer.area, &mut buffer, &Scene { snapshot, theme: &theme, now: NOW });
    buffer
}

const LINES: &[&str] = &[
    "2026-11-21T14:01:59Z INFO listening on :8080",
    "2026-11-21T14:02:11Z WARN slow query took 1.2s",
    "2026-11-21T14:02:14Z ERROR cannot reach db: connection refused",
    "\tat pool.connect (pool.rs:88)",
    "2026-11-21T14:02:15Z INFO retrying in 5s",
];

#[test]
fn each_state_fits_each_screen() {
    let long: Vec<String> = (0..300).map(|n| format!("line {n} {}", "x".repeat(n % 150))).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    for (state, tail, lines, dropped) in [
        ("opening", LogStreamState::Opening, &[][..], 0),
        ("empty", LogStreamState::Following, &[][..], 0),
        ("following", LogStreamState::Following, LINES, 0),
        ("overfull", LogStreamState::Following, &long[..], 12_345),
        ("ended", LogStreamState::Ended, LINES, 0),
        (
            "failed",
            LogStreamState::Failed(
                "eu-west: container api is waiting to start: CrashLoopBackOff; p shows its previous run".into(),
            ),
            &[][..],
            0,
        ),
    ] {
        let mut view = opened();
        let fleet = fleet(&view, tail, lines, dropped);
        view.feed(&fleet);
        for size in [(80, 24), (120, 40), (40, 10)] {
            let name = format!("logs_{state}_{}x{}", size.0, size.1);
            snapshot(&name, &text(&drawn(&view, &fleet, size, "mono")));
        }
    }
}

#[test]
fn its_colours_in_every_theme() {
    let mut view = opened();
    let fleet = fleet(&view, LogStreamState::Following, LINES, 0);
    view.feed(&fleet);
    view.search("retrying", AREA);
    for (theme, _) in BUILT_IN {
        snapshot(&format!("logs_style_{theme}"), &style_runs(&drawn(&view, &fleet, (70, 8), theme)));
    }
}

#[test]
fn a_choice_ends_the_tail_and_starts_another() {
    let mut view = opened();
    let mut next = 2;
    let outcome = view.on(Action::Since(3), AREA, &mut next);
    let [
        Request::Logs(LogsRequest::Stop(RequestId(1))),
        Request::Logs(LogsRequest::Follow { id: RequestId(2), source }),
    ] = outcome.requests.as_slice()
    else {
        panic!("{outcome:?}")
    };
    assert_eq!((source.since_s, source.tail_lines), (Some(300), None));
    let outcome = view.on(Action::PreviousLogs, AREA, &mut next);
    let [_, Request::Logs(LogsRequest::Follow { source, .. })] = outcome.requests.as_slice() else {
        panic!("{outcome:?}")
    };
    assert!(source.previous && !source.follow, "an ended container writes no more");
    let outcome = view.choose_container("sidecar", &mut next);
    let [_, Request::Logs(LogsRequest::Follow { source, .. })] = outcome.requests.as_slice() else {
        panic!("{outcome:?}")
    };
    assert_eq!(source.container, "sidecar");
    assert!(!view.on(Action::Since(9), AREA, &mut next).taken);
}

#[test]
fn the_engine_names_the_container_and_the_file_names_all() {
    let mut view = opened();
    let fleet = fleet(&view, LogStreamState::Following, LINES, 0);
    view.feed(&fleet);
    assert_eq!(view.containers().1, "api");
    assert_eq!(view.file_name(), "eu-west_payments_api-7d9f8c6b5d-8s2lq_api.log");
    assert!(view.text().starts_with("2026-11-21T14:01:59Z INFO listening"));
}

#[test]
fn numbers_are_grouped() {
    for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
        assert_eq!(thousands(number), text);
    }
}
