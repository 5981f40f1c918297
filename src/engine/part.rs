//! A part of the pure core, and the context of its decisions: the time, randomness, new ids, and the queues of
//! effects, notices and operations.

pub(crate) mod operations;

use crate::engine::observation::{AttemptId, Effect, Generation, Session, WatchId};
use crate::engine::resilience::backoff;
use crate::model::cluster::{ClusterEntry, ClusterName};
use crate::model::kind::{Kind, KindId};
use crate::model::text::{Text, clean};
use crate::model::time::Moment;
use crate::protocol::{NOTICES_MAX, Notice, Severity, Snapshot};
use operations::Operations;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Part of the core for one capability: it keeps its own state, and decides without IO or clock.
///
/// The fleet passes each part its observations and requests by name, and the rest through this trait: a part in the
/// fleet's list is woken when it is due and published when it is dirty.
pub(crate) trait Part {
    /// Returns the next time at which the part is due, measured from the engine's start.
    fn next_due(&self) -> Option<Duration>;

    /// Does what is due at `cx.now`.
    fn run_due(&mut self, clusters: &dyn Clusters, cx: &mut StepContext);

    /// Returns true if [`Part::publish`] may have something new.
    fn is_dirty(&self) -> bool;

    /// Puts what changed into the next snapshot; returns true if anything did.
    fn publish(&mut self, next: &mut Snapshot) -> bool;
}

/// Clusters as a part of the core sees them.
pub(crate) trait Clusters {
    /// Returns the connection to use for requests. Fails if the cluster is unknown or not connected, with the reason.
    fn session(&self, name: &ClusterName) -> Result<Session, Text>;

    /// Returns the inventory.
    fn entries(&self) -> Vec<Arc<ClusterEntry>>;

    /// Returns the kind as the cluster serves it.
    fn kind(&self, name: &ClusterName, id: &KindId) -> KindLookup;
}

/// Answer to [`Clusters::kind`].
#[derive(Debug)]
pub(crate) enum KindLookup {
    Served(Box<Kind>),
    NotServed,
    /// The discovery of the cluster is under way.
    NotKnownYet,
}

/// Context of one step of the core.
#[derive(Debug)]
pub(crate) struct StepContext {
    pub(crate) now: Moment,
    /// Average time between two probes of a cluster.
    pub(crate) probe_period: Duration,
    pub(crate) rng: fastrand::Rng,
    pub(crate) effects: Vec<Effect>,
    pub(crate) notices: Notices,
    pub(crate) operations: Operations,
    last_id: u64,
}

impl StepContext {
    /// Returns a context; the same seed leads to the same decisions.
    pub(crate) fn new(seed: u64, probe_period: Duration) -> Self {
        Self {
            now: Moment::default(),
            probe_period,
            rng: fastrand::Rng::with_seed(seed),
            effects: Vec::new(),
            notices: Notices::default(),
            operations: Operations::default(),
            last_id: 0,
        }
    }

    /// Returns the moment `wait` from now.
    pub(crate) fn after(&self, wait: Duration) -> Duration {
        self.now.elapsed.saturating_add(wait)
    }

    /// Returns a moment around `span` from now.
    pub(crate) fn around(&mut self, span: Duration) -> Duration {
        let wait = backoff::jittered(span, &mut self.rng);
        self.after(wait)
    }

    /// Returns the moment of the next attempt after `failures` failures in a row.
    pub(crate) fn retry(&mut self, failures: u32) -> Duration {
        let wait = backoff::wait(failures, &mut self.rng);
        self.after(wait)
    }

    /// Returns true if the moment has come.
    pub(crate) fn is_due(&self, due: Option<Duration>) -> bool {
        due.is_some_and(|due| due <= self.now.elapsed)
    }

    fn next(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Returns a generation that was never used.
    pub(crate) fn generation(&mut self) -> Generation {
        Generation(self.next())
    }

    /// Returns a watch id that was never used.
    pub(crate) fn watch_id(&mut self) -> WatchId {
        WatchId(self.next())
    }

    /// Returns an attempt id that was never used.
    pub(crate) fn attempt_id(&mut self) -> AttemptId {
        AttemptId(self.next())
    }

    /// Adds a notice for the user.
    pub(crate) fn notice(&mut self, severity: Severity, cluster: Option<&ClusterName>, text: &str) {
        let at = self.now.wall;
        self.notices.push(Notice { number: 0, at, severity, cluster: cluster.cloned(), text: Text::new(clean(text)) });
    }
}

/// The newest notices; the oldest go.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    newest: VecDeque<Notice>,
    last: u64,
    dirty: bool,
}

impl Notices {
    fn push(&mut self, notice: Notice) {
        if self.newest.len() >= NOTICES_MAX {
            self.newest.pop_front();
        }
        self.last += 1;
        self.newest.push_back(Notice { number: self.last, ..notice });
        self.dirty = true;
    }

    /// Returns true if there are new ones since they were last taken.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Returns the notices, when they changed since they were last taken.
    pub(crate) fn take_changed(&mut self) -> Option<Arc<[Notice]>> {
        std::mem::take(&mut self.dirty).then(|| self.newest.iter().cloned().collect())
    }
}
