//! A hundred reloads under load: no request fails. Each reload is waited for, so it has happened while requests ran.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::figure::{Figure, Unit};
use crate::live::proxy::serving::entry;
use crate::live::proxy::wire::{ANSWER, Load, Tally, Target, Version, load};
use crate::peers::{Peer, ours, routing};
use crate::stage::{SMALL, Stage, TOKEN};
use crate::{Outcome, Plan, wait};

const RELOADS: usize = 100;
const REQUESTS: usize = 100_000;

pub(crate) fn under_load(stage: &Stage, _: &Plan) -> Outcome<Vec<Figure>> {
    let mut peer = ours(stage, stage.two)?;
    let clusters = entry("upstream", &stage.two.to_string(), &stage.authority, &format!("token: {TOKEN}"))?;
    let (one, two) = (peer.target(Version::One)?, peer.target(Version::Two)?);
    let (tally, reloads) = wait(async {
        let mut tally = Tally::default();
        let mut reloading = std::pin::pin!(reload(&mut peer, &clusters, two.clone()));
        let mut reloads = None;
        while reloads.is_none() || tally.done + tally.wrong < REQUESTS {
            let asks = Load { path: SMALL.to_owned(), connections: 8, lanes: 8, total: REQUESTS / 10 };
            let mut both = std::pin::pin!(async { tokio::join!(load(&one, &asks), load(&two, &asks)) });
            let (first, second) = loop {
                tokio::select! {
                    tallies = &mut both => break tallies,
                    done = &mut reloading, if reloads.is_none() => reloads = Some(done?),
                }
            };
            for part in [first?, second?] {
                tally.done += part.done;
                tally.wrong += part.wrong;
                tally.first.extend(part.first);
            }
        }
        Ok((tally, reloads.unwrap_or_default()))
    })?;
    for reason in tally.first.iter().take(5) {
        crate::say(&format!("  failed: {reason}"));
    }
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousands")]
    let figure = |what: &str, value: usize, must: Option<f64>| {
        let mut figure = Figure::new(what, Unit::Count, must);
        figure.add(value as f64);
        figure
    };
    Ok(vec![
        figure("reloads that took effect under load", reloads, None),
        figure("requests meanwhile, half of them HTTP/1.1 and half HTTP/2", tally.done + tally.wrong, None),
        figure("requests that failed", tally.wrong, Some(0.0)),
    ])
}

/// Writes one configuration after the other, each when the one before denies what only it denies.
async fn reload(peer: &mut Peer, clusters: &str, target: Target) -> Outcome<usize> {
    let serving = peer.serving().ok_or("not ours")?;
    let mut connection = target.connect().await?;
    for number in 1..=RELOADS {
        serving.route(&routing(clusters, number))?;
        serving.process.hang_up()?;
        let path = format!("/api/v1/namespaces/number-{number}/pods");
        let applied = async {
            while connection.get(&target, &path).await?.0 != 403 {
                sleep(Duration::from_millis(5)).await;
            }
            Ok::<_, crate::Error>(())
        };
        timeout(ANSWER, applied).await.map_err(|_| format!("reload {number} takes no effect"))??;
    }
    Ok(RELOADS)
}
