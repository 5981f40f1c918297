//! Live tests: against real control planes, which are built from Go modules the first time (some minutes).
//!
//! Where Go is missing the tests are ignored and the reason is said; with `CI` set that is a failure.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests wait for other processes in real time, and no runtime is in their way"
)]
#![expect(clippy::indexing_slicing, reason = "an index that misses is a failed test")]

use std::env;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

mod change;
mod command;
mod connection;
mod console;
mod control_plane;
mod hold;
mod hubs;
mod oracle;
mod proxy;
mod read_only;
mod rig;
#[expect(dead_code, reason = "of the terminal of the other tests, what is needed here")]
#[expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and fails")]
#[path = "../it/terminal.rs"]
mod terminal;
mod writes;

use rig::{Outcome, Programs};

/// A test by its name; it fails with an error or a panic.
type Test = (&'static str, fn() -> Outcome);

/// More of the same: a million URLs, a hundred thousand requests.
const LONG: &str = "--long";

/// Each file names its own tests.
const TESTS: &[&[Test]] = &[
    control_plane::TESTS,
    connection::TESTS,
    oracle::TESTS,
    command::TESTS,
    console::TESTS,
    hubs::TESTS,
    read_only::TESTS,
    writes::TESTS,
    change::TESTS,
];

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    if words.next().as_deref() == Some(hold::HOLD) {
        return hold::hold(&words.collect::<Vec<_>>());
    }
    let arguments = Arguments::from_iter(env::args().filter(|word| word != LONG));
    let missing = if arguments.list { None } else { Programs::missing() };
    let trials = TESTS.iter().chain(proxy::TESTS).copied().flatten().map(|&(name, test)| {
        let missing = missing.clone();
        Trial::ignorable_test(name, move || run(test, missing))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run(test: fn() -> Outcome, missing: Option<String>) -> Result<Completion, Failed> {
    match missing {
        // Whoever set `CI` relies on every test having run.
        Some(reason) if env::var_os("CI").is_some() => Err(reason.into()),
        Some(reason) => Ok(Completion::ignored_with(reason)),
        None => test().map(|()| Completion::Completed).map_err(Failed::from),
    }
}
