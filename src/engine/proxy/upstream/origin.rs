//! One API server of a cluster: its place, our login there, its connections, its health.

use super::dial::{Dialler, Place};
use super::failure::{Cause, Failure};
use super::login::Login;
use super::pool::Pool;
use super::probe;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::client::connector::{Observed, TlsFailed};
use crate::engine::k8s::client::service::Server;
use crate::engine::k8s::client::{ClientContext, proxy};
use crate::engine::k8s::credentials::RequestCredentials;
use crate::engine::k8s::endpoint::Endpoint;
use crate::engine::k8s::tls::Trust;
use crate::engine::proxy::config::{Mode, UpstreamCluster};
use crate::engine::resilience::breaker::{Breaker, BreakerSettings, Outcome, Verdict};
use crate::engine::resilience::health::{Health, HealthSettings, Probed};
use crate::model::proxy::{BreakerState, EndpointFacts};
use crate::model::text::Text;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Interval between two sweeps of the connections.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// The settings of an endpoint: an endpoint with equal settings keeps its connections over a reload.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Terms {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) mode: Mode,
    pub(super) health: HealthSettings,
    pub(super) breaker: BreakerSettings,
}

impl Terms {
    pub(super) fn of(cluster: &UpstreamCluster) -> impl Iterator<Item = Self> + '_ {
        cluster.endpoints.iter().map(|endpoint| Self {
            endpoint: Arc::clone(endpoint),
            mode: cluster.mode,
            health: cluster.health.clone(),
            breaker: cluster.breaker.clone(),
        })
    }
}

/// The connections made with one trust.
struct Wired {
    trust: Arc<Trust>,
    pool: Result<Arc<Pool>, ClusterError>,
}

pub(super) struct UpstreamEndpoint {
    pub(super) terms: Terms,
    pub(super) place: Arc<Place>,
    pub(super) login: Login,
    observed: Observed,
    wired: arc_swap::ArcSwapOption<Wired>,
    pub(super) health: Mutex<Health>,
    breaker: Mutex<Breaker>,
    /// The breaker is closed and the endpoint is healthy: the fast path of each request.
    open: AtomicBool,
    pub(super) in_flight: AtomicU32,
    pub(super) long_running: AtomicU32,
    /// Requests a probe now.
    pub(super) kick: Notify,
    /// Requests a probe after a gateway error; at most one a second.
    pub(super) doubted: Notify,
    /// Cuts everything under way at the endpoint; replaced after each cut.
    severed: Mutex<CancellationToken>,
    /// Ends the tasks of the endpoint.
    pub(super) stop: CancellationToken,
}

impl UpstreamEndpoint {
    /// Creates the endpoint and starts its tasks, which end with `parent`. Call it within a runtime. Fails if the
    /// endpoint is not https or its settings cannot be used.
    pub(super) fn start(
        terms: Terms,
        surroundings: &ClientContext,
        tls_failed: &TlsFailed,
        parent: &CancellationToken,
    ) -> Result<Arc<Self>, ClusterError> {
        let endpoint = &terms.endpoint;
        let server = Server::parse(&endpoint.server, endpoint.tls_server_name.as_deref())?;
        if server.tls.is_none() {
            // Neither our credential nor a caller's own goes out in the clear.
            let why = format!("the endpoint {} is not https: no request is sent there", endpoint.server);
            return Err(ClusterError::Failed(Text::from(why)));
        }
        let proxy = proxy::choose(endpoint, &surroundings.environment)?.map(Arc::new);
        let origin = Arc::new(Self {
            place: Arc::new(Place::new(server, proxy)?),
            login: Login::new(endpoint, terms.mode, &surroundings.plugins)?,
            observed: Observed::telling(Arc::clone(tls_failed)),
            wired: arc_swap::ArcSwapOption::empty(),
            health: Mutex::default(),
            breaker: Mutex::new(Breaker::new(terms.breaker.clone(), Instant::now())),
            open: AtomicBool::new(true),
            in_flight: AtomicU32::new(0),
            long_running: AtomicU32::new(0),
            kick: Notify::new(),
            doubted: Notify::new(),
            severed: Mutex::new(parent.child_token()),
            stop: parent.child_token(),
            terms,
        });
        let keeper = Arc::clone(&origin);
        tokio::spawn(async move { keeper.login.keep(&keeper.stop, |grant| keeper.rewire(grant)).await });
        let prober = Arc::clone(&origin);
        tokio::spawn(async move { probe::run(&prober).await });
        let sweeper = Arc::clone(&origin);
        tokio::spawn(async move { sweeper.sweep().await });
        Ok(origin)
    }

