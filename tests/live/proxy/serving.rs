//! The real program as a routing proxy, with a routing file of the test's own.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::super::rig::{ControlPlane, Outcome, Process, Programs, until};

/// Until it listens, on a machine that has other things to do.
const LISTENING: Duration = Duration::from_secs(60);

/// A running `qd serve`. Dropping it kills it and removes its folder.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) process: Process,
    folder: tempfile::TempDir,
    address: SocketAddr,
    token: String,
}

/// Ours, as cargo built it for whoever runs this.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_qd");

impl Serving {
    /// Starts it with this routing file on a free port, and returns when it has published where it listens.
    pub(crate) fn start(routing: &str, flags: &[&str]) -> Outcome<Self> {
        Self::start_program(Path::new(PROGRAM), routing, flags, None)
    }

    /// As [`Self::start`], of another program than the tests' own, or on one core only.
    pub(crate) fn start_program(program: &Path, routing: &str, flags: &[&str], core: Option<usize>) -> Outcome<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("proxy-").tempdir()?;
        let file = folder.path().join("routing.yaml");
        write_whole(&file, routing)?;
        let words = ["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"].map(PathBuf::from);
        let mut words = Vec::from(words);
        let folders = [("--proxy-config", "routing.yaml"), ("--publish-dir", "published"), ("--state-dir", "state")];
        for (flag, name) in folders {
            words.extend([PathBuf::from(flag), folder.path().join(name)]);
        }
        words.extend(flags.iter().map(PathBuf::from));
        let mut process = match core {
            None => Process::start_at(&programs, program, folder.path(), words)?,
            Some(core) => {
                let pinned = ["-c".into(), core.to_string().into(), program.to_owned()];
                let all = pinned.into_iter().chain(words);
                Process::start_at(&programs, Path::new("/usr/bin/taskset"), folder.path(), all)?
            }
        };
        let kubeconfig = folder.path().join("published/kubeconfig");
        let (address, token) = until("the proxy to publish its address", LISTENING, || {
            process.check()?;
            published(&kubeconfig)
        })
        .map_err(|error| process.explain(&error.to_string()))?;
        Ok(Self { process, folder, address, token })
    }

    /// What clients are given.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("published/kubeconfig")
    }

    /// The CA that its clients trust, PEM.
    pub(crate) fn authority(&self) -> Outcome<String> {
        Ok(fs::read_to_string(self.folder.path().join("published/ca.crt"))?)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Its folder: it is at home there.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces the routing file, as a whole.
    pub(crate) fn route(&self, routing: &str) -> Outcome {
        write_whole(&self.folder.path().join("routing.yaml"), routing)
    }

    /// Its audit log, oldest first.
    pub(crate) fn audit(&self) -> Outcome<Vec<Value>> {
        let log = fs::read_to_string(self.folder.path().join("audit.log"))?;
        // The last line may be half written, and is then read next time.
        Ok(log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}

/// Readers see the old text or the new one.
fn write_whole(path: &Path, text: &str) -> Outcome {
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    // It may hold tokens.
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600))?;
    Ok(fs::rename(&beside, path)?)
}

/// The address and the token of a published kubeconfig.
fn published(kubeconfig: &Path) -> Outcome<(SocketAddr, String)> {
    let config: Value = serde_saphyr::from_str(&fs::read_to_string(kubeconfig)?)?;
    let server = config.pointer("/clusters/0/cluster/server").and_then(Value::as_str).ok_or("no server")?;
    let address = server.strip_prefix("https://").ok_or("no https")?.parse()?;
    let user = config.pointer("/users/0/user").ok_or("no user")?;
    let token = match (user["token"].as_str(), user["tokenFile"].as_str()) {
        (Some(token), _) => token.to_owned(),
        (None, Some(file)) => {
            let folder = kubeconfig.parent().unwrap_or(kubeconfig);
            fs::read_to_string(folder.join(file))?.trim().to_owned()
        }
        (None, None) => return Err("no token".into()),
    };
    Ok((address, token))
}

/// The `clusters:` entry of a control plane, under a name, for a bearer of this token.
pub(crate) fn cluster(name: &str, plane: &ControlPlane, token: &str) -> Outcome<String> {
    entry(name, &plane.address(), &fs::read_to_string(plane.folder().join("ca.crt"))?, &format!("token: {token}"))
}

/// The same of any server, with a line that says how to log in.
pub(crate) fn entry(name: &str, address: &str, authority: &str, login: &str) -> Outcome<String> {
    let authority = serde_json::to_string(authority)?;
    Ok(format!("- name: {name}\n  endpoint: https://{address}\n  certificateData: {authority}\n  {login}\n"))
}
