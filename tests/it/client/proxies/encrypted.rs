//! `https://` proxies: TLS to the proxy, and through it TLS to the server.

use super::super::server::{Asked, Authority, Server, json};
use super::super::{connect, get, inline};
use super::{Proxy, http, listen, tunnel};
use crate::fleet::{Home, runtime, shared};
use parking_lot::Mutex;
use quarterdeck::engine::k8s::endpoint::Endpoint;
use rustls::ServerConfig;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// CONNECT over TLS. A client that does not trust it asks for nothing.
async fn https(config: ServerConfig, refusal: Option<&'static str>) -> Proxy {
    let (listener, proxy) = listen().await;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let asked: Arc<Mutex<Vec<String>>> = Arc::clone(&proxy.asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, asked) = (acceptor.clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let shown = stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len);
                assert_eq!(shown, 0, "the client certificate is the server's alone");
                tunnel(stream, asked, refusal).await;
            });
        }
    });
    proxy
}

/// A proxy whose certificate is of this authority and for this address.
async fn vouched(authority: &Authority, address: &str) -> Proxy {
    https(authority.server(&authority.issue(&[address], |_| ()), false), None).await
}

fn through(proxy: &Proxy, endpoint: Endpoint) -> Endpoint {
    Endpoint { proxy_url: Some(format!("https://me:hush@{}", proxy.address)), ..endpoint }
}

#[tokio::test]
async fn the_clusters_own_authority_vouches_for_its_proxy() {
    let authority = Authority::new("of both");
    let config = authority.server(&authority.issue(&["127.0.0.1"], |_| ()), false);
    let (server, proxy) = (Server::with(config, authority.pem()).await, vouched(&authority, "127.0.0.1").await);
    get(&connect(through(&proxy, server.endpoint()))).await.expect("it answers");
    let asked = proxy.asked.lock().clone();
    assert!(asked[0].starts_with(&format!("CONNECT {} HTTP/1.1\r\n", server.address)), "{asked:?}");
    assert!(asked[0].to_lowercase().contains("proxy-authorization: basic bwu6ahvzaa=="), "{asked:?}");
    assert_eq!(server.asked()[0].header("proxy-authorization"), "", "the server never sees the login");
}

#[tokio::test]
async fn a_proxy_that_nobody_vouches_for_gets_no_login_whatever_is_said_of_the_server() {
    let server = Server::tls(|_: &Asked| json("{}")).await;
    let strange = Authority::new("of nobody");
    let (unknown, misnamed) = (vouched(&strange, "127.0.0.1").await, vouched(&strange, "10.9.9.9").await);
    let insecure = || Endpoint { insecure: true, ca: None, ..server.endpoint() };
    let named = || Endpoint { ca: Some(inline(&strange.pem())), ..server.endpoint() };
    for (proxy, endpoint) in [(&unknown, server.endpoint()), (&unknown, insecure()), (&misnamed, named())] {
        let error = get(&connect(through(proxy, endpoint))).await.expect_err("it is not trusted").to_string();
        assert!(error.starts_with(&format!("the proxy {} (proxy-url) failed: ", proxy.address)), "{error}");
        assert!(error.contains("certificate") && !error.contains("hush"), "{error}");
        assert!(proxy.asked.lock().is_empty());
    }
}

#[tokio::test]
async fn a_proxy_that_is_spoken_to_in_the_wrong_way_says_which_it_is() {
    let server = Server::tls(|_: &Asked| json("{}")).await;
    let plain = http(None).await;
    let error = get(&connect(through(&plain, server.endpoint()))).await.expect_err("it speaks no TLS").to_string();
    assert!(error.starts_with(&format!("the proxy {} (proxy-url) failed: ", plain.address)), "{error}");
    let authority = Authority::new("of both");
    let config = authority.server(&authority.issue(&["127.0.0.1"], |_| ()), false);
    let asking = https(config, Some("HTTP/1.1 407 Login\r\n\r\n")).await;
    let endpoint = Endpoint { ca: Some(inline(&authority.pem())), ..server.endpoint() };
    let error = get(&connect(through(&asking, endpoint))).await.expect_err("a wrong login").to_string();
    let why = "it does not accept the user and password";
    assert_eq!(error, format!("the proxy {} (proxy-url) failed: {why}", asking.address));
}

/// The whole program before a demo cluster whose authority knows nothing of the proxy's. Where the system keeps its roots is
/// told by the environment on Linux alone.
#[cfg(target_os = "linux")]
#[test]
fn the_systems_roots_vouch_for_a_proxy_too() {
    let authority = Authority::new("of the system");
    let proxy = runtime().block_on(vouched(&authority, "127.0.0.1"));
    let home = Home::empty();
    // By a name that only the proxy knows: nobody goes through a proxy to this machine.
    let away = "server: https://api.invalid:";
    let named =
        shared().kubeconfig().replace("server: https://127.0.0.1:", &format!("tls-server-name: 127.0.0.1\n    {away}"));
    home.write(".kube/config", named);
    let roots = home.write("roots.pem", authority.pem());
    let get = |roots: Option<&std::path::Path>| {
        let mut command = home.command(&["get", "pods", "-A", "--clusters", "east", "--timeout", "20s"]);
        command.env("HTTPS_PROXY", format!("https://me:hush@{}", proxy.address));
        if let Some(roots) = roots {
            command.env("SSL_CERT_FILE", roots);
        }
        command.output().expect("the program runs")
    };
    let output = get(Some(&roots));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).lines().count() > 10);
    assert!(!proxy.asked.lock().is_empty());
    let before = proxy.asked.lock().len();
    let output = get(None);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("the proxy") && said.contains("HTTPS_PROXY"), "{said}");
    assert_eq!(proxy.asked.lock().len(), before);
}
