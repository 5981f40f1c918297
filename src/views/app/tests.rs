//! The update loop driven by scripted keys.

mod changes;
mod coverage;
mod cursor;
mod filters;
mod mouse;
mod pages;
mod reasons;
mod refused;
mod routes;
mod screens;
mod themes;

use super::{App, Setup};
use crate::model::cluster::{ClusterName, ClusterState};
use crate::model::kind::KindId;
use crate::model::time::UnixSeconds;
use crate::protocol::{ClusterRequest, Interest, Request, ViewId};
use crate::views::fixture::{Fleet, NOW, deployment_shard, pod_shard, pods};
use crate::views::keymap::{Context, Key, Keymap, parse_sequence};
use crate::views::msg::{Effect, Mouse, MouseAction, Msg};
use crate::views::place::Source;
use crate::views::session::SessionState;
use crate::views::theme::Depth;
use crate::views::theme::file::Themes;

const VIEW: ViewId = ViewId(1);

/// Two live clusters with pods, one that is down, one that wants a login.
pub(super) fn fleet() -> Fleet {
    let down = ClusterState::Unreachable { why: "connection refused".into(), since: UnixSeconds(NOW.0 - 360) };
    Fleet::default()
        .cluster("eu-west", ClusterState::Live)
        .cluster("us-east", ClusterState::Live)
        .cluster("sa-1", down)
        .cluster("lab", ClusterState::AuthNeeded { hint: "run aws sso login".into() })
        .rows(
            VIEW,
            "eu-west",
            &pods(),
            pod_shard(
                "eu-west",
                &[
                    ("payments", "api-7d9f8c6b5d-x2x4z", "Running", 0, 300_000),
                    ("payments", "api-7d9f8c6b5d-8s2lq", "CrashLoopBackOff", 131, 15_000),
                    ("web", "front-5c9b7f4d66-aaaaa", "Running", 2, 900_000),
                ],
            ),
        )
        .rows(
            VIEW,
            "us-east",
            &pods(),
            pod_shard("us-east", &[("payments", "api-5c9b7f4d66-pq9zt", "ContainerCreating", 9, 12)]),
        )
}

pub(super) fn setup(size: (u16, u16), command: Option<&str>) -> Setup {
    Setup {
        themes: Themes::default(),
        theme: None,
        depth: Depth::True,
        keymap: Keymap::default(),
        session: SessionState::default(),
        command: command.map(str::to_owned),
        utc_offset_s: 0,
        now: NOW,
        size,
    }
}

/// An app at the pods of the fleet.
fn at_pods() -> App {
    let mut app = App::new(setup((120, 20), Some("pods")));
    app.update(Msg::Snapshot(fleet().snapshot()));
    app
}

pub(super) fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    let keys = parse_sequence(keys).unwrap();
    keys.into_iter().flat_map(|key| app.update(Msg::Key(key)).effects).collect()
}

fn type_line(app: &mut App, text: &str) -> Vec<Effect> {
    let keys = text.chars().map(Key::char).chain([Key::parse("enter").unwrap()]);
    keys.flat_map(|key| app.update(Msg::Key(key)).effects).collect()
}

fn names(app: &App) -> Vec<String> {
    app.tab().unwrap().listing.rows().iter().map(|(row, _)| row.name.to_string()).collect()
}

fn selected(app: &App) -> String {
    app.tab().unwrap().listing.selected().unwrap().name.to_string()
}

fn message(app: &App) -> &str {
    app.status.message().map_or("", |m| &m.text)
}

fn interests(effects: &[Effect]) -> Vec<&Interest> {
    let subscriptions = effects.iter().filter_map(|e| {
        let Effect::Send(Request::Cluster(ClusterRequest::Subscribe { interests, .. })) = e else { return None };
        Some(interests)
    });
    subscriptions.flatten().collect()
}

#[test]
fn the_cursor_stays_on_its_object_when_rows_come_and_go() {
    let mut app = at_pods();
    press(&mut app, "j j");
    let before = selected(&app);
    let more = pod_shard("lab", &[("a", "aaa", "Running", 0, 1), ("b", "bbb", "Running", 0, 1)]);
    app.update(Msg::Snapshot(fleet().rows(VIEW, "lab", &pods(), more).snapshot()));
    assert_eq!(selected(&app), before);
    app.update(Msg::Snapshot(fleet().snapshot()));
    assert_eq!(selected(&app), before);
}

