//! A whole proxy between real clients and API servers that do as they are told.

mod failover;
mod handshakes;
mod ports;
mod reload;
mod secrets;
mod streams;
mod tester;
mod tunnels;
mod ways;

use super::listen::client::{Client, text};
use super::script::{PATIENCE, Script};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::header::AUTHORIZATION;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use quarterdeck::config::Environment;
use quarterdeck::engine::address::Address;
use quarterdeck::engine::admin;
use quarterdeck::engine::clock::Clock;
use quarterdeck::engine::cluster::{Inventory, Listing};
use quarterdeck::engine::k8s::client::ClientContext;
use quarterdeck::engine::k8s::connector::K8sConnector;
use quarterdeck::engine::k8s::credentials::plugin::{Plugins, Terminal};
use quarterdeck::engine::k8s::endpoint::Endpoints;
use quarterdeck::engine::process::detach::Launcher;
use quarterdeck::engine::proxy::admin_client::ProxyAdminClient;
use quarterdeck::engine::proxy::listen::sockets::Inherited;
use quarterdeck::engine::proxy::listen::{Drained, Ending};
use quarterdeck::engine::proxy::options::ServeOptions;
use quarterdeck::engine::proxy::server::{ProxyServer, ProxyServerConfig};
use quarterdeck::engine::proxy::source::{LoadContext, Loader, Source};
use quarterdeck::error::UserError;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// An inventory without clusters: all that is needed stands in the file.
#[derive(Debug)]
struct Nothing;

impl Inventory for Nothing {
    fn entries(&self, _: bool) -> BoxStream<'static, Listing> {
        futures::stream::once(std::future::ready(Listing::default())).chain(futures::stream::pending()).boxed()
    }
}

/// A running proxy with its clients' papers.
struct Whole {
    folder: TempDir,
    address: SocketAddr,
    each: Vec<SocketAddr>,
    client: Client,
    token: String,
    admin: ProxyAdminClient,
    ending: Ending,
    running: JoinHandle<Result<Drained, UserError>>,
}

impl Whole {
    /// Serves `routing`, in which `ALPHA` and `BETA` stand for the entries of these servers.
    async fn start(routing: &str, servers: &[&Script]) -> Self {
        Self::with(routing, servers, |_| ()).await
    }

    async fn with(routing: &str, servers: &[&Script], change: impl FnOnce(&mut ServeOptions)) -> Self {
        Self::over(tempfile::tempdir().expect("a folder"), routing, servers, change).await
    }

    /// With what another one left in this folder.
    async fn over(folder: TempDir, routing: &str, servers: &[&Script], change: impl FnOnce(&mut ServeOptions)) -> Self {
        write(folder.path(), &filled(routing, servers));
        let mut options = ServeOptions::under(folder.path().join("state"));
        options.listen = vec!["127.0.0.1:0".parse().expect("an address")];
        options.admin = Some("127.0.0.1:0".parse().expect("an address"));
        options.drain = Duration::from_secs(20);
        change(&mut options);
        let environment = Arc::new(Environment::default());
        let loader = Loader::new(
            Source::Path(folder.path().join("routing.yaml")),
            Arc::clone(&environment),
            Arc::default(),
            options.state_dir.clone(),
        );
        let surroundings = ClientContext { environment, plugins: Plugins::new(Launcher::Plain, Terminal::Taken) };
        let endpoints = Endpoints::default();
        let connector = Arc::new(K8sConnector::new(endpoints.clone(), surroundings.clone()));
        let nudge = Arc::new(Notify::new());
        let ground = LoadContext { inventory: Arc::new(Nothing), endpoints, connector, nudge };
        let (state, published) = (options.state_dir.clone(), options.publish_dir.clone());
        let (inherited, own, clock) = (Inherited::default(), (0, "ann".to_owned()), Clock::Wall.start());
        let start = ProxyServerConfig { options, loader, ground, surroundings, inherited, own, clock };
        let proxy = ProxyServer::start(start).await.expect("it starts");
        let addresses: Vec<SocketAddr> = proxy.listening().iter().filter_map(|one| tcp(&one.address)).collect();
        let ending = proxy.ending();
        let running = tokio::spawn(proxy.run());
        let read = |name: &str| fs::read_to_string(published.join(name)).expect("it is published");
        let admin = found(&state).await;
        let (client, token) = (Client::new(&read("ca.crt")), read("token"));
        let (&address, each) = addresses.split_first().expect("one for all clusters");
        Self { folder, address, each: each.to_vec(), client, token, admin, ending, running }
    }

    async fn connect(&self) -> Caller {
        self.connect_to(self.address).await
    }

    async fn connect_to(&self, address: SocketAddr) -> Caller {
        let stream = self.client.tls(address, b"http/1.1").await.expect("a connection");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        Caller { connection: sender, address, token: self.token.clone() }
    }

    /// Ends it in good order.
    async fn drain(&mut self) -> Drained {
        self.ending.drain.cancel();
        timeout(PATIENCE, &mut self.running).await.expect("in time").expect("no panic").expect("no error")
    }
}

/// A client on one connection.
struct Caller {
    connection: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    token: String,
}

impl Caller {
    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let token = format!("Bearer {}", self.token);
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header(AUTHORIZATION, token)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        timeout(PATIENCE, self.connection.send_request(request)).await.expect("in time").expect("an answer")
    }

    async fn get(&mut self, path: &str) -> Response<Incoming> {
        let request = self.request("GET", path).body(Full::default()).expect("a request");
        self.send(request).await
    }

    /// Status and body.
    async fn read(&mut self, path: &str) -> (u16, String) {
        let answer = self.get(path).await;
        (answer.status().as_u16(), text(answer.into_body()).await)
    }

    /// The server that answered.
    async fn server(&mut self, path: &str) -> String {
        let (status, body) = self.read(path).await;
        assert_eq!(status, 200, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).expect("an echo");
        body.get("server").and_then(serde_json::Value::as_str).expect("a name").to_owned()
    }
}

fn tcp(address: &Address) -> Option<SocketAddr> {
    match address {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) => None,
    }
}

/// The admin listener, once the proxy says where it is.
async fn found(state: &Path) -> ProxyAdminClient {
    let waiting = async {
        loop {
            if let Some(found) = admin::Found::in_folder(state) {
                return admin::Client::new(found.address, found.token).map(ProxyAdminClient).expect("a client");
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it says where it is")
}

/// The routing file as a whole, with each server's entry put in the place of its name in capitals.
fn filled(routing: &str, servers: &[&Script]) -> String {
    servers.iter().fold(routing.to_owned(), |text, server| text.replace(&server.name().to_uppercase(), &entry(server)))
}

/// How a routing file names this server.
pub(super) fn entry(server: &Script) -> String {
    let name = server.name();
    let ca = serde_json::to_string(&server.ca()).expect("a text");
    format!("{{name: {name}, endpoint: 'https://{}', certificateData: {ca}, token: {name}-token}}", server.address)
}

/// Readers see the old file or the new one.
fn write(folder: &Path, text: &str) {
    let (fresh, path) = (folder.join(".new"), folder.join("routing.yaml"));
    fs::write(&fresh, text).expect("written");
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).expect("ours alone");
    fs::rename(fresh, path).expect("in its place");
}
