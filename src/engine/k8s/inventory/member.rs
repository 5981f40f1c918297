//! What a hub says of one member cluster, in one form for every kind of hub. Holds no secret, so that it may be
//! kept on disk; trusts nothing, because a hub may lie.

pub mod apis;
pub mod profile;

use crate::model::text::clean;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest text read from a hub's object: the API itself stops at 1024.
const TEXT_BYTES_MAX: usize = 1024;

/// The longest CA bundle or plugin configuration, in bytes: some hundred certificates.
const BUNDLE_BYTES_MAX: usize = 256 * 1024;

/// Labels, properties and ways in are cut here: a hub that has more means no good.
pub const LIST_MAX: usize = 128;

/// One member cluster as one object of a hub tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    /// With its group where the bare kind is not enough: `ClusterProfile`, `Cluster.cluster.x-k8s.io`.
    pub kind: String,
    pub namespace: String,
    pub name: String,
    /// Who manages the cluster, and its name there: several objects may tell of one cluster.
    pub manager: String,
    pub cluster: String,
    pub display_name: String,
    /// Ways to the API server, in the hub's order.
    pub ways: Vec<Way>,
    /// The command that the requirement's `auth.exec.*` properties name.
    pub exec: Option<NamedExec>,
    /// The hub itself passes requests on, at this path.
    pub proxy_path: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub provider: String,
    pub region: String,
    /// `None` is "unknown".
    pub ready: Option<bool>,
    pub reason: String,
    /// When the claim was made, in seconds since 1970.
    pub observed: Option<i64>,
}

/// One way to the API server of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Way {
    /// The access provider; empty where the hub has none.
    pub provider: String,
    pub server: String,
    /// Base64 of PEM, or PEM.
    pub ca: Option<String>,
    pub tls_server_name: Option<String>,
    pub insecure: bool,
    pub proxy_url: Option<String>,
    pub disable_compression: bool,
    /// It names a file of this machine instead of a certificate: never opened.
    pub names_file: bool,
    /// JSON for the plugin.
    pub config: Option<String>,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
}

/// A command that a hub's object names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedExec {
    pub api_version: String,
    pub command: String,
    pub args: Vec<String>,
}

/// The text at a path; nothing where it is none or too long.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    maybe_text(value, pointer).unwrap_or_default()
}

/// As [`text`], or `None`.
pub(crate) fn maybe_text(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?;
    (!text.is_empty() && text.len() <= TEXT_BYTES_MAX).then(|| clean(text).into_owned())
}

/// A CA bundle or the like, which may be long.
pub(crate) fn bundle(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?;
    (!text.is_empty() && text.len() <= BUNDLE_BYTES_MAX).then(|| text.to_owned())
}

/// A value as JSON, unless too long.
pub(crate) fn json(value: &Value) -> Option<String> {
    let text = value.to_string();
    (text.len() <= BUNDLE_BYTES_MAX).then_some(text)
}

/// The list at a path; none for `null` and for what is no list.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten().take(LIST_MAX)
}

/// What a condition says: true, false, or unknown; why; since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Says {
    pub ready: Option<bool>,
    pub reason: String,
    pub observed: Option<i64>,
}

/// The condition of this type, if there is one. `conditions: null` is none.
pub(crate) fn condition(object: &Value, kind: &str) -> Option<Says> {
    let found = list(object, "/status/conditions").find(|c| text(c, "/type") == kind)?;
    let ready = match text(found, "/status").as_str() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    };
    let reason = maybe_text(found, "/reason").or_else(|| maybe_text(found, "/message"));
    let at = maybe_text(found, "/lastTransitionTime").or_else(|| maybe_text(found, "/lastUpdateTime"));
    Some(Says { ready, reason: reason.unwrap_or_default(), observed: at.and_then(|at| seconds(&at)) })
}

pub(crate) fn seconds(time: &str) -> Option<i64> {
    crate::model::time::UnixSeconds::parse(time).map(|t| t.0)
}

/// Names under which hubs keep the cloud and the place, the best first.
const PROVIDER_KEYS: &[&str] =
    &["cloud.provider", "provider", "platform.open-cluster-management.io", "cloud", "vendor", "cluster.type"];
const REGION_KEYS: &[&str] = &[
    "region",
    "location",
    "topology.kubernetes.io/region",
    "region.open-cluster-management.io",
    "fleet.azure.com/location",
];

impl Member {
    /// Provider and region out of the labels, where the object says nothing better.
    pub(crate) fn with_place(mut self) -> Self {
        let first = |keys: &[&str]| keys.iter().find_map(|k| self.labels.get(*k)).cloned().unwrap_or_default();
        if self.provider.is_empty() {
            self.provider = first(PROVIDER_KEYS);
        }
        if self.region.is_empty() {
            self.region = first(REGION_KEYS);
        }
        self
    }

    pub(crate) fn claiming(self, says: Option<Says>) -> Self {
        let says = says.unwrap_or_default();
        Self { ready: says.ready, reason: says.reason, observed: says.observed, ..self }
    }
}
