//! Support of the server for streaming lists.

use std::sync::atomic::{AtomicU8, Ordering};

/// Use of streaming lists; decided once per connection by the server's version, and turned off for good when the server
/// refuses one.
#[derive(Debug, Default)]
pub(super) struct Streaming(AtomicU8);

const NOT_KNOWN: u8 = 0;
const OFFERED: u8 = 1;
const NOT_OFFERED: u8 = 2;

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    git_version: String,
}

impl Streaming {
    pub(super) fn learn(&self, git_version: &str) {
        let word = if is_streaming(git_version) { OFFERED } else { NOT_OFFERED };
        // A refusal weighs more than what a version promises.
        let _known = self.0.compare_exchange(NOT_KNOWN, word, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.0.store(NOT_OFFERED, Ordering::Relaxed);
    }

    /// Returns true if the server streams lists. Requests its version if it is unknown; a server that does not answer
    /// gets pages, which each server supports.
    pub(super) async fn is_offered(&self, client: &kube::Client) -> bool {
        if self.0.load(Ordering::Relaxed) == NOT_KNOWN
            && let Ok(request) = http::Request::get("/version").body(Vec::new())
            && let Ok(info) = client.request::<Info>(request).await
        {
            self.learn(&info.git_version);
        }
        self.0.load(Ordering::Relaxed) == OFFERED
    }
}

/// Returns true for versions with the feature on by default: 1.32, and from 1.34 on; 1.33 has it off.
fn is_streaming(git_version: &str) -> bool {
    let mut numbers = git_version.trim_start_matches('v').split(['.', '-', '+']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(1)), Some(Ok(minor))) => minor == 32 || minor >= 34,
        (Some(Ok(major)), _) => major > 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_whether_lists_stream() {
        for (version, streams) in [
            ("v1.31.4", false),
            ("v1.32.0", true),
            ("v1.33.7+k3s1", false),
            ("v1.34.0-gke.100", true),
            ("v1.35.4", true),
            ("v2.0.0", true),
            ("", false),
            ("garbage", false),
        ] {
            assert_eq!(is_streaming(version), streams, "{version}");
        }
    }

    #[test]
    fn a_refusal_is_remembered() {
        let streaming = Streaming::default();
        streaming.refuse();
        streaming.learn("v1.35.0");
        assert_eq!(streaming.0.load(Ordering::Relaxed), NOT_OFFERED);
    }
}
