//! One sending of a request to one API server: login, connection, request, and what the outcome says of that server.

use super::call::Call;
use super::failure::{Cause, Failure, Stage};
use super::in_flight::{Flight, InFlightGuard};
use super::origin::UpstreamEndpoint;
use super::pool::Slot;
use crate::engine::k8s::credentials::RequestCredentials;
use crate::engine::proxy::body::{Arriving, Outgoing};
use crate::engine::proxy::hpack_values;
use crate::engine::resilience::breaker::Outcome;
use crate::model::text::Text;
use http::header::{AUTHORIZATION, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Longest wait for a connection, for a request without a deadline of its own.
const PLACE_WAIT: Duration = Duration::from_secs(10);

/// The state of one request over all its attempts.
pub(super) struct SendState {
    /// Request to send next; `None` once it cannot be sent again.
    pub(super) request: Option<Request<Outgoing>>,
    /// Path and query of the request.
    pub(super) path: PathAndQuery,
    pub(super) version: Version,
    pub(super) host: Option<http::HeaderValue>,
    pub(super) began: Instant,
    pub(super) attempts: u32,
    pub(super) free: u32,
    pub(super) paced: u32,
    /// API servers that failed the request, as bits.
    pub(super) tried: u64,
    pub(super) failure: Option<Failure>,
    /// The request was sent again with new credentials.
    pub(super) renewed: bool,
}

impl SendState {
    pub(super) fn new(request: Request<Outgoing>) -> Self {
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Self {
            path,
            version: request.version(),
            host: request.headers().get(HOST).cloned(),
            request: Some(request),
            began: Instant::now(),
            attempts: 0,
            free: 0,
            paced: 0,
            tried: 0,
            failure: None,
            renewed: false,
        }
    }

    /// Returns the request without the proxy's own additions.
    pub(super) fn into_original(self) -> Option<Request<Outgoing>> {
        let mut request = self.request?;
        *request.uri_mut() = http::Uri::from(self.path);
        *request.version_mut() = self.version;
        let headers = request.headers_mut();
        headers.remove(AUTHORIZATION);
        match self.host {
            Some(host) => headers.insert(HOST, host),
            None => headers.remove(HOST),
        };
        Some(request)
    }
}

/// Makes one attempt: login, connection, request, and once more with new credentials after a 401. Fails with the
/// cause, and the stage the request had reached.
pub(super) async fn attempt(
    flight: Flight,
    course: &mut SendState,
    call: &Call,
) -> Result<(Response<Arriving>, InFlightGuard), Failure> {
    let origin = Arc::clone(&flight.origin);
    let until = call.deadline.unwrap_or_else(|| Instant::now() + PLACE_WAIT);
    let mut grant = login(&origin, until).await?;
    let mut flight = Some(flight);
    for again in [true, false] {
        let pool = origin.pool()?;
        let slot = match pool.acquire(call.long_running, until).await {
            Ok(slot) => slot,
            Err(failure) => {
                if let Some(flight) = &mut flight {
                    flight.record(outcome_of(&failure, call));
                }
                origin.kick.notify_one();
                return Err(failure);
            }
        };
        let Some(flying) = flight.take() else { break };
        let h2 = slot.is_h2();
        let mut lease = InFlightGuard { slot: Some(slot), pool, flight: Some(flying), began: Instant::now() };
        let mut request = course.request.take().ok_or_else(super::h1::lost)?;
        dress(&mut request, &origin, &course.path, &grant, h2).ok_or_else(super::h1::lost)?;
        course.request = copy(&request);
        let response = match dispatch(&mut lease, request, course, call.deadline).await {
            Ok(response) => response,
            Err(failure) => {
                // One lost connection is one failure, however many requests were on it.
                let told = failure.shared && !lease.slot.as_ref().is_some_and(Slot::blame);
                lease.record(if told { Outcome::Neither } else { outcome_of(&failure, call) });
                return Err(failure);
            }
        };
        lease.record(judge(response.status(), call));
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let why = Text::new("101 without being asked for an upgrade");
            return Err(Failure::written(Cause::Malformed(why)));
        }
        if response.status() != StatusCode::UNAUTHORIZED || !again || !origin.login.replaces {
            return Ok((response, lease));
        }
        if course.request.is_none() {
            // A probe renews them for the next.
            origin.kick.notify_one();
            return Ok((response, lease));
        }
        let newer = Box::pin(origin.login.renew(&grant, until, |newer| origin.rewire(newer))).await;
        match newer {
            Some(newer) => {
                grant = newer;
                course.attempts += 1;
                course.renewed = true;
                drop(response);
                flight = lease.fly_on();
            }
            None => return Ok((response, lease)),
        }
    }
    Err(super::h1::lost())
}

