//! Progress of a fan-out, on stderr while it runs, if stderr is a terminal.

use std::io::Write as _;
use std::time::Duration;
use tokio::time::Instant;

/// A command that ends sooner shows no progress: a line that only flashes up is noise.
const QUIET: Duration = Duration::from_millis(300);

/// Counts answers; its drop erases the line.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    done: usize,
    started: Instant,
    shown: bool,
}

impl Progress {
    /// Starts with no answers of `total`; shows nothing yet.
    pub fn new(total: usize) -> Self {
        Self { total, done: 0, started: Instant::now(), shown: false }
    }

    /// Counts a cluster that has answered or failed.
    pub fn step(&mut self) {
        self.done += 1;
        if self.done < self.total && self.started.elapsed() >= QUIET {
            self.shown = true;
            // Progress that cannot be shown is no reason to stop.
            drop(write!(std::io::stderr(), "\r\x1b[K{} of {} clusters answered", self.done, self.total));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            drop(write!(std::io::stderr(), "\r\x1b[K"));
        }
    }
}
