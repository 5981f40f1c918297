//! What is wrong with a cluster is read to its end: most of all the command that mends it.

use super::{App, Msg, VIEW, press, setup, type_line};
use crate::model::cluster::ClusterState;
use crate::model::time::UnixSeconds;
use crate::views::fixture::{Fleet, NOW, pod_shard, pods};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// Longer than a line of the smallest screen.
const HINT: &str = "run `aws sso login --profile production-eu-west-1-administrators` (`aws` failed (exit status: 255): \
    Error when retrieving token from sso: Token has expired and refresh failed)";

fn fleet() -> Fleet {
    let refused = ClusterState::Unreachable { why: "connection refused".into(), since: UnixSeconds(NOW.0 - 60) };
    Fleet::default()
        .cluster("eu-west", ClusterState::Live)
        .rows(VIEW, "eu-west", &pods(), pod_shard("eu-west", &[("payments", "api-1", "Running", 0, 90)]))
        .cluster("sa-east", refused)
        .cluster("staging", ClusterState::AuthNeeded { hint: HINT.into() })
}

fn open(command: Option<&str>, size: (u16, u16)) -> App {
    let mut app = App::new(setup(size, command));
    app.update(Msg::Snapshot(fleet().snapshot()));
    app
}

fn screen(app: &App, size: (u16, u16)) -> String {
    crate::views::export::text(super::screens::draw(app, size).backend().buffer())
}

/// The words on the screen, whatever lines they are on.
fn words(app: &App, size: (u16, u16)) -> String {
    screen(app, size).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// B10: in the fleet the whole reason of the cluster under the cursor is read, without another key.
#[test]
fn the_reason_of_the_cluster_under_the_cursor_is_whole() {
    for size in SIZES {
        let mut app = open(None, size);
        let one = words(&app, size);
        assert!(!one.contains(HINT), "{size:?}: {one}");
        press(&mut app, "shift-g");
        assert!(words(&app, size).contains(&format!("staging: {HINT}")), "{size:?}:\n{}", screen(&app, size));
        assert!(screen(&app, size).contains(" ▸ ▌staging"), "the table made room:\n{}", screen(&app, size));
    }
}

/// B10: a table names the whole command of a cluster that it does not show.
#[test]
fn the_reasons_below_a_table_have_the_whole_command() {
    for size in SIZES {
        let app = open(Some("pods"), size);
        let text = words(&app, size);
        assert!(text.contains("2 clusters incomplete: staging"), "{size:?}: {text}");
        assert!(text.contains("run `aws sso login --profile production-eu-west-1-administrators`"), "{size:?}: {text}");
    }
}

/// B10: the list of what is missing, and the doctor, wrap what is longer than a line.
#[test]
fn overlays_wrap_reasons() {
    for size in SIZES {
        let mut app = open(Some("pods"), size);
        press(&mut app, "m");
        assert!(words(&app, size).contains(HINT), "{size:?}:\n{}", screen(&app, size));
        press(&mut app, "esc :");
        type_line(&mut app, "doctor");
        assert!(words(&app, size).contains(HINT), "{size:?}:\n{}", screen(&app, size));
    }
}

/// B10: a message line is read to its end, too.
#[test]
fn a_message_is_wrapped() {
    let size = (80, 24);
    let mut app = open(None, size);
    app.warn(&format!("staging: {HINT}"));
    assert!(words(&app, size).contains(HINT), "{}", screen(&app, size));
}

/// B10: a column that is empty in all rows gives its place to a reason that would be cut.
#[test]
fn empty_columns_make_room_for_a_reason() {
    let app = open(None, (120, 40));
    let heading = screen(&app, (120, 40)).lines().nth(1).unwrap_or_default().to_owned();
    assert!(heading.contains("REASON") && !heading.contains("EXPIRY"), "{heading}");
}
