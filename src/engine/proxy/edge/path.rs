//! Paths that two programs could read in two ways. The path goes on exactly as it came, so it must mean one thing:
//! to us, to whatever stands between, and to the server.

use crate::engine::proxy::refusal::Refusal;
use crate::engine::proxy::request::path::Segments;

/// Query values that are credentials. A server's log keeps queries, so none goes on.
const CREDENTIALS: [&str; 2] = ["token", "access_token"];

/// Refuses an ambiguous path (with its query). hyper itself refuses raw control characters, spaces and bytes that are
/// not UTF-8, and cuts off a fragment.
///
/// Fails with 400 if the path or the query holds one of these:
///
/// * Everywhere: `%` without two hexadecimal digits, encoded control characters, segments `.` and `..` in any
///   spelling, raw backslashes and raw characters beyond ASCII.
/// * In the resource part, which decides where a request goes: empty segments, `%2F`, `%5C`, `%25` (never part of a
///   name), and bytes that are no UTF-8.
/// * In the query of a resource: broken encodings, and `token` or `access_token`.
///
/// The part behind `…/proxy/` belongs to another program and keeps its slashes and its query.
pub fn check(path_and_query: &str) -> Result<(), Refusal> {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    if !plain(path) {
        examine(path)?;
    }
    match query {
        Some(query) if proxied(path).is_none() => check_query(query),
        _ => Ok(()),
    }
}

/// Returns true if the path holds none of the characters and segments that need a closer look.
fn plain(path: &str) -> bool {
    let mut previous = 0;
    let mut plain = true;
    for byte in path.bytes() {
        let ordinary = byte > b' ' && byte < 0x7f && byte != b'%' && byte != b'\\';
        plain &= ordinary && !(previous == b'/' && matches!(byte, b'/' | b'.'));
        previous = byte;
    }
    plain
}

fn bad(message: &'static str) -> Refusal {
    Refusal::new(400, "BadRequest", "path", message)
}

/// Returns the offset of the part behind `…/proxy`; `None` if there is none.
///
/// Only plain spellings are known here: an encoded `proxy` falls under the stricter rules.
pub fn proxied(path: &str) -> Option<usize> {
    let mut segments = Segments::of(path.strip_prefix('/')?);
    let mut at = 1;
    let mut next = || {
        let segment = segments.next()?;
        at += segment.len() + 1;
        Some((segment, at))
    };
    match next()?.0 {
        "api" => next()?,
        "apis" => next().and(next())?,
        _ => return None,
    };
    let (first, _) = next()?;
    if matches!(first, "watch" | "proxy") {
        return None;
    }
    next()?;
    let (mut word, mut end) = next()?;
    if first == "namespaces" && !matches!(word, "status" | "finalize") {
        next()?;
        (word, end) = next()?;
    }
    (word == "proxy" && end <= path.len()).then_some(end)
}

fn examine(path: &str) -> Result<(), Refusal> {
    let split = proxied(path).unwrap_or(path.len());
    let (resource, rest) = path.split_at_checked(split).unwrap_or((path, ""));
    if resource.contains("//") {
        return Err(bad("an empty segment in the path"));
    }
    segments(resource, true)?;
    segments(rest, false)
}

/// Checks each decoded segment; an encoded slash ends a segment too.
fn segments(path: &str, strict: bool) -> Result<(), Refusal> {
    let mut decoded = Vec::new();
    let mut start = 0;
    for unit in Units(path.as_bytes()) {
        let unit = unit?;
        if strict && unit.encoded && matches!(unit.byte, b'/' | b'\\' | b'%') {
            return Err(bad("an encoded slash, backslash or percent sign in the path"));
        }
        if matches!(unit.byte, b'/' | b'\\') {
            dots(decoded.get(start..).unwrap_or_default())?;
            start = decoded.len() + 1;
        }
        decoded.push(unit.byte);
    }
    dots(decoded.get(start..).unwrap_or_default())?;
    if strict && std::str::from_utf8(&decoded).is_err() {
        return Err(bad("the path is no UTF-8"));
    }
    Ok(())
}

fn dots(segment: &[u8]) -> Result<(), Refusal> {
    // What follows a `;` is a parameter to some servers, and `..;` a way around others' checks.
    let name = segment.split(|b| *b == b';').next().unwrap_or_default();
    if matches!(name, b"." | b"..") { Err(bad("a dot segment in the path")) } else { Ok(()) }
}

/// A decoded byte of a path.
struct Unit {
    byte: u8,
    encoded: bool,
}

struct Units<'a>(&'a [u8]);

impl Iterator for Units<'_> {
    type Item = Result<Unit, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&byte, rest) = self.0.split_first()?;
        if byte != b'%' {
            self.0 = rest;
            let fit = byte > b' ' && byte < 0x7f && byte != b'\\';
            let unit = if fit { Ok(Unit { byte, encoded: false }) } else { Err(bad("a raw character in the path")) };
            return Some(unit);
        }
        let Some((byte, rest)) = encoded(rest) else {
            return Some(Err(bad("a broken percent-encoding in the path")));
        };
        self.0 = rest;
        if byte < b' ' || byte == 0x7f {
            return Some(Err(bad("an encoded control character in the path")));
        }
        Some(Ok(Unit { byte, encoded: true }))
    }
}

