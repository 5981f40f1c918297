use super::*;
use crate::model::cluster::{ClusterName, ClusterState};
use crate::model::kind::KindId;
use crate::views::export::{style_runs, text};
use crate::views::fixture::{Fleet, act, context, drawn, requests};
use crate::views::theme::BUILT_IN;
use crate::views::{snapshot, theme_named};
use std::collections::BTreeMap;

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
    LogView::open(pod(), "", false, &RequestIds::from(1)).0
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
    view.search("retrying", &context(&fleet, &theme_named("mono"), (80, 24), &RequestIds::from(1)));
    for (theme, _) in BUILT_IN {
        snapshot(&format!("logs_style_{theme}"), &style_runs(&drawn(&view, &fleet, (70, 8), theme)));
    }
}

#[test]
fn a_choice_ends_the_tail_and_starts_another() {
    let mut view = opened();
    let (ids, none) = (RequestIds::from(2), Snapshot::default());
    let sent = requests(act(&mut view, Action::new("since-3"), &none, &ids));
    let [
        Request::Logs(LogsRequest::Stop(RequestId(1))),
        Request::Logs(LogsRequest::Follow { id: RequestId(2), source }),
    ] = sent.as_slice()
    else {
        panic!("{sent:?}")
    };
    assert_eq!((source.since_s, source.tail_lines), (Some(300), None));
    let sent = requests(act(&mut view, Action::PREVIOUS_LOGS, &none, &ids));
    let [_, Request::Logs(LogsRequest::Follow { source, .. })] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(source.previous && !source.follow, "an ended container writes no more");
    let sent = requests(view.choose_container("sidecar", &ids));
    let [_, Request::Logs(LogsRequest::Follow { source, .. })] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(source.container, "sidecar");
    assert!(act(&mut view, Action::new("since-9"), &none, &ids).passed);
}

#[test]
fn the_engine_names_the_container_and_the_file_names_all() {
    let mut view = opened();
    let fleet = fleet(&view, LogStreamState::Following, LINES, 0);
    view.feed(&fleet);
    assert_eq!(view.source.container, "api");
    assert_eq!(view.file_name(), "eu-west_payments_api-7d9f8c6b5d-8s2lq_api.log");
    assert!(view.text().starts_with("2026-11-21T14:01:59Z INFO listening"));
}

#[test]
fn numbers_are_grouped() {
    for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
        assert_eq!(thousands(number), text);
    }
}
