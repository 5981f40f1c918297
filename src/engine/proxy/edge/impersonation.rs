//! `Impersonate-*`: set by us from the caller, or sent by the caller where a rule lets it.

use super::policy::{ConnectionOptions, Policy, append};
use crate::engine::proxy::caller::Caller;
use crate::engine::proxy::config::Mode;
use crate::engine::proxy::refusal::Refusal;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;

const USER: HeaderName = HeaderName::from_static("impersonate-user");
const GROUP: HeaderName = HeaderName::from_static("impersonate-group");
const UID: HeaderName = HeaderName::from_static("impersonate-uid");
const EXTRA: &str = "impersonate-extra-";

/// Domains of extra keys that a cluster itself adds about a caller (its pod, its node, its credential). No client may
/// send them, and the keys of one cluster mean nothing in another.
const RESERVED: [&str; 2] = ["kubernetes.io", "k8s.io"];

/// Every server adds this group to authenticated users; to send it would need one more permission.
const AUTHENTICATED: &str = "system:authenticated";

const UNAUTHENTICATED: &str = "system:unauthenticated";
const ANONYMOUS: &str = "system:anonymous";
const ACCOUNT: &str = "system:serviceaccount:";

/// An impersonated user, as an API server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impersonated {
    /// User name.
    pub user: String,
    /// Uid of the user; empty if the headers name none.
    pub uid: String,
    /// Groups of the user, including those that every server adds.
    pub groups: Vec<String>,
    /// Extra attributes by their decoded keys.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Impersonated {
    /// Reads the headers of a request that [`super::outgoing`] has let pass; `None` if they impersonate nobody.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let user = text(headers.get(USER)?);
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            if let Some(key) = name.as_str().strip_prefix(EXTRA).and_then(decoded) {
                extra.entry(key).or_default().push(text(value));
            }
        }
        let named = headers.get_all(GROUP).iter().map(text).collect();
        let groups = groups(&user, named);
        Some(Self { uid: headers.get(UID).map(text).unwrap_or_default(), user, groups, extra })
    }
}

/// The groups in the headers plus `system:authenticated`.
fn groups(user: &str, mut named: Vec<String>) -> Vec<String> {
    if named.is_empty()
        && let Some((namespace, name)) = user.strip_prefix(ACCOUNT).and_then(|account| account.split_once(':'))
        && !namespace.is_empty()
        && !name.is_empty()
    {
        named = vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
    }
    let has = |group: &str| named.iter().any(|one| one == group);
    let added = match user {
        ANONYMOUS => (!has(UNAUTHENTICATED)).then_some(UNAUTHENTICATED),
        _ => (!has(AUTHENTICATED) && !has(UNAUTHENTICATED)).then_some(AUTHENTICATED),
    };
    named.extend(added.map(str::to_owned));
    named
}

fn forbidden(message: &'static str) -> Refusal {
    Refusal::new(403, "Forbidden", "impersonation", message)
}

/// Checks an impersonation header of the client. Servers would ignore a header they do not know, so it is refused as
/// well.
pub(super) fn of_client(
    name: &HeaderName,
    options: &ConnectionOptions<'_>,
    policy: &Policy<'_>,
) -> Result<(), Refusal> {
    if !policy.allow_impersonation {
        return Err(forbidden("impersonation is not allowed by the rule of this request (allowImpersonation)"));
    }
    if policy.mode != Mode::Swap {
        return Err(forbidden("impersonation is not possible with a cluster whose mode is not swap"));
    }
    if options.name(name) {
        return Err(Refusal::new(400, "BadRequest", "connection", "Connection names an identity header"));
    }
    if let Some(key) = name.as_str().strip_prefix(EXTRA) {
        let key = decoded(key).ok_or_else(|| forbidden("an Impersonate-Extra key is not readable"))?;
        if reserved(&key) {
            return Err(forbidden("an Impersonate-Extra key of a reserved domain"));
        }
        return Ok(());
    }
    if [USER, GROUP, UID].contains(name) { Ok(()) } else { Err(forbidden("an unknown Impersonate header")) }
}

/// Checks that impersonation names exactly one user. Without it the request would run as the proxy itself, or as the
/// user the server picks.
pub(super) fn check_client(out: &HeaderMap) -> Result<(), Refusal> {
    let any = out.keys().any(|name| name.as_str().starts_with("impersonate-"));
    if !any {
        return Ok(());
    }
    let mut users = out.get_all(USER).iter();
    match (users.next(), users.next()) {
        (Some(user), None) if !user.is_empty() => Ok(()),
        _ => Err(forbidden("impersonation needs exactly one Impersonate-User")),
    }
}

