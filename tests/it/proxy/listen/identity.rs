//! What the proxy shows, and what it asks its clients to show.

use super::limits::wait_for;
use super::{Client, Drained, Rig, client, get, get_all, wall};
use hyper_util::rt::{TokioExecutor, TokioIo};
use quarterdeck::engine::address::Address;
use quarterdeck::engine::clock::Clock;
use quarterdeck::engine::proxy::listen::Trust;
use quarterdeck::model::time::UnixSeconds;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// The certificate a new connection is shown.
async fn shown(rig: &Rig) -> Vec<u8> {
    let stream = rig.client().tls(rig.address(), b"h2").await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap().first().unwrap().to_vec()
}

#[tokio::test]
async fn the_certificate_is_replaced_at_two_thirds_of_its_life_and_connections_live_on() {
    let rig = Rig::trusting(|_| {}, &Trust::default(), Clock::From(UnixSeconds(wall().0 - 16 * 3600)));
    let mut h2 = rig.client().h2(rig.address()).await;
    get_all(&mut h2, "/").await;
    let (before, ends) = (shown(&rig).await, rig.identity.not_after());
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(15 * 3600)).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(rig.identity.not_after(), ends);
    tokio::time::advance(Duration::from_secs(3600)).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(rig.identity.not_after().0 >= ends.0 + 16 * 3600);
    tokio::time::resume();
    assert_ne!(shown(&rig).await, before);
}

#[tokio::test]
async fn open_connections_outlive_their_certificate() {
    let rig = Rig::start(|_| {});
    let mut h1 = rig.client().h1(rig.address()).await;
    let mut h2 = rig.client().h2(rig.address()).await;
    get(&mut h1, "/").await;
    let before = shown(&rig).await;
    rig.identity.reissue(wall()).unwrap();
    assert_ne!(shown(&rig).await, before);
    assert!(get(&mut h1, "/").await.contains("h2=false"));
    assert_eq!(get_all(&mut h2, "/").await.0, 200);
}

/// Certificate and key of an authority with this name (`CN=a,O=b`), PEM; its names are encoded in more than one way.
pub(super) fn authority(name: &str) -> (String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name = DistinguishedName::new();
    for part in name.split(',') {
        match part.split_once('=').unwrap() {
            ("CN", text) => authority.distinguished_name.push(DnType::CommonName, text),
            (_, text) => {
                let text = DnValue::PrintableString(text.try_into().unwrap());
                authority.distinguished_name.push(DnType::OrganizationName, text);
            }
        }
    }
    let key = KeyPair::generate().unwrap();
    (authority.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// An authority of clients and a client it knows: authority, certificate, key, all PEM.
fn clients() -> (String, String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let client = CertificateParams::new(Vec::new()).unwrap().signed_by(&key, &issuer).unwrap();
    (pem, client.pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_client_certificate_is_welcome_and_not_needed() {
    let (authority, certificate, key) = clients();
    let trust = Trust { client_ca: Some(authority.into_bytes()), token_review: false };
    let rig = Rig::trusting(|_| {}, &trust, Clock::Wall);
    let mut with = Client::showing(rig.identity.ca(), &certificate, &key).h1(rig.address()).await;
    assert!(get(&mut with, "/").await.contains("certificate=true"));
    let mut without = rig.client().h1(rig.address()).await;
    assert!(get(&mut without, "/").await.contains("certificate=false"));
    // One of another authority is refused, and so is any once the authority is no longer trusted.
    let (_, other, other_key) = clients();
    let stranger = Client::showing(rig.identity.ca(), &other, &other_key).tls(rig.address(), b"http/1.1").await;
    let refused = match stranger {
        Ok(mut stream) => tokio::io::AsyncReadExt::read(&mut stream, &mut [0]).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
    rig.gate.apply(rig.gate.prepare(&Trust::default()).unwrap());
    let mut later = Client::showing(rig.identity.ca(), &certificate, &key).h1(rig.address()).await;
    assert!(get(&mut later, "/").await.contains("certificate=false"));
}

#[tokio::test]
async fn a_unix_socket_tells_the_uid_and_goes_with_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("qd.sock");
    let address = Address::Unix(path.clone());
    let mut rig = Rig::start(|options| options.listen = vec![address]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let stream = UnixStream::connect(&path).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let own = rustix::process::getuid().as_raw();
    let said = client::text(sender.send_request(client::request("/")).await.unwrap().into_body()).await;
    assert!(said.starts_with(&format!("uid=Some({own}) tcp=false")), "{said}");
    rig.ending.drain.cancel();
    (&mut rig.running).await.unwrap();
    wait_for(|| !path.exists()).await;
    assert!(rig.root.path().exists());
}

#[tokio::test]
async fn a_unix_socket_speaks_what_its_client_begins_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("qd.sock");
    let address = Address::Unix(path.clone());
    let mut rig = Rig::start(|options| options.listen = vec![address]);
    let stream = UnixStream::connect(&path).await.unwrap();
    let (mut h2, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..2 {
        assert!(get_all(&mut h2, "/").await.1.contains("h2=true"));
    }
    for (begin, rest) in [("P", "ATCH"), ("PR", "OPFIND"), ("G", "ET"), ("", "POST")] {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        stream
            .write_all(format!("{rest} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("h2=false"), "{begin}{rest}: {answer}");
    }
    let _silent = UnixStream::connect(&path).await.unwrap();
    let mut half = UnixStream::connect(&path).await.unwrap();
    half.write_all(b"PR").await.unwrap();
    wait_for(|| rig.gate.load().connections == 3).await;
    drop(h2);
    wait_for(|| rig.gate.load().connections == 2).await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    rig.ending.drain.cancel();
    assert_eq!((&mut rig.running).await.unwrap(), Drained::default());
    assert!(began.elapsed() < Duration::from_secs(5), "a drain waits for nobody who has said nothing");
}
