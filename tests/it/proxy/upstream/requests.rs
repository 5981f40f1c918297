//! One request at a time: what goes out, what comes back, what is sent again.

use super::*;
use crate::proxy::script::{Reply, inline};
use http::header::AUTHORIZATION;
use quarterdeck::engine::k8s::endpoint::User;
use quarterdeck::model::proxy::BreakerState;
use std::net::TcpListener;

/// Both protocols behave the same.
pub(super) async fn both(test: impl AsyncFn(Script)) {
    test(Script::start("h2").await).await;
    test(Script::with("h1", |k| k.h1_only = true).await).await;
}

#[tokio::test]
async fn a_request_goes_out_as_it_is_with_our_credential() {
    both(async |script| {
        let (_keep, member) = member(cluster([script.endpoint_with("ours")]));
        let mut request = post("/api/v1/namespaces/a%20b/pods?fieldManager=x&dryRun=All", "{}");
        request.headers_mut().insert(AUTHORIZATION, "Bearer theirs".parse().unwrap());
        let sent = member.send(request, &write()).await.expect("an answer");
        assert_eq!((sent.endpoint, sent.attempts), (0, 1));
        assert_eq!(whole(sent).await.0, 200);
        let asked = script.asked().remove(0);
        assert_eq!(asked.uri, "/api/v1/namespaces/a%20b/pods?fieldManager=x&dryRun=All");
        assert_eq!((asked.method.as_str(), &asked.body[..]), ("POST", &b"{}"[..]));
        assert_eq!((asked.header("authorization"), asked.header("x-test")), ("Bearer ours", "1"));
        let host = if asked.h2 { String::new() } else { script.address.to_string() };
        assert_eq!(asked.header("host"), host);
        assert!(asked.headers.get_all("authorization").iter().count() == 1);
    })
    .await;
}

#[tokio::test]
async fn a_servers_own_prefix_comes_before_the_path() {
    both(async |script| {
        let endpoint =
            Endpoint { server: format!("https://{}/k8s/clusters/c-1/", script.address), ..script.endpoint() };
        let (_keep, member) = member(cluster([endpoint]));
        assert_eq!(fetch(&member, "/api?x=1").await.expect("an answer").0, 200);
        assert_eq!(script.asked().remove(0).uri, "/k8s/clusters/c-1/api?x=1");
    })
    .await;
}

#[tokio::test]
async fn whom_the_kubeconfig_acts_as_is_not_the_callers_choice() {
    let script = Script::start("as").await;
    let mut endpoint = script.endpoint_with("ours");
    endpoint.user.impersonate.user = Some("robot".to_owned());
    let (_keep, member) = member(cluster([endpoint]));
    let mut request = get("/api");
    request.headers_mut().insert("impersonate-user", "admin".parse().unwrap());
    request.headers_mut().insert("impersonate-group", "system:masters".parse().unwrap());
    whole(member.send(request, &read()).await.expect("an answer")).await;
    let asked = script.asked().remove(0);
    assert_eq!((asked.header("impersonate-user"), asked.header("impersonate-group")), ("robot", ""));
}

