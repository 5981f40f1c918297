//! Authorization of requests to the admin listener, and their answers.

use super::pages::{AdminApi, Answer, Page};
use crate::engine::address::is_loopback;
use crate::engine::k8s::endpoint::Secret;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use std::net::SocketAddr;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// Longest request body, in bytes.
const BODY_MAX: usize = 64 * 1_024;
const BODY_WAIT: Duration = Duration::from_secs(10);

/// Authorizes requests.
#[derive(Debug)]
pub(super) struct Guard {
    token: Secret,
    address: SocketAddr,
}

impl Guard {
    pub(super) fn new(token: Secret, address: SocketAddr) -> Self {
        Self { token, address }
    }

    /// Returns the requested page. Fails if the request comes from a browser or is for a proxy, lacks the token that
    /// the page needs, or names an unknown page or another method.
    fn admit(
        &self,
        pages: &'static [Page],
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<&'static Page, (StatusCode, &'static str)> {
        if uri.authority().is_some() || headers.contains_key(header::ORIGIN) {
            return Err((StatusCode::FORBIDDEN, "this is not for browsers and not a proxy"));
        }
        if is_loopback(self.address.ip()) && !self.is_host(headers) {
            return Err((StatusCode::FORBIDDEN, "the Host is not this listener's address"));
        }
        let known = pages.iter().find(|page| page.path == uri.path());
        // Without the token nobody learns which other pages there are.
        if !known.is_some_and(|page| page.open) && !self.is_bearer(headers) {
            return Err((StatusCode::UNAUTHORIZED, "this needs the admin token"));
        }
        let known = known.ok_or((StatusCode::NOT_FOUND, "there is no such page"))?;
        let head = known.method == Method::GET && *method == Method::HEAD;
        if *method == known.method || head {
            Ok(known)
        } else {
            Err((StatusCode::METHOD_NOT_ALLOWED, "another method is needed"))
        }
    }

    /// Returns true if the Host is this listener. A browser that was rebound to loopback by DNS sends another name.
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

/// Answers one request; with an error page if the guard refuses it.
pub(super) async fn answer(request: Request<Incoming>, guard: &Guard, api: &dyn AdminApi) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let answer = match guard.admit(api.pages(), &parts.method, &parts.uri, &parts.headers) {
        Ok(page) if page.method == Method::POST => match read(body).await {
            Ok(body) => api.answer(page, body).await,
            Err(refused) => refused,
        },
        Ok(page) => api.answer(page, String::new()).await,
        Err((status, why)) => Answer::text(status, why),
    };
    response(answer)
}

async fn read(body: Incoming) -> Result<String, Answer> {
    let whole = tokio::time::timeout(BODY_WAIT, Limited::new(body, BODY_MAX).collect()).await;
    let Ok(Ok(whole)) = whole else {
        return Err(Answer::text(StatusCode::BAD_REQUEST, "the body did not come, or is longer than 64 KiB"));
    };
    let not_text = |_| Answer::text(StatusCode::BAD_REQUEST, "the body is not UTF-8");
    String::from_utf8(whole.to_bytes().into()).map_err(not_text)
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if answer.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str) -> Guard {
        Guard::new(Secret("s3cret".to_owned()), address.parse().unwrap())
    }

    const PAGES: &[Page] = &[
        Page { path: "/metrics", method: Method::GET, open: true, about: "" },
        Page { path: "/livez", method: Method::GET, open: true, about: "" },
        Page { path: "/readyz", method: Method::GET, open: true, about: "" },
        Page { path: "/routes", method: Method::GET, open: false, about: "" },
        Page { path: "/reload", method: Method::POST, open: false, about: "" },
    ];

    /// The path of the page, or the status of the refusal.
    fn ask(guard: &Guard, line: &str, headers: &[(&'static str, &'static str)]) -> Result<&'static str, u16> {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let page = guard.admit(PAGES, &method.parse().unwrap(), &uri.parse().unwrap(), &map);
        page.map(|page| page.path).map_err(|(status, _)| status.as_u16())
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:6480");
    const TOKEN: (&str, &str) = ("authorization", "Bearer s3cret");

    #[test]
    fn only_open_pages_need_no_token() {
        for guard in [guard("127.0.0.1:6480"), guard("0.0.0.0:6480")] {
            for known in PAGES {
                let line = format!("{} {}", known.method, known.path);
                assert_eq!(ask(&guard, &line, &[HOST, TOKEN]), Ok(known.path));
                let without = ask(&guard, &line, &[HOST]);
                assert_eq!(without, if known.open { Ok(known.path) } else { Err(401) }, "{line}");
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
        assert_eq!(ask(&loopback, "GET /metrics", &[("host", "localhost:6480")]), Ok("/metrics"));
        assert_eq!(ask(&loopback, "GET /routes", &[HOST, TOKEN, ("origin", "null")]), Err(403));
        assert_eq!(ask(&loopback, "GET http://127.0.0.1:6480/metrics", &[HOST]), Err(403));
        // A kubelet and a scraper use the pod's address or any name of it.
        assert_eq!(ask(&guard("0.0.0.0:6480"), "GET /readyz", &[("host", "10.1.2.3:6480")]), Ok("/readyz"));
    }

    #[test]
    fn what_changes_something_is_a_post() {
        let guard = guard("127.0.0.1:6480");
        assert_eq!(ask(&guard, "GET /reload", &[HOST, TOKEN]), Err(405));
        assert_eq!(ask(&guard, "POST /metrics", &[HOST]), Err(405));
        assert_eq!(ask(&guard, "HEAD /livez", &[HOST]), Ok("/livez"));
    }
}
