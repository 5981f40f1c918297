//! The work by which `scripts/release` learns what the program does most; as a test, a little of it.
//!
//! `QD_TRAINED` is the program that does it, in the place of the tests' own, and `QD_TRAINED_ROUNDS` how often.

use super::listen::client::{Client, text};
use super::script::{PATIENCE, Reply, Script};
use super::whole::entry;
use crate::fleet::PROGRAM;
use futures::future::join_all;
use http::header::{AUTHORIZATION, HOST};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Rounds where nobody says how many.
const FEW: usize = 2;

/// Connections of HTTP/1.1, and of HTTP/2 with so many requests at once on each.
const ONES: usize = 16;
const TWOS: usize = 4;
const LANES: usize = 16;

/// What is asked for in one round, by method and path: mostly small objects, as controllers do.
const ROUND: &[(&str, &str)] = &[
    ("GET", "/api/v1/namespaces/bench/pods/small"),
    ("GET", "/api/v1/namespaces/team-3-a/pods/small"),
    ("PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/small"),
    ("GET", "/apis/apps/v1/namespaces/team-7-b/deployments/small"),
    ("GET", "/api/v1/namespaces/bench/configmaps/small?resourceVersion=0"),
    ("GET", "/api/v1/namespaces/bench/pods?labelSelector=app%3Dsmall&limit=500"),
    ("GET", "/api/v1/nodes/small"),
    ("PATCH", "/api/v1/namespaces/team-1-c/pods/small/status"),
    ("GET", "/api/v1/namespaces/bench/secrets/small"),
    ("GET", "/apis/apps/v1/namespaces/bench/replicasets/gone"),
];

/// A kilobyte, a list of a hundred of them, and what is not there.
fn answer(uri: &str) -> Reply {
    let small = format!(r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"{}"}}}}"#, "x".repeat(950));
    match uri {
        _ if uri.contains("limit=") => Reply::new(200, format!("[{}]", vec![small; 100].join(","))),
        _ if uri.ends_with("/gone") => Reply::new(404, r#"{"kind":"Status","apiVersion":"v1","code":404}"#),
        _ => Reply::new(200, small),
    }
}

fn routing(clusters: [&Script; 2]) -> String {
    let [home, other] = clusters.map(Script::name);
    let [first, second] = clusters.map(entry);
    let mut routing = format!("home: {home}\nclusters:\n- {first}\n- {second}\nrules:\n");
    for number in 0..20 {
        let target = if number % 2 == 0 { home } else { other };
        let of = format!("{{type: namespace, operator: regex, value: '^team-{number}-.*$'}}");
        let class = "{type: class, operator: in, values: [read, write]}";
        writeln!(
            routing,
            "- {{name: team-{number}, conditions: [{of}, {class}], actions: {{targetCluster: {target}}}}}"
        )
        .expect("a text");
    }
    routing
}

/// `qd serve` as a process of its own; killed with this value, if it is still there.
struct Serving {
    child: Child,
    address: SocketAddr,
    client: Client,
    token: String,
    _folder: TempDir,
}

