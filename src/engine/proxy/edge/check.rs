//! Is a request fit to be read? Nothing here allocates unless it refuses.

use super::path;
use crate::engine::proxy::refusal::Refusal;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Header lines of a request; users with many groups need them. The listener lets hyper read more, so that the refusal is
/// ours.
pub const HEADERS_MAX: usize = 256;

/// Names and values of all header lines together; large OIDC tokens need them.
pub const HEADER_BYTES_MAX: usize = 256 * 1024;

/// Port of a `Host` that has none.
const HTTPS: u16 = 443;
const HTTP: u16 = 80;

/// Refuses requests that no Kubernetes client sends, and requests that two programs could read in two ways.
///
/// `h2` is true if the request came over HTTP/2. Before this is called, hyper refuses with 400 or a stream error: names
/// and values with control characters, folded lines, a space before the colon, a `Transfer-Encoding` that does not end
/// in `chunked` or comes in HTTP/1.0, lengths that differ or are no number, and over HTTP/2 all headers that concern a
/// single connection (`connection`, `transfer-encoding`, `upgrade`). hyper drops a `Content-Length` beside
/// `Transfer-Encoding`; see [`closes`].
///
/// Fails with the refusal if the method, the framing, the target, the host, the origin or the path is not acceptable,
/// or there are too many headers.
pub fn check(parts: &Parts, hosts: &Hosts, h2: bool) -> Result<(), Refusal> {
    let seen = Seen::of(&parts.headers)?;
    method(parts)?;
    framing(parts, &seen)?;
    let path_and_query = target(parts, h2)?;
    let host = host(parts, &seen, h2)?;
    hosts.accept(host)?;
    seen.browser(hosts, host)?;
    path::check(path_and_query)
}

/// Returns true if the connection must end with the answer. A chunked body may have come with a `Content-Length` as
/// well, which hyper drops silently: a program in front of the proxy that used that length would take the bytes behind
/// it for another request.
pub fn closes(parts: &Parts) -> bool {
    parts.version < Version::HTTP_2 && parts.headers.contains_key(header::TRANSFER_ENCODING)
}

/// Facts from one pass over the headers.
#[derive(Debug, Default)]
struct Seen<'a> {
    host: Lines<'a>,
    origin: Lines<'a>,
    site: Lines<'a>,
    coding: Lines<'a>,
    length: Lines<'a>,
}

/// The lines of one header.
#[derive(Debug, Default, Clone, Copy)]
struct Lines<'a> {
    count: usize,
    last: Option<&'a HeaderValue>,
}

impl<'a> Lines<'a> {
    fn add(&mut self, value: &'a HeaderValue) {
        self.count += 1;
        self.last = Some(value);
    }

    /// Returns the only line, as text.
    fn only(&self) -> Option<&'a str> {
        self.last.filter(|_| self.count == 1).and_then(|value| value.to_str().ok())
    }
}

impl<'a> Seen<'a> {
    fn of(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let mut seen = Self::default();
        let mut bytes = 0_usize;
        if headers.len() > HEADERS_MAX {
            return Err(too_large("more than 256 header lines"));
        }
        for (name, value) in headers {
            bytes += name.as_str().len() + value.len();
            if *name == header::HOST {
                seen.host.add(value);
            } else if *name == header::CONTENT_LENGTH {
                seen.length.add(value);
            } else if *name == header::TRANSFER_ENCODING {
                seen.coding.add(value);
            } else if *name == header::ORIGIN {
                seen.origin.add(value);
            } else if name.as_str() == "sec-fetch-site" {
                seen.site.add(value);
            }
        }
        if bytes > HEADER_BYTES_MAX { Err(too_large("more than 256 KiB of headers")) } else { Ok(seen) }
    }

    /// Refuses requests from pages of other origins, however they come: `Origin` marks scripts and forms,
    /// `Sec-Fetch-Site` marks links and pictures, which a browser with a client certificate would send as its user.
    /// WebSocket clients that are no browser send the origin of `host`, the host of the request, which is accepted.
    fn browser(&self, hosts: &Hosts, host: &str) -> Result<(), Refusal> {
        let origin = if self.origin.count > 0 {
            self.origin.only().and_then(|origin| hosts.origin_of(origin, host))
        } else {
            Some(Source::Own)
        };
        let Some(origin) = origin else {
            return Err(Refusal::new(
                403,
                "Forbidden",
                "origin",
                "the Origin of this request is another site; to let its pages call, \
                 add it to `callers.allowedOrigins` in the proxy's configuration",
            ));
        };
        let own = |site: &str| matches!(site, "none" | "same-origin");
        if self.site.count > 0 && origin == Source::Own && !self.site.only().is_some_and(own) {
            return Err(Refusal::new(403, "Forbidden", "origin", "requests from other sites' pages are refused"));
        }
        Ok(())
    }
}

