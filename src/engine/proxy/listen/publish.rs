//! The folder clients point at: a kubeconfig for people, and the files a pod finds below its service account. The key of
//! the authority never comes here.

use super::Listening;
use super::identity::Identity;
use crate::engine::address::Address;
use crate::engine::files::private;
use crate::engine::proxy::options::ServeOptions;
use crate::error::{ErrorKind, UserError};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// File that marks a folder of a proxy; locked as long as a proxy publishes there.
const MARKER: &str = ".quarterdeck";
const MARKED: &str = "qd --serve publishes here and replaces kubeconfig, ca.crt, token and namespace.\n";

/// Name of the context for all clusters in the published kubeconfig.
const CONTEXT: &str = "quarterdeck";

/// Returns the namespace of a cluster's context by the cluster's name; `None` stands for the home cluster.
pub type NamespaceOf<'a> = &'a dyn Fn(Option<&str>) -> String;

/// A folder with the published files of this proxy, locked against other proxies.
#[derive(Debug)]
pub struct Publication {
    folder: PathBuf,
    mode: u32,
    /// Additional names of this host; clients use the first one.
    names: Vec<String>,
    /// Messages for the user, one line each.
    notes: Vec<String>,
    _lock: File,
}

impl Publication {
    /// Takes the folder, and makes it if it is missing.
    ///
    /// Fails if the folder holds the state folder or files of another program, another proxy publishes there, or it
    /// cannot be written.
    pub fn claim(options: &ServeOptions) -> Result<Self, UserError> {
        let mut notes = Vec::new();
        let lock = claim(&options.publish_dir, options, &mut notes)?;
        let (folder, names) = (options.publish_dir.clone(), options.names.clone());
        Ok(Self { folder, mode: options.publish_mode, names, notes, _lock: lock })
    }

    /// Writes all files for clients. Each file is replaced in one step, so that a reader sees a whole file. Call it
    /// again when namespaces change.
    ///
    /// Fails if a file cannot be written.
    pub fn write(
        &self,
        identity: &Identity,
        listening: &[Listening],
        namespace_of: NamespaceOf<'_>,
    ) -> Result<(), UserError> {
        let put = |name: &str, text: &str| {
            private::replace(&self.folder.join(name), text.as_bytes(), self.mode)
                .map_err(|why| unwritable(&self.folder, &why).cause(format!("the file is {name}")))
        };
        put("ca.crt", identity.ca())?;
        put("token", &identity.token().0)?;
        put("namespace", &namespace_of(None))?;
        match kubeconfig(&self.names, identity, listening, namespace_of) {
            Some(text) => put("kubeconfig", &text),
            None => Ok(()),
        }
    }

