//! Tokens, certificates, passwords and acting as somebody else.

use super::server::{Asked, Authority, Server, json, status};
use super::{connect, endpoint, get, inline};
use quarterdeck::engine::cluster::ClusterError;
use quarterdeck::engine::k8s::endpoint::{Endpoint, Impersonate, Material, Secret, User};
use std::collections::BTreeMap;

#[tokio::test]
async fn a_token_goes_with_each_request_and_is_not_shown() {
    let server = Server::tls(|_: &Asked| json("{}")).await;
    let mut endpoint = server.endpoint();
    endpoint.user.token = Some(inline(" hush\n"));
    let connection = connect(endpoint);
    get(&connection).await.expect("it answers");
    assert_eq!(server.asked()[0].header("authorization"), "Bearer hush");
    assert!(!format!("{connection:?}").contains("hush"));
}

#[tokio::test]
async fn a_token_file_is_read_again_at_once_after_a_401() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "old").expect("it is ours");
    let server = Server::tls(|asked: &Asked| {
        let known = asked.header("authorization") == "Bearer new";
        if known { json("{}") } else { status(401, "Unauthorized") }
    })
    .await;
    let mut endpoint = server.endpoint();
    endpoint.user.token = Some(Material::File(path.clone()));
    let connection = connect(endpoint);
    let error = get(&connection).await.expect_err("the token is old");
    assert_eq!(error, ClusterError::AuthNeeded("the token is not accepted; get a new one".into()));
    assert_eq!(server.asked().len(), 1, "the same token is not sent twice");
    std::fs::write(&path, "new").expect("it is ours");
    get(&connection).await.expect("the file was read again");
    let sent: Vec<_> = server.asked().iter().map(|a| a.header("authorization").to_owned()).collect();
    assert_eq!(sent, ["Bearer old", "Bearer old", "Bearer new"]);
}

#[tokio::test]
async fn a_password_and_another_identity_go_as_headers() {
    let server = Server::tls(|_: &Asked| json("{}")).await;
    let mut endpoint = server.endpoint();
    endpoint.user.basic = Some(("ann".to_owned(), Secret("pa:ss".to_owned())));
    endpoint.user.impersonate = Impersonate {
        user: Some("bob".to_owned()),
        groups: vec!["dev".to_owned(), "ops".to_owned()],
        uid: Some("7".to_owned()),
        extra: BTreeMap::from([("scope".to_owned(), vec!["x".to_owned()])]),
    };
    get(&connect(endpoint)).await.expect("it answers");
    let asked = server.asked().remove(0);
    assert_eq!(asked.header("authorization"), "Basic YW5uOnBhOnNz");
    assert_eq!(asked.header("impersonate-user"), "bob");
    assert_eq!(asked.header("impersonate-uid"), "7");
    assert_eq!(asked.header("impersonate-extra-scope"), "x");
    let groups: Vec<_> = asked.headers.get_all("impersonate-group").iter().collect();
    assert_eq!(groups, ["dev", "ops"]);
}

/// K1: a server on plain http sees no credential of any kind, and hears of nobody but whom we act as.
#[tokio::test]
async fn nothing_secret_goes_out_over_plain_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "hush").expect("it is ours");
    let users = [
        User { token: Some(inline("hush")), ..User::default() },
        User { token: Some(Material::File(path)), ..User::default() },
        User { token: Some(Material::File("/nowhere/token".into())), ..User::default() },
        User { basic: Some(("ann".to_owned(), Secret("hush".to_owned()))), ..User::default() },
        User { client_certificate: Some(inline("hush")), client_key: Some(inline("hush")), ..User::default() },
    ];
    for user in users {
        let server = Server::plain(|_: &Asked| json("{}")).await;
        for scheme in ["http", "HTTP"] {
            let impersonate = Impersonate { user: Some("bob".to_owned()), ..Impersonate::default() };
            let address = format!("{scheme}://{}", server.address);
            let endpoint = Endpoint { user: User { impersonate, ..user.clone() }, ..endpoint(&address) };
            let connection = connect(endpoint);
            get(&connection).await.expect("it answers whoever asks");
            assert_eq!(connection.expiry(), None, "what is not used does not end");
        }
        for asked in server.asked() {
            assert!(!asked.headers.contains_key("authorization"), "{user:?}: {asked:?}");
            assert_eq!(asked.header("impersonate-user"), "bob");
        }
    }
}

