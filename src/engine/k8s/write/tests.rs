//! Requests and answers of changes, without a wire.

use super::*;
use crate::model::kind::KindId;
use crate::model::name::Name;
use http::StatusCode;

fn target(subresource: Option<&str>) -> WriteTarget {
    WriteTarget {
        cluster: ClusterName::new("a"),
        kind: crate::model::kind::Kind {
            id: KindId::new("apps", "Deployment"),
            version: "v1".into(),
            plural: "deployments".into(),
            singular: "deployment".into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            verbs: Vec::new(),
        },
        namespace: Name::new("ns").ok(),
        name: Name::new("web").expect("a name"),
        subresource: subresource.map(|name| Name::new(name).expect("a name")),
    }
}

fn request(body: WriteBody) -> WriteRequest {
    WriteRequest {
        target: target(None),
        body,
        preconditions: Preconditions { uid: Some("u-1".into()), resource_version: Some("7".into()) },
        dry_run: false,
        deadline: None,
    }
}

fn sent(request: WriteRequest) -> (String, Value) {
    let change = change(request).expect("it is fit to be sent");
    (format!("{} {}", change.method, change.path), serde_json::from_slice(&change.body).expect("JSON"))
}

#[test]
fn a_delete_carries_its_preconditions_and_options() {
    let options =
        DeleteOptions { propagation: Some(crate::engine::cluster::Propagation::Foreground), grace_period_s: Some(0) };
    let (line, body) = sent(WriteRequest { dry_run: true, ..request(WriteBody::Delete(options)) });
    assert_eq!(line, "DELETE /apis/apps/v1/namespaces/ns/deployments/web?dryRun=All");
    assert_eq!(
        body,
        json!({"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"], "preconditions": {"uid": "u-1", "resourceVersion": "7"},
            "propagationPolicy": "Foreground", "gracePeriodSeconds": 0})
    );
}

#[test]
fn a_patch_says_which_object_it_was_made_for() {
    let patch = json!({"spec": {"replicas": 3}});
    let mut scale = request(WriteBody::MergePatch(patch));
    scale.target = target(Some("scale"));
    let (line, body) = sent(scale);
    assert_eq!(line, "PATCH /apis/apps/v1/namespaces/ns/deployments/web/scale?fieldManager=quarterdeck");
    assert_eq!(body, json!({"metadata": {"uid": "u-1", "resourceVersion": "7"}, "spec": {"replicas": 3}}));
    let (_, body) = sent(request(WriteBody::JsonPatch(json!([{"op": "remove", "path": "/spec/paused"}]))));
    assert_eq!(body[1]["path"], "/metadata/uid");
    assert_eq!(body[2], json!({"op": "remove", "path": "/spec/paused"}));
}

#[test]
fn a_change_that_could_widen_is_not_sent() {
    let mut nowhere = request(WriteBody::Delete(DeleteOptions::default()));
    nowhere.target.namespace = None;
    assert!(matches!(change(nowhere), Err(WriteError::NotSent(_))));
    for (body, why) in [(WriteBody::MergePatch(json!([])), "an object"), (WriteBody::JsonPatch(json!({})), "a list")] {
        let error = change(request(body)).expect_err("it is no patch").to_string();
        assert!(error.ends_with(why), "{error}");
    }
}

#[test]
fn a_change_shows_no_value_in_debug() {
    let secret = format!("{:?}", request(WriteBody::Create(json!({"data": {"password": "aHVudGVyMg=="}}))));
    assert!(!secret.contains("aHVudGVyMg"), "{secret}");
}

#[test]
fn every_status_says_whether_something_was_done() {
    let answer = |code: u16, message: &str| {
        let body = json!({"kind": "Status", "message": message}).to_string();
        answer::read(StatusCode::from_u16(code).expect("a status"), body.as_bytes()).expect_err("it failed")
    };
    let webhook = r#"admission webhook "keep.example.com" denied the request: keep it"#;
    let blind = r#"admission webhook "w" does not support dry run"#;
    let cases = [
        (400, webhook, WriteError::Denied(webhook.into())),
        (403, webhook, WriteError::Denied(webhook.into())),
        (409, webhook, WriteError::Denied(webhook.into())),
        (400, blind, WriteError::DryRunUnsupported(blind.into())),
        (400, "bad", WriteError::Refused("bad".into())),
        (401, "who", WriteError::NotSent("who".into())),
        (404, "no", WriteError::NotFound("no".into())),
        (408, "slow", WriteError::Unknown("slow".into())),
        (409, "other", WriteError::Conflict("other".into())),
        (413, "big", WriteError::TooLarge("big".into())),
        (415, "what", WriteError::Refused("what".into())),
        (422, "bad", WriteError::Invalid("bad".into())),
        (429, "later", WriteError::Throttled { what: "later".into(), retry_after: None }),
        (500, "oops", WriteError::Unknown("oops".into())),
        (503, "away", WriteError::Unknown("away".into())),
        (504, "Timeout", WriteError::Unknown("Timeout".into())),
    ];
    for (code, message, expect) in cases {
        assert_eq!(answer(code, message), expect, "{code}");
        assert_eq!(answer(code, message).is_certain(), !matches!(expect, WriteError::Unknown(_)), "{code}");
    }
    let called = r#"Internal error occurred: failed calling webhook "w": connection refused"#;
    assert!(matches!(answer(500, called), WriteError::Refused(_)));
    assert!(matches!(answer::read(StatusCode::OK, b"<html>"), Err(WriteError::Unknown(_))));
    assert!(answer::read(StatusCode::OK, b"{}").is_ok());
}

#[test]
fn an_access_question_names_only_what_is_asked() {
    let question = AccessQuestion { verb: "delete".into(), resource: "pods".into(), ..AccessQuestion::default() };
    assert_eq!(attributes(&question), json!({"verb": "delete", "resource": "pods"}));
}
