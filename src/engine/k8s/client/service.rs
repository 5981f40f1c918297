//! The service below `kube::Client`: adds credentials to a request, retries once where it is safe, logs in again after
//! a 401, and enforces a deadline over all of it.

use super::connector::{Connector, Observed};
use super::proxy::{self, Proxy};
use super::sending::{Outgoing, Trace};
use super::{CONNECT_TIMEOUT, headers};
use crate::config::environment::Environment;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::credentials::{Credentials, RequestCredentials};
use crate::engine::k8s::errors;
use crate::engine::k8s::tls::{self, Trust};
use crate::model::cluster::WITHHELD;
use crate::model::text::{Text, clean};
use futures::future::BoxFuture;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, UPGRADE, USER_AGENT,
};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::Body;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, timeout_at};
use tower_http::decompression::{Decompression, DecompressionBody};

/// Idle connections kept to one server. A watch holds a connection of its own; these serve the requests between.
const IDLE_CONNECTIONS_MAX: usize = 4;
/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// The longest `Retry-After` that we wait for ourselves; a longer one goes to the caller.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Pause before a retry if the server names none.
const PAUSE: Duration = Duration::from_millis(500);
/// Maximum number of bytes read of an error response.
const ERROR_BYTES_MAX: usize = 1024 * 1024;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Http = Decompression<Client<Connector, Outgoing>>;

/// The service below `kube::Client`.
#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

struct Inner {
    credentials: Arc<Credentials>,
    server: Server,
    proxy: Option<Arc<Proxy>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    compress: bool,
    deadline: Duration,
    observed: Observed,
    /// The client for the present trust; a rotated certificate makes a new one, so that no connection
    /// of the old one is used again.
    http: Mutex<Option<(Arc<Trust>, Http)>>,
}

/// A server URL, parsed.
pub(crate) struct Server {
    pub(crate) base: Uri,
    /// `host:port`, for messages.
    pub(crate) address: Arc<str>,
    /// The name its certificate must carry; `None` for a server without TLS.
    pub(crate) tls: Option<ServerName<'static>>,
}

impl Server {
    /// Parses the URL of a server; `tls_name` replaces its host in the verification of the certificate. Fails if it is
    /// not an http or https URL, or if the name cannot be in a certificate.
    pub(crate) fn parse(url: &str, tls_name: Option<&str>) -> Result<Self, ClusterError> {
        let unfit = || {
            let url = clean(url);
            ClusterError::Failed(Text::from(format!(
                "server: {url:?} is not an address; https://host:port is expected"
            )))
        };
        let base: Uri = url.trim().parse().map_err(|_| unfit())?;
        let host = base.host().filter(|host| !host.is_empty()).ok_or_else(unfit)?;
        let (port, tls) = match base.scheme_str() {
            Some("http") => (80, None),
            Some("https") => (443, Some(tls::server_name(tls_name.unwrap_or(host))?)),
            _ => return Err(unfit()),
        };
        let address = Arc::from(format!("{host}:{}", base.port_u16().unwrap_or(port)));
        Ok(Self { base, address, tls })
    }

    /// The full URL of a request path.
    fn join(&self, path: &Uri) -> Result<Uri, ClusterError> {
        let mut parts = self.base.clone().into_parts();
        let prefix = self.base.path().trim_end_matches('/');
        let rest = path.path_and_query().map_or("/", PathAndQuery::as_str);
        let unfit = || ClusterError::Failed(Text::new("the path is not one"));
        parts.path_and_query = Some(format!("{prefix}{rest}").parse().map_err(|_| unfit())?);
        Uri::from_parts(parts).map_err(|_| unfit())
    }
}

impl Service {
    /// Makes the service of an endpoint, without a connection. Fails if the server is not an http or https URL, if the
    /// proxy address is malformed, or if an impersonated name cannot be a header value.
    pub(crate) fn new(
        credentials: &Arc<Credentials>,
        environment: &Environment,
        observed: &Observed,
    ) -> Result<Self, ClusterError> {
        let endpoint = credentials.endpoint();
        Ok(Self(Arc::new(Inner {
            server: Server::parse(&endpoint.server, endpoint.tls_server_name.as_deref())?,
            proxy: proxy::choose(endpoint, environment)?.map(Arc::new),
            headers: headers::impersonation(&endpoint.user.impersonate)?,
            compress: !endpoint.disable_compression,
            deadline: Duration::from_secs(u64::from(endpoint.timeout_s)).max(CONNECT_TIMEOUT),
            observed: observed.clone(),
            credentials: Arc::clone(credentials),
            http: Mutex::new(None),
        })))
    }

    /// The address of the server as `host:port`.
    pub(crate) fn address(&self) -> Arc<str> {
        Arc::clone(&self.0.server.address)
    }
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.answer(request).await.map_err(Into::into) })
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;
type Raw = Response<DecompressionBody<Incoming>>;

