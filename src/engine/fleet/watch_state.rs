//! State of a list and watch: running, failed, or waiting to be resumed.

use crate::engine::cluster::ClusterError;
use crate::engine::observation::{ClusterEffect, Effect, WatchId};
use crate::engine::part::StepContext;
use crate::engine::resilience::backoff;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use std::time::Duration;

/// Time after which a lost watch is shown as stale: a reset connection or an expired resourceVersion is recovered
/// sooner, and need not be shown.
const GRACE: Duration = Duration::from_secs(10);
/// Time after which a resumed watch without an error is live: a quiet kind sends nothing. Longer than the 5 s a connect
/// may take.
const SETTLED: Duration = Duration::from_secs(6);
/// Running time of a watch after which failures are counted from 0 again.
const CALM: Duration = Duration::from_secs(30);
/// Wait before a denied or missing kind is requested again: only an administrator changes that.
const REFUSED: Duration = Duration::from_secs(300);
/// Longest pause that a server may impose.
const THROTTLE_MAX: Duration = Duration::from_secs(120);

/// Work for the owner of a lost watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// None: the watch resumes by itself.
    Wait,
    /// Probe the cluster.
    Probe,
    /// Log in again: the cluster does not accept our credentials any more.
    LogIn,
    /// The request is denied, or the kind is not served.
    Refused,
}

/// Wait of a lost watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Until the cluster answers again; `anew` if its stream is gone.
    Held { anew: bool },
    /// Until `at`; `anew` if its stream is gone.
    Due { at: Duration, anew: bool },
    /// Resumed; live at `settles` if it does not fail.
    Resumed { settles: Duration },
}

#[derive(Debug)]
pub(super) struct Trouble {
    pub error: ClusterError,
    pub since: UnixSeconds,
    shown_at: Duration,
    shown: bool,
    step: Step,
}

/// Result of [`WatchState::run_due`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ran {
    /// True if the watch must be restarted.
    pub anew: bool,
    /// True if its state on the screen is different.
    pub visible: bool,
}

/// State of a list and watch.
#[derive(Debug, Default)]
pub(super) struct WatchState {
    /// Set while it runs.
    pub id: Option<WatchId>,
    /// Objects received and objects expected of the list under way.
    pub listing: Option<(u32, Option<u32>)>,
    /// Why it is listed again and again instead of being watched.
    pub unwatched: Option<Text>,
    trouble: Option<Trouble>,
    failures: u32,
    calm_since: Option<Duration>,
}

impl WatchState {
    /// Starts or restarts it; returns its new id.
    pub(super) fn start(&mut self, cx: &mut StepContext) -> WatchId {
        let watch = cx.watch_id();
        if let Some(old) = self.id.replace(watch) {
            cx.effects.push(Effect::Cluster(ClusterEffect::Unwatch(old)));
        }
        self.listing = None;
        self.unwatched = None;
        if let Some(trouble) = &mut self.trouble {
            trouble.step = Step::Resumed { settles: cx.now.elapsed.saturating_add(SETTLED) };
        }
        watch
    }

    /// Drops the stream of a client that is gone.
    pub(super) fn cut(&mut self) {
        self.id = None;
        self.listing = None;
        self.unwatched = None;
        self.trouble = None;
    }

    /// Records an item; returns true if that ends a trouble.
    pub(super) fn on_item(&mut self) -> bool {
        self.trouble.take().is_some()
    }

    pub(super) fn on_listed(&mut self, now: Duration) {
        self.listing = None;
        self.calm_since = Some(now);
    }

    /// Records a failure: plans when to resume, and returns the work for its owner. `complete` is true if its rows are
    /// a whole list.
    pub(super) fn lost(&mut self, error: ClusterError, anew: bool, complete: bool, cx: &mut StepContext) -> Next {
        let now = cx.now.elapsed;
        if self.calm_since.take().is_some_and(|calm| now.saturating_sub(calm) >= CALM) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let (wait, next) = self.judge(&error, cx);
        let step = wait.map_or(Step::Held { anew }, |wait| Step::Due { at: now.saturating_add(wait), anew });
        // A refusal is an answer, and is shown at once; so is a failure before there was a whole list.
        let at_once = next == Next::Refused || !complete;
        let (since, shown_at, shown) = match &self.trouble {
            Some(old) => (old.since, old.shown_at, old.shown),
            None => (cx.now.wall, now.saturating_add(GRACE), false),
        };
        self.trouble = Some(Trouble { error, since, shown_at, shown: shown || at_once, step });
        next
    }

