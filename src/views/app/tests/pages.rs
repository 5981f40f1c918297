//! Full-screen views live in tabs, in the history and in the session, as tables do.

use super::{
    App, Context, Effect, Msg, Request, SessionState, Setup, at_pods, fleet, message, names, press, screen, setup,
    type_line, with_proxy,
};
use crate::protocol::{ClusterRequest, ProxyRequest};

fn context(app: &App) -> &'static str {
    app.context().name()
}

fn requests(effects: Vec<Effect>) -> Vec<Request> {
    effects.into_iter().filter_map(|e| if let Effect::Send(request) = e { Some(request) } else { None }).collect()
}

/// At the clusters of the Routes view, reached from pods.
fn at_routes() -> App {
    let mut app = at_pods();
    app.update(Msg::Snapshot(with_proxy()));
    type_line(&mut app, ":routes");
    press(&mut app, "2 j");
    app
}

/// The next start with what this one saves.
fn next_start(app: &App) -> App {
    let text = serde_json::to_string(&app.session()).unwrap();
    let session: SessionState = serde_json::from_str(&text).unwrap();
    App::new(Setup { session, ..setup((120, 20), None) })
}

#[test]
fn a_view_is_left_and_come_back_to_as_it_was() {
    let mut app = at_routes();
    let before = screen(&app);
    assert!(before.contains("2 Clusters"), "{before}");
    let left = requests(press(&mut app, "["));
    assert!(matches!(left.as_slice(), [Request::Proxy(ProxyRequest::Unwatch(_))]), "{left:?}");
    assert_eq!(context(&app), "table");
    let back = requests(press(&mut app, "]"));
    assert!(matches!(back.as_slice(), [Request::Proxy(ProxyRequest::Watch(_))]), "{back:?}");
    assert_eq!(screen(&app), before, "section and cursor are the same");
    type_line(&mut app, ":nodes");
    assert_eq!(context(&app), "table");
    press(&mut app, "[");
    assert_eq!(screen(&app), before);
    press(&mut app, "-");
    assert_eq!(context(&app), "table", "the last two views");
}

#[test]
fn escape_leads_to_the_view_before() {
    let mut app = at_routes();
    type_line(&mut app, ":doctor");
    assert_eq!(context(&app), "doctor");
    press(&mut app, "esc");
    assert_eq!(context(&app), "routes");
    press(&mut app, "esc");
    assert_eq!(context(&app), "table");
    press(&mut app, "] ]");
    assert_eq!(context(&app), "doctor");
    type_line(&mut app, ":doctor");
    press(&mut app, "q");
    assert_eq!(context(&app), "routes", "the same view again is no step");
}

#[test]
fn the_table_below_is_as_it_was_left() {
    let mut app = at_pods();
    press(&mut app, "space j");
    let before = screen(&app);
    for line in [":doctor", ":routes"] {
        type_line(&mut app, line);
    }
    press(&mut app, "esc esc");
    assert_eq!(screen(&app), before, "cursor and mark are kept");
    type_line(&mut app, ":doctor");
    type_line(&mut app, ":pods");
    assert_eq!(screen(&app), before);
}

#[test]
fn a_view_lives_in_its_tab() {
    let mut app = at_routes();
    let opened = requests(press(&mut app, "ctrl-t"));
    assert!(opened.iter().any(|request| matches!(request, Request::Proxy(ProxyRequest::Watch(_)))), "{opened:?}");
    assert!(screen(&app).contains(" 1 routes  2 routes"), "{}", screen(&app));
    type_line(&mut app, ":doctor");
    press(&mut app, "tab");
    assert_eq!((context(&app), screen(&app).contains(" 1 routes  2 doctor")), ("routes", true), "{}", screen(&app));
    press(&mut app, "}");
    assert_eq!(context(&app), "doctor", "tab means something else in Routes");
    press(&mut app, "shift-tab");
    let closed = requests(press(&mut app, "ctrl-q"));
    assert!(
        matches!(
            closed.as_slice(),
            [Request::Proxy(ProxyRequest::Unwatch(_)), Request::Cluster(ClusterRequest::Subscribe { .. })]
        ),
        "{closed:?}"
    );
    assert_eq!(context(&app), "doctor");
}

#[test]
fn the_next_start_finds_the_views_again() {
    let mut app = at_routes();
    press(&mut app, "/");
    type_line(&mut app, "us-");
    press(&mut app, "ctrl-t");
    type_line(&mut app, ":doctor");
    let mut again = next_start(&app);
    let sent = again.update(Msg::Snapshot(with_proxy())).effects;
    let watches =
        requests(sent).into_iter().filter(|request| matches!(request, Request::Proxy(ProxyRequest::Watch(_)))).count();
    assert_eq!((watches, context(&again)), (1, "doctor"), "the other tab is at the routes");
    press(&mut again, "tab");
    assert!(screen(&again).contains("us-east") && !screen(&again).contains("eu-west  "), "{}", screen(&again));
    press(&mut again, "esc");
    assert!(screen(&again).contains("eu-west"), "esc takes the filter first");
    press(&mut again, "esc");
    assert_eq!((context(&again), names(&again).len()), ("table", 4), "the table below is remembered, too");
}

#[test]
fn a_view_of_another_version_is_left_out_and_said() {
    let mut app = at_pods();
    type_line(&mut app, ":doctor");
    let mut session = app.session();
    session.tabs[0].view.as_mut().unwrap().name = "future".into();
    let again = App::new(Setup { session, ..setup((120, 20), None) });
    assert_eq!((context(&again), message(&again)), ("table", "there is no view called future"));
}

#[test]
fn panels_are_in_no_history_and_no_session() {
    let mut app = at_routes();
    press(&mut app, "?");
    assert_eq!(context(&app), "help");
    assert_eq!(context(&next_start(&app)), "routes");
    press(&mut app, "esc [ ]");
    assert_eq!(context(&app), "routes");
}

#[test]
fn a_view_that_could_not_be_opened_gives_the_table_back() {
    let mut app = at_pods();
    let sent = requests(type_line(&mut app, ":routes"));
    let watch = sent.into_iter().find(|request| matches!(request, Request::Proxy(ProxyRequest::Watch(_)))).unwrap();
    app.update(Msg::Refused(Box::new(watch)));
    assert_eq!(app.context(), Context::new("table"));
    assert_eq!(message(&app), "the engine is busy; open it again in a moment");
    app.update(Msg::Snapshot(fleet().snapshot()));
    assert_eq!(names(&app).len(), 4);
}
