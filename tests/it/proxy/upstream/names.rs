//! Under which name a server is known: on every way to it the same.

use super::upgrades::{SWITCHED, exec, switched};
use super::*;

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