    /// Returns the wait (`None`: until the cluster answers), and the work for its owner.
    fn judge(&self, error: &ClusterError, cx: &mut StepContext) -> (Option<Duration>, Next) {
        let backoff = backoff::wait(self.failures, &mut cx.rng);
        match error {
            ClusterError::AuthNeeded(_) => (None, Next::LogIn),
            ClusterError::Unreachable(_) => (None, Next::Probe),
            ClusterError::Denied(_) | ClusterError::NotFound(_) => {
                (Some(backoff::jittered(REFUSED, &mut cx.rng)), Next::Refused)
            }
            ClusterError::Expired if self.failures == 1 => (Some(Duration::ZERO), Next::Wait),
            ClusterError::Throttled { retry_after: Some(wish), .. } => {
                (Some((*wish).min(THROTTLE_MAX).max(backoff)), Next::Wait)
            }
            ClusterError::Expired | ClusterError::Throttled { .. } | ClusterError::Failed(_) => {
                (Some(backoff), Next::Wait)
            }
        }
    }

    /// Resumes it soon if it waits for the cluster, which answers now.
    pub(super) fn release(&mut self, cx: &mut StepContext) {
        let wait = backoff::wait(self.failures, &mut cx.rng);
        let at = cx.after(wait);
        if let Some(trouble) = &mut self.trouble
            && let Step::Held { anew } = trouble.step
        {
            trouble.step = Step::Due { at, anew };
        }
    }

    /// Resumes it now, whatever it waits for.
    pub(super) fn hurry(&mut self, cx: &StepContext) {
        let at = cx.now.elapsed;
        if let Some(trouble) = &mut self.trouble
            && let Step::Held { anew } | Step::Due { anew, .. } = trouble.step
        {
            trouble.step = Step::Due { at, anew };
        }
    }

    /// Returns the time at which [`WatchState::run_due`] has work.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let trouble = self.trouble.as_ref()?;
        let step = match trouble.step {
            Step::Held { .. } => None,
            Step::Due { at, .. } => Some(at),
            Step::Resumed { settles } => Some(settles),
        };
        step.into_iter().chain((!trouble.shown).then_some(trouble.shown_at)).min()
    }

    /// Runs the step that is due.
    pub(super) fn run_due(&mut self, complete: bool, cx: &mut StepContext) -> Ran {
        let now = cx.now.elapsed;
        let mut ran = Ran::default();
        let Some(trouble) = &mut self.trouble else { return ran };
        if !trouble.shown && trouble.shown_at <= now {
            trouble.shown = true;
            ran.visible = true;
        }
        match trouble.step {
            Step::Due { at, anew } if at <= now => {
                trouble.step = Step::Resumed { settles: now.saturating_add(SETTLED) };
                match self.id {
                    Some(id) if !anew => cx.effects.push(Effect::Cluster(ClusterEffect::Resume(id))),
                    _ => ran.anew = true,
                }
            }
            Step::Resumed { settles } if settles <= now && complete => {
                self.trouble = None;
                self.calm_since = Some(now);
                ran.visible = true;
            }
            // Nothing was listed yet: it is taken as live when it is.
            Step::Resumed { settles } if settles <= now => trouble.step = Step::Resumed { settles: Duration::MAX },
            Step::Due { .. } | Step::Held { .. } | Step::Resumed { .. } => {}
        }
        ran
    }

    /// Returns the trouble, once it is to be shown.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| trouble.shown)
    }

    /// Returns the server's message, if the last failure is a denial.
    pub(super) fn denied(&self) -> Option<&Text> {
        match &self.trouble.as_ref()?.error {
            ClusterError::Denied(what) => Some(what),
            ClusterError::Unreachable(_)
            | ClusterError::AuthNeeded(_)
            | ClusterError::NotFound(_)
            | ClusterError::Expired
            | ClusterError::Throttled { .. }
            | ClusterError::Failed(_) => None,
        }
    }

    pub(super) fn is_not_served(&self) -> bool {
        matches!(self.trouble.as_ref().map(|t| &t.error), Some(ClusterError::NotFound(_)))
    }
}
