//! Followed logs: a bounded ring of lines each, resumed a bounded number of times.

use crate::engine::cluster::ClusterError;
use crate::engine::observation::{AttemptId, Effect, LogsEffect, LogsObservation};
use crate::engine::part::{Clusters, Part, StepContext};
use crate::model::logs::LogSource;
use crate::model::text::Text;
use crate::protocol::{LOG_LINES_MAX, LogStream, LogStreamState, LogsRequest, RequestId, Snapshot};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Streams at once, over all screens; beyond that, the one started first is ended.
pub(super) const STREAMS_MAX: usize = 16;
/// Attempts in a row to resume a followed log, before its error is shown.
const RETRIES_MAX: u32 = 6;

#[derive(Debug)]
struct Followed {
    source: LogSource,
    state: LogStreamState,
    lines: VecDeque<Arc<str>>,
    dropped: u64,
    containers: Arc<[Text]>,
    attempt: Option<AttemptId>,
    /// True after a resume: lines that are already here are skipped.
    overlap: bool,
    failures: u32,
    last_line: Duration,
    due: Option<Duration>,
    dirty: bool,
}

#[derive(Debug, Default)]
pub(super) struct LogStreams {
    open: BTreeMap<RequestId, Followed>,
    /// True if a stream was ended since the last snapshot.
    closed: bool,
}

impl LogStreams {
    /// Handles a request of a screen.
    pub(super) fn on_request(&mut self, request: LogsRequest, cx: &mut StepContext) {
        match request {
            LogsRequest::Follow { id, source } => self.begin(id, source, cx),
            LogsRequest::Stop(id) => self.end(id, cx),
        }
    }

    /// Folds in an observation.
    pub(super) fn on(&mut self, observation: LogsObservation, cx: &mut StepContext) {
        match observation {
            LogsObservation::Containers { attempt, outcome } => self.on_containers(attempt, outcome),
            LogsObservation::Lines { attempt, lines } => self.on_lines(attempt, &lines, cx.now.elapsed),
            LogsObservation::Ended { attempt, outcome } => self.on_ended(attempt, outcome, cx),
        }
    }

    fn begin(&mut self, id: RequestId, source: LogSource, cx: &mut StepContext) {
        self.end(id, cx);
        if self.open.len() >= STREAMS_MAX
            && let Some(first) = self.open.keys().next().copied()
        {
            self.end(first, cx);
        }
        let stream = Followed {
            source,
            state: LogStreamState::Opening,
            lines: VecDeque::new(),
            dropped: 0,
            containers: Arc::default(),
            attempt: None,
            overlap: false,
            failures: 0,
            last_line: cx.now.elapsed,
            due: Some(cx.now.elapsed),
            dirty: true,
        };
        self.open.insert(id, stream);
    }

    fn end(&mut self, id: RequestId, cx: &mut StepContext) {
        if let Some(stream) = self.open.remove(&id) {
            self.closed = true;
            if let Some(attempt) = stream.attempt {
                cx.effects.push(Effect::Logs(LogsEffect::Cancel(attempt)));
            }
        }
    }

    fn by_attempt(&mut self, attempt: AttemptId) -> Option<&mut Followed> {
        self.open.values_mut().find(|stream| stream.attempt == Some(attempt))
    }

    fn on_containers(&mut self, attempt: AttemptId, outcome: Result<Vec<Text>, ClusterError>) {
        // Without the names there is no chooser, and the lines come all the same.
        if let (Some(stream), Ok(names)) = (self.by_attempt(attempt), outcome)
            && *stream.containers != *names
        {
            stream.containers = names.into();
            stream.dirty = true;
        }
    }

