//! Asks an API server whether it is ready: on a connection of its own, so that a stuck pool is noticed.

use super::h1;
use super::origin::UpstreamEndpoint;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::client::headers;
use crate::engine::k8s::credentials::RequestCredentials;
use crate::engine::k8s::errors;
use crate::engine::proxy::body::Outgoing;
use crate::engine::resilience::breaker::DOUBTED_EVERY;
use crate::engine::resilience::health::Probed;
use crate::model::text::Text;
use http::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Bytes of an answer that are read for its reason.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Shortest pause between two probes, whatever asks for the next.
const SOONEST: Duration = Duration::from_millis(200);

/// Probes until the endpoint stops.
pub(super) async fn run(origin: &Arc<UpstreamEndpoint>) {
    loop {
        let began = Instant::now();
        let probed = tokio::select! {
            () = origin.stop.cancelled() => return,
            probed = ask(origin) => probed,
        };
        origin.probed(probed, began);
        let pause = pause(origin.next_probe(), fastrand::f64());
        tokio::select! {
            () = origin.stop.cancelled() => return,
            () = rest(origin, pause) => {}
        }
    }
}

/// Waits for the pause until the next probe; a request for a probe shortens it.
async fn rest(origin: &UpstreamEndpoint, pause: Duration) {
    let last = Instant::now();
    let mut due = last + pause;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(due) => return,
            () = origin.kick.notified() => due = due.min(Instant::now() + SOONEST),
            () = origin.doubted.notified() => due = due.min(last + DOUBTED_EVERY),
        }
    }
}

/// Returns the wanted pause, varied by a tenth, and never none: a breaker that recovers at once would ask for a probe
/// at once each time.
fn pause(wanted: Duration, random: f64) -> Duration {
    wanted.mul_f64(0.9 + random / 5.0).max(SOONEST)
}

/// Makes one probe, within its deadline.
async fn ask(origin: &Arc<UpstreamEndpoint>) -> Probed {
    let settings = &origin.terms.health;
    let until = Instant::now() + settings.timeout;
    let grant = match origin.login.current(until).await {
        Ok(grant) => grant,
        Err(error) => return Probed::Unauthorized(Text::from(error.to_string())),
    };
    let began = Instant::now();
    let answer = match timeout(settings.timeout, get(origin, &grant, &settings.path)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Probed::Unreachable(Text::from(error.to_string())),
        Err(_) => {
            let waited = errors::seconds(settings.timeout);
            return Probed::Unreachable(Text::from(format!("no answer to {} within {waited}", settings.path)));
        }
    };
    let (status, body) = answer;
    match status {
        StatusCode::OK => Probed::Ready(began.elapsed()),
        // Asked without credentials, it is there.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if !origin.login.replaces => Probed::Ready(began.elapsed()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            if status == StatusCode::UNAUTHORIZED {
                let until = Instant::now() + settings.timeout;
                drop(origin.login.renew(&grant, until, |newer| origin.rewire(newer)).await);
            }
            Probed::Unauthorized(said(status, &body, "the credential is not accepted"))
        }
        _ => Probed::NotReady(said(status, &body, "not ready")),
    }
}

/// Returns a reason: the proxy's words, then the server's; failed readiness checks begin with `[-]`.
fn said(status: StatusCode, body: &[u8], what: &str) -> Text {
    let body = String::from_utf8_lossy(body);
    let failed: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("[-]")).take(3).collect();
    if failed.is_empty() {
        return Text::from(format!("{what} ({})", status.as_u16()));
    }
    let failed = errors::sentence(&failed.join(", "));
    Text::from(format!("{what} ({}): {failed}", status.as_u16()))
}

async fn get(
    origin: &UpstreamEndpoint,
    grant: &RequestCredentials,
    path: &str,
) -> Result<(StatusCode, Vec<u8>), ClusterError> {
    let unfit = || ClusterError::Failed(Text::new("the path of the health check is not one"));
    let path = PathAndQuery::try_from(path).map_err(|_| unfit())?;
    let pool = origin.pool().map_err(|_| ClusterError::AuthNeeded(Text::new("there are no credentials yet")))?;
    let dialled = pool.dialler().dial_h1().await?;
    let (mut sender, connection) = h1::builder().handshake(dialled.io).await.map_err(|e| errors::translate_any(&e))?;
    let mut request = Request::new(Outgoing::Empty);
    *request.uri_mut() = origin.place.target(&path, false).ok_or_else(unfit)?;
    let headers = request.headers_mut();
    headers.insert(HOST, origin.place.host.clone());
    headers.insert(USER_AGENT, HeaderValue::from_static(headers::USER_AGENT));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some(authorization) = &grant.authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|e| errors::translate_any(&e))?;
        let status = answer.status();
        // A reason that cannot be read is no reason.
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map(|b| b.to_bytes().to_vec()).unwrap_or_default()))
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        // The connection may end before its last answer was looked at.
        _ = &mut connection => exchange.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_apart_whatever_is_wanted() {
        for (wanted, random, expected) in
            [(0, 0.0, 200), (0, 1.0, 200), (150, 1.0, 200), (1000, 0.0, 900), (1000, 1.0, 1100)]
        {
            assert_eq!(pause(Duration::from_millis(wanted), random).as_millis(), expected, "{wanted} {random}");
        }
    }
}
