//! A member cluster as an object of a hub describes it, in one form for each kind of hub. Contains no secret, so that
//! it can be cached on disk; trusts nothing, because a hub may lie.

pub mod apis;
pub mod profile;

use crate::model::text::clean;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest string read from a hub's object: the API itself stops at 1024.
const TEXT_BYTES_MAX: usize = 1024;

/// The longest CA bundle or plugin configuration, in bytes: some hundred certificates.
const BUNDLE_BYTES_MAX: usize = 256 * 1024;

/// Maximum number of labels, properties and ways of a member; more of them can only be an attack.
pub const LIST_MAX: usize = 128;

/// A member cluster as one object of a hub describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    /// Kind of the object, with its group where the bare kind is ambiguous: `ClusterProfile`,
    /// `Cluster.cluster.x-k8s.io`.
    pub kind: String,
    /// Namespace of the object; empty for a cluster-scoped kind.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// Manager of the cluster. Objects with the same manager and [`cluster`](Self::cluster) describe one cluster.
    pub manager: String,
    /// Name of the cluster at its manager; empty if the object names none.
    pub cluster: String,
    /// Name for people; empty if there is none.
    pub display_name: String,
    /// Ways to the API server, in the order of the hub.
    pub ways: Vec<Way>,
    /// The command that the `auth.exec.*` properties name; `None` without them.
    pub exec: Option<NamedExec>,
    /// Path at which the hub's own API server passes requests on to the member; `None` if it does not.
    pub proxy_path: Option<String>,
    /// Labels of the object.
    pub labels: BTreeMap<String, String>,
    /// Cloud or distribution; empty if unknown.
    pub provider: String,
    /// Region; empty if unknown.
    pub region: String,
    /// Readiness as the hub claims it; `None` is unknown.
    pub ready: Option<bool>,
    /// Reason of the claim; empty if it has none.
    pub reason: String,
    /// When the claim was made, in seconds since 1970; `None` if unknown.
    pub observed: Option<i64>,
}

/// A way to the API server of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Way {
    /// Name of the access provider; empty where the hub has none.
    pub provider: String,
    /// URL of the API server.
    pub server: String,
    /// Authority of the server's certificate: base64 of PEM, or PEM; `None` is the system's roots.
    pub ca: Option<String>,
    /// Name that the server's certificate must carry; `None` is the host of [`server`](Self::server).
    pub tls_server_name: Option<String>,
    /// The server's certificate is not verified.
    pub insecure: bool,
    /// Proxy to the server; `None` is that of the environment.
    pub proxy_url: Option<String>,
    /// Responses are requested without compression.
    pub disable_compression: bool,
    /// The hub names a file of this machine in place of a certificate. Such a way is refused and the file never opened.
    pub names_file: bool,
    /// JSON for the plugin: `spec.cluster.config` of its `ExecCredential`.
    pub config: Option<String>,
    /// Arguments that the hub adds to the plugin, if its policy allows it.
    pub args: Vec<String>,
    /// Environment variables that the hub adds to the plugin, if its policy allows it.
    pub env: BTreeMap<String, String>,
}

/// A command that a hub's object names. Runs only if the user lists it in `allowExec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedExec {
    /// Version of the plugin protocol.
    pub api_version: String,
    /// Program to run.
    pub command: String,
    /// Arguments of the program.
    pub args: Vec<String>,
}

/// The string at a path; empty if there is none or if it is too long.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    maybe_text(value, pointer).unwrap_or_default()
}

/// As [`text`], but `None` instead of an empty string.
pub(crate) fn maybe_text(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?;
    (!text.is_empty() && text.len() <= TEXT_BYTES_MAX).then(|| clean(text).into_owned())
}

/// The string at a path, up to the size of a CA bundle.
pub(crate) fn bundle(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?;
    (!text.is_empty() && text.len() <= BUNDLE_BYTES_MAX).then(|| text.to_owned())
}

/// The value as JSON text; `None` if it is too long.
pub(crate) fn json(value: &Value) -> Option<String> {
    let text = value.to_string();
    (text.len() <= BUNDLE_BYTES_MAX).then_some(text)
}

/// The list at a path, up to [`LIST_MAX`] items; empty for `null` and for other types.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten().take(LIST_MAX)
}

/// A condition: its status (`None` is unknown), its reason and the time of its last transition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Says {
    pub ready: Option<bool>,
    pub reason: String,
    pub observed: Option<i64>,
}

/// The condition of this type; `None` if there is none, or if `conditions` is `null`.
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

/// Labels in which hubs keep the cloud and the region, by preference.
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
    /// Fills in provider and region from the labels, where the object has neither.
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