/// K1: a refusal by a server on plain http says why it does not know us; one of a context without a user does not.
#[tokio::test]
async fn a_refusal_over_plain_http_says_that_nothing_was_sent() {
    for (code, said) in [(401, ""), (403, "pods is forbidden: User \"system:anonymous\" cannot list it ")] {
        let server =
            Server::plain(move |_: &Asked| status(code, if code == 401 { "Unauthorized" } else { said.trim() }));
        let server = server.await;
        let mut endpoint = server.endpoint();
        let bare = get(&connect(endpoint.clone())).await.expect_err("it refuses").to_string();
        assert!(!bare.contains("over http"), "{bare}");
        endpoint.user.token = Some(inline("hush"));
        let connection = connect(endpoint);
        let why = "credentials are not sent over http; use https:// in the cluster's server";
        let text = get(&connection).await.expect_err("it refuses").to_string();
        assert_eq!(text, if code == 401 { why.to_owned() } else { format!("{said}({why})") });
        // The same for what reads it through the client.
        let list = http::Request::get("/api/v1/pods").body(Vec::new()).expect("a request");
        let error = connection.client.request_text(list).await.expect_err("it refuses");
        let error = quarterdeck::engine::k8s::errors::translate(&error);
        assert!(error.to_string().ends_with(&format!("{why}{}", if code == 401 { "" } else { ")" })), "{error}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_a_rotated_one_is_seen() {
    let authority = Authority::new("authority");
    let config = authority.server(&authority.issue(&["127.0.0.1"], |_| ()), true);
    let server = Server::with(config, authority.pem()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let write = |name: &str| {
        let (pem, key_pem) = authority.issue(&[name], |_| ()).pem();
        std::fs::write(&certificate, pem).expect("it is ours");
        std::fs::write(&key, key_pem).expect("it is ours");
    };
    write("ann");
    let mut endpoint = server.endpoint();
    endpoint.user.client_certificate = Some(Material::File(certificate.clone()));
    endpoint.user.client_key = Some(Material::File(key.clone()));
    let connection = connect(endpoint);
    get(&connection).await.expect("it answers");
    write("bob");
    get(&connection).await.expect("it answers");
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    tokio::time::resume();
    get(&connection).await.expect("it answers");
    let clients: Vec<_> = server.asked().iter().map(|a| a.client.clone().unwrap_or_default()).collect();
    assert_eq!(clients, ["ann", "ann", "bob"]);
    assert_eq!(connection.expiry().map(|(_, what)| what.to_string()).as_deref(), Some("client certificate"));
}

#[tokio::test]
async fn a_certificate_that_is_missing_wrong_or_not_its_keys_says_so() {
    let authority = Authority::new("authority");
    let config = authority.server(&authority.issue(&["127.0.0.1"], |_| ()), true);
    let server = Server::with(config, authority.pem()).await;
    let text = get(&connect(server.endpoint())).await.expect_err("no certificate").to_string();
    assert!(text.contains("asks for a client certificate"), "{text}");

    let stranger = Authority::new("stranger").issue(&["eve"], |_| ()).pem();
    let mut foreign = server.endpoint();
    (foreign.user.client_certificate, foreign.user.client_key) = (Some(inline(&stranger.0)), Some(inline(&stranger.1)));
    let error = get(&connect(foreign)).await.expect_err("a stranger");
    assert!(
        matches!(&error, ClusterError::AuthNeeded(text) if text.contains("does not accept our client certificate")),
        "{error}"
    );

    let (ann, bob) = (authority.issue(&["ann"], |_| ()).pem(), authority.issue(&["bob"], |_| ()).pem());
    let with = |certificate: &str, key: &str| {
        let mut endpoint = endpoint("https://127.0.0.1:1");
        (endpoint.user.client_certificate, endpoint.user.client_key) = (Some(inline(certificate)), Some(inline(key)));
        connect(endpoint)
    };
    for (certificate, key, expect) in [
        (ann.0.as_str(), bob.1.as_str(), "client-key does not belong to client-certificate"),
        ("x", ann.1.as_str(), "client-certificate holds no certificate (PEM is expected)"),
        (ann.0.as_str(), "x", "client-key holds no private key (PEM is expected; an encrypted one cannot be used)"),
        (
            V1_CERTIFICATE,
            ann.1.as_str(),
            "client-certificate is X.509 version 1, which is not accepted; issue a version 3 one, or use a token",
        ),
    ] {
        let error = get(&with(certificate, key)).await.expect_err("unusable");
        assert_eq!(error, ClusterError::AuthNeeded(expect.into()));
    }
}

#[tokio::test]
async fn the_end_of_a_token_is_told() {
    use base64::Engine as _;
    let server = Server::tls(|_: &Asked| status(401, "Unauthorized")).await;
    let mut endpoint = server.endpoint();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"exp":1000000000}"#);
    endpoint.user.token = Some(inline(&format!("h.{claims}.s")));
    let connection = connect(endpoint);
    let text = get(&connection).await.expect_err("it has ended").to_string();
    assert!(text.starts_with("the token expired 2") && text.ends_with("ago; renew it in the kubeconfig"), "{text}");
    assert_eq!(connection.expiry().map(|(at, _)| at.0), Some(1_000_000_000));
}

/// Self-signed, X.509 version 1, as old installers make them.
const V1_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBGDCBvwIUc7jOOBx/nIXPVZ94bTWRLbfTiNQwCgYIKoZIzj0EAwIwDjEMMAoG
A1UEAwwDb2xkMCAXDTI2MTEyMTA5NDE0NVoYDzIxMjYxMDI4MDk0MTQ1WjAOMQww
CgYDVQQDDANvbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATDPYvdR5JkFZIk
9Nk6pCtfS24bB3n/pRFiA1Njx3s/v1VCSlB8x0JEMy+luerkfSQbKmFB43q/CFHW
Rfb9s4c2MAoGCCqGSM49BAMCA0gAMEUCIEXMSCxmwZl9w62/6o4i7fHcDmfmBoNK
MIRyQac/J82IAiEA1wB6xqPyHtOHEsUfGltK+u78SbsNAQz1uRJp4N8XrSY=
-----END CERTIFICATE-----
";
