//! Which headers of an answer cross.

use crate::engine::proxy::refusal::Refusal;
use http::header::{self, HeaderName};
use http::{HeaderMap, StatusCode};

/// Removes the headers of an answer that concern a single connection.
///
/// `Warning`, `Audit-ID`, `Retry-After`, `X-Kubernetes-PF-*` and all other headers pass. An upgrade's answer keeps
/// `Connection: Upgrade`.
///
/// Fails with 502 on a redirect: a client that follows it leaves the proxy, and a proxy that follows it fetches
/// something that was not requested.
pub fn answered(headers: &mut HeaderMap, status: StatusCode) -> Result<(), Refusal> {
    if status.is_redirection() && headers.contains_key(header::LOCATION) {
        return Err(Refusal::new(
            502,
            "BadGateway",
            "redirect",
            "the cluster answered with a redirect, which the proxy does not pass on",
        ));
    }
    let switching = status == StatusCode::SWITCHING_PROTOCOLS;
    let kept = |name: &HeaderName| switching && (*name == header::CONNECTION || *name == header::UPGRADE);
    let ends = |name: &HeaderName| ends_here(name) && !kept(name);
    if headers.keys().any(ends) {
        let mut gone: Vec<HeaderName> = headers.keys().filter(|name| ends(name)).cloned().collect();
        for line in headers.get_all(header::CONNECTION) {
            let options = line.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii);
            // What all servers say names no header that is not gone already.
            let options =
                options.filter(|o| !o.eq_ignore_ascii_case(b"keep-alive") && !o.eq_ignore_ascii_case(b"close"));
            let names = options.filter_map(|o| HeaderName::from_bytes(o).ok());
            gone.extend(names.filter(|name| !kept(name) && *name != header::CONTENT_LENGTH).take(OPTIONS_MAX));
        }
        for name in gone {
            headers.remove(name);
        }
    }
    Ok(())
}

/// Names taken from one `Connection` line of an answer.
const OPTIONS_MAX: usize = 64;

fn ends_here(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name {
        // Between two neighbours only.
        "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade"
        // About the upstream's own name and address, not ours.
        | "server" | "via" | "alt-svc" | "strict-transport-security" | "location" | "content-location" | "refresh"
        // For browsers, which have no business here.
        | "set-cookie" | "set-cookie2" => true,
        _ => ["proxy-", "access-control-", "x-forwarded-"].iter().any(|prefix| name.starts_with(prefix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    fn left(status: u16, lines: &[(&'static str, &'static str)]) -> Result<Vec<String>, u16> {
        let mut headers = headers(lines);
        answered(&mut headers, StatusCode::from_u16(status).unwrap()).map_err(|refusal| refusal.code)?;
        Ok(headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect())
    }

    #[test]
    fn an_answer_of_a_server_passes() {
        let lines = [
            ("audit-id", "a"),
            ("cache-control", "no-cache, private"),
            ("content-type", "application/json"),
            ("warning", "299 - \"one\""),
            ("warning", "299 - \"two\""),
            ("x-kubernetes-pf-flowschema-uid", "f"),
            ("retry-after", "1"),
            ("content-length", "3"),
        ];
        assert_eq!(left(200, &lines).unwrap().len(), lines.len());
    }

    #[test]
    fn what_is_between_neighbours_ends() {
        let lines = [
            ("connection", "close, X-One"),
            ("connection", "x-two, content-length"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("proxy-authenticate", "Basic"),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
            ("server", "envoy at 10.0.0.7"),
            ("access-control-allow-origin", "*"),
            ("content-length", "3"),
        ];
        assert_eq!(left(200, &lines), Ok(vec!["content-length: 3".to_owned()]));
    }

    #[test]
    fn a_redirect_goes_nowhere() {
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(left(status, &[("location", "https://10.0.0.7/")]), Err(502));
        }
        assert_eq!(left(304, &[("etag", "x")]), Ok(vec!["etag: x".to_owned()]));
        assert_eq!(left(201, &[("location", "https://10.0.0.7/")]), Ok(Vec::new()));
    }

    #[test]
    fn a_change_of_protocol_says_so() {
        let lines = [("connection", "Upgrade, x-one"), ("upgrade", "websocket"), ("x-one", "1"), ("keep-alive", "1")];
        let left = left(101, &lines).unwrap();
        assert_eq!(left, ["connection: Upgrade, x-one", "upgrade: websocket"]);
    }
}
