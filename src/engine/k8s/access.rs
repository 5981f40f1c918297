//! The gate of the access level `read-only`: which requests may leave for an API server. All transports check every
//! request with it, whatever its origin: [`client`](super::client) for the engine, and the proxy's upstream for its
//! callers.

use crate::model::cluster::Access;
use crate::model::text::{Text, clean};
use http::Method;
use http::uri::PathAndQuery;
use std::borrow::Cow;
use std::fmt;

/// Subresources that change things behind a GET: a shell, a port, the server in a pod.
const CONNECTING: [&str; 4] = ["exec", "attach", "portforward", "proxy"];

/// The path on which the proxy has the token of a caller reviewed.
const TOKEN_REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

/// The access level of one API server, as far as requests are concerned. The default lets every request pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AccessGate {
    /// The setting that makes the cluster read-only; `None` where it is not.
    read_only: Option<Text>,
    token_reviews: bool,
}

impl AccessGate {
    /// The gate of an access level; `rule` is the setting that chooses it.
    pub fn of(level: Access, rule: &impl fmt::Display) -> Self {
        match level {
            Access::ReadOnly => Self::read_only(rule),
            Access::Guarded | Access::Protected => Self::default(),
        }
    }

    /// A gate that only reads pass. `rule` names the setting that chooses it: `flag --read-only`, `config.yaml:12`.
    pub fn read_only(rule: impl fmt::Display) -> Self {
        Self { read_only: Some(Text::from(clean(&rule.to_string()))), token_reviews: false }
    }

    /// The setting that makes the cluster read-only; `None` where it is not.
    pub fn rule(&self) -> Option<&Text> {
        self.read_only.as_ref()
    }

    /// The same gate for the proxy's own TokenReviews, the one request besides reads: it stores nothing in the cluster.
    #[must_use]
    pub fn with_token_reviews(mut self) -> Self {
        self.token_reviews = true;
        self
    }

    /// Returns the stricter of both gates.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.read_only.is_some() { self } else { other }
    }

    /// Checks whether a request may leave. `uri` is the path that the API server reads, without the prefix of the
    /// server's own URL. `upgrades` is true for a request that becomes a connection in both directions. Returns an
    /// error if the cluster is read-only and the request is not a read: another method than GET and HEAD (but for a
    /// token review where those are allowed), a subresource that connects, a path with two readings, or an upgrade that
    /// is neither a watch nor a log.
    pub fn check(&self, method: &Method, uri: &PathAndQuery, upgrades: bool) -> Result<(), Withheld> {
        let Some(rule) = &self.read_only else { return Ok(()) };
        let is_review = self.token_reviews && *method == Method::POST && uri.path() == TOKEN_REVIEWS;
        if is_review {
            return Ok(());
        }
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        let why = match Target::of(uri.path()) {
            _ if !is_read => Reason::Method(method.clone()),
            None => Reason::Path,
            Some(target) => match target.connects() {
                Some(subresource) => Reason::Subresource(subresource),
                None if upgrades && !target.may_upgrade(uri.query()) => Reason::Upgrade,
                None => return Ok(()),
            },
        };
        Err(Withheld { rule: rule.clone(), why })
    }
}

/// The reason why a request did not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The setting that makes the cluster read-only.
    pub rule: Text,
    why: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Method(Method),
    Subresource(&'static str),
    /// A path with two readings.
    Path,
    Upgrade,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read-only ({}): ", self.rule)?;
        match &self.why {
            Reason::Method(method) => write!(f, "{method} is not sent, only GET and HEAD are"),
            Reason::Subresource(name) => write!(f, "the subresource {name} is not requested"),
            Reason::Path => f.write_str("a path that can be read in two ways is not requested"),
            Reason::Upgrade => f.write_str("a connection is upgraded only for a watch or a log"),
        }
    }
}

impl std::error::Error for Withheld {}

/// The parts of a path that decide: a prefix that stands for a verb, and the subresource. Each is empty where the path
/// has none.
#[derive(Debug, Default, PartialEq, Eq)]
struct Target<'a> {
    is_resource: bool,
    prefix: Cow<'a, str>,
    subresource: Cow<'a, str>,
}

impl<'a> Target<'a> {
    /// Parses a path as kube-apiserver does (`RequestInfo`); `None` for a path that another parser could read in
    /// another way: encoded slashes, dot segments, empty segments.
    fn of(path: &'a str) -> Option<Self> {
        let trimmed = path.trim_matches('/');
        let parts: Vec<Cow<'_, str>> =
            if trimmed.is_empty() { Vec::new() } else { trimmed.split('/').map(decoded).collect::<Option<_>>()? };
        // A server for several clusters has their paths behind one of its own: /k8s/clusters/c-1/api/v1/…
        let mut parts = parts.into_iter().skip_while(|part| !matches!(&**part, "api" | "apis")).peekable();
        let skipped = match parts.next().as_deref() {
            Some("api") => parts.by_ref().take(1).count() == 1,
            Some("apis") => parts.by_ref().take(2).count() == 2,
            _ => false,
        };
        if !skipped || parts.peek().is_none() {
            return Some(Self::default());
        }
        let prefix = parts.next_if(|part| matches!(&**part, "watch" | "proxy")).unwrap_or_default();
        let mut named: Vec<Cow<'_, str>> = parts.collect();
        // `namespaces/NAME/RESOURCE/…`, but not the two subresources of a namespace itself.
        let is_inside = named.first().is_some_and(|first| first == "namespaces")
            && named.get(2).is_some_and(|third| !matches!(&**third, "status" | "finalize"));
        if is_inside {
            named.drain(..2);
        }
        Some(Self { is_resource: true, prefix, subresource: named.into_iter().nth(2).unwrap_or_default() })
    }

    /// The subresource that would connect the caller to something that runs in the cluster; `None` for any other.
    fn connects(&self) -> Option<&'static str> {
        let is_meant = |name: &&str| self.subresource == **name || self.prefix == **name;
        CONNECTING.into_iter().find(|name| is_meant(name))
    }

    /// Returns true if an upgrade is a watch or a log. Only objects themselves can be watched: `watch` in the query of
    /// another subresource changes nothing.
    fn may_upgrade(&self, query: Option<&str>) -> bool {
        let watches = || query.is_some_and(|query| query.split('&').any(is_watch));
        let is_watch = self.subresource.is_empty() && (self.prefix == "watch" || watches());
        self.is_resource && (is_watch || self.subresource == "log")
    }
}

/// Returns true if a pair of a query requests a watch, as kube-apiserver reads it: every value but `false` and `0`,
/// also an empty one.
fn is_watch(pair: &str) -> bool {
    match pair.split_once('=') {
        Some(("watch", value)) => value != "0" && !value.eq_ignore_ascii_case("false"),
        Some(_) => false,
        None => pair == "watch",
    }
}

/// Decodes the percent signs of a segment; `None` if it is not UTF-8, or decodes to more than one segment.
fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        let is_plain = !matches!(segment, "" | "." | "..") && !segment.contains('\\');
        return is_plain.then_some(Cow::Borrowed(segment));
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    let text = String::from_utf8(bytes).ok()?;
    let is_plain = !matches!(text.as_str(), "" | "." | "..") && !text.contains(['/', '\\', '%']);
    is_plain.then_some(Cow::Owned(text))
}

#[cfg(test)]
mod tests;
