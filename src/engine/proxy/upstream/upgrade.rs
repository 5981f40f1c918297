//! Upgrades: each on a fresh HTTP/1.1 connection that serves nothing before and nothing after.

use super::attempt::{authorise, judge, outcome_of};
use super::failure::{Cause, Failure, Stage};
use super::gate::Gated;
use super::h1;
use super::in_flight::{Flight, InFlightGuard};
use super::member::{Call, Failed, Sent, Upstream};
use super::origin::UpstreamEndpoint;
use crate::engine::k8s::credentials::RequestCredentials;
use crate::engine::proxy::body::{Arriving, Outgoing};
use crate::engine::proxy::refusal::Refusal;
use crate::engine::resilience::breaker::Outcome;
use crate::model::text::Text;
use http::header::{CONNECTION, HOST, HeaderValue, ORIGIN, UPGRADE};
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// Longest time for login and connection if the call has no deadline.
const DIAL_WAIT: Duration = Duration::from_secs(10);

/// Outcome of a request for an upgrade.
#[derive(Debug)]
pub enum Upgraded {
    /// The cluster switched to the requested protocol.
    Switched(Box<Tunnel>),
    /// The cluster did not switch; its status and body go to the client, which shows them or falls back.
    Answered(Box<Sent>),
}

/// A connection that has left HTTP.
pub struct Tunnel {
    /// The 101 with its headers.
    pub response: Response<()>,
    /// Index of the API server in the configuration.
    pub endpoint: usize,
    /// Number of times the request was sent.
    pub attempts: u32,
    /// Time from the first dial to the 101.
    pub upstream_wait: Duration,
    /// The upgraded stream; bytes that came right behind the 101 are read first.
    pub(in crate::engine::proxy) io: TokioIo<hyper::upgrade::Upgraded>,
    /// Cancelled when an operator blocks the cluster.
    pub(in crate::engine::proxy) severed: CancellationToken,
    _flight: Flight,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Upstream {
    /// Asks for the upgrade that the request's `Upgrade` names. All other headers are ready except `Authorization`,
    /// `Host`, `Origin` and `Connection`; repeated lines stay apart.
    ///
    /// Fails with 403 if the access level of the cluster forbids the request, and with 400 unless there is exactly one
    /// `Upgrade`. Fails if no endpoint is available, or none answers.
    pub async fn upgrade(&self, request: Request<()>, call: &Call) -> Result<Upgraded, Failed> {
        self.admit(request.method(), request.uri(), true)?;
        let began = Instant::now();
        let (mut tried, mut attempts) = (0, 0);
        let mut failure = Failure::unsent(Cause::Nobody);
        if request.headers().get_all(UPGRADE).iter().count() != 1 {
            let refusal = Refusal::new(400, "BadRequest", "upgrade", "an upgrade names one protocol");
            return Err(Failed { refusal, attempts, unsent: None });
        }
        while let Some((place, origin, trial)) = self.pick(tried, call.class) {
            attempts += 1;
            match ask(origin, &request, call, Flight::new(Arc::clone(origin), true, trial)).await {
                Ok(Asked::Switched { response, io, flight }) => {
                    return Ok(Upgraded::Switched(Box::new(Tunnel {
                        response,
                        endpoint: place,
                        attempts,
                        upstream_wait: began.elapsed(),
                        io,
                        severed: origin.severed(),
                        _flight: flight,
                    })));
                }
                Ok(Asked::Answered { response, lease }) => {
                    let upstream_wait = began.elapsed();
                    let sent = Sent { response, endpoint: place, attempts, upstream_wait, lease };
                    return Ok(Upgraded::Answered(Box::new(sent)));
                }
                Err(failed) => {
                    let unsent = failed.stage == Stage::Unsent;
                    failure = failed;
                    if !unsent || place >= u64::BITS as usize {
                        break;
                    }
                    tried |= 1 << place;
                }
            }
        }
        let unsent = (failure.stage == Stage::Unsent).then(|| Box::new(request.map(|()| Outgoing::Empty)));
        Err(Failed { refusal: self.refusal(&failure), attempts, unsent })
    }
}

enum Asked {
    Switched { response: Response<()>, io: TokioIo<hyper::upgrade::Upgraded>, flight: Flight },
    Answered { response: Response<Arriving>, lease: InFlightGuard },
}

/// Asks one API server; after a 401 once more with new credentials.
async fn ask(
    origin: &Arc<UpstreamEndpoint>,
    request: &Request<()>,
    call: &Call,
    mut flight: Flight,
) -> Result<Asked, Failure> {
    let until = call.deadline.unwrap_or_else(|| Instant::now() + DIAL_WAIT);
    let mut grant = origin.login.current(until).await.map_err(|e| Failure::unsent(Cause::Login(e)))?;
    let mut answered = exchange(origin, request, call, &grant).await;
    if let Ok(response) = &answered
        && response.status() == StatusCode::UNAUTHORIZED
        && let Some(newer) = origin.login.renew(&grant, until, |newer| origin.rewire(newer)).await
    {
        grant = newer;
        answered = exchange(origin, request, call, &grant).await;
    }
    let mut response = match answered {
        Ok(response) => response,
        Err(failure) => {
            flight.record(outcome_of(&failure, call));
            origin.kick.notify_one();
            return Err(failure);
        }
    };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        flight.record(judge(response.status(), call));
        let pool = origin.pool()?;
        let lease = InFlightGuard { slot: None, pool, flight: Some(flight), began: Instant::now() };
        return Ok(Asked::Answered { response, lease });
    }
    if !agrees(request, &response) {
        let why = Text::new("101 for another protocol than asked for");
        return Err(Failure::written(Cause::Malformed(why)));
    }
    let io = hyper::upgrade::on(&mut response).await.map_err(|e| Failure::of(&e, false))?;
    flight.record(Outcome::Good);
    Ok(Asked::Switched { response: response.map(drop), io: TokioIo::new(io), flight })
}

