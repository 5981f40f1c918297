//! One question to many clusters: bounded at once, each with a deadline, none able to hide.

use super::FailOn;
use super::progress::Progress;
use crate::engine::cluster::{Cluster, ClusterError, Connector};
use crate::model::cluster::{ClusterEntry, ClusterName};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::report::Failure;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How many at once and how long each.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub concurrency: usize,
    /// For one cluster, all of its requests together. `None`: each entry's own.
    pub deadline: Option<Duration>,
}

/// What every fan-out command works on.
#[derive(Debug)]
pub struct FanOut {
    /// The clusters selected, in the inventory's order.
    pub entries: Vec<Arc<ClusterEntry>>,
    pub connector: Arc<dyn Connector>,
    pub limits: Limits,
    pub now: UnixSeconds,
    /// Somebody looks at stderr, and nothing else is written while answers come in.
    pub shows_progress: bool,
}

impl FanOut {
    /// The names asked, in order.
    pub fn names(&self) -> Vec<ClusterName> {
        self.entries.iter().map(|entry| entry.name.clone()).collect()
    }

    /// Whether so many failed clusters make the command fail.
    pub fn is_failure(&self, fail_on: FailOn, failed: usize) -> bool {
        match fail_on {
            FailOn::Any => failed > 0,
            FailOn::All => failed > 0 && failed == self.entries.len(),
            FailOn::None => false,
        }
    }
}

/// A cluster with what it is called.
#[derive(Debug, Clone)]
pub struct Target {
    pub entry: Arc<ClusterEntry>,
    pub cluster: Arc<dyn Cluster>,
}

impl FanOut {
    /// Connects each cluster and asks it; what comes back comes as soon as it is there.
    pub fn ask<'a, T: 'a>(
        &'a self,
        question: impl Fn(Target) -> BoxFuture<'a, Result<T, ClusterError>> + Clone + 'a,
    ) -> impl Stream<Item = (ClusterName, Result<T, Failure>)> + 'a {
        self.ask_while(None, question)
    }

    /// As [`FanOut::ask`]; while there is no `room`, no further cluster is begun with. They are begun with in order.
    pub(super) fn ask_while<'a, T: 'a>(
        &'a self,
        room: Option<watch::Receiver<bool>>,
        question: impl Fn(Target) -> BoxFuture<'a, Result<T, ClusterError>> + Clone + 'a,
    ) -> impl Stream<Item = (ClusterName, Result<T, Failure>)> + 'a {
        let one = move |entry: &'a Arc<ClusterEntry>| {
            let question = question.clone();
            async move {
                let own = Duration::from_secs(u64::from(entry.timeout_s.max(1)));
                let deadline = self.limits.deadline.unwrap_or(own);
                let work = async {
                    let cluster = self.connector.connect(Arc::clone(entry)).await?;
                    question(Target { entry: Arc::clone(entry), cluster }).await
                };
                let answer = tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| {
                    let seconds = deadline.as_secs();
                    Err(ClusterError::Unreachable(Text::from(format!(
                        "no answer within {seconds}s (--timeout waits longer)"
                    ))))
                });
                let name = entry.name.clone();
                (name.clone(), answer.map_err(|error| Failure { cluster: name, error }))
            }
        };
        let mut progress = self.shows_progress.then(|| Progress::new(self.entries.len()));
        let begun = futures::stream::iter(&self.entries).then(move |entry| {
            let room = room.clone();
            async move {
                if let Some(mut room) = room {
                    // Nobody is left to make room: then there is enough.
                    drop(room.wait_for(|is_there| *is_there).await);
                }
                entry
            }
        });
        let answers = begun.map(one).buffer_unordered(self.limits.concurrency.max(1));
        answers.inspect(move |_| progress.iter_mut().for_each(Progress::step))
    }
}
