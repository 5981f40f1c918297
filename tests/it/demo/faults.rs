//! Faults: each does what its name says, and nothing after it is lifted.

use super::*;
use quarterdeck::demo::{Fault, Reach};
use tokio::net::TcpStream;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn answers_that_are_refusals() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    for (fault, code, reason) in [
        (Fault::Unauthorized(String::new()), 401, "Unauthorized"),
        (Fault::Forbidden("configmaps".to_owned()), 403, "Forbidden"),
        (Fault::TooManyRequests { retry_after: 1 }, 429, "TooManyRequests"),
        (Fault::InternalError, 500, "InternalError"),
    ] {
        assert!(fleet.fault("one", fault.clone()));
        let refusal = refused(&client, MAPS).await;
        assert_eq!((refusal.0, refusal.1.as_str()), (code, reason), "{fault:?}");
    }
    fleet.fault("one", Fault::Forbidden("configmaps".to_owned()));
    assert_eq!(
        refused(&client, MAPS).await.2,
        "configmaps is forbidden: User \"demo-operator\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\""
    );
    assert_eq!(names(&get(&client, "/api/v1/pods").await).len(), 5, "only one resource is forbidden");
    fleet.fault("one", Fault::Html);
    let page = client.request_text(request(MAPS, "application/json")).await.expect("a page");
    assert!(page.starts_with("<!DOCTYPE html>"));
    fleet.fault("one", Fault::None);
    get(&client, MAPS).await;
    assert!(!fleet.fault("nobody", Fault::None));
}

#[tokio::test]
async fn a_refusing_port_comes_back() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    let address = fleet.url("one").expect("a cluster").replace("https://", "");
    for _ in 0..2 {
        get(&client, MAPS).await;
        fleet.fault("one", Fault::Refuse);
        until_refused(&address, true).await;
        assert!(client.request::<Value>(request(MAPS, "application/json")).await.is_err());
        fleet.fault("one", Fault::None);
        until_refused(&address, false).await;
    }
    get(&client, MAPS).await;
}

async fn until_refused(address: &str, refused: bool) {
    let waiting = async {
        while TcpStream::connect(address).await.is_err() != refused {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("the port turns in time");
}

/// Says whether an answer comes while one is waited for at all.
async fn is_answered(client: &Client) -> bool {
    timeout(Duration::from_millis(400), client.request::<Value>(request(MAPS, "application/json"))).await.is_ok()
}

#[tokio::test]
async fn silence() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    get(&client, MAPS).await;
    for fault in [Fault::BlackHole, Fault::NoAnswer, Fault::EndlessHead] {
        fleet.fault("one", fault.clone());
        // A connection learns of its fault between two requests: the first may still be answered.
        let silent = async { while is_answered(&client).await {} };
        timeout(PATIENCE, silent).await.unwrap_or_else(|_| panic!("{fault:?} answers on and on"));
        // From then on it stays silent.
        assert!(!is_answered(&client).await, "{fault:?} answered");
        fleet.fault("one", Fault::None);
        get(&self::client(&fleet, "one").await, MAPS).await;
    }
}

#[tokio::test]
async fn broken_watches() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    let revision = text(&get(&client, MAPS).await, "/metadata/resourceVersion");
    let path = format!("{MAPS}?watch=true&resourceVersion={revision}");
    for (fault, expected) in [(Fault::CutWatch, None), (Fault::HalfLine, Some("{\"type\":\"MODIFIED\","))] {
        let mut open = lines(&client, &path, "application/json").await;
        fleet.fault("one", fault.clone());
        fleet.fault("one", if fault == Fault::CutWatch { Fault::None } else { fault.clone() });
        let mut got = String::new();
        let broken = loop {
            match timeout(PATIENCE, open.next()).await.expect("an end in time") {
                Some(Ok(line)) => got += &line,
                Some(Err(_)) => break true,
                None => break false,
            }
        };
        assert!(broken, "{fault:?} is an error, not an end");
        assert!(got.starts_with(expected.unwrap_or_default()) || got.is_empty(), "{got}");
        fleet.fault("one", Fault::None);
    }
    for (fault, kind, code) in [
        (Fault::UnknownEvent, "RENAMED", Value::Null),
        (Fault::ErrorEvent, "ERROR", json!(500)),
        (Fault::Expired, "ERROR", json!(410)),
    ] {
        let mut open = lines(&client, &path, "application/json").await;
        fleet.fault("one", fault);
        let (got, object) = event(&mut open).await;
        assert_eq!((got.as_str(), object.get("code").cloned().unwrap_or_default()), (kind, code));
        fleet.fault("one", Fault::None);
    }
}

#[tokio::test]
async fn broken_tls_is_an_error_at_once() {
    let fleet = single(35, 5).await;
    fleet.fault("one", Fault::BrokenTls);
    let client = client(&fleet, "one").await;
    let answer = timeout(PATIENCE, client.request::<Value>(request(MAPS, "application/json"))).await;
    assert!(answer.expect("an answer in time").is_err());
}

#[tokio::test]
async fn requests_are_counted_and_latency_is_kept() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    let before = fleet.request_count("one");
    get(&client, "/api/v1/pods?limit=3").await;
    assert_eq!(fleet.request_count("one"), before + 1);
    let last = fleet.requests("one").pop().expect("a request");
    assert_eq!((last.method.as_str(), last.uri.as_str()), ("GET", "/api/v1/pods?limit=3"));
    fleet.fault("one", Fault::Latency(Duration::from_millis(150), Duration::from_millis(200)));
    // The connection is open: time may run.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    get(&client, MAPS).await;
    let waited = start.elapsed().as_millis();
    assert!((150..=201).contains(&waited), "{waited}");
}

#[tokio::test]
async fn half_of_the_dead_refuse_and_half_are_silent() {
    let options = Options::uniform(6, 3, 4, 1, clock());
    let refused = options.clusters.iter().filter(|member| member.reach == Reach::Refused).count();
    let silent = options.clusters.iter().filter(|member| member.reach == Reach::BlackHole).count();
    assert_eq!((refused, silent), (2, 2));
    let fleet = Fleet::start(options).await.expect("the fleet starts");
    get(&client(&fleet, "demo-001").await, "/api/v1/pods").await;
    for name in ["demo-003", "demo-004"] {
        let asked = client(&fleet, name).await;
        if name == "demo-004" {
            let answer = timeout(PATIENCE, asked.request::<Value>(request(MAPS, "application/json"))).await;
            assert!(matches!(answer, Ok(Err(_))), "refused");
        } else {
            assert!(!is_answered(&asked).await, "silent");
        }
    }
}
