//! The figures of `docs/performance.md`: the release binary in a pseudo-terminal, against simulated clusters in
//! another process and against a real API server.
//!
//! ```text
//! cargo bench --bench console                      all of it, written into the document
//! cargo bench --bench console -- fleet server      these sections only
//! cargo bench --bench console -- --runs 3 --long   fewer runs; five minutes of idling instead of one
//! ```

#![expect(clippy::print_stderr, clippy::print_stdout, reason = "this is a program that talks to whoever started it")]
#![expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
#![expect(clippy::expect_used, clippy::panic, reason = "the terminal of the tests says so why it cannot go on")]

use std::process::ExitCode;
use std::time::Duration;

#[path = "console/command.rs"]
mod command;
#[path = "common/document.rs"]
mod document;
#[expect(dead_code, reason = "shared with the other bench, of which this one needs a part")]
#[path = "common/figure.rs"]
mod figure;
#[path = "console/fleet.rs"]
mod fleet;
#[path = "console/inventory.rs"]
mod inventory;
#[path = "../tests/live"]
mod live {
    #![expect(
        dead_code,
        unused_imports,
        clippy::disallowed_types,
        reason = "the rig of the live tests, of which a bench needs a part"
    )]
    pub(crate) mod rig;
}
#[expect(dead_code, reason = "shared with the other bench, of which this one needs a part")]
#[path = "common/process.rs"]
mod process;
#[path = "console/requests.rs"]
mod requests;
#[path = "console/screen.rs"]
mod screen;
#[path = "common/sections.rs"]
mod sections;
#[path = "console/server.rs"]
mod server;
#[expect(dead_code, reason = "the terminal of the tests, of which a bench needs a part")]
#[path = "../tests/it/terminal.rs"]
mod terminal;

use figure::Figure;
use sections::{Section, say};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, Error>;

/// How much to measure.
#[derive(Debug)]
struct Plan {
    runs: usize,
    /// Presses of a key in each run.
    keys: usize,
    /// How long requests of an idle console are counted.
    idle: Duration,
}

type Measure = fn(&Plan) -> Outcome<Vec<Figure>>;

const SECTIONS: &[Section<Measure>] = &[
    ("fleet", "100 clusters of 1,000 pods, nothing changes", fleet::quiet),
    ("busy", "100 clusters of 1,000 pods, 2,000 changes a second", fleet::busy),
    ("dead", "the same with ten of the clusters dead", fleet::dead),
    ("server", "one real API server, 10,000 pods of 11 KB", server::compare),
    ("requests", "requests of an idle console", requests::idle),
    ("get", "without a screen", command::get),
    ("inventory", "50 ClusterProfiles on a real hub", inventory::hub),
];

fn main() -> ExitCode {
    sections::end(run())
}

fn run() -> Outcome {
    let mut plan = Plan { runs: 5, keys: 200, idle: Duration::from_secs(60) };
    let mut wanted = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo says so.
            "--bench" => {}
            "--long" => plan.idle = Duration::from_secs(300),
            "--runs" => plan.runs = words.next().and_then(|n| n.parse().ok()).ok_or("--runs takes a number")?,
            name => wanted.push(sections::named(SECTIONS, name)?),
        }
    }
    sections::run(SECTIONS, &wanted, process::machine, |measure| measure(&plan))
}
