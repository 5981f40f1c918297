//! What the client of one connection holds.

use super::memory::Shard;
use super::{Key, rank};
use parking_lot::Mutex;

/// Keys remembered of one connection; at the bound those not asked for longest are forgotten.
const KEYS_MAX: usize = 512;

/// The clusters whose resource versions the client of one connection holds: several programs may be the same caller, and
/// one of them has listed anew before the others have.
#[derive(Debug)]
pub struct Held(Mutex<Shard<u64>>);

impl Default for Held {
    fn default() -> Self {
        Self(Mutex::new(Shard::new(KEYS_MAX)))
    }
}

impl Held {
    /// Another cluster than this answered the key's last request here. A client that uses several connections may hear so
    /// once more than it had to.
    pub fn moved(&self, key: &Key<'_>, cluster: &str) -> bool {
        let (hashes, mut held) = (key.hashes(), self.0.lock());
        let last = held.get(hashes.exact).or_else(|| held.get(hashes.any_rule));
        last.is_some_and(|last| last != rank::hash(&[cluster]))
    }

    /// The client holds this cluster's resource versions now, or none.
    pub fn succeeded(&self, key: &Key<'_>, cluster: &str) {
        let (hashes, name) = (key.hashes(), rank::hash(&[cluster]));
        let mut held = self.0.lock();
        if held.get(hashes.exact) != Some(name) {
            held.put(hashes.exact, name);
            held.put(hashes.any_rule, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rule: &'static str, resource: &'static str) -> Key<'static> {
        Key { user: "jo", rule, namespace: "n", group: "", resource, stateless: false }
    }

    #[test]
    fn each_connection_knows_what_it_was_answered() {
        let (one, other) = (Held::default(), Held::default());
        let pods = key("r", "pods");
        assert!(!one.moved(&pods, "a"), "nothing is held");
        one.succeeded(&pods, "a");
        other.succeeded(&pods, "a");
        assert!(!one.moved(&pods, "a") && one.moved(&pods, "b"));
        one.succeeded(&pods, "b");
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
            held.succeeded(&Key { namespace: &namespace, ..key("r", "pods") }, "a");
        }
        assert!(held.0.lock().len() <= KEYS_MAX);
        let last = (10 * KEYS_MAX - 1).to_string();
        assert!(held.moved(&Key { namespace: &last, ..key("r", "pods") }, "b"));
    }
}
