//! Headers that we add to each request: the user agent, and the identity that requests act as.

use crate::engine::cluster::ClusterError;
use crate::engine::k8s::endpoint::Impersonate;
use crate::model::text::{Text, clean};
use http::{HeaderName, HeaderValue};

/// The `User-Agent` of our requests.
pub(crate) const USER_AGENT: &str = concat!("qd/", env!("CARGO_PKG_VERSION"));

/// The `Impersonate-*` headers, in order. Fails if a name or a value cannot be a header, so that no request has to.
pub(crate) fn impersonation(who: &Impersonate) -> Result<Vec<(HeaderName, HeaderValue)>, ClusterError> {
    let mut headers = Vec::new();
    let mut push = |name: &str, value: &str| {
        let name = HeaderName::try_from(name).map_err(|_| unfit(name))?;
        headers.push((name, HeaderValue::from_str(value).map_err(|_| unfit(value))?));
        Ok::<_, ClusterError>(())
    };
    if let Some(user) = &who.user {
        push("impersonate-user", user)?;
    }
    if let Some(uid) = &who.uid {
        push("impersonate-uid", uid)?;
    }
    for group in &who.groups {
        push("impersonate-group", group)?;
    }
    for (key, values) in &who.extra {
        let name = format!("impersonate-extra-{}", escape(key));
        for value in values {
            push(&name, value)?;
        }
    }
    Ok(headers)
}

fn unfit(value: &str) -> ClusterError {
    ClusterError::Failed(Text::from(format!("impersonation: {:?} cannot be a header", clean(value))))
}

/// Escapes a key as the server decodes it: bytes that no header name may contain, and `%`, as `%xx`.
fn escape(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for byte in key.to_lowercase().bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(format!("%{byte:02x}").chars());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn all_four_parts_become_headers_and_extra_keys_are_escaped() {
        let who = Impersonate {
            user: Some("ann".into()),
            groups: vec!["dev".into(), "ops".into()],
            uid: Some("7".into()),
            extra: BTreeMap::from([("Acme.com/Project".into(), vec!["x".into(), "y".into()])]),
        };
        let headers = impersonation(&who).unwrap();
        let text: Vec<_> = headers.iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
        assert_eq!(
            text,
            [
                "impersonate-user: ann",
                "impersonate-uid: 7",
                "impersonate-group: dev",
                "impersonate-group: ops",
                "impersonate-extra-acme.com%2fproject: x",
                "impersonate-extra-acme.com%2fproject: y"
            ]
        );
    }

    #[test]
    fn a_line_break_in_a_user_is_refused() {
        let who = Impersonate { user: Some("a\r\nx: y".into()), ..Impersonate::default() };
        assert!(impersonation(&who).is_err());
    }
}