impl Inner {
    /// Logs in, sends the request, and after a 401 sends it once more with new credentials.
    async fn answer(&self, request: Request<Body>) -> Result<Answer, ClusterError> {
        self.admit(&request)?;
        let streams = is_stream(request.uri());
        let grant = self.credentials.grant().await?;
        let again = copy(&request);
        let trace = request.extensions().get::<Trace>().cloned();
        let mut raw = self.send(request, &grant).await?;
        if raw.status() == StatusCode::UNAUTHORIZED {
            let newer = match again {
                Some(again) => self.credentials.renew(&grant).await?.map(|newer| (again, newer)),
                None => None,
            };
            if let Some((again, newer)) = newer {
                if let Some(trace) = &trace {
                    trace.start_over();
                }
                raw = self.send(again, &newer).await?;
            }
        }
        self.judge(raw, streams).await
    }

    /// Rejects a request that the cluster's access level does not allow, before any login.
    fn admit(&self, request: &Request<Body>) -> Result<(), ClusterError> {
        let root = PathAndQuery::from_static("/");
        let uri = request.uri().path_and_query().unwrap_or(&root);
        let upgrades = request.headers().contains_key(UPGRADE);
        let access = &self.credentials.endpoint().access;
        access.check(request.method(), uri, upgrades).map_err(|why| ClusterError::Denied(Text::from(why.to_string())))
    }

    /// Sends the request with these credentials; a GET that broke, or that the server asked to retry soon, is sent once
    /// more.
    async fn send(&self, mut request: Request<Body>, grant: &RequestCredentials) -> Result<Raw, ClusterError> {
        let mut http = self.http_for(&grant.trust)?;
        self.dress(&mut request, grant)?;
        let again = (request.method() == Method::GET).then(|| copy(&request)).flatten();
        let trace = request.extensions().get::<Trace>().cloned();
        let until = Instant::now() + trace.as_ref().map_or(self.deadline, Trace::deadline);
        let Ok(first) = timeout_at(until, tower::Service::call(&mut http, outgoing(request))).await else {
            return Err(self.too_slow());
        };
        if let (Some(trace), Ok(answer)) = (&trace, &first) {
            trace.note_status(answer.status());
        }
        let Some(again) = again else {
            return first.map_err(|e| self.failed(&e));
        };
        let pause = match &first {
            Ok(answer) => pause_of(answer),
            Err(e) => (!e.is_connect()).then(|| jittered(PAUSE / 5)),
        };
        let Some(pause) = pause.filter(|pause| Instant::now() + *pause < until) else {
            return first.map_err(|e| self.failed(&e));
        };
        drop(first);
        tokio::time::sleep(pause).await;
        match timeout_at(until, tower::Service::call(&mut http, outgoing(again))).await {
            Ok(second) => second.map_err(|e| self.failed(&e)),
            Err(_) => Err(self.too_slow()),
        }
    }

    /// Sets our headers and the full URL on a request.
    fn dress(&self, request: &mut Request<Body>, grant: &RequestCredentials) -> Result<(), ClusterError> {
        *request.uri_mut() = self.server.join(request.uri())?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(headers::USER_AGENT));
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
        if let Some(authorization) = &grant.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(())
    }

    /// The HTTP client for this trust: the present one, or a new one after a rotation.
    fn http_for(&self, trust: &Arc<Trust>) -> Result<Http, ClusterError> {
        let mut present = self.http.lock();
        if let Some((made_for, http)) = &*present
            && made_for == trust
        {
            return Ok(http.clone());
        }
        let tls = match &self.server.tls {
            Some(name) => Some((Arc::new(tls::configure(trust)?), name.clone())),
            None => None,
        };
        let guarded = self.credentials.endpoint().guarded;
        let connector =
            Connector::new(&self.server.address, self.proxy.clone(), tls, &self.observed, guarded).trusting(trust);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(connector);
        let http = Decompression::new(client).gzip(self.compress);
        *present = Some((Arc::clone(trust), http.clone()));
        Ok(http)
    }

    /// Turns a response into an answer or an error before its body is read.
    async fn judge(&self, raw: Raw, streams: bool) -> Result<Answer, ClusterError> {
        let status = raw.status();
        let address = &self.server.address;
        if is_html(&raw) {
            return Err(errors::html(status.as_u16(), address));
        }
        if status.is_redirection() {
            let to = raw.headers().get(LOCATION).and_then(|l| l.to_str().ok()).unwrap_or("elsewhere");
            let text = format!("{address} answered with a redirect to {}, not Kubernetes; a login page?", clean(to));
            return Err(ClusterError::Failed(Text::from(text)));
        }
        let asked = retry_after(&raw);
        let quiet = (!streams).then_some(self.deadline);
        let answer = raw.map(|body| Paced::new(body, quiet, Arc::clone(address)).boxed_unsync());
        if status == StatusCode::FORBIDDEN && self.credentials.are_withheld() {
            return explained(answer).await;
        }
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
        {
            return Ok(if status.is_success() { answer } else { answer.map(limited) });
        }
        let body = answer.map(limited).into_body().collect().await.map_err(|e| errors::translate_any(&*e))?;
        let error = errors::of_status(status, &body.to_bytes());
        if let ClusterError::AuthNeeded(said) = &error {
            return Err(self.credentials.refused(said));
        }
        match (error, asked) {
            (ClusterError::Throttled { what, .. }, Some(asked)) => {
                Err(ClusterError::Throttled { what, retry_after: Some(errors::bounded(asked)) })
            }
            (error, _) => Err(error),
        }
    }

    fn too_slow(&self) -> ClusterError {
        errors::timed_out(self.deadline, &self.server.address)
    }

    /// The error of a request without a response, with the address where the text has none.
    fn failed(&self, error: &(dyn std::error::Error + 'static)) -> ClusterError {
        let translated = errors::translate_any(error);
        // The connector's own errors name it already.
        if let (ClusterError::Unreachable(text), false) = (&translated, errors::is_told(error)) {
            return ClusterError::Unreachable(Text::from(format!("{text} ({})", self.server.address)));
        }
        translated
    }
}