/// Returns true if the protocol of the 101 is the requested one.
fn agrees(request: &Request<()>, response: &Response<Arriving>) -> bool {
    let mut given = response.headers().get_all(UPGRADE).iter();
    match (request.headers().get(UPGRADE), given.next(), given.next()) {
        (Some(asked), Some(given), None) => {
            given.as_bytes().trim_ascii().eq_ignore_ascii_case(asked.as_bytes().trim_ascii())
        }
        _ => false,
    }
}

/// Sends one request on a connection of its own.
async fn exchange(
    origin: &Arc<UpstreamEndpoint>,
    request: &Request<()>,
    call: &Call,
    grant: &RequestCredentials,
) -> Result<Response<Arriving>, Failure> {
    let pool = origin.pool()?;
    let dialled = pool.dialler().dial_h1().await.map_err(|e| Failure::unsent(Cause::Dial(e)))?;
    let (mut sender, connection) = h1::builder().handshake(dialled.io).await.map_err(|e| Failure::of(&e, true))?;
    let (gated, gate) = Gated::new(connection.with_upgrades());
    tokio::spawn(origin.severed().run_until_cancelled_owned(async move {
        if let Err(error) = gated.await {
            tracing::debug!(%error, "a connection for an upgrade ended");
        }
    }));
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut outgoing = Request::new(Outgoing::Empty);
    *outgoing.method_mut() = request.method().clone();
    *outgoing.uri_mut() = origin.place.target(&path, false).ok_or_else(h1::lost)?;
    *outgoing.version_mut() = Version::HTTP_11;
    let headers = outgoing.headers_mut();
    headers.clone_from(request.headers());
    headers.insert(HOST, origin.place.host.clone());
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    // A browser always sends one, and kube-apiserver refuses a watch over WebSocket without it. The caller's was for us.
    headers.remove(ORIGIN);
    if headers.get(UPGRADE).is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        headers.insert(ORIGIN, origin.place.origin.clone());
    }
    authorise(headers, origin, grant);
    let answer = {
        let _open = gate.enter().ok_or_else(h1::lost)?;
        sender.try_send_request(outgoing)
    };
    let answer = match call.deadline {
        None => answer.await,
        Some(until) => match timeout_at(until, answer).await {
            Ok(answer) => answer,
            Err(_) => return Err(Failure::written(Cause::Late)),
        },
    };
    answer.map(|answer| answer.map(Arriving::from)).map_err(|mut error| {
        let returned = error.take_message().is_some();
        Failure::of(error.error(), returned)
    })
}
