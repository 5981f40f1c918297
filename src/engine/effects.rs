//! Runs effects, each in its own task with a deadline; the result returns as an
//! observation. A task that panics reports as one that failed, and nothing else is touched.

mod change;
mod proxy;
mod tasks;

use super::clock;
use super::cluster::{Cluster, Connector, Inventory};
use super::observation::{
    AttemptId, ChangeObservation, ClusterEffect, ClusterObservation, DocumentEffect, DocumentObservation, Effect,
    Generation, LogsEffect, LogsObservation, Observation, ProxyEffect, ProxyObservation, Session, WatchId,
};
use super::ports::Ports;
use super::proxy_link::{ProxyHandle, ProxyLauncher};
use crate::model::cluster::ClusterName;
use std::collections::HashMap;
use std::sync::Arc;
use tasks::{Reports, WATCH_SIGNALS_MAX};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Observations that may wait for the fleet. If the queue is full a sender waits, and so, over TCP, does the API
/// server.
const OBSERVATIONS_MAX: usize = 1024;

/// Report of a task: an observation, and the client or the proxy if it made one.
#[derive(Debug)]
pub struct Report {
    observation: Observation,
    client: Option<Arc<dyn Cluster>>,
    proxy: Option<Arc<dyn ProxyHandle>>,
}

/// A connected cluster and what runs on it.
#[derive(Debug)]
struct Client {
    generation: Generation,
    cluster: Option<Arc<dyn Cluster>>,
    token: CancellationToken,
}

#[derive(Debug)]
struct Watch {
    token: CancellationToken,
    resume: mpsc::Sender<()>,
}

/// The running effects.
#[derive(Debug)]
pub struct EffectRunner {
    inventory: Arc<dyn Inventory>,
    connector: Arc<dyn Connector>,
    proxies: Arc<dyn ProxyLauncher>,
    proxy: proxy::Held,
    changes: change::Held,
    token: CancellationToken,
    listing: CancellationToken,
    clients: HashMap<ClusterName, Client>,
    watches: HashMap<WatchId, Watch>,
    attempts: HashMap<AttemptId, CancellationToken>,
    tasks: TaskTracker,
    reports: Reports,
}

impl EffectRunner {
    /// Returns a runner whose effects run until `token` is cancelled, and the receiver of their reports.
    pub fn new(ports: Ports, clock: clock::Running, token: CancellationToken) -> (Self, mpsc::Receiver<Report>) {
        let (reports, receiver) = mpsc::channel(OBSERVATIONS_MAX);
        let runner = Self {
            inventory: ports.inventory,
            connector: ports.connector,
            proxies: ports.proxies,
            proxy: proxy::Held::default(),
            changes: change::Held::new(ports.changes, clock),
            listing: token.child_token(),
            token,
            clients: HashMap::new(),
            watches: HashMap::new(),
            attempts: HashMap::new(),
            tasks: TaskTracker::new(),
            reports: Reports(reports),
        };
        (runner, receiver)
    }

    /// Updates the running effects by a report, and returns its observation.
    pub fn take(&mut self, report: Report) -> Observation {
        let Report { observation, client, proxy } = report;
        if let Observation::Proxy(ProxyObservation::Linked { attempt, .. }) = &observation {
            self.proxy.arrived(*attempt, proxy);
        }
        if let Observation::Cluster(ClusterObservation::Connected { session, .. }) = &observation
            && let Some(known) = self.clients.get_mut(&session.cluster)
            && known.generation == session.generation
        {
            known.cluster = client;
        }
        if let Observation::Change(
            ChangeObservation::Planned { attempt, .. } | ChangeObservation::Ended { attempt, .. },
        ) = &observation
        {
            self.changes.ended(*attempt);
        }
        if let Observation::Document(DocumentObservation::Opened { attempt, .. })
        | Observation::Logs(LogsObservation::Ended { attempt, .. }) = &observation
        {
            self.attempts.remove(attempt);
        }
        observation
    }