    fn on_lines(&mut self, attempt: AttemptId, lines: &[Text], now: Duration) {
        let Some(stream) = self.by_attempt(attempt) else { return };
        let mut lines: Vec<Arc<str>> = lines.iter().map(|line| Arc::from(line.as_str())).collect();
        if std::mem::take(&mut stream.overlap)
            && let Some(last) = stream.lines.back()
            && let Some(at) = lines.iter().rposition(|line| line == last)
        {
            drop(lines.drain(..=at));
        }
        stream.lines.extend(lines);
        while stream.lines.len() > LOG_LINES_MAX {
            stream.lines.pop_front();
            stream.dropped += 1;
        }
        stream.state = LogStreamState::Following;
        stream.last_line = now;
        stream.failures = 0;
        stream.dirty = true;
    }

    fn on_ended(&mut self, attempt: AttemptId, outcome: Result<(), ClusterError>, cx: &mut StepContext) {
        let Some(stream) = self.by_attempt(attempt) else { return };
        stream.attempt = None;
        match outcome {
            Ok(()) => stream.show(LogStreamState::Ended),
            Err(error) => stream.fail(&error, cx),
        }
    }
}

impl Part for LogStreams {
    fn next_due(&self) -> Option<Duration> {
        self.open.values().filter_map(|stream| stream.due).min()
    }

    /// Opens what is due.
    fn run_due(&mut self, clusters: &dyn Clusters, cx: &mut StepContext) {
        for stream in self.open.values_mut() {
            if !cx.is_due(stream.due) {
                continue;
            }
            stream.due = None;
            let Ok(session) = clusters.session(&stream.source.pod.cluster) else {
                stream.fail(&ClusterError::Unreachable(Text::const_new("the cluster is not connected")), cx);
                continue;
            };
            let attempt = cx.attempt_id();
            stream.attempt = Some(attempt);
            let source = Box::new(stream.resumed(cx.now.elapsed));
            cx.effects.push(Effect::Logs(LogsEffect::Follow { session, attempt, source }));
        }
    }

    fn is_dirty(&self) -> bool {
        self.closed || self.open.values().any(|stream| stream.dirty)
    }

    fn publish(&mut self, next: &mut Snapshot) -> bool {
        if !self.is_dirty() {
            return false;
        }
        self.closed = false;
        let before = &next.logs;
        let streams = self.open.iter_mut().map(|(id, stream)| {
            let clean = !std::mem::take(&mut stream.dirty);
            let same = before.get(id).filter(|_| clean).map(Arc::clone);
            (*id, same.unwrap_or_else(|| Arc::new(stream.published())))
        });
        next.logs = Arc::new(streams.collect());
        true
    }
}

impl Followed {
    /// Returns the source to open: the requested one at first, later only lines after the last one.
    fn resumed(&mut self, now: Duration) -> LogSource {
        if self.lines.is_empty() {
            return self.source.clone();
        }
        self.overlap = true;
        let since = now.saturating_sub(self.last_line).as_secs().saturating_add(2);
        LogSource { since_s: u32::try_from(since).ok(), tail_lines: None, ..self.source.clone() }
    }

    /// Resumes a followed log after an error that may pass; shows any other error.
    fn fail(&mut self, error: &ClusterError, cx: &mut StepContext) {
        let passes = matches!(
            error,
            ClusterError::Unreachable(_)
                | ClusterError::Throttled { .. }
                | ClusterError::Failed(_)
                | ClusterError::Expired
        );
        self.failures += 1;
        if self.source.follow && passes && self.failures <= RETRIES_MAX {
            self.due = Some(cx.retry(self.failures));
            self.show(LogStreamState::Opening);
        } else {
            self.show(LogStreamState::Failed(Text::new(error.to_string())));
        }
    }

    fn show(&mut self, state: LogStreamState) {
        self.dirty |= self.state != state;
        self.state = state;
    }

    fn published(&self) -> LogStream {
        LogStream {
            source: self.source.clone(),
            state: self.state.clone(),
            lines: self.lines.iter().map(Arc::clone).collect(),
            dropped: self.dropped,
            containers: Arc::clone(&self.containers),
        }
    }
}
