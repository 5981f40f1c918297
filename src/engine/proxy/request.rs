//! What a request asks for, exactly as kube-apiserver's own `RequestInfo` sees it.
//!
//! The proxy must route on what the server will see, and forward the URL unchanged. So there are two questions:
//! [`seen`] answers what a server makes of a URL, oddities included; [`parse`] answers the same, and refuses what two
//! readers could take for two things (`%2F` inside a namespace, `..`, empty segments). `qd route parse` prints the
//! first, with the second's refusal beside it, as [`line::json`] describes.

pub mod kinds;
pub mod line;
pub mod path;
pub mod query;
pub mod selector;

use super::refusal::Refusal;
use path::Parts;
use query::Query;
use std::borrow::Cow;

/// The attributes of a request. Texts are decoded as the server decodes them; most borrow from the URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct RequestInfo<'a> {
    /// The request is for an API resource; otherwise only `path`, `verb` and the parts read so far are set.
    pub is_resource: bool,
    /// The decoded path.
    pub path: Cow<'a, str>,
    /// `get`, `list`, `watch`, `create`, ...; the lower-case HTTP method of a request for no resource; empty for a
    /// method without a verb.
    pub verb: Cow<'a, str>,
    /// `api` or `apis`.
    pub api_prefix: Cow<'a, str>,
    /// API group; empty for the core group.
    pub api_group: Cow<'a, str>,
    /// API version: `v1`.
    pub api_version: Cow<'a, str>,
    /// Namespace; empty if the URL names none.
    pub namespace: Cow<'a, str>,
    /// Plural name of the resource: `pods`.
    pub resource: Cow<'a, str>,
    /// Subresource: `log`, `exec`, `status`; empty if the URL names none.
    pub subresource: Cow<'a, str>,
    /// Name of the object; empty if neither the path nor a field selector names one.
    pub name: Cow<'a, str>,
    /// Field selector of a list, watch or collection delete; otherwise empty.
    pub field_selector: Cow<'a, str>,
    /// Label selector of a list, watch or collection delete; otherwise empty.
    pub label_selector: Cow<'a, str>,
    /// `resourceVersion` of the query, decoded; empty if absent.
    #[serde(skip)]
    pub resource_version: Cow<'a, str>,
    /// The query has a `continue` token.
    #[serde(skip)]
    pub continues: bool,
}

/// Classes of requests that rules may tell apart: exec is a GET over WebSocket and still no read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// get, list and watch; HEAD and OPTIONS of URLs that are no resource.
    Read,
    /// Every other request.
    Write,
    /// exec, attach, portforward and proxy.
    Connect,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Connect];

    /// The class as rules spell it: `read`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Connect => "connect",
        }
    }
}

/// The reason why a URL is not forwarded: a server would not read it, or two readers could read it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// The path does not begin with a slash.
    NoPath,
    /// A character that is illegal in a URL: a control character, a space, a `#`, or one beyond ASCII.
    Character,
    /// A malformed escape in the path, such as `%zz`.
    Escape,
    /// The escaped bytes of the URL are not UTF-8.
    NotText,
    /// An escaped control character.
    Control,
    /// `%2F`, `%5C` or `\` in the part of the path that names the resource.
    EncodedSlash,
    /// An empty segment: `//`.
    EmptySegment,
    /// A segment `.` or `..`.
    DotSegment,
    /// `/api/v1/watch` without a resource behind it.
    NothingBehindPrefix,
    /// More query parameters than servers of all versions accept.
    Parameters,
}

impl Unreadable {
    /// Returns the reason as a sentence for the caller.
    pub fn why(self) -> &'static str {
        match self {
            Self::NoPath => "the URL's path does not begin with a slash",
            Self::Character => "the URL holds a control character, a space, a # or a character beyond ASCII",
            Self::Escape => "the path holds a % that no two hexadecimal digits follow",
            Self::NotText => "the URL decodes to something that is not UTF-8",
            Self::Control => "the path decodes to a control character",
            Self::EncodedSlash => "the path holds a backslash, or an encoded slash or backslash",
            Self::EmptySegment => "the path holds an empty segment",
            Self::DotSegment => "the path holds a . or .. segment",
            Self::NothingBehindPrefix => "nothing follows the path's watch or proxy prefix",
            Self::Parameters => "the query holds more than 10000 parameters",
        }
    }

    /// The answer for the caller: 400.
    pub fn refusal(self) -> Refusal {
        Refusal::new(400, "BadRequest", "unreadable_url", self.why())
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.why())
    }
}

