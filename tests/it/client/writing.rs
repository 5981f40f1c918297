//! Changes over the wire: what is known of each when its answer is bad, late, cut off, or not there at all.

use super::server::{Server, json, reply, status};
use super::{connect, endpoint};
use quarterdeck::engine::cluster::{
    AccessQuestion, ClusterError, ClusterWriter as _, DeleteOptions, Preconditions, WriteBody, WriteError,
    WriteRequest, WriteTarget,
};
use quarterdeck::engine::k8s::access::AccessGate;
use quarterdeck::engine::k8s::connector::K8sCluster;
use quarterdeck::engine::k8s::endpoint::Endpoint;
use quarterdeck::model::cluster::ClusterName;
use quarterdeck::model::kind::{Kind, KindId};
use quarterdeck::model::name::Name;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Longer than anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn cluster(endpoint: Endpoint) -> K8sCluster {
    K8sCluster::new(ClusterName::new("a"), connect(endpoint))
}

fn target() -> WriteTarget {
    WriteTarget {
        cluster: ClusterName::new("a"),
        kind: Kind {
            id: KindId::new("", "Pod"),
            version: "v1".into(),
            plural: "pods".into(),
            singular: "pod".into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            verbs: Vec::new(),
        },
        namespace: Name::new("ns").ok(),
        name: Name::new("p").expect("a name"),
        subresource: None,
    }
}

fn delete() -> WriteRequest {
    WriteRequest {
        target: target(),
        body: WriteBody::Delete(DeleteOptions::default()),
        preconditions: Preconditions { uid: Some("u".into()), resource_version: None },
        dry_run: false,
        deadline: None,
    }
}

async fn write(cluster: &K8sCluster, request: WriteRequest) -> Result<serde_json::Value, WriteError> {
    tokio::time::timeout(PATIENCE, cluster.write(request)).await.expect("an end in time")
}

#[tokio::test]
async fn what_the_server_says_is_what_is_known_and_it_is_asked_once() {
    let webhook = r#"admission webhook "keep.example.com" denied the request: keep it"#;
    let cases = [
        (400, webhook, WriteError::Denied(webhook.into())),
        (403, "no", WriteError::Denied("no".into())),
        (404, "gone", WriteError::NotFound("gone".into())),
        (409, "changed", WriteError::Conflict("changed".into())),
        (413, "large", WriteError::TooLarge("large".into())),
        (422, "wrong", WriteError::Invalid("wrong".into())),
        (429, "later", WriteError::Throttled { what: "later".into(), retry_after: None }),
        (500, "oops", WriteError::Unknown("oops".into())),
        (503, "away", WriteError::Unknown("away".into())),
        (504, "slow", WriteError::Unknown("slow".into())),
    ];
    for (code, message, expect) in cases {
        let server = Server::plain(move |_| status(code, message)).await;
        assert_eq!(write(&cluster(server.endpoint()), delete()).await, Err(expect), "{code}");
        assert_eq!(server.asked().len(), 1, "{code}: no change is sent twice");
    }
}

#[tokio::test]
async fn a_wish_for_a_pause_comes_with_the_refusal() {
    let server = Server::plain(|_| {
        let mut answer = status(429, "later");
        answer.headers_mut().insert("retry-after", 7.into());
        answer
    })
    .await;
    let error = write(&cluster(server.endpoint()), delete()).await;
    let pause = Some(Duration::from_secs(7));
    assert_eq!(error, Err(WriteError::Throttled { what: "later".into(), retry_after: pause }));
}

#[tokio::test]
async fn a_server_that_does_not_know_us_has_done_nothing() {
    let server = Server::plain(|_| status(401, "Unauthorized")).await;
    let error = write(&cluster(server.endpoint()), delete()).await.expect_err("it is refused");
    assert!(matches!(error, WriteError::NotSent(_)), "{error:?}");
}

