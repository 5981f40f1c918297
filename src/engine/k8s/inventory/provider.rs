//! Login to the members of a hub: the user's provider file names the programs, never the hub.

use super::found::{Address, Found, canonical, plain};
use super::member::{Member, NamedExec, Way};
use crate::config::yaml::{Duplicates, Flaw, parse};
use crate::engine::k8s::endpoint::{Endpoint, ExecPlugin, Interactive, Material, Secret, User};
use crate::model::cluster::{Claim, Source};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use base64::Engine as _;
use serde::Deserialize;
use std::path::Path;

/// The user's provider file: programs by the name of an access provider, by preference.
#[derive(Debug, Clone, Default)]
pub struct Providers(Vec<Provider>);

#[derive(Debug, Clone)]
struct Provider {
    name: String,
    plugin: ExecPlugin,
    args: ArgsPolicy,
    envs: EnvsPolicy,
}

/// Treatment of arguments that the hub sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
enum ArgsPolicy {
    Append,
    #[default]
    #[serde(alias = "")]
    Ignore,
}

/// Treatment of environment variables that the hub sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
enum EnvsPolicy {
    AppendIfNotExists,
    Replace,
    #[default]
    #[serde(alias = "")]
    Ignore,
}

#[derive(Deserialize)]
struct FileForm {
    providers: Option<Vec<ProviderForm>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProviderForm {
    name: String,
    exec_config: ExecForm,
    #[serde(default, rename = "profileSourcedCLIArgsPolicy")]
    args_policy: Option<ArgsPolicy>,
    #[serde(default, rename = "profileSourcedEnvVarsPolicy")]
    envs_policy: Option<EnvsPolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecForm {
    api_version: Option<String>,
    command: String,
    args: Option<Vec<String>>,
    env: Option<Vec<VariableForm>>,
    install_hint: Option<String>,
    provide_cluster_info: Option<bool>,
    interactive_mode: Option<String>,
}

#[derive(Deserialize)]
struct VariableForm {
    name: String,
    value: Option<String>,
}

/// Version of the plugin protocol if the file names none.
const EXEC_VERSION: &str = "client.authentication.k8s.io/v1";

impl Providers {
    /// Parses the text of the provider file at `path`; messages name the file `shown`. A command with a relative path
    /// is relative to its folder. Fails if the text is not YAML of the expected shape; the error names the line and
    /// quotes no value.
    pub fn parse(text: &str, path: &Path, shown: &str) -> Result<Self, Flaw> {
        let form: FileForm = parse(text, shown, Duplicates::LastWins)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let provider = |form: ProviderForm| {
            let exec = form.exec_config;
            let is_path = exec.command.contains(std::path::MAIN_SEPARATOR);
            let env = exec.env.unwrap_or_default().into_iter();
            Provider {
                name: form.name,
                plugin: ExecPlugin {
                    api_version: exec.api_version.unwrap_or_else(|| EXEC_VERSION.to_owned()),
                    command: if is_path { folder.join(&exec.command).display().to_string() } else { exec.command },
                    args: exec.args.unwrap_or_default(),
                    env: env.map(|v| (v.name, Secret(v.value.unwrap_or_default()))).collect(),
                    interactive: match exec.interactive_mode.as_deref() {
                        Some("Always") => Interactive::Always,
                        Some("IfAvailable") => Interactive::IfAvailable,
                        _ => Interactive::Never,
                    },
                    provide_cluster_info: exec.provide_cluster_info.unwrap_or(false),
                    install_hint: exec.install_hint,
                    cluster_config: None,
                },
                args: form.args_policy.unwrap_or_default(),
                envs: form.envs_policy.unwrap_or_default(),
            }
        };
        Ok(Self(form.providers.unwrap_or_default().into_iter().map(provider).collect()))
    }

    /// The first provider of the file that the member offers, with its way.
    fn choose<'a>(&self, ways: &'a [Way]) -> Option<(&Provider, &'a Way)> {
        self.0.iter().find_map(|p| Some((p, ways.iter().find(|w| !w.provider.is_empty() && w.provider == p.name)?)))
    }
}

/// The influence that the user gives to the objects of a hub.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Programs to log in with.
    pub providers: Providers,
    /// Commands that a hub may name in `auth.exec.command`.
    pub allow_exec: Vec<String>,
}

/// A hub: its context, and its endpoint.
#[derive(Debug, Clone)]
pub struct HubAt {
    /// Name of the context.
    pub name: String,
    /// Short name of the context, for `CLUSTER@HUB`.
    pub short: String,
    /// Endpoint of the hub's own API server.
    pub endpoint: Endpoint,
}

/// Makes a member a cluster of the inventory. A member that cannot be connected is one too, with the reason.
pub fn found(member: &Member, hub: &HubAt, trust: &Trust) -> Found {
    let source = Source::Hub {
        hub: plain(&hub.name),
        kind: plain(&member.kind),
        namespace: plain(&member.namespace),
        name: plain(&member.name),
    };
    let called = if member.cluster.is_empty() { &member.name } else { &member.cluster };
    let mut names = vec![called.clone(), format!("{called}@{}", hub.short)];
    names.push(format!("{called}@{}/{}", hub.short, member.namespace));
    names.push(format!("{called}@{}/{}/{}", hub.short, member.namespace, member.kind));
    let mut found = Found::new(source, names);
    found.addresses = member.ways.iter().filter_map(address).collect();
    found.server = plain(member.ways.first().map(|w| w.server.as_str()).unwrap_or_default());
    match endpoint(member, hub, trust) {
        Ok(endpoint) => {
            found.server = plain(&endpoint.server);
            found.endpoint = Ok(endpoint);
        }
        Err(defect) => found.endpoint = Err(plain(&defect)),
    }
    found.labels = member.labels.iter().map(|(key, value)| (plain(key), plain(value))).collect();
    if !member.display_name.is_empty() {
        found.labels.insert(Text::const_new("displayName"), plain(&member.display_name));
    }
    found.provider = plain(&member.provider);
    found.region = plain(&member.region);
    found.claim =
        Some(Claim { ready: member.ready, reason: plain(&member.reason), observed: member.observed.map(UnixSeconds) });
    found
}

