use super::*;
use crate::model::cluster::{ClusterName, ClusterState};
use crate::model::kind::KindId;
use crate::views::export::{style_runs, text};
use crate::views::fixture::Fleet;
use crate::views::theme::BUILT_IN;
use crate::views::{fixture, snapshot};
use proptest::prelude::*;

fn deployment() -> ObjectKey {
    ObjectKey {
        cluster: ClusterName::new("eu-west"),
        kind: KindId::new("apps", "Deployment"),
        namespace: "payments".into(),
        name: "api".into(),
        uid: "u".into(),
    }
}

fn copy() -> Chooser {
    let fleet = Fleet::default().cluster("eu-west", ClusterState::Live).snapshot();
    Chooser::copy(
        &deployment(),
        &[("STATUS".to_owned(), "CrashLoopBackOff".to_owned())],
        Some("a\nb\n".to_owned()),
        &fleet,
    )
}

fn drawn(chooser: &Chooser, size: (u16, u16), theme: &str) -> Buffer {
    fixture::drawn(chooser, &Snapshot::default(), size, theme)
}

#[test]
fn each_chooser_fits_each_screen() {
    let many: Vec<String> = (0..40).map(|n| format!("container-{n}")).collect();
    let empty: [&str; 0] = [];
    for (name, chooser) in [
        ("copy", copy()),
        ("save", Chooser::save()),
        ("containers", Chooser::containers(&many, "container-30")),
        ("empty", Chooser::containers(&empty, "")),
        ("message", Chooser::message("Not done", &["eu-west refused: pods is forbidden".to_owned()])),
    ] {
        for size in [(80, 24), (120, 40), (40, 10)] {
            snapshot(&format!("chooser_{name}_{}x{}", size.0, size.1), &text(&drawn(&chooser, size, "mono")));
        }
    }
    for (theme, _) in BUILT_IN {
        snapshot(&format!("chooser_style_{theme}"), &style_runs(&drawn(&copy(), (60, 10), theme)));
    }
}

#[test]
fn the_command_names_context_namespace_and_group() {
    let fleet = Fleet::default().cluster("eu-west", ClusterState::Live).snapshot();
    let command = kubectl(&deployment(), &fleet).unwrap();
    assert_eq!(command, "kubectl --context eu-west -n payments get deployments.apps api -o yaml");
    let elsewhere = ObjectKey { cluster: ClusterName::new("hub/x"), ..deployment() };
    assert_eq!(kubectl(&elsewhere, &fleet), None);
    assert_eq!(quoted("a b'c"), r"'a b'\''c'");
}

#[test]
fn a_click_takes_the_row_under_it() {
    let area = Rect::new(0, 0, 80, 24);
    let mut chooser = copy();
    let place = chooser.place(area);
    assert_eq!(chooser.select((place.x + 3, place.y + 2).into(), area), Clicked::Selected);
    assert_eq!(chooser.chosen(), Some(&Pick::Copy("payments".to_owned())));
    assert_eq!(chooser.select((place.x + 3, place.y + 2).into(), area), Clicked::Again);
    assert_eq!(chooser.select((0, 0).into(), area), Clicked::Nothing);
    assert_eq!(chooser.select((place.x + 3, place.y).into(), area), Clicked::Nothing, "its title");
}

proptest! {
    #[test]
    fn hostile_labels_stay_inside(labels in proptest::collection::vec(".{0,80}", 0..20), columns in 0_u16..50, rows in 0_u16..12) {
        let buffer = drawn(&Chooser::message("\u{1b}[2J", &labels), (columns, rows), "mono");
        prop_assert!(buffer.content.iter().all(|c| !c.symbol().chars().any(char::is_control)));
    }
}
