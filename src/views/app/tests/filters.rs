//! The rows on the screen are those of the filter that the header shows.

use super::{
    App, Context, Msg, SessionState, Setup, at_pods, fleet, message, names, press, screen, setup, type_line, with_proxy,
};

/// What the header says is filtered by.
fn shown_filter(app: &App) -> String {
    let screen = screen(app);
    let header = screen.lines().next().unwrap_or_default();
    header.split_once("  /").map_or("", |(_, rest)| rest.split("  ").next().unwrap_or_default()).to_owned()
}

/// B3: while a filter with a mistake is typed, header and rows are those of the last one without; the mistake is said.
#[test]
fn a_mistake_leaves_header_and_rows_at_the_last_good_filter() {
    let mut app = at_pods();
    press(&mut app, "/ a p i");
    press(&mut app, "space ~ x (");
    assert_eq!(shown_filter(&app), "api ~x");
    assert_eq!(names(&app), ["api-7d9f8c6b5d-x2x4z"], "rows of `api ~x`");
    assert!(screen(&app).contains(" filter: ~x(: "), "{}", screen(&app));
}

/// B3: `enter` keeps a filter with a mistake in the prompt; mended, it is taken.
#[test]
fn a_filter_with_a_mistake_stays_in_the_prompt() {
    for (line, mended) in [("age>yesterday", "age>1h"), ("~api(", "~api-5c")] {
        let mut app = at_pods();
        press(&mut app, "/");
        type_line(&mut app, line);
        assert_eq!(app.context(), Context::new("prompt"), "{line}");
        assert_eq!(app.prompt.as_ref().unwrap().text(), line);
        assert!(screen(&app).contains(" filter: "), "{}", screen(&app));
        assert!(!app.session.filters.contains(&line.to_owned()), "it is not offered again");
        press(&mut app, "ctrl-u");
        type_line(&mut app, mended);
        assert_eq!(app.context(), Context::new("table"));
        assert_eq!(shown_filter(&app), mended);
    }
}

/// B3: `esc` gives back the filter from before, rows and header, without the mistake.
#[test]
fn esc_leaves_a_mistake_for_the_filter_before() {
    let mut app = at_pods();
    press(&mut app, "/");
    type_line(&mut app, "front");
    press(&mut app, "/ space ~ (");
    press(&mut app, "esc");
    assert_eq!((shown_filter(&app).as_str(), names(&app).len()), ("front", 1));
    assert!(!screen(&app).contains("filter:"), "{}", screen(&app));
}

/// B3: the same holds for the clusters and the events.
#[test]
fn clusters_and_events_hold_it_too() {
    for line in ["clusters", "events"] {
        let mut app = App::new(setup((120, 20), Some(line)));
        app.update(Msg::Snapshot(fleet().snapshot()));
        press(&mut app, "/");
        type_line(&mut app, "west ~(");
        assert_eq!(app.context(), Context::new("prompt"), "{line}");
        assert_eq!(shown_filter(&app), "west ~", "{line}");
    }
}

/// B3: and for the routes, where the header names the filter that the lines passed beside the mistake.
#[test]
fn the_routes_hold_it_too() {
    let mut app = at_pods();
    app.update(Msg::Snapshot(with_proxy()));
    press(&mut app, ":");
    type_line(&mut app, "routes");
    press(&mut app, "3 /");
    type_line(&mut app, "version ~(");
    assert_eq!(app.context(), Context::new("prompt"));
    let text = screen(&app);
    assert!(text.contains("  /version ~  filter: ~(: "), "{text}");
    assert!(text.contains("/version") && !text.contains("/api/v1/pods"), "{text}");
    press(&mut app, "esc");
    assert!(screen(&app).contains("/api/v1/pods"), "{}", screen(&app));
}

/// B3: a command with such a filter changes nothing, and stays to be mended.
#[test]
fn a_command_with_a_mistake_in_its_filter_stays_in_the_prompt() {
    let mut app = at_pods();
    press(&mut app, ":");
    type_line(&mut app, "pods -n web /~(");
    assert_eq!(app.context(), Context::new("prompt"));
    assert!(message(&app).starts_with("filter: ~(: "), "{}", message(&app));
    assert_eq!((shown_filter(&app).as_str(), names(&app).len()), ("", 4));
    let app = App::new(setup((120, 20), Some("pods /~(")));
    assert!(message(&app).starts_with("filter: ~(: "), "{}", message(&app));
}

/// B3: a saved filter that is not understood is left out of header and rows alike, and said.
#[test]
fn a_saved_filter_that_is_not_understood_is_left_out_and_said() {
    let mut app = at_pods();
    press(&mut app, "/");
    type_line(&mut app, "api");
    let saved = serde_json::to_string(&app.session()).unwrap().replace("\"filter\":\"api\"", "\"filter\":\"~(\"");
    let session: SessionState = serde_json::from_str(&saved).unwrap();
    let mut app = App::new(Setup { session, ..setup((120, 20), None) });
    assert!(message(&app).starts_with("the filter `~(` is left out: "), "{}", message(&app));
    app.update(Msg::Snapshot(fleet().snapshot()));
    assert_eq!((shown_filter(&app).as_str(), names(&app).len()), ("", 4));
}