/// Returns true if the response has no end of its own: a watch, or logs that are followed.
fn is_stream(uri: &Uri) -> bool {
    let on = |pair: &str| matches!(pair, "watch=true" | "watch=1" | "follow=true" | "follow=1");
    uri.query().is_some_and(|query| query.split('&').any(on))
}

fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    if let Some(trace) = request.extensions().get::<Trace>() {
        copy.extensions_mut().insert(trace.clone());
    }
    Some(copy)
}

/// The request with a body that notes when it leaves.
fn outgoing(request: Request<Body>) -> Request<Outgoing> {
    let trace = request.extensions().get::<Trace>().cloned();
    request.map(|body| Outgoing::new(body, trace))
}

fn is_html(answer: &Raw) -> bool {
    answer
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|t| t.as_bytes().get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"text/html")))
}

fn retry_after(answer: &Raw) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// How long to wait before a retry; `None` if there is to be none.
fn pause_of(answer: &Raw) -> Option<Duration> {
    let status = answer.status();
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
        || is_html(answer)
    {
        return None;
    }
    match retry_after(answer) {
        Some(asked) if asked > PAUSE_MAX => None,
        Some(asked) => Some(jittered(asked.max(PAUSE))),
        None => Some(jittered(PAUSE)),
    }
}

/// Adds up to half of the pause at random, so that a hundred clients do not return together.
fn jittered(pause: Duration) -> Duration {
    pause + pause.mul_f64(fastrand::f64() / 2.0)
}

/// Completes a 403 for an anonymous user with the reason why the server does not know us.
async fn explained(answer: Answer) -> Result<Answer, ClusterError> {
    let (mut head, body) = answer.map(limited).into_parts();
    let body = body.collect().await.map_err(|e| errors::translate_any(&*e))?.to_bytes();
    let said = errors::of_status(head.status, &body);
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Forbidden",
        "code": head.status.as_u16(), "message": format!("{said} ({WITHHELD})"),
    });
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = http_body_util::Full::new(Bytes::from(status.to_string())).map_err(|never| match never {});
    Ok(Response::from_parts(head, body.boxed_unsync()))
}

fn limited(body: UnsyncBoxBody<Bytes, BoxError>) -> UnsyncBoxBody<Bytes, BoxError> {
    http_body_util::Limited::new(body, ERROR_BYTES_MAX).boxed_unsync()
}

/// A body that fails if it brings no frame for `quiet`.
struct Paced {
    body: Pin<Box<DecompressionBody<Incoming>>>,
    quiet: Option<Duration>,
    silence: Option<Pin<Box<Sleep>>>,
    address: Arc<str>,
}

impl Paced {
    fn new(body: DecompressionBody<Incoming>, quiet: Option<Duration>, address: Arc<str>) -> Self {
        Self { body: Box::pin(body), quiet, silence: None, address }
    }
}

impl hyper::body::Body for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Poll::Ready(frame) = self.body.as_mut().poll_frame(cx) {
            self.silence = None;
            return Poll::Ready(frame.map(|f| f.map_err(|e| errors::translate_any(&*e).into())));
        }
        let Some(quiet) = self.quiet else {
            return Poll::Pending;
        };
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(quiet)));
        if silence.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let text = format!("{} fell silent for {} in the middle of its answer", self.address, errors::seconds(quiet));
        Poll::Ready(Some(Err(ClusterError::Unreachable(Text::from(text)).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