async fn login(origin: &UpstreamEndpoint, until: Instant) -> Result<Arc<RequestCredentials>, Failure> {
    if let Some(grant) = origin.login.now() {
        return Ok(grant);
    }
    Box::pin(origin.login.current(until)).await.map_err(|e| Failure::unsent(Cause::Login(e)))
}

async fn dispatch(
    lease: &mut InFlightGuard,
    request: Request<Outgoing>,
    course: &mut SendState,
    deadline: Option<Instant>,
) -> Result<Response<Arriving>, Failure> {
    let Some(slot) = lease.slot.as_mut() else {
        return Err(super::h1::lost());
    };
    let sent = match deadline {
        None => slot.send(request).await,
        Some(until) => match timeout_at(until, slot.send(request)).await {
            Ok(sent) => sent,
            Err(_) => return Err(Failure::written(Cause::Late)),
        },
    };
    sent.map_err(|(failure, returned)| {
        if returned.is_some() {
            course.request = returned;
        }
        failure
    })
}

/// Sets the address and the proxy's credential. The caller's credential never passes if the proxy's replaces it.
fn dress<B>(
    request: &mut Request<B>,
    origin: &UpstreamEndpoint,
    path: &PathAndQuery,
    grant: &RequestCredentials,
    h2: bool,
) -> Option<()> {
    *request.uri_mut() = origin.place.target(path, h2)?;
    *request.version_mut() = if h2 { Version::HTTP_2 } else { Version::HTTP_11 };
    let headers = request.headers_mut();
    if h2 {
        headers.remove(HOST);
        hpack_values::fit(headers);
    } else {
        headers.insert(HOST, origin.place.host.clone());
    }
    authorise(headers, origin, grant);
    Some(())
}

pub(super) fn authorise(headers: &mut HeaderMap, origin: &UpstreamEndpoint, grant: &RequestCredentials) {
    if !origin.login.replaces {
        return;
    }
    match &grant.authorization {
        Some(authorization) => headers.insert(AUTHORIZATION, authorization.clone()),
        None => headers.remove(AUTHORIZATION),
    };
    let ours = origin.login.impersonation();
    if ours.is_empty() {
        return;
    }
    // The kubeconfig says whom we act as there; nobody behind us chooses another.
    let theirs: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("impersonate-")).cloned().collect();
    for name in theirs {
        headers.remove(name);
    }
    for (name, value) in ours {
        headers.append(name.clone(), value.clone());
    }
}

/// Returns a copy of the request; `None` if its body can be sent only once.
fn copy(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    let mut copy = Request::new(request.body().again()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// Returns the outcome for the server by the status of its answer. If a backend behind the server answers, an error is
/// the backend's.
pub(super) fn judge(status: StatusCode, call: &Call) -> Outcome {
    match status.as_u16() {
        502..=504 if call.proxied => Outcome::Neither,
        502..=504 => Outcome::Gateway,
        429 => Outcome::Neither,
        _ => Outcome::Good,
    }
}

/// Returns the outcome for the server by a failure.
pub(super) fn outcome_of(failure: &Failure, call: &Call) -> Outcome {
    match (&failure.cause, failure.stage) {
        // What a backend says too late, or breaks off, may end the request alone.
        (Cause::Late | Cause::Malformed(_) | Cause::Broken(_), Stage::Written) if call.proxied && !failure.shared => {
            Outcome::Neither
        }
        (Cause::Dial(_) | Cause::Late | Cause::Malformed(_), _) | (Cause::Broken(_), Stage::Written) => Outcome::Bad,
        // A connection that ended between two requests, or a server that moves its clients on.
        (Cause::Broken(_), Stage::Unsent | Stage::Unprocessed)
        | (Cause::Caller | Cause::Busy | Cause::Login(_) | Cause::Nobody, _) => Outcome::Neither,
    }
}
