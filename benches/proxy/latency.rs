//! What a proxy adds to the time an answer takes, at 1,000 requests a second that are sent whatever the answers do.
//!
//! At equal distances and in bursts of twenty; and both as it is, and with both cores kept awake by work that anything
//! else comes before. A core of a virtual machine that sleeps between two requests takes longer to wake than the request
//! does, and not always equally long.

use crate::figure::{Figure, Unit, percentile};
use crate::generate::bursts;
use crate::live::proxy::wire::Version;
use crate::live::rig::Process;
use crate::peers::{Peer, haproxy, kubectl, nginx, ours, present};
use crate::spaced::spaced;
use crate::stage::{CORE, OTHER_CORE, SMALL, Stage};
use crate::{Outcome, Plan};

/// Of each of twenty connections, in bursts.
const PER_SECOND: usize = 50;

/// How requests are sent: how long each of them took, in microseconds.
type Send = fn(&Stage, &Peer, &Plan) -> Outcome<Vec<f64>>;

const SENT: [(&str, Send); 2] = [
    ("", |_, peer, plan| spaced(peer, SMALL, plan.time)),
    (", bursts of 20", |stage, peer, plan| bursts(stage, peer, SMALL, PER_SECOND, plan.time)),
];

pub(crate) fn added(stage: &Stage, plan: &Plan) -> Outcome<Vec<Figure>> {
    let direct = Peer::direct(stage, stage.one);
    let peers = present(vec![
        ("qd", ours(stage, stage.one)),
        ("HAProxy", haproxy(stage, stage.one, Version::One)),
        ("nginx", nginx(stage, stage.one)),
        ("kubectl proxy", kubectl(stage, stage.two)),
    ]);
    let mut figures = Vec::new();
    for (how, send) in SENT {
        let [medians, slow] = rounds((&direct, &peers), how, |peer| send(stage, peer, plan), plan.runs)?;
        figures.extend(medians.into_iter().chain(slow));
    }
    let busy = [keep_awake(stage, CORE)?, keep_awake(stage, OTHER_CORE)?];
    let awake = SENT.map(|(how, send)| {
        rounds((&direct, &peers), &format!("{how}, cores awake"), |peer| send(stage, peer, plan), plan.runs)
    });
    for mut process in busy {
        process.end()?;
    }
    for measured in awake {
        // Of a hundred requests the slowest is the one that waited for that work to be put aside: medians only.
        let [medians, _] = measured?;
        figures.extend(medians);
    }
    Ok(figures)
}

fn keep_awake(stage: &Stage, core: usize) -> Outcome<Process> {
    // Only what nobody else wants of the core.
    let words = ["chrt", "-i", "0", "sh", "-c", "while :; do :; done"];
    stage.start("awake", Some(core), words.map(str::to_owned).to_vec())
}

/// Medians and the slowest of a hundred: without a proxy, and what each of them adds to that.
fn rounds(
    (direct, peers): (&Peer, &[Peer]),
    how: &str,
    send: impl Fn(&Peer) -> Outcome<Vec<f64>>,
    runs: usize,
) -> Outcome<[Vec<Figure>; 2]> {
    let mut base = Figure::new(&format!("no proxy: median{how}"), Unit::Microseconds, None);
    let mut base_slow = Figure::new(&format!("no proxy: 99 of 100{how}"), Unit::Microseconds, None);
    let must = |peer: &Peer, value: f64| peer.is_ours().then_some(value);
    let figure = |peer: &Peer, what: &str, most: f64| {
        Figure::new(&format!("{}: {what} added{how}", peer.name), Unit::Microseconds, must(peer, most))
    };
    let mut middle: Vec<Figure> = peers.iter().map(|peer| figure(peer, "median", 150.0)).collect();
    let mut slow: Vec<Figure> = peers.iter().map(|peer| figure(peer, "99 of 100", 1_000.0)).collect();
    for _ in 0..runs {
        let alone = send(direct)?;
        let (fifty, most) = (percentile(&alone, 50.0), percentile(&alone, 99.0));
        base.add(fifty);
        base_slow.add(most);
        for ((peer, middle), slow) in peers.iter().zip(&mut middle).zip(&mut slow) {
            let taken = send(peer)?;
            middle.add(percentile(&taken, 50.0) - fifty);
            slow.add(percentile(&taken, 99.0) - most);
        }
    }
    middle.insert(0, base);
    slow.insert(0, base_slow);
    Ok([middle, slow])
}
