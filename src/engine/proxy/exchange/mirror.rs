//! Copies of reads to another cluster, to see whether it would answer alike. Nobody waits for them.

use super::{ActiveConfig, ProxyService};
use crate::engine::proxy::body::Outgoing;
use crate::engine::proxy::upstream::Call;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Copies under way at once; beyond, reads are not copied.
const COPIES_MAX: usize = 32;

/// Longest time the rest of a copy's answer is read.
const REST: Duration = Duration::from_secs(30);

/// Bounds the copies under way.
#[derive(Debug)]
pub(super) struct Mirror(Arc<Semaphore>);

impl Default for Mirror {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(COPIES_MAX)))
    }
}

impl Mirror {
    /// Sends a copy, and returns a channel for the status of the original; `None` at the bound.
    pub(super) fn send(
        &self,
        carry: &Arc<ProxyService>,
        scene: &Arc<ActiveConfig>,
        cluster: usize,
        (request, call): (Request<Outgoing>, Call),
    ) -> Option<oneshot::Sender<StatusCode>> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        let member = Arc::clone(scene.members.get(cluster)?);
        let carry = Arc::clone(carry);
        let (waiting, original) = oneshot::channel();
        tokio::spawn(async move {
            let answered = member.send(request, &call).await;
            let theirs = answered.as_ref().ok().map(|sent| sent.response.status());
            // An original that never had an answer is compared with nothing.
            if let Ok(ours) = original.await {
                carry.metrics.mirrored(member.name(), theirs.map(|theirs| theirs == ours));
            }
            if let Ok(sent) = answered {
                // Read to its end, so that the connection can serve the next; an error there is nobody's.
                let mut body = sent.response.into_body();
                let rest = async { while let Some(Ok(_)) = body.frame().await {} };
                let _late = timeout(REST, rest).await;
                drop(sent.lease);
            }
            drop(permit);
        });
        Some(waiting)
    }
}