#[tokio::test]
async fn a_change_goes_out_with_its_type_and_comes_back_as_the_object() {
    let server = Server::plain(|_| json(r#"{"kind":"Pod","metadata":{"name":"p"}}"#)).await;
    let cluster = cluster(server.endpoint());
    let patch = WriteRequest { body: WriteBody::MergePatch(serde_json::json!({})), dry_run: true, ..delete() };
    assert_eq!(write(&cluster, patch).await.expect("it is done")["metadata"]["name"], "p");
    let asked = server.asked();
    assert_eq!(asked[0].uri, "/api/v1/namespaces/ns/pods/p?dryRun=All&fieldManager=quarterdeck");
    assert_eq!(asked[0].header("content-type"), "application/merge-patch+json");
    assert_ne!(asked[0].header("content-length"), "", "a server must know where the change ends");
}

/// A server of raw bytes: how often it was connected to, and where it is.
async fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (address, count)
}

/// Reads until the body of the request, which ends with a brace, is there.
async fn read_request(stream: &mut TcpStream) {
    let mut all = Vec::new();
    let mut part = [0; 4096];
    while !(all.windows(4).any(|four| four == b"\r\n\r\n") && all.ends_with(b"}")) {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(many) => all.extend_from_slice(part.get(..many).unwrap_or_default()),
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_it_unknown() {
    let (address, count) = raw(|mut stream| async move { read_request(&mut stream).await }).await;
    let error = write(&cluster(endpoint(&format!("http://{address}"))), delete()).await.expect_err("it broke");
    assert!(matches!(error, WriteError::Unknown(_)), "{error:?}");
    assert_eq!(count.load(Ordering::SeqCst), 1, "no change is sent twice");
}

#[tokio::test]
async fn half_an_answer_leaves_it_unknown() {
    let (address, _) = raw(|mut stream| async move {
        read_request(&mut stream).await;
        let half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"kind\":";
        drop(stream.write_all(half.as_bytes()).await);
    })
    .await;
    let error = write(&cluster(endpoint(&format!("http://{address}"))), delete()).await.expect_err("it broke");
    assert!(matches!(error, WriteError::Unknown(_)), "{error:?}");
    let server = Server::plain(|_| reply(200, "text/html", "<html>log in</html>")).await;
    let error = write(&cluster(server.endpoint()), delete()).await.expect_err("it is a page");
    assert!(matches!(error, WriteError::Unknown(_)), "{error:?}");
}

#[tokio::test]
async fn an_answer_after_the_deadline_leaves_it_unknown() {
    let (address, count) = raw(|mut stream| async move {
        read_request(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let request = WriteRequest { deadline: Some(Duration::from_millis(300)), ..delete() };
    let error = write(&cluster(endpoint(&format!("http://{address}"))), request).await.expect_err("it is late");
    assert!(matches!(&error, WriteError::Unknown(why) if why.contains("timed out")), "{error:?}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn where_nothing_left_nothing_was_done() {
    let refused = cluster(endpoint("http://127.0.0.1:9"));
    // It listens and never shakes hands.
    let (address, _) = raw(|stream| async move {
        let _kept = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let silent = cluster(endpoint(&format!("https://{address}")));
    // It closes before the handshake is done.
    let (address, _) = raw(|stream| async move { drop(stream) }).await;
    let closing = cluster(endpoint(&format!("https://{address}")));
    for (what, cluster) in [("refused", refused), ("silent", silent), ("closing", closing)] {
        let request = WriteRequest { deadline: Some(Duration::from_millis(500)), ..delete() };
        let error = write(&cluster, request).await.expect_err("nobody is there");
        assert!(matches!(error, WriteError::NotSent(_)), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn nothing_leaves_for_a_read_only_cluster_or_a_wrong_one() {
    let server = Server::plain(|_| json("{}")).await;
    let gate = AccessGate::read_only("config.yaml:3");
    let read_only = cluster(Endpoint { access: gate, ..server.endpoint() });
    let bodies = [
        (WriteBody::Delete(DeleteOptions::default()), "DELETE"),
        (WriteBody::MergePatch(serde_json::json!({})), "PATCH"),
        (WriteBody::JsonPatch(serde_json::json!([])), "PATCH"),
        (WriteBody::Create(serde_json::json!({})), "POST"),
    ];
    for (body, method) in bodies {
        for dry_run in [false, true] {
            let error = write(&read_only, WriteRequest { body: body.clone(), dry_run, ..delete() }).await;
            let why = format!("read-only (config.yaml:3): {method} is not sent, only GET and HEAD are");
            assert_eq!(error, Err(WriteError::NotSent(why.into())));
        }
    }
    let denied = read_only.review(AccessQuestion::default()).await.expect_err("a review is a POST");
    assert!(matches!(denied, ClusterError::Denied(_)), "{denied:?}");
    let mut foreign = delete();
    foreign.target.cluster = ClusterName::new("b");
    let error = write(&cluster(server.endpoint()), foreign).await;
    assert_eq!(error, Err(WriteError::NotSent("a change of b was asked of a".into())));
    assert!(server.asked().is_empty(), "{:?}", server.asked());
    assert!(read_only.read(target()).await.is_ok(), "reading is allowed");
}

#[tokio::test]
async fn an_access_review_says_yes_or_no_or_fails() {
    for (answer, allowed, reason) in [
        (r#"{"status":{"allowed":true,"reason":"RBAC: allowed"}}"#, true, "RBAC: allowed"),
        (r#"{"status":{"allowed":false,"evaluationError":"no\nrole"}}"#, false, "no role"),
    ] {
        let server = Server::plain(move |_| reply(201, "application/json", answer)).await;
        let said = cluster(server.endpoint()).review(AccessQuestion::default()).await.expect("it answers");
        assert_eq!((said.allowed, said.reason.as_str()), (allowed, reason));
        assert_eq!(server.asked()[0].uri, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
    }
    for answer in ["{}", "<html>"] {
        let server = Server::plain(move |_| reply(201, "application/json", answer)).await;
        assert!(cluster(server.endpoint()).review(AccessQuestion::default()).await.is_err(), "{answer}");
    }
}