fn too_large(message: &'static str) -> Refusal {
    Refusal::new(431, "RequestHeaderFieldsTooLarge", "headers", message)
}

fn bad(label: &'static str, message: &'static str) -> Refusal {
    Refusal::new(400, "BadRequest", label, message)
}

fn method(parts: &Parts) -> Result<(), Refusal> {
    const SERVED: [Method; 7] =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    if SERVED.contains(&parts.method) && parts.uri.path() != "*" {
        return Ok(());
    }
    Err(Refusal::new(405, "MethodNotAllowed", "method", "the proxy does not serve this method"))
}

fn framing(parts: &Parts, seen: &Seen<'_>) -> Result<(), Refusal> {
    if seen.length.count > 1 {
        return Err(bad("framing", "more than one Content-Length"));
    }
    if seen.coding.count == 0 {
        return Ok(());
    }
    if seen.length.count > 0 {
        return Err(bad("framing", "Content-Length and Transfer-Encoding together"));
    }
    if parts.version != Version::HTTP_11 {
        return Err(bad("framing", "Transfer-Encoding outside HTTP/1.1"));
    }
    if seen.coding.only().is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return Ok(());
    }
    Err(bad("framing", "a Transfer-Encoding other than chunked"))
}

/// Returns path and query of the request. Fails on an absolute URL, as sent to a forward proxy.
fn target(parts: &Parts, h2: bool) -> Result<&str, Refusal> {
    if !h2 && (parts.uri.scheme().is_some() || parts.uri.authority().is_some()) {
        return Err(bad("target", "an absolute URL in the request line: this is no forward proxy"));
    }
    match parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str) {
        Some(text) if text.starts_with('/') => Ok(text),
        _ => Err(bad("target", "the request has no path")),
    }
}

/// Returns the host the request was sent to.
fn host<'a>(parts: &'a Parts, seen: &Seen<'a>, h2: bool) -> Result<&'a str, Refusal> {
    let authority = if h2 { parts.uri.authority().map(http::uri::Authority::as_str) } else { None };
    match (authority, seen.host.count) {
        (None, 1) => seen.host.only().ok_or_else(|| bad("host", "the Host is not readable")),
        (Some(authority), 0) => Ok(authority),
        (Some(authority), 1) if seen.host.only().is_some_and(|host| host.eq_ignore_ascii_case(authority)) => {
            Ok(authority)
        }
        (Some(_), _) => Err(bad("host", "Host and :authority differ")),
        (None, _) => Err(bad("host", "exactly one Host is needed")),
    }
}

/// The host names of this proxy. A page whose own name resolves to this proxy is refused, however the request came.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    names: Vec<(Name, Ports)>,
    /// Ports of the listeners.
    listening: Vec<u16>,
    /// A listener takes all addresses of the machine, so any IP address is accepted as a host. A host name is not: an
    /// attacker could make it resolve to this proxy.
    any_address: bool,
    /// A Unix socket is served too: its clients name no port.
    socket: bool,
    origins: Vec<Box<str>>,
}

