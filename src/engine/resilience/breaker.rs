//! Circuit breaker: takes a failing endpoint out of use, and lets it back in step by step. Pure: time is an argument.

use crate::model::proxy::BreakerState;
use std::time::Duration;
use tokio::time::Instant;

/// Conditions under which a breaker opens and closes.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerSettings {
    /// Failures in a row until it opens.
    pub failure_threshold: u32,
    /// Time it stays open before a probe may half-open it.
    pub recovery_timeout: Duration,
    /// Trial requests let through while it is half open; as many successes close it.
    pub half_open_requests: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failure_threshold: 5, recovery_timeout: Duration::from_secs(10), half_open_requests: 1 }
    }
}

/// Share of requests that must succeed over the window, in percent, once there are [`SAMPLES_MIN`].
const SUCCESS_PERCENT: u32 = 80;
const SAMPLES_MIN: u32 = 20;
/// Length of the window in seconds.
const WINDOW: usize = 10;
/// Good probes in a row that close it when no reads arrive to do so.
const PROBES_TO_CLOSE: u32 = 2;
/// Pause between two probes requested by gateway answers: a flood of answers must not cause a flood of probes.
pub(crate) const DOUBTED_EVERY: Duration = Duration::from_secs(1);

/// Result of a request, as evidence about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint answered.
    Good,
    /// The connection failed, or no answer came.
    Bad,
    /// A well-formed 502, 503 or 504. The cause may be one service, one aggregated API or a resourceVersion that is not
    /// there yet. So it does not count, and requests a probe, which shows whether the server itself fails.
    Gateway,
    /// No evidence about the server: a 429, a failure of a backend behind it, or a caller that disconnected.
    Neither,
}

/// Result of a probe of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The probe succeeded.
    Ready,
    /// The probe failed, as a single one may.
    Failed,
    /// As many probes failed in a row as take the endpoint down.
    Down,
}

/// Circuit breaker of one endpoint.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    state: State,
    /// Failures in a row.
    row: u32,
    window: Window,
    /// Time of the last gateway answer that no probe has cleared since.
    doubted: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { probes: u32, trials: u32, good: u32 },
}

impl Breaker {
    /// Returns a closed breaker.
    pub fn new(settings: BreakerSettings, now: Instant) -> Self {
        Self { settings, state: State::Closed, row: 0, window: Window::new(now), doubted: None }
    }

    /// Returns the state of the breaker.
    pub fn state(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Returns `None` if a request may not be sent, else whether it is a trial, whose outcome must then be recorded.
    /// `read` is true for a read: only reads are trials.
    pub fn admit(&mut self, read: bool) -> Option<bool> {
        match &mut self.state {
            State::Closed => Some(false),
            State::HalfOpen { trials, .. } if read && *trials < self.settings.half_open_requests.max(1) => {
                *trials += 1;
                Some(true)
            }
            State::HalfOpen { .. } | State::Open { .. } => None,
        }
    }

    /// Returns true if a request of this kind would be admitted.
    pub fn admits(&self, read: bool) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { .. } => false,
            State::HalfOpen { trials, .. } => read && trials < self.settings.half_open_requests.max(1),
        }
    }

    /// Records the outcome of a request; `trial` as [`Breaker::admit`] returned it.
    pub fn record(&mut self, outcome: Outcome, trial: bool, now: Instant) {
        if outcome == Outcome::Gateway {
            self.doubted = Some(now);
        }
        match &mut self.state {
            State::Closed => self.count(outcome, now),
            State::HalfOpen { trials, good, .. } if trial => match outcome {
                Outcome::Good => {
                    *good += 1;
                    if *good >= self.settings.half_open_requests.max(1) {
                        self.close(now);
                    }
                }
                Outcome::Bad => self.open(now),
                Outcome::Gateway | Outcome::Neither => *trials = trials.saturating_sub(1),
            },
            // What began before it opened says nothing new.
            State::HalfOpen { .. } | State::Open { .. } => {}
        }
    }

    /// Records a probe that began at `began`.
    pub fn probed(&mut self, verdict: Verdict, began: Instant, now: Instant) {
        let good = verdict == Verdict::Ready;
        if good && self.doubted.is_some_and(|at| at <= began) {
            self.doubted = None;
        }
        let confirmed = verdict == Verdict::Down && self.is_doubted();
        match &mut self.state {
            // The gateway answers were about the server after all.
            State::Closed if confirmed => self.open(now),
            State::Closed => {}
            State::Open { until } if now < *until => {}
            State::Open { .. } if good => self.state = State::HalfOpen { probes: 1, trials: 0, good: 0 },
            State::HalfOpen { probes, .. } if good => {
                *probes += 1;
                if *probes >= PROBES_TO_CLOSE {
                    self.close(now);
                }
            }
            State::Open { .. } | State::HalfOpen { .. } => self.open(now),
        }
    }

    /// Returns the time of the next probe if the breaker needs one before the usual interval.
    pub fn wants_probe(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Closed => self.is_doubted().then(|| now + DOUBTED_EVERY),
            State::Open { until } => Some(until.max(now)),
            State::HalfOpen { .. } => Some(now + Duration::from_secs(1)),
        }
    }

    /// Returns true if a gateway answer has come since the last good probe began.
    pub fn is_doubted(&self) -> bool {
        self.doubted.is_some()
    }

    fn count(&mut self, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Gateway | Outcome::Neither => return,
            Outcome::Good => {
                self.row = 0;
                self.window.add(true, now);
                return;
            }
            Outcome::Bad => {
                self.row += 1;
                self.window.add(false, now);
            }
        }
        if self.row >= self.settings.failure_threshold.max(1) || self.window.fails(now) {
            self.open(now);
        }
    }

    fn open(&mut self, now: Instant) {
        self.state = State::Open { until: now + self.settings.recovery_timeout };
    }

    fn close(&mut self, now: Instant) {
        self.state = State::Closed;
        self.row = 0;
        self.window = Window::new(now);
        self.doubted = None;
    }
}

