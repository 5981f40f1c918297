//! The bearer token of a request, wherever a Kubernetes client puts it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, header};
use std::borrow::Cow;

/// Prefix of a WebSocket subprotocol that holds a token: browsers cannot set `Authorization` on a WebSocket, so
/// Kubernetes accepts the token there.
pub const SUBPROTOCOL: &str = "base64url.bearer.authorization.k8s.io.";

/// Header with the subprotocols.
pub const PROTOCOLS: HeaderName = header::SEC_WEBSOCKET_PROTOCOL;

/// The request has more than one token, or one that is no text. No token is accepted then, not even the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ambiguous;

/// Returns the token of the `Authorization` line or, if there is none, of the WebSocket subprotocols; `None` without a
/// bearer token. Another scheme counts as no token.
///
/// Fails if there are two `Authorization` lines or two tokens, or a token is empty or no text.
pub fn bearer(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, Ambiguous> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    match (lines.next(), lines.next()) {
        (None, _) => of_protocols(headers),
        (Some(line), None) => Ok(of_line(line.to_str().map_err(|_| Ambiguous)?).map(Cow::Borrowed)),
        (Some(_), Some(_)) => Err(Ambiguous),
    }
}

fn of_line(line: &str) -> Option<&str> {
    let (scheme, token) = line.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn of_protocols(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, Ambiguous> {
    let mut found = None;
    for line in headers.get_all(PROTOCOLS) {
        // What is no text holds no token, and goes no further either.
        let Ok(line) = line.to_str() else { continue };
        for encoded in line.split(',').filter_map(|one| one.trim().strip_prefix(SUBPROTOCOL)) {
            let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Ambiguous)?;
            let token = String::from_utf8(bytes).map_err(|_| Ambiguous)?;
            if token.is_empty() || found.replace(token).is_some() {
                return Err(Ambiguous);
            }
        }
    }
    Ok(found.map(Cow::Owned))
}

/// Returns a line of subprotocols without the token; `None` if nothing else stands in it, or it is no text.
pub(crate) fn without_token(line: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(line).ok()?;
    let bears = |one: &&str| one.trim().get(..SUBPROTOCOL.len()).is_some_and(|p| p.eq_ignore_ascii_case(SUBPROTOCOL));
    if !text.split(',').any(|one| bears(&one)) {
        return Some(Cow::Borrowed(text));
    }
    let rest: Vec<&str> = text.split(',').filter(|one| !bears(one)).map(str::trim).collect();
    if rest.is_empty() { None } else { Some(Cow::Owned(rest.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_str(v).unwrap())).collect()
    }

    fn token(lines: &[(&'static str, &str)]) -> Result<Option<String>, Ambiguous> {
        bearer(&headers(lines)).map(|found| found.map(Cow::into_owned))
    }

    #[test]
    fn a_token_is_found_where_clients_put_it() {
        let protocol = format!("v4.channel.k8s.io, {SUBPROTOCOL}YWJj");
        assert_eq!(token(&[]), Ok(None));
        assert_eq!(token(&[("authorization", "Bearer abc")]), Ok(Some("abc".into())));
        assert_eq!(token(&[("authorization", "bearer  abc ")]), Ok(Some("abc".into())));
        assert_eq!(token(&[("authorization", "Basic abc")]), Ok(None));
        assert_eq!(token(&[("authorization", "Bearer ")]), Ok(None));
        assert_eq!(token(&[("sec-websocket-protocol", &protocol)]), Ok(Some("abc".into())));
        assert_eq!(
            token(&[("authorization", "Bearer x"), ("sec-websocket-protocol", &protocol)]),
            Ok(Some("x".into()))
        );
    }

    #[test]
    fn two_tokens_are_none() {
        let protocol = format!("{SUBPROTOCOL}YWJj");
        assert_eq!(token(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]), Err(Ambiguous));
        assert_eq!(
            token(&[("sec-websocket-protocol", &protocol), ("sec-websocket-protocol", &protocol)]),
            Err(Ambiguous)
        );
        assert_eq!(token(&[("sec-websocket-protocol", &format!("{SUBPROTOCOL}!"))]), Err(Ambiguous));
        assert_eq!(token(&[("sec-websocket-protocol", SUBPROTOCOL)]), Err(Ambiguous));
    }

    #[test]
    fn the_other_protocols_stay() {
        let line = format!("v5.channel.k8s.io,{SUBPROTOCOL}YWJj , v4.channel.k8s.io");
        assert_eq!(without_token(line.as_bytes()).as_deref(), Some("v5.channel.k8s.io, v4.channel.k8s.io"));
        assert_eq!(without_token(format!("{SUBPROTOCOL}YWJj").to_uppercase().as_bytes()), None);
        assert_eq!(without_token(b"a,b").as_deref(), Some("a,b"));
        assert_eq!(without_token(b"\xff"), None);
    }
}
