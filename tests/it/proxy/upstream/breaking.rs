//! Servers that fail, and come back.

use super::requests::both;
use super::upgrades::exec;
use super::*;
use crate::proxy::script::Reply;
use quarterdeck::engine::proxy::upstream::Upgraded;
use quarterdeck::engine::resilience::breaker::BreakerSettings;
use quarterdeck::engine::resilience::health::HealthSettings;
use quarterdeck::model::proxy::{BreakerState, EndpointHealth};

/// Asked often, so that a test need not wait.
fn quick(mut cluster: UpstreamCluster) -> UpstreamCluster {
    cluster.health = HealthSettings { interval: Duration::from_millis(50), ..HealthSettings::default() };
    cluster.breaker = BreakerSettings { recovery_timeout: Duration::from_millis(300), ..BreakerSettings::default() };
    cluster
}

#[tokio::test]
async fn a_server_that_dies_is_left_alone_at_once_and_taken_back_when_it_returns() {
    let script = Script::start("mortal").await;
    let (_keep, member) = member(quick(cluster([script.endpoint()])));
    assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 200);
    script.kill().await;
    let mut labels = Vec::new();
    let down = async {
        loop {
            let failed = member.send(post("/api", "{}"), &write()).await.expect_err("it is dead");
            assert_eq!((failed.refusal.code, failed.refusal.retry_after), (503, Some(1)));
            assert!(failed.unsent.is_some());
            labels.push(failed.refusal.label);
            if failed.refusal.label == "no_endpoint" {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), down).await.expect("it is given up");
    assert!(!member.standing().routable);
    script.revive().await;
    script.until("it is used again", |_| member.standing().routable).await;
    let back = async {
        while member.send(post("/api", "{}"), &write()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), back).await.expect("writes pass again");
    let facts = member.facts().endpoints.remove(0);
    assert_eq!((facts.health, facts.breaker), (EndpointHealth::Ready, BreakerState::Closed));
}

/// P2: a load balancer that answers 502 for a dead server fails the probes too, and they come at once.
#[tokio::test]
async fn gateway_answers_for_a_dead_server_open_the_breaker_by_its_probes() {
    let script = Script::start("gateway").await;
    let mut cluster = quick(cluster([script.endpoint()]));
    // The probes that decide are those that the answers ask for.
    cluster.health.interval = Duration::from_secs(3600);
    let (_keep, member) = member(cluster);
    script.until("it is ready", |_| member.facts().endpoints[0].health == EndpointHealth::Ready).await;
    script.turn(|k| {
        k.ready = 502;
        k.answer = Some(Arc::new(|_| Some(Reply::new(502, "bad gateway"))));
    });
    assert_eq!(fetch(&member, "/api").await.expect("an answer").0, 502);
    script.until("it is open", |_| member.facts().endpoints[0].breaker == BreakerState::Open).await;
    assert!(!member.standing().routable, "failover follows");
    let failed = fetch(&member, "/api").await.expect_err("it is open");
    assert_eq!((failed.refusal.code, failed.refusal.retry_after, failed.attempts), (503, Some(1), 0));
    assert_eq!(script.asked().len(), 1, "nothing reached it");
    script.turn(|k| (k.ready, k.answer) = (200, None));
    script.until("a probe lets a read try", |_| member.standing().routable).await;
    let closing = async {
        while fetch(&member, "/api").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), closing).await.expect("a read goes through");
    script.until("it is closed", |_| member.facts().endpoints[0].breaker == BreakerState::Closed).await;
}

