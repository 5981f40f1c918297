//! Nothing that is a secret is ever said again: in the audit log, in metrics, on the admin listener, in an answer.

use super::*;
use crate::proxy::seeing::admin::plain;
use http::header::{COOKIE, SEC_WEBSOCKET_PROTOCOL};

const ROUTING: &str = "
home: alpha
clusters: [ALPHA]
audit: {path: audit.log, policy: policy.yaml}
";

/// All that a server writes into its own log at the most telling level that is not bodies.
const POLICY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n";

/// Those of callers. The upstream's own is `alpha-token`, and the proxy's is made at its start.
const HEARD: [&str; 6] =
    ["cookie-s3cret", "query-s3cret", "password-s3cret", "body-s3cret", "wrong-s3cret", "d3JvbmctczNjcmV0"];

/// A resource of the admin listener, as a scraper with its token reads it.
async fn admin(whole: &Whole, path: &str) -> String {
    let found = admin::Found::in_folder(&whole.folder.path().join("state")).expect("it says where it is");
    let token = &found.token.0;
    let answer = plain(found.address, &format!("GET {path}"), &format!("Authorization: Bearer {token}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    assert!(!answer.contains(token.as_str()), "{path} shows the admin's token");
    answer
}

#[tokio::test]
async fn no_secret_of_a_request_or_of_ours_is_ever_said_again() {
    let alpha = Script::start("alpha").await;
    let mut whole = Whole::with(ROUTING, &[&alpha], |options| {
        let folder = options.state_dir.parent().expect("a folder");
        fs::write(folder.join("policy.yaml"), POLICY).expect("written");
    })
    .await;
    let mut caller = whole.connect().await;
    let mut said = Vec::new();
    for (method, path, wrong) in [
        ("GET", "/api/v1/namespaces/n/services/web/proxy/x?token=query-s3cret&password=password-s3cret", false),
        ("GET", "/api/v1/namespaces/n/pods?access_token=query-s3cret", false),
        ("POST", "/api/v1/namespaces/n/secrets", false),
        ("GET", "/api/v1/namespaces/n/pods", true),
    ] {
        let mut request = caller.request(method, path);
        if wrong {
            let protocol = "base64url.bearer.authorization.k8s.io.d3JvbmctczNjcmV0";
            request = Request::builder().method(method).uri(path).header("host", caller.address.to_string());
            request = request.header(AUTHORIZATION, "Bearer wrong-s3cret").header(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        let request = request.header(COOKIE, "session=cookie-s3cret");
        let body = Full::from(if method == "POST" { r#"{"data":{"a":"body-s3cret"}}"# } else { "" });
        let answer = caller.send(request.body(body).expect("a request")).await;
        said.push(format!("{:?}", answer.headers()));
        let (status, body) = (answer.status(), text(answer.into_body()).await);
        // What the scripted server echoes is its own affair.
        if !status.is_success() {
            said.push(body);
        }
    }
    assert_eq!(alpha.asked().len(), 2, "one behind a service, and the Secret");
    for path in ["/metrics", "/config", "/routes", "/health/clusters"] {
        said.push(admin(&whole, path).await);
    }
    said.push(format!("{:?}", whole.admin));
    let (own, log) = (whole.token.clone(), whole.folder.path().join("audit.log"));
    drop(caller);
    whole.drain().await;
    let audited = fs::read_to_string(log).expect("it is written");
    assert!(audited.contains("/secrets") && audited.contains("password=[redacted]"), "{audited}");
    said.push(audited);
    for secret in HEARD.into_iter().chain(["alpha-token", &own]) {
        let shown: Vec<&String> = said.iter().filter(|text| text.contains(secret)).collect();
        assert!(shown.is_empty(), "{secret}: {shown:?}");
    }
}
