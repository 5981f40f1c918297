//! The mouse: in the table, and in what lies over it.

use super::{
    App, Context, Effect, Mouse, MouseAction, Msg, Request, at_pods, fleet, press, screen, type_line, with_proxy,
};
use crate::model::document::{Aspect, Body, Document};
use crate::model::text::Text;
use crate::protocol::{ClusterRequest, DocumentRequest, Snapshot};
use crate::views::msg::Flow;
use crate::views::sort::SortKey;
use std::sync::Arc;

fn click(app: &mut App, (column, row): (u16, u16)) -> Flow {
    app.update(Msg::Mouse(Mouse { column, row, what: MouseAction::Click }))
}

/// Where a text is on the screen.
fn find(app: &App, text: &str) -> (u16, u16) {
    let screen = screen(app);
    let hit = screen.lines().enumerate().find_map(|(row, line)| {
        let at = line.find(text)?;
        Some((line[..at].chars().count(), row))
    });
    let (column, row) = hit.unwrap_or_else(|| panic!("no {text} in\n{screen}"));
    (u16::try_from(column).unwrap(), u16::try_from(row).unwrap())
}

fn click_on(app: &mut App, text: &str) -> Vec<Effect> {
    let at = find(app, text);
    click(app, at).effects
}

/// Clicks every cell of the screen; all that came of it.
fn click_everywhere(app: &mut App) -> Vec<Effect> {
    let cells = (0..20).flat_map(|row| (0..120).map(move |column| (column, row)));
    cells.flat_map(|at| click(app, at).effects).collect()
}

#[test]
fn the_mouse_selects_scrolls_and_sorts() {
    let mut app = at_pods();
    click(&mut app, (10, 3));
    assert_eq!(app.tab().unwrap().listing.at(), Some(1));
    click(&mut app, (16, 1));
    assert_eq!(app.tab().unwrap().listing.place.sort.primary().unwrap().0, &SortKey::Name);
    app.update(Msg::Mouse(Mouse { column: 1, row: 5, what: MouseAction::WheelDown }));
    assert!(!click(&mut app, (1, 0)).draw);
}

#[test]
fn a_missing_cluster_is_selected_and_retried() {
    let mut app = at_pods();
    press(&mut app, "m");
    assert_eq!(app.context(), Context::new("list"));
    let at = find(&app, "sa-1  ");
    assert!(click(&mut app, at).effects.is_empty(), "selected only");
    let sent = click(&mut app, at).effects;
    let Some(Effect::Send(Request::Cluster(ClusterRequest::Retry(clusters)))) = sent.first() else {
        panic!("{sent:?}")
    };
    assert_eq!(clusters.iter().map(ToString::to_string).collect::<Vec<_>>(), ["sa-1"]);
    assert_eq!(app.context(), Context::new("table"));
}

#[test]
fn the_sign_of_a_column_hides_it_and_its_name_sorts() {
    let mut app = at_pods();
    let shown = |app: &App, name: &str| {
        app.tab().unwrap().listing.shown_columns().iter().any(|c| matches!(c, SortKey::Column(n) if &**n == name))
    };
    press(&mut app, ",");
    assert_eq!(app.context(), Context::new("list"));
    assert!(shown(&app, "READY"));
    click_on(&mut app, "✓ READY");
    assert!(!shown(&app, "READY"));
    assert_eq!(app.context(), Context::new("list"), "it stays open");
    let (sign, row) = find(&app, "✓ RESTARTS");
    let at = (sign + 2, row);
    click(&mut app, at);
    click(&mut app, at);
    assert_eq!(app.context(), Context::new("table"));
    let sort = app.tab().unwrap().listing.place.sort.clone();
    assert!(matches!(sort.primary().unwrap().0, SortKey::Column(name) if &**name == "RESTARTS"), "{sort:?}");
}

#[test]
fn an_entry_of_the_palette_is_run_by_a_second_click() {
    let mut app = at_pods();
    press(&mut app, "ctrl-a");
    assert_eq!(app.context(), Context::new("palette"));
    type_word(&mut app, "colour");
    let at = find(&app, "colour-blind");
    click(&mut app, at);
    if app.context() == Context::new("palette") {
        click(&mut app, at);
    }
    assert_eq!(app.context(), Context::new("table"));
    assert_eq!(&*app.appearance.theme().name, "colour-blind");
}

fn type_word(app: &mut App, text: &str) {
    text.chars().for_each(|c| drop(press(app, &c.to_string())));
}

#[test]
fn a_second_click_copies() {
    let mut app = at_pods();
    press(&mut app, "c");
    let at = find(&app, "namespace  ");
    assert!(click(&mut app, at).effects.is_empty());
    let copied = click(&mut app, at).effects;
    assert!(matches!(copied.as_slice(), [Effect::Copy(text)] if text == "payments"), "{copied:?}");
}

#[test]
fn a_line_of_a_document_is_selected_and_folds() {
    let mut app = at_pods();
    let opened = press(&mut app, "y");
    let [Effect::Send(Request::Document(DocumentRequest::Open { id, object, .. }))] = opened.as_slice() else {
        panic!("{opened:?}")
    };
    let lines = ["kind: Pod", "spec:", "  nodeName: n-1", "  containers: []", "status: {}"].map(Text::new);
    let body = Body::Ready(Arc::from(lines));
    let document = Document { object: object.clone(), aspect: Aspect::Yaml, body };
    let documents = Arc::new([(*id, Arc::new(document))].into_iter().collect());
    app.update(Msg::Snapshot(Arc::new(Snapshot { documents, ..Snapshot::clone(&fleet().snapshot()) })));
    let at = find(&app, "spec:");
    click(&mut app, at);
    assert!(screen(&app).contains("nodeName"), "selected only");
    click(&mut app, at);
    assert!(!screen(&app).contains("nodeName"), "{}", screen(&app));
    assert!(screen(&app).contains("status"));
    let beside = find(&app, "status");
    click(&mut app, beside);
    click(&mut app, beside);
    assert!(screen(&app).contains("status") && !screen(&app).contains("nodeName"), "there is nothing to fold there");
}

#[test]
fn no_click_closes_a_text_or_answers_a_question() {
    for keys in ["?", "l", "y", "d"] {
        let mut app = at_pods();
        press(&mut app, keys);
        let context = app.context();
        assert!(click_everywhere(&mut app).is_empty(), "{keys}");
        assert_eq!((app.overlays.len(), app.context()), (1, context), "{keys}");
    }
    let mut app = at_pods();
    app.update(Msg::Snapshot(with_proxy()));
    type_line(&mut app, ":routes");
    press(&mut app, "2 j d");
    assert_eq!(app.context(), Context::new("ask"));
    assert!(click_everywhere(&mut app).is_empty());
    assert_eq!(app.context(), Context::new("ask"), "a cluster is blocked by a key alone");
}

#[test]
fn a_click_beside_a_list_does_nothing() {
    for keys in ["m", ",", "ctrl-a", "c"] {
        let mut app = at_pods();
        press(&mut app, keys);
        let before = screen(&app);
        for at in [(0, 0), (0, 10), (119, 10), (0, 19)] {
            assert!(!click(&mut app, at).draw, "{keys}");
        }
        assert_eq!(screen(&app), before, "{keys}");
    }
}
