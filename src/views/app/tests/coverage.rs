//! What the screen says of clusters that a view does not show.

use super::{App, Effect, Msg, Request, VIEW, fleet, interests, names, press, setup, type_line};
use crate::model::cluster::ClusterState;
use crate::model::time::UnixSeconds;
use crate::protocol::{ClusterRequest, Shard, ShardState};
use crate::views::fixture::{Fleet, NOW, pod_shard, pods};

fn lines(app: &App, size: (u16, u16)) -> Vec<String> {
    let terminal = super::screens::draw(app, size);
    crate::views::export::text(terminal.backend().buffer()).lines().map(str::to_owned).collect()
}

fn open(fleet: &Fleet, command: Option<&str>, size: (u16, u16)) -> App {
    let mut app = App::new(setup(size, command));
    app.update(Msg::Snapshot(fleet.snapshot()));
    app
}

fn shard(cluster: &str) -> Shard {
    pod_shard(cluster, &[("payments", "api-1", "Running", 0, 90)])
}

/// One connected cluster and so many that nobody connected.
fn mostly_listed(listed: usize) -> Fleet {
    let mut fleet =
        Fleet::default().cluster("demo-000", ClusterState::Live).rows(VIEW, "demo-000", &pods(), shard("demo-000"));
    for n in 1..=listed {
        fleet = fleet.cluster(&format!("demo-{n:03}"), ClusterState::Listed);
    }
    fleet
}

/// Six connected clusters, of which one was disconnected a minute ago.
fn one_disconnected() -> Fleet {
    let mut fleet = Fleet::default();
    for name in ["ap-south", "eu-west", "lab", "sa-1", "us-east", "us-west"] {
        let is_gone = name == "ap-south";
        let state = if is_gone { ClusterState::Paused } else { ClusterState::Live };
        let since = UnixSeconds(NOW.0 - 60);
        let kept = ShardState::Stale { since, why: "disconnected".into() };
        let shard = Shard { state: if is_gone { kept } else { ShardState::Live }, ..shard(name) };
        fleet = fleet.cluster(name, state).rows(VIEW, name, &pods(), shard);
    }
    fleet
}

/// B1: a view of all clusters counts those that nobody connected, and says how to connect them.
#[test]
fn clusters_that_nobody_connected_are_missing_from_a_view_of_all() {
    let app = open(&mostly_listed(59), Some("pods -A"), (120, 40));
    let screen = lines(&app, (120, 40));
    assert!(screen[0].contains("1/60 clusters · 1 row "), "{}", screen[0]);
    assert_eq!(screen[38], " 59 clusters not connected · o in :clusters, or :connect *");
}

/// B1: the list of what is missing stays readable, and `enter` connects what it names.
#[test]
fn many_that_nobody_connected_are_one_entry() {
    let mut app = open(&mostly_listed(59), Some("pods -A"), (120, 40));
    press(&mut app, "m");
    let screen = lines(&app, (120, 40));
    let entry: Vec<&String> = screen.iter().filter(|line| line.contains("59 clusters  not connected")).collect();
    assert_eq!(entry.len(), 1, "{screen:#?}");
    assert!(entry[0].contains("not connected · :connect * · demo-001, demo-002"), "{}", entry[0]);
    assert!(screen.iter().any(|line| line.contains("demo-024 and 35 more")), "{screen:#?}");
    let effects = press(&mut app, "enter");
    assert!(
        matches!(effects.as_slice(), [Effect::Send(Request::Cluster(ClusterRequest::Connect(all)))] if all.len() == 59)
    );
}