impl std::error::Error for Unreadable {}

/// Returns the attributes of a request, if a server and every other reader see the same in it. The URL is in origin
/// form: a path, and a query behind the first `?`. Allocates nothing unless a percent sign must be decoded or the
/// method is odd.
///
/// Fails if no server would read the URL, or if two readers could read it differently.
pub fn parse<'a>(method: &'a str, path_and_query: &'a str) -> Result<RequestInfo<'a>, Unreadable> {
    let seen = seen(method, path_and_query)?;
    match seen.flaw {
        Some(flaw) => Err(flaw),
        None => Ok(seen.info),
    }
}

/// The attributes that a server sees in a URL it can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Attributes of the request.
    pub info: RequestInfo<'a>,
    /// Reason why the proxy does not forward the URL although a server can read it; `None` if it does.
    pub flaw: Option<Unreadable>,
}

/// Returns the attributes that a kube-apiserver sees in a URL, even if the proxy would not forward it.
///
/// Fails if a server would not read the URL: no leading slash, an illegal character, a malformed escape, bytes that
/// are not UTF-8, or too many parameters.
pub fn seen<'a>(method: &'a str, path_and_query: &'a str) -> Result<Seen<'a>, Unreadable> {
    let (raw, query) = match path_and_query.split_once('?') {
        Some((raw, query)) => (raw, query),
        None => (path_and_query, ""),
    };
    if !raw.starts_with('/') {
        return Err(Unreadable::NoPath);
    }
    path::characters(path_and_query)?;
    let (info, named, error) = match path::decoded(raw)? {
        Cow::Borrowed(path) => read(method, path, query)?,
        Cow::Owned(path) => {
            let (info, named, error) = read(method, &path, query)?;
            (info.into_owned(), named, error)
        }
    };
    let flaw = path::one_meaning(raw, named).err().or(error);
    Ok(Seen { info, flaw })
}

/// Stands for all segments.
const ALL: usize = usize::MAX;

/// The attributes, the number of first path segments that name them (the segments behind belong to a pod or service),
/// and the server's own objection.
type Read<'a> = (RequestInfo<'a>, usize, Option<Unreadable>);

fn read<'a>(method: &'a str, path: &'a str, query: &'a str) -> Result<Read<'a>, Unreadable> {
    let mut info = RequestInfo { path: Cow::Borrowed(path), verb: lower_case(method), ..RequestInfo::default() };
    let mut parts = Parts::split(path);
    let groupless = match parts.first() {
        _ if parts.len() < 3 => return Ok((info, ALL, None)),
        Some("api") => true,
        Some("apis") => false,
        _ => return Ok((info, ALL, None)),
    };
    info.api_prefix = parts.take();
    if !groupless {
        if parts.len() < 3 {
            return Ok((info, ALL, None));
        }
        info.api_group = parts.take();
    }
    info.is_resource = true;
    info.api_version = parts.take();
    let by_prefix = parts.first().filter(|part| matches!(*part, "watch" | "proxy"));
    if let Some(prefix) = by_prefix {
        if parts.len() < 2 {
            // The server answers an error here, and has set no verb of its own yet.
            return Ok((info, ALL, Some(Unreadable::NothingBehindPrefix)));
        }
        info.verb = Cow::Borrowed(prefix);
        parts.take();
    } else {
        info.verb = Cow::Borrowed(resource_verb(method));
    }
    if parts.first() == Some("namespaces") && parts.len() > 1 {
        info.namespace = Cow::Borrowed(parts.get(1));
        if parts.len() > 2 && !matches!(parts.get(2), "status" | "finalize") {
            parts.take();
            parts.take();
        }
    }
    info.resource = Cow::Borrowed(parts.get(0));
    info.name = Cow::Borrowed(parts.get(1));
    if info.verb != "proxy" {
        info.subresource = Cow::Borrowed(parts.get(2));
    }
    let behind = match (&*info.verb, &*info.subresource) {
        ("proxy", _) => Some(2),
        (_, "proxy") => Some(3),
        _ => None,
    };
    let named = behind.map_or(ALL, |named| parts.count() - parts.len().saturating_sub(named));
    // What a pod or service serves has a query of its own; without a name there is none, and the server lists.
    if behind.is_none() || (info.name.is_empty() && info.verb != "proxy") {
        selected(&mut info, query, by_prefix.is_some())?;
    }
    if info.name.is_empty() && info.verb == "delete" {
        info.verb = Cow::Borrowed("deletecollection");
    }
    Ok((info, named, None))
}

