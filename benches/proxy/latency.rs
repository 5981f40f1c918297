//! What a proxy adds to the time an answer takes, at 1,000 requests a second that are sent whatever the answers do.

use crate::figure::{Figure, Unit, percentile};
use crate::generate::paced;
use crate::live::proxy::wire::Version;
use crate::peers::{Peer, haproxy, kubectl, nginx, ours, present};
use crate::stage::{SMALL, Stage};
use crate::{Outcome, Plan};

/// Of each of twenty connections.
const PER_SECOND: usize = 50;

pub(crate) fn added(stage: &Stage, plan: &Plan) -> Outcome<Vec<Figure>> {
    let direct = Peer::direct(stage, stage.one);
    let peers = present(vec![
        ("qd", ours(stage, stage.one)),
        ("HAProxy", haproxy(stage, stage.one, Version::One)),
        ("nginx", nginx(stage, stage.one)),
        ("kubectl proxy", kubectl(stage, stage.two)),
    ]);
    let mut base = Figure::new("no proxy: median", Unit::Microseconds, None);
    let mut base_slow = Figure::new("no proxy: 99 of 100", Unit::Microseconds, None);
    let must = |peer: &Peer, value: f64| peer.is_ours().then_some(value);
    let figure = |peer: &Peer, what: &str, most: f64| {
        Figure::new(&format!("{}: {what} added", peer.name), Unit::Microseconds, must(peer, most))
    };
    let mut middle: Vec<Figure> = peers.iter().map(|peer| figure(peer, "median", 150.0)).collect();
    let mut slow: Vec<Figure> = peers.iter().map(|peer| figure(peer, "99 of 100", 1_000.0)).collect();
    for _ in 0..plan.runs {
        let alone = paced(stage, &direct, SMALL, PER_SECOND, plan.time)?;
        let (fifty, most) = (percentile(&alone, 50.0), percentile(&alone, 99.0));
        base.add(fifty);
        base_slow.add(most);
        for ((peer, middle), slow) in peers.iter().zip(&mut middle).zip(&mut slow) {
            let taken = paced(stage, peer, SMALL, PER_SECOND, plan.time)?;
            middle.add(percentile(&taken, 50.0) - fifty);
            slow.add(percentile(&taken, 99.0) - most);
        }
    }
    Ok([vec![base, base_slow], middle, slow].concat())
}