/// P2: an aggregated API without a backend, a resourceVersion from the future: the server answers, and is well.
#[tokio::test]
async fn gateway_answers_about_single_requests_close_no_cluster_and_flood_no_server_with_probes() {
    both(async |script| {
        script.turn(|k| {
            k.answer = Some(Arc::new(|asked| {
                let status = asked.uri.strip_prefix("/apis/")?.parse().ok()?;
                Some(Reply::new(status, r#"{"kind":"Status","message":"no endpoints available"}"#))
            }));
        });
        let mut cluster = cluster([script.endpoint()]);
        cluster.health.interval = Duration::from_secs(3600);
        let (_keep, member) = member(cluster);
        script.until("it is ready", |_| member.facts().endpoints[0].health == EndpointHealth::Ready).await;
        let (began, first) = (Instant::now(), script.probes());
        for n in 0..300 {
            let status = [502, 503, 504][n % 3];
            assert_eq!(fetch(&member, &format!("/apis/{status}")).await.expect("an answer").0, status);
            let (status, _) = whole(member.send(post("/api", "{}"), &write()).await.expect("a write passes")).await;
            assert_eq!((status, member.facts().endpoints[0].breaker), (200, BreakerState::Closed));
        }
        script.until("they ask for a probe", |s| s.probes() > first).await;
        let seconds = u32::try_from(began.elapsed().as_secs()).expect("not so many");
        assert!(script.probes() - first <= seconds + 2, "{} probes in {seconds} s", script.probes() - first);
        assert_eq!(member.facts().endpoints[0].health, EndpointHealth::Ready);
    })
    .await;
}

/// P2: what a backend answers through `services/x/proxy` says nothing of the API server, and asks for nothing.
#[tokio::test]
async fn the_answers_of_a_proxied_backend_are_its_own() {
    let script =
        Script::with("proxied", |k| k.answer = Some(Arc::new(|_| Some(Reply::new(503, "no endpoints"))))).await;
    let mut cluster = cluster([script.endpoint()]);
    cluster.health.interval = Duration::from_secs(3600);
    let (_keep, member) = member(cluster);
    script.until("it is ready", |_| member.facts().endpoints[0].health == EndpointHealth::Ready).await;
    let first = script.probes();
    let call = Call { proxied: true, ..connecting() };
    for _ in 0..20 {
        let sent = member.send(get("/api/v1/namespaces/n/services/x/proxy/"), &call).await.expect("an answer");
        assert_eq!(whole(sent).await.0, 503);
        let Upgraded::Answered(sent) = member.upgrade(exec("websocket"), &call).await.expect("an answer") else {
            panic!("it cannot have switched");
        };
        assert_eq!(whole(*sent).await.0, 503);
    }
    // Nor does one that is too late, or breaks off.
    script.turn(|k| (k.answer, k.slow_head) = (None, Duration::from_secs(60)));
    for _ in 0..6 {
        let call = Call { deadline: Some(Instant::now() + Duration::from_millis(20)), ..call };
        let failed = member.send(get("/api/v1/namespaces/n/services/x/proxy/"), &call).await.expect_err("late");
        assert_eq!(failed.refusal.code, 504);
    }
    script.turn(|k| (k.vanish, k.slow_head) = (6, Duration::ZERO));
    for _ in 0..6 {
        assert_eq!(member.send(post("/api", "{}"), &call).await.expect_err("broken").refusal.code, 502);
    }
    assert_eq!((member.facts().endpoints[0].breaker, script.probes()), (BreakerState::Closed, first));
    script.turn(|k| k.vanish = 0);
    assert_eq!(fetch(&member, "/api").await.expect("all others pass").0, 200);
}

#[tokio::test]
async fn a_server_that_is_not_ready_gets_nothing_while_another_is() {
    let (sick, well) = (Script::with("sick", |k| k.ready = 500).await, Script::start("well").await);
    let (_keep, member) = member(quick(cluster([sick.endpoint(), well.endpoint()])));
    sick.until("it is known to be sick", |_| member.facts().endpoints[0].health == EndpointHealth::NotReady).await;
    for _ in 0..20 {
        assert_eq!(member.send(get("/api"), &read()).await.expect("an answer").endpoint, 1);
    }
    let facts = member.facts().endpoints.remove(0);
    assert!(facts.why.contains("etcd failed"), "{}", facts.why);
    assert!(facts.probes.iter().all(Option::is_none));
    sick.turn(|k| k.ready = 200);
    sick.until("it is well again", |_| member.facts().endpoints[0].health == EndpointHealth::Ready).await;
}

#[tokio::test]
async fn requests_are_spread_over_the_servers_of_a_cluster() {
    let (a, b) = (Script::start("a").await, Script::start("b").await);
    let (_keep, member) = member(cluster([a.endpoint(), b.endpoint()]));
    let held: Vec<_> =
        futures::future::join_all((0..40).map(|_| async { member.send(get("/api?watch=1"), &watching()).await })).await;
    assert!(held.iter().all(Result::is_ok));
    let (a, b) = (a.asked().len(), b.asked().len());
    assert!(a >= 10 && b >= 10 && a + b == 40, "{a} and {b}");
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_found_out() {
    let script = Script::start("silent").await;
    let (_keep, member) = alone(&script);
    let mut held = member.send(get("/api?watch=1"), &watching()).await.expect("a watch");
    script.freeze();
    // Nothing more comes from there: time may run.
    tokio::time::pause();
    let began = Instant::now();
    let ended = tokio::time::timeout(Duration::from_secs(60), held.response.body_mut().frame()).await;
    let ended = ended.expect("it is found out");
    assert!(ended.is_some_and(|frame| frame.is_err()));
    assert!(began.elapsed() <= Duration::from_secs(31), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_never_speaks_costs_a_caller_no_more_than_its_deadline() {
    let script = Script::with("mute", |k| k.mute = true).await;
    let (_keep, member) = alone(&script);
    let call = Call { deadline: Some(Instant::now() + Duration::from_millis(200)), ..read() };
    let failed = member.send(get("/api"), &call).await.expect_err("no answer");
    assert_eq!(failed.refusal.code, 503);
    assert!(failed.unsent.is_some());
}

#[tokio::test]
async fn a_picture_holds_the_last_probes_and_no_secret() {
    let script = Script::start("pictured").await;
    let (_keep, member) = member(quick(cluster([script.endpoint_with("hush-hush")])));
    script.until("it was asked often", |s| s.probes() > 5).await;
    let facts = member.facts();
    assert_eq!((facts.name.as_str(), facts.endpoints[0].health), ("prod", EndpointHealth::Ready));
    assert_eq!(facts.endpoints[0].address, script.address.to_string());
    assert!(facts.endpoints[0].probes.len() >= 5);
    assert!(!format!("{facts:?} {member:?}").contains("hush-hush"));
}
