//! Screens as text, and their styles once per theme.

use super::{VIEW, fleet, press, setup, type_line};
use crate::model::cluster::ClusterState;
use crate::model::time::UnixSeconds;
use crate::protocol::{Resolution, Shard, ShardState};
use crate::views::app::{App, Setup};
use crate::views::export::style_runs;
use crate::views::fixture::{Fleet, NOW, Pod, pod_columns, pod_shard, pods, shard};
use crate::views::msg::Msg;
use crate::views::theme::BUILT_IN;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (40, 10)];

pub(super) fn draw(app: &App, (columns, rows): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| app.view(frame)).unwrap();
    terminal
}

fn text(buffer: &Buffer) -> String {
    crate::views::export::text(buffer)
}

/// Draws the same state in all sizes and compares each with its picture.
fn check(name: &str, fleet: &Fleet, command: Option<&str>, keys: &str) {
    for size in SIZES {
        let mut app = App::new(setup(size, command));
        app.update(Msg::Snapshot(fleet.snapshot()));
        if !keys.is_empty() {
            press(&mut app, keys);
        }
        let terminal = draw(&app, size);
        crate::views::snapshot(&format!("{name}_{}x{}", size.0, size.1), &text(terminal.backend().buffer()));
    }
}

/// More rows and clusters than any screen has.
fn overfull() -> Fleet {
    let mut fleet = Fleet::default();
    for region in 0..50 {
        let name = format!("region-{region:02}-production");
        let names: Vec<String> = (0..5).map(|n| format!("service-with-a-long-name-{n}-7d9f8c6b5d-x2x4{n}")).collect();
        let list: Vec<Pod<'_>> = names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                let (n, status) = (u32::try_from(n).unwrap(), if n == 3 { "CrashLoopBackOff" } else { "Running" });
                ("a-namespace-of-some-length", name.as_str(), status, n * 1000, 100 + i64::from(n) * 86_400)
            })
            .collect();
        fleet = fleet.cluster(&name, ClusterState::Live).rows(VIEW, &name, &pods(), pod_shard(&name, &list));
    }
    fleet
}

/// Everything that can be wrong with a cluster or a list.
fn trouble() -> Fleet {
    let since = UnixSeconds(NOW.0 - 120);
    let one = |name: &str| pod_shard(name, &[("payments", "api-1", "Running", 0, 90_000)]);
    let with = |name: &str, state: ShardState| Shard { state, ..one(name) };
    Fleet::default()
        .cluster("a-stale", ClusterState::Stale { since, why: "watch lost".into() })
        .cluster("b-denied", ClusterState::Live)
        .cluster("c-listing", ClusterState::Live)
        .cluster("d-partial", ClusterState::Live)
        .cluster("e-without", ClusterState::Live)
        .cluster("f-connecting", ClusterState::Connecting)
        .cluster("g-auth", ClusterState::AuthNeeded { hint: "run `aws sso login --profile prod`".into() })
        .cluster("h-gone", ClusterState::Unreachable { since, why: "no route to host".into() })
        .cluster("i-denied", ClusterState::Denied { what: "everything".into() })
        .cluster("j-paused", ClusterState::Paused)
        .cluster("k-listed", ClusterState::Listed)
        .rows(VIEW, "a-stale", &pods(), with("a-stale", ShardState::Stale { since, why: "watch lost".into() }))
        .rows(VIEW, "b-denied", &pods(), shard_without_rows(ShardState::Denied { what: "pods is forbidden".into() }))
        .rows(VIEW, "c-listing", &pods(), with("c-listing", ShardState::Listing { received: 1, expected: Some(480) }))
        .rows(
            VIEW,
            "d-partial",
            &pods(),
            Shard { only: Some(std::sync::Arc::from(["payments".into()])), ..one("d-partial") },
        )
        .resolve(VIEW, "e-without", Resolution::NotServed)
}

fn shard_without_rows(state: ShardState) -> Shard {
    Shard { state, ..shard(pod_columns(), Vec::new()) }
}

/// Names as an attacker would choose them; the engine has cleaned them, the widths are ours to hold.
fn hostile() -> Fleet {
    let clean = |text: &str| crate::model::text::clean(text).into_owned();
    let names = [
        clean("\u{1b}[31mred\u{1b}[0m\u{202e}gnorw\u{7}"),
        "n".repeat(300),
        "漢字かな交じりの名前がここに続いていきます-7d9f8c6b5d".to_owned(),
        "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦-emoji-family-pod".to_owned(),
        clean("two\nlines\tand a tab"),
    ];
    let list: Vec<Pod<'_>> = names.iter().map(|n| ("ns-漢字", n.as_str(), "Running", 0, 60)).collect();
    Fleet::default().cluster("eu-west", ClusterState::Live).rows(VIEW, "eu-west", &pods(), pod_shard("eu-west", &list))
}

