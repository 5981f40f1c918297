//! Credential files, read again when they may have changed.

use crate::engine::cluster::ClusterError;
use crate::engine::k8s::endpoint::Material;
use crate::model::text::{Text, clean};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

/// How long the content of a file counts as current, whatever its stamp: not every file system reports every change.
const FRESH: Duration = Duration::from_secs(20);

/// Minimum time between two checks whether a file was replaced or written.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// Maximum size of a file; no certificate bundle is larger, and a device or a wrong path is not read to its end.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

type Content = Arc<Vec<u8>>;

/// Identity of one state of a file, with links resolved: a kubelet replaces a whole folder by changing one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    bytes: u64,
    /// Seconds and nanoseconds of the last write, and of the last change of any kind.
    written: (i64, i64),
    changed: (i64, i64),
}

#[derive(Clone)]
struct Known {
    content: Content,
    read: Instant,
    looked: Instant,
    stamp: Option<Stamp>,
}

/// The files of one endpoint.
#[derive(Default)]
pub(crate) struct Files(Mutex<BTreeMap<PathBuf, Known>>);

// Contents are secrets.
impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.lock().keys()).finish()
    }
}

impl Files {
    /// Returns the content of the material; `what` names it in the error. If a file that could be read before cannot be
    /// read any more, its last content is returned: a rotation is not always atomic. Fails if the file cannot be read
    /// at first.
    pub(crate) async fn read(&self, material: &Material, what: &str) -> Result<Content, ClusterError> {
        let path = match material {
            Material::Inline(secret) => return Ok(Arc::new(secret.0.clone().into_bytes())),
            Material::File(path) => path,
        };
        let known = self.0.lock().get(path).cloned();
        if let Some(known) = &known
            && self.is_current(path, known).await
        {
            return Ok(Arc::clone(&known.content));
        }
        // Before it is read: what is written meanwhile is seen the next time.
        let stamp = stamp(path).await;
        match (load(path).await, known.map(|known| known.content)) {
            (Ok(bytes), old) => {
                // An unchanged file stays the same value.
                let content = old.filter(|old| **old == bytes).unwrap_or_else(|| Arc::new(bytes));
                let now = Instant::now();
                let known = Known { content: Arc::clone(&content), read: now, looked: now, stamp };
                self.0.lock().insert(path.clone(), known);
                Ok(content)
            }
            (Err(_), Some(content)) => Ok(content),
            (Err(why), None) => {
                let text = format!("{what}: cannot read {}: {why}", clean(&path.display().to_string()));
                Err(ClusterError::AuthNeeded(Text::from(text)))
            }
        }
    }

    /// Returns true if the content is still that of the file. Checks the stamp at most once in [`LOOK`].
    async fn is_current(&self, path: &Path, known: &Known) -> bool {
        if known.read.elapsed() >= FRESH {
            return false;
        }
        if known.looked.elapsed() < LOOK {
            return true;
        }
        let same = stamp(path).await == known.stamp;
        if let (true, Some(known)) = (same, self.0.lock().get_mut(path)) {
            known.looked = Instant::now();
        }
        same
    }

    /// Makes the next read check the files.
    pub(crate) fn forget(&self) {
        let old = Instant::now().checked_sub(FRESH);
        for known in self.0.lock().values_mut() {
            known.read = old.unwrap_or(known.read);
        }
    }
}

/// The stamp of a file; `None` if there is no such file.
async fn stamp(path: &Path) -> Option<Stamp> {
    let found = tokio::fs::metadata(path).await.ok()?;
    Some(Stamp {
        file: (found.dev(), found.ino()),
        bytes: found.len(),
        written: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

async fn load(path: &Path) -> Result<Vec<u8>, String> {
    let say = |e: std::io::Error| {
        if e.kind() == ErrorKind::NotFound { "no such file".to_owned() } else { e.kind().to_string() }
    };
    let file = tokio::fs::File::open(path).await.map_err(say)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).await.map_err(say)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err("too large for what it should be".to_owned()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(files: &Files, path: &Path) -> String {
        let read = files.read(&Material::File(path.to_owned()), "token").await;
        String::from_utf8(read.unwrap().to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_rotated_file_is_seen_within_a_second_and_a_vanished_one_serves_on() {
        let folder = tempfile::tempdir().unwrap();
        let (path, files) = (folder.path().join("token"), Files::default());
        std::fs::write(&path, "one").unwrap();
        assert_eq!(read(&files, &path).await, "one");
        std::fs::write(&path, "another").unwrap();
        assert_eq!(read(&files, &path).await, "one", "it is not looked at more often");
        tokio::time::advance(LOOK).await;
        assert_eq!(read(&files, &path).await, "another");
        std::fs::write(&path, "three").unwrap();
        files.forget();
        assert_eq!(read(&files, &path).await, "three");
        std::fs::remove_file(&path).unwrap();
        for _ in 0..3 {
            tokio::time::advance(LOOK).await;
            assert_eq!(read(&files, &path).await, "three");
        }
        std::fs::write(&path, "four").unwrap();
        tokio::time::advance(LOOK).await;
        assert_eq!(read(&files, &path).await, "four", "it came back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_folder_that_takes_the_place_of_another_is_seen_within_a_second() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (path, files) = (folder.path().join("token"), Files::default());
        // As a kubelet does it: the file leads through a link that is replaced in one step.
        let put = |generation: &str, text: &str| {
            std::fs::create_dir(folder.path().join(generation)).unwrap();
            std::fs::write(folder.path().join(generation).join("token"), text).unwrap();
            symlink(generation, folder.path().join("..data_tmp")).unwrap();
            std::fs::rename(folder.path().join("..data_tmp"), folder.path().join("..data")).unwrap();
        };
        put("..1", "one");
        symlink("..data/token", &path).unwrap();
        assert_eq!(read(&files, &path).await, "one");
        put("..2", "two");
        tokio::time::advance(LOOK).await;
        assert_eq!(read(&files, &path).await, "two");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_no_stamp_tells_of_is_seen_later() {
        let folder = tempfile::tempdir().unwrap();
        let (path, files) = (folder.path().join("token"), Files::default());
        std::fs::write(&path, "one").unwrap();
        assert_eq!(read(&files, &path).await, "one");
        std::fs::write(&path, "two").unwrap();
        let now = stamp(&path).await;
        files.0.lock().get_mut(&path).unwrap().stamp = now;
        tokio::time::advance(LOOK).await;
        assert_eq!(read(&files, &path).await, "one");
        tokio::time::advance(FRESH).await;
        assert_eq!(read(&files, &path).await, "two");
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let error = Files::default().read(&Material::File("/nowhere/ca.crt".into()), "certificate-authority").await;
        assert_eq!(error.unwrap_err().to_string(), "certificate-authority: cannot read /nowhere/ca.crt: no such file");
    }
}
