//! Detects changes of a file or a folder: by the system's notifications, and by regular checks.
//! The folder is watched, never the file: editors replace files, and the kubelet swaps a link beside them.

use super::folder;
use notify::Watcher as _;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Quiet that must follow a notification: a writer is often still writing.
const SETTLE: Duration = Duration::from_millis(150);

/// Longest wait for quiet: a writer that never stops is read in between.
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// Time between two checks without a notification: some file systems send none.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// State of a file: its path without links, its modification time, its length.
type Signature = (PathBuf, Option<PathBuf>, Option<SystemTime>, u64);

/// Watches files and folders, which need not exist yet.
pub struct PathWatch {
    paths: Vec<PathBuf>,
    seen: Vec<Signature>,
    events: mpsc::Receiver<()>,
    // Notifies as long as it lives.
    _watcher: Option<notify::RecommendedWatcher>,
}

impl std::fmt::Debug for PathWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PathWatch").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl PathWatch {
    /// Starts to watch. Changes from now on count.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let (tx, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |_: notify::Result<notify::Event>| {
            // One waiting notification is as good as many.
            tx.try_send(()).ok();
        });
        let targets = paths.iter().filter_map(|path| path.canonicalize().ok());
        let folders: BTreeSet<PathBuf> = paths
            .iter()
            .cloned()
            .chain(targets)
            .flat_map(|path| [Some(path.clone()), path.parent().map(Path::to_path_buf)])
            .flatten()
            .filter(|path| path.is_dir())
            .collect();
        let mut watcher = watcher.ok();
        if let Some(watcher) = &mut watcher {
            for folder in folders {
                // Where it fails the regular look remains.
                watcher.watch(&folder, notify::RecursiveMode::NonRecursive).ok();
            }
        }
        let seen = signatures(&paths);
        Self { paths, seen, events, _watcher: watcher }
    }

    /// Waits for a change. Cancel safe: the future may be dropped and the method called again.
    pub async fn changed(&mut self) {
        loop {
            tokio::select! {
                Some(()) = self.events.recv() => self.settle().await,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = signatures(&self.paths);
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }

    async fn settle(&mut self) {
        let end = Instant::now() + SETTLE_MAX;
        while Instant::now() < end {
            let quiet = tokio::time::timeout(SETTLE, self.events.recv()).await;
            if quiet.is_err() {
                return;
            }
        }
    }
}

fn signatures(paths: &[PathBuf]) -> Vec<Signature> {
    let signature = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok();
        let written = metadata.as_ref().and_then(|m| m.modified().ok());
        let real = path.canonicalize().ok();
        (path, real, written, metadata.map_or(0, |m| m.len()))
    };
    let inside =
        |path: &PathBuf| if path.is_dir() { folder::files(path).unwrap_or_default() } else { vec![path.clone()] };
    paths.iter().flat_map(inside).map(signature).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn changed(watch: &mut PathWatch) -> bool {
        tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn a_file_that_is_written_replaced_or_made_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        std::fs::write(&one, "a").unwrap();
        let mut watch = PathWatch::new(vec![one.clone(), two.clone()]);
        std::fs::write(&one, "ab").unwrap();
        assert!(changed(&mut watch).await);
        std::fs::write(root.path().join("new"), "abc").unwrap();
        std::fs::rename(root.path().join("new"), &one).unwrap();
        assert!(changed(&mut watch).await);
        std::fs::write(&two, "").unwrap();
        assert!(changed(&mut watch).await);
        std::fs::remove_file(&two).unwrap();
        assert!(changed(&mut watch).await);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_noticed_where_nothing_changes() {
        let root = tempfile::tempdir().unwrap();
        let mut watch = PathWatch::new(vec![root.path().join("one")]);
        assert!(!changed(&mut watch).await);
    }
}