/// Decodes the byte of two hexadecimal digits; returns the rest behind them too.
fn encoded(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = digits.split_first_chunk()?;
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some((digit(high)? << 4 | digit(low)?, rest))
}

fn check_query(query: &str) -> Result<(), Refusal> {
    let mut rest = query.as_bytes();
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        let Some((_, after)) = rest.get(at + 1..).and_then(encoded) else {
            return Err(bad("a broken percent-encoding in the query"));
        };
        rest = after;
    }
    if pairs(query).any(|pair| CREDENTIALS.iter().any(|name| is(pair, name))) {
        return Err(Refusal::new(
            400,
            "BadRequest",
            "credential",
            "a credential in the query is refused: send it as an Authorization header",
        ));
    }
    Ok(())
}

/// Iterates over the pairs of a query, split by either separator.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = &str> {
    query.split(['&', ';'])
}

/// Returns true if the pair has this name, once decoded.
pub(super) fn is(pair: &str, name: &str) -> bool {
    let mut rest = pair.split('=').next().unwrap_or_default().as_bytes();
    for expected in name.bytes() {
        let byte = match rest.split_first() {
            None => return false,
            Some((b'%', after)) => match encoded(after) {
                None => return false,
                Some((byte, after)) => {
                    rest = after;
                    byte
                }
            },
            Some((&byte, after)) => {
                rest = after;
                byte
            }
        };
        if !byte.eq_ignore_ascii_case(&expected) {
            return false;
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str) -> bool {
        check(path).is_err()
    }

    #[test]
    fn paths_of_clients_pass() {
        for path in [
            "/",
            "/api",
            "/version",
            "/api/v1/namespaces/a/pods?watch=true&resourceVersion=12",
            "/api/v1/namespaces/a/pods/",
            "/apis/apps/v1/namespaces/a/deployments/web/scale",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
            "/apis/user.openshift.io/v1/users/%C3%A9mile",
            "/api/v1/pods?labelSelector=app%20in%20%28x%2Cy%29&limit=500",
            "/api/v1/namespaces/a/pods/p/exec?command=sh&command=-c&command=a%0Ab&stdin=true",
            "/openapi/v3/apis/apps/v1?hash=00FF",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn what_reads_two_ways_is_refused() {
        for path in [
            "//api/v1/pods",
            "/api//v1/pods",
            "/api/v1//pods",
            "/api/v1/pods//",
            "/api/v1/namespaces/a%2Fb/pods",
            "/api/v1/namespaces/a%2fb/pods",
            "/api/v1/namespaces/a%5Cb/pods",
            "/api/v1/namespaces/a\\b/pods",
            "/api/v1/namespaces/a/../b/pods",
            "/api/v1/namespaces/a/pods/..",
            "/api/v1/namespaces/a/pods/%2e%2E",
            "/api/v1/namespaces/a/pods/.%2e/x",
            "/api/v1/namespaces/a/pods/..;x/y",
            "/api/v1/./pods",
            "/api/v1/pods/%2",
            "/api/v1/pods/%zz",
            "/api/v1/pods/%+1",
            "/api/v1/pods/%00",
            "/api/v1/pods/%0d%0aHost:x",
            "/api/v1/pods/%7f",
            "/api/v1/pods/%252e",
            "/api/v1/pods/%ff",
            "/api/v1/pods/é",
            "/..",
            "/.",
            "/api/v1/pods?a=%z1",
            "/api/v1/pods?a=%",
        ] {
            assert!(refused(path), "{path}");
        }
    }

    #[test]
    fn the_rest_behind_proxy_is_anothers() {
        for path in [
            "/api/v1/namespaces/a/services/web:80/proxy//x%2Fy/%5C?token=1&b=%z",
            "/api/v1/nodes/n/proxy/a//b",
            "/apis/g/v1/namespaces/a/things/t/proxy/%25",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        for path in [
            "/api/v1/nodes/n/proxy/../../secrets",
            "/api/v1/nodes/n/proxy/..%2f..%2fsecrets",
            "/api/v1/nodes/n/proxy/%0a",
            "/api/v1/nodes/n/%70roxy//x",
            "/api/v1/proxy/nodes//n",
            "/api/v1/watch/namespaces/a/pods/p/proxy//x",
            "/api/v1/namespaces/a/proxy//x",
            "/api/v1//nodes/n/proxy/x",
        ] {
            assert!(refused(path), "{path}");
        }
        assert_eq!(proxied("/api/v1/namespaces/a/services/web/proxy"), None);
        assert_eq!(proxied("/api/v1/namespaces/a/services/web/proxy/x"), Some(40));
        assert_eq!(proxied("/api/v1/namespaces/a/status/proxy/x"), None);
    }

    #[test]
    fn credentials_in_a_query_are_refused_in_any_spelling() {
        for query in ["token=x", "a=1&access_token=x", "%74oken=x", "TOKEN=x", "a=1;token=x", "token"] {
            assert_eq!(check(&format!("/api/v1/pods?{query}")).map_err(|r| r.label), Err("credential"), "{query}");
        }
        for query in ["tokens=x", "a=token", "limit=1&continue=token", "ttoken=1", ""] {
            assert_eq!(check(&format!("/api/v1/pods?{query}")), Ok(()), "{query}");
        }
    }
}
