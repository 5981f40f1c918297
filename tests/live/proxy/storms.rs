//! Changes of the configuration and of credentials while requests run: none of them fails.

use std::fs;
use std::time::{Duration, Instant};

use crate::Test;
use crate::rig::{ControlPlane, Outcome, shared, until};

use super::kubectl::{Kubectl, SOON};
use super::serving::{Serving, cluster, entry};
use super::wire::{Load, Tally, Target, Version, load};
use super::{by_namespace, is_long, wait};

pub(crate) const TESTS: &[Test] = &[
    ("proxy_reloads_under_load_without_a_failure", reloads_under_load),
    ("proxy_refuses_a_bad_configuration_whole", refuses_a_bad_one),
    ("proxy_reads_a_rotated_token", reads_a_rotated_token),
    ("proxy_drains_on_sigterm", drains_on_sigterm),
];

/// Reloads, and requests over HTTP/1.1 and over HTTP/2 during each of them: a hundred thousand in the long form.
const RELOADS: usize = 100;
const REQUESTS: usize = 60;
const REQUESTS_LONG: usize = 500;

/// A configuration that differs from the others, and denies one namespace which tells it apart.
fn numbered(plane: &ControlPlane, namespace: &str, number: usize) -> Outcome<String> {
    let rules = by_namespace(&[(namespace, "here")]);
    let clusters = cluster("here", plane, "admin-token")?;
    Ok(format!(
        "home: here\nclusters:\n{clusters}  weight: {}\n{rules}- name: probe-{number}\n  priority: {}\n  conditions: [{{ type: namespace, operator: equals, value: probe-{number} }}]\n  actions: {{ deny: number {number} }}\n",
        number + 1,
        number + 20,
    ))
}

/// Waits until a namespace that only this configuration denies is denied.
fn applied(kubectl: &Kubectl<'_>, number: usize) -> Outcome {
    let path = format!("/api/v1/namespaces/probe-{number}/configmaps");
    until(&format!("configuration {number}"), SOON, || {
        let printed = kubectl.run(&["get", "--raw", &path])?;
        let said = printed.stderr.contains(&format!("number {number}"));
        if said { Ok(()) } else { Err(format!("{printed:?}").into()) }
    })
}

