//! Effects on a routing proxy: link it, send it requests, release it.

use super::tasks::{Broken, Reports, crashed, guarded, late};
use super::{EffectRunner, Report};
use crate::engine::observation::{AttemptId, Observation, ProxyAsk, ProxyObservation};
use crate::engine::proxy_link::{ProxyError, ProxyHandle, ProxyLauncher, ProxySource};
use crate::protocol::ProxyAt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Deadline of a link: the start of a proxy reads its configuration, makes its CA and may have to log in to its home
/// cluster.
const LINK: Duration = Duration::from_secs(40);
/// Deadline of a small request to this machine.
const ASK: Duration = Duration::from_secs(10);
/// Deadline of a stop: the drain of a proxy, 30 s by default, and some.
const STOP: Duration = Duration::from_secs(60);

/// The linked proxy, and the attempt that linked it.
#[derive(Debug, Default)]
pub(super) struct Held {
    attempt: Option<AttemptId>,
    token: CancellationToken,
    proxy: Option<Arc<dyn ProxyHandle>>,
}

impl Held {
    /// Takes a proxy that was linked; releases one of an attempt that was given up.
    pub(super) fn arrived(&mut self, attempt: AttemptId, proxy: Option<Arc<dyn ProxyHandle>>) {
        if self.attempt == Some(attempt) {
            self.proxy = proxy;
        } else if let Some(proxy) = proxy {
            proxy.leave();
        }
    }

    fn release(&mut self) {
        self.token.cancel();
        if let Some(proxy) = self.proxy.take() {
            proxy.leave();
        }
    }
}

impl EffectRunner {
    pub(super) fn link_proxy(&mut self, attempt: AttemptId, source: ProxySource) {
        self.proxy.release();
        let token = self.token.child_token();
        self.proxy = Held { attempt: Some(attempt), token: token.clone(), proxy: None };
        self.spawn(token, link(self.reports.clone(), Arc::clone(&self.proxies), attempt, source));
    }

    pub(super) fn ask_proxy(&mut self, attempt: AttemptId, ask: ProxyAsk) {
        if self.proxy.attempt != Some(attempt) {
            return;
        }
        if let Some(proxy) = self.proxy.proxy.clone() {
            self.spawn(self.proxy.token.child_token(), answer(self.reports.clone(), proxy, attempt, ask));
        }
    }

    /// Releases the proxy, when this program exits.
    pub fn leave(&mut self) {
        self.proxy.release();
    }
}

async fn link(reports: Reports, router: Arc<dyn ProxyLauncher>, attempt: AttemptId, source: ProxySource) {
    let linked = call(LINK, "the proxy's start", async { router.link(source).await }).await;
    let (proxy, outcome): (_, Result<ProxyAt, _>) = match linked {
        Ok(proxy) => (Some(Arc::clone(&proxy)), Ok(proxy.at())),
        Err(why) => (None, Err(why)),
    };
    let observation = Observation::Proxy(ProxyObservation::Linked { attempt, outcome });
    if let Err(unsent) = reports.0.send(Report { observation, client: None, proxy }).await
        && let Some(proxy) = unsent.0.proxy
    {
        proxy.leave();
    }
}

async fn answer(reports: Reports, proxy: Arc<dyn ProxyHandle>, attempt: AttemptId, ask: ProxyAsk) {
    let observation = match ask {
        ProxyAsk::Routes => {
            let outcome = call(ASK, "the proxy's picture", async { proxy.picture().await }).await;
            Observation::Proxy(ProxyObservation::Seen { attempt, outcome: outcome.map(Box::new) })
        }
        ProxyAsk::SetTraffic { id, cluster, state } => {
            let outcome = call(ASK, "the proxy", async { proxy.set_traffic(cluster, state).await }).await;
            Observation::Proxy(ProxyObservation::Done { id, outcome })
        }
        ProxyAsk::Reload(id) => {
            let outcome = call(LINK, "the proxy's reload", async { proxy.reload().await }).await;
            Observation::Proxy(ProxyObservation::Done { id, outcome })
        }
        ProxyAsk::Explain { id, text } => {
            let outcome = call(ASK, "the proxy's tester", async { proxy.explain(text).await }).await;
            Observation::Proxy(ProxyObservation::Explained { id, outcome: outcome.map(Box::new) })
        }
        ProxyAsk::Keep(kept) => {
            let outcome = call(ASK, "the proxy", async { proxy.keep(kept).await }).await;
            Observation::Proxy(ProxyObservation::Kept { attempt, outcome })
        }
        ProxyAsk::Stop => {
            let outcome = call(STOP, "the proxy's end", async { proxy.stop().await }).await;
            Observation::Proxy(ProxyObservation::Stopped { attempt, outcome })
        }
    };
    reports.send(observation).await;
}

async fn call<T>(
    deadline: Duration,
    what: &'static str,
    call: impl Future<Output = Result<T, ProxyError>>,
) -> Result<T, ProxyError> {
    let broken = |how| match how {
        Broken::Panicked => ProxyError::Failed(crashed(what)),
        Broken::Late => ProxyError::Unreachable(late(what, deadline)),
    };
    guarded(deadline, call, broken).await
}
