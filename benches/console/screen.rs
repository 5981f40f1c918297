//! The console in a pseudo-terminal, and what its screen says.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use crate::Outcome;
use crate::terminal::{Terminal, command};

/// As wide as a terminal beside an editor; every figure uses the same.
const SIZE: (u16, u16) = (160, 50);

/// What takes longer than this is not slow but broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A running console.
pub(crate) struct Console {
    terminal: Terminal,
    started: Instant,
    _home: TempDir,
}

impl Console {
    /// Opens `:pods -A` over all clusters of a kubeconfig; nothing of whoever runs this is used.
    pub(crate) fn open(kubeconfig: &Path) -> Outcome<Self> {
        let home = tempfile::tempdir()?;
        let kubeconfig = kubeconfig.to_string_lossy().into_owned();
        let arguments = ["--kubeconfig", &kubeconfig, "--clusters", "*", "--fresh", "-c", ":pods -A"];
        let program = Path::new(env!("CARGO_BIN_EXE_qd"));
        let started = Instant::now();
        let terminal = Terminal::start(command(program, home.path(), &arguments), SIZE);
        Ok(Self { terminal, started, _home: home })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.terminal.pid()
    }

    /// Milliseconds from the start of the program until the screen is as wanted.
    pub(crate) fn since_start(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Outcome<f64> {
        self.until(what, wanted)?;
        Ok(milliseconds(self.started))
    }

    /// Waits until the screen is as wanted, and returns it.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Outcome<String> {
        let failed = |text| format!("waited {LIMIT:?} for {what}; the screen was:\n{text}").into();
        self.terminal.poll(LIMIT, wanted).map_err(failed)
    }

    /// What the screen shows now.
    pub(crate) fn text(&self) -> String {
        self.terminal.poll(Duration::ZERO, |_| true).unwrap_or_default()
    }

    /// Milliseconds from a key until the screen answers it.
    pub(crate) fn key_to_frame(&mut self, key: &str, answered: impl Fn(&str) -> bool) -> Outcome<f64> {
        let pressed = Instant::now();
        self.terminal.send(key);
        self.until(&format!("an answer to {key:?}"), answered)?;
        Ok(milliseconds(pressed))
    }

    /// Leaves.
    pub(crate) fn close(mut self) {
        self.terminal.send("\u{3}");
        self.terminal.end(LIMIT);
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// `41/43 clusters · 96,412 rows · 213 shown`: the numbers of the first line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) complete: usize,
    pub(crate) clusters: usize,
    pub(crate) rows: usize,
    /// `None`: all of them.
    pub(crate) shown: Option<usize>,
}

pub(crate) fn counts(text: &str) -> Counts {
    let words: Vec<&str> = text.lines().next().unwrap_or_default().split_whitespace().collect();
    let before = |noun: &str| {
        let at = words.iter().rposition(|word| *word == noun)?;
        words.get(at.checked_sub(1)?).copied()
    };
    let number = |word: &str| word.replace(',', "").parse().ok();
    let of = before("clusters").and_then(|word| word.split_once('/'));
    let (complete, clusters) = of.or(before("cluster").map(|word| (word, word))).unwrap_or_default();
    Counts {
        complete: number(complete).unwrap_or_default(),
        clusters: number(clusters).unwrap_or_default(),
        rows: before("rows").or(before("row")).and_then(number).unwrap_or_default(),
        shown: before("shown").and_then(number),
    }
}

/// Whether any row is there; the cursor may come later.
pub(crate) fn has_rows(text: &str) -> bool {
    counts(text).rows > 0 && text.lines().skip(2).any(|line| line.contains('▌'))
}

/// The object the cursor is on: namespace, name and cluster, which stay when cells change.
pub(crate) fn selected(text: &str) -> Option<Vec<String>> {
    let line = text.lines().find_map(|line| line.strip_prefix(" ▸"))?;
    Some(line.trim_start_matches(['▲', '✗', '◌']).split_whitespace().take(3).map(str::to_owned).collect())
}

/// The line of column headings, where the sort order is marked.
pub(crate) fn heading(text: &str) -> String {
    text.lines().nth(1).unwrap_or_default().to_owned()
}
