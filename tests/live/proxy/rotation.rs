//! Certificates that are replaced while requests go on: ours at a cluster, and a cluster's own.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::Test;
use crate::rig::{Outcome, Pair, until};

use super::kubectl::{Kubectl, SOON};
use super::serving::{Serving, cluster, entry};
use super::wire::{Load, Tally, Target, Version, load};
use super::{pair, wait};

pub(crate) const TESTS: &[Test] = &[
    ("proxy_takes_a_rotated_client_certificate", client_certificate),
    ("proxy_takes_the_new_certificate_of_an_api_server", serving_certificate),
];

/// As whom the API server sees whoever asks.
fn user(kubectl: &Kubectl<'_>) -> Outcome<String> {
    kubectl.output(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"])
}

/// Each file in one step, and one after the other, as most programs that renew certificates do it.
fn put(folder: &Path, Pair { certificate, key }: &Pair) -> Outcome {
    for (name, text) in [("robot.crt", certificate), ("robot.key", key)] {
        fs::write(folder.join("new"), text)?;
        fs::rename(folder.join("new"), folder.join(name))?;
    }
    Ok(())
}

/// Does something while requests go on over both protocols, none of which may fail.
fn under_load(proxy: &Serving, work: impl FnOnce() -> Outcome) -> Outcome {
    let ended = AtomicBool::new(false);
    let asking = |version: Version| -> Outcome<usize> {
        let target = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), version)?;
        let asks = Load { path: "/api/v1/namespaces/default".to_owned(), connections: 2, lanes: 2, total: 50 };
        let mut all = 0;
        while !ended.load(Ordering::Relaxed) {
            let Tally { done, wrong, first, .. } = wait(load(&target, &asks))?;
            if wrong > 0 {
                return Err(format!("{wrong} requests failed after {all}: {first:?}").into());
            }
            all += done;
        }
        Ok(all)
    };
    thread::scope(|scope| {
        let asked = [Version::One, Version::Two].map(|version| scope.spawn(move || asking(version)));
        let worked = work();
        ended.store(true, Ordering::Relaxed);
        for asked in asked {
            let all = asked.join().map_err(|_| "the load panicked")??;
            assert!(all > 0, "somebody asked meanwhile");
        }
        worked
    })
}

fn client_certificate() -> Outcome {
    let planes = pair()?;
    let plane = &planes[0];
    let folder = tempfile::tempdir()?;
    put(folder.path(), &plane.client_certificate("robot-one", "system:masters")?)?;
    let authority = fs::read_to_string(plane.folder().join("ca.crt"))?;
    let (certificate, key) = (folder.path().join("robot.crt"), folder.path().join("robot.key"));
    let login = format!("certificateFile: {}\n  keyFile: {}", certificate.display(), key.display());
    let clusters = entry("here", &plane.address(), &authority, &login)?.replace("certificateData:", "caData:");
    let proxy = Serving::start(&format!("home: here\nclusters:\n{clusters}"), &[])?;
    let kubectl = Kubectl::through(&proxy, plane, "default");
    assert_eq!(user(&kubectl)?, "robot-one");
    let watch = kubectl.start(&["get", "configmaps", "-w", "-o", "name"])?;
    under_load(&proxy, || {
        for name in ["robot-two", "robot-three"] {
            put(folder.path(), &plane.client_certificate(name, "system:masters")?)?;
            until(&format!("requests as {name}"), SOON, || {
                let user = user(&kubectl)?;
                if user == name { Ok(()) } else { Err(user.into()) }
            })?;
        }
        Ok(())
    })?;
    // The watch goes on over the connection it began on.
    plane.kubectl(&["create", "configmap", "after-the-rotation"])?;
    watch.shows("the object", |text| text.contains("configmap/after-the-rotation"))?;
    plane.kubectl(&["delete", "configmap", "after-the-rotation"]).map(drop)
}

fn serving_certificate() -> Outcome {
    let mut planes = pair()?;
    let clusters = cluster("here", &planes[0], "admin-token")?;
    let quick = "  healthCheck: { interval: 1s, timeout: 1s, failures: 2 }\n";
    let proxy = Serving::start(&format!("home: here\nclusters:\n{clusters}{quick}"), &[])?;
    let before = fs::read_to_string(planes[0].folder().join("server.crt"))?;
    under_load(&proxy, || {
        planes[0].renew_serving_certificate()?;
        Kubectl::through(&proxy, &planes[0], "default").output(&["get", "--raw", "/version"]).map(drop)
    })?;
    planes[0].stop_api_server()?;
    // The one it was started with is gone: what it shows from now on is new.
    assert_ne!(fs::read_to_string(planes[0].folder().join("server.crt"))?, before);
    planes[0].start_api_server()?;
    let kubectl = Kubectl::through(&proxy, &planes[0], "default");
    until("the cluster to be served again", SOON, || kubectl.output(&["get", "--raw", "/version"]).map(drop))?;
    under_load(&proxy, || user(&kubectl).map(|user| assert_eq!(user, "admin")))
}
