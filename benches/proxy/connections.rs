//! New connections, as kubectl makes one for every command: a whole TLS handshake, one request, the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::figure::{Figure, Unit};
use crate::live::proxy::wire::Version;
use crate::peers::{Peer, haproxy, nginx, ours, present};
use crate::process::cpu_seconds;
use crate::stage::{SMALL, Stage};
use crate::{Outcome, Plan, wait};

const CONNECTIONS: usize = 2_000;
const AT_ONCE: usize = 8;

pub(crate) fn new(stage: &Stage, plan: &Plan) -> Outcome<Vec<Figure>> {
    let peers = present(vec![
        ("qd", ours(stage, stage.two)),
        ("HAProxy", haproxy(stage, stage.two, Version::Two)),
        ("nginx", nginx(stage, stage.one)),
    ]);
    let name = |peer: &Peer| format!("{}: a new connection and one request", peer.name);
    let mut figures: Vec<Figure> =
        peers.iter().map(|peer| Figure::new(&name(peer), Unit::Microseconds, None)).collect();
    for _ in 0..plan.runs {
        for (peer, figure) in peers.iter().zip(&mut figures) {
            let pid = peer.pid()?.ok_or("no proxy")?;
            let before = cpu_seconds(pid)?;
            wait(connect(peer))?;
            #[expect(clippy::cast_precision_loss, reason = "some thousands")]
            figure.add((cpu_seconds(pid)? - before) * 1e6 / CONNECTIONS as f64);
        }
    }
    Ok(figures)
}

async fn connect(peer: &Peer) -> Outcome {
    let target = Arc::new(peer.target(Version::One)?);
    let done = Arc::new(AtomicUsize::new(0));
    let mut lanes = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (target, done) = (Arc::clone(&target), Arc::clone(&done));
        lanes.spawn(async move {
            while done.fetch_add(1, Ordering::Relaxed) < CONNECTIONS {
                let (status, _) = target.connect().await?.get(&target, SMALL).await?;
                if status != 200 {
                    return Err(format!("{status}").into());
                }
            }
            Ok::<_, crate::Error>(())
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane??;
    }
    Ok(())
}
