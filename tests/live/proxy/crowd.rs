//! A thousand of everything: requests at once, and watches that all hear of one event.

use std::fs;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Test;
use crate::rig::{ControlPlane, Outcome, until};

use super::kubectl::SOON;
use super::serving::{Serving, cluster};
use super::wire::{ANSWER, Connection, Target, Version};
use super::{pair, wait};

pub(crate) const TESTS: &[Test] = &[("proxy_carries_a_thousand_requests_and_watches", a_thousand)];

const THOUSAND: usize = 1_000;

/// How many streams of an HTTP/2 connection we use. The proxy spreads them over its own connections to the cluster,
/// which takes a hundred on each.
const LANES: usize = 200;

/// Connections to one cluster that may stay open without a request.
const KEPT: usize = 64;

fn a_thousand() -> Outcome {
    let planes = pair()?;
    let plane = &planes[1];
    plane.kubectl(&["create", "namespace", "crowd"])?;
    let proxy = Serving::start(&format!("home: here\nclusters:\n{}", cluster("here", plane, "admin-token")?), &[])?;
    let open = || Ok::<_, crate::rig::Error>(fs::read_dir(format!("/proc/{}/fd", proxy.process.pid()?))?.count());
    let before = open()?;
    for version in [Version::One, Version::Two] {
        wait(requests(&proxy, version))?;
        wait(watches(&proxy, plane, version))?;
    }
    // Who has left is forgotten, here and at the cluster; a few connections to it are kept for the next.
    until("the connections of those who left to be closed", SOON, || match open()? {
        now if now <= before + KEPT => Ok(()),
        now => Err(format!("{now} files are open, {before} were").into()),
    })
}

async fn connections(target: &Target, version: Version) -> Outcome<Vec<Connection>> {
    let mut all = Vec::new();
    while all.len() < THOUSAND {
        let first = target.connect().await?;
        if version == Version::Two {
            all.extend((1..LANES).filter_map(|_| first.share()));
        }
        all.push(first);
    }
    Ok(all)
}

/// All are sent at the same moment.
async fn requests(proxy: &Serving, version: Version) -> Outcome {
    let target = Arc::new(Target::new(proxy.address(), &proxy.authority()?, proxy.token(), version)?);
    let together = Arc::new(Barrier::new(THOUSAND));
    let mut asking = JoinSet::new();
    for mut connection in connections(&target, version).await? {
        let (target, together) = (Arc::clone(&target), Arc::clone(&together));
        asking.spawn(async move {
            together.wait().await;
            connection.get(&target, "/api/v1/namespaces/crowd").await
        });
    }
    let mut done = 0;
    while let Some(answer) = asking.join_next().await {
        let (status, body) = answer??;
        assert_eq!(status, 200, "{version:?}: {}", String::from_utf8_lossy(&body));
        done += 1;
    }
    assert_eq!(done, THOUSAND);
    Ok(())
}

async fn watches(proxy: &Serving, plane: &ControlPlane, version: Version) -> Outcome {
    let target = Arc::new(Target::new(proxy.address(), &proxy.authority()?, proxy.token(), version)?);
    let name = format!("event-{version:?}").to_lowercase();
    let list = target.connect().await?.get(&target, "/api/v1/namespaces/crowd/configmaps?limit=1").await?.1;
    let list: serde_json::Value = serde_json::from_slice(&list)?;
    let from = list["metadata"]["resourceVersion"].as_str().ok_or("no version")?;
    let path = format!("/api/v1/namespaces/crowd/configmaps?watch=1&resourceVersion={from}");
    let opened = Arc::new(Barrier::new(THOUSAND + 1));
    let mut watching = JoinSet::new();
    for mut connection in connections(&target, version).await? {
        let (target, opened) = (Arc::clone(&target), Arc::clone(&opened));
        let (path, name) = (path.clone(), name.clone());
        watching.spawn(async move {
            let answer = connection.open(&target, &path).await;
            opened.wait().await;
            let answer = answer?;
            let head = answer.status();
            let mut body = answer.into_body();
            let mut text = Vec::new();
            while !text.ends_with(b"\n") {
                let frame = timeout(ANSWER, body.frame()).await.map_err(|_| "the event did not come")?;
                let frame = frame.ok_or_else(|| format!("the watch ended with {head}"))??;
                text.extend(frame.into_data().unwrap_or_default());
            }
            let event: serde_json::Value = serde_json::from_slice(&text)?;
            let seen = event["type"] == "ADDED" && event["object"]["metadata"]["name"] == name.as_str();
            if seen { Ok::<_, crate::rig::Error>(connection) } else { Err(format!("not the event: {event}").into()) }
        });
    }
    timeout(ANSWER, opened.wait()).await.map_err(|_| "not all watches were opened")?;
    tokio::task::block_in_place(|| plane.kubectl(&["create", "configmap", &name, "-n", "crowd"]))?;
    let mut seen = Vec::new();
    while let Some(watch) = watching.join_next().await {
        seen.push(watch??);
    }
    assert_eq!(seen.len(), THOUSAND, "{version:?}");
    Ok(())
}
