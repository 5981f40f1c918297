//! One cluster: the choice of an API server for each request, and what is done when it fails.

use super::attempt::{SendState, attempt};
pub(crate) use super::call::Call;
use super::failure::{Cause, Failure, Stage};
use super::in_flight::{Flight, InFlightGuard};
use super::origin::{Terms, UpstreamEndpoint};
use super::retry::{self, Again, Budget};
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::access::AccessGate;
use crate::engine::proxy::body::{Arriving, Outgoing};
use crate::engine::proxy::config::{RetrySettings, UpstreamCluster};
use crate::engine::proxy::refusal::Refusal;
use crate::engine::proxy::request::Class;
use crate::engine::proxy::target::Availability;
use crate::model::proxy::{EndpointFacts, EndpointHealth, TrafficState, UpstreamFacts};
use crate::model::text::Text;
use http::uri::PathAndQuery;
use http::{Method, Request, Response, Uri};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Requests an API server takes at once by default: kube-apiserver's own limit for requests that change nothing.
pub const CAPACITY: u32 = 400;
/// API servers of one cluster that retries can tell apart.
const TRIED_MAX: usize = 64;

/// The head of an answer, and its body as it comes.
#[derive(Debug)]
pub struct Sent {
    /// The answer of the API server.
    pub response: Response<Arriving>,
    /// Index of the API server in the configuration.
    pub endpoint: usize,
    /// Number of times the request was sent; 1 if nothing failed.
    pub attempts: u32,
    /// Time from the first attempt to the head of the answer.
    pub upstream_wait: Duration,
    /// Counts the request as under way; keep it until the body has ended.
    pub lease: InFlightGuard,
}

/// A request without an answer.
#[derive(Debug)]
pub struct Failed {
    /// The answer for the caller.
    pub refusal: Refusal,
    /// Number of times the request was sent.
    pub attempts: u32,
    /// The request as it came, if no server accepted a byte of it: another cluster may take it.
    pub unsent: Option<Box<Request<Outgoing>>>,
}

impl From<Failed> for Refusal {
    fn from(failed: Failed) -> Self {
        failed.refusal
    }
}

/// Events since the start, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests sent again after no byte of them was sent.
    pub retried_unsent: u64,
    /// Requests sent again after the server reported that it had not processed them.
    pub retried_unprocessed: u64,
    /// Reads sent again although the server may have processed them.
    pub retried_written: u64,
    /// Requests sent again with new credentials after a 401.
    pub retried_login: u64,
    /// Retries that the budget did not allow.
    pub retries_refused: u64,
    /// Successful renewals of credentials.
    pub logins: u64,
    /// Failed renewals of credentials.
    pub logins_failed: u64,
}

/// Counters behind [`Counts`].
#[derive(Debug, Default)]
struct Tally {
    unsent: AtomicU64,
    unprocessed: AtomicU64,
    written: AtomicU64,
    login: AtomicU64,
    refused: AtomicU64,
}