#[tokio::test]
async fn connections_are_used_again() {
    both(async |script| {
        let (_keep, member) = alone(&script);
        for _ in 0..20 {
            assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 200);
        }
        let connections: std::collections::BTreeSet<_> = script.asked().iter().map(|a| a.connection).collect();
        assert_eq!(connections.len(), 1);
        let facts = member.facts();
        assert_eq!((facts.in_flight, facts.endpoints[0].connections, facts.endpoints[0].streams), (0, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn streams_live_through_a_goaway_and_new_requests_take_another_connection() {
    let script = Script::start("goaway").await;
    let (_keep, member) = alone(&script);
    let mut held = member.send(get("/api/v1/pods?watch=1"), &watching()).await.expect("a watch");
    script.go_away();
    // However the GOAWAY races with them, none of them fails, whatever it is.
    for n in 0..50 {
        let (status, _) = if n % 2 == 0 {
            fetch(&member, "/api").await.expect("an answer")
        } else {
            whole(member.send(post("/api/v1/pods", "{}"), &write()).await.expect("an answer")).await
        };
        assert_eq!(status, 200);
    }
    let asked = script.asked();
    assert!(asked[0].connection < asked[asked.len() - 1].connection, "the last one came on another connection");
    script.emit("an event");
    let frame = held.response.body_mut().frame().await.expect("a frame").expect("no error");
    assert_eq!(frame.into_data().expect("data"), "an event");
    assert_eq!(script.watching(), 1);
}

#[tokio::test]
async fn a_server_that_sends_its_clients_away_all_the_time_loses_no_request() {
    let script = Script::with("goaways", |k| k.goaway_after = Some(5)).await;
    let (_keep, member) = alone(&script);
    for _ in 0..100 {
        assert_eq!(whole(member.send(post("/api", "{}"), &write()).await.expect("an answer")).await.0, 200);
    }
    assert_eq!(script.asked().len(), 100, "each was carried out once");
}

#[tokio::test]
async fn what_a_goaway_does_not_cover_is_sent_again_whatever_it_is() {
    let script = Script::with("below", |k| k.goaway_below = 1).await;
    let (_keep, member) = alone(&script);
    let sent = member.send(post("/api/v1/pods", "{}"), &write()).await.expect("an answer");
    assert_eq!(sent.attempts, 2);
    assert_eq!(whole(sent).await.0, 200);
    assert_eq!((script.asked().len(), member.counts().retried_unprocessed), (1, 1));
}

/// P5: with or without a body, a stream above the last of a GOAWAY was not looked at.
#[tokio::test]
async fn no_request_fails_at_a_server_that_moves_its_clients_on_and_none_is_served_twice() {
    let script = Script::with("moving", |k| k.goaway_second = 100).await;
    let (_keep, member) = alone(&script);
    let options = || Outgoing::Whole(Bytes::from_static(b"{\"kind\":\"DeleteOptions\"}"));
    let path = "/api/v1/namespaces/n/configmaps/x";
    for n in 0..24 {
        let (method, body, call) = match n % 4 {
            0 => (Method::DELETE, Outgoing::Empty, write()),
            1 => (Method::DELETE, options(), write()),
            2 => (Method::GET, Outgoing::Empty, read()),
            _ => (Method::POST, Outgoing::Empty, write()),
        };
        let sent = member.send(request(method, path, body), &call).await.expect("an answer");
        assert!(sent.attempts <= 2, "{} sendings", sent.attempts);
        assert_eq!(whole(sent).await.0, 200);
        assert_eq!(script.heads().len(), n + 1, "each was served once");
    }
    let counts = member.counts();
    assert!(counts.retried_unprocessed + counts.retried_unsent >= 20, "{counts:?}");
    assert_eq!((counts.retried_written, counts.retries_refused), (0, 0));
    assert_eq!(member.facts().endpoints[0].breaker, BreakerState::Closed);
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_whatever_it_is() {
    let script = Script::with("refusing", |k| k.refuse = 2).await;
    let (_keep, member) = alone(&script);
    let sent = member.send(post("/api/v1/pods", "{}"), &write()).await.expect("an answer");
    assert_eq!(sent.attempts, 3);
    assert_eq!(whole(sent).await.0, 200);
    script.turn(|k| k.refuse = 100);
    let failed = member.send(post("/api/v1/pods", "{}"), &write()).await.expect_err("no answer");
    assert_eq!((failed.refusal.code, failed.refusal.retry_after, failed.attempts), (503, Some(1), 4));
    let unsent = failed.unsent.expect("nobody looked at it");
    assert_eq!((unsent.uri().to_string().as_str(), unsent.headers().len()), ("/api/v1/pods", 1));
}

#[tokio::test]
async fn only_a_read_is_sent_again_when_nobody_knows_what_became_of_it() {
    both(async |script| {
        script.turn(|k| k.vanish = 1);
        let (_keep, member) = alone(&script);
        let sent = member.send(get("/api"), &read()).await.expect("an answer");
        assert_eq!(sent.attempts, 2);
        assert_eq!(whole(sent).await.0, 200);
        script.turn(|k| k.vanish = 1);
        let failed = member.send(post("/api/v1/pods", "{}"), &write()).await.expect_err("no answer");
        // Clients send again what carries a Retry-After.
        assert_eq!((failed.refusal.code, failed.refusal.retry_after, failed.attempts), (502, None, 1));
        assert!(failed.unsent.is_none());
        let posts = script.asked().iter().filter(|a| a.method == Method::POST).count();
        assert_eq!(posts, 1);
        // And a read that vanishes each time is given up.
        script.turn(|k| k.vanish = 100);
        let failed = member.send(get("/api"), &read()).await.expect_err("no answer");
        assert_eq!((failed.refusal.code, failed.attempts), (502, 2));
    })
    .await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_not_an_end() {
    both(async |script| {
        script.turn(|k| k.cut_body = 1);
        let (_keep, member) = alone(&script);
        let Sent { response, mut lease, attempts, .. } = member.send(get("/api"), &read()).await.expect("a head");
        assert_eq!(attempts, 1);
        assert!(response.into_body().collect().await.is_err());
        lease.broke();
        drop(lease);
        assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 200);
    })
    .await;
}

#[tokio::test]
async fn a_head_that_comes_too_late_is_a_504_and_frees_the_stream() {
    both(async |script| {
        let (_keep, member) = alone(&script);
        fetch(&member, "/api").await.expect("an answer");
        script.turn(|k| k.slow_head = Duration::from_secs(3600));
        let call = Call { deadline: Some(Instant::now() + Duration::from_millis(100)), ..read() };
        let failed = member.send(get("/api"), &call).await.expect_err("no answer");
        assert_eq!((failed.refusal.code, failed.refusal.retry_after), (504, None));
        assert!(failed.refusal.message.contains("prod"));
        assert_eq!(member.standing().load, 0);
    })
    .await;
}

#[tokio::test]
async fn answers_that_are_no_success_pass_untouched_and_once() {
    both(async |script| {
        script.turn(|k| {
            k.answer = Some(Arc::new(|asked| {
                let status = asked.uri.trim_start_matches('/').parse().ok()?;
                Some(Reply::new(status, "said").header("retry-after", "7").header("location", "https://elsewhere"))
            }));
        });
        let (_keep, member) = alone(&script);
        for status in [302, 404, 409, 410, 429, 500, 503, 504] {
            let sent = member.send(get(&format!("/{status}")), &read()).await.expect("an answer");
            assert_eq!(sent.response.headers()["retry-after"], "7");
            assert_eq!(sent.attempts, 1);
            assert_eq!(whole(sent).await, (status, "said".to_owned()));
        }
    })
    .await;
}

#[tokio::test]
async fn many_headers_pass_and_too_many_are_refused() {
    both(async |script| {
        script.turn(|k| {
            k.answer = Some(Arc::new(|asked| {
                let (count, size) = asked.uri.trim_start_matches('/').split_once('/')?;
                let (count, size): (usize, usize) = (count.parse().ok()?, size.parse().ok()?);
                let filling = (0..count).map(|_| ("x-filling", "x".repeat(size)));
                Some(Reply { headers: filling.collect(), ..Reply::new(200, "{}") })
            }));
        });
        let (_keep, member) = alone(&script);
        let (status, _) = fetch(&member, "/200/1000").await.expect("an answer");
        assert_eq!(status, 200);
        let failed = fetch(&member, "/200/2000").await.expect_err("too large");
        assert_eq!(failed.refusal.code, 502, "{failed:?}");
        // The server is as good as before.
        assert_eq!(fetch(&member, "/1/1").await.expect("an answer").0, 200);
    })
    .await;
}

#[tokio::test]
async fn who_leaves_is_missed_at_once() {
    both(async |script| {
        let (_keep, member) = alone(&script);
        let held = member.send(get("/api/v1/pods?watch=1"), &watching()).await.expect("a watch");
        assert_eq!((member.facts().long_running, member.standing().load), (1, 1));
        drop(held);
        assert_eq!((member.facts().long_running, member.standing().load), (0, 0));
        script.until("the server notices", |s| s.gone() == 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_request_that_reached_nobody_comes_back_whole() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let endpoint = Endpoint {
        server: format!("https://127.0.0.1:{port}"),
        user: User { token: Some(inline("ours")), ..User::default() },
        ..Script::start("unused").await.endpoint()
    };
    let (_keep, member) = member(cluster([endpoint]));
    let failed = member.send(post("/api?x=1", "{}"), &write()).await.expect_err("nobody is there");
    assert_eq!((failed.refusal.code, failed.refusal.retry_after), (503, Some(1)));
    assert!(!failed.refusal.message.contains("127.0.0.1"), "{}", failed.refusal.message);
    let unsent = failed.unsent.expect("nothing was written");
    assert_eq!((unsent.uri().to_string().as_str(), unsent.headers().contains_key(AUTHORIZATION)), ("/api?x=1", false));
    assert!(matches!(unsent.body(), Outgoing::Whole(body) if body == "{}"));
}

#[tokio::test]
async fn another_server_of_the_cluster_takes_over() {
    let (dead, alive) = (Script::start("dead").await, Script::start("alive").await);
    dead.kill().await;
    let (_keep, member) = member(cluster([dead.endpoint(), alive.endpoint()]));
    for _ in 0..20 {
        let sent = member.send(post("/api", "{}"), &write()).await.expect("an answer");
        assert_eq!(sent.endpoint, 1);
        assert_eq!(whole(sent).await.0, 200);
    }
    assert_eq!(alive.asked().len(), 20);
}
