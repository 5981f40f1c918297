//! Which requests may become a tunnel. Only the two protocols Kubernetes speaks; all else stays a plain request.

use crate::engine::proxy::refusal::Refusal;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};

/// A protocol a connection may change to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// WebSocket, by GET.
    WebSocket,
    /// SPDY/3.1, by GET or POST.
    Spdy,
}

impl Protocol {
    const ALL: [Self; 2] = [Self::WebSocket, Self::Spdy];

    /// The token in `Upgrade`, also the label in `qd_proxy_upgrades_total`.
    pub const fn token(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Spdy => "SPDY/3.1",
        }
    }

    pub(super) const fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.token())
    }

    /// Returns true if the server changed to this protocol: only then do bytes flow.
    pub fn confirmed(self, status: StatusCode, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(header::UPGRADE).iter();
        let named = match (lines.next(), lines.next()) {
            (Some(line), None) => line.as_bytes().eq_ignore_ascii_case(self.token().as_bytes()),
            _ => false,
        };
        status == StatusCode::SWITCHING_PROTOCOLS && named && asks(headers)
    }
}

/// Returns the protocol a request asks to change to; `None` for a plain request, and for an unknown protocol, as HTTP
/// lets a server ignore the wish.
///
/// Fails with 400 if two readers could disagree on the end of the request or on the next sender: an upgrade to a known
/// protocol with a body, by another method, in HTTP/1.0, with a second `Upgrade` line or protocol. Over HTTP/2 hyper
/// refuses the headers themselves.
pub fn upgrade(parts: &Parts) -> Result<Option<Protocol>, Refusal> {
    if !asks(&parts.headers) {
        return Ok(None);
    }
    let known = |token: &[u8]| Protocol::ALL.into_iter().find(|p| p.token().as_bytes().eq_ignore_ascii_case(token));
    let asked = || parts.headers.get_all(header::UPGRADE).iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
    let Some(protocol) = asked().find_map(|token| known(token.trim_ascii())) else {
        return Ok(None);
    };
    if asked().nth(1).is_some() {
        return Err(bad("more than one protocol in Upgrade"));
    }
    if parts.version != Version::HTTP_11 {
        return Err(bad("an upgrade needs HTTP/1.1"));
    }
    let fit = match protocol {
        Protocol::WebSocket => parts.method == Method::GET,
        Protocol::Spdy => parts.method == Method::GET || parts.method == Method::POST,
    };
    if !fit {
        return Err(bad("this protocol is not changed to by this method"));
    }
    let length = parts.headers.get_all(header::CONTENT_LENGTH).iter().any(|value| value.as_bytes() != b"0");
    if length || parts.headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(bad("an upgrade with a body"));
    }
    Ok(Some(protocol))
}

/// Returns true if there is an `Upgrade`, and a `Connection` line has the option `upgrade`.
fn asks(headers: &HeaderMap) -> bool {
    let mut options = headers.get_all(header::CONNECTION).iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
    headers.contains_key(header::UPGRADE) && options.any(|o| o.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

fn bad(message: &'static str) -> Refusal {
    Refusal::new(400, "BadRequest", "upgrade", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn asked(method: &str, version: Version, lines: &[(&str, &str)]) -> Result<Option<Protocol>, &'static str> {
        let request =
            lines.iter().fold(Request::builder().method(method).version(version).uri("/x"), |request, line| {
                request.header(line.0, line.1)
            });
        upgrade(&request.body(()).unwrap().into_parts().0).map_err(|refusal| refusal.label)
    }

    const UPGRADE: (&str, &str) = ("connection", "keep-alive, Upgrade");

    #[test]
    fn the_two_protocols_are_known() {
        let h11 = Version::HTTP_11;
        assert_eq!(asked("GET", h11, &[UPGRADE, ("upgrade", "WebSocket")]), Ok(Some(Protocol::WebSocket)));
        assert_eq!(asked("POST", h11, &[UPGRADE, ("upgrade", "SPDY/3.1")]), Ok(Some(Protocol::Spdy)));
        assert_eq!(
            asked("POST", h11, &[UPGRADE, ("upgrade", "SPDY/3.1"), ("content-length", "0")]),
            Ok(Some(Protocol::Spdy))
        );
        let split = [("connection", "keep-alive"), ("connection", "upgrade"), ("upgrade", "websocket")];
        assert_eq!(asked("GET", h11, &split), Ok(Some(Protocol::WebSocket)));
    }

    #[test]
    fn a_wish_we_do_not_know_is_ignored() {
        let h11 = Version::HTTP_11;
        assert_eq!(asked("GET", h11, &[UPGRADE, ("upgrade", "h2c")]), Ok(None));
        assert_eq!(asked("GET", h11, &[("upgrade", "websocket")]), Ok(None));
        assert_eq!(asked("GET", h11, &[UPGRADE]), Ok(None));
        assert_eq!(asked("POST", h11, &[UPGRADE, ("upgrade", "h2c"), ("content-length", "3")]), Ok(None));
    }

    #[test]
    fn an_upgrade_that_reads_two_ways_is_refused() {
        let h11 = Version::HTTP_11;
        let websocket = ("upgrade", "websocket");
        for (method, version, more) in [
            ("POST", h11, ("x", "y")),
            ("PUT", h11, ("x", "y")),
            ("GET", Version::HTTP_10, ("x", "y")),
            ("GET", h11, ("content-length", "1")),
            ("GET", h11, ("content-length", "00")),
            ("GET", h11, ("transfer-encoding", "chunked")),
            ("GET", h11, ("upgrade", "h2c")),
        ] {
            assert_eq!(asked(method, version, &[UPGRADE, websocket, more]), Err("upgrade"), "{method} {more:?}");
        }
        assert_eq!(asked("GET", h11, &[UPGRADE, ("upgrade", "websocket, SPDY/3.1")]), Err("upgrade"));
        assert_eq!(asked("GET", h11, &[UPGRADE, ("upgrade", "h2c, websocket")]), Err("upgrade"));
    }

    #[test]
    fn only_the_same_protocol_confirms() {
        let answer = |lines: &[(&'static str, &'static str)]| -> HeaderMap {
            lines.iter().map(|(n, v)| (header::HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
        };
        let good = answer(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
        assert!(Protocol::WebSocket.confirmed(StatusCode::SWITCHING_PROTOCOLS, &good));
        assert!(!Protocol::Spdy.confirmed(StatusCode::SWITCHING_PROTOCOLS, &good));
        assert!(!Protocol::WebSocket.confirmed(StatusCode::OK, &good));
        assert!(!Protocol::WebSocket.confirmed(StatusCode::SWITCHING_PROTOCOLS, &answer(&[("upgrade", "websocket")])));
    }
}
