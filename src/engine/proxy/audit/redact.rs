//! Credentials that stand in an address or a header, taken out before anybody writes them down.

use std::borrow::Cow;

const REDACTED: &str = "redacted";

/// Query parameters that are credentials.
const SECRET_PARAMETERS: &[&str] = &["token", "access_token"];

/// The WebSocket subprotocol in which a browser sends a bearer token.
const BEARER_PROTOCOL: &str = "base64url.bearer.authorization.k8s.io.";

/// A request's path and query without tokens.
pub fn uri(uri: &str) -> Cow<'_, str> {
    let Some((path, query)) = uri.split_once('?') else { return Cow::Borrowed(uri) };
    let secret = |pair: &str| pair.split_once('=').is_some_and(|(key, _)| is_secret(key));
    // Go's parser, which the server uses, knows `&` only; older ones took `;` too.
    if !query.split(['&', ';']).any(secret) {
        return Cow::Borrowed(uri);
    }
    let mut out = String::with_capacity(uri.len());
    out.push_str(path);
    out.push('?');
    for piece in query.split_inclusive(['&', ';']) {
        match piece.split_once('=') {
            Some((key, rest)) if is_secret(key) => {
                out.push_str(key);
                out.push('=');
                out.push_str(REDACTED);
                out.extend(rest.chars().next_back().filter(|end| matches!(end, '&' | ';')));
            }
            _ => out.push_str(piece),
        }
    }
    Cow::Owned(out)
}

/// The beginning of a text, at most so many bytes.
pub fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Says whether a key is one of a credential, however it was encoded.
fn is_secret(key: &str) -> bool {
    let key = if key.contains('%') { Cow::Owned(decoded(key)) } else { Cow::Borrowed(key) };
    SECRET_PARAMETERS.iter().any(|secret| key.eq_ignore_ascii_case(secret))
}

fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

/// A `Sec-WebSocket-Protocol` header without its token.
pub fn subprotocols(header: &str) -> Cow<'_, str> {
    if !header.contains(BEARER_PROTOCOL) {
        return Cow::Borrowed(header);
    }
    let kept = |protocol: &str| match protocol.trim().strip_prefix(BEARER_PROTOCOL) {
        Some(_) => format!("{BEARER_PROTOCOL}{REDACTED}"),
        None => protocol.trim().to_owned(),
    };
    Cow::Owned(header.split(',').map(kept).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_of_a_query_is_left() {
        let check = |given: &str, expected: &str| assert_eq!(uri(given), expected);
        check("/api/v1/pods?limit=5", "/api/v1/pods?limit=5");
        check("/api/v1/pods?token=abc&limit=5", "/api/v1/pods?token=redacted&limit=5");
        check("/x?a=1&access_token=abc", "/x?a=1&access_token=redacted");
        check("/x?%74oken=abc&TOKEN=d", "/x?%74oken=redacted&TOKEN=redacted");
        check("/x?a=1;token=abc;b=2", "/x?a=1;token=redacted;b=2");
        check("/x?tokens=abc&token", "/x?tokens=abc&token");
        check("/x?token=a=b?c", "/x?token=redacted");
        check("/x?token=%E2%82%AC%", "/x?token=redacted");
    }

    #[test]
    fn a_cut_is_between_characters() {
        assert_eq!((cut("a\u{fc}", 2), cut("a\u{fc}", 3), cut("", 9)), ("a", "a\u{fc}", ""));
    }

    #[test]
    fn no_token_of_a_subprotocol_is_left() {
        let header = "v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.c2VjcmV0";
        assert_eq!(subprotocols(header), "v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.redacted");
        assert!(matches!(subprotocols("v4.channel.k8s.io"), Cow::Borrowed(_)));
    }
}
