//! The proxy's figures of `docs/performance.md`: the release binary beside HAProxy, nginx and `kubectl proxy`, in one run.
//!
//! ```text
//! cargo bench --bench proxy                          all of it, written into the document
//! cargo bench --bench proxy -- proxy-h1 proxy-list   these sections only
//! cargo bench --bench proxy -- --runs 3 --seconds 2  fewer and shorter runs
//! cargo bench --bench proxy -- --released            the program that scripts/release built, beside cargo's
//! ```

#![expect(clippy::print_stderr, clippy::print_stdout, reason = "this is a program that talks to whoever started it")]
#![expect(clippy::disallowed_methods, reason = "what is measured here is real time")]

use std::process::ExitCode;
use std::time::Duration;

#[path = "proxy/connections.rs"]
mod connections;
#[path = "proxy/cost.rs"]
mod cost;
#[path = "proxy/decisions.rs"]
mod decisions;
#[path = "common/document.rs"]
mod document;
#[expect(dead_code, reason = "shared with the other bench, of which this one needs a part")]
#[path = "common/figure.rs"]
mod figure;
#[path = "proxy/generate.rs"]
mod generate;
#[path = "proxy/latency.rs"]
mod latency;
#[path = "../tests/live"]
mod live {
    #![expect(
        dead_code,
        unused_imports,
        clippy::disallowed_types,
        reason = "the rig of the live tests, of which a bench needs a part"
    )]
    pub(crate) mod proxy {
        pub(crate) mod serving;
        pub(crate) mod wire;
    }
    pub(crate) mod rig;
}
#[path = "proxy/peers.rs"]
mod peers;
#[expect(dead_code, reason = "shared with the other bench, of which this one needs a part")]
#[path = "common/process.rs"]
mod process;
#[path = "proxy/reloads.rs"]
mod reloads;
#[path = "common/sections.rs"]
mod sections;
#[path = "proxy/spaced.rs"]
mod spaced;
#[path = "proxy/stage.rs"]
mod stage;
#[path = "proxy/upstream.rs"]
mod upstream;
#[path = "proxy/watches.rs"]
mod watches;

use figure::Figure;
use sections::{Section, say};
use stage::Stage;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, Error>;

/// How much to measure.
#[derive(Debug)]
struct Plan {
    runs: usize,
    /// Of one proxy in one round.
    time: Duration,
}

type Measure = fn(&Stage, &Plan) -> Outcome<Vec<Figure>>;

const SECTIONS: &[Section<Measure>] = &[
    ("proxy-h1", "processor time per request of 1 KB, HTTP/1.1", cost::small_one),
    ("proxy-h2", "processor time per request of 1 KB, HTTP/2", cost::small_two),
    ("proxy-list", "processor time per list of 1 MB", cost::list),
    ("proxy-rules", "routing decisions", decisions::among_many),
    ("proxy-latency", "time added at 1,000 requests a second", latency::added),
    ("proxy-watches", "1,000 idle watches", watches::idle),
    ("proxy-connections", "processor time per new connection", connections::new),
    ("proxy-reloads", "100 reloads under load", reloads::under_load),
];

fn main() -> ExitCode {
    sections::end(run())
}

fn run() -> Outcome {
    let mut plan = Plan { runs: 5, time: Duration::from_secs(5) };
    let (mut wanted, mut released) = (Vec::new(), false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = |flag: &str| words.next().and_then(|n| n.parse().ok()).ok_or(format!("{flag} takes a number"));
        match word.as_str() {
            // Cargo says so.
            "--bench" => {}
            "--released" => released = true,
            "--runs" => plan.runs = usize::try_from(number("--runs")?)?,
            "--seconds" => plan.time = Duration::from_secs(number("--seconds")?),
            name => wanted.push(sections::named(SECTIONS, name)?),
        }
    }
    // Before this program moves to a core of its own.
    let machine = process::machine();
    let stage = Stage::set(released)?;
    let machine = format!("`qd` of `{}`, {machine}", stage.built());
    sections::run(SECTIONS, &wanted, || machine.clone(), |measure| measure(&stage, &plan))
}

/// Runs async work on two threads, which share the one core of this program.
fn wait<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}
