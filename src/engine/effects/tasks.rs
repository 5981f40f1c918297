//! Tasks of the effects, an async function each: call the port, keep the deadline, report.

use super::Report;
use crate::engine::cluster::{Cluster, ClusterError, Connector, Inventory, WatchSpec};
use crate::engine::observation::{
    AttemptId, ClusterObservation, DocumentObservation, LogsObservation, Observation, Session, WatchId,
};
use crate::model::cluster::ClusterEntry;
use crate::model::document::Aspect;
use crate::model::kind::Kind;
use crate::model::logs::LogSource;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::{RequestId, Reveal};
use futures::future::FutureExt as _;
use futures::stream::{BoxStream, Fuse, StreamExt as _};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Deadline of a connect: a credential plugin has 30 s, and the rest is quick.
const CONNECT: Duration = Duration::from_secs(35);
/// Deadline of a probe: a server that needs longer is down for a waiting user.
const PROBE: Duration = Duration::from_secs(5);
/// Deadline of two small reads.
const IDENTIFY: Duration = Duration::from_secs(15);
/// Deadline of a discovery: without the aggregated endpoint, it is a request per group.
const DISCOVER: Duration = Duration::from_secs(30);
/// Deadline for reading an object, its events and its owners.
const OPEN: Duration = Duration::from_secs(30);

/// Items of one observation: a large list arrives in some hundred batches, not in 100,000 observations.
const BATCH: usize = 512;
/// Shortest time between two batches of log lines: 50,000 lines a second, then the stream waits.
const TAIL_PACE: Duration = Duration::from_millis(10);
/// Signals queued for a watch: to resume it, one is enough.
pub(super) const WATCH_SIGNALS_MAX: usize = 1;

/// Queue of reports. A sender waits while it is full.
#[derive(Debug, Clone)]
pub(super) struct Reports(pub mpsc::Sender<Report>);

impl Reports {
    /// Sends an observation. An error means that the engine has ended, as this task will soon.
    pub(super) async fn send(&self, observation: Observation) {
        drop(self.0.send(Report { observation, client: None, proxy: None }).await);
    }
}

/// The reason why guarded work gave no outcome of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    Panicked,
    /// The deadline passed.
    Late,
}

/// Runs work to its end, to its deadline, or to its panic. Fails as the work does, or with the error that `broken` makes.
pub(super) async fn guarded<T, E>(
    deadline: Duration,
    work: impl Future<Output = Result<T, E>>,
    broken: impl FnOnce(Broken) -> E,
) -> Result<T, E> {
    match timeout(deadline, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(broken(Broken::Panicked)),
        Err(_) => Err(broken(Broken::Late)),
    }
}

async fn call<T>(
    what: &'static str,
    deadline: Duration,
    call: impl Future<Output = Result<T, ClusterError>>,
) -> Result<T, ClusterError> {
    let broken = |how| match how {
        Broken::Panicked => ClusterError::Failed(crashed(what)),
        Broken::Late => ClusterError::Unreachable(late(what, deadline)),
    };
    guarded(deadline, call, broken).await
}

pub(super) fn late(what: &str, deadline: Duration) -> Text {
    compact_str::format_compact!("{what}: no answer within {}s", deadline.as_secs())
}

pub(super) fn crashed(what: &str) -> Text {
    compact_str::format_compact!("{what} failed inside qd (a panic); it is tried again")
}

pub(super) async fn list(reports: Reports, inventory: Arc<dyn Inventory>, refresh: bool) {
    let read = async {
        let mut listings = inventory.entries(refresh);
        while let Some(listing) = listings.next().await {
            reports.send(Observation::Cluster(ClusterObservation::Listed(listing))).await;
        }
    };
    if AssertUnwindSafe(read).catch_unwind().await.is_err() {
        reports.send(Observation::Cluster(ClusterObservation::ListingCrashed)).await;
    }
}

pub(super) async fn connect(
    reports: Reports,
    connector: Arc<dyn Connector>,
    session: Session,
    entry: Arc<ClusterEntry>,
) {
    let (client, outcome) = match call("connect", CONNECT, async { connector.connect(entry).await }).await {
        Ok(client) => (Some(client), Ok(())),
        Err(error) => (None, Err(error)),
    };
    let observation = Observation::Cluster(ClusterObservation::Connected { session, outcome });
    drop(reports.0.send(Report { observation, client, proxy: None }).await);
}

pub(super) async fn probe(reports: Reports, cluster: Arc<dyn Cluster>, session: Session) {
    let outcome = call("probe", PROBE, async { cluster.probe().await }).await;
    reports.send(Observation::Cluster(ClusterObservation::Probed { session, outcome })).await;
}

