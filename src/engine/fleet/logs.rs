//! Logs that are followed: a bounded ring of lines each, taken up again a bounded number of times.

use crate::engine::cluster::ClusterError;
use crate::engine::fleet::member::Member;
use crate::engine::observation::{AttemptId, Effect};
use crate::engine::part::StepContext;
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::protocol::{LogSource, LogStream, LogStreamState, RequestId, TAIL_LINES_MAX};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Tails at once, over all screens; the one begun first is ended when there are more.
pub(super) const TAILS_MAX: usize = 16;
/// A followed log is taken up again this many times in a row, then it says why not.
const RETRIES_MAX: u32 = 6;

#[derive(Debug)]
struct Followed {
    source: LogSource,
    state: LogStreamState,
    lines: VecDeque<Arc<str>>,
    dropped: u64,
    containers: Arc<[Text]>,
    attempt: Option<AttemptId>,
    /// Taken up again: the lines we have already are to be skipped.
    overlap: bool,
    failures: u32,
    last_line: Duration,
    due: Option<Duration>,
    dirty: bool,
}

#[derive(Debug, Default)]
pub(super) struct LogStreams {
    open: BTreeMap<RequestId, Followed>,
    /// One was ended since the last snapshot.
    closed: bool,
}

impl LogStreams {
    pub(super) fn is_dirty(&self) -> bool {
        self.closed || self.open.values().any(|tail| tail.dirty)
    }

    pub(super) fn begin(&mut self, id: RequestId, source: LogSource, turn: &mut StepContext) {
        self.end(id, turn);
        if self.open.len() >= TAILS_MAX
            && let Some(first) = self.open.keys().next().copied()
        {
            self.end(first, turn);
        }
        let tail = Followed {
            source,
            state: LogStreamState::Opening,
            lines: VecDeque::new(),
            dropped: 0,
            containers: Arc::default(),
            attempt: None,
            overlap: false,
            failures: 0,
            last_line: turn.now.elapsed,
            due: Some(turn.now.elapsed),
            dirty: true,
        };
        self.open.insert(id, tail);
    }

    pub(super) fn end(&mut self, id: RequestId, turn: &mut StepContext) {
        if let Some(tail) = self.open.remove(&id) {
            self.closed = true;
            if let Some(attempt) = tail.attempt {
                turn.effects.push(Effect::Cancel(attempt));
            }
        }
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.open.values().filter_map(|tail| tail.due).min()
    }

    /// Opens what is due.
    pub(super) fn run_due(&mut self, members: &BTreeMap<ClusterName, Member>, turn: &mut StepContext) {
        for tail in self.open.values_mut() {
            if !turn.is_due(tail.due) {
                continue;
            }
            tail.due = None;
            let serving = members.get(&tail.source.pod.cluster).filter(|member| member.is_serving());
            let Some(member) = serving else {
                tail.fail(&ClusterError::Unreachable(Text::const_new("the cluster is not connected")), turn);
                continue;
            };
            let attempt = turn.attempt_id();
            tail.attempt = Some(attempt);
            let source = tail.resumed(turn.now.elapsed);
            turn.effects.push(Effect::Tail { session: member.session(), attempt, source });
        }
    }

    fn by_attempt(&mut self, attempt: AttemptId) -> Option<&mut Followed> {
        self.open.values_mut().find(|tail| tail.attempt == Some(attempt))
    }

    pub(super) fn on_containers(&mut self, attempt: AttemptId, outcome: Result<Vec<Text>, ClusterError>) {
        // Without the names there is no chooser, and the lines come all the same.
        if let (Some(tail), Ok(names)) = (self.by_attempt(attempt), outcome)
            && *tail.containers != *names
        {
            tail.containers = names.into();
            tail.dirty = true;
        }
    }

    pub(super) fn on_lines(&mut self, attempt: AttemptId, lines: &[Text], now: Duration) {
        let Some(tail) = self.by_attempt(attempt) else { return };
        let mut lines: Vec<Arc<str>> = lines.iter().map(|line| Arc::from(line.as_str())).collect();
        if std::mem::take(&mut tail.overlap)
            && let Some(last) = tail.lines.back()
            && let Some(at) = lines.iter().rposition(|line| line == last)
        {
            drop(lines.drain(..=at));
        }
        tail.lines.extend(lines);
        while tail.lines.len() > TAIL_LINES_MAX {
            tail.lines.pop_front();
            tail.dropped += 1;
        }
        tail.state = LogStreamState::Following;
        tail.last_line = now;
        tail.failures = 0;
        tail.dirty = true;
    }

    pub(super) fn on_ended(&mut self, attempt: AttemptId, outcome: Result<(), ClusterError>, turn: &mut StepContext) {
        let Some(tail) = self.by_attempt(attempt) else { return };
        tail.attempt = None;
        match outcome {
            Ok(()) => tail.show(LogStreamState::Ended),
            Err(error) => tail.fail(&error, turn),
        }
    }

    /// The tails, when they changed since they were last taken.
    pub(super) fn take_changed(
        &mut self,
        before: &BTreeMap<RequestId, Arc<LogStream>>,
    ) -> Option<BTreeMap<RequestId, Arc<LogStream>>> {
        if !self.is_dirty() {
            return None;
        }
        self.closed = false;
        let tails = self.open.iter_mut().map(|(id, tail)| {
            let clean = !std::mem::take(&mut tail.dirty);
            let kept = before.get(id).filter(|_| clean).map(Arc::clone);
            (*id, kept.unwrap_or_else(|| Arc::new(tail.published())))
        });
        Some(tails.collect())
    }
}

impl Followed {
    /// What to ask for: from the beginning as asked, later only what came since the last line.
    fn resumed(&mut self, now: Duration) -> LogSource {
        if self.lines.is_empty() {
            return self.source.clone();
        }
        self.overlap = true;
        let since = now.saturating_sub(self.last_line).as_secs().saturating_add(2);
        LogSource { since_s: u32::try_from(since).ok(), tail_lines: None, ..self.source.clone() }
    }

    /// A followed log is taken up again after what may pass; the rest says why it ended.
    fn fail(&mut self, error: &ClusterError, turn: &mut StepContext) {
        let passes = matches!(
            error,
            ClusterError::Unreachable(_)
                | ClusterError::Throttled { .. }
                | ClusterError::Failed(_)
                | ClusterError::Expired
        );
        self.failures += 1;
        if self.source.follow && passes && self.failures <= RETRIES_MAX {
            self.due = Some(turn.retry(self.failures));
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
