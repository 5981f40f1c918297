//! Notices that files change: by the system's notifications, and by looking now and then, because some file
//! systems notify nobody.

use notify::Watcher as _;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// Between a notification and the look: a writer is often still writing.
const SETTLE: Duration = Duration::from_millis(150);

/// Between two looks without a notification. A few calls of `stat` cost nothing.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What tells one state of a file from another.
type Signature = Option<(SystemTime, u64)>;

/// Watches some files, which need not exist yet.
pub struct FileWatch {
    paths: Vec<PathBuf>,
    seen: Vec<Signature>,
    events: mpsc::Receiver<()>,
    // Notifies as long as it lives.
    _watcher: Option<notify::RecommendedWatcher>,
}

impl std::fmt::Debug for FileWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWatch").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl FileWatch {
    /// Starts to watch. Changes from now on count.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let (tx, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |_: notify::Result<notify::Event>| {
            // One waiting notification is as good as many.
            tx.try_send(()).ok();
        });
        // Folders, because a file may be replaced; those of a link's target too.
        let targets = paths.iter().filter_map(|p| p.canonicalize().ok());
        let folders: BTreeSet<PathBuf> =
            paths.iter().cloned().chain(targets).filter_map(|p| p.parent().map(Path::to_path_buf)).collect();
        let mut watcher = watcher.ok();
        if let Some(watcher) = &mut watcher {
            for folder in folders.iter().filter(|f| f.is_dir()) {
                // Where it fails the regular look remains.
                watcher.watch(folder, notify::RecursiveMode::NonRecursive).ok();
            }
        }
        let seen = signatures(&paths);
        Self { paths, seen, events, _watcher: watcher }
    }

    /// Waits until a file is not what it was. May be dropped and called again.
    pub async fn changed(&mut self) {
        loop {
            tokio::select! {
                Some(()) = self.events.recv() => tokio::time::sleep(SETTLE).await,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = signatures(&self.paths);
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }
}

fn signatures(paths: &[PathBuf]) -> Vec<Signature> {
    let signature = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths.iter().map(signature).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn changed(watch: &mut FileWatch) -> bool {
        tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn a_file_that_is_written_replaced_or_made_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        std::fs::write(&one, "a").unwrap();
        let mut watch = FileWatch::new(vec![one.clone(), two.clone()]);
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
        let mut watch = FileWatch::new(vec![root.path().join("one")]);
        assert!(!changed(&mut watch).await);
    }
}
