//! By way of HTTP and SOCKS5 proxies, and past them where `NO_PROXY` says so (trap 6).

mod encrypted;
mod socks;

use super::server::{Asked, Server, json};
use super::{connect, connect_in, get, surroundings};
use parking_lot::Mutex;
use quarterdeck::config::Environment;
use quarterdeck::engine::k8s::endpoint::Endpoint;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A proxy and what was asked of it.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

/// CONNECT; with `refusal` it answers that instead.
async fn http(refusal: Option<&'static str>) -> Proxy {
    let (listener, proxy) = listen().await;
    let asked = Arc::clone(&proxy.asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(tunnel(stream, Arc::clone(&asked), refusal));
        }
    });
    proxy
}

/// One CONNECT, and what goes through it.
async fn tunnel(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: Arc<Mutex<Vec<String>>>,
    refusal: Option<&'static str>,
) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().push(head);
    if let Some(refusal) = refusal {
        drop(stream.write_all(refusal.as_bytes()).await);
        return;
    }
    // Whatever a server is called here, it is on this machine.
    let port = target.rsplit(':').next().unwrap_or_default();
    let mut to = TcpStream::connect(format!("127.0.0.1:{port}")).await.expect("the target is there");
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await);
    drop(tokio::io::copy_bidirectional(&mut stream, &mut to).await);
}

async fn listen() -> (TcpListener, Proxy) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    (listener, Proxy { address, asked: Arc::default() })
}

#[tokio::test]
async fn a_proxy_url_leads_through_it_with_its_login() {
    let (server, proxy) = (Server::tls(|_: &Asked| json("{}")).await, http(None).await);
    let mut endpoint = server.endpoint();
    endpoint.proxy_url = Some(format!("http://me:p%40ss@{}", proxy.address));
    get(&connect(endpoint)).await.expect("it answers");
    let asked = proxy.asked.lock().clone();
    assert!(asked[0].starts_with(&format!("CONNECT {}", server.address)), "{asked:?}");
    assert!(asked[0].to_lowercase().contains("proxy-authorization: basic bwu6cebzcw=="), "{asked:?}");
    assert_eq!(server.asked()[0].header("proxy-authorization"), "", "the server never sees the login");
}

#[tokio::test]
async fn no_proxy_is_about_the_server_and_an_explicit_proxy_does_not_ask_it() {
    let (server, proxy) = (Server::tls(|_: &Asked| json("{}")).await, http(None).await);
    let environment = |no_proxy: &str| Environment {
        https_proxy: Some(format!("http://{}", proxy.address)),
        no_proxy: Some(no_proxy.to_owned()),
        ..Environment::default()
    };
    // A name that only the proxy knows.
    let away = || Endpoint {
        server: format!("https://api.invalid:{}", server.address.port()),
        tls_server_name: Some("127.0.0.1".to_owned()),
        ..server.endpoint()
    };
    for (no_proxy, through) in [("api.invalid,", 0), ("10.0.0.0/8,.corp", 1)] {
        let answer = get(&connect_in(away(), &surroundings(environment(no_proxy)))).await;
        assert_eq!((answer.is_ok(), proxy.asked.lock().len()), (through == 1, through), "{no_proxy}");
    }
    // K4: a server on this machine is not asked by way of the environment's proxy.
    get(&connect_in(server.endpoint(), &surroundings(environment("")))).await.expect("it answers");
    assert_eq!(proxy.asked.lock().len(), 1);
    let mut explicit = server.endpoint();
    explicit.proxy_url = Some(format!("http://{}", proxy.address));
    get(&connect_in(explicit, &surroundings(environment("127.0.0.1")))).await.expect("it answers");
    assert_eq!(proxy.asked.lock().len(), 2);
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_away_is_named_without_its_login() {
    let server = Server::tls(|_: &Asked| json("{}")).await;
    let (listener, away) = listen().await;
    let (another, gone) = listen().await;
    drop((listener, another));
    let (asking, refusing) =
        (http(Some("HTTP/1.1 407 Login\r\n\r\n")).await, http(Some("HTTP/1.1 403 No\r\n\r\n")).await);
    for (proxy, scheme, why) in [
        (asking, "http", "it does not accept the user and password"),
        (refusing, "http", "it refused to connect us"),
        (away, "http", "connection refused"),
        (gone, "socks5", "connection refused"),
    ] {
        let mut endpoint = server.endpoint();
        endpoint.proxy_url = Some(format!("{scheme}://me:hush@{}", proxy.address));
        let error = get(&connect(endpoint)).await.expect_err("the proxy does not do it");
        assert_eq!(error.to_string(), format!("the proxy {} (proxy-url) failed: {why}", proxy.address));
    }
}
