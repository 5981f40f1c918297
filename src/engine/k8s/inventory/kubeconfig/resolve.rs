//! From parsed kubeconfigs to clusters: each context of each file is a cluster.

use super::{Kubeconfig, NamedContext, RawAuthProvider, RawCluster, RawContext, RawExec, RawUser};
use crate::engine::k8s::endpoint::{Endpoint, ExecPlugin, Impersonate, Interactive, Material, Secret, User};
use crate::engine::k8s::inventory::alias;
use crate::engine::k8s::inventory::found::{Address, Found, plain};
use crate::model::cluster::Source;
use crate::model::text::Text;
use base64::Engine as _;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// All clusters of the kubeconfig files.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The contexts, in the order of the files and within each. A context that cannot be connected is in it, with the
    /// reason.
    pub found: Vec<Found>,
    /// The index of the current context in `found`; `None` if no file names one, or if there is no such context.
    pub current: Option<usize>,
    /// Contexts that were left out, and a current context that does not exist.
    pub warnings: Vec<Text>,
}

/// Resolves the contexts of all files. A name is looked up in the context's own file first, then in the
/// others in their order.
pub fn resolve(files: &[Arc<Kubeconfig>]) -> Resolved {
    let mut resolved = Resolved::default();
    for file in files {
        let mut seen = BTreeSet::new();
        for context in file.raw.contexts.iter().flatten().flatten() {
            let Some(name) = context.name.as_ref().filter(|n| !n.value.is_empty()) else {
                resolved.warnings.push(plain(&format!("{}: a context without a name is left out", file.shown)));
                continue;
            };
            let line = name.referenced.line();
            if seen.insert(name.value.as_str()) {
                resolved.found.push(one(files, file, &name.value, context));
            } else {
                let text = format!("{}:{line}: a second context {} is left out", file.shown, name.value);
                resolved.warnings.push(plain(&text));
            }
        }
    }
    let wanted = files.iter().find_map(|f| {
        let name = f.raw.current_context.as_deref().filter(|n| !n.is_empty())?;
        Some((f, name))
    });
    if let Some((file, name)) = wanted {
        resolved.current = resolved.found.iter().position(|f| f.context.as_deref() == Some(name));
        if resolved.current.is_none() {
            let text = format!("{}: the current context {name} is in no kubeconfig file", file.shown);
            resolved.warnings.push(plain(&text));
        }
    }
    resolved
}

fn one(files: &[Arc<Kubeconfig>], file: &Kubeconfig, name: &str, context: &NamedContext) -> Found {
    let nothing = RawContext::default();
    let spec = context.context.as_ref().unwrap_or(&nothing);
    let source = Source::Kubeconfig { file: Text::from(file.file.as_str()), context: plain(name) };
    let mut found = Found::new(source, alias::of_context(name, &file.file));
    found.context = Some(plain(name));
    found.namespace = plain(spec.namespace.as_deref().unwrap_or_default());
    let line = context.name.as_ref().map_or(0, |n| n.referenced.line());
    let at = format!("{}:{line}", file.shown);
    match endpoint(files, file, name, spec) {
        Ok(endpoint) => {
            found.server = plain(&endpoint.server);
            found.addresses.extend(Address::of(&endpoint));
            found.endpoint = Ok(endpoint);
        }
        Err(defect) => {
            let server = cluster_of(files, file, spec).and_then(|(_, c)| c.server.as_deref());
            found.server = plain(server.unwrap_or_default());
            found.endpoint = Err(plain(&format!("{defect} ({at})")));
        }
    }
    found
}

/// Returns the first match, in the context's own file before the others.
fn own_first<'a, T>(
    files: &'a [Arc<Kubeconfig>],
    own: &'a Kubeconfig,
    find: impl Fn(&'a Kubeconfig) -> Option<&'a T>,
) -> Option<(&'a Kubeconfig, &'a T)> {
    std::iter::once(own).chain(files.iter().map(|f| &**f)).find_map(|file| Some((file, find(file)?)))
}

fn cluster_of<'a>(
    files: &'a [Arc<Kubeconfig>],
    own: &'a Kubeconfig,
    spec: &RawContext,
) -> Option<(&'a Kubeconfig, &'a RawCluster)> {
    let wanted = spec.cluster.as_deref()?;
    own_first(files, own, |file| {
        let mut all = file.raw.clusters.iter().flatten().flatten();
        all.find(|c| c.name.as_deref() == Some(wanted))?.cluster.as_ref()
    })
}

