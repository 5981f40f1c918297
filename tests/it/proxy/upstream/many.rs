//! Many at once: streams are counted, connections are made ahead of need, and nothing is left behind.

use super::*;
use futures::future::join_all;
use quarterdeck::model::proxy::TrafficState;
use std::collections::BTreeSet;

async fn watches(member: &Upstream, count: usize) -> Vec<Sent> {
    let held = join_all((0..count).map(|n| {
        let path = format!("/api/v1/namespaces/n{n}/pods?watch=1");
        async move { member.send(get(&path), &watching()).await.expect("a watch") }
    }));
    tokio::time::timeout(Duration::from_secs(20), held).await.expect("no watch waits for another to end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_watch_waits_behind_a_hundred_others() {
    let script = Script::start("limit 100").await;
    let (_keep, member) = alone(&script);
    let held = watches(&member, 150).await;
    script.until("all are there", |s| s.watching() == 150).await;
    // And a short call finds its place among them.
    assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 200);
    let mut by_connection = std::collections::BTreeMap::<u32, u32>::new();
    script
        .asked()
        .iter()
        .filter(|a| a.uri.contains("watch"))
        .for_each(|a| *by_connection.entry(a.connection).or_default() += 1);
    assert!(by_connection.values().all(|streams| *streams <= 80), "{by_connection:?}");
    drop(held);
    script.until("all have ended", |s| s.watching() == 0).await;
    assert_eq!(member.standing().load, 0);
}

