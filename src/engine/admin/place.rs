//! Lets a console find a proxy of the same user: a file in the state folder holds its address and its token.

use crate::engine::files::private;
use crate::engine::k8s::endpoint::Secret;
use crate::error::{ErrorKind, UserError};
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

const FILE: &str = "admin.json";
const SIZE_MAX: u64 = 64 * 1_024;

#[derive(Serialize, Deserialize)]
struct Written {
    address: SocketAddr,
    pid: u32,
    token: String,
}

/// A running proxy, as its file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Address of its admin listener.
    pub address: SocketAddr,
    /// Its process id.
    pub pid: u32,
    /// Its admin token.
    pub token: Secret,
}

/// The file of this process. Dropping it removes the file, unless another proxy has written its own.
#[derive(Debug)]
pub struct Announced {
    path: PathBuf,
    pid: u32,
}

impl Found {
    /// Reads the file of a proxy in its state folder; `None` if there is none or it cannot be read. The proxy may have
    /// ended since: check that it answers.
    pub fn in_folder(state_dir: &Path) -> Option<Self> {
        let path = state_dir.join(FILE);
        if fs::metadata(&path).ok()?.len() > SIZE_MAX {
            return None;
        }
        let Written { address, pid, token } = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        Some(Self { address, pid, token: Secret(token) })
    }
}

impl Announced {
    /// Writes the file, readable by its owner only. Fails if the folder cannot be made or the file cannot be written.
    pub fn write(state_dir: &Path, address: SocketAddr, token: &Secret) -> Result<Self, UserError> {
        let refused = |why: io::Error| {
            let message = format!("cannot write {FILE} in {}: {why}", state_dir.display());
            UserError::new(ErrorKind::Config, message).hint("choose another folder with --state-dir")
        };
        let (path, pid) = (state_dir.join(FILE), std::process::id());
        let written = Written { address, pid, token: token.0.clone() };
        let text = serde_json::to_vec(&written).map_err(|why| refused(why.into()))?;
        private::own(&path, &text).map_err(refused)?;
        Ok(Self { path, pid })
    }

    /// Returns a new random token of 256 bits. Fails if the system has no random bytes.
    pub fn token() -> Result<Secret, UserError> {
        let mut bytes = [0_u8; 32];
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let none = |_| UserError::new(ErrorKind::Internal, "the system gives no random bytes for the admin token");
        provider.secure_random.fill(&mut bytes).map_err(none)?;
        Ok(Secret(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)))
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let own = self.path.parent().and_then(Found::in_folder).is_some_and(|found| found.pid == self.pid);
        if own {
            // A file that stays names a proxy that does not answer.
            drop(fs::remove_file(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_proxy_is_found_while_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("proxy");
        assert_eq!(Found::in_folder(&state), None);
        let (address, token) = ("127.0.0.1:6480".parse().unwrap(), Announced::token().unwrap());
        let announced = Announced::write(&state, address, &token).unwrap();
        let found = Found::in_folder(&state).unwrap();
        assert_eq!((found.address, found.pid, &found.token), (address, std::process::id(), &token));
        assert!(!format!("{found:?}").contains(&token.0));
        assert_eq!(fs::metadata(state.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        drop(announced);
        assert_eq!(Found::in_folder(&state), None);
    }

    #[test]
    fn anothers_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let token = Announced::token().unwrap();
        assert_ne!(token, Announced::token().unwrap());
        let address = "127.0.0.1:6480".parse().unwrap();
        let mut announced = Announced::write(folder.path(), address, &token).unwrap();
        announced.pid += 1;
        drop(announced);
        assert!(Found::in_folder(folder.path()).is_some());
    }
}
