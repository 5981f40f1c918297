//! One list and watch: whether it runs, how it fails, and when it goes on.

use crate::engine::cluster::ClusterError;
use crate::engine::observation::ClusterEffect;
use crate::engine::observation::{Effect, WatchId};
use crate::engine::part::StepContext;
use crate::engine::resilience::backoff;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use std::time::Duration;

/// A watch that is lost is shown as stale after this: a reset connection or an expired
/// resourceVersion is mended sooner, and nobody needs to see it.
const GRACE: Duration = Duration::from_secs(10);
/// A resumed watch that did not fail within this is taken as live: a quiet kind sends nothing that
/// would say so. Longer than the 5 s a connect may take.
const SETTLED: Duration = Duration::from_secs(6);
/// A watch that ran this long starts a new count of failures.
const CALM: Duration = Duration::from_secs(30);
/// What is denied or not served is asked for again this seldom: it changes by an administrator's hand.
const REFUSED: Duration = Duration::from_secs(300);
/// The longest pause a server may impose.
const THROTTLE_MAX: Duration = Duration::from_secs(120);

/// What the owner of a lost watch has to do beside waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: the watch knows when it goes on.
    Wait,
    /// Ask the cluster whether it is there.
    Probe,
    /// The cluster does not know us any more.
    LogIn,
    /// What was asked for may not be read.
    Refused,
}

/// Until when a lost watch waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Until the cluster answers again.
    Held { anew: bool },
    /// Until then; `anew` where its stream is no more.
    Due { at: Duration, anew: bool },
    /// It goes on, and is taken as live then.
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

/// What [`WatchState::run_due`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ran {
    /// It must be started anew.
    pub anew: bool,
    /// What it shows is different now.
    pub visible: bool,
}

/// One list and watch.
#[derive(Debug, Default)]
pub(super) struct WatchState {
    /// Set while it runs.
    pub id: Option<WatchId>,
    /// So many received, so many expected, of the list under way.
    pub listing: Option<(u32, Option<u32>)>,
    /// Why it may not be watched, where it is listed again and again.
    pub unwatched: Option<Text>,
    trouble: Option<Trouble>,
    failures: u32,
    calm_since: Option<Duration>,
}

impl WatchState {
    /// It starts, or starts anew: gives its new name.
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

    /// Its client is gone, and the stream with it.
    pub(super) fn cut(&mut self) {
        self.id = None;
        self.listing = None;
        self.unwatched = None;
        self.trouble = None;
    }

    /// It brought something: `true` when that ends a trouble.
    pub(super) fn on_item(&mut self) -> bool {
        self.trouble.take().is_some()
    }

    pub(super) fn on_listed(&mut self, now: Duration) {
        self.listing = None;
        self.calm_since = Some(now);
    }

    /// It failed: remembers when it goes on, and says what else is to be done. `complete` when its
    /// rows are a whole list.
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

    /// How long to wait (`None`: until the cluster answers), and what else to do.
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

    /// The cluster answers: what was held for it goes on soon.
    pub(super) fn release(&mut self, cx: &mut StepContext) {
        let wait = backoff::wait(self.failures, &mut cx.rng);
        let at = cx.after(wait);
        if let Some(trouble) = &mut self.trouble
            && let Step::Held { anew } = trouble.step
        {
            trouble.step = Step::Due { at, anew };
        }
    }

    /// Goes on now, whatever it waits for.
    pub(super) fn hurry(&mut self, cx: &StepContext) {
        let at = cx.now.elapsed;
        if let Some(trouble) = &mut self.trouble
            && let Step::Held { anew } | Step::Due { anew, .. } = trouble.step
        {
            trouble.step = Step::Due { at, anew };
        }
    }

    /// When [`WatchState::run_due`] has something to do next.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let trouble = self.trouble.as_ref()?;
        let step = match trouble.step {
            Step::Held { .. } => None,
            Step::Due { at, .. } => Some(at),
            Step::Resumed { settles } => Some(settles),
        };
        step.into_iter().chain((!trouble.shown).then_some(trouble.shown_at)).min()
    }

    /// Does what is due.
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

    /// The trouble, once it is to be shown.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| trouble.shown)
    }

    /// Says what is denied, when it is.
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