/// The same over a connection of our own, while others ask.
async fn in_force(target: &Target, number: usize) -> Outcome {
    let mut connection = target.connect().await?;
    let path = format!("/api/v1/namespaces/probe-{number}/configmaps");
    let started = Instant::now();
    loop {
        let (status, body) = connection.get(target, &path).await?;
        let said = String::from_utf8_lossy(&body);
        if status == 403 && said.contains(&format!("number {number}\"")) {
            return Ok(());
        }
        if started.elapsed() > SOON {
            return Err(format!("configuration {number} is not in force: {status} {said}").into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn reloads_under_load() -> Outcome {
    let [plane, _] = shared()?;
    let namespace = plane.new_namespace("storm")?;
    plane.kubectl(&["create", "configmap", "small", "--from-literal=a=b", "-n", &namespace])?;
    let mut proxy = Serving::start(&numbered(plane, &namespace, 0)?, &[])?;
    let kubectl = Kubectl::through(&proxy, plane, &namespace);
    let path = format!("/api/v1/namespaces/{namespace}/configmaps/small");
    let watch = kubectl.start(&["get", "configmaps", "-w", "-o", "name"])?;
    watch.shows("the object", |text| text.contains("configmap/small"))?;
    let total = if is_long() { REQUESTS_LONG } else { REQUESTS };
    let asks = Load { path: path.clone(), connections: 4, lanes: 4, total };
    let targets = [Version::One, Version::Two]
        .map(|version| Target::new(proxy.address(), &proxy.authority()?, proxy.token(), version));
    let [one, two] = targets;
    let targets = [one?, two?];
    for number in 1..=RELOADS {
        let text = numbered(plane, &namespace, number)?;
        let (tallies, ()) = wait(async {
            let loads = async { tokio::try_join!(load(&targets[0], &asks), load(&targets[1], &asks)) };
            let reload = async {
                proxy.route(&text)?;
                if number % 2 == 0 {
                    // Every other one by signal; the rest are noticed in the folder.
                    proxy.process.hang_up()?;
                }
                in_force(&targets[1], number).await
            };
            tokio::try_join!(loads, reload)
        })?;
        for Tally { done, wrong, first, .. } in [tallies.0, tallies.1] {
            assert_eq!((done, wrong), (total, 0), "{first:?}");
        }
    }
    applied(&kubectl, RELOADS)?;
    // A watch outlives them all.
    plane.kubectl(&["create", "configmap", "last", "-n", &namespace])?;
    watch.shows("the last object", |text| text.contains("configmap/last")).map(drop)
}

fn refuses_a_bad_one() -> Outcome {
    let [plane, _] = shared()?;
    let namespace = plane.new_namespace("kept")?;
    let mut proxy = Serving::start(&numbered(plane, &namespace, 1)?, &[])?;
    let kubectl = Kubectl::through(&proxy, plane, &namespace);
    applied(&kubectl, 1)?;
    let bad =
        numbered(plane, &namespace, 2)?.replace("actions: { targetCluster: here }", "actions: { targetCluster: gone }");
    proxy.route(&bad)?;
    proxy.process.hang_up()?;
    until("the reason", SOON, || {
        let said = proxy.process.printed();
        if said.contains("gone") && said.contains("routing.yaml") { Ok(()) } else { Err(said.into()) }
    })?;
    // Nothing of it holds, not even the parts that are right.
    applied(&kubectl, 1)?;
    kubectl.output(&["get", "configmaps"])?;
    proxy.route(&numbered(plane, &namespace, 3)?)?;
    applied(&kubectl, 3)
}

fn reads_a_rotated_token() -> Outcome {
    let planes = super::pair()?;
    let plane = &planes[0];
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    fs::write(&token, "one-token")?;
    let authority = fs::read_to_string(plane.folder().join("ca.crt"))?;
    let login = format!("tokenFile: {}", token.display());
    let clusters = entry("here", &plane.address(), &authority, &login)?;
    let proxy = Serving::start(&format!("home: here\nclusters:\n{clusters}"), &[])?;
    let kubectl = Kubectl::through(&proxy, plane, "default");
    let user = || kubectl.output(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
    assert_eq!(user()?, "one");
    let target = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), Version::Two)?;
    let asks = Load { path: "/api/v1/namespaces/default".to_owned(), connections: 2, lanes: 2, total: 50 };
    let next = folder.path().join("next");
    fs::write(&next, "two-token\n")?;
    fs::rename(&next, &token)?;
    until("requests as two", SOON, || {
        let tally = wait(load(&target, &asks))?;
        assert_eq!((tally.done, tally.wrong), (50, 0), "{tally:?}");
        let user = user()?;
        if user == "two" { Ok(()) } else { Err(user.into()) }
    })
}

fn drains_on_sigterm() -> Outcome {
    let [plane, _] = shared()?;
    let namespace = plane.new_namespace("drained")?;
    let clusters = cluster("here", plane, "admin-token")?;
    let mut proxy = Serving::start(&format!("home: here\nclusters:\n{clusters}"), &["--drain", "2s"])?;
    let kubectl = Kubectl::through(&proxy, plane, &namespace);
    let watch = kubectl.start(&["get", "configmaps", "-w", "-o", "name"])?;
    plane.kubectl(&["create", "configmap", "seen", "-n", &namespace])?;
    watch.shows("the object", |text| text.contains("configmap/seen"))?;
    assert_eq!(proxy.process.terminate(Duration::from_secs(60))?, Some(0), "{}", proxy.process.printed());
    Ok(())
}
