//! Changes of the demo fleet over the wire: as a real API server takes and refuses them.

use futures::TryStreamExt as _;
use http::Method;
use quarterdeck::demo::Fault;

use super::*;

const MERGE: &str = "application/merge-patch+json";
const WEB: &str = "/apis/apps/v1/namespaces/checkout/deployments/web";

/// One request that may change something: the status code and the answer.
async fn send(client: &Client, (method, path): (Method, &str), kind: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(path).header("content-type", kind);
    let request = request.body(kube::client::Body::from(body)).expect("a request");
    let answer = timeout(PATIENCE, client.send(request)).await.expect("an answer in time").expect("an answer");
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect_bytes().await.expect("a whole answer");
    (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("{path}: {}", String::from_utf8_lossy(&bytes))))
}

async fn patch(client: &Client, path: &str, body: &Value) -> (u16, Value) {
    send(client, (Method::PATCH, path), MERGE, body).await
}

async fn delete(client: &Client, path: &str, body: &Value) -> (u16, Value) {
    send(client, (Method::DELETE, path), "application/json", body).await
}

/// Waits until an object is as wanted.
async fn until(client: &Client, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let watch = async {
        loop {
            let object = get(client, path).await;
            if holds(&object) {
                return object;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(3 * PATIENCE, watch).await.unwrap_or_else(|_| panic!("{path} never came to be as wanted"))
}

#[tokio::test]
async fn an_object_is_created_changed_watched_and_deleted() {
    let fleet = single(35, 60).await;
    let client = client(&fleet, "one").await;
    let collection = "/api/v1/namespaces/default/configmaps";
    let list = get(&client, collection).await;
    let path = format!("{collection}?watch=true&resourceVersion={}", text(&list, "/metadata/resourceVersion"));
    let mut stream = lines(&client, &path, "application/json").await;
    let map = config_map("notes", &json!({"a": "b"}));
    let (code, made) = send(&client, (Method::POST, collection), "application/json", &map).await;
    assert_eq!((code, text(&made, "/kind").as_str()), (201, "ConfigMap"));
    assert_eq!(send(&client, (Method::POST, collection), "application/json", &map).await.0, 409);
    let one = format!("{collection}/notes");
    let (code, changed) = patch(&client, &one, &json!({"data": {"key": null, "more": "x"}})).await;
    assert_eq!((code, &changed["data"]), (200, &json!({"more": "x"})));
    let operations = json!([{"op": "add", "path": "/data/third", "value": "y"}]);
    let (code, _) = send(&client, (Method::PATCH, &one), "application/json-patch+json", &operations).await;
    assert_eq!(code, 200);
    assert_eq!(send(&client, (Method::PATCH, &one), "application/apply-patch+yaml", &json!({})).await.0, 415);
    let dry_run = json!({"kind": "DeleteOptions", "dryRun": ["All"]});
    assert_eq!(delete(&client, &one, &dry_run).await.0, 200);
    assert_eq!(delete(&client, &format!("{one}?dryRun=All"), &Value::Null).await.0, 200);
    // A real server overlooks the query where there are options in the body.
    let (code, status) = delete(&client, &format!("{one}?dryRun=All"), &json!({"kind": "DeleteOptions"})).await;
    assert_eq!((code, text(&status, "/status").as_str()), (200, "Success"));
    for expected in ["ADDED", "MODIFIED", "MODIFIED", "DELETED"] {
        let (kind, object) = event(&mut stream).await;
        assert_eq!((kind.as_str(), text(&object, "/metadata/name").as_str()), (expected, "notes"));
    }
    assert_eq!(delete(&client, &one, &Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_change_of_another_state_or_another_object_is_a_conflict() {
    let fleet = single(35, 60).await;
    let client = client(&fleet, "one").await;
    let stale = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}});
    for (path, body) in [(WEB.to_owned(), stale.clone()), (format!("{WEB}/scale"), stale)] {
        let (code, status) = patch(&client, &path, &body).await;
        assert_eq!((code, text(&status, "/reason").as_str()), (409, "Conflict"), "{path}");
    }
    let (code, status) = delete(&client, WEB, &json!({"preconditions": {"uid": "other"}})).await;
    assert_eq!((code, text(&status, "/reason").as_str()), (409, "Conflict"));
    let (code, status) = patch(&client, WEB, &json!({"spec": {"replicas": -1}})).await;
    assert_eq!((code, text(&status, "/details/causes/0/field").as_str()), (422, "spec.replicas"));
    let (code, _) = patch(&client, &format!("{WEB}?dryRun=All"), &json!({"spec": {"replicas": 1}})).await;
    assert_eq!(code, 200);
    assert_ne!(get(&client, WEB).await["spec"]["replicas"], 1, "a dry run keeps nothing");
    assert_eq!(patch(&client, &format!("{WEB}?dryRun=Some"), &json!({})).await.0, 422);
}

#[tokio::test]
async fn a_deployment_is_scaled_and_restarted_until_its_status_says_so() {
    let fleet = single(35, 60).await;
    let client = client(&fleet, "one").await;
    let (code, scale) = patch(&client, &format!("{WEB}/scale"), &json!({"spec": {"replicas": 3}})).await;
    assert_eq!((code, text(&scale, "/kind").as_str()), (200, "Scale"));
    let rolled = |object: &Value| {
        let status = &object["status"];
        status["observedGeneration"] == object["metadata"]["generation"]
            && ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|field| status[*field] == 3)
    };
    let before = until(&client, WEB, rolled).await;
    let annotations = json!({"kubectl.kubernetes.io/restartedAt": "2026-11-21T12:00:00Z"});
    let restart = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
    let (code, _) = send(&client, (Method::PATCH, WEB), "application/strategic-merge-patch+json", &restart).await;
    assert_eq!(code, 200);
    let generation = before["metadata"]["generation"].as_i64();
    let after =
        until(&client, WEB, |object| object["metadata"]["generation"].as_i64() > generation && rolled(object)).await;
    assert_eq!(text(&after, "/metadata/annotations/deployment.kubernetes.io~1revision"), "4");
    let pods = get(&client, "/api/v1/namespaces/checkout/pods?labelSelector=app.kubernetes.io/name%3Dweb").await;
    let all = pods["items"].as_array().expect("items");
    let new =
        all.iter().filter(|pod| !text(pod, "/metadata/annotations/kubectl.kubernetes.io~1restartedAt").is_empty());
    assert_eq!(new.filter(|pod| text(pod, "/metadata/deletionTimestamp").is_empty()).count(), 3);
}

#[tokio::test]
async fn a_restricted_cluster_says_what_it_does_not_allow() {
    let mut member = Member::new("one", 35, 80, 3);
    member.restricted = true;
    let fleet = fleet(vec![member]).await;
    let client = client(&fleet, "one").await;
    let review = async |verb: &str, plural: &str, namespace: &str| {
        let attributes = json!({"verb": verb, "resource": plural, "namespace": namespace});
        let body = json!({"spec": {"resourceAttributes": attributes}});
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        send(&client, (Method::POST, path), "application/json", &body).await.1["status"]["allowed"].clone()
    };
    assert_eq!(review("patch", "nodes", "").await, false);
    assert_eq!(review("get", "nodes", "").await, true);
    assert_eq!(review("delete", "pods", "kube-system").await, false);
    assert_eq!(review("delete", "pods", "checkout").await, true);
    let (code, status) = patch(&client, "/api/v1/nodes/n-01", &json!({"spec": {"unschedulable": true}})).await;
    assert_eq!((code, text(&status, "/reason").as_str()), (403, "Forbidden"));
    let login = "/apis/apps/v1/namespaces/identity/deployments/login";
    let (code, status) = delete(&client, login, &json!({"kind": "DeleteOptions"})).await;
    assert_eq!(code, 400);
    assert!(
        text(&status, "/message").starts_with("admission webhook \"check.policy.example.com\" denied the request: ")
    );
    let report = "/apis/batch/v1/namespaces/batch/cronjobs/nightly-report?dryRun=All";
    let (code, status) = delete(&client, report, &Value::Null).await;
    assert!(code == 400 && text(&status, "/message").ends_with("does not support dry run"), "{status}");
}

#[tokio::test]
async fn faults_strike_writes_and_leave_reads_alone() {
    let fleet = single(35, 60).await;
    let client = client(&fleet, "one").await;
    let label = |value: &str| json!({"metadata": {"labels": {"fault": value}}});
    for (fault, expected) in [(Fault::ThrottledWrites { retry_after: 1 }, 429), (Fault::UnavailableWrites, 503)] {
        fleet.fault("one", fault);
        assert_eq!(patch(&client, WEB, &label("none")).await.0, expected);
        assert_eq!(get(&client, WEB).await["metadata"]["labels"]["fault"], Value::Null);
    }
    fleet.fault("one", Fault::CutWrites);
    let request = Request::patch(WEB).header("content-type", MERGE);
    let request = request.body(kube::client::Body::from(label("cut").to_string().into_bytes())).expect("a request");
    let answer = timeout(PATIENCE, client.send(request)).await.expect("an end in time");
    assert!(answer.is_err(), "the connection is cut");
    assert_eq!(get(&client, WEB).await["metadata"]["labels"]["fault"], "cut", "and the change was made");
    fleet.fault("one", Fault::LateWrites(Duration::from_millis(300)));
    let begin = tokio::time::Instant::now();
    assert_eq!(patch(&client, WEB, &label("late")).await.0, 200);
    assert!(begin.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn controllers_do_nothing_while_nobody_writes() {
    let fleet = single(35, 60).await;
    let client = client(&fleet, "one").await;
    let version = async || text(&get(&client, "/api/v1/pods?limit=1").await, "/metadata/resourceVersion");
    let before = version().await;
    let path = format!("/api/v1/pods?watch=true&timeoutSeconds=1&resourceVersion={before}");
    let mut stream = lines(&client, &path, "application/json").await;
    let first = timeout(PATIENCE, stream.try_next()).await.expect("an end in time").expect("an unbroken stream");
    assert_eq!(first, None, "the watch ends without an event");
    assert_eq!(version().await, before);
}
