//! Headers of an HTTP/2 connection, which remembers the values it has seen.

use super::edge::headers::AUDIT_ID;
use http::{HeaderMap, HeaderValue};
use hyper::body::Bytes;

/// Bound on the bytes of values that share one piece of memory.
const TOGETHER_MAX: usize = 4 * 1024;

/// Prepares headers for an HTTP/2 connection, which remembers values: each value would hold the whole buffer it was
/// read into (hyper#4060), so all get memory of their own; and the id of one request must not displace values that
/// recur.
pub(super) fn fit(headers: &mut HeaderMap) {
    if let Some(id) = headers.get_mut(AUDIT_ID) {
        // Never in the table of either side (RFC 7541, 7.1.3).
        id.set_sensitive(true);
    }
    own(headers);
}

/// Copies all values into memory of their own.
pub(super) fn own(headers: &mut HeaderMap) {
    let total: usize = headers.values().map(HeaderValue::len).sum();
    if total > TOGETHER_MAX {
        // One small value must not hold many large ones either.
        return replace(headers, |value| HeaderValue::from_bytes(value.as_bytes()));
    }
    let mut all = Vec::with_capacity(total);
    for value in headers.values() {
        all.extend_from_slice(value.as_bytes());
    }
    let (all, mut start) = (Bytes::from(all), 0);
    replace(headers, |value| {
        let end = start + value.len();
        HeaderValue::from_maybe_shared(all.slice(std::mem::replace(&mut start, end)..end))
    });
}

fn replace<E>(headers: &mut HeaderMap, mut copy: impl FnMut(&HeaderValue) -> Result<HeaderValue, E>) {
    for value in headers.values_mut() {
        // What was a value before is one again.
        if let Ok(mut own) = copy(value) {
            own.set_sensitive(value.is_sensitive());
            *value = own;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        lines.iter().map(pair).collect()
    }

    #[test]
    fn values_of_their_own_are_the_same_values() {
        for length in [0, 1, 100, TOGETHER_MAX] {
            let long = "x".repeat(length);
            let mut headers = headers(&[("accept", "one"), ("x-a", ""), ("x-long", &long), ("accept", "two\u{e9}")]);
            headers.get_mut("x-a").unwrap().set_sensitive(true);
            let before = headers.clone();
            own(&mut headers);
            assert_eq!(headers, before);
            assert!(headers["x-a"].is_sensitive() && !headers["accept"].is_sensitive());
            let at = |headers: &HeaderMap| headers["x-long"].as_bytes().as_ptr();
            assert!(length == 0 || at(&headers) != at(&before));
        }
    }

    #[test]
    fn the_id_of_one_request_is_not_remembered() {
        let mut headers = headers(&[("audit-id", "a-1"), ("accept", "one")]);
        fit(&mut headers);
        assert!(headers["audit-id"].is_sensitive() && !headers["accept"].is_sensitive());
    }
}
