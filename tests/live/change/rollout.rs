//! A rollout restart over three clusters: one protected, one whose API server dies in the middle.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{Home, SOON, carried_out, field};
use crate::rig::{ControlPlane, Options, Outcome, merged, shared, until};

const NAMESPACE: &str = "rollout-over-three";
const NAMES: [&str; 2] = ["api", "web"];

/// So long a new pod must be ready before it counts: the rollout is under way for longer than it takes to see that.
const READY_FOR: &str = "{\"spec\":{\"minReadySeconds\":3}}";

/// On a busy machine a rollout takes a multiple of its four seconds; that a cluster died is known after this.
const SETTLE: &str = "12s";

/// The controllers of a cluster that came back try again after half a minute at the latest.
const BACK: Duration = Duration::from_secs(120);

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that ended is fine.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(super) fn resumed_after_a_death() -> Outcome {
    let [east, west] = shared()?;
    let mut north = ControlPlane::start(Options::complete("north"))?;
    for plane in [east, west, &north] {
        furnish(plane)?;
    }
    let generations = [east, west, &north].map(generations);
    let home = Home::new(&merged([east, west, &north]), "clusters:\n- {names: [west], access: protected}\n")?;
    let own = ["rollout", "restart", "deploy", "--all", "-n", NAMESPACE, "--clusters", "*", "--canary", "east"];
    home.refused(&[&own[..], &["--yes"]].concat(), "--yes does not serve for west")?;
    home.refused(&own, "--confirm west")?;

    let all = [&own[..], &["--confirm", "west", "--settle", SETTLE, "--timeout", "3s"]].concat();
    let child = home.command(&all).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut running = Running(child);
    until("all of north to be under way", SOON, || {
        let entries = home.items(&["journal", "--clusters", "north"])?;
        let count = entries.iter().filter(|entry| entry["state"] == "settling").count();
        if count == NAMES.len() { Ok(()) } else { Err(format!("{count} settle").into()) }
    })?;
    north.stop_api_server()?;
    let mut stderr = String::new();
    let output = running.0.stderr.as_mut().ok_or("no stderr")?;
    std::io::Read::read_to_string(output, &mut stderr)?;
    assert_eq!(running.0.wait()?.code(), Some(1), "{stderr}");
    for said in ["wave 1 of 3: east", "wave 2 of 3: north", "nothing new is begun", "qd plan resume"] {
        assert!(stderr.contains(said), "{said:?} is not in\n{stderr}");
    }
    assert!(!stderr.contains("wave 3"), "{stderr}");
    assert_eq!(carried_out(west, "patch", NAMESPACE)?, Vec::<String>::new(), "west was not begun");

    let id = interrupted(&home)?;
    resumed(&home, &mut north, &id)?;
    for (plane, before) in [east, west, &north].into_iter().zip(generations) {
        let before = before?;
        let patched = carried_out(plane, "patch", NAMESPACE)?;
        assert_eq!(patched, NAMES.map(|name| format!("deployments/{name}")), "{}", plane.name());
        let after = self::generations(plane)?;
        assert!(before.iter().all(|(name, old)| after[name] == old + 1), "{}: {before:?} {after:?}", plane.name());
    }
    told(&home, &id)
}

fn furnish(plane: &ControlPlane) -> Outcome {
    plane.kubectl(&["create", "namespace", NAMESPACE])?;
    plane.wait_for_service_account(NAMESPACE)?;
    for name in NAMES {
        plane.kubectl(&["create", "deployment", name, "--image=web", "-n", NAMESPACE])?;
        plane.kubectl(&["patch", "deployment", name, "-n", NAMESPACE, "-p", READY_FOR])?;
    }
    plane.wait_for_running(NAMESPACE, NAMES.len())
}

fn generations(plane: &ControlPlane) -> Outcome<BTreeMap<String, u64>> {
    let of = |name: &str| {
        let text = field(plane, NAMESPACE, &format!("deployment/{name}"), ".metadata.generation")?;
        Ok((name.to_owned(), text.parse()?))
    };
    NAMES.into_iter().map(of).collect()
}

/// The operation as it is listed after the death; its id.
fn interrupted(home: &Home) -> Outcome<String> {
    let listed = home.items(&["plan", "list"])?;
    let states: Vec<&Value> = listed.iter().map(|operation| &operation["state"]).collect();
    assert_eq!(states, ["interrupted"], "{listed:#?}");
    Ok(listed[0]["id"].as_str().ok_or("no id")?.to_owned())
}

fn resumed(home: &Home, north: &mut ControlPlane, id: &str) -> Outcome {
    north.start_api_server()?;
    let north = &*north;
    until("the controllers of north to go on", BACK, || {
        for name in NAMES {
            let status = ["rollout", "status", "deployment", name, "-n", NAMESPACE, "--watch=false"];
            let text = north.kubectl(&status)?;
            if !text.contains("successfully rolled out") {
                return Err(text.into());
            }
        }
        Ok(())
    })?;
    home.refused(&["plan", "resume", id], "--confirm west")?;
    home.refused(&["plan", "resume", id, "--yes"], "--yes does not serve for west")?;
    home.done(&["plan", "resume", id, "--confirm", "west"])?;
    home.refused(&["plan", "resume", id, "--confirm", "west"], "nothing is left to do").map(drop)
}

/// The journal has one beginning, one resumption, and each target asked for once.
fn told(home: &Home, id: &str) -> Outcome {
    let entries = home.items(&["journal"])?;
    assert!(entries.iter().all(|entry| entry["operation"] == id), "{entries:#?}");
    let count = |key: &str, word: &str| entries.iter().filter(|entry| entry[key] == word).count();
    assert_eq!((count("event", "began"), count("event", "resumed"), count("event", "ended")), (1, 1, 2));
    // The end of the operation is `done`, too.
    assert_eq!((count("state", "asked"), count("state", "done")), (6, 6 + 1), "{entries:#?}");
    let table = home.done(&["journal", "--clusters", "north"])?;
    assert!(table.contains("ann") && table.contains("north") && !table.contains("west: "), "{table}");
    assert_eq!(home.items(&["plan", "list"])?[0]["state"], "done");
    Ok(())
}
