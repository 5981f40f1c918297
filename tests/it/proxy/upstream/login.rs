//! Credentials that change, end, or are not accepted.

use super::*;
use crate::proxy::script::Asked;
use http::header::AUTHORIZATION;
use quarterdeck::engine::k8s::endpoint::{Material, Secret, User};
use quarterdeck::engine::proxy::config::Mode;
use quarterdeck::model::proxy::EndpointHealth;

/// Waits until the member's only API server is in this state.
async fn until_health(script: &Script, member: &Upstream, state: EndpointHealth) {
    let is = |_: &Script| member.facts().endpoints.first().is_some_and(|e| e.health == state);
    script.until("its health is known", is).await;
}

#[tokio::test]
async fn after_a_401_a_new_token_is_fetched_once_and_the_request_sent_again() {
    for h1_only in [false, true] {
        let script = Script::with("rotating", |k| k.h1_only = h1_only).await;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, "one").expect("written");
        let user = User { token: Some(Material::File(path.clone())), ..User::default() };
        let (_keep, member) = member(cluster([Endpoint { user, ..script.endpoint() }]));
        script.turn(|k| k.accepts = Some(vec!["Bearer one".to_owned()]));
        assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 200);

        std::fs::write(&path, "two").expect("written");
        script.turn(|k| k.accepts = Some(vec!["Bearer two".to_owned()]));
        let sent = member.send(post("/api", "{}"), &write()).await.expect("an answer");
        assert_eq!(sent.attempts, 2);
        assert_eq!(whole(sent).await.0, 200);
        // From then on at once, all at the same time.
        let answers = (0..20).map(|_| fetch(&member, "/api"));
        for answer in futures::future::join_all(answers).await {
            assert_eq!(answer.expect("an answer").0, 200);
        }
        let refused = script.asked().iter().filter(|a| a.header("authorization") == "Bearer one").count();
        assert_eq!(refused, 2, "the good one of the start and the one that was refused");
        assert_eq!(member.counts().retried_login, 1);
    }
}

/// K1: nothing is sent to an endpoint without TLS, whoever's credential it would be, though the configuration let it pass.
#[tokio::test]
async fn an_endpoint_without_tls_gets_no_request() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    for mode in [Mode::Impersonate, Mode::Passthrough] {
        let user = User { token: Some(Material::Inline(Secret("hush".to_owned()))), ..User::default() };
        let endpoint = Endpoint { user, ..Endpoint::plain(format!("http://{address}"), "prod") };
        let (_keep, member) = member(UpstreamCluster { mode, ..cluster([endpoint]) });
        let failed = fetch(&member, "/api").await.expect_err("it is not sent");
        assert_eq!(failed.refusal.code, 503);
    }
    let came = tokio::select! {
        biased;
        came = listener.accept() => came.is_ok(),
        () = tokio::task::yield_now() => false,
    };
    assert!(!came, "nobody connects");
}

#[tokio::test]
async fn a_401_that_nothing_helps_against_goes_to_the_caller() {
    let script = Script::with("never", |k| k.accepts = Some(Vec::new())).await;
    let (_keep, member) = member(cluster([script.endpoint_with("bad")]));
    let sent = member.send(get("/api"), &read()).await.expect("an answer");
    assert_eq!(sent.attempts, 1);
    let (status, body) = whole(sent).await;
    assert_eq!(status, 401);
    assert!(body.contains("Unauthorized"));
}

#[tokio::test]
async fn a_rotated_certificate_means_new_connections() {
    let script = Script::with("certificates", |k| k.asks_certificate = true).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("crt"), folder.path().join("key"));
    let put = |name: &str| {
        let (pem, secret) = script.client(name);
        std::fs::write(&certificate, pem).expect("written");
        std::fs::write(&key, secret).expect("written");
    };
    put("first");
    let user = User {
        client_certificate: Some(Material::File(certificate.clone())),
        client_key: Some(Material::File(key.clone())),
        ..User::default()
    };
    let (_keep, member) = member(cluster([Endpoint { user, ..script.endpoint() }]));
    let held = member.send(get("/api?watch=1"), &watching()).await.expect("a watch");
    put("second");
    script.turn(|k| k.accepts = Some(Vec::new()));
    // A 401 makes it look at the files at once.
    drop(fetch(&member, "/look").await);
    script.turn(|k| k.accepts = None);
    assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 200);
    let asked = script.asked();
    let (first, last) = (&asked[0], &asked[asked.len() - 1]);
    assert_eq!((first.client.as_deref(), last.client.as_deref()), (Some("first"), Some("second")));
    assert_ne!(first.connection, last.connection);
    assert_eq!(script.watching(), 1, "a watch lives through it");
    drop(held);
}