/// Origin of the page that sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// No page, or a page that this proxy served.
    Own,
    /// A page of an allowed origin.
    Allowed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Address(IpAddr),
    Text(Box<str>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ports {
    Listening,
    One(u16),
    /// Any port, for a name without one: a load balancer may listen on another port.
    Any,
}

impl Hosts {
    /// Creates the names of loopback and the addresses of the listeners, all with the listeners' ports.
    pub fn new(listening: &[SocketAddr]) -> Self {
        let loopback = [
            Name::Text("localhost".into()),
            Name::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Name::Address(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        let bound = listening.iter().map(|at| Name::Address(at.ip()));
        Self {
            names: loopback.into_iter().chain(bound).map(|name| (name, Ports::Listening)).collect(),
            listening: listening.iter().map(SocketAddr::port).collect(),
            any_address: listening.iter().any(|at| at.ip().is_unspecified()),
            socket: false,
            origins: Vec::new(),
        }
    }

    /// Adds a name: `qd.example` on any port, `qd.example:8443` on that one. Fails on anything else: a URL, a
    /// wildcard, an empty text.
    pub fn name(mut self, text: &str) -> Result<Self, String> {
        let (host, port) = split(text).ok_or_else(|| format!("{text:?} is no host name"))?;
        let name = match address(host) {
            Some(address) => Name::Address(address),
            None => Name::Text(host.into()),
        };
        self.names.push((name, port.map_or(Ports::Any, Ports::One)));
        Ok(self)
    }

    /// Accepts requests on a Unix socket too.
    #[must_use]
    pub fn socket(mut self) -> Self {
        self.socket = true;
        self
    }

    /// Allows pages of one origin (`https://console.example`), or of all origins (`*`). Their requests still have to
    /// be authenticated.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Returns the source of a request by its origin; `None` if the origin may not call `host`.
    fn origin_of(&self, origin: &str, host: &str) -> Option<Source> {
        if origin_parts(origin).is_some_and(|origin| Some(origin) == self.own_origin(host)) {
            return Some(Source::Own);
        }
        let allowed =
            |allowed: &str| allowed == "*" || allowed.eq_ignore_ascii_case(origin) || is_same_origin(allowed, origin);
        self.origins.iter().any(|one| allowed(one)).then_some(Source::Allowed)
    }

    /// Returns the origin of the server at `host`.
    fn own_origin<'a>(&self, host: &'a str) -> Option<OriginParts<'a>> {
        let (name, port) = split(host)?;
        // Who comes through a Unix socket speaks no TLS and names no port.
        let https = port.is_some() || !self.socket || self.listening.contains(&HTTPS);
        Some(OriginParts { https, name: Host(name), port: port.unwrap_or(if https { HTTPS } else { HTTP }) })
    }

    fn accept(&self, host: &str) -> Result<(), Refusal> {
        let Some((name, port)) = split(host) else {
            return Err(bad("host", "the Host is no host name"));
        };
        let address = address(name);
        let listening = match port {
            Some(port) => self.listening.contains(&port),
            None => self.socket || self.listening.contains(&HTTPS),
        };
        let known = self.names.iter().any(|(own, ports)| {
            let same = match (own, address) {
                (Name::Address(own), Some(address)) => *own == address,
                (Name::Text(own), None) => own.eq_ignore_ascii_case(name),
                (Name::Address(_), None) | (Name::Text(_), Some(_)) => false,
            };
            same && match ports {
                Ports::Listening => listening,
                Ports::One(own) => *own == port.unwrap_or(HTTPS),
                Ports::Any => true,
            }
        });
        if known || (self.any_address && address.is_some() && listening) {
            return Ok(());
        }
        Err(Refusal::new(421, "Misdirected", "host", "the proxy does not answer to this Host; add it to its names"))
    }
}

fn is_same_origin(one: &str, other: &str) -> bool {
    origin_parts(one).is_some_and(|one| Some(one) == origin_parts(other))
}

/// The parts by which two origins are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OriginParts<'a> {
    https: bool,
    name: Host<'a>,
    port: u16,
}

/// A host in a URL.
#[derive(Debug, Clone, Copy, Eq)]
struct Host<'a>(&'a str);

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (address(self.0), address(other.0)) {
            (Some(one), Some(other)) => one == other,
            _ => self.0.eq_ignore_ascii_case(other.0),
        }
    }
}

fn origin_parts(origin: &str) -> Option<OriginParts<'_>> {
    let (scheme, rest) = origin.split_once("://")?;
    let https = scheme.eq_ignore_ascii_case("https");
    if !https && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let (name, port) = split(rest)?;
    Some(OriginParts { https, name: Host(name), port: port.unwrap_or(if https { HTTPS } else { HTTP }) })
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port` into host and port.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, rest) = if host.starts_with('[') {
        let end = host.find(']')?;
        (host.get(..=end)?, host.get(end + 1..)?)
    } else {
        host.split_at(host.find(':').unwrap_or(host.len()))
    };
    let fit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let named = !name.is_empty() && (name.starts_with('[') || name.bytes().all(fit));
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    named.then_some((name, port))
}

fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests;