#[test]
fn a_filter_applies_as_it_is_typed_and_esc_takes_it_away() {
    let mut app = at_pods();
    press(&mut app, "/ f r o n");
    assert_eq!(names(&app), ["front-5c9b7f4d66-aaaaa"]);
    press(&mut app, "esc");
    assert_eq!(names(&app).len(), 4);
    press(&mut app, "/");
    type_line(&mut app, "restarts>5");
    assert_eq!(names(&app), ["api-5c9b7f4d66-pq9zt", "api-7d9f8c6b5d-8s2lq"]);
    press(&mut app, "esc");
    assert_eq!(names(&app).len(), 4);
}

#[test]
fn only_faults_are_shown_on_demand() {
    let mut app = at_pods();
    press(&mut app, "ctrl-z");
    assert_eq!(names(&app), ["api-7d9f8c6b5d-8s2lq"]);
    press(&mut app, "ctrl-z");
    assert_eq!(names(&app).len(), 4);
}

#[test]
fn a_sort_is_typed_turns_round_and_is_remembered_for_its_kind() {
    let mut app = at_pods();
    press(&mut app, "shift-t");
    let up = ["api-7d9f8c6b5d-x2x4z", "front-5c9b7f4d66-aaaaa", "api-5c9b7f4d66-pq9zt", "api-7d9f8c6b5d-8s2lq"];
    assert_eq!(names(&app), up, "0, 2, 9, 131");
    press(&mut app, "shift-t");
    assert_eq!(names(&app).first().map(String::as_str), Some("api-7d9f8c6b5d-8s2lq"));
    press(&mut app, ":");
    type_line(&mut app, "clusters");
    press(&mut app, ":");
    type_line(&mut app, "pods");
    app.update(Msg::Snapshot(fleet().snapshot()));
    assert_eq!(names(&app).first().map(String::as_str), Some("api-7d9f8c6b5d-8s2lq"));
}

#[test]
fn marks_survive_filter_and_sort() {
    let mut app = at_pods();
    press(&mut app, "space space");
    press(&mut app, "/");
    type_line(&mut app, "front");
    press(&mut app, "shift-s");
    assert_eq!(app.tab().unwrap().listing.marks.len(), 2);
    press(&mut app, "ctrl-\\");
    assert!(app.tab().unwrap().listing.marks.is_empty());
}

#[test]
fn a_command_changes_kind_scope_namespace_and_filter_at_once() {
    let mut app = at_pods();
    press(&mut app, ":");
    let effects = type_line(&mut app, "deploy -n payments @eu-*,lab /api");
    let interests = interests(&effects);
    assert_eq!(interests.len(), 1);
    assert_eq!(interests[0].resource, "deploy");
    assert_eq!(interests[0].clusters.iter().map(ClusterName::as_str).collect::<Vec<_>>(), ["eu-west", "lab"]);
    assert_eq!(&*interests[0].namespaces, ["payments"]);
    let place = &app.tab().unwrap().listing.place;
    assert_eq!((place.filter.as_str(), place.scope.namespaces.as_slice()), ("api", &["payments".into()][..]));
}

#[test]
fn a_selector_goes_to_the_servers_once_it_is_typed() {
    let mut app = at_pods();
    press(&mut app, "/");
    let keys: Vec<Key> = "-l app=api".chars().map(Key::char).collect();
    let typing: Vec<Effect> = keys.into_iter().flat_map(|key| app.update(Msg::Key(key)).effects).collect();
    assert!(interests(&typing).is_empty());
    assert_eq!(names(&app).len(), 3, "judged here meanwhile");
    let done = press(&mut app, "enter");
    assert_eq!(interests(&done)[0].selector, "app=api");
}

#[test]
fn what_cannot_be_shown_is_refused_with_the_next_step() {
    let mut app = at_pods();
    press(&mut app, ":");
    type_line(&mut app, "podz");
    // Clusters that nobody connected may serve it.
    assert_eq!(message(&app), "no connected cluster serves podz; did you mean :pods?");
    press(&mut app, ":");
    type_line(&mut app, "pods @nowhere");
    assert_eq!(message(&app), "no cluster or group is called nowhere; :clusters shows them all");
    assert_eq!(app.tab().unwrap().listing.place.source, Source::Resources("pods".into()));
}

