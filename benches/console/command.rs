//! `qd get` over ten clusters on loopback, as a script runs it.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use quarterdeck::demo::{Clock, Fleet, Options};
use quarterdeck::engine::clock;
use tokio::time::Instant;

use crate::figure::{Figure, Unit};
use crate::{Outcome, Plan, process};

pub(crate) fn get(plan: &Plan) -> Outcome<Vec<Figure>> {
    Ok(vec![
        asked("`qd get pods -A`, ten clusters of 200 pods", 0, plan)?,
        asked("the same, one of them refusing", 1, plan)?,
        held("memory of `qd get pods -A -o json` at its peak, 50 clusters of 200 pods", plan)?,
    ])
}

/// The peak of a run whose output is read as it comes. What it adds after the last piece was read is not seen: that is
/// the summary.
fn held(what: &str, plan: &Plan) -> Outcome<Figure> {
    let start = jiff::Timestamp::from_second(clock::now().0)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let fleet = runtime.block_on(Fleet::start(Options::uniform(50, 200, 0, 7, Clock::running(start))))?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    fleet.write_kubeconfig(&kubeconfig)?;
    let mut figure = Figure::new(what, Unit::Mebibytes, 150.0);
    for _ in 0..plan.runs {
        let mut command = of(&kubeconfig, folder.path());
        let mut child = command.args(["-o", "json"]).stdout(Stdio::piped()).spawn()?;
        let mut out = child.stdout.take().ok_or("no stdout")?;
        let (mut piece, mut peak, mut read) = (vec![0; 64 * 1024], 0.0_f64, 0);
        loop {
            let more = out.read(&mut piece)?;
            if more == 0 {
                break;
            }
            read += more;
            // One that has ended has no memory any more.
            peak = process::memory(child.id()).map_or(peak, |memory| peak.max(memory.peak));
        }
        let code = child.wait()?.code();
        if code != Some(0) || read < 50 * 200 * 1_000 {
            return Err(format!("qd get -o json: exit code {code:?}, {read} bytes").into());
        }
        figure.add(peak);
    }
    Ok(figure)
}

fn asked(what: &str, dead: usize, plan: &Plan) -> Outcome<Figure> {
    let start = jiff::Timestamp::from_second(clock::now().0)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The tenth cluster is of those that refuse, not of those that are silent.
    let fleet = runtime.block_on(Fleet::start(Options::uniform(10, 200, dead, 7, Clock::running(start))))?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    fleet.write_kubeconfig(&kubeconfig)?;
    let mut figure = Figure::new(what, Unit::Milliseconds, 1_000.0);
    for _ in 0..plan.runs {
        let started = Instant::now();
        let code = run(&kubeconfig, folder.path())?;
        figure.add(started.elapsed().as_secs_f64() * 1_000.0);
        if code != Some(i32::from(dead > 0)) {
            return Err(format!("qd get: exit code {code:?}").into());
        }
    }
    Ok(figure)
}

fn run(kubeconfig: &Path, home: &Path) -> Outcome<Option<i32>> {
    Ok(of(kubeconfig, home).stdout(Stdio::null()).status()?.code())
}

fn of(kubeconfig: &Path, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qd"));
    command.args(["get", "pods", "-A", "--kubeconfig"]).arg(kubeconfig).env_clear().env("HOME", home);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}
