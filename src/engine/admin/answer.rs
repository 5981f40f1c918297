//! What the admin listener answers, and to whom.

use super::AdminApi;
use crate::engine::k8s::endpoint::Secret;
use crate::engine::address::is_loopback;
use crate::engine::proxy::metrics;
use crate::model::proxy::TrafficState;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// The longest body that is read.
const BODY_MAX: usize = 64 * 1_024;
const BODY_WAIT: Duration = Duration::from_secs(10);

type Answer = Response<Full<Bytes>>;

/// Who may ask.
#[derive(Debug)]
pub(super) struct Guard {
    token: Secret,
    address: SocketAddr,
}

/// The body of `POST /fence`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FenceOrder {
    pub(super) cluster: String,
    pub(super) state: TrafficState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Metrics,
    Livez,
    Readyz,
    Clusters,
    Config,
    Routes,
    Explain,
    TrafficState,
    Reload,
}

struct Known {
    path: &'static str,
    method: Method,
    page: Page,
    /// Answered without the token.
    open: bool,
}

const PAGES: &[Known] = &[
    Known { path: "/metrics", method: Method::GET, page: Page::Metrics, open: true },
    Known { path: "/livez", method: Method::GET, page: Page::Livez, open: true },
    Known { path: "/readyz", method: Method::GET, page: Page::Readyz, open: true },
    Known { path: "/health/clusters", method: Method::GET, page: Page::Clusters, open: false },
    Known { path: "/config", method: Method::GET, page: Page::Config, open: false },
    Known { path: "/routes", method: Method::GET, page: Page::Routes, open: false },
    Known { path: "/explain", method: Method::POST, page: Page::Explain, open: false },
    Known { path: "/fence", method: Method::POST, page: Page::TrafficState, open: false },
    Known { path: "/reload", method: Method::POST, page: Page::Reload, open: false },
];

impl Guard {
    pub(super) fn new(token: Secret, address: SocketAddr) -> Self {
        Self { token, address }
    }

    /// Which page is asked for, if it may be.
    fn admit(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Page, (StatusCode, &'static str)> {
        if uri.authority().is_some() || headers.contains_key(header::ORIGIN) {
            return Err((StatusCode::FORBIDDEN, "this is not for browsers and not a proxy"));
        }
        if is_loopback(self.address.ip()) && !self.is_host(headers) {
            return Err((StatusCode::FORBIDDEN, "the Host is not this listener's address"));
        }
        let known = PAGES.iter().find(|known| known.path == uri.path());
        // Without the token nobody learns which other pages there are.
        if !known.is_some_and(|known| known.open) && !self.is_bearer(headers) {
            return Err((StatusCode::UNAUTHORIZED, "this needs the admin token"));
        }
        let known = known.ok_or((StatusCode::NOT_FOUND, "there is no such page"))?;
        let head = known.method == Method::GET && *method == Method::HEAD;
        if *method == known.method || head {
            Ok(known.page)
        } else {
            Err((StatusCode::METHOD_NOT_ALLOWED, "another method is needed"))
        }
    }

    /// A page of a browser whose name was made to point to loopback sends that name.
    fn is_host(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else {
            return false;
        };
        host.parse() == Ok(self.address) || host.strip_prefix("localhost:") == Some(&self.address.port().to_string())
    }

    fn is_bearer(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else { return false };
        let token = value.as_bytes().strip_prefix(b"Bearer ").unwrap_or_default();
        let expected = self.token.0.as_bytes();
        !expected.is_empty() && bool::from(token.ct_eq(expected))
    }
}

pub(super) async fn answer(request: Request<Incoming>, guard: &Guard, pictures: &dyn AdminApi) -> Answer {
    let (parts, body) = request.into_parts();
    match guard.admit(&parts.method, &parts.uri, &parts.headers) {
        Ok(page) => picture(page, body, pictures).await,
        Err((status, why)) => text(status, why),
    }
}

async fn picture(page: Page, body: Incoming, pictures: &dyn AdminApi) -> Answer {
    match page {
        Page::Metrics => {
            let mut out = String::with_capacity(64 * 1_024);
            pictures.metrics(&mut out);
            typed(StatusCode::OK, metrics::CONTENT_TYPE, out)
        }
        Page::Livez => text(StatusCode::OK, "ok"),
        Page::Readyz => match pictures.ready() {
            Ok(()) => text(StatusCode::OK, "ok"),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
        },
        Page::Clusters => json(&pictures.routes().clusters),
        Page::Config => text(StatusCode::OK, pictures.config()),
        Page::Routes => json(&pictures.routes()),
        Page::Explain => match read(body).await.map(|body| pictures.explain(&body)) {
            Ok(Ok(explanation)) => json(&explanation),
            Ok(Err(why)) => text(StatusCode::BAD_REQUEST, why),
            Err(refused) => refused,
        },
        Page::TrafficState => match read(body).await {
            Ok(body) => fence(&body, pictures),
            Err(refused) => refused,
        },
        Page::Reload => match pictures.reload().await {
            Ok(()) => text(StatusCode::OK, "ok"),
            Err(why) => text(StatusCode::UNPROCESSABLE_ENTITY, why),
        },
    }
}

fn fence(body: &str, pictures: &dyn AdminApi) -> Answer {
    let order: FenceOrder = match serde_json::from_str(body) {
        Ok(order) => order,
        Err(why) => {
            let why = format!("expected {{\"cluster\": NAME, \"state\": \"open\"|\"draining\"|\"fenced\"}}: {why}");
            return text(StatusCode::BAD_REQUEST, why);
        }
    };
    match pictures.fence(&order.cluster, order.state) {
        Ok(()) => text(StatusCode::OK, "ok"),
        Err(why) => text(StatusCode::NOT_FOUND, why),
    }
}

async fn read(body: Incoming) -> Result<String, Answer> {
    let whole = tokio::time::timeout(BODY_WAIT, Limited::new(body, BODY_MAX).collect()).await;
    let Ok(Ok(whole)) = whole else {
        return Err(text(StatusCode::BAD_REQUEST, "the body did not come, or is longer than 64 KiB"));
    };
    String::from_utf8(whole.to_bytes().into()).map_err(|_| text(StatusCode::BAD_REQUEST, "the body is not UTF-8"))
}

fn json(value: &impl Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(body) => typed(StatusCode::OK, "application/json", body),
        Err(why) => text(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()),
    }
}

fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    let mut body: String = body.into();
    if !body.ends_with('\n') {
        body.push('\n');
    }
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str) -> Guard {
        Guard::new(Secret("s3cret".to_owned()), address.parse().unwrap())
    }

    /// The page, or the status of the refusal.
    fn ask(guard: &Guard, line: &str, headers: &[(&'static str, &'static str)]) -> Result<Page, u16> {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        guard.admit(&method.parse().unwrap(), &uri.parse().unwrap(), &map).map_err(|(status, _)| status.as_u16())
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:6480");
    const TOKEN: (&str, &str) = ("authorization", "Bearer s3cret");

    #[test]
    fn only_three_pages_are_open() {
        for guard in [guard("127.0.0.1:6480"), guard("0.0.0.0:6480")] {
            for known in PAGES {
                let line = format!("{} {}", known.method, known.path);
                assert_eq!(ask(&guard, &line, &[HOST, TOKEN]), Ok(known.page));
                let without = ask(&guard, &line, &[HOST]);
                let open = ["/metrics", "/livez", "/readyz"].contains(&known.path);
                assert_eq!(without, if open { Ok(known.page) } else { Err(401) }, "{line}");
            }
            assert_eq!(ask(&guard, "GET /debug", &[HOST]), Err(401));
            assert_eq!(ask(&guard, "GET /debug", &[HOST, TOKEN]), Err(404));
        }
    }

    #[test]
    fn a_token_is_the_whole_token_once() {
        let guard = guard("127.0.0.1:6480");
        for wrong in ["s3cret", "Bearer s3cre", "Bearer s3cret2", "Bearer ", "bearer s3cret", "Basic s3cret"] {
            assert_eq!(ask(&guard, "GET /routes", &[HOST, ("authorization", wrong)]), Err(401), "{wrong}");
        }
        assert_eq!(ask(&guard, "GET /routes", &[HOST, TOKEN, TOKEN]), Err(401));
        let empty = Guard::new(Secret(String::new()), "127.0.0.1:6480".parse().unwrap());
        assert_eq!(ask(&empty, "GET /routes", &[HOST, ("authorization", "Bearer ")]), Err(401));
        assert!(!format!("{guard:?}").contains("s3cret"));
    }

    #[test]
    fn a_browser_is_turned_away() {
        let loopback = guard("127.0.0.1:6480");
        assert_eq!(ask(&loopback, "GET /metrics", &[("host", "evil.example:6480")]), Err(403));
        assert_eq!(ask(&loopback, "GET /metrics", &[("host", "127.0.0.1")]), Err(403));
        assert_eq!(ask(&loopback, "GET /metrics", &[]), Err(403));
        assert_eq!(ask(&loopback, "GET /metrics", &[HOST, HOST]), Err(403));
        assert_eq!(ask(&loopback, "GET /metrics", &[("host", "localhost:6480")]), Ok(Page::Metrics));
        assert_eq!(ask(&loopback, "GET /routes", &[HOST, TOKEN, ("origin", "null")]), Err(403));
        assert_eq!(ask(&loopback, "GET http://127.0.0.1:6480/metrics", &[HOST]), Err(403));
        // A kubelet and a scraper use the pod's address or any name of it.
        assert_eq!(ask(&guard("0.0.0.0:6480"), "GET /readyz", &[("host", "10.1.2.3:6480")]), Ok(Page::Readyz));
    }

    #[test]
    fn what_changes_something_is_a_post() {
        let guard = guard("127.0.0.1:6480");
        assert_eq!(ask(&guard, "GET /reload", &[HOST, TOKEN]), Err(405));
        assert_eq!(ask(&guard, "POST /metrics", &[HOST]), Err(405));
        assert_eq!(ask(&guard, "HEAD /livez", &[HOST]), Ok(Page::Livez));
    }
}
