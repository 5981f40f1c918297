//! What a request asks for, exactly as kube-apiserver's own `RequestInfo` sees it.

use std::borrow::Cow;

/// The attributes of a request. Texts are decoded as the server decodes them; most borrow from the URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestInfo<'a> {
    /// An API resource; otherwise only `path` and `verb` hold.
    pub is_resource: bool,
    /// The decoded path.
    pub path: Cow<'a, str>,
    /// `get`, `list`, `watch`, `create`, ...; the lower-case HTTP method for what is no resource; empty for a method
    /// without a verb.
    pub verb: Cow<'a, str>,
    /// `api` or `apis`.
    pub api_prefix: Cow<'a, str>,
    pub api_group: Cow<'a, str>,
    pub api_version: Cow<'a, str>,
    pub namespace: Cow<'a, str>,
    pub resource: Cow<'a, str>,
    pub subresource: Cow<'a, str>,
    pub name: Cow<'a, str>,
    pub field_selector: Cow<'a, str>,
    pub label_selector: Cow<'a, str>,
    /// `resourceVersion` of the query, decoded; empty where absent.
    pub resource_version: Cow<'a, str>,
    /// A `continue` token is present.
    pub continues: bool,
}

/// What rules may allow apart: exec is a GET over WebSocket and still no read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Read,
    Write,
    /// exec, attach, portforward, proxy.
    Connect,
}
