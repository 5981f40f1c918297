//! TokenReview over a real connection: what is asked, how often, and what is believed.

use super::server::{Server, json, status};
use super::{connect, endpoint};
use http::{HeaderMap, HeaderValue, Method};
use quarterdeck::engine::proxy::caller::review::Reviews;
use quarterdeck::engine::proxy::caller::{Callers, Means, Shown};
use quarterdeck::engine::proxy::config::{CallerSettings, ReviewSettings};
use std::time::Duration;

fn settings(audiences: &[&str]) -> ReviewSettings {
    let audiences = audiences.iter().map(|audience| (*audience).to_owned()).collect();
    ReviewSettings { audiences, cache: Duration::from_secs(10) }
}

fn callers(home: &Server, audiences: &[&str]) -> Callers {
    let reviews = Reviews::over(&connect(home.endpoint()), &settings(audiences));
    Callers::new(&CallerSettings::default(), (1, "local"), Some(reviews))
}

fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a value");
    [(http::header::AUTHORIZATION, value)].into_iter().collect()
}

const KNOWN: &str = r#"{"kind":"TokenReview","status":{"authenticated":true,"audiences":["qd"],"user":{
    "username":"system:serviceaccount:a:app","uid":"7","groups":["system:serviceaccounts"],
    "extra":{"authentication.kubernetes.io/pod-name":["p"]}}}}"#;

#[tokio::test]
async fn a_service_account_is_who_home_says_it_is() {
    let home = Server::tls(|_| json(KNOWN)).await;
    let callers = callers(&home, &["qd"]);
    for _ in 0..3 {
        let caller = callers.authenticate(&bearer("a.b.c"), Shown::default()).await.expect("a caller");
        assert_eq!((&*caller.user, caller.means), ("system:serviceaccount:a:app", Means::Review));
        assert_eq!(caller.uid.as_deref(), Some("7"));
        assert_eq!(caller.extra["authentication.kubernetes.io/pod-name"], ["p"]);
    }
    let asked = home.asked();
    assert_eq!(asked.len(), 1, "one question for three requests");
    assert_eq!((&asked[0].method, &*asked[0].uri), (&Method::POST, "/apis/authentication.k8s.io/v1/tokenreviews"));
    assert_eq!(asked[0].header("content-type"), "application/json");
}

#[tokio::test]
async fn what_home_does_not_vouch_for_is_unknown() {
    let home = Server::tls(|_| json(KNOWN)).await;
    let other = callers(&home, &["another"]);
    let refusal = other.authenticate(&bearer("a.b.c"), Shown::default()).await.expect_err("a refusal");
    assert_eq!(refusal.code, 401);
    let home = Server::tls(|_| json(r#"{"status":{"authenticated":false,"error":"expired"}}"#)).await;
    let refusal = callers(&home, &[]).authenticate(&bearer("a.b.c"), Shown::default()).await.expect_err("a refusal");
    assert_eq!(refusal.code, 401);
    assert!(!refusal.status().contains("a.b.c"));
}

#[tokio::test]
async fn a_home_that_fails_is_no_verdict() {
    let home = Server::tls(|_| status(403, "you may not create tokenreviews")).await;
    let known = callers(&home, &[]);
    let refusal = known.authenticate(&bearer("a.b.c"), Shown::default()).await.expect_err("a refusal");
    assert_eq!((refusal.code, refusal.retry_after), (503, Some(1)));
    // Nobody listens on the discard port.
    let reviews = Reviews::over(&connect(endpoint("https://127.0.0.1:9")), &settings(&[]));
    let callers = Callers::new(&CallerSettings::default(), (1, "local"), Some(reviews));
    let refusal = callers.authenticate(&bearer("a.b.c"), Shown::default()).await.expect_err("a refusal");
    assert_eq!(refusal.code, 503);
    assert!(!refusal.status().contains("127.0.0.1"), "{}", refusal.status());
}

/// K1: a caller's token does not go out over plain http either.
#[tokio::test]
async fn a_home_on_plain_http_is_asked_of_no_token() {
    let home = Server::plain(|_| json(KNOWN)).await;
    let refusal = callers(&home, &[]).authenticate(&bearer("a.b.c"), Shown::default()).await.expect_err("a refusal");
    assert_eq!(refusal.code, 503);
    assert!(home.asked().is_empty());
}