fn address(way: &Way) -> Option<Address> {
    Some(Address {
        server: canonical(&way.server)?,
        proxy_url: way.proxy_url.clone(),
        tls_server_name: way.tls_server_name.clone(),
    })
}

/// The way to a member, by preference: a provider of the user's file; the hub itself; a command that the user allows.
fn endpoint(member: &Member, hub: &HubAt, trust: &Trust) -> Result<Endpoint, String> {
    if let Some((provider, way)) = trust.providers.choose(&member.ways) {
        return at(way, plugin(provider, way)?, member);
    }
    if let Some(path) = &member.proxy_path {
        // The same host, the same user: what the user may do there is for the hub to say.
        let server = format!("{}{path}", hub.endpoint.server);
        let label = format!("{} through {}", member.name, hub.name);
        return Ok(Endpoint { server, label, ..hub.endpoint.clone() });
    }
    let add = "add a context with its URL, or map it in ~/.kube/kubectl-mc-clusters.yaml";
    match (&member.exec, member.ways.first()) {
        (Some(exec), Some(way)) if trust.allow_exec.contains(&exec.command) => at(way, named(exec, way)?, member),
        (Some(exec), Some(_)) => {
            Err(format!("the hub wants to run {:?}, which is not in allowExec: allow it, or {add}", exec.command))
        }
        (_, None) => Err(format!("the hub names no address and no context belongs to it: {add}")),
        (None, Some(_)) => {
            let offered: Vec<&str> =
                member.ways.iter().map(|w| w.provider.as_str()).filter(|p| !p.is_empty()).collect();
            if offered.is_empty() {
                return Err(format!("no credentials for it: {add}"));
            }
            Err(format!(
                "no credentials for it: name one of its providers ({}) in a provider file, or {add}",
                offered.join(", ")
            ))
        }
    }
}

fn at(way: &Way, plugin: ExecPlugin, member: &Member) -> Result<Endpoint, String> {
    match canonical(&way.server) {
        Some(server) if server.starts_with("https://") => {}
        Some(_) => return Err("the hub names an http address: credentials are not sent in the clear".to_owned()),
        None => return Err("the hub's address is not a URL".to_owned()),
    }
    if way.names_file {
        let why = "the hub names a certificate file of this machine, which is never opened";
        return Err(format!("{why}: it should send certificate-authority-data"));
    }
    Ok(Endpoint {
        tls_server_name: way.tls_server_name.clone(),
        insecure: way.insecure,
        ca: way.ca.as_deref().map(pem).transpose()?,
        proxy_url: way.proxy_url.clone(),
        disable_compression: way.disable_compression,
        user: User { exec: Some(plugin), ..User::default() },
        ..Endpoint::plain(way.server.trim_end_matches('/'), &member.name)
    })
}

/// Reads a CA: base64 of PEM, or PEM itself.
fn pem(ca: &str) -> Result<Material, String> {
    if ca.trim_start().starts_with("-----BEGIN") {
        return Ok(Material::Inline(Secret(ca.to_owned())));
    }
    let packed: String = ca.split_ascii_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(|text| Material::Inline(Secret(text))).ok_or_else(|| "the hub's CA is not base64 of PEM".to_owned())
}

/// Returns true for variables that change which program runs, or what runs in it: no policy lets a hub set them.
fn is_loader_variable(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.starts_with("LD_") || name.starts_with("DYLD_") || ["PATH", "HOME", "SHELL", "IFS"].contains(&name.as_str())
}

/// The user's plugin with the additions that its policies let the hub make. Always a copy: arguments of one cluster
/// must not reach another.
fn plugin(provider: &Provider, way: &Way) -> Result<ExecPlugin, String> {
    let mut plugin = provider.plugin.clone();
    plugin.cluster_config.clone_from(&way.config);
    if provider.args == ArgsPolicy::Append {
        plugin.args.extend(way.args.iter().cloned());
    }
    if provider.envs == EnvsPolicy::Ignore {
        return Ok(plugin);
    }
    for (name, value) in &way.env {
        if is_loader_variable(name) {
            return Err(format!("the hub wants to set {name} for a plugin: refused"));
        }
        let value = Secret(value.clone());
        match plugin.env.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) if provider.envs == EnvsPolicy::Replace => *own = value,
            Some(_) => {}
            None => plugin.env.push((name.clone(), value)),
        }
    }
    Ok(plugin)
}

fn named(exec: &NamedExec, way: &Way) -> Result<ExecPlugin, String> {
    if !exec.api_version.starts_with("client.authentication.k8s.io/v1") || exec.api_version.contains("alpha") {
        return Err(format!("the hub names the exec apiVersion {:?}, which is not known", exec.api_version));
    }
    Ok(ExecPlugin {
        api_version: exec.api_version.clone(),
        command: exec.command.clone(),
        args: exec.args.clone(),
        env: Vec::new(),
        interactive: Interactive::Never,
        provide_cluster_info: way.config.is_some(),
        install_hint: None,
        cluster_config: way.config.clone(),
    })
}

#[cfg(test)]
pub(in crate::engine::k8s::inventory) mod tests;
