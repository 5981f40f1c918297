//! One request's way, from its head to the last byte of its answer.
//!
//! The order is part of the safety: fit to be read, caller known, request understood, cluster chosen, allowed to go now,
//! and only then dressed with an identity and sent. Everything is recorded when the answer's body ends, by whatever end.

mod active_config;
mod answer;
mod discovery_cache;
mod end;
mod in_flight;
mod labels;
mod log_throttle;
mod mirror;

pub use super::exchange::active_config::ActiveConfig;
pub use answer::Answer;

use super::exchange::in_flight::Exchange;
use super::exchange::log_throttle::Pace;
use crate::engine::clock::{self, Running};
use crate::engine::proxy::audit::Ids;
use crate::engine::proxy::body::Arriving;
use crate::engine::proxy::cache::Cache;
use crate::engine::proxy::caller::{Caller, Shown};
use crate::engine::proxy::limit::Admission;
use crate::engine::proxy::listen::{Peer, Serve};
use crate::engine::proxy::metrics::{Metrics, Side, TlsTrouble};
use crate::engine::proxy::refusal::Refusal;
use crate::engine::proxy::request_log::Tail;
use crate::engine::proxy::target::Targets;
use crate::engine::proxy::{edge, request};
use arc_swap::ArcSwap;
use end::Observed;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use mirror::Mirror;
use std::sync::Arc;

/// The HTTP service behind all listeners.
#[derive(Debug)]
pub struct ProxyService {
    scene: ArcSwap<ActiveConfig>,
    targets: Targets,
    admission: Admission,
    metrics: Arc<Metrics>,
    clock: Running,
    mirror: Mirror,
    cache: Cache,
    tail: Tail,
    ids: Ids,
    failures: Pace,
}

impl ProxyService {
    /// Creates the service with its first configuration.
    pub fn new(scene: ActiveConfig, metrics: Arc<Metrics>, clock: Running) -> Self {
        Self {
            admission: Admission::new(&scene.config.limits),
            targets: Targets::new(clock::seed()),
            scene: ArcSwap::from_pointee(scene),
            metrics,
            clock,
            mirror: Mirror::default(),
            cache: Cache::default(),
            tail: Tail::default(),
            ids: Ids::new(clock::seed()),
            failures: Pace::default(),
        }
    }

    /// Puts another configuration in force; a request under way keeps the configuration it began with.
    pub fn install(&self, scene: ActiveConfig) {
        self.admission.apply(&scene.config.limits);
        self.scene.store(Arc::new(scene));
        // A name may mean another cluster now.
        self.cache.clear();
    }

    /// The configuration in force.
    pub fn scene(&self) -> Arc<ActiveConfig> {
        self.scene.load_full()
    }

    /// The counters of this proxy.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The choices of clusters made so far.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The log of the last requests.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// The counts of requests under way.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Returns the answer of a cluster. Fails with the refusal to send instead.
    async fn answer(
        self: &Arc<Self>,
        parts: &mut Parts,
        body: Arriving,
        peer: &Peer,
        observed: &mut Observed,
    ) -> Result<Response<Answer>, Refusal> {
        let scene = Arc::clone(observed.scene());
        edge::check(parts, &scene.hosts, peer.h2)?;
        let upgrade = edge::upgrade::upgrade(parts)?;
        // A tunnel needs the connection, which hyper keeps in the request's extensions.
        let connection = upgrade.and_then(|_| parts.extensions.remove::<hyper::upgrade::OnUpgrade>());
        let target = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        let info = request::parse(parts.method.as_str(), target).map_err(request::Unreadable::refusal)?;
        let known = self.caller(&scene, parts, peer).await;
        if let Some(audit) = &scene.audit {
            audit.room().await;
        }
        observed.understood(&info, &parts.headers, known.as_ref().ok());
        let caller = known?;
        let mut turn = Exchange { carry: self, scene: &scene, peer, parts, caller: &caller, info, observed };
        // What few requests need is kept in memory of its own, here and further on: every request moves with all it has.
        match (upgrade, connection) {
            (Some(protocol), Some(connection)) => Box::pin(turn.tunnelled(protocol, connection, body)).await,
            (Some(_), None) | (None, _) => turn.carried(body).await,
        }
    }

    async fn caller(&self, scene: &ActiveConfig, parts: &Parts, peer: &Peer) -> Result<Arc<Caller>, Refusal> {
        let certificate = peer.certificate.as_deref().map(AsRef::as_ref);
        scene.callers.authenticate(&parts.headers, Shown { certificate, uid: peer.uid }).await
    }
}

impl Serve for ProxyService {
    type Body = Answer;

    async fn serve(self: Arc<Self>, request: Request<Incoming>, peer: Arc<Peer>) -> Response<Answer> {
        let (mut parts, body) = request.into_parts();
        let body = Arriving::asked(body, peer.h2);
        let closes = edge::check::closes(&parts);
        let mut observed = Observed::begin(&self, &parts, &peer);
        let mut response = match self.answer(&mut parts, body, &peer, &mut observed).await {
            Ok(response) => response,
            Err(refusal) => {
                let response = answer::refused(&refusal);
                observed.refused(refusal);
                response
            }
        };
        if closes {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        observed.attach(response)
    }

    fn broken(&self) -> Response<Answer> {
        let refusal = Refusal::new(500, "InternalError", "panic", "the proxy failed at this request; its log says why");
        self.metrics.rejected(refusal.label);
        answer::refused(&refusal)
    }

    fn unserved(&self, why: TlsTrouble) {
        self.metrics.tls_error(Side::Client, why);
    }
}
