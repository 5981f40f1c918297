//! A part of the pure core, and what every decision needs at hand: the moment, chance, new ids, and where effects,
//! notices and operations go.

pub(crate) mod operations;

use crate::engine::observation::{AttemptId, Effect, Generation, Session, WatchId};
use crate::engine::resilience::backoff;
use crate::model::cluster::ClusterName;
use crate::model::kind::{Kind, KindId};
use crate::model::text::{Text, clean};
use crate::model::time::Moment;
use crate::protocol::{NOTICES_MAX, Notice, Severity, Snapshot};
use operations::Operations;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// One capability's part of the core: it keeps its own state, and decides without IO or clock.
///
/// The fleet gives each part its observations and requests by name, and the rest through this trait: a part that is in
/// the fleet's list is woken when it is due and published when it is dirty.
pub(crate) trait Part {
    /// Returns when the part has something to do next, since the engine's start.
    fn next_due(&self) -> Option<Duration>;

    /// Does what is due at `cx.now`.
    fn run_due(&mut self, clusters: &dyn Clusters, cx: &mut StepContext);

    /// Returns true if [`Part::publish`] may have something new.
    fn is_dirty(&self) -> bool;

    /// Puts what changed into the next snapshot; returns true if anything did.
    fn publish(&mut self, next: &mut Snapshot) -> bool;
}

/// The clusters as a part of the core sees them.
pub(crate) trait Clusters {
    /// Returns the connection that requests can use now. The error is why there is none.
    fn session(&self, name: &ClusterName) -> Result<Session, Text>;

    /// Returns the kind as the cluster serves it.
    fn kind(&self, name: &ClusterName, id: &KindId) -> KindLookup;
}

/// The answer to [`Clusters::kind`].
#[derive(Debug)]
pub(crate) enum KindLookup {
    Served(Box<Kind>),
    NotServed,
    /// The discovery of the cluster is under way.
    NotKnownYet,
}

/// The surroundings of one step of the core.
#[derive(Debug)]
pub(crate) struct StepContext {
    pub(crate) now: Moment,
    /// Around this often each cluster is probed.
    pub(crate) probe_period: Duration,
    pub(crate) rng: fastrand::Rng,
    pub(crate) effects: Vec<Effect>,
    pub(crate) notices: Notices,
    pub(crate) operations: Operations,
    last_id: u64,
}

impl StepContext {
    /// The same seed makes the same decisions.
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

    /// Returns the moment of the next attempt after so many failures.
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

    /// Tells the user something.
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
