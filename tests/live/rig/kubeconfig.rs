//! Kubeconfig texts for a control plane, or for several.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ControlPlane, Outcome};

/// Somebody with a token.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) groups: Vec<String>,
}

impl User {
    /// A user in no group, whose token is `NAME-token`.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), token: format!("{name}-token"), groups: Vec::new() }
    }

    /// One who may do everything.
    pub(crate) fn master(name: &str) -> Self {
        Self { groups: vec!["system:masters".to_owned()], ..Self::named(name) }
    }

    /// A line of the API server's token file.
    pub(crate) fn line(&self) -> String {
        format!("{},{},{},\"{}\"\n", self.token, self.name, self.name, self.groups.join(","))
    }
}

impl ControlPlane {
    /// One context, named like the cluster, for `admin`.
    pub(crate) fn kubeconfig(&self) -> Outcome<String> {
        self.kubeconfig_for("admin")
    }

    /// One context, named like the cluster, for a user with a token.
    pub(crate) fn kubeconfig_for(&self, user: &str) -> Outcome<String> {
        let user = self.users.iter().find(|known| known.name == user).ok_or_else(|| format!("no user {user}"))?;
        Ok(self.kubeconfig_with(&json!({ "token": user.token })))
    }

    /// One context, named like the cluster, for whoever these credentials stand for: the `user` part of a kubeconfig.
    pub(crate) fn kubeconfig_with(&self, credentials: &Value) -> String {
        document(vec![self.entry(credentials)])
    }

    /// A kubeconfig file for one of the rig's own users: `admin`, `controllers`, `kwok`.
    pub(crate) fn kubeconfig_path(&self, user: &str) -> PathBuf {
        self.folder.join(format!("{user}.kubeconfig"))
    }

    /// Writes a kubeconfig text into this control plane's folder, and returns its path.
    pub(crate) fn write_kubeconfig(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    fn entry(&self, credentials: &Value) -> [Value; 3] {
        let name = self.name();
        let authority = STANDARD.encode(self.authority.certificate());
        let server = format!("https://127.0.0.1:{}", self.port);
        [
            json!({ "name": name, "cluster": { "server": server, "certificate-authority-data": authority } }),
            json!({ "name": name, "context": { "cluster": name, "user": name } }),
            json!({ "name": name, "user": credentials }),
        ]
    }
}

/// One kubeconfig with a context for each control plane, as `admin`; the first is the current one.
pub(crate) fn merged<'a>(planes: impl IntoIterator<Item = &'a ControlPlane>) -> String {
    let credentials = json!({ "token": User::master("admin").token });
    document(planes.into_iter().map(|plane| plane.entry(&credentials)).collect())
}

/// JSON is YAML, and kubeconfig readers take it.
fn document(entries: Vec<[Value; 3]>) -> String {
    let current = entries.first().map(|[cluster, ..]| cluster["name"].clone());
    let [mut clusters, mut contexts, mut users] = [const { Vec::new() }; 3];
    for [cluster, context, user] in entries {
        clusters.push(cluster);
        contexts.push(context);
        users.push(user);
    }
    format!(
        "{:#}",
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": current,
            "clusters": clusters,
            "contexts": contexts,
            "users": users,
        })
    )
}
