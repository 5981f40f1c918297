//! Pods in all their states.

use crate::engine::k8s::projection::testing::{NOW, cells, project};
use crate::model::health::Health;
use serde_json::{Value, json};

fn pod(spec: &Value, status: &Value) -> Value {
    json!({"metadata": {"name": "p"}, "spec": spec, "status": status})
}

/// A pod of containers `a`, `b`, ... with these statuses.
fn running(statuses: &[Value]) -> Value {
    let containers: Vec<Value> = statuses.iter().map(|_| json!({"name": "c", "image": "i"})).collect();
    pod(&json!({"containers": containers}), &json!({"phase": "Running", "containerStatuses": statuses}))
}

fn up() -> Value {
    json!({"name": "c", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}})
}

fn ended(code: i64, reason: &str) -> Value {
    json!({"name": "c", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": code, "reason": reason}}})
}

fn waiting(reason: &str) -> Value {
    json!({"name": "c", "ready": false, "restartCount": 3, "state": {"waiting": {"reason": reason}},
        "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:00:00Z"}}})
}

#[track_caller]
fn check(object: &Value, ready: &str, status: &str, restarts: &str, health: &Health) {
    let row = project("", "Pod", object);
    let shown = cells(&row);
    assert_eq!((shown[0].as_str(), shown[1].as_str(), shown[2].as_str()), (ready, status, restarts));
    assert_eq!(row.health, *health);
}

fn failed(reason: &str) -> Health {
    Health::Failed(reason.into())
}

fn degraded(reason: &str) -> Health {
    Health::Degraded(reason.into())
}

