//! Where a configuration comes from, and how its changes are noticed.
//!
//! [`readings()`] is the whole: documents and the inventory are followed, each state is read, linted and checked against
//! what credentials are bound to, and comes out as one reading or one refusal. [`Loader`] does the same once.

mod config_map;
pub mod credential_pins;
pub mod files;
pub(crate) mod follow;
pub mod last_good;
mod loader;

pub use follow::{LoadContext, look, readings};
pub use loader::Loader;

use crate::engine::cluster::Listing;
use crate::engine::k8s::endpoint::Endpoints;
use crate::engine::proxy::config::read::Listed;
use std::path::PathBuf;

/// Source of a configuration, as `--proxy-config` names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source {
    /// A file, or a folder of files.
    Path(PathBuf),
    /// A ConfigMap in the home cluster, and the Secret with the credentials, which has the name of the ConfigMap
    /// unless another is given.
    ConfigMap {
        /// Namespace of both objects.
        namespace: String,
        /// Name of the ConfigMap.
        name: String,
        /// Name of the Secret.
        secret: String,
    },
    /// No configuration: every cluster of the inventory, the current context as home, no rules.
    #[default]
    Inventory,
}

impl Source {
    /// Parses `PATH` or `configmap:NAMESPACE/NAME[,secret:NAME]`; `resolve` makes a path of the text.
    ///
    /// Fails if the text is empty, or begins with `configmap:` and has another form.
    pub fn parse(text: &str, resolve: impl Fn(&str) -> PathBuf) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("configmap:") else {
            return if text.is_empty() { Err("names no file".to_owned()) } else { Ok(Self::Path(resolve(text))) };
        };
        let wrong = || "expected configmap:NAMESPACE/NAME, or configmap:NAMESPACE/NAME,secret:NAME".to_owned();
        let (object, secret) = match rest.split_once(',') {
            Some((object, secret)) => (object, Some(secret.strip_prefix("secret:").ok_or_else(wrong)?)),
            None => (rest, None),
        };
        let (namespace, name) = object.split_once('/').ok_or_else(wrong)?;
        let is_name = |text: &str| {
            (1..=253).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        };
        if ![namespace, name, secret.unwrap_or(name)].into_iter().all(is_name) {
            return Err(wrong());
        }
        let secret = secret.unwrap_or(name).to_owned();
        Ok(Self::ConfigMap { namespace: namespace.to_owned(), name: name.to_owned(), secret })
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::ConfigMap { namespace, name, .. } => write!(f, "configmap {namespace}/{name}"),
            Self::Inventory => f.write_str("the inventory"),
        }
    }
}

/// Converts the clusters of an inventory for the reader of configurations.
pub fn listed(listing: &Listing, endpoints: &Endpoints) -> Vec<Listed> {
    let one = |entry: &crate::model::cluster::ClusterEntry| Listed {
        name: entry.name.to_string(),
        context: entry.context.as_ref().map(ToString::to_string),
        namespace: entry.namespace.to_string(),
        region: entry.region.to_string(),
        labels: entry.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        endpoint: match (&entry.defect, endpoints.get(&entry.name)) {
            (Some(defect), _) => Err(defect.to_string()),
            (None, Some(endpoint)) => Ok(endpoint),
            (None, None) => Err("the inventory knows no endpoint of it".to_owned()),
        },
    };
    listing.entries.iter().map(|entry| one(entry)).collect()
}

#[cfg(test)]
mod tests;