#[test]
fn enter_drills_and_esc_restores_sort_filter_and_cursor() {
    let deployments = KindId::new("apps", "Deployment");
    let shard = || deployment_shard("eu-west", &[("payments", "api", "app=api"), ("web", "front", "app=front")]);
    let with = || Fleet::default().cluster("eu-west", ClusterState::Live).rows(VIEW, "eu-west", &deployments, shard());
    let mut app = App::new(setup((120, 20), Some("deployments")));
    app.update(Msg::Snapshot(with().snapshot()));
    press(&mut app, "shift-n shift-n j");
    assert_eq!(selected(&app), "api");
    press(&mut app, "enter");
    app.update(Msg::Snapshot(fleet().snapshot()));
    assert_eq!(names(&app), ["api-7d9f8c6b5d-8s2lq", "api-7d9f8c6b5d-x2x4z"], "by labels, in its cluster only");
    press(&mut app, "esc");
    app.update(Msg::Snapshot(with().snapshot()));
    assert_eq!(names(&app), ["front", "api"]);
    assert_eq!(selected(&app), "api");
}

#[test]
fn history_walks_both_ways_and_switches_between_the_last_two() {
    let mut app = App::new(setup((120, 20), None));
    app.update(Msg::Snapshot(fleet().snapshot()));
    let source = |app: &App| app.tab().unwrap().listing.place.source.name().to_owned();
    for line in ["pods", "nodes"] {
        press(&mut app, ":");
        type_line(&mut app, line);
    }
    press(&mut app, "[");
    assert_eq!(source(&app), "pods");
    press(&mut app, "[");
    assert_eq!(source(&app), "clusters");
    press(&mut app, "] ]");
    assert_eq!(source(&app), "nodes");
    press(&mut app, "-");
    assert_eq!(source(&app), "pods");
    press(&mut app, "-");
    assert_eq!(source(&app), "nodes");
}

#[test]
fn a_cluster_opens_its_pods_and_a_marked_few_open_together() {
    let mut app = App::new(setup((120, 20), None));
    app.update(Msg::Snapshot(fleet().snapshot()));
    let effects = press(&mut app, "enter");
    assert_eq!(interests(&effects)[0].clusters.iter().map(ClusterName::as_str).collect::<Vec<_>>(), ["eu-west"]);
    press(&mut app, "esc space space k");
    let effects = press(&mut app, "enter");
    assert_eq!(interests(&effects)[0].clusters.len(), 2);
}

#[test]
fn connecting_disconnecting_and_retrying_name_the_clusters() {
    let mut app = App::new(setup((120, 20), None));
    app.update(Msg::Snapshot(fleet().snapshot()));
    assert!(
        matches!(press(&mut app, "o").as_slice(), [Effect::Send(Request::Cluster(ClusterRequest::Connect(c)))] if c.len() == 1)
    );
    assert!(
        matches!(press(&mut app, "p").as_slice(), [Effect::Send(Request::Cluster(ClusterRequest::Pause(c)))] if c.len() == 1)
    );
    assert!(
        matches!(press(&mut app, "space space r").as_slice(), [Effect::Send(Request::Cluster(ClusterRequest::Retry(c)))] if c.len() == 2)
    );
    assert_eq!(message(&app), "trying again: 2 clusters");
}

#[test]
fn tabs_have_their_own_place_and_their_own_watches() {
    let mut app = at_pods();
    let effects = press(&mut app, "ctrl-t");
    assert_eq!(interests(&effects).len(), 1);
    press(&mut app, ":");
    type_line(&mut app, "nodes");
    press(&mut app, "tab");
    assert_eq!(app.tab().unwrap().listing.place.source.name(), "pods");
    press(&mut app, "shift-tab");
    assert_eq!(app.tab().unwrap().listing.place.source.name(), "nodes");
    let effects = press(&mut app, "ctrl-q");
    assert!(
        matches!(effects.as_slice(), [Effect::Send(Request::Cluster(ClusterRequest::Subscribe { interests, .. }))] if interests.is_empty())
    );
    assert_eq!(app.tab().unwrap().listing.place.source.name(), "pods");
}

#[test]
fn a_frozen_screen_stands_still_and_catches_up() {
    let mut app = at_pods();
    press(&mut app, "z");
    let more = fleet().rows(VIEW, "lab", &pods(), pod_shard("lab", &[("a", "new", "Running", 0, 1)]));
    assert!(!app.update(Msg::Snapshot(more.snapshot())).draw);
    assert_eq!(names(&app).len(), 4);
    press(&mut app, "z");
    assert_eq!(names(&app).len(), 5);
}

