//! The README's picture: a recorded run of the demo fleet, replayed and drawn by the program itself.
//!
//! `QD_RECORD=1 cargo test --test it picture` records anew; `INSTA_UPDATE=always …` redraws.

use quarterdeck::config::{Environment, Flags, load};
use quarterdeck::demo;
use quarterdeck::engine::clock::Clock;
use quarterdeck::engine::cluster::{Connector, Inventory};
use quarterdeck::engine::fleet::options::{Connect, FleetOptions};
use quarterdeck::engine::k8s::client::ClientContext;
use quarterdeck::engine::k8s::connector::K8sConnector;
use quarterdeck::engine::k8s::credentials::plugin::{Plugins, Terminal as PluginTerminal};
use quarterdeck::engine::k8s::endpoint::Endpoints;
use quarterdeck::engine::k8s::inventory::{FleetInventory, Kubeconfigs};
use quarterdeck::engine::process::detach::Launcher;
use quarterdeck::engine::record::{Recorder, from_lines, replay, to_lines};
use quarterdeck::engine::{Engine, EngineOptions};
use quarterdeck::model::time::UnixSeconds;
use quarterdeck::protocol::{ShardState, Snapshot};
use quarterdeck::views::app::{App, Setup};
use quarterdeck::views::export::svg;
use quarterdeck::views::keymap::{Key, Keymap};
use quarterdeck::views::msg::{Effect, Flow, Msg};
use quarterdeck::views::session::SessionState;
use quarterdeck::views::theme::file::Themes;
use quarterdeck::views::theme::{Background, Depth};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// 2026-11-21T14:02:31Z: when the picture was taken.
const NOW: UnixSeconds = UnixSeconds(1_795_269_751);
const SIZE: (u16, u16) = (132, 34);
const RECORDING: &str = "tests/recordings/showcase.jsonl";
const PICTURE: &str = "docs/screen.svg";

/// Enough for a start of the fleet with room to spare.
const RECORDS_MAX: usize = 4_096;

fn app() -> App {
    App::new(Setup {
        themes: Themes::with_files([]).0,
        theme: Some("quarterdeck-dark".to_owned()),
        depth: Depth::True,
        keymap: Keymap::default(),
        session: SessionState::default(),
        command: Some(":pods -A".to_owned()),
        utc_offset_s: 0,
        now: NOW,
        size: SIZE,
    })
}

fn on_kubeconfig(text: &str) -> (Arc<dyn Inventory>, Arc<dyn Connector>) {
    let home = tempfile::tempdir().unwrap();
    let environment = Arc::new(Environment::under(home.path()));
    let endpoints = Endpoints::default();
    let surroundings = ClientContext {
        environment: Arc::clone(&environment),
        plugins: Plugins::new(Launcher::Plain, PluginTerminal::Taken),
    };
    let config = load(&Flags::default(), &environment).unwrap().config;
    let memory = Kubeconfigs::Memory { label: "demo".to_owned(), text: text.to_owned() };
    let inventory = FleetInventory::new(Arc::new(config), environment, endpoints.clone()).with(memory);
    (Arc::new(inventory), Arc::new(K8sConnector::new(endpoints, surroundings)))
}

/// Says whether the picture's fleet has all it will ever have.
fn is_settled(snapshot: &Snapshot) -> bool {
    let live = snapshot.clusters.values().filter(|c| c.state.word() == "live");
    let complete = live.clone().all(|c| c.facts.pods_total.is_some() && c.facts.warnings.is_some());
    live.count() == 4
        && complete
        && !snapshot.shards.is_empty()
        && snapshot.shards.values().all(|shard| shard.state == ShardState::Live)
        && snapshot.clusters.values().all(|c| c.state.word() != "connecting")
        && !snapshot.resolutions.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_run_replays_to_what_the_engine_showed() {
    let time = jiff::Timestamp::from_second(NOW.0).unwrap();
    let mut world = demo::showcase(demo::Clock::Fixed(time));
    world.changes_per_second = 0;
    let fleet = demo::Fleet::start(world).await.unwrap();
    let (inventory, connector) = on_kubeconfig(fleet.kubeconfig());
    let recorder = Recorder::new(RECORDS_MAX);
    let options = FleetOptions { title: "demo".into(), seed: 1, connect: Connect::All, ..FleetOptions::default() };
    let engine = Engine::start(
        EngineOptions {
            fleet: options.clone(),
            clock: Clock::From(NOW),
            recorder: Some(recorder.clone()),
            ..EngineOptions::default()
        },
        inventory,
        connector,
    );
    // The screen's own subscription belongs to the run.
    let mut app = app();
    let mut snapshots = engine.snapshots.clone();
    let shown = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let snapshot = Arc::clone(&snapshots.borrow_and_update());
            let flow: Flow = app.update(Msg::Snapshot(Arc::clone(&snapshot)));
            for effect in flow.effects {
                if let Effect::Send(request) = effect {
                    engine.requests.try_send(request).unwrap();
                }
            }
            if is_settled(&snapshot) {
                return snapshot;
            }
            snapshots.changed().await.unwrap();
        }
    })
    .await
    .expect("the demo fleet settles");
    let (records, missed) = recorder.records();
    assert_eq!(missed, 0);
    let text = to_lines(&options, &records).unwrap();
    let (read, records) = from_lines(&text).unwrap();
    assert_eq!(read, options);
    let again = replay(read, records);
    for (key, shard) in shown.shards.iter() {
        let rows = &again.shards.get(key).expect("the replay has the shard").rows;
        assert!(rows.len() >= shard.rows.len() && !rows.is_empty(), "{key:?}");
    }
    assert_eq!(again.resolutions, shown.resolutions);
    if std::env::var_os("QD_RECORD").is_some() {
        fs::create_dir_all(Path::new(RECORDING).parent().unwrap()).unwrap();
        fs::write(RECORDING, text).unwrap();
    }
}

#[test]
fn the_picture_of_the_readme_is_what_the_program_draws() {
    let (options, records) = from_lines(&fs::read_to_string(RECORDING).unwrap()).unwrap();
    let snapshot = replay(options, records);
    let mut app = app();
    app.update(Msg::Snapshot(snapshot));
    for key in ["/", "w", "e", "b", "space", "!", "e", "d", "g", "e", "enter", "G", "ctrl-b"] {
        app.update(Msg::Key(Key::parse(key).unwrap()));
    }
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).unwrap();
    terminal.draw(|frame| app.view(frame)).unwrap();
    let drawn = svg(terminal.backend().buffer(), Background::Dark);
    if std::env::var_os("INSTA_UPDATE").is_some_and(|wish| wish == "always") {
        fs::write(PICTURE, &drawn).unwrap();
    }
    let kept = fs::read_to_string(PICTURE).unwrap_or_default();
    assert!(
        kept == drawn,
        "{PICTURE} is not what the program draws now: look at it, then redraw it with INSTA_UPDATE=always"
    );
}
