//! Processor time per request, all proxies in turn, several rounds.

use std::fs;
use std::time::Duration;

use tokio::time::Instant;

use crate::figure::{Figure, Unit};
use crate::generate::{Shape, run};
use crate::live::proxy::wire::Version;
use crate::peers::{Peer, haproxy, kubectl, nginx, ours, plain, present};
use crate::process::cpu_seconds;
use crate::stage::{CORE, LIST, SMALL, Stage};
use crate::{Outcome, Plan, say};

/// Others may use so much of the proxies' core; above it a run is done again, so often.
const DISTURBED: f64 = 0.03;
const TRIES: usize = 3;

/// One row of the requirement: what is asked, and what it may cost us.
struct Row {
    what: &'static str,
    shape: Shape,
    /// Microseconds.
    must: f64,
    /// Of HAProxy's.
    ratio: Option<f64>,
}

pub(crate) fn small_one(stage: &Stage, plan: &Plan) -> Outcome<Vec<Figure>> {
    let shape = Shape { path: SMALL, version: Version::One, connections: 64, lanes: 1 };
    let row = Row { what: "1 KB, HTTP/1.1 both sides", shape, must: 25.0, ratio: Some(1.0) };
    let all = [
        ("qd", ours(stage, stage.one)),
        ("HAProxy", haproxy(stage, stage.one, Version::One)),
        ("nginx", nginx(stage, stage.one)),
        ("kubectl proxy", kubectl(stage, stage.one)),
    ];
    let peers = present(all.into_iter().chain(plain(stage, stage.one)));
    measure(stage, plan, &row, &peers)
}

pub(crate) fn small_two(stage: &Stage, plan: &Plan) -> Outcome<Vec<Figure>> {
    let shape = Shape { path: SMALL, version: Version::Two, connections: 8, lanes: 32 };
    let row = Row { what: "1 KB, HTTP/2 both sides", shape, must: 18.0, ratio: Some(1.6) };
    let all = [
        ("qd", ours(stage, stage.two)),
        ("HAProxy", haproxy(stage, stage.two, Version::Two)),
        ("nginx (HTTP/1.1 to the upstream)", nginx(stage, stage.one)),
    ];
    let peers = present(all.into_iter().chain(plain(stage, stage.two)));
    measure(stage, plan, &row, &peers)
}

pub(crate) fn list(stage: &Stage, plan: &Plan) -> Outcome<Vec<Figure>> {
    let shape = Shape { path: LIST, version: Version::One, connections: 8, lanes: 1 };
    let row = Row { what: "1 MB list, HTTP/1.1 both sides", shape, must: 900.0, ratio: None };
    let all = [
        ("qd", ours(stage, stage.one)),
        ("HAProxy", haproxy(stage, stage.one, Version::One)),
        ("nginx", nginx(stage, stage.one)),
        ("kubectl proxy", kubectl(stage, stage.two)),
    ];
    let peers = present(all.into_iter().chain(plain(stage, stage.one)));
    measure(stage, plan, &row, &peers)
}

fn measure(stage: &Stage, plan: &Plan, row: &Row, peers: &[Peer]) -> Outcome<Vec<Figure>> {
    let figure = |peer: &Peer| {
        let must = peer.is_ours().then_some(row.must);
        Figure::new(&format!("{}: {}", row.what, peer.name), Unit::Microseconds, must)
    };
    let mut figures: Vec<Figure> = peers.iter().map(figure).collect();
    let mut ratio = Figure::new(&format!("{}: qd against HAProxy of the same round", row.what), Unit::Times, row.ratio);
    for peer in peers {
        // Once unmeasured: connections to the upstream are open, code is read from the disk.
        run(stage, peer, row.shape, Duration::from_secs(1))?;
    }
    for _ in 0..plan.runs {
        let mut costs = Vec::new();
        for (peer, figure) in peers.iter().zip(&mut figures) {
            let cost = quiet(stage, plan, row, peer)?;
            figure.add(cost);
            costs.push((peer.name, cost));
        }
        let of = |name: &str| costs.iter().find(|(known, _)| *known == name).map(|(_, cost)| *cost);
        if let (Some(ours), Some(theirs)) = (of("qd"), of("HAProxy")) {
            ratio.add(ours / theirs);
        }
    }
    figures.push(ratio);
    Ok(figures)
}

/// One run that nothing else disturbed; the last one if all were.
fn quiet(stage: &Stage, plan: &Plan, row: &Row, peer: &Peer) -> Outcome<f64> {
    let mut last = None;
    for _ in 0..TRIES {
        let (cost, others) = once(stage, plan, row, peer)?;
        if others <= DISTURBED {
            return Ok(cost);
        }
        say(&format!("  {}: others used {:.0} % of the core", peer.name, others * 100.0));
        last = Some(cost);
    }
    last.ok_or_else(|| "not measured".into())
}

/// Microseconds per request, and the part of the core that others used.
fn once(stage: &Stage, plan: &Plan, row: &Row, peer: &Peer) -> Outcome<(f64, f64)> {
    let pid = peer.pid()?.ok_or("no proxy, no cost")?;
    let (before, core) = (cpu_seconds(pid)?, core_seconds()?);
    let started = Instant::now();
    let answered = run(stage, peer, row.shape, plan.time)?;
    let took = started.elapsed().as_secs_f64();
    let (used, busy) = (cpu_seconds(pid)? - before, core_seconds()? - core);
    if answered.wrong > 0.0 || answered.well < 1.0 {
        return Err(format!("{}: {answered:?}", peer.name).into());
    }
    Ok((used * 1e6 / answered.well, (busy - used).max(0.0) / took))
}

/// Seconds that programs have used of the proxies' core. What the kernel does for no program in particular is not in it.
fn core_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let name = format!("cpu{CORE} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&name)).ok_or("no such core")?;
    let ticks: f64 = line.split_whitespace().take(3).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}
