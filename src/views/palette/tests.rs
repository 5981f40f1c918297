use super::*;
use crate::protocol::Snapshot;
use crate::views::export::text;
use crate::views::{fixture, snapshot};
use proptest::prelude::*;

fn entry(what: What, name: &str, more: &str) -> PaletteEntry {
    PaletteEntry { what, name: name.into(), more: more.into(), command: name.to_owned() }
}

fn some() -> Vec<PaletteEntry> {
    vec![
        entry(What::Kind, "pods", "po"),
        entry(What::Kind, "podtemplates", ""),
        entry(What::Kind, "poddisruptionbudgets", "pdb policy"),
        entry(What::Kind, "deployments", "deploy apps"),
        entry(What::Kind, "services", "svc"),
        entry(What::Command, "theme", "Change the theme"),
        entry(What::Cluster, "eu-west", "live v1.35.2"),
        entry(What::Cluster, "us-east", "unreachable"),
        entry(What::Group, "prod", "2 clusters"),
        entry(What::Namespace, "payments", ""),
        entry(What::Theme, "colour-blind", "no red against green"),
    ]
}

fn names(typed: &str) -> Vec<String> {
    let entries = some();
    let hits = rank(&mut Matcher::new(Config::DEFAULT), &entries, typed);
    hits.iter().map(|h| entries[h.entry].name.to_string()).collect()
}

#[test]
fn the_best_match_is_first() {
    for (typed, first) in [
        ("po", "pods"),
        ("svc", "services"),
        ("deploy", "deployments"),
        ("pdb", "poddisruptionbudgets"),
        ("euw", "eu-west"),
        ("colbl", "colour-blind"),
        ("pay", "payments"),
        ("east us", "us-east"),
    ] {
        assert_eq!(names(typed).first().map(String::as_str), Some(first), "{typed}: {:?}", names(typed));
    }
    assert_eq!(names("").len(), some().len());
    assert_eq!(names("zzzz"), [""; 0]);
}

#[test]
fn typing_narrows_and_enter_takes_the_chosen() {
    let area = Rect::new(0, 0, 80, 24);
    let mut palette = Palette::new(some());
    for c in "east".chars() {
        assert!(palette.key(Key::char(c)));
    }
    assert_eq!(palette.chosen().map(|e| e.name.as_str()), Some("us-east"));
    assert!(palette.key(Key::ctrl('u')));
    palette.step(Action::UP, area);
    assert_eq!(palette.chosen().map(|e| e.what), Some(What::Theme), "round the beginning");
    palette.step(Action::DOWN, area);
    assert_eq!(palette.chosen().map(|e| e.name.as_str()), Some("pods"));
}

fn drawn(palette: &Palette, columns: u16, rows: u16) -> Buffer {
    fixture::drawn(palette, &Snapshot::default(), (columns, rows), "quarterdeck-dark")
}

#[test]
fn it_fits_every_screen() {
    let mut palette = Palette::new(some());
    palette.key(Key::char('p'));
    for (columns, rows) in [(80, 24), (120, 40), (40, 10)] {
        snapshot(&format!("palette_{columns}x{rows}"), &text(&drawn(&palette, columns, rows)));
    }
    for c in "zzz".chars() {
        palette.key(Key::char(c));
    }
    snapshot("palette_nothing", &text(&drawn(&palette, 60, 12)));
}

#[test]
fn a_thousand_clusters_are_found_by_their_letters() {
    let many: Vec<PaletteEntry> =
        (0..1_000).map(|n| entry(What::Cluster, &format!("prod-eu-west-{n:04}"), "live")).collect();
    let hits = rank(&mut Matcher::new(Config::DEFAULT), &many, "euw0777");
    assert_eq!(many[hits[0].entry].name, "prod-eu-west-0777");
}

proptest! {
    #[test]
    fn hostile_names_stay_inside(name in ".{0,60}", typed in ".{0,10}", columns in 0_u16..60, rows in 0_u16..14) {
        let mut palette = Palette::new(vec![entry(What::Namespace, &name, &name)]);
        for c in typed.chars() {
            palette.key(Key::char(c));
        }
        let buffer = drawn(&palette, columns, rows);
        prop_assert!(buffer.content.iter().all(|c| !c.symbol().chars().any(char::is_control)));
    }
}