    /// Waits until all tasks have ended; call it after the token is cancelled. A run of a change waits for what is under way,
    /// within a bound.
    pub async fn join(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Starts the effect, or ends the work it names. Never waits.
    pub fn run(&mut self, effect: Effect) {
        match effect {
            Effect::Cluster(effect) => self.run_cluster(effect),
            Effect::Document(effect) => self.run_document(effect),
            Effect::Logs(effect) => self.run_logs(effect),
            Effect::Proxy(ProxyEffect::Link { attempt, source }) => self.link_proxy(attempt, source),
            Effect::Proxy(ProxyEffect::Ask { attempt, ask }) => self.ask_proxy(attempt, ask),
            Effect::Change(effect) => self.run_change(effect),
        }
    }

    fn run_cluster(&mut self, effect: ClusterEffect) {
        match effect {
            ClusterEffect::List { refresh } => self.list(refresh),
            ClusterEffect::Connect { session, entry } => {
                let token = self.token.child_token();
                let client = Client { generation: session.generation, cluster: None, token: token.clone() };
                if let Some(old) = self.clients.insert(session.cluster.clone(), client) {
                    old.token.cancel();
                }
                let connector = Arc::clone(&self.connector);
                self.spawn(token, tasks::connect(self.reports.clone(), connector, session, entry));
            }
            ClusterEffect::Disconnect(cluster) => {
                if let Some(client) = self.clients.remove(&cluster) {
                    client.token.cancel();
                }
                self.watches.retain(|_, watch| !watch.token.is_cancelled());
                self.attempts.retain(|_, token| !token.is_cancelled());
            }
            ClusterEffect::Probe(session) => self.on_client(session, tasks::probe),
            ClusterEffect::Identify(session) => self.on_client(session, tasks::identify),
            ClusterEffect::Discover(session) => self.on_client(session, tasks::discover),
            ClusterEffect::Watch { session, watch, spec } => {
                let Some((cluster, token)) = self.client(&session) else { return };
                let (resume, resumed) = mpsc::channel(WATCH_SIGNALS_MAX);
                self.watches.insert(watch, Watch { token: token.clone(), resume });
                self.spawn(token, tasks::watch(self.reports.clone(), cluster, watch, *spec, resumed));
            }
            ClusterEffect::Resume(watch) => {
                if let Some(watch) = self.watches.get(&watch) {
                    // Full means that it is told already.
                    watch.resume.try_send(()).ok();
                }
            }
            ClusterEffect::Unwatch(watch) => {
                if let Some(watch) = self.watches.remove(&watch) {
                    watch.token.cancel();
                }
            }
        }
    }

    fn run_document(&mut self, effect: DocumentEffect) {
        match effect {
            DocumentEffect::Open { session, attempt, object, kind, aspect } => {
                let Some((cluster, token)) = self.client(&session) else { return };
                self.attempts.insert(attempt, token.clone());
                let request = tasks::OpenRequest { object, kind: *kind, aspect };
                self.spawn(token, tasks::open(self.reports.clone(), cluster, attempt, request));
            }
            DocumentEffect::Reveal { session, id, object, kind, reveal } => {
                let Some((cluster, token)) = self.client(&session) else { return };
                let request = tasks::RevealRequest { object, kind: *kind, reveal };
                self.spawn(token, tasks::reveal(self.reports.clone(), cluster, id, request));
            }
            DocumentEffect::Cancel(attempt) => self.cancel(attempt),
        }
    }

    fn run_logs(&mut self, effect: LogsEffect) {
        match effect {
            LogsEffect::Follow { session, attempt, source } => {
                let Some((cluster, token)) = self.client(&session) else { return };
                self.attempts.insert(attempt, token.clone());
                let names = tasks::containers(self.reports.clone(), Arc::clone(&cluster), attempt, source.pod.clone());
                self.spawn(token.clone(), names);
                self.spawn(token, tasks::follow_log(self.reports.clone(), cluster, attempt, *source));
            }
            LogsEffect::Cancel(attempt) => self.cancel(attempt),
        }
    }

    fn cancel(&mut self, attempt: AttemptId) {
        if let Some(token) = self.attempts.remove(&attempt) {
            token.cancel();
        }
    }

    fn list(&mut self, refresh: bool) {
        self.listing.cancel();
        self.listing = self.token.child_token();
        let inventory = Arc::clone(&self.inventory);
        self.spawn(self.listing.clone(), tasks::list(self.reports.clone(), inventory, refresh));
    }

    fn on_client<F>(&mut self, session: Session, task: impl FnOnce(Reports, Arc<dyn Cluster>, Session) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some((cluster, token)) = self.client(&session) {
            self.spawn(token, task(self.reports.clone(), cluster, session));
        }
    }

    /// Returns the session's client, and a token for one task on it.
    fn client(&self, session: &Session) -> Option<(Arc<dyn Cluster>, CancellationToken)> {
        let client = self.clients.get(&session.cluster).filter(|client| client.generation == session.generation)?;
        Some((Arc::clone(client.cluster.as_ref()?), client.token.child_token()))
    }

    fn spawn(&self, token: CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            token.run_until_cancelled(task).await;
        });
    }
}