#[test]
fn the_next_start_finds_the_session_again() {
    let mut app = at_pods();
    press(&mut app, "shift-t / a p i enter ctrl-t :");
    type_line(&mut app, "nodes @eu-west");
    let text = serde_json::to_string(&app.session()).unwrap();
    let session: SessionState = serde_json::from_str(&text).unwrap();
    let again = App::new(Setup { session, ..setup((120, 20), None) });
    let place = |at: usize| again.tabs[at].listing.place.clone();
    assert_eq!((again.tabs.len(), again.active), (2, 1));
    assert_eq!((place(0).filter.as_str(), place(0).source.name()), ("api", "pods"));
    assert_eq!(place(0).sort, app.tabs[0].listing.place.sort);
    assert_eq!((place(1).source.name(), place(1).scope.clusters_title().as_str()), ("nodes", "@eu-west"));
}

#[test]
fn the_line_completes_and_remembers() {
    let mut app = at_pods();
    press(&mut app, ": d e p tab");
    assert_eq!(app.prompt.as_ref().unwrap().text(), "deployments");
    press(&mut app, "enter :");
    press(&mut app, "up");
    assert_eq!(app.prompt.as_ref().unwrap().text(), "deployments");
    press(&mut app, "esc");
    assert_eq!(app.context(), Context::new("table"));
    press(&mut app, ":");
    app.update(Msg::Paste("pods @eu\nx".to_owned()));
    assert_eq!(app.prompt.as_ref().unwrap().text(), "pods @eu x");
}

#[test]
fn an_age_wakes_the_screen_when_it_next_reads_differently() {
    let with_pod_of = |seconds| {
        let shard = pod_shard("eu-west", &[("a", "pod", "Running", 0, seconds)]);
        let fleet = Fleet::default().cluster("eu-west", ClusterState::Live).rows(VIEW, "eu-west", &pods(), shard);
        let mut app = App::new(setup((120, 20), Some("pods")));
        app.update(Msg::Snapshot(fleet.snapshot()));
        app
    };
    assert_eq!(with_pod_of(12).next_change(), Some(1));
    assert_eq!(with_pod_of(15_000).next_change(), Some(60));
    assert_eq!(at_pods().next_change(), Some(1), "a cluster that is down for 6 m counts seconds too");
}

proptest::proptest! {
    #[test]
    fn no_sequence_of_keys_breaks_the_screen(
        keys in proptest::collection::vec(0..POOL.len(), 0..60),
        columns in 1_u16..130,
        rows in 1_u16..30,
    ) {
        let mut app = App::new(setup((columns, rows), Some("pods")));
        app.update(Msg::Snapshot(fleet().snapshot()));
        for key in keys {
            app.update(Msg::Key(Key::parse(POOL[key]).unwrap()));
        }
        screens::draw(&app, (columns, rows));
    }
}

const POOL: &[&str] = &[
    "j",
    "k",
    "g",
    "shift-g",
    "ctrl-f",
    "ctrl-b",
    "h",
    "right",
    "enter",
    "esc",
    "/",
    ":",
    "a",
    "p",
    "0",
    "1",
    "[",
    "]",
    "-",
    "space",
    "ctrl-z",
    "ctrl-w",
    "ctrl-t",
    "tab",
    "ctrl-q",
    "m",
    ",",
    "shift-t",
    "<",
    ">",
    "shift-i",
    "z",
    "v",
    "shift-j",
    "o",
    "ctrl-\\",
    "~",
    "!",
    "ctrl-r",
    "c",
    "backspace",
    "up",
    "down",
];

/// The fleet with a proxy that is attached.
fn with_proxy() -> std::sync::Arc<crate::protocol::Snapshot> {
    use crate::model::proxy::{Exchange, Routes, UpstreamFacts};
    use crate::protocol::{ProxyAt, ProxyLink, ProxySnapshot, Snapshot};
    let upstream = |name: &str| UpstreamFacts { name: name.into(), ..UpstreamFacts::default() };
    let exchange = |number, uri: &str| Exchange { number, uri: uri.into(), code: 200, ..Exchange::default() };
    let routes = Routes {
        clusters: vec![upstream("eu-west"), upstream("us-east")],
        tail: vec![exchange(1, "/api/v1/pods"), exchange(2, "/version")],
        ..Routes::default()
    };
    let at = ProxyAt { address: "127.0.0.1:9443".into(), ..ProxyAt::default() };
    let snapshot = Snapshot::clone(&fleet().snapshot());
    std::sync::Arc::new(Snapshot {
        proxy: ProxySnapshot {
            link: ProxyLink::Attached(at),
            routes: Some(std::sync::Arc::new(routes)),
            can_start: true,
            ..ProxySnapshot::default()
        },
        ..snapshot
    })
}

fn screen(app: &App) -> String {
    crate::views::export::text(screens::draw(app, (120, 20)).backend().buffer())
}