impl Tally {
    /// Counts a retry after a failure at this stage.
    fn retried(&self, stage: Stage) {
        let count = match stage {
            Stage::Unsent => &self.unsent,
            Stage::Unprocessed => &self.unprocessed,
            Stage::Written => &self.written,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// State that outlives a reload: the operator's switch and the cost of retries.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    traffic: AtomicU8,
    budget: Budget,
    tally: Tally,
}

/// A cluster, as the proxy sends requests to it.
pub struct Upstream {
    name: Arc<str>,
    region: Text,
    retry: RetrySettings,
    capacity: u32,
    /// Access level of the strictest endpoint.
    access: AccessGate,
    terms: Vec<Terms>,
    origins: Vec<Arc<UpstreamEndpoint>>,
    /// Endpoints that cannot be used as written, with the reason.
    unfit: Vec<(Text, ClusterError)>,
    lasting: Arc<Lasting>,
    token: CancellationToken,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Upstream {
    pub(super) fn new(
        cluster: &UpstreamCluster,
        made: impl Iterator<Item = Result<Arc<UpstreamEndpoint>, ClusterError>>,
        before: Option<&Self>,
        token: &CancellationToken,
    ) -> Self {
        let (mut origins, mut unfit) = (Vec::new(), Vec::new());
        for (made, endpoint) in made.zip(&cluster.endpoints) {
            match made {
                Ok(origin) => origins.push(origin),
                Err(error) => unfit.push((Text::new(&endpoint.server), error)),
            }
        }
        Self {
            name: Arc::clone(&cluster.name),
            region: Text::new(&cluster.region),
            retry: cluster.retry.clone(),
            capacity: cluster.capacity,
            access: cluster.access(),
            terms: Terms::of(cluster).collect(),
            origins,
            unfit,
            lasting: before.map(|b| Arc::clone(&b.lasting)).unwrap_or_default(),
            token: token.clone(),
        }
    }

    /// Returns true if nothing differs that concerns the connection to the cluster.
    pub(super) fn is_of(&self, cluster: &UpstreamCluster) -> bool {
        self.region == cluster.region
            && self.retry == cluster.retry
            && self.capacity == cluster.capacity
            && Terms::of(cluster).eq(self.terms.iter().cloned())
    }

    /// Name of the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn origins(&self) -> &[Arc<UpstreamEndpoint>] {
        &self.origins
    }

    /// Returns the availability that the choice between clusters reads.
    pub fn standing(&self) -> Availability {
        let traffic = self.traffic();
        let routable = traffic != TrafficState::Blocked && self.origins.iter().any(|o| o.admits(true));
        let load = self.in_flight();
        let capacity = match self.capacity {
            0 => CAPACITY.saturating_mul(u32::try_from(self.origins.len()).unwrap_or(1)),
            said => said,
        };
        Availability {
            routable,
            takes_new: routable && traffic == TrafficState::Open,
            load,
            free: capacity.saturating_sub(load),
        }
    }

    fn in_flight(&self) -> u32 {
        self.origins.iter().map(|o| o.in_flight.load(Ordering::Relaxed)).sum()
    }

    /// The operator's switch: open, draining or blocked.
    pub fn traffic(&self) -> TrafficState {
        match self.lasting.traffic.load(Ordering::Acquire) {
            0 => TrafficState::Open,
            1 => TrafficState::Draining,
            _ => TrafficState::Blocked,
        }
    }

    /// Sets the operator's switch. Blocking ends the requests under way there.
    pub fn set_traffic(&self, state: TrafficState) {
        let value = match state {
            TrafficState::Open => 0,
            TrafficState::Draining => 1,
            TrafficState::Blocked => 2,
        };
        self.lasting.traffic.store(value, Ordering::Release);
        if state == TrafficState::Blocked {
            self.origins.iter().for_each(|o| o.sever(&self.token));
        }
    }

    /// Returns the cluster as a screen shows it.
    pub fn facts(&self) -> UpstreamFacts {
        let unfit = self.unfit.iter().map(|(address, error)| EndpointFacts {
            address: address.clone(),
            health: EndpointHealth::Unreachable,
            why: Text::from(error.to_string()),
            ..EndpointFacts::default()
        });
        let long: u32 = self.origins.iter().map(|o| o.long_running.load(Ordering::Relaxed)).sum();
        UpstreamFacts {
            name: Text::new(&self.name),
            traffic: self.traffic(),
            region: self.region.clone(),
            endpoints: self.origins.iter().map(|o| o.facts()).chain(unfit).collect(),
            in_flight: u64::from(self.in_flight()),
            long_running: u64::from(long),
            credential: self.origins.iter().find_map(|o| o.login.trouble()),
        }
    }

    /// Returns the events since the cluster was first configured.
    pub fn counts(&self) -> Counts {
        let tally = &self.lasting.tally;
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (logins, logins_failed) =
            self.origins.iter().map(|o| o.login.counts()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        Counts {
            retried_unsent: get(&tally.unsent),
            retried_unprocessed: get(&tally.unprocessed),
            retried_written: get(&tally.written),
            retried_login: get(&tally.login),
            retries_refused: get(&tally.refused),
            logins,
            logins_failed,
        }
    }

    /// The first of the proxy's credentials for the cluster to expire, and which one it is.
    pub fn expiry(&self) -> Option<(crate::model::time::UnixSeconds, Text)> {
        self.origins.iter().filter_map(|o| o.login.expiry()).min_by_key(|(at, _)| *at)
    }

    /// Sends a request and waits for the head of its answer. The headers are ready except `Authorization` and `Host`;
    /// of the address only path and query count.
    ///
    /// Fails with 403 if the access level of the cluster forbids the request. Fails if no endpoint is available, or
    /// the last attempt fails and no further one is allowed.
    pub async fn send(&self, request: Request<Outgoing>, call: &Call) -> Result<Sent, Failed> {
        self.admit(request.method(), request.uri(), false)?;
        let mut course = SendState::new(request);
        self.lasting.budget.earn();
        let failure = loop {
            let Some((place, origin, trial)) = self.pick(course.tried, call.class) else {
                break course.failure.take().unwrap_or_else(|| Failure::unsent(Cause::Nobody));
            };
            let flight = Flight::new(Arc::clone(origin), call.long_running, trial);
            course.attempts += 1;
            if let Some(failed) = &course.failure {
                self.lasting.tally.retried(failed.stage);
            }
            let attempted = attempt(flight, &mut course, call).await;
            if std::mem::take(&mut course.renewed) {
                self.lasting.tally.login.fetch_add(1, Ordering::Relaxed);
            }
            match attempted {
                Ok((response, lease)) => {
                    let upstream_wait = course.began.elapsed();
                    return Ok(Sent { response, endpoint: place, attempts: course.attempts, upstream_wait, lease });
                }
                Err(failure) => {
                    if !Box::pin(self.again(&mut course, failure, place, call)).await {
                        break course.failure.take().unwrap_or_else(|| Failure::unsent(Cause::Nobody));
                    }
                }
            }
        };
        Err(self.failed(course, &failure))
    }

    /// Refuses a request that the cluster's access level forbids, before any endpoint is tried. The refusal is final:
    /// no other cluster may take the request instead. Fails with 403 in that case.
    pub(super) fn admit(&self, method: &Method, uri: &Uri, upgrades: bool) -> Result<(), Failed> {
        let root = PathAndQuery::from_static("/");
        let uri = uri.path_and_query().unwrap_or(&root);
        self.access.check(method, uri, upgrades).map_err(|why| {
            let text = format!("cluster {} is {why}", self.name);
            Failed { refusal: Refusal::new(403, "Forbidden", "read_only", text), attempts: 0, unsent: None }
        })
    }

    /// Returns true if the request is to be sent again, after the pause before it.
    async fn again(&self, course: &mut SendState, failure: Failure, place: usize, call: &Call) -> bool {
        let stage = failure.stage;
        let final_cause = matches!(failure.cause, Cause::Late | Cause::Caller | Cause::Busy | Cause::Malformed(_));
        if matches!(failure.cause, Cause::Dial(_) | Cause::Login(_)) {
            // The same one would say the same.
            course.tried |= bit(place);
        }
        course.failure = Some(failure);
        if final_cause {
            return false;
        }
        match retry::decide(stage, call.class, course.request.is_some()) {
            Again::Never => false,
            Again::Free => {
                course.free += 1;
                // At once the first time: a connection that was just closed is no sign of trouble.
                course.free <= retry::UNLOOKED_MAX && (course.free == 1 || self.rest(course.free - 1, call).await)
            }
            Again::Paced => {
                if course.paced >= self.retry.max_retries {
                    return false;
                }
                if !self.lasting.budget.spend() {
                    self.lasting.tally.refused.fetch_add(1, Ordering::Relaxed);
                    return false;
                }
                course.paced += 1;
                course.tried |= if self.origins.len() > 1 { bit(place) } else { 0 };
                self.rest(course.paced, call).await
            }
        }
    }

    /// Waits for a random part of the pause; returns false if the deadline comes first.
    async fn rest(&self, number: u32, call: &Call) -> bool {
        let pause = retry::pause(&self.retry, number).mul_f64(fastrand::f64());
        if call.deadline.is_some_and(|until| Instant::now() + pause >= until) {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }

    /// Picks the less loaded of two random API servers that are available; those that failed this request are left
    /// out.
    pub(super) fn pick(&self, tried: u64, class: Class) -> Option<(usize, &Arc<UpstreamEndpoint>, bool)> {
        if self.traffic() == TrafficState::Blocked {
            return None;
        }
        let read = class == Class::Read;
        let able = |(place, origin): &(usize, &Arc<UpstreamEndpoint>)| tried & bit(*place) == 0 && origin.admits(read);
        let all = || self.origins.iter().enumerate().filter(able);
        let chosen = match all().count() {
            0 => return None,
            1 => all().next()?,
            count => {
                let first = fastrand::usize(..count);
                let second = (first + 1 + fastrand::usize(..count - 1)) % count;
                // One of them may have gone down since it was counted.
                let at = |n| all().nth(n).or_else(|| all().next());
                let (a, b) = (at(first)?, at(second)?);
                let load = |o: &UpstreamEndpoint| o.in_flight.load(Ordering::Relaxed);
                if load(b.1) < load(a.1) { b } else { a }
            }
        };
        let trial = chosen.1.admit(read)?;
        Some((chosen.0, chosen.1, trial))
    }

    fn failed(&self, course: SendState, failure: &Failure) -> Failed {
        let untouched = failure.stage != Stage::Written && course.paced == 0;
        let attempts = course.attempts;
        let unsent = if untouched { course.into_original().map(Box::new) } else { None };
        Failed { refusal: self.refusal(failure), attempts, unsent }
    }

    /// Returns the answer for the caller. `Retry-After` is set only if nothing was written: clients retry a request
    /// whose answer has it.
    pub(super) fn refusal(&self, failure: &Failure) -> Refusal {
        let name = &self.name;
        if self.traffic() == TrafficState::Blocked {
            let text = format!("cluster {name} is blocked by its operator; open it in the Routes view, or try another");
            return Refusal::new(503, "ServiceUnavailable", "blocked", text).retry_after(5);
        }
        let unavailable = |label, text: String| Refusal::new(503, "ServiceUnavailable", label, text).retry_after(1);
        match (&failure.cause, failure.stage) {
            (Cause::Nobody, _) => {
                unavailable("no_endpoint", format!("cluster {name} has no API server that answers; try again soon"))
            }
            (Cause::Dial(_), _) => {
                unavailable("unreachable", format!("cluster {name} cannot be reached; try again soon"))
            }
            (Cause::Login(_), _) => unavailable(
                "login",
                format!(
                    "the proxy has no valid credentials for cluster {name}; its operator sees why in the Routes view"
                ),
            ),
            (Cause::Busy, _) => {
                unavailable("busy", format!("all connections to cluster {name} are taken; try again soon"))
            }
            (Cause::Broken(_), Stage::Unsent | Stage::Unprocessed) => {
                unavailable("closed", format!("cluster {name} closed its connections; try again soon"))
            }
            (Cause::Broken(_), Stage::Written) => Refusal::new(
                502,
                "InternalError",
                "broken",
                format!(
                    "the connection to cluster {name} broke before its answer; what became of the request is unknown"
                ),
            ),
            (Cause::Malformed(_), _) => Refusal::new(
                502,
                "InternalError",
                "malformed",
                format!("cluster {name} answered something that is not fit to pass on"),
            ),
            (Cause::Caller, _) => Refusal::new(400, "BadRequest", "caller_broke", "the body of the request broke off"),
            (Cause::Late, _) => Refusal::new(
                504,
                "Timeout",
                "late",
                format!("cluster {name} did not answer in time; what became of the request is unknown"),
            ),
        }
    }
}

fn bit(place: usize) -> u64 {
    if place < TRIED_MAX { 1 << place } else { 0 }
}