fn user_of<'a>(
    files: &'a [Arc<Kubeconfig>],
    own: &'a Kubeconfig,
    wanted: &str,
) -> Option<(&'a Kubeconfig, &'a RawUser)> {
    own_first(files, own, |file| {
        let mut all = file.raw.users.iter().flatten().flatten();
        all.find(|u| u.name.as_deref() == Some(wanted))?.user.as_ref()
    })
}

fn endpoint(files: &[Arc<Kubeconfig>], own: &Kubeconfig, name: &str, spec: &RawContext) -> Result<Endpoint, String> {
    let wanted = spec.cluster.as_deref().unwrap_or_default();
    if wanted.is_empty() {
        return Err("the context names no cluster: add `cluster:` to it".to_owned());
    }
    let Some((file, cluster)) = cluster_of(files, own, spec) else {
        return Err(format!("the context names cluster {wanted}, which is in no kubeconfig file"));
    };
    let (user, cluster_config) = match spec.user.as_deref().unwrap_or_default() {
        // As kubectl: a context without a user is anonymous (a port of `kubectl proxy`, say).
        "" => (User::default(), None),
        wanted => match user_of(files, own, wanted) {
            Some((file, raw)) => (user(raw, &file.folder)?, exec_config(cluster)),
            None if is_known_user(files, wanted) => (User::default(), None),
            None => return Err(format!("the context names user {wanted}, which is in no kubeconfig file")),
        },
    };
    let server = server(cluster)?;
    let insecure = cluster.insecure_skip_tls_verify.unwrap_or(false);
    let ca =
        material(cluster.certificate_authority_data.as_ref(), cluster.certificate_authority.as_ref(), &file.folder)
            .map_err(|why| format!("certificate-authority-data {why}"))?;
    let exec = user.exec.map(|exec| ExecPlugin { cluster_config, ..exec });
    Ok(Endpoint {
        tls_server_name: filled(cluster.tls_server_name.as_ref()),
        insecure,
        ca,
        proxy_url: filled(cluster.proxy_url.as_ref()),
        disable_compression: cluster.disable_compression.unwrap_or(false),
        user: User { exec, ..user },
        ..Endpoint::plain(server, name)
    })
}

/// Returns true if a user of this name is in some file. One without a `user:` part is anonymous.
fn is_known_user(files: &[Arc<Kubeconfig>], wanted: &str) -> bool {
    let mut all = files.iter().flat_map(|f| f.raw.users.iter().flatten().flatten());
    all.any(|u| u.name.as_deref() == Some(wanted))
}

/// The URL of the server. As in kubectl, it is `http` without a scheme, whatever else the cluster says: client-go looks
/// at the address before it reads a CA.
fn server(cluster: &RawCluster) -> Result<String, String> {
    let Some(server) = filled(cluster.server.as_ref()) else {
        return Err("the cluster names no server: add `server: https://…` to it".to_owned());
    };
    let server = match server.split_once("://") {
        Some(("http" | "https" | "HTTP" | "HTTPS", _)) => server,
        Some((scheme, _)) => return Err(format!("the server's scheme is {scheme}: only http and https are known")),
        None => format!("http://{server}"),
    };
    match server.parse::<http::Uri>() {
        Ok(uri) if uri.host().is_some_and(|h| !h.is_empty()) => Ok(server.trim_end_matches('/').to_owned()),
        _ => Err("the cluster's server is not a URL".to_owned()),
    }
}