impl Serving {
    async fn start(program: &str, routing: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (state, config) = (folder.path().join("state"), folder.path().join("routing.yaml"));
        fs::write(&config, routing).expect("written");
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--proxy-config"]).arg(&config);
        command.arg("--state-dir").arg(&state).env_clear().env("HOME", folder.path()).current_dir(folder.path());
        // Where an instrumented program leaves what it has counted.
        command.envs(std::env::vars_os().filter(|(name, _)| name == "LLVM_PROFILE_FILE"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn().expect("it starts");
        let read = |name: &str| fs::read_to_string(state.join("published").join(name)).unwrap_or_default();
        // Written last.
        let published = async {
            while read("kubeconfig").is_empty() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, published).await.expect("it says where it listens");
        let kubeconfig = read("kubeconfig");
        let (_, server) = kubeconfig.split_once("https://").expect("a server");
        let address = server.split(['"', '\n']).next().and_then(|at| at.parse().ok()).expect("an address");
        Self { child, address, client: Client::new(&read("ca.crt")), token: read("token"), _folder: folder }
    }

    fn request(&self, (method, path): (&str, &str), h2: bool) -> Request<Full<Bytes>> {
        let whole = format!("https://{}{path}", self.address);
        let request = Request::builder().method(method).uri(if h2 { whole.as_str() } else { path });
        let request = if h2 { request } else { request.header(HOST, self.address.to_string()) };
        let body = if matches!(method, "PUT" | "PATCH") { "y".repeat(700) } else { String::new() };
        let request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        request.header("user-agent", "training/1").body(Full::from(body)).expect("a request")
    }

    async fn one(&self, rounds: usize) {
        let stream = self.client.tls(self.address, b"http/1.1").await.expect("a connection");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        for asked in std::iter::repeat_n(ROUND, rounds).flatten() {
            sender.ready().await.expect("it stays open");
            answered(asked.1, sender.send_request(self.request(*asked, false)).await).await;
        }
    }

    async fn two(&self, rounds: usize) {
        let stream = self.client.tls(self.address, b"h2").await.expect("a connection");
        let made = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = made.expect("HTTP/2");
        tokio::spawn(connection);
        let lane = |mut sender: http2::SendRequest<Full<Bytes>>| async move {
            for asked in std::iter::repeat_n(ROUND, rounds).flatten() {
                answered(asked.1, sender.send_request(self.request(*asked, true)).await).await;
            }
        };
        join_all((0..LANES).map(|_| lane(sender.clone()))).await;
    }

    /// A watch, and each of its events.
    async fn watch(&self, server: &Script, rounds: usize) {
        let stream = self.client.tls(self.address, b"http/1.1").await.expect("a connection");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        let asked = self.request(("GET", "/api/v1/namespaces/bench/pods?watch=true"), false);
        let mut watched = sender.send_request(asked).await.expect("an answer").into_body();
        for _ in 0..rounds {
            server.emit("{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\"}}\n");
            let frame = timeout(PATIENCE, watched.frame()).await.expect("in time").expect("a frame");
            assert!(frame.expect("whole").is_data());
        }
    }

    /// Asks it to end, in which it says what it has counted.
    async fn end(mut self) {
        let pid = self.child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
        rustix::process::kill_process(pid.expect("it runs"), rustix::process::Signal::TERM).expect("a signal is sent");
        let ended = timeout(2 * PATIENCE, self.child.wait()).await.expect("in time").expect("a state");
        assert_eq!(ended.code(), Some(0));
    }
}

async fn answered(path: &str, answer: hyper::Result<Response<Incoming>>) {
    let answer = answer.expect("an answer");
    let (status, expected) = (answer.status().as_u16(), if path.ends_with("/gone") { 404 } else { 200 });
    let body = text(answer.into_body()).await;
    assert_eq!(status, expected, "{path}: {body}");
}

#[expect(clippy::disallowed_methods, reason = "how the script that releases tells a test what to do")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_a_release_is_trained_with_is_answered() {
    let program = std::env::var("QD_TRAINED").unwrap_or_else(|_| PROGRAM.to_owned());
    let rounds = std::env::var("QD_TRAINED_ROUNDS").map_or(FEW, |rounds| rounds.parse().expect("a number"));
    assert!(Path::new(&program).is_file(), "there is no {program}");
    let answering = |h1_only| {
        move |knobs: &mut super::script::Knobs| {
            knobs.h1_only = h1_only;
            knobs.answer = Some(Arc::new(|asked| (!asked.uri.contains("watch=")).then(|| answer(&asked.uri))));
        }
    };
    let (one, two) = (Script::with("one", answering(true)).await, Script::with("two", answering(false)).await);
    // Either is home once: what is asked of the one goes by HTTP/1.1, of the other by HTTP/2.
    for both in [[&one, &two], [&two, &one]] {
        let serving = Serving::start(&program, &routing(both)).await;
        join_all((0..ONES).map(|_| serving.one(rounds))).await;
        join_all((0..TWOS).map(|_| serving.two(rounds))).await;
        serving.watch(both[0], rounds).await;
        serving.end().await;
    }
    let asked = one.asked().len() + two.asked().len();
    assert_eq!(
        asked,
        2 * (rounds * ROUND.len() * (ONES + TWOS * LANES) + 1),
        "each one arrived, and a watch each time"
    );
}
