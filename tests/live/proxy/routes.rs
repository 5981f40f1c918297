//! Which cluster gets what, judged by the audit logs of both.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Test;
use crate::rig::{ControlPlane, Outcome, shared, until};

use super::kubectl::{Kubectl, SOON};
use super::serving::{Serving, cluster};
use super::wire::{Load, Target, Version, load};
use super::{by_namespace, wait};

pub(crate) const TESTS: &[Test] = &[
    ("proxy_sends_nothing_to_the_wrong_cluster", nothing_to_the_wrong_cluster),
    ("proxy_impersonates_where_a_rule_says_so", impersonates_by_rule),
];

/// Both namespaces exist in both clusters: what went to the wrong one would succeed there.
fn nothing_to_the_wrong_cluster() -> Outcome {
    let [east, west] = shared()?;
    let [ours, theirs] = [east.new_namespace("right")?, west.new_namespace("left")?];
    east.kubectl(&["create", "namespace", &theirs])?;
    west.kubectl(&["create", "namespace", &ours])?;
    let rules = by_namespace(&[(&ours, "east"), (&theirs, "west")]);
    let clusters = cluster("east", east, "admin-token")? + &cluster("west", west, "admin-token")?;
    let proxy =
        Serving::start(&format!("home: east\naudit: {{ path: audit.log }}\nclusters:\n{clusters}{rules}"), &[])?;
    for (namespace, plane) in [(&ours, east), (&theirs, west)] {
        let kubectl = Kubectl::through(&proxy, plane, namespace);
        kubectl.output(&["create", "configmap", "mine", "--from-literal=a=b"])?;
        kubectl.output(&["get", "configmaps,secrets,pods"])?;
        kubectl.output(&["label", "configmap", "mine", "a=b"])?;
        kubectl.output(&["delete", "configmap", "--all"])?;
    }
    wait(async {
        for version in [Version::One, Version::Two] {
            let target = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), version)?;
            let path = |namespace: &str| format!("/api/v1/namespaces/{namespace}/configmaps");
            let asks = |namespace: &str| Load { path: path(namespace), connections: 4, lanes: 8, total: 300 };
            let (asks_ours, asks_theirs) = (asks(&ours), asks(&theirs));
            let (one, two) = tokio::join!(load(&target, &asks_ours), load(&target, &asks_theirs));
            for tally in [one?, two?] {
                assert_eq!((tally.done, tally.wrong), (300, 0), "{tally:?}");
            }
        }
        Ok(())
    })?;
    until("the audit logs to agree", SOON, || {
        let (in_east, in_west) = (ids(east)?, ids(west)?);
        let mut counts = BTreeMap::new();
        for event in proxy.audit()?.iter().filter(|event| event["stage"] == "ResponseComplete") {
            let (namespace, id) = (text(&event["objectRef"]["namespace"]), text(&event["auditID"]));
            let places = (in_east.contains_key(id), in_west.contains_key(id));
            let wanted = (namespace != theirs, namespace == theirs);
            if places == (false, false) {
                return Err(format!("not written yet: {event}").into());
            }
            assert_eq!(places, wanted, "{event}");
            *counts.entry(namespace.to_owned()).or_insert(0) += 1;
        }
        match (counts.get(&ours), counts.get(&theirs)) {
            (Some(600..), Some(600..)) => Ok(()),
            _ => Err(format!("not all are written yet: {counts:?}").into()),
        }
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn ids(plane: &ControlPlane) -> Outcome<BTreeMap<String, Value>> {
    Ok(plane.audit()?.into_iter().map(|event| (text(&event["auditID"]).to_owned(), event)).collect())
}

fn impersonates_by_rule() -> Outcome {
    let [east, _] = shared()?;
    let [closed, open] = [east.new_namespace("closed")?, east.new_namespace("open")?];
    let rules = by_namespace(&[(&closed, "east"), (&open, "east")])
        .replace(&format!("- name: of-{open}\n"), &format!("- name: of-{open}\n  allowImpersonation: true\n"));
    let clusters = cluster("east", east, "admin-token")?;
    let proxy = Serving::start(&format!("home: east\nclusters:\n{clusters}{rules}"), &[])?;

    let refused = Kubectl::through(&proxy, east, &closed).run(&["get", "configmaps", "--as=alice"])?;
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(refused.stderr.contains("mpersonat"), "it says what is not allowed: {refused:#?}");
    let asked = |id: &str| {
        let events = east.audit()?;
        Ok::<_, crate::rig::Error>(events.into_iter().filter(|event| event["objectRef"]["namespace"] == id).collect())
    };
    let at_the_server: Vec<Value> = asked(&closed)?;
    assert!(
        !at_the_server.iter().any(|event| event["objectRef"]["resource"] == "configmaps"
            && event["verb"] == "list"
            && text(&event["userAgent"]).starts_with("kubectl")),
        "{at_the_server:#?}"
    );

    let ours = Kubectl::through(&proxy, east, &open);
    let theirs = Kubectl::direct(east, &open);
    let words = ["get", "configmaps", "--as=alice", "--as-group=readers", "-o", "name"];
    let (our, their) = (ours.run(&words)?, theirs.run(&words)?);
    assert_eq!((our.code, &our.stderr), (their.code, &their.stderr), "the server's own refusal of alice");
    theirs.output(&["create", "rolebinding", "readers", "--clusterrole=view", "--group=readers"])?;
    until("alice may read", SOON, || {
        let (our, their) = (ours.run(&words)?, theirs.run(&words)?);
        let same = (our.code, &our.stdout, &our.stderr) == (their.code, &their.stdout, &their.stderr);
        if same && our.code == Some(0) { Ok(()) } else { Err(format!("{our:#?} {their:#?}").into()) }
    })?;
    let as_alice: Vec<Value> = asked(&open)?;
    let as_alice = as_alice.iter().filter(|event| event["impersonatedUser"]["username"] == "alice").count();
    assert!(as_alice >= 4, "two refused and two allowed at least: {as_alice}");
    Ok(())
}
