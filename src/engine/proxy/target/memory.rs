//! What is remembered of keys, within a bound.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Number of locks that the keys are spread over.
const SHARDS: usize = 16;

/// The cluster of a key, and the time of its choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Hash of the cluster's name.
    pub cluster: u64,
    /// Time of the choice, in seconds since 1970.
    pub since: i64,
}

/// A map that keeps the values of the most recently used keys: at least half of the bound, at most all of it.
#[derive(Debug)]
pub struct BoundedMap<V> {
    shards: Vec<Mutex<Shard<V>>>,
}

/// Two generations: when the young one is full it becomes the old one, and the old one is forgotten.
#[derive(Debug)]
struct Shard<V> {
    young: Keys<V>,
    old: Keys<V>,
    max: usize,
}

/// A map whose keys are good hashes already.
type Keys<V> = HashMap<u64, V, BuildHasherDefault<AsIs>>;

impl<V: Copy> BoundedMap<V> {
    /// Creates an empty map for `max` keys, spread over several locks.
    pub fn new(max: usize) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::new(Shard::new(max / SHARDS))).collect() }
    }

    /// Creates an empty map for `max` keys behind a single lock, for use by one task.
    pub fn single(max: usize) -> Self {
        Self { shards: vec![Mutex::new(Shard::new(max))] }
    }

    /// Returns the value of a key, and marks the key as used.
    pub fn get(&self, key: u64) -> Option<V> {
        self.shard(key)?.lock().get(key)
    }

    /// Sets the value of a key; at the bound the least recently used keys are forgotten.
    pub fn put(&self, key: u64, value: V) {
        if let Some(shard) = self.shard(key) {
            shard.lock().put(key, value);
        }
    }

    fn shard(&self, key: u64) -> Option<&Mutex<Shard<V>>> {
        // The map uses the low bits.
        self.shards.get(usize::try_from(key >> 60).unwrap_or_default() % self.shards.len())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let size = |shard: &Mutex<Shard<V>>| {
            let shard = shard.lock();
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(size).sum()
    }
}

impl<V: Copy> Shard<V> {
    /// Creates a shard for at most `max` keys.
    fn new(max: usize) -> Self {
        Self { young: Keys::default(), old: Keys::default(), max: (max / 2).max(1) }
    }

    fn get(&mut self, key: u64) -> Option<V> {
        if let Some(value) = self.young.get(&key) {
            return Some(*value);
        }
        let value = *self.old.get(&key)?;
        self.put(key, value);
        Some(value)
    }

    fn put(&mut self, key: u64, value: V) {
        if self.young.len() >= self.max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::proxy::target::rank::hash;

    fn key(number: u32) -> u64 {
        hash(&[&number.to_string()])
    }

    #[test]
    fn the_newest_and_the_used_stay_within_the_bound() {
        let memory = BoundedMap::new(320);
        for number in 0..10_000_u32 {
            memory.put(key(number), number);
            // Asked for all along, so never forgotten.
            assert_eq!(memory.get(key(0)), Some(0));
        }
        assert_eq!(memory.get(key(9_999)), Some(9_999));
        assert_eq!(memory.get(key(1)), None);
        let kept: usize = memory.len();
        assert!(kept <= 320, "{kept}");
    }

    #[test]
    fn a_value_is_replaced() {
        let memory = BoundedMap::new(32);
        memory.put(7, 1);
        memory.put(7, 2);
        assert_eq!(memory.get(7), Some(2));
    }
}
