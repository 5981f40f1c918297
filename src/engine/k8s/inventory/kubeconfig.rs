//! Kubeconfig files as kubectl reads them: several files, relative paths per file, `null` for an absent value. The form
//! on disk is here; `resolve` turns it into clusters.

mod resolve;

pub use resolve::{Resolved, resolve};

use crate::config::yaml::{Duplicates, Flaw, parse};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A parsed kubeconfig file.
pub struct Kubeconfig {
    /// Path of the file for messages, with `~` for the home folder.
    pub shown: String,
    /// Path of the file, or the label of a kubeconfig in memory.
    pub file: String,
    /// Folder that its relative paths are relative to.
    folder: PathBuf,
    raw: Raw,
}

// It holds secrets.
impl std::fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kubeconfig").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Kubeconfig {
    /// Parses the text of the file at `path`; messages name the file `shown`. Fails if the text is empty, or is not
    /// YAML of the expected shape; the error names the line and quotes no value.
    pub fn parse(text: &str, path: &Path, shown: &str) -> Result<Self, Flaw> {
        if text.trim().is_empty() {
            let message = "is empty: it names no cluster".to_owned();
            return Err(Flaw { file: shown.to_owned(), line: 0, message });
        }
        let raw = parse(text, shown, Duplicates::LastWins)?;
        let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        Ok(Self { shown: shown.to_owned(), file: path.display().to_string(), folder, raw })
    }
}

// `null` stands for "nothing" everywhere: kubectl itself writes `clusters: null`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Raw {
    current_context: Option<String>,
    clusters: Option<Vec<Option<NamedCluster>>>,
    users: Option<Vec<Option<NamedUser>>>,
    contexts: Option<Vec<Option<NamedContext>>>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: Option<String>,
    cluster: Option<RawCluster>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: Option<String>,
    user: Option<RawUser>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: Option<serde_saphyr::Spanned<String>>,
    context: Option<RawContext>,
}

#[derive(Deserialize, Default)]
struct RawContext {
    cluster: Option<String>,
    user: Option<String>,
    namespace: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct RawCluster {
    server: Option<String>,
    tls_server_name: Option<String>,
    insecure_skip_tls_verify: Option<bool>,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    proxy_url: Option<String>,
    disable_compression: Option<bool>,
    extensions: Option<Vec<Option<RawExtension>>>,
}

#[derive(Deserialize)]
struct RawExtension {
    name: Option<String>,
    extension: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct RawUser {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    r#as: Option<String>,
    as_uid: Option<String>,
    as_groups: Option<Vec<String>>,
    as_user_extra: Option<BTreeMap<String, Option<Vec<String>>>>,
    username: Option<String>,
    password: Option<String>,
    auth_provider: Option<RawAuthProvider>,
    exec: Option<RawExec>,
}

#[derive(Deserialize)]
struct RawAuthProvider {
    name: Option<String>,
    config: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawExec {
    api_version: Option<String>,
    command: Option<String>,
    args: Option<Vec<String>>,
    env: Option<Vec<RawVariable>>,
    install_hint: Option<String>,
    provide_cluster_info: Option<bool>,
    interactive_mode: Option<String>,
}

#[derive(Deserialize)]
struct RawVariable {
    name: String,
    value: Option<String>,
}

#[cfg(test)]
mod tests;
