//! ServiceAccount tokens, which only the home cluster can judge. Its answers are kept for moments, by the token's
//! digest; however many requests carry a token, one question is under way.

use super::token::Digest;
use super::{Caller, Means, unknown};
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::client::Connection;
use crate::engine::k8s::client::review::Reviewed;
use crate::engine::k8s::endpoint::Secret;
use crate::engine::proxy::config::ReviewSettings;
use crate::engine::proxy::refusal::Refusal;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Time before an unknown token is reviewed again.
const UNKNOWN: Duration = Duration::from_secs(2);

/// Time before a token is reviewed again whose review failed.
const FAILED: Duration = Duration::from_millis(500);

/// Results remembered.
const REMEMBERED_MAX: usize = 2048;

/// Reviews under way at once: bounds the load that callers with made-up tokens can put on the home cluster.
const ASKING_MAX: usize = 16;

/// Longest wait for the home cluster; the default of kube-apiserver's own webhooks.
const DEADLINE: Duration = Duration::from_secs(10);

/// Longest token that is reviewed, in bytes; a ServiceAccount's has about 1 KiB.
const TOKEN_MAX: usize = 16 * 1024;

/// Reviews a token at the home cluster.
pub type Ask = Box<dyn Fn(Secret) -> BoxFuture<'static, Result<Reviewed, ClusterError>> + Send + Sync>;

type Verdict = Result<Arc<Caller>, Refusal>;
type Asking = Shared<BoxFuture<'static, Verdict>>;

/// Reviews of ServiceAccount tokens, and their recent results.
pub struct Reviews {
    ask: Ask,
    /// Time a valid token stays valid here, even after it was revoked.
    known: Duration,
    slots: Arc<Semaphore>,
    remembered: Arc<Mutex<HashMap<Digest, Entry>>>,
}

impl fmt::Debug for Reviews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reviews").field("remembered", &self.remembered.lock().len()).finish_non_exhaustive()
    }
}

enum Entry {
    Asking(Asking),
    Answered(Verdict, Instant),
}

impl Reviews {
    /// Creates reviews without results. A valid token stays valid for `known`; an unknown one is reviewed again after
    /// 2 s.
    pub fn new(ask: Ask, known: Duration) -> Self {
        Self { ask, known, slots: Arc::new(Semaphore::new(ASKING_MAX)), remembered: Arc::default() }
    }

    /// Reviews tokens over the connection to the home cluster, with the proxy's own credential there.
    pub fn over(home: &Connection, settings: &ReviewSettings) -> Self {
        let (home, audiences) = (home.clone(), Arc::new(settings.audiences.clone()));
        let ask = move |token: Secret| {
            let (home, audiences) = (home.clone(), Arc::clone(&audiences));
            async move { home.review(&token, &audiences, DEADLINE).await }.boxed()
        };
        Self::new(Box::new(ask), settings.cache)
    }

    /// Returns the caller of a token. Fails with 401 for an unknown token, 503 if the home cluster does not answer,
    /// and 429 if too many reviews are under way.
    pub(super) async fn caller(&self, token: &str, digest: Digest) -> Verdict {
        if !well_formed(token) {
            return Err(unknown());
        }
        let asking = {
            let mut remembered = self.remembered.lock();
            match remembered.get(&digest) {
                Some(Entry::Answered(verdict, until)) if Instant::now() < *until => return verdict.clone(),
                Some(Entry::Asking(asking)) => asking.clone(),
                Some(Entry::Answered(..)) | None => {
                    let asking = self.question(token, digest, &mut remembered)?;
                    remembered.insert(digest, Entry::Asking(asking.clone()));
                    asking
                }
            }
        };
        asking.await
    }

    /// Starts a review. Its result is stored even if all callers that wait for it go away.
    fn question(
        &self,
        token: &str,
        digest: Digest,
        remembered: &mut HashMap<Digest, Entry>,
    ) -> Result<Asking, Refusal> {
        let busy = || Refusal::new(429, "TooManyRequests", "review", "too many unknown tokens at once").retry_after(1);
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| busy())?;
        if remembered.len() >= REMEMBERED_MAX {
            let now = Instant::now();
            remembered.retain(|_, entry| match entry {
                Entry::Asking(_) => true,
                Entry::Answered(_, until) => now < *until,
            });
            // All of them fresh: their tokens are asked about again.
            if remembered.len() >= REMEMBERED_MAX {
                remembered.retain(|_, entry| matches!(entry, Entry::Asking(_)));
            }
        }
        let answer = (self.ask)(Secret(token.to_owned()));
        let known = self.known;
        let memory = Arc::clone(&self.remembered);
        // A task of its own: a caller that goes away must not leave a question nobody carries on. It ends with the
        // deadline of the connection it asks over.
        let task = tokio::spawn(async move {
            let (verdict, kept) = verdict(answer.await, known);
            memory.lock().insert(digest, Entry::Answered(verdict.clone(), Instant::now() + kept));
            drop(slot);
            verdict
        });
        let memory = Arc::clone(&self.remembered);
        let asking = async move {
            task.await.unwrap_or_else(|_| {
                memory.lock().remove(&digest);
                Err(unavailable())
            })
        };
        Ok(asking.boxed().shared())
    }
}

fn unavailable() -> Refusal {
    Refusal::new(503, "ServiceUnavailable", "review", "the home cluster does not say who the caller is").retry_after(1)
}

fn verdict(answer: Result<Reviewed, ClusterError>, known: Duration) -> (Verdict, Duration) {
    match answer {
        Ok(Reviewed::Known { user, uid, groups, extra }) => {
            let caller = Caller {
                user: user.into(),
                groups: groups.into_iter().map(Arc::from).collect(),
                uid: Some(uid).filter(|uid| !uid.is_empty()).map(Arc::from),
                extra: Arc::new(extra.into_iter().collect::<BTreeMap<_, _>>()),
                means: Means::Review,
            };
            (Ok(Arc::new(caller)), known)
        }
        Ok(Reviewed::Unknown) => (Err(unknown()), UNKNOWN),
        Err(_) => (Err(unavailable()), FAILED),
    }
}

/// Returns true for three parts of base64url, as every ServiceAccount token has: nothing else is worth a review.
fn well_formed(token: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    token.len() <= TOKEN_MAX && token.split('.').count() == 3 && token.split('.').all(part)
}

#[cfg(test)]
mod tests;
