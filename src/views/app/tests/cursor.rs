//! The cursor holds one object: what a key opens is what was read.

use super::{
    App, Effect, Fleet, Msg, Request, VIEW, at_pods, fleet, message, names, press, screen, selected, setup, type_line,
};
use crate::model::cell::{Cell, Column};
use crate::model::cluster::ClusterState;
use crate::model::kind::KindId;
use crate::model::object::Row;
use crate::model::time::UnixSeconds;
use crate::protocol::{DocumentRequest, Shard, ShardState};
use crate::views::fixture::{NOW, deployment_shard, pod, pod_shard, pods, shard};
use std::sync::Arc;

/// Two clusters: `b` has its rows, the list of `a`, which sort before them, is as said.
fn two(a: ShardState, rows_of_a: &[&str]) -> Fleet {
    let rows = |names: &[&str]| names.iter().map(|name| pod("a", ("payments", name, "Running", 0, 9))).collect();
    let first = Shard { state: a, ..shard(crate::views::fixture::pod_columns(), rows(rows_of_a)) };
    Fleet::default()
        .cluster("a", ClusterState::Live)
        .cluster("b", ClusterState::Live)
        .rows(VIEW, "a", &pods(), first)
        .rows(
            VIEW,
            "b",
            &pods(),
            pod_shard("b", &[("payments", "m-1", "Running", 0, 9), ("web", "n-1", "Running", 0, 9)]),
        )
}

fn listing() -> ShardState {
    ShardState::Listing { received: 0, expected: None }
}

fn take(app: &mut App, fleet: &Fleet) {
    app.update(Msg::Snapshot(fleet.snapshot()));
}

fn opened(effects: &[Effect]) -> Option<String> {
    effects.iter().find_map(|effect| {
        let Effect::Send(Request::Document(DocumentRequest::Open { object, .. })) = effect else { return None };
        Some(object.name.to_string())
    })
}

fn cursor_line(app: &App) -> String {
    screen(app).lines().find(|line| line.starts_with(" ▸")).unwrap_or_default().to_owned()
}

/// R19: the first row is held as any other, though nobody moved the cursor.
#[test]
fn new_rows_do_not_slide_under_a_cursor_that_nobody_moved() {
    let mut app = at_pods();
    let read = cursor_line(&app);
    assert!(read.contains("api-5c9b7f4d66-pq9zt"), "{read}");
    let more = pod_shard("lab", &[("a", "aaa", "Running", 0, 1)]);
    take(&mut app, &fleet().rows(VIEW, "lab", &pods(), more));
    assert_eq!(selected(&app), "api-5c9b7f4d66-pq9zt");
    assert!(cursor_line(&app).contains("api-5c9b7f4d66-pq9zt"));
    assert_eq!(opened(&press(&mut app, "d")).unwrap(), "api-5c9b7f4d66-pq9zt");
}

/// R19: while the first rows come there is no cursor, so that no key opens what slid under it; the table stays at its top.
#[test]
fn the_cursor_comes_with_the_last_of_the_first_lists() {
    let mut app = App::new(setup((120, 20), Some("pods")));
    take(&mut app, &two(listing(), &[]));
    assert_eq!(names(&app).len(), 2);
    assert_eq!(cursor_line(&app), "", "rows that sort before these are on their way");
    assert_eq!(opened(&press(&mut app, "d")), None);
    assert_eq!(message(&app), "rows are still loading; j or ↓ puts the cursor on one");
    take(&mut app, &two(ShardState::Live, &["a-1"]));
    assert!(cursor_line(&app).contains("a-1"), "{}", screen(&app));
    assert_eq!(opened(&press(&mut app, "d")).unwrap(), "a-1");
}

/// R19: a cluster that is slow to list does not keep the cursor away for long, and its rows go around it then.
#[test]
fn the_cursor_waits_for_slow_clusters_a_moment_only() {
    let mut app = App::new(setup((120, 20), Some("pods")));
    take(&mut app, &two(listing(), &[]));
    assert_eq!(app.next_change(), Some(1), "it wakes by itself");
    app.update(Msg::Tick(UnixSeconds(NOW.0 + 1)));
    assert_eq!(cursor_line(&app), "");
    app.update(Msg::Tick(UnixSeconds(NOW.0 + 2)));
    assert!(cursor_line(&app).contains("m-1"), "{}", screen(&app));
    take(&mut app, &two(ShardState::Live, &["a-1", "a-2"]));
    assert!(cursor_line(&app).contains("m-1"), "{}", screen(&app));
}

/// R19: a move puts the cursor on a row at once, also while rows load.
#[test]
fn a_move_puts_the_cursor_on_a_row_while_rows_load() {
    let mut app = App::new(setup((120, 20), Some("pods")));
    take(&mut app, &two(listing(), &[]));
    press(&mut app, "g");
    assert_eq!(selected(&app), "m-1");
    take(&mut app, &two(ShardState::Live, &["a-1"]));
    assert_eq!(selected(&app), "m-1");
}