    /// Messages for the user, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Makes the folder, or takes a folder that is empty or marked as ours; any other folder may be a user's home.
fn claim(folder: &Path, options: &ServeOptions, notes: &mut Vec<String>) -> Result<File, UserError> {
    let refused = |why: &str| {
        UserError::new(ErrorKind::Refused, format!("cannot publish in {}: {why}", folder.display()))
            .hint("choose an empty or a new folder with --publish-dir")
    };
    let failed = |why: io::Error| unwritable(folder, &why);
    if options.state_dir.starts_with(folder) {
        return Err(refused("the state folder with the authority's key is in it"));
    }
    let mode = folder_mode(options.publish_mode);
    let is_ours = match fs::symlink_metadata(folder.join(MARKER)) {
        Ok(found) => found.is_file(),
        Err(_) => false,
    };
    match fs::read_dir(folder) {
        Ok(mut entries) => {
            if !is_ours && entries.next().is_some() {
                return Err(refused("it holds files this program did not write"));
            }
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        Err(why) => return Err(failed(why)),
    }
    if fs::set_permissions(folder, Permissions::from_mode(mode)).is_err() {
        // A volume of a pod belongs to root: who may enter it was decided there.
        let found = fs::metadata(folder).map_err(failed)?.permissions().mode() & 0o777;
        notes.push(format!("{} belongs to somebody else and stays at mode {found:04o}", folder.display()));
    }
    lock(&folder.join(MARKER)).map_err(|why| match why {
        TryLockError::WouldBlock => refused("another proxy publishes there"),
        TryLockError::Error(why) => failed(why),
    })
}

fn lock(marker: &Path) -> Result<File, TryLockError> {
    let open = || OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(marker);
    let file = open().map_err(TryLockError::Error)?;
    file.try_lock()?;
    fs::write(marker, MARKED).map_err(TryLockError::Error)?;
    Ok(file)
}

fn unwritable(folder: &Path, why: &io::Error) -> UserError {
    UserError::new(ErrorKind::Config, format!("cannot publish in {}", folder.display()))
        .cause(why.to_string())
        .hint("choose another folder with --publish-dir")
}

/// Returns a mode with which readers of the files may enter the folder.
fn folder_mode(files: u32) -> u32 {
    0o700 | files | ((files & 0o444) >> 2)
}

/// Returns a kubeconfig with a context for each TCP listener: for all clusters together, and for each cluster with a
/// port of its own. `None` if there is no TCP listener.
fn kubeconfig(
    names: &[String],
    identity: &Identity,
    listening: &[Listening],
    namespace_of: NamespaceOf<'_>,
) -> Option<String> {
    use base64::Engine as _;
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let contexts = contexts(names, listening);
    let current = contexts.first()?;
    let ca = base64::engine::general_purpose::STANDARD.encode(identity.ca());
    let mut lines = vec![
        "apiVersion: v1".to_owned(),
        "kind: Config".to_owned(),
        format!("current-context: {}", quoted(&current.name)),
        "clusters:".to_owned(),
    ];
    for context in &contexts {
        lines.push(format!("- name: {}", quoted(&context.name)));
        lines.push("  cluster:".to_owned());
        lines.push(format!("    server: {}", quoted(&context.server)));
        lines.push(format!("    certificate-authority-data: {ca}"));
    }
    lines.push("users:".to_owned());
    lines.push(format!("- name: {CONTEXT}"));
    lines.push("  user:".to_owned());
    lines.push(format!("    token: {}", quoted(&identity.token().0)));
    lines.push("contexts:".to_owned());
    for context in &contexts {
        lines.push(format!("- name: {}", quoted(&context.name)));
        lines.push("  context:".to_owned());
        lines.push(format!("    cluster: {}", quoted(&context.name)));
        lines.push(format!("    user: {CONTEXT}"));
        lines.push(format!("    namespace: {}", quoted(&namespace_of(context.cluster.as_deref()))));
    }
    lines.push(String::new());
    Some(lines.join("\n"))
}

struct Context {
    name: String,
    server: String,
    cluster: Option<String>,
}

fn contexts(names: &[String], listening: &[Listening]) -> Vec<Context> {
    let mut contexts: Vec<Context> = Vec::new();
    for listening in listening {
        let Address::Tcp(address) = listening.address else { continue };
        let host = host(address, names);
        let server = format!("https://{host}:{}", address.port());
        let cluster = listening.cluster.as_deref().map(str::to_owned);
        let mut name = match &cluster {
            Some(cluster) => cluster.clone(),
            None if contexts.is_empty() => CONTEXT.to_owned(),
            None => format!("{CONTEXT}-{host}-{}", address.port()),
        };
        // A cluster may be called as the proxy is.
        while contexts.iter().any(|other| other.name == name) {
            name.push_str("-cluster");
        }
        contexts.push(Context { name, server, cluster });
    }
    contexts
}

/// Returns the host of a listener's URL: its address or, if it listens on every address, the first name given, or
/// loopback.
fn host(address: SocketAddr, names: &[String]) -> String {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        ip => match names.first() {
            Some(name) if name.parse::<Ipv6Addr>().is_err() => return name.clone(),
            Some(name) => return format!("[{name}]"),
            None if ip.is_ipv4() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            None => IpAddr::V6(Ipv6Addr::LOCALHOST),
        },
    };
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_read_the_files_may_enter_the_folder() {
        assert_eq!(folder_mode(0o600), 0o700);
        assert_eq!(folder_mode(0o640), 0o750);
        assert_eq!(folder_mode(0o644), 0o755);
        assert_eq!(folder_mode(0o440), 0o750);
    }

    #[test]
    fn a_listener_is_called_what_clients_can_reach() {
        let named = |address: &str, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            host(address.parse().unwrap(), &names)
        };
        assert_eq!(named("127.0.0.1:1", &["a.example"]), "127.0.0.1");
        assert_eq!(named("[::1]:1", &[]), "[::1]");
        assert_eq!(named("0.0.0.0:1", &["a.example", "b"]), "a.example");
        assert_eq!(named("0.0.0.0:1", &["fd00::1"]), "[fd00::1]");
        assert_eq!(named("0.0.0.0:1", &[]), "127.0.0.1");
        assert_eq!(named("[::]:1", &[]), "[::1]");
    }

    #[test]
    fn contexts_have_names_of_their_own() {
        let at = |address: &str, cluster: Option<&str>| Listening {
            address: address.parse().unwrap(),
            cluster: cluster.map(Into::into),
        };
        let listening = [
            at("unix:/run/qd.sock", None),
            at("127.0.0.1:6443", None),
            at("127.0.0.1:7000", None),
            at("127.0.0.1:7001", Some("prod")),
            at("127.0.0.1:7002", Some("quarterdeck")),
        ];
        let names: Vec<String> = contexts(&[], &listening).into_iter().map(|c| c.name).collect();
        assert_eq!(names, ["quarterdeck", "quarterdeck-127.0.0.1-7000", "prod", "quarterdeck-cluster"]);
        assert!(contexts(&[], &listening[..1]).is_empty());
    }
}
