//! Which headers of a request cross: everything that says who asks is taken away, then ours is set. In that order, and
//! by copying what may cross into a new map: what this does not name never reaches a cluster.

use super::impersonation;
use super::policy::{ConnectionOptions, Policy, append, insert};
use super::upgrade::Protocol;
use crate::engine::proxy::caller::bearer::{self, bearer};
use crate::engine::proxy::caller::{Caller, Means};
use crate::engine::proxy::config::Mode;
use crate::engine::proxy::refusal::Refusal;
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};

/// Returns the headers of the request to the cluster. Repeated lines stay separate and in their order. Values share
/// the memory they were read into; see `engine::proxy::hpack_values`.
///
/// The upstream sets `Host` and `Authorization`; only in mode `passthrough` does the result hold the caller's bearer
/// token.
///
/// Fails with 403 for `Impersonate-*` that is not allowed, and for an identity that no header can hold; with 400 for
/// too many options in `Connection`; with 431 for too many headers.
pub fn outgoing(headers: &HeaderMap, policy: &Policy<'_>) -> Result<HeaderMap, Refusal> {
    let options = ConnectionOptions::of(headers)?;
    let mut out = HeaderMap::with_capacity(headers.keys_len().saturating_add(4).min(512));
    for (name, value) in headers {
        match fate(name) {
            Fate::Keep if !options.name(name) => append(&mut out, name.clone(), value.clone())?,
            Fate::Impersonation => {
                impersonation::of_client(name, &options, policy)?;
                append(&mut out, name.clone(), value.clone())?;
            }
            Fate::Handshake if policy.upgrade == Some(Protocol::WebSocket) && !options.name(name) => {
                append(&mut out, name.clone(), value.clone())?;
            }
            Fate::Protocols if !options.name(name) => {
                let rest = bearer::without_token(value.as_bytes()).and_then(|rest| HeaderValue::from_str(&rest).ok());
                if let Some(rest) = rest {
                    append(&mut out, name.clone(), rest)?;
                }
            }
            Fate::Keep | Fate::Drop | Fate::Handshake | Fate::Protocols => {}
        }
    }
    impersonation::check_client(&out)?;
    set(&mut out, headers, policy)?;
    Ok(out)
}

/// Sets the proxy's own headers, after those of the client are gone.
fn set(out: &mut HeaderMap, headers: &HeaderMap, policy: &Policy<'_>) -> Result<(), Refusal> {
    insert(out, AUDIT_ID, audit_id(policy.audit_id))?;
    if let Some(protocol) = policy.upgrade {
        insert(out, header::CONNECTION, HeaderValue::from_static("Upgrade"))?;
        insert(out, header::UPGRADE, protocol.value())?;
    }
    match policy.mode {
        Mode::Swap => Ok(()),
        Mode::Impersonate => impersonation::of_caller(out, policy.caller),
        Mode::Passthrough => insert(out, header::AUTHORIZATION, own_bearer(headers, policy.caller)?),
    }
}

/// Returns the caller's token for the cluster. The proxy's own token is never passed on: a cluster could only use it
/// against this proxy.
fn own_bearer(headers: &HeaderMap, caller: &Caller) -> Result<HeaderValue, Refusal> {
    let none = || {
        Refusal::new(
            403,
            "Forbidden",
            "passthrough",
            "this cluster takes the caller's own token, and none of it was sent",
        )
    };
    if caller.means == Means::Token {
        return Err(none());
    }
    let token = bearer(headers).ok().flatten().ok_or_else(none)?;
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| none())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The header that joins the logs of proxy and server.
pub const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Returns the value of [`AUDIT_ID`]. Own ids hold only legal characters; ids of callers were checked when they were
/// taken over.
pub fn audit_id(id: &str) -> HeaderValue {
    HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("-"))
}

/// Treatment of a header by its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Keep,
    Drop,
    /// `Impersonate-*` of the caller: allowed or refused, never dropped silently. Without it the request would run as
    /// the proxy itself.
    Impersonation,
    /// Passed on only with a WebSocket upgrade.
    Handshake,
    /// Subprotocols, one of which may be a token.
    Protocols,
}

/// Prefixes of headers that are dropped.
const PREFIXES: [&str; 5] = ["x-remote-", "x-forwarded-", "proxy-", "sec-fetch-", "access-control-request-"];

/// Returns the treatment of a header. `_` counts as `-`, as some servers read it: no other spelling passes.
pub(super) fn fate(name: &HeaderName) -> Fate {
    let name = name.as_str();
    if name.contains('_') { of_name(&name.replace('_', "-")) } else { of_name(name) }
}

fn of_name(name: &str) -> Fate {
    match name {
        // Between two neighbours only.
        "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade" | "http2-settings"
        // Answered or set by this proxy itself.
        | "host" | "expect" | "audit-id" | "origin"
        // Who asks, and from where: API servers believe these about the source address.
        | "authorization" | "cookie" | "forwarded" | "x-real-ip" | "x-remote" => Fate::Drop,
        "sec-websocket-protocol" => Fate::Protocols,
        "sec-websocket-key" | "sec-websocket-version" | "sec-websocket-extensions" | "sec-websocket-accept" => {
            Fate::Handshake
        }
        _ if name.starts_with("impersonate-") => Fate::Impersonation,
        _ if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) => Fate::Drop,
        _ => Fate::Keep,
    }
}

#[cfg(test)]
mod tests;