/// R19: sort and filter keep the object; one that is filtered away gives the cursor to the next in order.
#[test]
fn sort_and_filter_keep_the_object_or_the_one_next_to_it() {
    let mut app = at_pods();
    press(&mut app, "shift-t shift-t");
    assert_eq!(selected(&app), "api-5c9b7f4d66-pq9zt", "131, 9, 2, 0");
    press(&mut app, "/ f r o n t");
    assert_eq!(selected(&app), "front-5c9b7f4d66-aaaaa");
    press(&mut app, "esc g / x 2 x");
    assert_eq!(selected(&app), "api-7d9f8c6b5d-x2x4z");
    assert_eq!(message(&app), "", "the user filters, and knows why the cursor moved");
}

/// R19: when the object goes away the cursor goes to the row beside it, and says so: the next key means another object.
#[test]
fn the_cursor_says_that_it_left_an_object_that_is_gone() {
    let mut app = at_pods();
    press(&mut app, "j");
    let gone = selected(&app);
    assert_eq!(gone, "api-7d9f8c6b5d-8s2lq");
    let rest = [
        ("payments", "api-7d9f8c6b5d-x2x4z", "Running", 0, 300_000),
        ("web", "front-5c9b7f4d66-aaaaa", "Running", 2, 900_000),
    ];
    take(&mut app, &fleet().rows(VIEW, "eu-west", &pods(), pod_shard("eu-west", &rest)));
    assert_eq!(selected(&app), "api-7d9f8c6b5d-x2x4z");
    assert_eq!(message(&app), "api-7d9f8c6b5d-8s2lq is gone; the cursor is on api-7d9f8c6b5d-x2x4z");
}

/// R19: an object that stops passing the filter is not said to be gone.
#[test]
fn the_cursor_says_that_its_object_does_not_pass_any_more() {
    let mut app = at_pods();
    let crashes = |status| {
        let rows = [("payments", "api-a", status, 1, 60), ("payments", "api-b", "CrashLoopBackOff", 1, 60)];
        fleet().rows(VIEW, "eu-west", &pods(), pod_shard("eu-west", &rows))
    };
    take(&mut app, &crashes("CrashLoopBackOff"));
    press(&mut app, "ctrl-z g");
    take(&mut app, &crashes("Running"));
    assert_eq!(message(&app), "api-a no longer passes the filter; the cursor is on api-b");
}

/// R19: a snapshot that still answers the question before shows no row under the new title.
#[test]
fn rows_of_the_view_before_are_not_shown_under_the_new_title() {
    let mut app = at_pods();
    press(&mut app, ":");
    type_line(&mut app, "deployments");
    assert!(names(&app).is_empty(), "{:?}", names(&app));
    let deployments = KindId::new("apps", "Deployment");
    let shard = deployment_shard("eu-west", &[("payments", "api", "app=api")]);
    take(&mut app, &Fleet::default().cluster("eu-west", ClusterState::Live).rows(VIEW, "eu-west", &deployments, shard));
    assert_eq!(selected(&app), "api");
    assert_eq!(message(&app), "");
}

/// R19: equal events are one row, whichever of them is the newest: the cursor stays on it.
#[test]
fn the_cursor_stays_on_an_event_that_happens_again() {
    let event = |name: &str, seen: i64, object: &str| {
        let cells =
            [Cell::Since(UnixSeconds(NOW.0 - seen)), Cell::text("Warning"), Cell::text("BackOff"), Cell::text(object)];
        let cells = cells.into_iter().chain([Cell::Int(1), Cell::text("back-off")]).collect();
        Arc::new(Row { cells, ..Row::clone(&pod("eu-west", ("payments", name, "", 0, 0))) })
    };
    let with = |rows: Vec<Arc<Row>>| {
        let columns = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "COUNT", "MESSAGE"].map(Column::new);
        let kind = KindId::new("", "Event");
        let shard = shard(columns.to_vec().into(), rows);
        Fleet::default().cluster("eu-west", ClusterState::Live).rows(VIEW, "eu-west", &kind, shard)
    };
    let mut app = App::new(setup((120, 20), Some("events")));
    take(&mut app, &with(vec![event("a", 10, "pod/api"), event("b", 20, "pod/web")]));
    press(&mut app, "j");
    assert!(cursor_line(&app).contains("pod/web"), "{}", screen(&app));
    let again = with(vec![event("a", 10, "pod/api"), event("b", 20, "pod/web"), event("c", 1, "pod/web")]);
    // One revision later, as the engine counts them.
    take(
        &mut app,
        &again.cluster("lab", ClusterState::Listed).rows(VIEW, "eu-west", &KindId::new("", "Event"), {
            let columns = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "COUNT", "MESSAGE"].map(Column::new);
            shard(
                columns.to_vec().into(),
                vec![event("a", 10, "pod/api"), event("b", 20, "pod/web"), event("c", 1, "pod/web")],
            )
        }),
    );
    assert!(cursor_line(&app).contains("pod/web"), "{}", screen(&app));
    assert!(!message(&app).contains("gone"), "{}", message(&app));
}
