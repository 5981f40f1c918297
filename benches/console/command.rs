//! `qd get` over ten clusters on loopback, as a script runs it.

use std::path::Path;
use std::process::{Command, Stdio};

use quarterdeck::demo::{Clock, Fleet, Options};
use quarterdeck::engine::clock;
use tokio::time::Instant;

use crate::figure::{Figure, Unit};
use crate::{Outcome, Plan};

pub(crate) fn get(plan: &Plan) -> Outcome<Vec<Figure>> {
    Ok(vec![
        asked("`qd get pods -A`, ten clusters of 200 pods", 0, plan)?,
        asked("the same, one of them refusing", 1, plan)?,
    ])
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_qd"));
    command.args(["get", "pods", "-A", "--kubeconfig"]).arg(kubeconfig).env_clear().env("HOME", home);
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?.code())
}
