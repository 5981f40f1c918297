//! A hundred simulated clusters in another process: start, memory, keys, filter, sort, idling.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::figure::{Figure, Unit, percentile};
use crate::process::{cpu_seconds, memory};
use crate::screen::{Console, counts, has_rows, heading, selected};
use crate::{Outcome, Plan};

const CLUSTERS: usize = 100;
const PODS: usize = 1_000;

/// `qd demo serve`, ended when dropped.
struct Demo {
    child: Child,
    folder: TempDir,
    answering: usize,
}

impl Demo {
    fn serve(changes_per_second: usize, dead: usize) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let numbers = [("--count", CLUSTERS), ("--pods", PODS), ("--dead", dead), ("--seed", 7)];
        let mut command = Command::new(env!("CARGO_BIN_EXE_qd"));
        command.args(["demo", "serve", "--write-kubeconfig"]).arg(folder.path().join("kubeconfig"));
        for (flag, number) in numbers.into_iter().chain([("--changes-per-second", changes_per_second)]) {
            command.arg(flag).arg(number.to_string());
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("no standard output")?;
        let demo = Self { child, folder, answering: CLUSTERS - dead };
        let ready = BufReader::new(output).lines().map_while(Result::ok).any(|line| line.starts_with("kubeconfig:"));
        if ready { Ok(demo) } else { Err("the demo fleet did not start".into()) }
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    fn console(&self) -> Outcome<Console> {
        Console::open(&self.kubeconfig())
    }

    fn is_complete(&self, text: &str) -> bool {
        let counts = counts(text);
        counts.complete == self.answering && counts.rows >= self.answering * PODS
    }

    /// A console that shows all there is and has come to rest.
    fn settled(&self) -> Outcome<Console> {
        let console = self.console()?;
        console.until("all rows", |text| self.is_complete(text))?;
        sleep(Duration::from_secs(5));
        Ok(console)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Whether it ended before or does now, it is gone.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Nothing changes and all clusters answer.
pub(crate) fn quiet(plan: &Plan) -> Outcome<Vec<Figure>> {
    let demo = Demo::serve(0, 0)?;
    let mut figures = start(&demo, plan)?;
    let console = demo.settled()?;
    figures.push(idle(&console, plan)?);
    figures.extend(filter_and_sort(console, plan)?);
    Ok(figures)
}

/// 2,000 changes a second in all.
pub(crate) fn busy(plan: &Plan) -> Outcome<Vec<Figure>> {
    keys(&Demo::serve(2_000, 0)?, plan)
}

/// Ten of the clusters dead: five refuse, five are silent.
pub(crate) fn dead(plan: &Plan) -> Outcome<Vec<Figure>> {
    let demo = Demo::serve(0, 10)?;
    let mut figures = start(&demo, plan)?;
    let console = demo.settled()?;
    figures.push(idle(&console, plan)?);
    console.close();
    drop(demo);
    figures.extend(keys(&Demo::serve(2_000, 10)?, plan)?);
    Ok(figures)
}

fn start(demo: &Demo, plan: &Plan) -> Outcome<Vec<Figure>> {
    let mut first = Figure::new("start of the program to first rows", Unit::Milliseconds, 500.0);
    let mut all = Figure::new("start of the program to all rows", Unit::Milliseconds, 5_000.0);
    let mut resident = Figure::new("memory with all rows", Unit::Mebibytes, 250.0);
    let mut peak = Figure::new("memory at its peak", Unit::Mebibytes, 250.0);
    let mut cpu = Figure::new("processor time to all rows", Unit::Seconds, None);
    for _ in 0..plan.runs {
        let console = demo.console()?;
        first.add(console.since_start("the first rows", has_rows)?);
        all.add(console.since_start("all rows", |text| demo.is_complete(text))?);
        cpu.add(cpu_seconds(console.pid())?);
        sleep(Duration::from_secs(2));
        let memory = memory(console.pid())?;
        resident.add(memory.now);
        peak.add(memory.peak);
        console.close();
    }
    Ok(vec![first, all, resident, peak, cpu])
}

/// Keys at moments that have nothing to do with frames, while rows change below them.
fn keys(demo: &Demo, plan: &Plan) -> Outcome<Vec<Figure>> {
    let mut middle = Figure::new("key to frame, median", Unit::Milliseconds, None);
    let mut slow = Figure::new("key to frame, 99 of 100", Unit::Milliseconds, 33.0);
    let mut cpu = Figure::new("processor, 2,000 changes a second", Unit::Percent, None);
    let mut console = demo.settled()?;
    for _ in 0..40 {
        let before = selected(&console.text());
        console.key_to_frame("j", |text: &str| selected(text).is_some_and(|now| Some(now) != before))?;
    }
    for _ in 0..plan.runs {
        let mut taken = Vec::new();
        let used = cpu_seconds(console.pid())?;
        let started = tokio::time::Instant::now();
        for press in 0..plan.keys {
            let before = selected(&console.text());
            // Twenty down, twenty up, each run from where the one before ended: never up from the first row.
            let key = if press / 20 % 2 == 0 { "j" } else { "k" };
            let moved = |text: &str| selected(text).is_some_and(|now| Some(now) != before);
            taken.push(console.key_to_frame(key, moved)?);
            sleep(Duration::from_millis(fastrand::u64(20..90)));
        }
        middle.add(percentile(&taken, 50.0));
        slow.add(percentile(&taken, 99.0));
        cpu.add((cpu_seconds(console.pid())? - used) / started.elapsed().as_secs_f64() * 100.0);
    }
    let memory = memory(console.pid())?;
    let mut resident = Figure::new("memory after that", Unit::Mebibytes, 250.0);
    resident.add(memory.now);
    console.close();
    Ok(vec![middle, slow, cpu, resident])
}

/// The processor while nothing happens.
fn idle(console: &Console, plan: &Plan) -> Outcome<Figure> {
    let mut figure = Figure::new("processor while idle, over 20 s", Unit::Percent, 1.0);
    for _ in 0..plan.runs.min(3) {
        let before = cpu_seconds(console.pid())?;
        sleep(Duration::from_secs(20));
        figure.add((cpu_seconds(console.pid())? - before) / 20.0 * 100.0);
    }
    Ok(figure)
}

fn filter_and_sort(mut console: Console, plan: &Plan) -> Outcome<Vec<Figure>> {
    let mut opened = Figure::new("filter 100,000 rows: first character to frame", Unit::Milliseconds, 100.0);
    let mut narrowed = Figure::new("filter 100,000 rows: each further character", Unit::Milliseconds, 100.0);
    let mut widened = Figure::new("filter 100,000 rows: a character less", Unit::Milliseconds, 100.0);
    let mut sorted = Figure::new("sort 100,000 rows: key to frame", Unit::Milliseconds, 100.0);
    for _ in 0..plan.runs {
        console.key_to_frame("/", |text| text.lines().rev().take(2).any(|line| line.trim_start().starts_with('/')))?;
        for (key, typed, figure) in [
            ("p", "/p", 0),
            ("r", "/pr", 1),
            ("i", "/pri", 1),
            ("c", "/pric", 1),
            ("\u{7f}", "/pri", 2),
            ("\u{7f}", "/pr", 2),
        ] {
            // The first line says what is filtered by, in the frame that shows the rows of that.
            let is_applied = |text: &str| text.lines().next().is_some_and(|line| line.split(' ').any(|w| w == typed));
            let taken = console.key_to_frame(key, is_applied)?;
            match figure {
                0 => opened.add(taken),
                1 => narrowed.add(taken),
                _ => widened.add(taken),
            }
            sleep(Duration::from_millis(200));
        }
        console.key_to_frame("\u{1b}", |text| counts(text).shown.is_none())?;
        // Age, status, restarts, and the name, which is the order at first.
        for key in ["A", "S", "T", "N"] {
            let before = heading(&console.text());
            sorted.add(console.key_to_frame(key, |text| heading(text) != before)?);
            sleep(Duration::from_millis(200));
        }
    }
    console.close();
    Ok(vec![opened, narrowed, widened, sorted])
}