    async fn sweep(&self) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(SWEEP_EVERY) => {}
            }
            if let Some(Ok(pool)) = self.wired.load().as_ref().map(|w| &w.pool) {
                pool.sweep(Instant::now());
            }
        }
        if let Some(Ok(pool)) = self.wired.load().as_ref().map(|w| &w.pool) {
            pool.retire();
        }
    }

    /// Applies new credentials: another certificate needs other connections, another token goes out with the next
    /// request. Fails if no connection can be made with them; the present ones are kept then.
    pub(super) fn rewire(&self, grant: &RequestCredentials) -> Result<(), ClusterError> {
        let present = self.wired.load_full();
        if present.as_ref().is_some_and(|w| Arc::ptr_eq(&w.trust, &grant.trust)) {
            return Ok(());
        }
        self.wire(Arc::clone(&grant.trust))
    }

    fn wire(&self, trust: Arc<Trust>) -> Result<(), ClusterError> {
        let severed = self.severed.lock().clone();
        let dialler = Dialler::new(&self.place, &trust, &self.observed, self.terms.endpoint.guarded);
        let pool = dialler.map(|dialler| Pool::new(dialler, severed));
        let failed = pool.as_ref().err().cloned();
        if let Some(error) = &failed
            && self.wired.load().as_ref().is_some_and(|present| present.pool.is_ok())
        {
            return Err(error.clone());
        }
        let old = self.wired.swap(Some(Arc::new(Wired { trust, pool })));
        if let Some(Ok(old)) = old.as_ref().map(|w| &w.pool) {
            old.retire();
        }
        failed.map_or(Ok(()), Err)
    }

    /// Returns the connections under the present credentials. Fails if there are no usable credentials.
    pub(super) fn pool(&self) -> Result<Arc<Pool>, Failure> {
        match self.wired.load().as_ref().map(|w| &w.pool) {
            Some(Ok(pool)) => Ok(Arc::clone(pool)),
            Some(Err(error)) => Err(Failure::unsent(Cause::Login(error.clone()))),
            None => {
                let error = ClusterError::AuthNeeded(Text::new("there are no credentials yet"));
                Err(Failure::unsent(Cause::Login(error)))
            }
        }
    }

    /// Ends everything under way at the endpoint. New requests get new connections.
    pub(super) fn sever(&self, parent: &CancellationToken) {
        let old = std::mem::replace(&mut *self.severed.lock(), parent.child_token());
        if let Some(wired) = self.wired.load_full() {
            // What made connections before makes them again.
            let _same = self.wire(Arc::clone(&wired.trust));
        }
        old.cancel();
    }

    /// Returns the token that cuts connections made from now on.
    pub(super) fn severed(&self) -> CancellationToken {
        self.severed.lock().clone()
    }

    /// Returns true if the endpoint takes requests of this kind.
    pub(super) fn admits(&self, read: bool) -> bool {
        self.open.load(Ordering::Acquire) || (self.health.lock().is_routable() && self.breaker.lock().admits(read))
    }

    /// Admits a request; `Some(true)` as a trial, `None` if the endpoint takes none.
    pub(super) fn admit(&self, read: bool) -> Option<bool> {
        if self.open.load(Ordering::Acquire) {
            return Some(false);
        }
        if !self.health.lock().is_routable() {
            return None;
        }
        self.breaker.lock().admit(read)
    }

    /// Records the outcome of a request.
    pub(super) fn record(&self, outcome: Outcome, trial: bool) {
        if outcome == Outcome::Neither && !trial {
            return;
        }
        let mut breaker = self.breaker.lock();
        let (before, was_doubted) = (breaker.state(), breaker.is_doubted());
        breaker.record(outcome, trial, Instant::now());
        let (after, is_doubted) = (breaker.state(), breaker.is_doubted());
        drop(breaker);
        if is_doubted && !was_doubted {
            self.doubted.notify_one();
        }
        if before != after {
            self.reconsider();
            self.kick.notify_one();
        }
    }

    /// Records the result of a probe that began at `began`.
    pub(super) fn probed(&self, probed: Probed, began: Instant) {
        let (good, unauthorized) = (matches!(probed, Probed::Ready(_)), matches!(probed, Probed::Unauthorized(_)));
        let mut health = self.health.lock();
        let before = health.state();
        health.on(probed, &self.terms.health);
        let after = health.state();
        let verdict = match (good, health.is_routable()) {
            (true, _) => Verdict::Ready,
            // A credential that is not accepted is no sign of a server that is ill.
            (false, false) if !unauthorized => Verdict::Down,
            (false, _) => Verdict::Failed,
        };
        drop(health);
        self.breaker.lock().probed(verdict, began, Instant::now());
        self.reconsider();
        if before != after {
            tracing::info!(address = %self.place.server.address, health = ?after, "an API server's health changed");
        }
    }

    fn reconsider(&self) {
        // Both under lock, so that the later change is the one that is seen.
        let health = self.health.lock();
        let closed = self.breaker.lock().state() == BreakerState::Closed;
        self.open.store(health.is_routable() && closed, Ordering::Release);
    }

    /// Returns the pause until the next probe.
    pub(super) fn next_probe(&self) -> Duration {
        let now = Instant::now();
        let usual = self.health.lock().pause(&self.terms.health);
        let wanted = self.breaker.lock().wants_probe(now).map(|at| at.duration_since(now));
        wanted.map_or(usual, |wanted| usual.min(wanted))
    }

    pub(super) fn facts(&self) -> EndpointFacts {
        let (connections, streams) = match self.pool() {
            Ok(pool) => pool.counts(),
            Err(_) => (0, 0),
        };
        let breaker = self.breaker.lock().state();
        let health = self.health.lock();
        EndpointFacts {
            address: Text::new(&*self.place.server.address),
            health: health.state(),
            why: health.why().clone(),
            breaker,
            connections,
            streams,
            probes: health.history(),
        }
    }
}
