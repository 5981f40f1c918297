//! The routing proxy in the console, driven by keys.

use super::{
    Context, Effect, Mouse, MouseAction, Msg, Request, at_pods, fleet, message, press, screen, type_line, with_proxy,
};
use crate::protocol::ProxyRequest;

#[test]
fn the_routes_are_watched_while_they_are_open() {
    let mut app = at_pods();
    press(&mut app, ":");
    let opened = type_line(&mut app, "proxy");
    let Some(Effect::Send(Request::Proxy(ProxyRequest::Watch(id)))) = opened.first() else { panic!("{opened:?}") };
    assert_eq!(app.context(), Context::new("routes"));
    assert!(screen(&app).contains("No routing proxy runs here"), "{}", screen(&app));
    assert!(!screen(&app).contains("start one;") && !screen(&app).contains("s start"), "this qd starts none");
    assert!(press(&mut app, "s").is_empty(), "nor does the key");
    let starts = crate::protocol::Snapshot {
        proxy: crate::protocol::ProxySnapshot { can_start: true, ..Default::default() },
        ..Clone::clone(&*fleet().snapshot())
    };
    app.update(Msg::Snapshot(std::sync::Arc::new(starts)));
    assert!(screen(&app).contains("start one;") && screen(&app).contains("s start"), "{}", screen(&app));
    assert!(matches!(press(&mut app, "s").as_slice(), [Effect::Send(Request::Proxy(ProxyRequest::Start))]));
    assert!(press(&mut app, "x").is_empty(), "there is nothing to stop");
    app.update(Msg::Snapshot(with_proxy()));
    assert!(!screen(&app).contains("s start"), "{}", screen(&app));
    let closed = press(&mut app, "q");
    assert!(
        matches!(closed.as_slice(), [Effect::Send(Request::Proxy(ProxyRequest::Unwatch(gone)))] if gone == id),
        "{closed:?}"
    );
    assert_eq!(app.context(), Context::new("table"));
}

#[test]
fn a_proxy_elsewhere_is_attached_by_command() {
    let mut app = at_pods();
    press(&mut app, ":");
    let sent = type_line(&mut app, "routes attach 127.0.0.1:9443");
    assert!(sent.is_empty() && message(&app).starts_with("type :routes"), "{}", message(&app));
    press(&mut app, ":");
    let sent = type_line(&mut app, "routes attach 127.0.0.1:9443 /run/qd/admin.token");
    let Some(Effect::Send(Request::Proxy(ProxyRequest::Attach { address, token_file }))) = sent.first() else {
        panic!("{sent:?}")
    };
    assert_eq!((address.as_str(), token_file.as_str()), ("127.0.0.1:9443", "/run/qd/admin.token"));
}

#[test]
fn a_cluster_of_the_proxy_is_drained_by_key_and_yes() {
    let mut app = at_pods();
    app.update(Msg::Snapshot(with_proxy()));
    press(&mut app, ":");
    type_line(&mut app, "routes");
    assert!(press(&mut app, "2 j d").is_empty(), "nothing without a yes");
    assert_eq!(app.context(), Context::new("ask"));
    assert!(screen(&app).contains("Drain us-east?"), "{}", screen(&app));
    let sent = press(&mut app, "enter");
    let [Effect::Send(Request::Proxy(ProxyRequest::SetTraffic { cluster, .. }))] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(cluster, "us-east");
    assert_eq!(app.context(), Context::new("routes"));
    press(&mut app, "f esc");
    assert_eq!(app.context(), Context::new("routes"), "esc says no");
}

#[test]
fn the_tester_is_typed_into_and_pasted_into() {
    let mut app = at_pods();
    app.update(Msg::Snapshot(with_proxy()));
    press(&mut app, ":");
    type_line(&mut app, "routes");
    press(&mut app, "t");
    app.update(Msg::Paste("GET /api/v1/pods".to_owned()));
    app.update(Msg::Mouse(Mouse { column: 5, row: 5, what: MouseAction::WheelUp }));
    let sent = type_line(&mut app, "?limit=1");
    let [Effect::Send(Request::Proxy(ProxyRequest::Explain { text, .. }))] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(text, "GET /api/v1/pods?limit=1", "the wheel types nothing");
}

#[test]
fn the_requests_are_filtered_as_they_are_typed() {
    let mut app = at_pods();
    app.update(Msg::Snapshot(with_proxy()));
    press(&mut app, ":");
    type_line(&mut app, "routes");
    press(&mut app, "3 / v e r s");
    assert!(screen(&app).contains("/version") && !screen(&app).contains("/api/v1/pods"), "{}", screen(&app));
    press(&mut app, "enter esc");
    assert!(screen(&app).contains("/api/v1/pods"));
    assert_eq!(app.context(), Context::new("routes"), "esc took the filter first");
    press(&mut app, "? esc");
    assert_eq!(app.context(), Context::new("routes"));
    app.update(Msg::Mouse(Mouse { column: 4, row: 3, what: MouseAction::Click }));
    assert!(screen(&app).contains("No rules"), "{}", screen(&app));
}
