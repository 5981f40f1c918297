//! Fan-out of one query to many clusters: with bounded concurrency, a deadline for each cluster, and no failure hidden.

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

/// Limits of a fan-out.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of clusters at the same time; 0 counts as 1.
    pub concurrency: usize,
    /// Deadline for one cluster, all of its requests together; `None` is the timeout of its entry.
    pub deadline: Option<Duration>,
}

/// The input that all fan-out commands share.
#[derive(Debug)]
pub struct FanOut {
    /// The clusters selected, in the inventory's order.
    pub entries: Vec<Arc<ClusterEntry>>,
    /// Connects the clusters.
    pub connector: Arc<dyn Connector>,
    /// Concurrency and deadline.
    pub limits: Limits,
    /// Time that ages are relative to.
    pub now: UnixSeconds,
    /// Stderr is a terminal, and nothing else is written there while answers arrive.
    pub shows_progress: bool,
}

impl FanOut {
    /// The names of the selected clusters, in order.
    pub fn names(&self) -> Vec<ClusterName> {
        self.entries.iter().map(|entry| entry.name.clone()).collect()
    }

    /// Returns true if so many failed clusters make the command fail.
    pub fn is_failure(&self, fail_on: FailOn, failed: usize) -> bool {
        match fail_on {
            FailOn::Any => failed > 0,
            FailOn::All => failed > 0 && failed == self.entries.len(),
            FailOn::None => false,
        }
    }
}

/// A connected cluster with its entry.
#[derive(Debug, Clone)]
pub struct Target {
    /// Entry of the inventory: name and settings.
    pub entry: Arc<ClusterEntry>,
    /// The connection.
    pub cluster: Arc<dyn Cluster>,
}

impl FanOut {
    /// Connects each cluster and runs `question` on it. The stream yields an answer or a failure for each cluster, as
    /// soon as it is there. A cluster fails if it cannot be connected, if `question` fails, or if its deadline passes.
    pub fn ask<'a, T: 'a>(
        &'a self,
        question: impl Fn(Target) -> BoxFuture<'a, Result<T, ClusterError>> + Clone + 'a,
    ) -> impl Stream<Item = (ClusterName, Result<T, Failure>)> + 'a {
        self.ask_while(None, question)
    }

    /// As [`FanOut::ask`]; no further cluster is started while `room` is false. Clusters start in order.
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
