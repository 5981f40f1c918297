//! `qd delete` beside a plain client that sends the same deletes and nothing else.

use std::time::Duration;

use futures::StreamExt as _;
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use tokio::time::Instant;

use crate::Outcome;
use crate::figure::{Figure, Unit};
use crate::fleet::{CLUSTERS, NAMESPACE, PODS, Stage, name};

/// As many as `qd` has under way in each cluster.
const AT_ONCE: usize = 10;

pub(crate) fn compare(runs: usize) -> Outcome<Vec<Figure>> {
    let mut ours = Figure::new("`qd delete`: plan, journal, delete, until all are gone", Unit::Milliseconds, None);
    let mut theirs =
        Figure::new("the same deletes by a plain client, ten at once in each cluster", Unit::Milliseconds, None);
    let mut ratio = Figure::new("the first to the second, run by run", Unit::Times, None);
    let mut requests = Figure::new("requests of `qd delete` for each pod", Unit::Times, 5.0);
    for _ in 0..runs {
        let stage = Stage::new()?;
        let started = Instant::now();
        let output = stage.delete("--yes")?;
        let own = milliseconds(started.elapsed());
        if !output.status.success() {
            return Err(format!("qd delete: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        stage.each_deleted_once()?;
        requests.add(share(stage.requests().iter().map(Vec::len).sum()));
        let stage = Stage::new()?;
        let plain = plain(&stage)?;
        stage.each_deleted_once()?;
        ours.add(own);
        theirs.add(plain);
        ratio.add(own / plain);
    }
    Ok(vec![ours, theirs, ratio, requests])
}

pub(crate) fn plan(runs: usize) -> Outcome<Vec<Figure>> {
    let mut wall = Figure::new("`qd delete --dry-run` from its start to its end", Unit::Milliseconds, 1_000.0);
    let mut requests = Figure::new("requests for each target", Unit::Times, 2.0);
    let stage = Stage::new()?;
    let mut before = 0;
    for _ in 0..runs {
        let started = Instant::now();
        let output = stage.delete("--dry-run")?;
        wall.add(milliseconds(started.elapsed()));
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let targets = plan.get("targets").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
        if !output.status.success() || targets != CLUSTERS * PODS {
            return Err(format!("{targets} targets: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let now = stage.requests().iter().map(Vec::len).sum();
        requests.add(share(now - before));
        before = now;
    }
    Ok(vec![wall, requests])
}

/// Milliseconds of a thousand bare deletes, connections included.
fn plain(stage: &Stage) -> Outcome<f64> {
    let kubeconfig = stage.fleet.kubeconfig();
    let clusters: Vec<String> = stage.fleet.clusters().map(str::to_owned).collect();
    let started = Instant::now();
    let all = clusters.into_iter().map(|cluster| {
        let kubeconfig = kubeconfig.to_owned();
        stage.runtime.spawn(async move { delete_all(&kubeconfig, cluster).await })
    });
    let answers = stage.runtime.block_on(futures::future::join_all(all));
    answers.into_iter().try_for_each(|answer| answer?)?;
    Ok(milliseconds(started.elapsed()))
}

async fn delete_all(kubeconfig: &str, cluster: String) -> Outcome {
    let options = KubeConfigOptions { context: Some(cluster), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(Kubeconfig::from_yaml(kubeconfig)?, &options).await?;
    let client = Client::try_from(config)?;
    let deletes = (0..PODS).map(|index| {
        let client = client.clone();
        async move {
            let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{}?gracePeriodSeconds=0", name(index));
            client.request_text(http::Request::delete(path).body(Vec::new())?).await.map(drop)?;
            Outcome::Ok(())
        }
    });
    let answers: Vec<Outcome> = futures::stream::iter(deletes).buffer_unordered(AT_ONCE).collect().await;
    answers.into_iter().collect()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand requests")]
fn share(requests: usize) -> f64 {
    requests as f64 / (CLUSTERS * PODS) as f64
}
