//! Which cluster last answered a key: to anybody, and on one connection.

use super::memory::BoundedMap;
use super::{Hashes, Key, rank};

/// Keys remembered of one connection; at the bound the least recently used are forgotten.
const KEYS_MAX: usize = 512;

/// The cluster of each key's last success, by the hash of its name.
#[derive(Debug)]
pub(super) struct Last(pub(super) BoundedMap<u64>);

impl Last {
    /// Returns the cluster of the key's last success; under any rule, if there is none under this one.
    pub(super) fn of(&self, hashes: &Hashes) -> Option<u64> {
        self.0.get(hashes.exact).or_else(|| self.0.get(hashes.any_rule))
    }

    pub(super) fn put(&self, hashes: &Hashes, name: u64) {
        if self.0.get(hashes.exact) != Some(name) {
            self.0.put(hashes.exact, name);
            self.0.put(hashes.any_rule, name);
        }
    }
}

/// The clusters whose resource versions the client of one connection holds: several programs may share a caller, and
/// one of them may have listed again before the others.
#[derive(Debug)]
pub struct Held(pub(super) Last);

impl Default for Held {
    fn default() -> Self {
        Self(Last(BoundedMap::single(KEYS_MAX)))
    }
}

impl Held {
    /// Returns true if another cluster answered the key's last request on this connection. A client with several
    /// connections may be sent to list once more than needed.
    pub fn moved(&self, key: &Key<'_>, cluster: &str) -> bool {
        self.0.of(&key.hashes()).is_some_and(|last| last != rank::hash(&[cluster]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rule: &'static str, resource: &'static str) -> Key<'static> {
        Key { user: "jo", rule, namespace: "n", group: "", resource, stateless: false }
    }

    fn succeeded(held: &Held, key: &Key<'_>, cluster: &str) {
        held.0.put(&key.hashes(), rank::hash(&[cluster]));
    }

    #[test]
    fn each_connection_knows_what_it_was_answered() {
        let (one, other) = (Held::default(), Held::default());
        let pods = key("r", "pods");
        assert!(!one.moved(&pods, "a"), "nothing is held");
        succeeded(&one, &pods, "a");
        succeeded(&other, &pods, "a");
        assert!(!one.moved(&pods, "a") && one.moved(&pods, "b"));
        succeeded(&one, &pods, "b");
        assert!(!one.moved(&pods, "b"));
        assert!(other.moved(&pods, "b"), "whatever the first one did since");
        assert!(!one.moved(&key("r", "nodes"), "b"), "each kind by itself");
        assert!(one.moved(&key("renamed", "pods"), "a"), "and whichever rule sent it there");
    }

    #[test]
    fn it_stays_within_its_bound() {
        let held = Held::default();
        for number in 0..10 * KEYS_MAX {
            let namespace = number.to_string();
            succeeded(&held, &Key { namespace: &namespace, ..key("r", "pods") }, "a");
        }
        assert!(held.0.0.len() <= KEYS_MAX);
        let last = (10 * KEYS_MAX - 1).to_string();
        assert!(held.moved(&Key { namespace: &last, ..key("r", "pods") }, "b"));
    }
}
