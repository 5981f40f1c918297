//! The credentials of one API server: kept current in the background, so that a request costs one atomic load.

use crate::engine::cluster::ClusterError;
use crate::engine::k8s::client::headers;
use crate::engine::k8s::credentials::files::LOOK;
use crate::engine::k8s::credentials::plugin::Plugins;
use crate::engine::k8s::credentials::{Credentials, RequestCredentials};
use crate::engine::k8s::endpoint::{Endpoint, User};
use crate::engine::proxy::config::Mode;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use arc_swap::ArcSwapOption;
use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// Interval for reading credential files while no request needs them; files of a server in use are read each second.
const FILES_EVERY: Duration = Duration::from_secs(20);
/// Interval for checking a plugin's credential: it is replaced a minute, or a tenth of its life, before its expiry.
const PLUGIN_EVERY: Duration = Duration::from_secs(5);
/// Interval after a failure.
const FAILED_EVERY: Duration = Duration::from_secs(5);
/// Shortest time between two renewals of the same credentials after a 401.
const RENEWED_EVERY: Duration = Duration::from_secs(3);
/// Longest wait of a request for a renewal.
const RENEWAL_MAX: Duration = Duration::from_secs(10);

/// The proxy's credentials at one API server.
pub(super) struct Login {
    credentials: Credentials,
    current: ArcSwapOption<RequestCredentials>,
    /// Error of the last look; `None` if it succeeded.
    failed: Mutex<Option<ClusterError>>,
    changed: Notify,
    /// Interval between two looks; `None` if nothing can change.
    every: Option<Duration>,
    /// A request used the credentials since the last look, or requests do not trigger looks.
    used: AtomicBool,
    wanted: Notify,
    /// Held during a renewal; the time of the last one.
    renewing: tokio::sync::Mutex<Option<Instant>>,
    /// Headers for `as` of the kubeconfig.
    impersonation: Vec<(HeaderName, HeaderValue)>,
    /// The proxy's credential replaces the caller's.
    pub(super) replaces: bool,
    refreshed: AtomicU64,
    refused: AtomicU64,
}