/// B1: a disconnected cluster keeps its rows in a view of all, is not counted as complete, and is named.
#[test]
fn a_disconnected_cluster_keeps_its_rows_and_is_named() {
    let fleet_before = one_disconnected().cluster("ap-south", ClusterState::Live);
    let mut app = open(&fleet_before, Some("pods"), (120, 20));
    let after = app.update(Msg::Snapshot(one_disconnected().snapshot()));
    assert!(interests(&after.effects).is_empty(), "what is watched stays: its rows with it");
    assert_eq!(names(&app).len(), 6);
    let screen = lines(&app, (120, 20));
    assert!(screen[0].contains("5/6 clusters · 6 rows"), "{}", screen[0]);
    let footer = " 1 cluster not connected: ap-south (disconnected; its rows are 60s old) · o in :clusters, or :connect ap-south";
    assert_eq!(screen[18], footer);
    press(&mut app, "m");
    let screen = lines(&app, (120, 20)).join("\n");
    assert!(screen.contains("· ap-south  disconnected; its rows are 60s old · :connect ap-south"), "{screen}");
}

/// B1: the same holds where the scope is a pattern.
#[test]
fn a_pattern_counts_what_it_matches_connected_or_not() {
    let app = open(&mostly_listed(59), Some("pods @demo-00*"), (80, 24));
    let screen = lines(&app, (80, 24));
    assert!(screen[0].contains("1/10 clusters"), "{}", screen[0]);
    assert_eq!(screen[22], " 9 clusters not connected · o in :clusters, or :connect demo-00*");
}

/// B1: trouble comes first, and what nobody connected is counted beside it.
#[test]
fn trouble_does_not_hide_what_nobody_connected() {
    let fleet = fleet().cluster("z-1", ClusterState::Listed).cluster("z-2", ClusterState::Listed);
    let app = open(&fleet, Some("pods"), (120, 20));
    let screen = lines(&app, (120, 20));
    assert!(screen[0].contains("2/6 clusters"), "{}", screen[0]);
    assert!(screen[17].starts_with(" 2 clusters incomplete: "), "{}", screen[17]);
    assert!(screen[17..=18].concat().ends_with("2 not connected"), "{}", screen[18]);
}

/// B1: where nothing is connected, the empty table says what to do; it does not blame a cluster.
#[test]
fn nothing_connected_is_said_with_the_next_step() {
    let fleet = Fleet::default().cluster("a", ClusterState::Listed).cluster("b", ClusterState::Paused);
    let app = open(&fleet, Some("pods"), (80, 24));
    let screen = lines(&app, (80, 24)).join("\n");
    assert!(screen.contains("No cluster in @all is connected."), "{screen}");
    assert!(screen.contains("o in :clusters connects one; :connect *"), "{screen}");
}

/// B1: the header of a narrowed list of clusters counts the clusters in it.
#[test]
fn the_clusters_of_a_scope_are_counted_within_it() {
    let mut app = open(&mostly_listed(59), Some("clusters @demo-00*"), (120, 20));
    assert!(lines(&app, (120, 20))[0].contains("1/10 live"), "{}", lines(&app, (120, 20))[0]);
    press(&mut app, ":");
    type_line(&mut app, "clusters");
    assert!(lines(&app, (120, 20))[0].contains("1/60 live"));
}

/// B1: of the clusters themselves, `m` lists those that are not live.
#[test]
fn the_list_of_clusters_names_those_that_are_not_live() {
    let why = "x509: certificate signed by unknown authority ".repeat(6);
    let unreachable = ClusterState::Unreachable { since: UnixSeconds(NOW.0 - 60), why: why.trim().into() };
    let fleet = Fleet::default().cluster("eu-west", ClusterState::Live).cluster("sa-1", unreachable);
    let mut app = open(&fleet, Some("clusters"), (80, 24));
    press(&mut app, "m");
    let text = lines(&app, (80, 24)).join("\n");
    assert!(text.contains("missing from this view") && text.contains("sa-1"), "{text}");
    assert_eq!(text.matches("unknown").count(), 6, "the whole reason: {text}");
}

/// B1: a kind that no connected cluster serves may be served by one that nobody connected.
#[test]
fn an_unknown_kind_is_of_the_connected_clusters() {
    let mut app = open(&mostly_listed(5), Some("pods -A"), (120, 40));
    press(&mut app, ":");
    type_line(&mut app, "nosuchkind");
    assert!(super::message(&app).starts_with("no connected cluster serves nosuchkind"), "{}", super::message(&app));
}
