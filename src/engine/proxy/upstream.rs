//! The way to the clusters: connections, credentials, health, and what may be sent twice.
//!
//! A [`Upstream`] is one cluster; each of its API servers is an `origin` with its own login, connections, health and
//! breaker. Whoever carries a request gives it to [`Upstream::send`] with its headers ready; the member chooses the
//! origin, sets `Authorization` and `Host`, and sends again only what `retry` allows.

mod attempt;
mod call;
mod dial;
mod failure;
mod gate;
mod h1;
mod h2;
mod in_flight;
mod login;
mod member;
mod origin;
mod pool;
mod probe;
pub mod retry;
mod upgrade;

pub use call::Call;
pub use failure::Stage;
pub use in_flight::InFlightGuard;
pub use member::{CAPACITY, Counts, Failed, Sent, Upstream};
pub use upgrade::{Tunnel, Upgraded};

use crate::engine::k8s::client::ClientContext;
use crate::engine::k8s::client::connector::TlsFailed;
use crate::engine::proxy::config::ProxyConfig;
use origin::{Terms, UpstreamEndpoint};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longest life of the streams of an API server that left the configuration.
const LEAVE: Duration = Duration::from_secs(30);

/// All clusters of the configuration in force.
pub struct Upstreams {
    surroundings: ClientContext,
    tls_failed: TlsFailed,
    token: CancellationToken,
    members: Mutex<Vec<Arc<Upstream>>>,
}

impl std::fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstreams").field("members", &*self.members.lock()).finish_non_exhaustive()
    }
}

impl Upstreams {
    /// Creates an empty set. Tasks and connections end with `token`; `tls_failed` is called for each failed handshake,
    /// of requests and of probes.
    pub fn new(surroundings: ClientContext, tls_failed: TlsFailed, token: &CancellationToken) -> Self {
        Self { surroundings, tls_failed, token: token.child_token(), members: Mutex::default() }
    }

    /// Returns the clusters of a configuration, in its order. Unchanged ones are kept with their connections; removed
    /// ones get no new requests, and their streams end after half a minute. Call it within a runtime.
    pub fn apply(&self, config: &ProxyConfig) -> Vec<Arc<Upstream>> {
        let mut members = self.members.lock();
        let mut kept: Vec<Arc<UpstreamEndpoint>> =
            members.iter().flat_map(|m| m.origins().iter().map(Arc::clone)).collect();
        let next: Vec<Arc<Upstream>> = config
            .clusters
            .iter()
            .map(|cluster| {
                let before = members.iter().find(|m| m.name() == &*cluster.name);
                if let Some(same) = before.filter(|m| m.is_of(cluster)) {
                    kept.retain(|o| !same.origins().iter().any(|s| Arc::ptr_eq(s, o)));
                    return Arc::clone(same);
                }
                let made = Terms::of(cluster).map(|terms| {
                    // One origin may serve one member only: its counts and its traffic switch are that member's.
                    let known = before.and_then(|m| m.origins().iter().find(|o| o.terms == terms));
                    let known = known.and_then(|o| kept.iter().position(|k| Arc::ptr_eq(k, o)));
                    match known {
                        Some(place) => Ok(kept.swap_remove(place)),
                        None => UpstreamEndpoint::start(terms, &self.surroundings, &self.tls_failed, &self.token),
                    }
                });
                Arc::new(Upstream::new(cluster, made, before.map(|m| &**m), &self.token))
            })
            .collect();
        for left in kept {
            left.stop.cancel();
            let token = self.token.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = token.cancelled() => {}
                    () = tokio::time::sleep(LEAVE) => left.severed().cancel(),
                }
            });
        }
        members.clone_from(&next);
        next
    }
}

impl Drop for Upstreams {
    fn drop(&mut self) {
        self.token.cancel();
    }
}
