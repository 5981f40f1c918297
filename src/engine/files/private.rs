//! Private files: created once, replaced as a whole, refused if other users could have read them.

use crate::error::{ErrorKind, UserError};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Largest key, token or certificate, in bytes; a larger file is not ours.
const BYTES_MAX: u64 = 64 * 1024;

/// Creates a folder that only its owner may enter. Fails if it cannot be created or its permissions cannot be set.
pub(crate) fn folder(path: &Path) -> Result<(), UserError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    let closed = made.and_then(|()| {
        let found = fs::metadata(path)?.permissions();
        if is_closed(&found) { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(0o700)) }
    });
    closed.map_err(|why| {
        UserError::new(ErrorKind::Config, format!("the state folder {} cannot be used", path.display()))
            .cause(why.to_string())
            .hint("choose another with --state-dir")
    })
}

/// Returns true if neither the group nor others have a permission: their six bits are the lowest.
fn is_closed(permissions: &Permissions) -> bool {
    permissions.mode().trailing_zeros() >= 6
}

/// Returns the text of a file that only its owner can read; `None` if there is none. Fails if others can read it, or as
/// [`bounded`] does.
pub(crate) fn private(path: &Path) -> Result<Option<String>, String> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why.to_string()),
    };
    if !is_closed(&found.permissions()) {
        return Err("others can read it".to_owned());
    }
    bounded(path).map(Some)
}

/// Returns the text of a small file. Fails if it cannot be read, is larger than [`BYTES_MAX`], or is not UTF-8.
pub(crate) fn bounded(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|why| why.to_string())?.len();
    if size > BYTES_MAX {
        return Err(format!("it has {size} bytes, more than {BYTES_MAX}"));
    }
    fs::read_to_string(path).map_err(|why| why.to_string())
}

/// Writes a file unless it exists by now, and returns its content: two proxies that start at once agree. Fails if the
/// file can neither be written nor read.
pub(crate) fn first(path: &Path, text: &str) -> Result<String, UserError> {
    let failed = |why: String| {
        UserError::new(ErrorKind::Config, format!("{} cannot be written", path.display()))
            .cause(why)
            .hint("choose another folder with --state-dir")
    };
    let fresh = fresh(path);
    let linked = write(&fresh, text.as_bytes(), 0o600).and_then(|()| match fs::hard_link(&fresh, path) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    });
    let _left_behind = fs::remove_file(&fresh);
    linked.map_err(|why| failed(why.to_string()))?;
    private(path).map_err(failed)?.ok_or_else(|| failed("it went away".to_owned()))
}

/// Writes a file that only its owner can read, in a folder that only its owner may enter. Fails if the folder cannot be
/// created or the file cannot be written.
pub(crate) fn own(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    replace(path, bytes, 0o600)
}

/// Replaces a file in one step: a reader sees the old content or the new. Fails if the new file cannot be written or
/// renamed.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let fresh = fresh(path);
    let done = write(&fresh, bytes, mode).and_then(|()| fs::rename(&fresh, path));
    if done.is_err() {
        let _left_behind = fs::remove_file(&fresh);
    }
    done
}

/// Returns the path of a temporary file: beside the file, so that it is on the same disk, and named after this process,
/// so that two do not collide.
fn fresh(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // Left by a process of the same number that was killed.
    let _none = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    // The umask may have taken bits that are meant.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_first_writer_wins_and_leaves_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("token");
        assert_eq!(first(&path, "one").unwrap(), "one");
        assert_eq!(first(&path, "two").unwrap(), "one");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_replaced_file_has_exactly_the_mode_asked_for() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("ca.crt");
        for asked in [0o600, 0o644, 0o666] {
            replace(&path, b"x", asked).unwrap();
            assert_eq!(mode(&path), asked);
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_others_can_read_is_no_secret() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("token");
        assert_eq!(private(&path), Ok(None));
        fs::write(&path, "hush").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(private(&path).is_err());
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert_eq!(private(&path), Ok(Some("hush".to_owned())));
    }

    #[test]
    fn a_folder_is_closed_to_others() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        folder(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        folder(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
    }
}
