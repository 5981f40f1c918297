//! Health of an endpoint from its probes. Pure; the requests are in `probe`.

use crate::model::proxy::EndpointHealth;
use crate::model::text::Text;
use std::collections::VecDeque;
use std::time::Duration;

/// Timing of probes, and the number of failures that take a server down.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthSettings {
    /// Time between two probes of a healthy server.
    pub interval: Duration,
    /// Deadline of one probe.
    pub timeout: Duration,
    /// Path to request: `/readyz`.
    pub path: String,
    /// Failures in a row until the server is down.
    pub failures: u32,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            path: "/readyz".to_owned(),
            failures: 2,
        }
    }
}

/// Probes kept in the history.
pub const HISTORY: usize = 60;
/// Pause after the first failed probe.
const CONFIRM: Duration = Duration::from_secs(1);
/// Pause between probes of an endpoint that is down.
const DOWN: Duration = Duration::from_secs(5);

/// Result of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// The server is ready; the time it took to answer.
    Ready(Duration),
    /// The server answered that it is not ready; its message.
    NotReady(Text),
    /// The server did not answer; the reason.
    Unreachable(Text),
    /// The server answered 401 or 403, or there is no credential to send; the reason.
    Unauthorized(Text),
}

/// The health of one endpoint.
#[derive(Debug, Default)]
pub struct Health {
    state: EndpointHealth,
    why: Text,
    /// Failed probes in a row.
    failed: u32,
    history: VecDeque<Option<u32>>,
}

impl Health {
    /// Returns the health after the last probes.
    pub fn state(&self) -> EndpointHealth {
        self.state
    }

    /// Returns the reason of the last failed probe; empty if the last one succeeded.
    pub fn why(&self) -> &Text {
        &self.why
    }

    /// Returns the duration of the last probes in milliseconds, the newest last; `None` for a failed probe.
    pub fn history(&self) -> Vec<Option<u32>> {
        self.history.iter().copied().collect()
    }

    /// Returns true if requests may be sent there: the endpoint is ready or was not probed yet.
    pub fn is_routable(&self) -> bool {
        matches!(self.state, EndpointHealth::Unknown | EndpointHealth::Ready)
    }

    /// Records a probe. One success brings the endpoint up; it goes down after `settings.failures` failures in a row.
    pub fn on(&mut self, probed: Probed, settings: &HealthSettings) {
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        let took = match &probed {
            Probed::Ready(took) => Some(u32::try_from(took.as_millis()).unwrap_or(u32::MAX)),
            Probed::NotReady(_) | Probed::Unreachable(_) | Probed::Unauthorized(_) => None,
        };
        self.history.push_back(took);
        let (state, why) = match probed {
            Probed::Ready(_) => {
                (self.state, self.why, self.failed) = (EndpointHealth::Ready, Text::default(), 0);
                return;
            }
            Probed::NotReady(why) => (EndpointHealth::NotReady, why),
            Probed::Unreachable(why) => (EndpointHealth::Unreachable, why),
            Probed::Unauthorized(why) => (EndpointHealth::Unauthorized, why),
        };
        self.failed = self.failed.saturating_add(1);
        self.why = why;
        if self.failed >= settings.failures.max(1) {
            self.state = state;
        }
    }

    /// Returns the wait until the next probe.
    pub fn pause(&self, settings: &HealthSettings) -> Duration {
        if self.failed == 0 {
            settings.interval
        } else if self.is_routable() {
            settings.interval.min(CONFIRM)
        } else {
            settings.interval.min(DOWN)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ready() -> Probed {
        Probed::Ready(Duration::from_millis(3))
    }

    fn lost() -> Probed {
        Probed::Unreachable("connection refused".into())
    }

    #[test]
    fn two_failures_take_it_down_and_one_success_brings_it_up() {
        let settings = HealthSettings::default();
        let mut health = Health::default();
        assert!(health.is_routable(), "unknown is given a chance");
        health.on(ready(), &settings);
        health.on(lost(), &settings);
        assert_eq!((health.state(), health.is_routable()), (EndpointHealth::Ready, true));
        assert_eq!(health.pause(&settings), CONFIRM);
        health.on(lost(), &settings);
        assert_eq!((health.state(), health.is_routable()), (EndpointHealth::Unreachable, false));
        assert_eq!((health.pause(&settings), health.why().as_str()), (DOWN, "connection refused"));
        health.on(ready(), &settings);
        assert_eq!((health.state(), health.pause(&settings)), (EndpointHealth::Ready, settings.interval));
        assert_eq!(health.history(), [Some(3), None, None, Some(3)]);
    }

    #[test]
    fn a_refused_credential_is_a_state_of_its_own() {
        let settings = HealthSettings { failures: 1, ..HealthSettings::default() };
        let mut health = Health::default();
        health.on(Probed::Unauthorized("401".into()), &settings);
        assert_eq!((health.state(), health.is_routable()), (EndpointHealth::Unauthorized, false));
    }

    proptest! {
        #[test]
        fn it_is_down_exactly_after_enough_failures_in_a_row(steps in proptest::collection::vec(any::<bool>(), 1..200), failures in 1_u32..5) {
            let settings = HealthSettings { failures, ..HealthSettings::default() };
            let mut health = Health::default();
            let mut row = 0;
            for good in steps {
                health.on(if good { ready() } else { lost() }, &settings);
                row = if good { 0 } else { row + 1 };
                prop_assert_eq!(health.is_routable(), row < failures);
                prop_assert!(health.history().len() <= HISTORY);
                prop_assert!(health.pause(&settings) <= settings.interval);
            }
        }
    }
}
