//! The update loop driven by scripted keys, and screens as text.

use super::{App, Setup};
use crate::model::cluster::ClusterState;
use crate::protocol::ViewId;
use crate::views::fixture::{Fleet, NOW, pod_shard, pods};
use crate::views::keymap::{Keymap, parse_sequence};
use crate::views::memory::Memory;
use crate::views::msg::{Effect, Msg};
use crate::views::theme::Depth;
use crate::views::theme::file::Themes;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const VIEW: ViewId = ViewId(1);

fn fleet() -> Fleet {
    let unreachable = ClusterState::Unreachable {
        why: "connection refused".into(),
        since: crate::model::time::UnixSeconds(NOW.0 - 360),
    };
    Fleet::default()
        .cluster("eu-west", ClusterState::Live)
        .cluster("us-east", ClusterState::Live)
        .cluster("sa-1", unreachable)
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
            pod_shard("us-east", &[("payments", "api-5c9b7f4d66-pq9zt", "ContainerCreating", 0, 12)]),
        )
}

fn app(size: (u16, u16), command: Option<&str>) -> App {
    App::new(Setup {
        themes: Themes::default(),
        theme: None,
        depth: Depth::True,
        keymap: Keymap::default(),
        memory: Memory::default(),
        command: command.map(str::to_owned),
        utc_offset_s: 0,
        now: NOW,
        size,
    })
}

fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    let keys = parse_sequence(keys).unwrap();
    keys.into_iter().flat_map(|key| app.update(Msg::Key(key)).effects).collect()
}

fn type_line(app: &mut App, text: &str) {
    for c in text.chars() {
        app.update(Msg::Key(crate::views::keymap::Key::char(c)));
    }
}

fn screen(app: &App, (columns, rows): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| app.view(frame)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn shows_the_fleet_and_the_pods() {
    for size in [(120, 12), (80, 12), (40, 10), (1, 1)] {
        let mut app = app(size, None);
        app.update(Msg::Snapshot(fleet().snapshot()));
        println!("{}", screen(&app, size));
        press(&mut app, ":");
        type_line(&mut app, "pods -A");
        press(&mut app, "enter");
        app.update(Msg::Snapshot(fleet().snapshot()));
        press(&mut app, "/");
        type_line(&mut app, "api");
        println!("{}", screen(&app, size));
    }
}
