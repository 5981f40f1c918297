//! The kubeconfig of a simulated fleet, and its file.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::DemoError;
use super::api::ApiServer;

/// The first line of files that this module writes: no other file is overwritten.
const MARKER: &str = "# Written by `qd demo serve`; it is overwritten by the next run.";

/// The kubeconfig as YAML: a context, a cluster and a user of the same name for each member.
pub(super) fn render(servers: &[Arc<ApiServer>], authority_pem: &str) -> String {
    let authority = STANDARD.encode(authority_pem);
    let mut clusters = String::new();
    let mut contexts = String::new();
    let mut users = String::new();
    for server in servers {
        // A JSON string is a YAML string, whatever it holds.
        let name = serde_json::Value::from(server.member.name.as_str());
        // Writing to a String cannot fail.
        let _ok = write!(
            clusters,
            "- name: {name}\n  cluster:\n    server: https://127.0.0.1:{}\n    certificate-authority-data: {authority}\n",
            server.port
        );
        let _ok = write!(contexts, "- name: {name}\n  context:\n    cluster: {name}\n    user: {name}\n");
        let _ok = write!(users, "- name: {name}\n  user:\n    token: {}\n", server.token);
    }
    let current = servers.first().map_or("", |server| server.member.name.as_str());
    format!(
        "apiVersion: v1\nkind: Config\npreferences: {{}}\ncurrent-context: \"{current}\"\nclusters:\n{clusters}contexts:\n{contexts}users:\n{users}"
    )
}

/// Checks that a path may be written: there is no file, or one of ours. Fails if it is a file of another program, or
/// cannot be read.
pub(super) fn claim(path: &Path) -> Result<(), DemoError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(DemoError::Write { path: path.to_owned(), cause }),
    };
    // A foreign file may be anything: it is read only as far as the marker goes.
    let mut first = String::new();
    let mut reader = BufReader::new(std::io::Read::take(file, MARKER.len() as u64 + 1));
    if reader.read_line(&mut first).is_ok() && first.trim_end() == MARKER {
        Ok(())
    } else {
        Err(DemoError::Foreign(path.to_owned()))
    }
}

/// Writes a kubeconfig, readable by its owner only. Fails if the path holds a file of another program, or cannot be
/// written.
pub(super) fn write(path: &Path, yaml: &str) -> Result<(), DemoError> {
    claim(path)?;
    let failed = |cause| DemoError::Write { path: path.to_owned(), cause };
    // A new file in the same folder, then a rename: readers never see half a kubeconfig.
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = Path::new(&name);
    let _absent = fs::remove_file(fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh).map_err(failed)?;
    file.write_all(format!("{MARKER}\n{yaml}").as_bytes()).map_err(failed)?;
    fs::rename(fresh, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn overwrites_only_what_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        write(&path, "a: 1\n").unwrap();
        write(&path, "a: 2\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{MARKER}\na: 2\n"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "apiVersion: v1\n").unwrap();
        assert!(matches!(write(&path, "a: 3\n"), Err(DemoError::Foreign(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "apiVersion: v1\n");
    }
}