/// Adds the attributes of the query: lists, watches, the name that a field selector requires, selectors and versions.
fn selected<'a>(info: &mut RequestInfo<'a>, text: &'a str, by_prefix: bool) -> Result<(), Unreadable> {
    let query = Query::read(text)?;
    if info.name.is_empty() && info.verb == "get" {
        let hold = query.options_hold();
        info.verb = Cow::Borrowed(if query.watches(hold) { "watch" } else { "list" });
        if let Some(name) = hold.then(|| query.name()).flatten() {
            info.name = name;
        }
    }
    let many = matches!(&*info.verb, "list" | "watch") || (info.verb == "delete" && info.name.is_empty());
    if many && !by_prefix {
        info.field_selector = query.field_selector.unwrap_or_default();
        info.label_selector = query.label_selector.unwrap_or_default();
    }
    info.resource_version = query.resource_version.unwrap_or_default();
    info.continues = query.next.is_some_and(|token| !token.is_empty());
    Ok(())
}

/// Returns the verb of a method. Methods are case-sensitive: `get` is unknown.
fn resource_verb(method: &str) -> &'static str {
    match method {
        "POST" => "create",
        "GET" | "HEAD" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "",
    }
}

fn lower_case(method: &str) -> Cow<'_, str> {
    const KNOWN: [(&str, &str); 7] = [
        ("GET", "get"),
        ("POST", "post"),
        ("PUT", "put"),
        ("PATCH", "patch"),
        ("DELETE", "delete"),
        ("HEAD", "head"),
        ("OPTIONS", "options"),
    ];
    match KNOWN.iter().find(|(known, _)| *known == method) {
        Some((_, verb)) => Cow::Borrowed(*verb),
        None => Cow::Owned(method.to_lowercase()),
    }
}

impl RequestInfo<'_> {
    /// Returns true if the request continues from an earlier answer, by its resource version or a `continue` token:
    /// only the cluster that gave that answer understands it. Version 0 means any version.
    pub fn carries_version(&self) -> bool {
        self.continues || !matches!(&*self.resource_version, "" | "0")
    }

    /// Returns true if a pod, service or node answers, and the API server passes its answer on.
    pub fn is_proxied(&self) -> bool {
        self.is_resource && (self.verb == "proxy" || self.subresource == "proxy")
    }

    /// Returns the class of the request: it reads, writes, or opens a connection into a pod or service.
    pub fn class(&self) -> Class {
        if self.is_proxied() || (self.is_resource && matches!(&*self.subresource, "exec" | "attach" | "portforward")) {
            return Class::Connect;
        }
        match &*self.verb {
            "get" | "list" | "watch" => Class::Read,
            "head" | "options" if !self.is_resource => Class::Read,
            _ => Class::Write,
        }
    }

    /// Returns true if the request has no time limit.
    pub fn is_long_running(&self) -> bool {
        matches!(&*self.verb, "watch" | "proxy")
            || (self.is_resource && matches!(&*self.subresource, "attach" | "exec" | "proxy" | "log" | "portforward"))
            || (!self.is_resource && self.path.starts_with("/debug/pprof/"))
    }

    /// Copies the texts that borrow from the URL.
    pub fn into_owned(self) -> RequestInfo<'static> {
        fn own(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        RequestInfo {
            is_resource: self.is_resource,
            path: own(self.path),
            verb: own(self.verb),
            api_prefix: own(self.api_prefix),
            api_group: own(self.api_group),
            api_version: own(self.api_version),
            namespace: own(self.namespace),
            resource: own(self.resource),
            subresource: own(self.subresource),
            name: own(self.name),
            field_selector: own(self.field_selector),
            label_selector: own(self.label_selector),
            resource_version: own(self.resource_version),
            continues: self.continues,
        }
    }
}

#[cfg(test)]
mod tests;