/// Adds headers that impersonate the caller, with all its groups and extra attributes: without them it would be
/// another user.
pub(super) fn of_caller(out: &mut HeaderMap, caller: &Caller) -> Result<(), Refusal> {
    append(out, USER, value(&caller.user)?)?;
    for group in caller.groups.iter().filter(|group| &***group != AUTHENTICATED) {
        append(out, GROUP, value(group)?)?;
    }
    if let Some(uid) = &caller.uid {
        append(out, UID, value(uid)?)?;
    }
    for (key, values) in caller.extra.iter().filter(|(key, _)| !reserved(key)) {
        let name = extra_name(key)?;
        for text in values {
            append(out, name.clone(), value(text)?)?;
        }
    }
    Ok(())
}

/// Makes a header value that arrives unchanged: spaces at its ends would be lost on the way, and it would name another
/// user.
fn value(text: &str) -> Result<HeaderValue, Refusal> {
    let unfit = || forbidden("the caller's identity cannot be written as a header");
    if text.is_empty() || text.trim() != text {
        return Err(unfit());
    }
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| unfit())
}

/// Returns the header name of an extra key: lower-cased, with `%` and bytes that a header name cannot hold
/// percent-encoded.
fn extra_name(key: &str) -> Result<HeaderName, Refusal> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut name = Vec::with_capacity(EXTRA.len() + key.len());
    name.extend_from_slice(EXTRA.as_bytes());
    for byte in key.to_lowercase().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            name.push(byte);
        } else {
            name.push(b'%');
            name.extend([byte >> 4, byte & 15].iter().filter_map(|digit| DIGITS.get(usize::from(*digit))));
        }
    }
    HeaderName::from_bytes(&name).map_err(|_| forbidden("the caller's extra fields cannot be written as headers"))
}

fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_first_chunk::<2>()?;
        let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok().filter(|key| !key.is_empty())
}

/// Returns true for a key of a reserved domain: `kubernetes.io/x`, `authentication.kubernetes.io/pod-name`, `K8S.io`.
fn reserved(key: &str) -> bool {
    let domain = key.split('/').next().unwrap_or_default().to_lowercase();
    RESERVED.iter().any(|own| domain.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[(&str, &str)]) -> Option<Impersonated> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        Impersonated::of(&headers)
    }

    fn groups_of(lines: &[(&str, &str)]) -> Vec<String> {
        of(lines).unwrap().groups
    }

    #[test]
    fn whom_a_request_goes_on_as_is_read_as_a_server_reads_it() {
        assert_eq!(of(&[("impersonate-group", "dev"), ("host", "a")]), None);
        let amy = of(&[
            ("Impersonate-User", "amy"),
            ("Impersonate-Group", "dev"),
            ("Impersonate-Uid", "7"),
            ("Impersonate-Group", "ops"),
            ("Impersonate-Extra-acme.com%2fScopes", "a"),
            ("Impersonate-Extra-acme.com%2fScopes", "b"),
        ]);
        let expected = Impersonated {
            user: "amy".to_owned(),
            uid: "7".to_owned(),
            groups: ["dev", "ops", AUTHENTICATED].map(str::to_owned).into(),
            extra: [("acme.com/scopes".to_owned(), vec!["a".to_owned(), "b".to_owned()])].into(),
        };
        assert_eq!(amy, Some(expected));
    }

    #[test]
    fn the_groups_that_every_server_adds_are_there() {
        assert_eq!(groups_of(&[("impersonate-user", "amy")]), [AUTHENTICATED]);
        assert_eq!(groups_of(&[("impersonate-user", ANONYMOUS)]), [UNAUTHENTICATED]);
        let named = [("impersonate-user", "amy"), ("impersonate-group", UNAUTHENTICATED)];
        assert_eq!(groups_of(&named), [UNAUTHENTICATED]);
        let account = ("impersonate-user", "system:serviceaccount:web:bot");
        assert_eq!(groups_of(&[account]), ["system:serviceaccounts", "system:serviceaccounts:web", AUTHENTICATED]);
        assert_eq!(groups_of(&[account, ("impersonate-group", "dev")]), ["dev", AUTHENTICATED]);
        assert_eq!(groups_of(&[("impersonate-user", "system:serviceaccount:web")]), [AUTHENTICATED]);
    }
}