/// Asks until an answer is as wanted; each one must be good.
async fn until_asked(script: &Script, member: &Upstream, what: &str, so: impl Fn(&Asked) -> bool) {
    let asking = async {
        loop {
            assert_eq!(fetch(member, "/api").await.expect("an answer").0, 200);
            if script.asked().last().is_some_and(&so) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // Less than files are looked at that nobody asks for.
    tokio::time::timeout(Duration::from_secs(10), asking).await.expect(what);
}

#[tokio::test]
async fn a_rotated_token_goes_out_soon_and_no_request_is_refused_for_it() {
    let script = Script::start("rotating").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "one").expect("written");
    let user = User { token: Some(Material::File(path.clone())), ..User::default() };
    let (_keep, member) = member(cluster([Endpoint { user, ..script.endpoint() }]));
    assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 200);
    // As a kubelet does it: in one step.
    std::fs::write(folder.path().join("new"), "two").expect("written");
    std::fs::rename(folder.path().join("new"), &path).expect("in its place");
    until_asked(&script, &member, "the new token", |asked| asked.header("authorization") == "Bearer two").await;
    assert_eq!(member.counts().retried_login, 0);
}

#[tokio::test]
async fn a_certificate_whose_key_has_not_come_yet_changes_nothing() {
    let script = Script::with("certificates", |k| k.asks_certificate = true).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("crt"), folder.path().join("key"));
    let (first, second) = (script.client("first"), script.client("second"));
    std::fs::write(&certificate, first.0).expect("written");
    std::fs::write(&key, first.1).expect("written");
    let user = User {
        client_certificate: Some(Material::File(certificate.clone())),
        client_key: Some(Material::File(key.clone())),
        ..User::default()
    };
    let (_keep, member) = member(cluster([Endpoint { user, ..script.endpoint() }]));
    assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 200);
    std::fs::write(&certificate, second.0).expect("written");
    until_asked(&script, &member, "it is seen", |_| member.facts().credential.is_some()).await;
    assert_eq!(script.asked().last().and_then(|asked| asked.client.clone()).as_deref(), Some("first"));
    std::fs::write(&key, second.1).expect("written");
    until_asked(&script, &member, "the new one", |asked| asked.client.as_deref() == Some("second")).await;
    assert_eq!(member.facts().credential, None);
}

#[tokio::test]
async fn passing_through_shows_the_callers_token_and_no_certificate_of_ours() {
    let script = Script::start("through").await;
    let mut cluster = cluster([script.endpoint_with("ours")]);
    cluster.mode = Mode::Passthrough;
    let (_keep, member) = member(cluster);
    let mut request = get("/api");
    request.headers_mut().insert(AUTHORIZATION, "Bearer theirs".parse().unwrap());
    whole(member.send(request, &read()).await.expect("an answer")).await;
    assert_eq!(script.asked().remove(0).header("authorization"), "Bearer theirs");
    script.turn(|k| k.ready = 401);
    until_health(&script, &member, EndpointHealth::Ready).await;
}

#[tokio::test]
async fn a_server_that_refuses_our_credential_is_reachable_and_gets_nothing() {
    let script = Script::with("unauthorized", |k| k.ready = 403).await;
    let mut cluster = cluster([script.endpoint_with("weak")]);
    cluster.health.failures = 1;
    let (_keep, member) = member(cluster);
    until_health(&script, &member, EndpointHealth::Unauthorized).await;
    let failed = fetch(&member, "/api").await.expect_err("nothing goes there");
    assert_eq!((failed.refusal.code, failed.refusal.label, failed.refusal.retry_after), (503, "no_endpoint", Some(1)));
    assert!(failed.unsent.is_some());
}

#[tokio::test]
async fn credentials_that_cannot_be_had_are_said_and_nothing_goes_out() {
    let script = Script::start("no token").await;
    let user = User { token: Some(Material::File("/nowhere/token".into())), ..User::default() };
    let (_keep, member) = member(cluster([Endpoint { user, ..script.endpoint() }]));
    let failed = fetch(&member, "/api").await.expect_err("there is no token");
    assert_eq!((failed.refusal.code, failed.refusal.label), (503, "login"));
    assert!(!failed.refusal.message.contains("nowhere"), "callers learn no paths: {}", failed.refusal.message);
    assert!(member.facts().credential.expect("a reason").contains("/nowhere/token"));
    assert!(script.asked().is_empty());
}
