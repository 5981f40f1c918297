//! A folder that goes with this process: the journal of the demo's changes, apart from the user's own.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A private folder below the system's temporary folder; dropping it removes it.
#[derive(Debug)]
pub(super) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes the folder. Fails if it exists, or if the temporary folder cannot be written to.
    pub(super) fn make(seed: u64) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("quarterdeck-demo-{}-{seed:016x}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Left behind, it holds the journal of a demo.
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_folder_is_private_and_goes_with_its_owner() {
        let folder = TemporaryFolder::make(7).unwrap();
        let path = folder.path().to_path_buf();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(TemporaryFolder::make(7).is_err(), "another's folder is not used");
        std::fs::write(path.join("journal.jsonl"), "{}").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
