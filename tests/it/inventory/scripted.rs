//! A hub by script: answers what it is told, keeps its watches open, remembers what it was asked.

use futures::stream;
use http_body_util::StreamBody;
use http_body_util::combinators::BoxBody;
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{Request, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::broadcast;

pub(super) const PROFILES: &str = "/apis/multicluster.x-k8s.io/v1alpha1/clusterprofiles";
pub(super) const MANAGED: &str = "/apis/cluster.open-cluster-management.io/v1/managedclusters";

type Body = BoxBody<Bytes, Infallible>;

pub(super) struct Hub {
    pub(super) url: String,
    script: Arc<Script>,
    task: tokio::task::JoinHandle<()>,
}

struct Script {
    answers: Mutex<BTreeMap<String, (u16, Value)>>,
    asked: Mutex<Vec<String>>,
    changes: broadcast::Sender<(String, Value)>,
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hub {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (changes, _) = broadcast::channel(64);
        let script = Script { answers: Mutex::default(), asked: Mutex::default(), changes };
        let script = Arc::new(script);
        let task = tokio::spawn(serve(listener, Arc::clone(&script)));
        Self { url, script, task }
    }

    /// Serves the kinds of these paths, each with these objects.
    pub(super) fn serves(self, kinds: &[(&str, Vec<Value>)]) -> Self {
        let groups: Vec<Value> = kinds
            .iter()
            .map(|(path, _)| {
                let mut parts = path.split('/').skip(2);
                let mut part = || parts.next().unwrap_or_default();
                json!({"metadata": {"name": part()},
                       "versions": [{"version": part(), "resources": [{"resource": part()}]}]})
            })
            .collect();
        self.answer("/apis", 200, json!({"kind": "APIGroupDiscoveryList", "items": groups}));
        for (path, objects) in kinds {
            self.list(path, objects);
        }
        self
    }

    pub(super) fn list(&self, path: &str, objects: &[Value]) {
        let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "10"}, "items": objects});
        self.answer(path, 200, list);
    }

    pub(super) fn forbid(&self, path: &str) {
        let message = "this is forbidden: User \"ann\" cannot list it";
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403,
                            "reason": "Forbidden", "message": message});
        self.answer(path, 403, status);
    }

    pub(super) fn answer(&self, path: &str, code: u16, value: Value) {
        self.script.answers.lock().insert(path.to_owned(), (code, value));
    }

    /// Sends a watch event to all who watch the path.
    pub(super) fn change(&self, path: &str, kind: &str, object: &Value) {
        self.script.changes.send((path.to_owned(), json!({"type": kind, "object": object}))).ok();
    }

    /// Says whether somebody watches.
    pub(super) fn is_watched(&self) -> bool {
        self.script.changes.receiver_count() > 0
    }

    /// All that was asked, by path.
    pub(super) fn requests(&self) -> Vec<String> {
        self.script.asked.lock().clone()
    }

    /// How often somebody asked from the beginning.
    pub(super) fn asked(&self) -> usize {
        self.script.asked.lock().iter().filter(|path| path.as_str() == "/apis").count()
    }
}

async fn serve(listener: tokio::net::TcpListener, script: Arc<Script>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let script = Arc::clone(&script);
        let service = hyper::service::service_fn(move |request| {
            let answer = answer(&script, &request);
            async move { Ok::<_, Infallible>(answer) }
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        connections.spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
    }
}

fn answer(script: &Arc<Script>, request: &Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    script.asked.lock().push(path.clone());
    if query.contains("watch=true") {
        return respond(200, watch(path, script.changes.subscribe()));
    }
    let (code, value) =
        script.answers.lock().get(&path).cloned().unwrap_or((404, json!({"kind": "Status", "code": 404})));
    respond(code, BoxBody::new(http_body_util::Full::from(value.to_string())))
}

fn watch(path: String, changes: broadcast::Receiver<(String, Value)>) -> Body {
    let lines = stream::unfold((path, changes), async |(path, mut changes)| {
        loop {
            let (of, event) = changes.recv().await.ok()?;
            if of == path {
                let line = Frame::data(Bytes::from(format!("{event}\n")));
                return Some((Ok::<_, Infallible>(line), (path, changes)));
            }
        }
    });
    BoxBody::new(StreamBody::new(Box::pin(SyncStream(Mutex::new(Box::pin(lines))))))
}

/// `BoxBody` wants what is `Sync`.
struct SyncStream<S>(Mutex<std::pin::Pin<Box<S>>>);

impl<S: stream::Stream> stream::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<S::Item>> {
        self.0.lock().as_mut().poll_next(cx)
    }
}

fn respond(code: u16, body: Body) -> Response<Body> {
    let response = Response::builder().status(code).header("content-type", "application/json").body(body);
    response.expect("a response")
}

/// A ClusterProfile with one access provider.
pub(super) fn profile(name: &str, server: &str) -> Value {
    json!({
        "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile",
        "metadata": {"name": name, "namespace": "fleet", "uid": name, "resourceVersion": "11"},
        "spec": {"displayName": name, "clusterManager": {"name": "m"}},
        "status": {
            "conditions": [{"type": "ControlPlaneHealthy", "status": "True", "reason": "Fine"}],
            "properties": [{"name": "location", "value": "eu-west-1"}],
            "accessProviders": [{"name": "google", "cluster": {"server": server}}]
        }
    })
}
