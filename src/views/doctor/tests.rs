use super::*;
use crate::model::cluster::Costs;
use crate::views::export::{style_runs, text};
use crate::views::fixture::{Fleet, NOW, act, cluster, context};
use crate::views::theme::BUILT_IN;
use crate::views::view::RequestIds;
use crate::views::{snapshot, theme_named};
use std::sync::Arc;

fn fleet(count: usize) -> Snapshot {
    let ago = |s: i64| UnixSeconds(NOW.0 - s);
    let states = [
        ("eu-west", ClusterState::Live),
        ("us-east", ClusterState::Live),
        ("ap-south", ClusterState::Stale { since: ago(95), why: "watch lost: connection reset".into() }),
        ("lab", ClusterState::AuthNeeded { hint: "run aws sso login --profile lab".into() }),
        ("sa-1", ClusterState::Unreachable { why: "connection refused".into(), since: ago(360) }),
        ("old", ClusterState::Listed),
    ];
    let mut clusters = std::collections::BTreeMap::new();
    for n in 0..count {
        let (name, state) = &states[n % states.len()];
        let name = if n < states.len() { (*name).to_owned() } else { format!("{name}-{n:03}") };
        let mut one = cluster(&name, state.clone());
        if *state == ClusterState::Live {
            one.costs = Costs { watches: 4, rows: 12_345, bytes: 9_876_543, relists: 2, errors: 1, ..Costs::default() };
        } else if state.since().is_some() {
            one.costs = Costs { errors: 17, attempts: 5, retry_at: Some(UnixSeconds(NOW.0 + 22)), ..Costs::default() };
        }
        clusters.insert(one.entry.name.clone(), Arc::new(one));
    }
    Snapshot { clusters: Arc::new(clusters), ..Snapshot::clone(&Fleet::default().snapshot()) }
}

fn drawn(doctor: &Doctor, snapshot: &Snapshot, size: (u16, u16), theme: &str) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    let (theme, ids) = (theme_named(theme), RequestIds::from(1));
    let process_bytes = Some(48 * 1024 * 1024);
    doctor.draw(&mut buffer, &ViewContext { process_bytes, ..context(snapshot, &theme, size, &ids) });
    buffer
}

#[test]
fn it_fits_each_screen() {
    let doctor = Doctor::default();
    for (name, count) in [("none", 0), ("some", 6), ("many", 120)] {
        for size in [(80, 24), (120, 40), (40, 10)] {
            let fleet = fleet(count);
            snapshot(&format!("doctor_{name}_{}x{}", size.0, size.1), &text(&drawn(&doctor, &fleet, size, "mono")));
        }
    }
    for (theme, _) in BUILT_IN {
        snapshot(&format!("doctor_style_{theme}"), &style_runs(&drawn(&doctor, &fleet(6), (80, 10), theme)));
    }
}

#[test]
fn the_last_page_is_full() {
    let fleet = fleet(120);
    let mut doctor = Doctor::default();
    act(&mut doctor, Action::BOTTOM, &fleet, &RequestIds::from(1));
    act(&mut doctor, Action::DOWN, &fleet, &RequestIds::from(1));
    let shown = text(&drawn(&doctor, &fleet, (80, 24), "mono"));
    assert!(shown.lines().last().is_some_and(|l| l.trim_start().starts_with("all")), "{shown}");
}

#[test]
fn sizes_are_short() {
    for (count, text) in [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (52_428_800, "50 MiB")] {
        assert_eq!(bytes(count), text);
    }
}
