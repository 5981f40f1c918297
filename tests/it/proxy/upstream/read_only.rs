//! The access level `read-only`: nothing but reads leaves for the cluster.

use super::upgrades::exec;
use super::*;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use quarterdeck::engine::k8s::access::AccessGate;
use quarterdeck::engine::proxy::request;

fn gate() -> AccessGate {
    AccessGate::read_only("flag --read-only")
}

fn gated(script: &Script) -> Endpoint {
    Endpoint { access: gate(), ..script.endpoint() }
}

const PODS: &str = "/api/v1/namespaces/n/pods";

#[tokio::test]
async fn a_read_only_cluster_gets_reads_and_nothing_else() {
    let script = Script::start("read-only").await;
    let (_keep, member) = member(cluster([gated(&script)]));
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        let failed = member.send(request(method.clone(), PODS, Outgoing::Empty), &write()).await.expect_err("a write");
        assert_eq!((failed.refusal.code, failed.refusal.reason, failed.refusal.label), (403, "Forbidden", "read_only"));
        let why = format!("cluster prod is read-only (flag --read-only): {method} is not sent, only GET and HEAD are");
        assert_eq!(failed.refusal.message, why);
        assert!(failed.unsent.is_none(), "no other cluster may have it instead");
    }
    let served = request(Method::GET, "/api/v1/namespaces/n/services/s/proxy/", Outgoing::Empty);
    let failed = member.send(served, &connecting()).await.expect_err("what a service serves may change things");
    assert!(failed.refusal.message.contains("the subresource proxy is not requested"), "{}", failed.refusal.message);
    let failed = member.upgrade(exec("SPDY/3.1"), &connecting()).await.expect_err("a shell");
    assert_eq!(failed.refusal.code, 403);
    assert_eq!(script.asked().len(), 0, "{:?}", script.asked());
    assert_eq!(fetch(&member, PODS).await.expect("a read passes").0, 200);
}

#[tokio::test]
async fn the_strictest_endpoint_decides_for_the_cluster() {
    let (open, closed) = (Script::start("open").await, Script::start("closed").await);
    let (_keep, member) = member(cluster([open.endpoint(), gated(&closed)]));
    for _ in 0..8 {
        let failed = member.send(request(Method::DELETE, PODS, Outgoing::Empty), &write()).await.expect_err("a write");
        assert_eq!(failed.refusal.code, 403);
    }
    assert_eq!((open.asked().len(), closed.asked().len()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the proxy reads as a connection to what runs there, as an API server does, the gate holds back; no more.
    #[test]
    fn the_gate_holds_back_every_connection_that_an_api_server_sees(
        prefix in "/(api|apis/[a-z.]{1,8})/v1(/watch|/proxy)?",
        parts in proptest::collection::vec("(namespaces|pods|nodes|services|a|%61|exec|attach|portforward|prox%79|proxy|status)", 0..7),
    ) {
        let path = format!("{prefix}/{}", parts.join("/"));
        if let Ok(info) = request::parse("GET", &path) {
            let connecting = ["exec", "attach", "portforward", "proxy"];
            let connects = info.verb == "proxy" || connecting.iter().any(|name| info.subresource == *name);
            let is_held_back = gate().check(&Method::GET, &path.parse().expect("a path"), false).is_err();
            prop_assert_eq!(is_held_back, connects, "{}", path);
        }
    }
}
