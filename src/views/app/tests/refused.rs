//! What there was no room for: each view that asked says so, and none waits for ever.

use super::{App, Effect, Msg, Request, at_pods, fleet, interests, message, press, screen, type_line, with_proxy};
use crate::protocol::{ClusterRequest, DocumentRequest, LogsRequest, ProxyRequest};

/// The request among the effects that the engine has no room for.
fn refuse(app: &mut App, effects: &[Effect], is_it: impl Fn(&Request) -> bool) {
    let mut requests = effects.iter().filter_map(|effect| {
        let Effect::Send(request) = effect else { return None };
        Some(request)
    });
    let request = requests.find(|request| is_it(request)).unwrap();
    assert!(app.update(Msg::Refused(Box::new(request.clone()))).draw);
}

#[test]
fn a_view_asks_again_at_the_next_snapshot() {
    let mut app = at_pods();
    let effects = type_line(&mut app, ":deployments");
    refuse(&mut app, &effects, |request| matches!(request, Request::Cluster(ClusterRequest::Subscribe { .. })));
    assert_eq!(message(&app), "the engine is busy; try again in a moment");
    let again = app.update(Msg::Snapshot(fleet().snapshot()));
    assert_eq!(interests(&again.effects).len(), 1);
}

#[test]
fn what_could_not_be_opened_closes_and_says_so() {
    for key in ["y", "d", "l", "p", "enter"] {
        let mut app = at_pods();
        let effects = press(&mut app, key);
        assert_eq!(app.overlays.len(), 1, "{key}");
        refuse(&mut app, &effects, |request| {
            matches!(
                request,
                Request::Document(DocumentRequest::Open { .. }) | Request::Logs(LogsRequest::Follow { .. })
            )
        });
        assert!(app.overlays.is_empty(), "{key}");
        assert_eq!(message(&app), "the engine is busy; open it again in a moment");
    }
}

#[test]
fn what_is_open_already_stays_when_another_thing_is_refused() {
    let mut app = at_pods();
    press(&mut app, "y");
    app.update(Msg::Refused(Box::new(Request::Cluster(ClusterRequest::RefreshInventory))));
    assert_eq!((app.overlays.len(), message(&app)), (1, "the engine is busy; try again in a moment"));
}

#[test]
fn a_question_to_the_proxy_is_answered_that_it_was_not_asked() {
    let mut app = at_pods();
    type_line(&mut app, ":routes");
    app.update(Msg::Snapshot(with_proxy()));
    press(&mut app, "t");
    let effects = type_line(&mut app, "GET /api/v1/pods");
    refuse(&mut app, &effects, |request| matches!(request, Request::Proxy(ProxyRequest::Explain { .. })));
    let shown = screen(&app);
    assert!(shown.contains("✗ the engine is busy; ask again in a moment"), "{shown}");
}
