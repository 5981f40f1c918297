//! A thousand idle watches: the memory each takes, and one event to all of them.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::figure::{Figure, Unit, percentile};
use crate::live::proxy::wire::{ANSWER, Connection, Version};
use crate::peers::{Peer, haproxy, nginx, ours, present};
use crate::process::{Memory, memory};
use crate::stage::Stage;
use crate::upstream::Watched;
use crate::{Outcome, Plan, wait};

const WATCHES: usize = 1_000;
const EVENTS: usize = 5;
const PATH: &str = "/api/v1/namespaces/bench/pods?watch=1&resourceVersion=1";

/// Memory comes to rest.
const REST: Duration = Duration::from_secs(3);

/// For the ends of watches to be told on.
const GOING: Duration = Duration::from_secs(10);

pub(crate) fn idle(stage: &Stage, _: &Plan) -> Outcome<Vec<Figure>> {
    wait(async {
        let mut figures = Vec::new();
        for name in ["qd", "HAProxy", "nginx"] {
            // One each: watches that a peer leaves open are not the next one's.
            let upstream = Watched::start(stage).await?;
            let started = tokio::task::block_in_place(|| match name {
                "qd" => ours(stage, upstream.address),
                "HAProxy" => haproxy(stage, upstream.address, Version::Two),
                _ => nginx(stage, upstream.address),
            });
            for peer in present(vec![(name, started)]) {
                figures.extend(watched(&peer, &upstream).await?);
            }
        }
        Ok(figures)
    })
}

async fn watched(peer: &Peer, upstream: &Watched) -> Outcome<Vec<Figure>> {
    let pid = peer.pid()?.ok_or("no proxy")?;
    let must = |value: f64| peer.is_ours().then_some(value);
    let figure = |what: &str, unit, most| Figure::new(&format!("{}: {what}", peer.name), unit, must(most));
    let mut base = figure("memory at the start", Unit::Mebibytes, 15.0);
    let mut own = Figure::new(&format!("{}: of it no part of the program's file", peer.name), Unit::Mebibytes, None);
    let mut each = figure("memory per idle watch, HTTP/1.1 from the caller", Unit::Kibibytes, 60.0);
    let mut middle = Figure::new(&format!("{}: event to 1,000 watches, median", peer.name), Unit::Milliseconds, None);
    let mut last = Figure::new(&format!("{}: event to 1,000 watches, the last", peer.name), Unit::Milliseconds, None);
    let mut lost = figure("events lost", Unit::Count, 0.0);
    sleep(REST).await;
    let Memory { now: before, own: anonymous, .. } = memory(pid)?;
    base.add(before);
    own.add(anonymous);
    let mut watches = open(peer).await?;
    timeout(ANSWER, async {
        while upstream.open() < WATCHES {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .map_err(|_| format!("{}: {} watches reached the upstream", peer.name, upstream.open()))?;
    sleep(REST).await;
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    each.add((memory(pid)?.now - before) * 1_024.0 / WATCHES as f64);
    for event in 0..EVENTS {
        let heard = tell(upstream, &mut watches, event).await;
        #[expect(clippy::cast_precision_loss, reason = "a thousand")]
        lost.add((WATCHES - heard.len()) as f64);
        middle.add(percentile(&heard, 50.0));
        last.add(percentile(&heard, 100.0));
    }
    drop(watches);
    let mut left = figure("watches still open at the server 10 s after their clients went", Unit::Count, 0.0);
    let gone = async {
        while upstream.open() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    // Those that stay are counted.
    let _late = timeout(GOING, gone).await;
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    left.add(upstream.open() as f64);
    Ok(vec![base, own, each, middle, last, lost, left])
}

/// An open watch. The connection lives as long as it does.
type Watch = (Connection, hyper::body::Incoming);

async fn open(peer: &Peer) -> Outcome<Vec<Watch>> {
    let target = Arc::new(peer.target(Version::One)?);
    let mut all = Vec::new();
    // A few at a time: it is not the handshakes that are measured here.
    while all.len() < WATCHES {
        let mut opening = JoinSet::new();
        for _ in 0..50 {
            let target = Arc::clone(&target);
            opening.spawn(async move {
                let mut connection = target.connect().await?;
                let answer = connection.open(&target, PATH).await?;
                if answer.status() != 200 {
                    return Err(format!("{}", answer.status()).into());
                }
                Ok::<_, crate::Error>((connection, answer.into_body()))
            });
        }
        while let Some(watch) = opening.join_next().await {
            all.push(watch??);
        }
    }
    Ok(all)
}

/// How long each watch waited for the event, in milliseconds; those that did not hear are not in it.
async fn tell(upstream: &Watched, watches: &mut Vec<Watch>, event: usize) -> Vec<f64> {
    let mut hearing = JoinSet::new();
    let started = Instant::now();
    for (connection, mut body) in watches.drain(..) {
        hearing.spawn(async move {
            let frame = timeout(Duration::from_secs(20), body.frame()).await.ok().flatten()?.ok()?;
            let text = frame.into_data().ok()?;
            text.ends_with(b"\n").then(|| ((connection, body), started.elapsed().as_secs_f64() * 1_000.0))
        });
    }
    upstream.tell(&format!(r#"{{"type":"ADDED","object":{{"metadata":{{"name":"event-{event}"}}}}}}"#));
    let mut heard = Vec::new();
    while let Some(told) = hearing.join_next().await {
        if let Ok(Some((watch, taken))) = told {
            watches.push(watch);
            heard.push(taken);
        }
    }
    heard
}
