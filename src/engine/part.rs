//! What every decision of the fleet needs at hand: the moment, chance, new ids, and where effects
//! and notices go.

mod operations;

use crate::engine::fleet::options::FleetOptions;
use crate::engine::observation::{AttemptId, Effect, Generation, WatchId};
use crate::engine::resilience::backoff;
use crate::model::cluster::ClusterName;
use crate::model::text::{Text, clean};
use crate::model::time::Moment;
use crate::protocol::{NOTICES_MAX, Notice, Severity};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct StepContext {
    pub now: Moment,
    pub options: FleetOptions,
    pub rng: fastrand::Rng,
    pub effects: Vec<Effect>,
    pub notices: Notices,
    last_id: u64,
}

impl StepContext {
    pub(super) fn new(options: FleetOptions) -> Self {
        let rng = fastrand::Rng::with_seed(options.seed);
        Self { now: Moment::default(), options, rng, effects: Vec::new(), notices: Notices::default(), last_id: 0 }
    }

    /// The moment `wait` from now.
    pub(super) fn after(&self, wait: Duration) -> Duration {
        self.now.elapsed.saturating_add(wait)
    }

    /// A moment around `span` from now.
    pub(super) fn around(&mut self, span: Duration) -> Duration {
        let wait = backoff::jittered(span, &mut self.rng);
        self.after(wait)
    }

    /// The moment of the next attempt after so many failures.
    pub(super) fn retry(&mut self, failures: u32) -> Duration {
        let wait = backoff::wait(failures, &mut self.rng);
        self.after(wait)
    }

    pub(super) fn is_due(&self, due: Option<Duration>) -> bool {
        due.is_some_and(|due| due <= self.now.elapsed)
    }

    fn next(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn generation(&mut self) -> Generation {
        Generation(self.next())
    }

    pub(super) fn watch_id(&mut self) -> WatchId {
        WatchId(self.next())
    }

    pub(super) fn attempt_id(&mut self) -> AttemptId {
        AttemptId(self.next())
    }

    pub(super) fn notice(&mut self, severity: Severity, cluster: Option<&ClusterName>, text: &str) {
        let at = self.now.wall;
        self.notices.push(Notice { number: 0, at, severity, cluster: cluster.cloned(), text: Text::new(clean(text)) });
    }
}

/// The newest notices; the oldest go.
#[derive(Debug, Default)]
pub(super) struct Notices {
    kept: VecDeque<Notice>,
    last: u64,
    dirty: bool,
}

impl Notices {
    fn push(&mut self, notice: Notice) {
        if self.kept.len() >= NOTICES_MAX {
            self.kept.pop_front();
        }
        self.last += 1;
        self.kept.push_back(Notice { number: self.last, ..notice });
        self.dirty = true;
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// The notices, when they changed since they were last taken.
    pub(super) fn take_changed(&mut self) -> Option<Arc<[Notice]>> {
        std::mem::take(&mut self.dirty).then(|| self.kept.iter().cloned().collect())
    }
}
