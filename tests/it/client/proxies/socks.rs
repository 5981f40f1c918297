//! SOCKS5 proxies, with a login and without.

use super::super::server::{Asked, Authority, Server, json};
use super::super::{connect, get, inline};
use super::{Proxy, listen};
use quarterdeck::engine::k8s::endpoint::Endpoint;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What the proxy wants to know of who comes.
type Login = Option<(&'static str, &'static str)>;

/// A proxy of IPv4 addresses and names (all of them this machine's); it remembers who came and where to.
async fn socks(login: Login) -> Proxy {
    let (listener, proxy) = listen().await;
    let asked = Arc::clone(&proxy.asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                // A client that gives up in the middle is part of the tests.
                let Ok((who, host, port)) = asked_for(&mut stream, login).await else { return };
                asked.lock().push(format!("{who}{host}:{port}"));
                let address = host.parse().unwrap_or(Ipv4Addr::LOCALHOST);
                let mut to = TcpStream::connect((address, port)).await.expect("the target is there");
                stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.expect("it listens");
                drop(tokio::io::copy_bidirectional(&mut stream, &mut to).await);
            });
        }
    });
    proxy
}

async fn asked_for(stream: &mut TcpStream, login: Login) -> io::Result<(String, String, u16)> {
    let mut greeting = [0_u8; 2];
    stream.read_exact(&mut greeting).await?;
    let mut methods = vec![0_u8; greeting[1].into()];
    stream.read_exact(&mut methods).await?;
    let wanted = if login.is_some() { 2 } else { 0 };
    let fits = methods.contains(&wanted);
    stream.write_all(&[5, if fits { wanted } else { 255 }]).await?;
    if !fits {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut who = String::new();
    if let Some((user, password)) = login {
        assert_eq!(stream.read_u8().await?, 1);
        let told = (text(stream).await?, text(stream).await?);
        let is_known = told == (user.to_owned(), password.to_owned());
        stream.write_all(&[1, u8::from(!is_known)]).await?;
        if !is_known {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        who = format!("{user}@");
    }
    let mut request = [0_u8; 4];
    stream.read_exact(&mut request).await?;
    let host = match request {
        [5, 1, 0, 1] => Ipv4Addr::from_bits(stream.read_u32().await?).to_string(),
        [5, 1, 0, 3] => text(stream).await?,
        other => panic!("{other:?}"),
    };
    Ok((who, host, stream.read_u16().await?))
}

async fn text(stream: &mut TcpStream) -> io::Result<String> {
    let mut bytes = vec![0_u8; stream.read_u8().await?.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8(bytes).expect("text"))
}

fn through(proxy: SocketAddr, login: &str, endpoint: Endpoint) -> Endpoint {
    Endpoint { proxy_url: Some(format!("socks5://{login}{proxy}")), ..endpoint }
}

#[tokio::test]
async fn a_socks_proxy_leads_through_it() {
    let (server, proxy) = (Server::tls(|_: &Asked| json("{}")).await, socks(None).await);
    get(&connect(through(proxy.address, "", server.endpoint()))).await.expect("it answers");
    assert_eq!(*proxy.asked.lock(), [server.address.to_string()]);
}

#[tokio::test]
async fn it_gets_the_login_where_it_asks_for_one_and_only_there() {
    let server = Server::tls(|_: &Asked| json("{}")).await;
    for (wants, who) in [(Some(("me", "p@ss:w/rd")), "me@"), (None, "")] {
        let proxy = socks(wants).await;
        get(&connect(through(proxy.address, "me:p%40ss%3Aw%2Frd@", server.endpoint()))).await.expect("it answers");
        assert_eq!(*proxy.asked.lock(), [format!("{who}{}", server.address)]);
    }
}

#[tokio::test]
async fn a_login_that_lacks_or_is_wrong_is_said_without_it() {
    let (server, proxy) = (Server::tls(|_: &Asked| json("{}")).await, socks(Some(("me", "secret"))).await);
    for (login, why) in [
        ("", "it asks for a user and password"),
        ("me:hush@", "it does not accept the user and password"),
        ("someone:secret@", "it does not accept the user and password"),
    ] {
        let error = get(&connect(through(proxy.address, login, server.endpoint()))).await.expect_err("no login");
        assert_eq!(error.to_string(), format!("the proxy {} (proxy-url) failed: {why}", proxy.address));
    }
    assert!(proxy.asked.lock().is_empty(), "nothing went through");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_name_is_the_proxys_to_resolve() {
    let authority = Authority::new("behind");
    let config = authority.server(&authority.issue(&["api.behind.test"], |_| ()), false);
    let (server, proxy) = (Server::with(config, authority.pem()).await, socks(None).await);
    let port = server.address.port();
    let endpoint = Endpoint {
        ca: Some(inline(&authority.pem())),
        ..super::super::endpoint(&format!("https://api.behind.test:{port}"))
    };
    get(&connect(through(proxy.address, "", endpoint))).await.expect("nobody here knows the name");
    assert_eq!(*proxy.asked.lock(), [format!("api.behind.test:{port}")]);
}
