//! Credentials out of what is logged.

use super::path;
use std::borrow::Cow;

/// Query parameters that no log may show. Most belong to programs behind `…/proxy/`; the API has none of them.
const HIDDEN: [&str; 9] = [
    "token",
    "access_token",
    "id_token",
    "refresh_token",
    "client_secret",
    "password",
    "api_key",
    "x-amz-signature",
    "x-amz-security-token",
];

const REPLACEMENT: &str = "[redacted]";

/// Returns the path and query with credentials replaced; borrowed if there are none.
pub fn redact(path_and_query: &str) -> Cow<'_, str> {
    let Some((path, query)) = path_and_query.split_once('?') else {
        return Cow::Borrowed(path_and_query);
    };
    let hidden = |pair: &str| HIDDEN.iter().any(|name| path::is(pair, name));
    if !path::pairs(query).any(hidden) {
        return Cow::Borrowed(path_and_query);
    }
    let mut text = String::with_capacity(path_and_query.len());
    text.push_str(path);
    text.push('?');
    for piece in query.split_inclusive(['&', ';']) {
        let pair = piece.trim_end_matches(['&', ';']);
        if hidden(pair) {
            text.push_str(pair.split('=').next().unwrap_or_default());
            text.push('=');
            text.push_str(REPLACEMENT);
            text.push_str(piece.get(pair.len()..).unwrap_or_default());
        } else {
            text.push_str(piece);
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_credentials_go() {
        assert_eq!(redact("/api/v1/pods?limit=1&watch"), "/api/v1/pods?limit=1&watch");
        assert!(matches!(redact("/api/v1/pods?limit=1"), Cow::Borrowed(_)));
        assert_eq!(redact("/x?token=abc=d&b=1"), "/x?token=[redacted]&b=1");
        assert_eq!(redact("/x?b=1;access_token=q"), "/x?b=1;access_token=[redacted]");
        assert_eq!(redact("/x?%74oken=q&&"), "/x?%74oken=[redacted]&&");
        assert_eq!(redact("/x?a&Password=q&c"), "/x?a&Password=[redacted]&c");
    }
}
