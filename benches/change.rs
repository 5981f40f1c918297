//! The figures of changes in `docs/performance.md`: the release binary against ten simulated clusters on loopback.
//!
//! ```text
//! cargo bench --bench change               all of it, written into the document
//! cargo bench --bench change -- --runs 3   fewer runs
//! ```

#![expect(clippy::print_stderr, clippy::print_stdout, reason = "this is a program that talks to whoever started it")]

use std::process::ExitCode;

#[path = "change/deletes.rs"]
mod deletes;
#[path = "common/document.rs"]
mod document;
#[expect(dead_code, reason = "shared with the other benches, of which this one needs a part")]
#[path = "common/figure.rs"]
mod figure;
#[path = "change/fleet.rs"]
mod fleet;
#[expect(dead_code, reason = "shared with the other benches, of which this one needs a part")]
#[path = "common/process.rs"]
mod process;
#[path = "common/sections.rs"]
mod sections;

use figure::Figure;
use sections::Section;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, Error>;

/// Runs of each figure.
type Measure = fn(usize) -> Outcome<Vec<Figure>>;

const SECTIONS: &[Section<Measure>] = &[
    ("change-delete", "1,000 pods over ten clusters deleted", deletes::compare),
    ("change-plan", "a plan of 1,000 targets", deletes::plan),
];

fn main() -> ExitCode {
    sections::end(run())
}

fn run() -> Outcome {
    let mut runs = 5;
    let mut wanted = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo says so.
            "--bench" => {}
            "--runs" => runs = words.next().and_then(|n| n.parse().ok()).ok_or("--runs takes a number")?,
            name => wanted.push(sections::named(SECTIONS, name)?),
        }
    }
    sections::run(SECTIONS, &wanted, process::machine, |measure| measure(runs))
}
