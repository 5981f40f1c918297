//! Credential files, re-read when they may have changed.

use crate::engine::cluster::ClusterError;
use crate::engine::k8s::endpoint::Material;
use crate::model::text::{Text, clean};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

/// How long a file's content counts as current. Kubelet rotates a pod's token well ahead of its end.
const FRESH: Duration = Duration::from_secs(20);

/// No certificate bundle is larger; a device or a mistaken path is not read to its end.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

type Content = Arc<Vec<u8>>;

/// The files of one endpoint.
#[derive(Default)]
pub(crate) struct Files(Mutex<BTreeMap<PathBuf, (Instant, Content)>>);

// Contents are secrets.
impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.lock().keys()).finish()
    }
}

impl Files {
    /// The material itself; `what` names it in the error. When a file that was there cannot be read
    /// any more, its last content serves on: a rotation is not always atomic.
    pub(crate) async fn read(&self, material: &Material, what: &str) -> Result<Content, ClusterError> {
        let path = match material {
            Material::Inline(secret) => return Ok(Arc::new(secret.0.clone().into_bytes())),
            Material::File(path) => path,
        };
        let known = self.0.lock().get(path).cloned();
        if let Some((at, content)) = &known
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(content));
        }
        match (load(path).await, known) {
            (Ok(bytes), known) => {
                // An unchanged file stays the same value.
                let content = known.map(|(_, old)| old).filter(|old| **old == bytes).unwrap_or_else(|| Arc::new(bytes));
                self.0.lock().insert(path.clone(), (Instant::now(), Arc::clone(&content)));
                Ok(content)
            }
            (Err(_), Some((_, content))) => Ok(content),
            (Err(why), None) => {
                let text = format!("{what}: cannot read {}: {why}", clean(&path.display().to_string()));
                Err(ClusterError::AuthNeeded(Text::from(text)))
            }
        }
    }

    /// Makes the next read look at the files again.
    pub(crate) fn forget(&self) {
        let old = Instant::now().checked_sub(FRESH);
        for (at, _) in self.0.lock().values_mut() {
            *at = old.unwrap_or(*at);
        }
    }
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

    #[tokio::test(start_paused = true)]
    async fn a_rotated_file_is_seen_within_a_minute_and_a_vanished_one_serves_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "one").unwrap();
        let (files, material) = (Files::default(), Material::File(path.clone()));
        let read = async || String::from_utf8(files.read(&material, "token").await.unwrap().to_vec()).unwrap();
        assert_eq!(read().await, "one");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(read().await, "one");
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(read().await, "two");
        std::fs::write(&path, "three").unwrap();
        files.forget();
        assert_eq!(read().await, "three");
        std::fs::remove_file(&path).unwrap();
        files.forget();
        assert_eq!(read().await, "three");
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let error = Files::default().read(&Material::File("/nowhere/ca.crt".into()), "certificate-authority").await;
        assert_eq!(error.unwrap_err().to_string(), "certificate-authority: cannot read /nowhere/ca.crt: no such file");
    }
}
