//! A lock on a file that names an operation: one process at a time works on it. The system lets go of it when the
//! process ends, however it ends.

use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// So often a lock is tried for again whose file went away meanwhile.
const TRIES: u32 = 5;
/// Of the holder's name so much is read.
const HOLDER_BYTES_MAX: u64 = 200;

/// A held lock. Dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    // Open for as long as the lock is held.
    _file: File,
}

/// Why a lock is not ours.
#[derive(Debug)]
pub enum Unlocked {
    /// Another process has it; how it names itself.
    Held(String),
    /// The lock file cannot be used.
    Failed(io::Error),
}

impl Lock {
    /// Takes the lock; fails where another process has it. `holder` is what that one reads then.
    pub fn take(path: &Path, holder: &str) -> Result<Self, Unlocked> {
        for _ in 0..TRIES {
            let mut file = open(path).map_err(Unlocked::Failed)?;
            if let Err(why) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
                return Err(match why {
                    rustix::io::Errno::WOULDBLOCK => Unlocked::Held(read(&mut file)),
                    why => Unlocked::Failed(why.into()),
                });
            }
            // Whoever had it may have taken the file away between both.
            if is_same(&file, path) {
                let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{holder}"));
                written.map_err(Unlocked::Failed)?;
                return Ok(Self { path: path.to_path_buf(), _file: file });
            }
        }
        Err(Unlocked::Failed(io::Error::other("the lock file is taken away again and again")))
    }

    /// Returns how the process that has the lock names itself; `None` where no process has it.
    pub fn holder(path: &Path) -> Option<String> {
        let mut file = File::open(path).ok()?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::WOULDBLOCK) => Some(read(&mut file)),
            Ok(()) | Err(_) => None,
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _left_behind = fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn is_same(file: &File, path: &Path) -> bool {
    let id = |found: &fs::Metadata| (found.dev(), found.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(held), Ok(there)) if id(&held) == id(&there))
}

fn read(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(HOLDER_BYTES_MAX).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        Ok(_) | Err(_) => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_the_first_is() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.lock");
        assert_eq!(Lock::holder(&path), None);
        let first = Lock::take(&path, "process 7").unwrap();
        match Lock::take(&path, "process 8") {
            Err(Unlocked::Held(by)) => assert_eq!(by, "process 7"),
            other => panic!("{other:?}"),
        }
        assert_eq!(Lock::holder(&path).as_deref(), Some("process 7"));
        drop(first);
        assert_eq!(Lock::holder(&path), None);
        assert!(!path.exists());
        drop(Lock::take(&path, "process 8").unwrap());
    }

    #[test]
    fn a_file_that_a_dead_process_left_is_no_lock() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.lock");
        fs::write(&path, "process 7, which was killed").unwrap();
        assert_eq!(Lock::holder(&path), None);
        drop(Lock::take(&path, "process 8").unwrap());
    }
}