#[test]
fn running_pods() {
    check(&running(&[up(), up()]), "2/2", "Running", "0", &Health::Healthy);
    let mut starting = up();
    starting["ready"] = json!(false);
    check(&running(&[up(), starting]), "1/2", "Running", "0", &degraded("1/2 ready"));
    check(
        &running(&[up(), waiting("CrashLoopBackOff")]),
        "1/2",
        "CrashLoopBackOff",
        "3 (2m ago)",
        &failed("CrashLoopBackOff"),
    );
    check(&running(&[ended(0, "Completed"), up()]), "1/2", "NotReady", "0", &degraded("1/2 ready"));
    check(&running(&[ended(137, "OOMKilled"), up()]), "1/2", "OOMKilled", "0", &failed("OOMKilled"));
    check(&running(&[ended(0, "Completed"), ended(1, "Error")]), "0/2", "Error", "0", &failed("Error"));
    check(&running(&[ended(3, "")]), "0/1", "ExitCode:3", "0", &failed("ExitCode:3"));
    let mut done_but_ready = running(&[ended(0, "Completed"), up()]);
    done_but_ready["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    check(&done_but_ready, "1/2", "Running", "0", &degraded("1/2 ready"));
    let mut signalled = running(&[ended(0, "")]);
    signalled["status"]["containerStatuses"][0]["state"]["terminated"]["signal"] = json!(9);
    check(&signalled, "0/1", "Signal:9", "0", &failed("Signal:9"));
}

#[test]
fn pods_that_do_not_run() {
    let spec = json!({"containers": [{"name": "c"}]});
    let phase = |phase: &str| pod(&spec, &json!({"phase": phase}));
    check(&phase("Pending"), "0/1", "Pending", "0", &Health::Progressing);
    check(&phase("Unknown"), "0/1", "Unknown", "0", &degraded("Unknown"));
    let evicted = pod(&spec, &json!({"phase": "Failed", "reason": "Evicted"}));
    check(&evicted, "0/1", "Evicted", "0", &failed("Evicted"));
    let completed = pod(&spec, &json!({"phase": "Succeeded", "containerStatuses": [ended(0, "Completed")]}));
    check(&completed, "0/1", "Completed", "0", &Health::Healthy);
    let lost = pod(&spec, &json!({"phase": "Failed", "containerStatuses": [ended(137, "ContainerStatusUnknown")]}));
    check(&lost, "0/1", "ContainerStatusUnknown", "0", &failed("ContainerStatusUnknown"));
    let creating = pod(
        &spec,
        &json!({"phase": "Pending", "containerStatuses":
        [{"name": "c", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}]}),
    );
    check(&creating, "0/1", "ContainerCreating", "0", &Health::Progressing);
    let image = pod(
        &spec,
        &json!({"phase": "Pending", "containerStatuses": [
        {"name": "c", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
    );
    check(&image, "0/1", "ImagePullBackOff", "0", &failed("ImagePullBackOff"));
    let condition = |reason: &str| json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": reason}]});
    check(&pod(&spec, &condition("SchedulingGated")), "0/1", "SchedulingGated", "0", &Health::Progressing);
    check(&pod(&spec, &condition("Unschedulable")), "0/1", "Pending", "0", &degraded("Unschedulable"));
}

#[test]
fn pods_that_go() {
    let mut going = running(&[up()]);
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    check(&going, "1/1", "Terminating", "0", &Health::Progressing);
    going["status"]["reason"] = json!("NodeLost");
    check(&going, "1/1", "Unknown", "0", &degraded("Unknown"));
    let mut gone = pod(&json!({"containers": [{"name": "c"}]}), &json!({"phase": "Failed"}));
    gone["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    check(&gone, "0/1", "Failed", "0", &failed("Failed"));
}

#[test]
fn init_containers_and_sidecars() {
    let spec = json!({"containers": [{"name": "c"}],
        "initContainers": [{"name": "one"}, {"name": "side", "restartPolicy": "Always"}]});
    let init = |statuses: Value| {
        pod(
            &spec,
            &json!({"phase": "Pending", "initContainerStatuses": statuses, "containerStatuses": [
            {"name": "c", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}}]}),
        )
    };
    let one_done = json!({"name": "one", "restartCount": 2, "state": {"terminated": {"exitCode": 0}}});
    let side_up = json!({"name": "side", "ready": true, "started": true, "restartCount": 4, "state": {"running": {}}});
    let first = init(json!([{"name": "one", "restartCount": 0, "state": {"running": {}}}]));
    check(&first, "0/2", "Init:0/2", "0", &Health::Progressing);
    let second = init(
        json!([one_done, {"name": "side", "restartCount": 1, "state": {"waiting": {"reason": "PodInitializing"}}}]),
    );
    check(&second, "0/2", "Init:1/2", "3", &Health::Progressing);
    check(&init(json!([one_done, side_up])), "1/2", "PodInitializing", "4", &Health::Progressing);
    let crash = init(json!([{"name": "one", "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:00:00Z"}}}]));
    check(&crash, "0/2", "Init:CrashLoopBackOff", "5 (2m ago)", &failed("Init:CrashLoopBackOff"));
    let code = init(json!([{"name": "one", "restartCount": 0, "state": {"terminated": {"exitCode": 7}}}]));
    check(&code, "0/2", "Init:ExitCode:7", "0", &failed("Init:ExitCode:7"));
    let error =
        init(json!([{"name": "one", "restartCount": 0, "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]));
    check(&error, "0/2", "Init:Error", "0", &failed("Init:Error"));
}

#[test]
fn wide_cells_and_metadata() {
    let mut object = running(&[up()]);
    object["spec"]["nodeName"] = json!("n-14");
    object["spec"]["readinessGates"] = json!([{"conditionType": "lb"}, {"conditionType": "dns"}]);
    object["status"]["podIPs"] = json!([{"ip": "10.0.0.7"}, {"ip": "fd00::7"}]);
    object["status"]["conditions"] = json!([{"type": "lb", "status": "True"}]);
    object["metadata"] = json!({"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "12",
        "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"b": "2", "a": "1"},
        "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:a": {}}}],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "x", "uid": "1"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "2", "controller": true}]});
    let row = project("", "Pod", &object);
    assert_eq!(cells(&row)[3..], ["2m", "10.0.0.7", "n-14", "<none>", "1/2"]);
    assert_eq!(row.health, degraded("ReadinessGates"));
    assert_eq!(&*row.labels, "a=1,b=2");
    let owner = row.owner.clone().unwrap();
    assert_eq!((owner.kind.to_string().as_str(), owner.name.as_str()), ("ReplicaSet.apps", "rs"));
    assert_eq!((row.namespace.as_str(), row.uid.as_str(), row.version.as_str()), ("n", "u", "12"));
    assert_eq!(row.created.map(|t| NOW.since(t)), Some(120));
}

#[test]
fn an_object_of_another_shape_is_a_row_of_unknowns() {
    let row = project("", "Pod", &json!({"metadata": {"name": "p"}, "spec": {"containers": 7}}));
    assert_eq!(cells(&row)[0], "<unknown>");
    assert_eq!(row.name, "p");
}