/// Successes and failures of the last seconds.
#[derive(Debug)]
struct Window {
    began: Instant,
    seconds: [(u64, u32, u32); WINDOW],
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { began: now, seconds: [(0, 0, 0); WINDOW] }
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs()
    }

    fn add(&mut self, good: bool, now: Instant) {
        let second = self.second(now);
        let place = usize::try_from(second % WINDOW as u64).unwrap_or_default();
        let Some(slot) = self.seconds.get_mut(place) else { return };
        if slot.0 != second {
            *slot = (second, 0, 0);
        }
        if good { slot.1 += 1 } else { slot.2 += 1 }
    }

    fn fails(&self, now: Instant) -> bool {
        let second = self.second(now);
        let recent = self.seconds.iter().filter(|(at, ..)| second.saturating_sub(*at) < WINDOW as u64);
        let (good, bad) = recent.fold((0_u32, 0_u32), |(g, b), (_, good, bad)| (g + good, b + bad));
        let all = good + bad;
        all >= SAMPLES_MIN && u64::from(good) * 100 < u64::from(all) * u64::from(SUCCESS_PERCENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn breaker(now: Instant) -> Breaker {
        let settings =
            BreakerSettings { failure_threshold: 5, recovery_timeout: Duration::from_secs(10), half_open_requests: 2 };
        Breaker::new(settings, now)
    }

    /// A probe that took no time.
    fn probe(b: &mut Breaker, verdict: Verdict, now: Instant) {
        b.probed(verdict, now, now);
    }

    fn after(now: Instant, seconds: u64) -> Instant {
        now + Duration::from_secs(seconds)
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_a_success_between_does_not() {
        let now = Instant::now();
        let mut b = breaker(now);
        for _ in 0..4 {
            b.record(Outcome::Bad, false, now);
        }
        b.record(Outcome::Good, false, now);
        b.record(Outcome::Neither, false, now);
        for _ in 0..4 {
            b.record(Outcome::Bad, false, now);
        }
        assert_eq!(b.state(), BreakerState::Closed);
        b.record(Outcome::Bad, false, now);
        assert_eq!(b.state(), BreakerState::Open);
        assert_eq!((b.admit(true), b.admit(false)), (None, None));
    }

    #[test]
    fn a_low_success_rate_opens_it_once_there_are_enough_to_tell() {
        let now = Instant::now();
        let mut b = breaker(now);
        for n in 0..19 {
            b.record(if n % 3 == 0 { Outcome::Bad } else { Outcome::Good }, false, now);
        }
        assert_eq!(b.state(), BreakerState::Closed);
        b.record(Outcome::Bad, false, now);
        assert_eq!(b.state(), BreakerState::Open);

        // The same over a minute is too thin.
        let mut b = breaker(now);
        for n in 0..60 {
            b.record(if n % 3 == 0 { Outcome::Bad } else { Outcome::Good }, false, after(now, n));
        }
        assert_eq!(b.state(), BreakerState::Closed);
    }

    /// P2: an answer about one request never counts, however often it comes.
    #[test]
    fn gateway_answers_ask_for_a_probe_and_open_nothing() {
        let now = Instant::now();
        let mut b = breaker(now);
        for n in 0..600 {
            b.record(Outcome::Gateway, false, after(now, n));
            b.record(Outcome::Neither, false, after(now, n));
        }
        assert_eq!((b.state(), b.is_doubted()), (BreakerState::Closed, true));
        assert_eq!(b.wants_probe(after(now, 600)), Some(after(now, 601)));
        // A probe that was asked before the last of them clears nothing.
        b.probed(Verdict::Ready, after(now, 598), after(now, 600));
        assert!(b.is_doubted());
        probe(&mut b, Verdict::Ready, after(now, 601));
        assert_eq!((b.is_doubted(), b.wants_probe(after(now, 601))), (false, None));
        // They end no row of failures either.
        for _ in 0..4 {
            b.record(Outcome::Bad, false, after(now, 602));
        }
        b.record(Outcome::Gateway, false, after(now, 602));
        assert_eq!(b.state(), BreakerState::Closed);
        b.record(Outcome::Bad, false, after(now, 602));
        assert_eq!(b.state(), BreakerState::Open);
    }

    /// P2: a load balancer that answers for a dead server fails the probes too.
    #[test]
    fn gateway_answers_and_probes_that_fail_open_it() {
        let now = Instant::now();
        let mut b = breaker(now);
        probe(&mut b, Verdict::Down, now);
        assert_eq!(b.state(), BreakerState::Closed, "the health says enough");
        b.record(Outcome::Gateway, false, now);
        probe(&mut b, Verdict::Failed, after(now, 1));
        assert_eq!(b.state(), BreakerState::Closed, "one probe may fail");
        probe(&mut b, Verdict::Down, after(now, 2));
        assert_eq!(b.state(), BreakerState::Open);
        // On trial they neither close it nor open it again.
        probe(&mut b, Verdict::Ready, after(now, 12));
        assert_eq!(b.admit(true), Some(true));
        b.record(Outcome::Gateway, true, after(now, 12));
        assert_eq!((b.state(), b.admit(true)), (BreakerState::HalfOpen, Some(true)));
        probe(&mut b, Verdict::Ready, after(now, 13));
        assert_eq!((b.state(), b.is_doubted()), (BreakerState::Closed, false));
    }

    #[test]
    fn it_comes_back_by_a_probe_and_then_by_a_few_reads() {
        let now = Instant::now();
        let mut b = breaker(now);
        (0..5).for_each(|_| b.record(Outcome::Bad, false, now));
        probe(&mut b, Verdict::Ready, after(now, 9));
        assert_eq!(b.state(), BreakerState::Open, "too early");
        probe(&mut b, Verdict::Ready, after(now, 10));
        assert_eq!(b.state(), BreakerState::HalfOpen);
        assert_eq!(b.admit(false), None, "no write on trial");
        assert_eq!((b.admit(true), b.admit(true), b.admit(true)), (Some(true), Some(true), None));
        b.record(Outcome::Neither, true, after(now, 11));
        assert_eq!(b.state(), BreakerState::HalfOpen, "a 429 does not close it");
        assert_eq!(b.admit(true), Some(true));
        b.record(Outcome::Good, false, after(now, 11));
        b.record(Outcome::Good, true, after(now, 11));
        assert_eq!(b.state(), BreakerState::HalfOpen);
        b.record(Outcome::Good, true, after(now, 11));
        assert_eq!(b.state(), BreakerState::Closed);
    }

    #[test]
    fn a_bad_trial_or_probe_opens_it_again_and_two_good_probes_close_it() {
        let now = Instant::now();
        let mut b = breaker(now);
        (0..5).for_each(|_| b.record(Outcome::Bad, false, now));
        probe(&mut b, Verdict::Ready, after(now, 10));
        assert_eq!(b.admit(true), Some(true));
        b.record(Outcome::Bad, true, after(now, 11));
        assert_eq!(b.wants_probe(after(now, 11)), Some(after(now, 21)));
        probe(&mut b, Verdict::Failed, after(now, 21));
        assert_eq!(b.state(), BreakerState::Open);
        probe(&mut b, Verdict::Ready, after(now, 31));
        probe(&mut b, Verdict::Ready, after(now, 32));
        assert_eq!(b.state(), BreakerState::Closed);
    }

    proptest! {
        #[test]
        fn an_open_one_admits_nothing_and_a_closed_one_all(steps in proptest::collection::vec((0_u8..7, 0_u64..5), 0..300)) {
            let mut now = Instant::now();
            let mut b = breaker(now);
            let mut trials = 0_u32;
            for (step, seconds) in steps {
                now += Duration::from_secs(seconds);
                let before = b.state();
                match step {
                    0 => b.record(Outcome::Good, false, now),
                    1 => b.record(Outcome::Bad, false, now),
                    2 => b.record(Outcome::Gateway, false, now),
                    3 => {
                        let verdict = if seconds % 2 == 0 { Verdict::Ready } else { Verdict::Down };
                        probe(&mut b, verdict, now);
                    }
                    4 | 5 => {
                        let read = step == 4;
                        let admits = b.admits(read);
                        let admitted = b.admit(read);
                        prop_assert_eq!(admits, admitted.is_some());
                        match before {
                            BreakerState::Closed => prop_assert_eq!(admitted, Some(false)),
                            BreakerState::Open => prop_assert_eq!(admitted, None),
                            BreakerState::HalfOpen => {
                                prop_assert!(admitted != Some(false) && (read || admitted.is_none()));
                                trials += u32::from(admitted == Some(true));
                            }
                        }
                    }
                    _ => {
                        if trials > 0 {
                            trials -= 1;
                            b.record(Outcome::Neither, true, now);
                        }
                    }
                }
                if b.state() != BreakerState::HalfOpen {
                    trials = 0;
                }
                prop_assert!(trials <= 2);
                // Only a probe leads out of the open state.
                if before == BreakerState::Open && step != 3 {
                    prop_assert_eq!(b.state(), BreakerState::Open);
                }
            }
        }
    }
}
