//! Panics while the console is up. Nothing in the program panics on demand, so each test starts itself again in a
//! pseudo-terminal: there it runs the console as the program does, with an engine that panics.

use crate::sim::world::World;
use crate::terminal::{Terminal, command};
use quarterdeck::model::cluster::ClusterName;
use quarterdeck::protocol::{ClusterRequest, Request, Snapshot};
use quarterdeck::tui;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Set where a test runs in the terminal of another.
const INNER: &str = "QD_TEST_IN_TERMINAL";

const SOON: Duration = Duration::from_secs(60);

/// `ctrl-r`, which asks the engine to read the inventory.
const REFRESH: &str = "\u{12}";

fn is_inner() -> bool {
    std::env::var_os(INNER).is_some()
}

/// Runs the test of this name in a terminal of its own.
fn again(test: &str, home: &tempfile::TempDir) -> Terminal {
    let program = std::env::current_exe().expect("a path");
    let mut command = command(&program, home.path(), &["--exact", test, "--nocapture"]);
    command.env(INNER, "1");
    Terminal::start(command, (100, 30))
}

/// As the program does: the console on the thread that waits, all else on others.
fn block_on(console: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(console);
    runtime.shutdown_background();
}

fn options() -> tui::Options {
    tui::Options { mouse: true, fresh: true, ..tui::Options::default() }
}

/// An engine's ends of its queues, and the console's.
fn queues() -> (watch::Sender<Arc<Snapshot>>, mpsc::Receiver<Request>, impl Future<Output = tui::ExitReason>) {
    let (publish, snapshots) = watch::channel(Arc::default());
    let (ask, requests) = mpsc::channel(64);
    let console = async { tui::run(snapshots, ask, options()).await.expect("a terminal") };
    (publish, requests, console)
}

async fn asked_to_refresh(requests: &mut mpsc::Receiver<Request>) {
    while let Some(request) = requests.recv().await {
        if matches!(request, Request::Cluster(ClusterRequest::RefreshInventory)) {
            return;
        }
    }
}

/// Waits until the console has the terminal, and everything that it takes of it.
fn wait_for_console(terminal: &Terminal) {
    terminal.wait("console", SOON, |text| text.contains("fleet") && text.contains("help"));
    let taken = ["the alternate screen", "the mouse", "bracketed paste", "a hidden cursor"];
    assert_eq!(terminal.left_behind(), taken);
}

#[test]
fn a_panic_of_the_console_gives_the_terminal_back_and_is_read() {
    if is_inner() {
        return block_on(async {
            let (_publish, mut requests, console) = queues();
            let panic = async {
                asked_to_refresh(&mut requests).await;
                panic!("on the thread of the console");
            };
            // Both in one task: a panic of either is one of the console.
            tokio::join!(console, panic);
        });
    }
    let home = tempfile::tempdir().expect("a folder");
    let mut terminal = again("panics::a_panic_of_the_console_gives_the_terminal_back_and_is_read", &home);
    wait_for_console(&terminal);
    terminal.send(REFRESH);
    assert_ne!(terminal.end(SOON), 0);
    assert_eq!(terminal.left_behind(), [""; 0]);
    let text = terminal.text();
    // At the left edge: a terminal in raw mode would not return to it.
    assert!(text.lines().any(|line| line == "on the thread of the console"), "{text}");
    assert!(!text.contains("help"), "nothing of the console is left:\n{text}");
}

#[test]
fn a_panic_in_a_task_of_the_engine_leaves_the_screen_alone() {
    if is_inner() {
        return block_on(async {
            let world = World::new(&["east"]);
            let engine = world.start(1);
            let (ask, mut requests) = mpsc::channel(64);
            let to_engine = engine.requests.clone();
            tokio::spawn(async move {
                asked_to_refresh(&mut requests).await;
                // From now on, while the console is up, every call to the cluster panics.
                world.change("east", |sim| sim.panics = true);
                drop(to_engine.send(Request::Cluster(ClusterRequest::Retry(vec![ClusterName::new("east")]))).await);
            });
            let ended = tui::run(engine.snapshots.clone(), ask, options()).await;
            assert_eq!(ended.expect("a terminal"), tui::ExitReason::Quit);
        });
    }
    let home = tempfile::tempdir().expect("a folder");
    let mut terminal = again("panics::a_panic_in_a_task_of_the_engine_leaves_the_screen_alone", &home);
    terminal.wait("live cluster", SOON, |text| text.contains("east") && text.contains("live"));
    terminal.send(REFRESH);
    let reason = |text: &str| text.contains("east") && text.contains("failed inside qd (a panic)");
    let text = terminal.wait("reason", SOON, reason);
    assert!(!text.contains("panicked") && !text.contains("RUST_BACKTRACE"), "{text}");
    wait_for_console(&terminal);
    terminal.send(":q\r");
    assert_eq!(terminal.end(SOON), 0, "{}", terminal.text());
    assert_eq!(terminal.left_behind(), [""; 0]);
}

#[test]
fn an_engine_that_dies_of_a_panic_ends_the_console_in_good_order() {
    if is_inner() {
        return block_on(async {
            let (publish, mut requests, console) = queues();
            let engine = tokio::spawn(async move {
                // Dropped by the panic.
                let _publish = publish;
                asked_to_refresh(&mut requests).await;
                panic!("in the loop of the engine");
            });
            assert_eq!(console.await, tui::ExitReason::EngineEnded);
            assert!(engine.await.expect_err("it panicked").is_panic());
            eprintln!("the engine ended");
        });
    }
    let home = tempfile::tempdir().expect("a folder");
    let mut terminal = again("panics::an_engine_that_dies_of_a_panic_ends_the_console_in_good_order", &home);
    wait_for_console(&terminal);
    terminal.send(REFRESH);
    assert_eq!(terminal.end(SOON), 0, "{}", terminal.text());
    assert_eq!(terminal.left_behind(), [""; 0]);
    let text = terminal.text();
    assert!(text.lines().any(|line| line == "the engine ended"), "{text}");
    assert!(!text.contains("panicked"), "that is for the log:\n{text}");
}