fn user(raw: &RawUser, folder: &Path) -> Result<User, String> {
    let certificate = material(raw.client_certificate_data.as_ref(), raw.client_certificate.as_ref(), folder)
        .map_err(|why| format!("client-certificate-data {why}"))?;
    let key = material(raw.client_key_data.as_ref(), raw.client_key.as_ref(), folder)
        .map_err(|why| format!("client-key-data {why}"))?;
    // Of both, the file counts: it may be rotated.
    let token = match (filled(raw.token_file.as_ref()), filled(raw.token.as_ref())) {
        (Some(path), _) => Some(Material::File(folder.join(path))),
        (None, Some(token)) => Some(Material::Inline(Secret(token))),
        (None, None) => raw.auth_provider.as_ref().map(provider_token).transpose()?,
    };
    let extra = raw.as_user_extra.iter().flatten();
    Ok(User {
        token,
        client_certificate: certificate,
        client_key: key,
        basic: filled(raw.username.as_ref()).map(|name| (name, Secret(raw.password.clone().unwrap_or_default()))),
        exec: raw.exec.as_ref().map(|exec| plugin(exec, folder)).transpose()?,
        impersonate: Impersonate {
            user: filled(raw.r#as.as_ref()),
            groups: raw.as_groups.clone().unwrap_or_default(),
            uid: filled(raw.as_uid.as_ref()),
            extra: extra.map(|(key, values)| (key.clone(), values.clone().unwrap_or_default())).collect(),
        },
    })
}

/// The token of an `auth-provider`. kubectl no longer has these providers; only the token that OIDC left behind can be
/// used.
fn provider_token(provider: &RawAuthProvider) -> Result<Material, String> {
    let name = provider.name.as_deref().unwrap_or_default();
    let token = provider.config.as_ref().and_then(|config| config.get("id-token")).and_then(Option::as_ref);
    match (name, filled(token)) {
        ("oidc", Some(token)) => Ok(Material::Inline(Secret(token))),
        ("gcp", _) => Err("auth-provider gcp is gone: run `gcloud container clusters get-credentials`".to_owned()),
        ("azure", _) => Err("auth-provider azure is gone: run `kubelogin convert-kubeconfig`".to_owned()),
        _ => Err(format!("auth-provider {name} is not supported: use an exec plugin such as kubelogin")),
    }
}

fn plugin(raw: &RawExec, folder: &Path) -> Result<ExecPlugin, String> {
    let Some(command) = filled(raw.command.as_ref()) else {
        return Err("the user's exec names no command".to_owned());
    };
    let api_version = raw.api_version.clone().unwrap_or_default();
    if !matches!(api_version.as_str(), "client.authentication.k8s.io/v1" | "client.authentication.k8s.io/v1beta1") {
        return Err(format!(
            "the exec apiVersion is {api_version:?}: update the user to client.authentication.k8s.io/v1 \
             (EKS: run `aws eks update-kubeconfig`)"
        ));
    }
    // As client-go: a command with a separator is a path beside the kubeconfig; one without is looked up in PATH.
    let is_path = command.contains(std::path::MAIN_SEPARATOR);
    let command = if is_path { folder.join(&command).display().to_string() } else { command };
    Ok(ExecPlugin {
        api_version,
        command,
        args: raw.args.clone().unwrap_or_default(),
        env: raw.env.iter().flatten().map(|v| (v.name.clone(), Secret(v.value.clone().unwrap_or_default()))).collect(),
        interactive: match raw.interactive_mode.as_deref() {
            Some("Never") => Interactive::Never,
            Some("Always") => Interactive::Always,
            _ => Interactive::IfAvailable,
        },
        provide_cluster_info: raw.provide_cluster_info.unwrap_or(false),
        install_hint: filled(raw.install_hint.as_ref()).map(|hint| crate::model::text::clean_lines(&hint).into_owned()),
        cluster_config: None,
    })
}

/// The configuration that a cluster has for the plugins of its users.
fn exec_config(cluster: &RawCluster) -> Option<String> {
    let mut all = cluster.extensions.iter().flatten().flatten();
    let ours = all.find(|e| e.name.as_deref() == Some("client.authentication.k8s.io/exec"))?;
    ours.extension.as_ref().map(ToString::to_string)
}

/// The material of a pair of fields. Base64 data wins over a file, as in kubectl.
fn material(data: Option<&String>, file: Option<&String>, folder: &Path) -> Result<Option<Material>, &'static str> {
    if let Some(data) = data.filter(|d| !d.is_empty()) {
        let packed: String = data.split_ascii_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed).map_err(|_| "is not base64")?;
        let text = String::from_utf8(bytes).map_err(|_| "does not hold PEM")?;
        return Ok(Some(Material::Inline(Secret(text))));
    }
    Ok(file.filter(|f| !f.is_empty()).map(|file| Material::File(folder.join(file))))
}

fn filled(text: Option<&String>) -> Option<String> {
    text.filter(|t| !t.is_empty()).cloned()
}
