//! The engine: discovers, watches and probes clusters, and publishes snapshots.
//!
//! One loop owns the fleet. It folds observations in, starts the effects the fleet asks for, and
//! publishes what changed. It never waits for a send, so that no cycle of waits can form.

pub mod address;
pub mod admin;
pub mod change;
pub mod clock;
pub mod cluster;
pub mod effects;
pub mod files;
pub mod fleet;
pub mod index;
pub mod journal;
pub mod k8s;
pub mod metrics;
pub mod observation;
mod part;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod proxy_link;
pub mod publish;
pub mod record;
pub mod resilience;

use super::engine::effects::{EffectRunner, Report};
use super::engine::proxy_link::{NoProxy, ProxyLauncher};
use crate::protocol::{REQUESTS_MAX, Request, Snapshot};
use clock::Clock;
use cluster::{Connector, Inventory};
use fleet::Fleet;
use fleet::options::FleetOptions;
use observation::Observation;
use ports::{ChangeStore, Ports};
use publish::Publisher;
use record::Recorder;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Reports folded in before the loop looks at requests and snapshots again.
const REPORTS_AT_ONCE: usize = 64;

/// Options of an engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Options of its fleet.
    pub fleet: FleetOptions,
    /// Source of time.
    pub clock: Clock,
    /// The shortest time between two snapshots: 30 a second is as often as a table can be read.
    pub pace: Duration,
    /// Records observations, if given.
    pub recorder: Option<Recorder>,
    /// Finds and starts routing proxies.
    pub proxies: Arc<dyn ProxyLauncher>,
    /// Place of the journal of changes; without one, plans are made and none is run.
    pub changes: Option<ChangeStore>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        let fleet = FleetOptions { seed: clock::seed(), ..FleetOptions::default() };
        let proxies = Arc::new(NoProxy);
        Self { fleet, clock: Clock::Wall, pace: Duration::from_millis(33), recorder: None, proxies, changes: None }
    }
}

/// Starts engines.
#[derive(Debug, Clone, Copy)]
pub struct Engine;

impl Engine {
    /// Starts an engine on the current runtime: it lists the inventory, connects the clusters to be connected, and
    /// publishes.
    pub fn start(options: EngineOptions, inventory: Arc<dyn Inventory>, connector: Arc<dyn Connector>) -> EngineHandle {
        let token = CancellationToken::new();
        let fleet = Fleet::new(options.fleet);
        let (publisher, snapshots) = Publisher::new(fleet.last_published(), options.pace);
        let clock = options.clock.start();
        let ports = Ports { inventory, connector, proxies: options.proxies, changes: options.changes };
        let (act, reports) = EffectRunner::new(ports, clock, token.clone());
        let (requests, requested) = mpsc::channel(REQUESTS_MAX);
        let running = Running {
            fleet,
            act,
            publisher,
            clock,
            recorder: options.recorder,
            reports,
            requests: requested,
            token: token.clone(),
        };
        let task = tokio::spawn(running.run());
        EngineHandle { snapshots, requests, token: token.clone(), task, _stop: token.drop_guard() }
    }
}

/// A running engine. Dropping it stops the engine.
#[derive(Debug)]
pub struct EngineHandle {
    /// The latest snapshot. Clone it out at once: a held borrow delays the next one.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Requests to the engine. Use `try_send`, and keep or refuse a request that does not fit: the engine never waits
    /// for a screen, nor a screen for the engine.
    pub requests: mpsc::Sender<Request>,
    token: CancellationToken,
    task: JoinHandle<()>,
    _stop: DropGuard,
}

impl EngineHandle {
    /// Stops the engine and all its connections; returns false if that took longer than the deadline.
    pub async fn shutdown(self, deadline: Duration) -> bool {
        self.token.cancel();
        tokio::time::timeout(deadline, self.task).await.is_ok()
    }
}

/// The loop and its state.
#[derive(Debug)]
struct Running {
    fleet: Fleet,
    act: EffectRunner,
    publisher: Publisher,
    clock: clock::Running,
    recorder: Option<Recorder>,
    reports: mpsc::Receiver<Report>,
    requests: mpsc::Receiver<Request>,
    token: CancellationToken,
}

impl Running {
    async fn run(mut self) {
        for effect in self.fleet.begin() {
            self.act.run(effect);
        }
        let mut reports = Vec::with_capacity(REPORTS_AT_ONCE);
        let token = self.token.clone();
        loop {
            let dirty = self.fleet.is_dirty();
            let publish = self.publisher.due();
            let due = self.fleet.next_due();
            let tick = due.map(|due| self.clock.instant(due));
            tokio::select! {
                biased;
                () = token.cancelled() => break,
                () = tokio::time::sleep_until(publish), if dirty => self.publisher.publish(self.fleet.publish()),
                Some(request) = self.requests.recv() => self.observe(Observation::Requested(request)),
                count = self.reports.recv_many(&mut reports, REPORTS_AT_ONCE) => {
                    if count == 0 {
                        break;
                    }
                    for report in reports.drain(..) {
                        let observation = self.act.take(report);
                        self.observe(observation);
                    }
                }
                () = sleep_until(tick), if tick.is_some() => self.observe(Observation::Tick),
            }
        }
        self.act.leave();
        self.reports.close();
        self.act.join().await;
    }

    fn observe(&mut self, observation: Observation) {
        let now = self.clock.moment();
        if let Some(recorder) = &self.recorder {
            recorder.record(now, &observation);
        }
        for effect in self.fleet.on(observation, now) {
            self.act.run(effect);
        }
    }
}

async fn sleep_until(instant: Option<tokio::time::Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