impl Login {
    pub(super) fn new(endpoint: &Arc<Endpoint>, mode: Mode, plugins: &Arc<Plugins>) -> Result<Self, ClusterError> {
        let replaces = mode != Mode::Passthrough;
        let endpoint = if replaces {
            Arc::clone(endpoint)
        } else {
            // A certificate of ours would come before the caller's token.
            Arc::new(Endpoint { user: User::default(), ..Endpoint::clone(endpoint) })
        };
        let credentials = Credentials::new(endpoint, Arc::clone(plugins));
        let endpoint = credentials.endpoint();
        Ok(Self {
            impersonation: headers::impersonation(&endpoint.user.impersonate)?,
            every: every(endpoint),
            used: AtomicBool::new(true),
            wanted: Notify::new(),
            credentials,
            current: ArcSwapOption::empty(),
            failed: Mutex::default(),
            changed: Notify::new(),
            renewing: tokio::sync::Mutex::default(),
            replaces,
            refreshed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Returns the current credentials; waits only until the first ones are there. Fails if they cannot be read, or do
    /// not come by `until`.
    pub(super) async fn current(&self, until: Instant) -> Result<Arc<RequestCredentials>, ClusterError> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(grant) = self.present() {
                return Ok(grant);
            }
            if let Some(error) = self.failed.lock().clone() {
                return Err(error);
            }
            if timeout_at(until, changed).await.is_err() {
                return Err(ClusterError::AuthNeeded(Text::new("the credential plugin is still running")));
            }
        }
    }

    /// Returns the current credentials, if there are any. Files are read soon after, in the background.
    pub(super) fn now(&self) -> Option<Arc<RequestCredentials>> {
        if !self.used.load(Ordering::Relaxed) && !self.used.swap(true, Ordering::Relaxed) {
            self.wanted.notify_one();
        }
        self.present()
    }

    fn present(&self) -> Option<Arc<RequestCredentials>> {
        self.current.load_full()
    }

    /// Keeps the credentials current until `stop`. `changed` is called with each new one, and may refuse it while
    /// there is another.
    pub(super) async fn keep(
        &self,
        stop: &CancellationToken,
        changed: impl Fn(&RequestCredentials) -> Result<(), ClusterError>,
    ) {
        loop {
            let pause = match self.credentials.grant().await {
                Ok(grant) => {
                    self.accept(grant, &changed);
                    self.every
                }
                Err(error) => {
                    self.failed(error);
                    Some(FAILED_EVERY)
                }
            };
            // What cannot change is looked at once.
            let Some(pause) = pause else { return };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause.mul_f64(0.9 + fastrand::f64() / 5.0)) => {}
                () = self.wanted(), if self.credentials.endpoint().has_files() => {}
            }
        }
    }

    /// Waits until a request needs the credentials, and some time has passed since the last look.
    async fn wanted(&self) {
        tokio::time::sleep(LOOK).await;
        self.used.store(false, Ordering::Relaxed);
        self.wanted.notified().await;
    }

    fn failed(&self, error: ClusterError) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        *self.failed.lock() = Some(error);
        self.changed.notify_waiters();
    }

    /// Returns other credentials after a 401 for `rejected`; `None` if there are none. All waiting requests share one
    /// renewal.
    pub(super) async fn renew(
        &self,
        rejected: &Arc<RequestCredentials>,
        until: Instant,
        changed: impl Fn(&RequestCredentials) -> Result<(), ClusterError>,
    ) -> Option<Arc<RequestCredentials>> {
        if !self.replaces {
            return None;
        }
        let until = until.min(Instant::now() + RENEWAL_MAX);
        let mut renewed = timeout_at(until, self.renewing.lock()).await.ok()?;
        let present = self.present()?;
        if !Arc::ptr_eq(&present, rejected) {
            // Somebody renewed them meanwhile.
            return Some(present);
        }
        if self.every.is_none() || renewed.is_some_and(|at| at.elapsed() < RENEWED_EVERY) {
            return None;
        }
        *renewed = Some(Instant::now());
        let newer = timeout_at(until, self.credentials.renew(rejected)).await.ok()?.ok()??;
        Some(self.accept(newer, &changed)).filter(|accepted| !Arc::ptr_eq(accepted, rejected))
    }

    fn accept(
        &self,
        grant: RequestCredentials,
        changed: &impl Fn(&RequestCredentials) -> Result<(), ClusterError>,
    ) -> Arc<RequestCredentials> {
        let present = self.present();
        if let Some(present) = present.as_ref().filter(|present| present.is_same(&grant)) {
            self.failed.lock().take();
            return Arc::clone(present);
        }
        // A certificate may have been replaced, and its key not yet: those before serve on until they fit.
        if let (Err(error), Some(present)) = (changed(&grant), present) {
            self.failed(error);
            return present;
        }
        self.failed.lock().take();
        self.refreshed.fetch_add(1, Ordering::Relaxed);
        let grant = Arc::new(grant);
        self.current.store(Some(Arc::clone(&grant)));
        self.changed.notify_waiters();
        grant
    }

    pub(super) fn impersonation(&self) -> &[(HeaderName, HeaderValue)] {
        &self.impersonation
    }

    /// Returns why there are no current credentials, or why the last look failed.
    pub(super) fn trouble(&self) -> Option<Text> {
        self.failed.lock().as_ref().map(|error| Text::from(error.to_string()))
    }

    /// Returns the first expiry of the credentials, and which one it is.
    pub(super) fn expiry(&self) -> Option<(UnixSeconds, Text)> {
        self.credentials.expiry()
    }

    /// Returns the number of looks that brought new credentials, and of looks that failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.refreshed.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

/// Returns how often the credentials of an endpoint can change.
fn every(endpoint: &Endpoint) -> Option<Duration> {
    match (endpoint.user.exec.is_some(), endpoint.has_files()) {
        (true, _) => Some(PLUGIN_EVERY),
        (false, true) => Some(FILES_EVERY),
        (false, false) => None,
    }
}
