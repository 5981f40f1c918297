//! Members of hubs, cached on disk: not every command has to ask the hub, and a hub that does not answer loses no
//! cluster. Holds members only, which contain no secret.

use super::member::Member;
use crate::config::yaml::read;
use crate::engine::files::private;
use crate::model::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

/// Version of the file format; a file of another version is ignored.
const VERSION: u32 = 1;

/// A folder of cached inventories, one file for each hub.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// The members of one hub as of an earlier time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    version: u32,
    /// Context of the hub.
    hub: String,
    /// Hash of the kubeconfigs that the hub was reached with: others may be other users, or another hub.
    kubeconfigs: u64,
    /// When the members were written.
    pub written: UnixSeconds,
    /// The members, all kinds together.
    pub members: Vec<Member>,
}

impl Cache {
    /// Uses `folder`, which the first write creates.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn file(&self, hub: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        hub.hash(&mut hasher);
        self.folder.join(format!("hub-{:016x}.json", hasher.finish()))
    }

    /// Returns the cached members of a hub; `None` if there are none, if they were read with other kubeconfigs, or if
    /// the file is damaged or of another version.
    pub fn read(&self, hub: &str, kubeconfigs: u64) -> Option<Kept> {
        let text = read(&self.file(hub), hub).ok()??;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        (kept.version == VERSION && kept.hub == hub && kept.kubeconfigs == kubeconfigs).then_some(kept)
    }

    /// Writes the members to a file that only the user can read. Fails if the folder cannot be created or the file
    /// cannot be written.
    pub fn write(&self, hub: &str, kubeconfigs: u64, members: Vec<Member>, now: UnixSeconds) -> std::io::Result<()> {
        let kept = Kept { version: VERSION, hub: hub.to_owned(), kubeconfigs, written: now, members };
        let text = serde_json::to_vec(&kept)?;
        private::own(&self.file(hub), &text)
    }
}

impl Kept {
    /// Returns true if the members are younger than `ttl`; a time in the future is not fresh.
    pub fn is_fresh(&self, now: UnixSeconds, ttl: std::time::Duration) -> bool {
        u64::try_from(now.since(self.written)).is_ok_and(|age| age < ttl.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    fn members() -> Vec<Member> {
        vec![Member { name: "eu".to_owned(), kind: "ClusterProfile".to_owned(), ..Member::default() }]
    }

    #[test]
    fn what_is_kept_comes_back_for_the_same_hub_and_kubeconfigs_alone() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path().join("a/b"));
        assert_eq!(cache.read("hub", 1), None);
        cache.write("hub", 1, members(), UnixSeconds(100)).unwrap();
        assert_eq!(cache.read("hub", 1).unwrap().members, members());
        assert_eq!(cache.read("hub", 2), None, "a changed kubeconfig");
        assert_eq!(cache.read("other", 1), None);
        let mode = std::fs::metadata(cache.file("hub")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(root.path().join("a/b")).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_file_is_none() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path().to_path_buf());
        for text in ["", "{", "{\"version\": 0}", "[]", "\u{0}"] {
            std::fs::write(cache.file("hub"), text).unwrap();
            assert_eq!(cache.read("hub", 1), None, "{text}");
        }
        let file = Cache::new(cache.file("hub"));
        assert!(file.write("hub", 1, members(), UnixSeconds(1)).is_err());
    }

    #[test]
    fn freshness_ends_and_does_not_begin_in_the_future() {
        let kept =
            Kept { version: VERSION, hub: String::new(), kubeconfigs: 0, written: UnixSeconds(100), members: vec![] };
        let ttl = Duration::from_secs(300);
        assert!(kept.is_fresh(UnixSeconds(100), ttl) && kept.is_fresh(UnixSeconds(399), ttl));
        assert!(!kept.is_fresh(UnixSeconds(400), ttl) && !kept.is_fresh(UnixSeconds(99), ttl));
    }
}
