//! What lies over the table, driven by keys.

use super::super::App;
use super::super::tests::{fleet, press, setup};
use crate::model::document::{Aspect, Body, Document};
use crate::model::text::Text;
use crate::protocol::{DocumentRequest, LogStream, LogStreamState, LogsRequest, Request, RequestId, Snapshot};
use crate::views::keymap::Key;
use crate::views::msg::{Effect, Msg};
use crate::views::{export, snapshot};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;
use std::sync::Arc;

const SIZE: (u16, u16) = (100, 24);

/// Types without `enter`.
fn type_line(app: &mut App, text: &str) {
    for c in text.chars() {
        app.update(Msg::Key(Key::char(c)));
    }
}

fn screen(app: &App, (columns, rows): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| app.view(frame)).unwrap();
    export::text(terminal.backend().buffer())
}

fn pods() -> App {
    let mut app = App::new(setup(SIZE, Some("pods -A")));
    app.update(Msg::Snapshot(fleet().snapshot()));
    app
}

fn requests(effects: Vec<Effect>) -> Vec<Request> {
    effects.into_iter().filter_map(|e| if let Effect::Send(request) = e { Some(request) } else { None }).collect()
}

/// Answers the last opened document with these lines.
fn answer(app: &mut App, requests: &[Request], text: &str) {
    let mut answered = Snapshot::clone(&fleet().snapshot());
    let mut documents = BTreeMap::new();
    let mut tails = BTreeMap::new();
    for request in requests {
        if let Request::Document(DocumentRequest::Open { id, object, aspect }) = request {
            let body = Body::Ready(text.lines().map(Text::new).collect());
            documents.insert(*id, Arc::new(Document { object: object.clone(), aspect: *aspect, body }));
        }
        if let Request::Logs(LogsRequest::Follow { id, source }) = request {
            let lines = text.lines().map(Arc::from).collect();
            let containers = Arc::from(["api", "proxy"].map(Text::const_new));
            let tail =
                LogStream { source: source.clone(), state: LogStreamState::Following, lines, dropped: 0, containers };
            tails.insert(*id, Arc::new(tail));
        }
    }
    (answered.documents, answered.logs) = (Arc::new(documents), Arc::new(tails));
    app.update(Msg::Snapshot(Arc::new(answered)));
}

#[test]
fn yaml_opens_over_the_table_and_is_closed_at_the_engine_too() {
    let mut app = pods();
    let sent = requests(press(&mut app, "y"));
    let [Request::Document(DocumentRequest::Open { id, aspect: Aspect::Yaml, .. })] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    let id = *id;
    snapshot("app_yaml_fetching", &screen(&app, SIZE));
    answer(&mut app, &sent, "apiVersion: v1\nkind: Pod\nspec:\n  nodeName: n-14\n");
    press(&mut app, "/");
    type_line(&mut app, "node");
    press(&mut app, "enter");
    snapshot("app_yaml", &screen(&app, SIZE));
    press(&mut app, "esc");
    let sent = requests(press(&mut app, "esc"));
    assert!(
        matches!(sent.as_slice(), [Request::Document(DocumentRequest::Close(closed))] if *closed == id),
        "{sent:?}"
    );
    assert!(screen(&app, SIZE).contains("NAMESPACE"));
}

#[test]
fn from_describe_to_logs_and_to_another_container() {
    let mut app = pods();
    press(&mut app, "d");
    let sent = requests(press(&mut app, "l"));
    assert!(
        matches!(
            sent.as_slice(),
            [Request::Logs(LogsRequest::Follow { .. }), Request::Document(DocumentRequest::Close(_))]
        ),
        "{sent:?}"
    );
    answer(&mut app, &sent, "INFO one\nERROR two\n");
    snapshot("app_logs", &screen(&app, SIZE));
    press(&mut app, "tab");
    snapshot("app_logs_containers", &screen(&app, SIZE));
    let sent = requests(press(&mut app, "j enter"));
    let [Request::Logs(LogsRequest::Stop(_)), Request::Logs(LogsRequest::Follow { source, .. })] = sent.as_slice()
    else {
        panic!("{sent:?}")
    };
    assert_eq!(source.container, "proxy");
    assert!(matches!(press(&mut app, "ctrl-s").as_slice(), [Effect::Save { name, .. }] if name.contains("_proxy.log")));
}

#[test]
fn enter_on_a_pod_lists_its_containers() {
    let mut app = pods();
    let sent = requests(press(&mut app, "enter"));
    answer(&mut app, &sent, "Containers:\n  api:\n    Image: r/api:1\n    State: Running\n    Restart Count: 2\n");
    snapshot("app_containers", &screen(&app, SIZE));
    let sent = requests(press(&mut app, "enter"));
    assert!(
        matches!(sent.as_slice(), [Request::Document(DocumentRequest::Close(_)), Request::Logs(LogsRequest::Follow { source, .. })] if source.container == "api"),
        "{sent:?}"
    );
}

#[test]
fn copying_offers_the_cells_and_a_command() {
    let mut app = pods();
    press(&mut app, "c");
    snapshot("app_copy", &screen(&app, SIZE));
    let copied = press(&mut app, "enter");
    assert!(matches!(copied.as_slice(), [Effect::Copy(text)] if text.starts_with("api-")), "{copied:?}");
}

#[test]
fn the_palette_runs_what_is_chosen() {
    let mut app = pods();
    press(&mut app, "ctrl-a");
    type_line(&mut app, "deploy");
    snapshot("app_palette", &screen(&app, SIZE));
    press(&mut app, "enter");
    assert!(screen(&app, SIZE).contains("deployments"));
}

#[test]
fn help_and_doctor_know_where_they_were_opened() {
    let mut app = pods();
    press(&mut app, "?");
    assert!(screen(&app, SIZE).contains("Keys: Resources"));
    press(&mut app, "esc :");
    type_line(&mut app, "doctor");
    let effects = press(&mut app, "enter");
    assert!(matches!(effects.as_slice(), [Effect::MeasureMemory]), "{effects:?}");
    app.update(Msg::Memory(48 << 20));
    snapshot("app_doctor", &screen(&app, SIZE));
    press(&mut app, "?");
    assert!(screen(&app, SIZE).contains("Keys: Doctor"));
}

#[test]
fn the_screen_is_saved_without_the_question() {
    let mut app = pods();
    let before = screen(&app, SIZE);
    press(&mut app, "ctrl-s");
    assert!(screen(&app, SIZE).contains("Save the screen as"));
    let effects = press(&mut app, "enter");
    let [Effect::Save { name, text }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(name, "screen-2026-11-21T14-02-31Z.txt");
    assert!(!text.contains("Save the screen as") && text.contains("api-7d9f8c6b5d-8s2lq"), "{before}");
}

#[test]
fn opened_texts_stay_live_while_the_table_is_frozen() {
    let mut app = pods();
    press(&mut app, "z");
    let sent = requests(press(&mut app, "y"));
    answer(&mut app, &sent, "kind: Pod\n");
    assert!(screen(&app, SIZE).contains("kind: Pod"));
    assert!(!sent.iter().any(|r| matches!(r, Request::Document(DocumentRequest::Close(RequestId(0))))));
}

#[test]
fn going_elsewhere_closes_what_is_open() {
    let mut app = pods();
    press(&mut app, "y :");
    type_line(&mut app, "clusters");
    let sent = requests(press(&mut app, "enter"));
    assert!(sent.iter().any(|r| matches!(r, Request::Document(DocumentRequest::Close(_)))), "{sent:?}");
}
