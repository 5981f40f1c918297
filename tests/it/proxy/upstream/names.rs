//! Under which name a server is known: on every way to it the same.

use super::upgrades::{exec, switched};
use super::*;
use crate::proxy::script::PATIENCE;
use tokio::time::timeout;

/// In no address, and in no other certificate.
const NAME: &str = "kubernetes.default.svc";

/// A server on an address, whose certificate is for a name.
async fn named(h1_only: bool) -> Script {
    Script::with("named", |knobs| (knobs.certified, knobs.h1_only) = (NAME, h1_only)).await
}

fn under(script: &Script, name: Option<&str>) -> Endpoint {
    Endpoint { tls_server_name: name.map(str::to_owned), ..script.endpoint() }
}

#[tokio::test]
async fn a_server_has_its_name_on_every_way_to_it() {
    for h1_only in [true, false] {
        let script = named(h1_only).await;
        let (_keep, member) = member(cluster([under(&script, Some(NAME))]));
        assert_eq!(fetch(&member, "/asked").await.expect("an answer").0, 200);
        assert_eq!(script.asked()[0].h2, !h1_only);
        script.until("it was probed", |s| s.probes() > 0).await;
        script.turn(|k| k.raw = Some(Bytes::from_static(SWITCHED)));
        drop(switched(&member).await);
        assert!(script.heads().iter().any(|head| head.starts_with("POST")), "{:?}", script.heads());
        // One for the request, one for the probe and one for the upgrade, at the least.
        let names = script.names();
        assert!(names.len() >= 3 && names.iter().all(|name| name.as_deref() == Some(NAME)), "{names:?}");
    }
}

#[tokio::test]
async fn a_server_under_another_name_gets_nothing() {
    for name in [None, Some("kubernetes.other.svc")] {
        let script = named(false).await;
        let (_keep, member) = member(cluster([under(&script, name)]));
        let failed = fetch(&member, "/asked").await.expect_err("its certificate is for another name");
        assert_eq!(failed.refusal.code, 503, "{}", failed.refusal.message);
        member.upgrade(exec("SPDY/3.1"), &connecting()).await.expect_err("the same for an upgrade");
        assert_eq!((script.asked().len(), script.probes(), script.heads().len()), (0, 0, 0));
    }
}

/// 169.254.169.254 as the system's resolver reads it, and no address by the books: a name, as any other might be.
const HIDDEN: &str = "2852039166";

#[tokio::test]
async fn a_name_that_leads_to_a_metadata_service_is_not_gone_to() {
    let server =
        Endpoint { tls_server_name: Some(NAME.to_owned()), ..Endpoint::plain(format!("https://{HIDDEN}:6443"), "a") };
    let by_proxy = Endpoint { proxy_url: Some(format!("http://{HIDDEN}:3128")), ..Endpoint::plain("https://a", "a") };
    for endpoint in [server, by_proxy] {
        let (_keep, member) = member(cluster([Endpoint { guarded: true, timeout_s: 10, ..endpoint }]));
        assert_eq!(fetch(&member, "/asked").await.expect_err("it is guarded").refusal.code, 503);
        let probed = async {
            while member.facts().endpoints[0].why.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, probed).await.expect("it was probed");
        let why = member.facts().endpoints[0].why.to_string();
        assert!(why.contains("2852039166 leads to 169.254.169.254, a link-local or metadata address"), "{why}");
    }
}

#[tokio::test]
async fn a_guarded_name_of_an_ordinary_address_is_gone_to() {
    let script = Script::with("local", |knobs| knobs.certified = "localhost").await;
    let server = format!("https://localhost:{}", script.address.port());
    let (_keep, member) = member(cluster([Endpoint { server, guarded: true, ..script.endpoint() }]));
    assert_eq!(fetch(&member, "/asked").await.expect("an answer").0, 200);
}