#[tokio::test]
async fn a_server_that_allows_few_streams_gets_more_connections() {
    let script = Script::with("limit 10", |k| k.streams = Some(10)).await;
    let (_keep, member) = alone(&script);
    let held = watches(&member, 40).await;
    assert_eq!(script.watching(), 40);
    assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 200);
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_over_one_request_at_a_time() {
    let script = Script::with("h1", |k| k.h1_only = true).await;
    let (_keep, member) = alone(&script);
    let held = watches(&member, 60).await;
    script.until("all are there", |s| s.watching() == 60).await;
    drop(held);
    script.until("all have ended", |s| s.gone() == 60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_watches_and_a_thousand_requests_at_once() {
    let script = Script::start("crowd").await;
    let (_keep, member) = alone(&script);
    let mut held = watches(&member, 1000).await;
    script.until("all are there", |s| s.watching() == 1000).await;
    let answers = join_all((0..1000).map(|n| {
        let member = Arc::clone(&member);
        tokio::spawn(async move { fetch(&member, &format!("/api/v1/namespaces/n{n}")).await.expect("an answer").0 })
    }));
    assert!(answers.await.iter().all(|status| matches!(status, Ok(200))));
    script.emit("one event");
    for sent in &mut held {
        let frame = sent.response.body_mut().frame().await.expect("a frame").expect("no error");
        assert_eq!(frame.into_data().expect("data"), "one event");
    }
    let facts = member.facts();
    assert_eq!((facts.in_flight, facts.long_running), (1000, 1000));
    script.end_watches();
    for sent in held {
        assert_eq!(whole(sent).await.0, 200);
    }
    assert_eq!(member.standing().load, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goaways_among_many_requests_lose_and_double_none() {
    let script = Script::with("goaways", |k| k.goaway_after = Some(25)).await;
    let (_keep, member) = alone(&script);
    for round in 0..10 {
        let sendings = join_all((0..40).map(|n| {
            let member = Arc::clone(&member);
            tokio::spawn(async move {
                let sent = member.send(post(&format!("/api/v1/pods/{round}-{n}"), "{}"), &write()).await;
                whole(sent.expect("an answer")).await.0
            })
        }));
        assert!(sendings.await.iter().all(|status| matches!(status, Ok(200))));
    }
    let asked: Vec<String> = script.asked().into_iter().map(|a| a.uri).collect();
    let different: BTreeSet<&String> = asked.iter().collect();
    assert_eq!((asked.len(), different.len()), (400, 400));
}

#[tokio::test]
async fn identities_never_share_a_connection() {
    let script = Script::with("two", |k| k.asks_certificate = true).await;
    let endpoint = |name: &str| {
        let (certificate, key) = script.client(name);
        let mut endpoint = script.endpoint();
        endpoint.user.client_certificate = Some(crate::proxy::script::inline(&certificate));
        endpoint.user.client_key = Some(crate::proxy::script::inline(&key));
        endpoint
    };
    let upstreams = upstreams();
    let (mut a, mut b) = (cluster([endpoint("alice")]), cluster([endpoint("bob")]));
    (a.name, b.name) = (Arc::from("a"), Arc::from("b"));
    let members = upstreams.apply(&config(vec![a, b]));
    for _ in 0..10 {
        for member in &members {
            assert_eq!(fetch(member, &format!("/{}", member.name())).await.expect("an answer").0, 200);
        }
    }
    let seen: BTreeSet<_> = script.asked().iter().map(|a| (a.connection, a.client.clone(), a.uri.clone())).collect();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen.iter().all(|(_, client, uri)| (client.as_deref() == Some("alice")) == (uri == "/a")));
}

#[tokio::test]
async fn a_reload_keeps_what_did_not_change_and_lets_go_what_left() {
    let (one, two) = (Script::start("one").await, Script::start("two").await);
    let upstreams = upstreams();
    let mut other = cluster([two.endpoint()]);
    other.name = Arc::from("other");
    let before = upstreams.apply(&config(vec![cluster([one.endpoint()]), other.clone()]));
    let held = watches(&before[0], 3).await;
    before[1].set_traffic(TrafficState::Draining);

    // Another weight, another order: the same members. Another server beside: a new member that keeps the connections.
    let mut heavier = cluster([one.endpoint()]);
    heavier.weight = 9;
    let same = upstreams.apply(&config(vec![other.clone(), heavier]));
    assert!(Arc::ptr_eq(&same[1], &before[0]) && Arc::ptr_eq(&same[0], &before[1]));
    let wider = upstreams.apply(&config(vec![cluster([one.endpoint(), two.endpoint()]), other]));
    assert!(!Arc::ptr_eq(&wider[0], &before[0]));
    assert_eq!(wider[0].facts().endpoints[0].streams, 3);
    assert_eq!(wider[1].facts().traffic, TrafficState::Draining);
    assert_eq!(one.watching(), 3);
    assert_eq!(fetch(&wider[0], "/api").await.expect("an answer").0, 200);

    // A token more or less is another identity, with connections of its own.
    let changed = upstreams.apply(&config(vec![cluster([one.endpoint_with("new")])]));
    assert_eq!(fetch(&changed[0], "/api").await.expect("an answer").0, 200);
    assert_eq!(one.watching(), 3, "what runs, runs on for a while");
    drop(held);
}

#[tokio::test]
async fn the_streams_of_a_cluster_that_left_end_after_a_while() {
    let script = Script::start("left").await;
    let upstreams = upstreams();
    let members = upstreams.apply(&config(vec![cluster([script.endpoint()])]));
    let mut held = watches(&members[0], 1).await.remove(0);
    upstreams.apply(&config(Vec::new()));
    tokio::time::pause();
    let ended = tokio::time::timeout(Duration::from_secs(60), held.response.body_mut().frame()).await.expect("it ends");
    assert!(ended.is_some_and(|frame| frame.is_err()), "it is cut, and not ended as if all were well");
}

#[tokio::test]
async fn a_block_ends_what_runs_and_lets_nothing_in() {
    for h1_only in [false, true] {
        let script = Script::with("blocked", |k| k.h1_only = h1_only).await;
        let (_keep, member) = alone(&script);
        let mut held = watches(&member, 1).await.remove(0);
        member.set_traffic(TrafficState::Draining);
        let standing = member.standing();
        assert!(standing.routable && !standing.takes_new);
        member.set_traffic(TrafficState::Blocked);
        assert!(held.response.body_mut().frame().await.is_some_and(|frame| frame.is_err()));
        let failed = fetch(&member, "/api").await.expect_err("it is blocked");
        assert_eq!((failed.refusal.code, failed.refusal.label), (503, "blocked"));
        assert!(!member.standing().routable);
        member.set_traffic(TrafficState::Open);
        assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 200);
    }
}
