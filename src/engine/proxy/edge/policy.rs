//! The policy over the headers of one request, and how they are set within bounds.

use super::upgrade::Protocol;
use crate::engine::proxy::caller::Caller;
use crate::engine::proxy::config::Mode;
use crate::engine::proxy::refusal::Refusal;
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};

/// Options of all `Connection` lines together. Clients send one or two; each costs a pass over all headers.
pub(super) const OPTIONS_MAX: usize = 32;

/// The properties of caller, cluster and rule that decide which headers of a request cross.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// Authenticated caller.
    pub caller: &'a Caller,
    /// Mode of the cluster.
    pub mode: Mode,
    /// `allow_impersonation` of the rule.
    pub allow_impersonation: bool,
    /// Protocol from [`super::upgrade::upgrade`]; `None` for a plain request.
    pub upgrade: Option<Protocol>,
    /// Audit id from [`crate::engine::proxy::audit::Ids`]; the server writes it into its own log.
    pub audit_id: &'a str,
}

/// The names in all `Connection` lines: headers that end here.
#[derive(Debug)]
pub(super) struct ConnectionOptions<'a> {
    headers: &'a HeaderMap,
    any: bool,
}

impl<'a> ConnectionOptions<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let options = Self { headers, any: headers.contains_key(header::CONNECTION) };
        if options.any && options.all().nth(OPTIONS_MAX).is_some() {
            return Err(Refusal::new(400, "BadRequest", "connection", "too many options in Connection"));
        }
        Ok(options)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let lines = self.headers.get_all(header::CONNECTION).iter();
        lines.flat_map(|line| line.as_bytes().split(|b| *b == b',')).map(<[u8]>::trim_ascii)
    }

    pub(super) fn name(&self, name: &HeaderName) -> bool {
        self.any && self.all().any(|option| option.eq_ignore_ascii_case(name.as_str().as_bytes()))
    }
}

fn too_many<E>(_: E) -> Refusal {
    Refusal::new(431, "RequestHeaderFieldsTooLarge", "headers", "too many headers")
}

pub(super) fn append(to: &mut HeaderMap, name: HeaderName, value: HeaderValue) -> Result<(), Refusal> {
    to.try_append(name, value).map(drop).map_err(too_many)
}

pub(super) fn insert(to: &mut HeaderMap, name: HeaderName, value: HeaderValue) -> Result<(), Refusal> {
    to.try_insert(name, value).map(drop).map_err(too_many)
}