pub(super) async fn identify(reports: Reports, cluster: Arc<dyn Cluster>, session: Session) {
    let outcome = call("identify", IDENTIFY, async { cluster.identify().await }).await;
    reports.send(Observation::Cluster(ClusterObservation::Identified { session, outcome })).await;
}

pub(super) async fn discover(reports: Reports, cluster: Arc<dyn Cluster>, session: Session) {
    let outcome = call("discover", DISCOVER, async { cluster.discover().await }).await;
    reports.send(Observation::Cluster(ClusterObservation::Discovered { session, outcome })).await;
}

pub(super) async fn watch(
    reports: Reports,
    cluster: Arc<dyn Cluster>,
    watch: WatchId,
    spec: WatchSpec,
    mut resumed: mpsc::Receiver<()>,
) {
    let follow = async {
        let mut stream = cluster.watch(spec).fuse();
        while let Some((items, failed)) = batch(&mut stream).await {
            if !items.is_empty() {
                reports.send(Observation::Cluster(ClusterObservation::Watched { watch, items })).await;
            }
            if let Some(error) = failed {
                reports.send(Observation::Cluster(ClusterObservation::Lost { watch, error })).await;
                // The fleet decides how long; a closed channel means that the watch is not wanted any more.
                if resumed.recv().await.is_none() {
                    return;
                }
            }
        }
        reports
            .send(Observation::Cluster(ClusterObservation::Ended { watch, why: Text::const_new("the watch ended") }))
            .await;
    };
    if AssertUnwindSafe(follow).catch_unwind().await.is_err() {
        reports.send(Observation::Cluster(ClusterObservation::Ended { watch, why: crashed("the watch") })).await;
    }
}

/// Returns the items that the stream has ready, at least one, and the error that ended it. The stream is not polled
/// after an error, because polling resumes it.
async fn batch<T>(
    stream: &mut Fuse<BoxStream<'static, Result<T, ClusterError>>>,
) -> Option<(Vec<T>, Option<ClusterError>)> {
    let mut items = Vec::new();
    let mut next = stream.next().await?;
    loop {
        match next {
            Ok(item) => items.push(item),
            Err(error) => return Some((items, Some(error))),
        }
        if items.len() >= BATCH {
            return Some((items, None));
        }
        match stream.next().now_or_never() {
            Some(Some(ready)) => next = ready,
            Some(None) | None => return Some((items, None)),
        }
    }
}

/// A document to fetch.
pub(super) struct OpenRequest {
    pub object: ObjectKey,
    pub kind: Kind,
    pub aspect: Aspect,
}

/// A Secret to hand over.
pub(super) struct RevealRequest {
    pub object: ObjectKey,
    pub kind: Kind,
    pub reveal: Reveal,
}

pub(super) async fn open(reports: Reports, cluster: Arc<dyn Cluster>, attempt: AttemptId, request: OpenRequest) {
    let OpenRequest { object, kind, aspect } = request;
    let outcome = call("open", OPEN, async { cluster.open(object, kind, aspect).await }).await;
    reports.send(Observation::Document(DocumentObservation::Opened { attempt, outcome })).await;
}

pub(super) async fn reveal(reports: Reports, cluster: Arc<dyn Cluster>, id: RequestId, request: RevealRequest) {
    let RevealRequest { object, kind, reveal } = request;
    let outcome = call("reveal", OPEN, async { cluster.reveal(object, kind).await }).await;
    reports
        .send(Observation::Document(DocumentObservation::Revealed {
            id,
            outcome: outcome.map(|text| reveal.fill(text)),
        }))
        .await;
}

pub(super) async fn containers(reports: Reports, cluster: Arc<dyn Cluster>, attempt: AttemptId, pod: ObjectKey) {
    let outcome = call("containers", OPEN, async { cluster.containers(pod).await }).await;
    reports.send(Observation::Logs(LogsObservation::Containers { attempt, outcome })).await;
}

pub(super) async fn follow_log(reports: Reports, cluster: Arc<dyn Cluster>, attempt: AttemptId, source: LogSource) {
    let follow = forward_lines(&reports, attempt, cluster.tail(source));
    let outcome = match AssertUnwindSafe(follow).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_) => Err(ClusterError::Failed(crashed("the log"))),
    };
    reports.send(Observation::Logs(LogsObservation::Ended { attempt, outcome })).await;
}

async fn forward_lines(
    reports: &Reports,
    attempt: AttemptId,
    lines: BoxStream<'static, Result<Text, ClusterError>>,
) -> Result<(), ClusterError> {
    let mut stream = lines.fuse();
    while let Some((lines, failed)) = batch(&mut stream).await {
        if !lines.is_empty() {
            reports.send(Observation::Logs(LogsObservation::Lines { attempt, lines })).await;
        }
        if let Some(error) = failed {
            return Err(error);
        }
        tokio::time::sleep(TAIL_PACE).await;
    }
    Ok(())
}