#[test]
fn the_fleet_in_all_sizes() {
    check("fleet_normal", &fleet(), None, "");
    check("fleet_empty", &Fleet::default(), None, "");
    check("fleet_overfull", &overfull(), None, "shift-g space");
    check("fleet_error", &trouble(), None, "ctrl-w");
}

#[test]
fn a_reason_that_is_over_gives_its_place_back() {
    let at = |state: ClusterState| Fleet::default().cluster("eu-west", state).cluster("us-east", ClusterState::Live);
    let why = "the connection was closed during the handshake, and nobody knows why that happened".into();
    let since = UnixSeconds(NOW.0 - 120);
    let mut app = App::new(setup((120, 20), None));
    let mut heading = |fleet: Fleet| {
        app.update(Msg::Snapshot(fleet.snapshot()));
        let screen = text(draw(&app, (120, 20)).backend().buffer());
        screen.lines().nth(1).unwrap_or_default().to_owned()
    };
    let before = heading(at(ClusterState::Live));
    assert!(before.contains("SOURCE"), "{before}");
    let meanwhile = heading(at(ClusterState::Unreachable { why, since }));
    assert!(before.contains("EXPIRY") && !meanwhile.contains("EXPIRY"), "{meanwhile}");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&heading(at(ClusterState::Live))), words(&before));
}

#[test]
fn the_pods_in_all_sizes() {
    let quiet = Fleet::default().cluster("eu-west", ClusterState::Live).rows(
        VIEW,
        "eu-west",
        &pods(),
        pod_shard("eu-west", &[]),
    );
    check("pods_normal", &fleet(), Some("pods"), "j space");
    check("pods_filtered", &fleet(), Some("pods /api !creating"), "shift-t");
    check("pods_empty", &quiet, Some("pods -n payments"), "");
    check("pods_nothing_passes", &fleet(), Some("pods /nonesuch"), "");
    check("pods_overfull", &overfull(), Some("pods"), "ctrl-f shift-s");
    check("pods_error", &trouble(), Some("pods"), "");
    check("pods_hostile", &hostile(), Some("pods"), "");
    check("pods_missing_overlay", &trouble(), Some("pods"), "m j");
    check("pods_columns_overlay", &fleet(), Some("pods"), ", j j j space");
    check("pods_wide_tabs_prompt", &fleet(), Some("pods"), "ctrl-w ctrl-t : d e p");
}

#[test]
fn a_kind_that_nothing_serves_says_so() {
    let none = Fleet::default().cluster("lab", ClusterState::Live).resolve(VIEW, "lab", Resolution::NotServed);
    check("resources_not_served", &none, Some("certificates.cert-manager.io"), "");
}

#[test]
fn the_smallest_terminals_are_harmless() {
    for size in [(1, 1), (2, 1), (1, 5), (3, 3), (10, 2)] {
        let mut app = App::new(setup(size, Some("pods")));
        app.update(Msg::Snapshot(fleet().snapshot()));
        for keys in ["m", "esc", ",", "esc", "/ a", "esc", ": x", "esc", "ctrl-t"] {
            press(&mut app, keys);
            draw(&app, size);
        }
    }
}

#[test]
fn every_theme_means_something_by_every_style() {
    for (theme, _) in BUILT_IN {
        let setup = Setup { theme: Some((*theme).to_owned()), ..setup((80, 24), Some("pods")) };
        let mut app = App::new(setup);
        app.update(Msg::Snapshot(fleet().snapshot()));
        press(&mut app, "space /");
        type_line(&mut app, "api");
        let terminal = draw(&app, (80, 24));
        crate::views::snapshot(&format!("pods_style_{theme}"), &style_runs(terminal.backend().buffer()));
    }
}

#[test]
fn without_color_the_state_is_still_there() {
    let setup = Setup { depth: crate::views::theme::Depth::None, ..setup((80, 24), Some("pods")) };
    let mut app = App::new(setup);
    app.update(Msg::Snapshot(fleet().snapshot()));
    let terminal = draw(&app, (80, 24));
    let buffer = terminal.backend().buffer();
    let colored = buffer.content.iter().any(|c| {
        let plain = |c| c == ratatui::style::Color::Reset;
        !plain(c.fg) || !plain(c.bg)
    });
    assert!(!colored);
    assert!(text(buffer).contains("✗ CrashLoopBackOff"));
}
