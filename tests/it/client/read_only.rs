//! The access level `read-only` on the engine's own way to a cluster: no caller of the client gets past it.

use super::server::{Server, json};
use super::{Secret, connect};
use http::{Method, Request};
use kube::client::Body;
use quarterdeck::engine::cluster::ClusterError;
use quarterdeck::engine::k8s::access::AccessGate;
use quarterdeck::engine::k8s::endpoint::Endpoint;
use quarterdeck::engine::k8s::errors;
use std::time::Duration;

async fn server() -> Server {
    Server::tls(|_| json(r#"{"status":{"authenticated":true,"user":{"username":"ann"}}}"#)).await
}

fn gated(server: &Server, access: AccessGate) -> Endpoint {
    Endpoint { access, ..server.endpoint() }
}

fn gate() -> AccessGate {
    AccessGate::read_only("config.yaml:3")
}

#[tokio::test]
async fn no_write_leaves_for_a_read_only_cluster() {
    let server = server().await;
    let connection = connect(gated(&server, gate()));
    for (method, path, why) in [
        (Method::POST, "/api/v1/namespaces", "POST is not sent, only GET and HEAD are"),
        (Method::DELETE, "/api/v1/namespaces/a", "DELETE is not sent, only GET and HEAD are"),
        (Method::PATCH, "/api/v1/nodes/n", "PATCH is not sent, only GET and HEAD are"),
        (Method::GET, "/api/v1/namespaces/a/pods/p/exec?command=ls", "the subresource exec is not requested"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
        let error = connection.client.send(request).await.map_err(|e| errors::translate(&e)).map(drop);
        assert_eq!(error, Err(ClusterError::Denied(format!("read-only (config.yaml:3): {why}").into())));
    }
    assert!(server.asked().is_empty(), "{:?}", server.asked());
    assert!(connection.get("/api", "application/json").await.is_ok());
}

#[tokio::test]
async fn a_token_review_leaves_only_where_the_gate_is_made_for_it() {
    let server = server().await;
    let review = async |access| {
        let connection = connect(gated(&server, access));
        connection.review(&Secret("a.b.c".to_owned()), &[], Duration::from_secs(10)).await
    };
    assert!(matches!(review(gate()).await, Err(ClusterError::Denied(_))));
    assert!(server.asked().is_empty());
    assert!(review(gate().with_token_reviews()).await.is_ok());
    assert_eq!(server.asked().len(), 1);
}
