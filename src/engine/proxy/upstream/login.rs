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

/// How often files are looked at that no request asks for; those of a server in use are looked at each second.
const FILES_EVERY: Duration = Duration::from_secs(20);
/// How often a plugin's answer is looked at: it is replaced a minute, or a tenth of its life, before its end.
const PLUGIN_EVERY: Duration = Duration::from_secs(5);
/// After a failure.
const FAILED_EVERY: Duration = Duration::from_secs(5);
/// The same credentials are renewed after a 401 at most this often.
const RENEWED_EVERY: Duration = Duration::from_secs(3);
/// The longest a request waits for that.
const RENEWAL_MAX: Duration = Duration::from_secs(10);

/// Who we are at one API server.
pub(super) struct Login {
    credentials: Credentials,
    current: ArcSwapOption<RequestCredentials>,
    /// Why the last look brought nothing.
    failed: Mutex<Option<ClusterError>>,
    changed: Notify,
    /// How often to look; `None`: nothing in it can change.
    every: Option<Duration>,
    /// A request has asked for them since the last look, or they are not looked at for requests.
    used: AtomicBool,
    wanted: Notify,
    /// Held by the one that renews.
    renewing: tokio::sync::Mutex<Option<Instant>>,
    /// `as` of the kubeconfig.
    impersonation: Vec<(HeaderName, HeaderValue)>,
    /// The credential of ours takes the place of the caller's.
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

    /// The credentials as they are; waits only until the first ones are there.
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

    /// As they are, if there are any. Files are looked at soon after, in the background.
    pub(super) fn now(&self) -> Option<Arc<RequestCredentials>> {
        if !self.used.load(Ordering::Relaxed) && !self.used.swap(true, Ordering::Relaxed) {
            self.wanted.notify_one();
        }
        self.present()
    }

    fn present(&self) -> Option<Arc<RequestCredentials>> {
        self.current.load_full()
    }

    /// Keeps them current until told to stop. `changed` hears of each new grant, and may refuse it while there is another.
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

    /// Waits until a request asks for them, and a while has passed since the last look.
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

    /// After a 401 for `rejected`: other credentials, if there are any. One renewal for all who ask.
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

    /// Why there are no current credentials, or why the last look failed.
    pub(super) fn trouble(&self) -> Option<Text> {
        self.failed.lock().as_ref().map(|error| Text::from(error.to_string()))
    }

    /// When the first of them ends.
    pub(super) fn expiry(&self) -> Option<(UnixSeconds, Text)> {
        self.credentials.expiry()
    }

    /// Looks that brought new credentials, and looks that failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.refreshed.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

/// How often what an endpoint names can change.
fn every(endpoint: &Endpoint) -> Option<Duration> {
    match (endpoint.user.exec.is_some(), endpoint.has_files()) {
        (true, _) => Some(PLUGIN_EVERY),
        (false, true) => Some(FILES_EVERY),
        (false, false) => None,
    }
}
