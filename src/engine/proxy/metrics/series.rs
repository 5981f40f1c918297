//! Counters by several labels at once, found without a lock and without hashing a text.

use crate::engine::proxy::request::RequestInfo;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

/// Separate series of `requests_total`; further ones are counted without their resource.
const SERIES: usize = 4_096;
/// Series in use at most; the rest of the table stays free, so that a look-up takes few steps.
const SERIES_MAX: usize = SERIES / 4 * 3;
const STEPS: usize = 64;

/// Indexes of resources: ten bits of a key.
const RESOURCES: usize = 1_024;
const RESOURCES_MAX: usize = RESOURCES / 2;

/// The labels of one series, as indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) cluster: u16,
    pub(super) rule: u16,
    pub(super) verb: u8,
    pub(super) resource: Resource,
    pub(super) code: u16,
}

/// Clusters and rules that have an index of their own: twelve bits of a key.
pub(super) const PLACES_MAX: usize = 1 << 12;

impl Key {
    /// Packs the labels into a number that is never 0, which marks a free entry.
    fn pack(self) -> u64 {
        1 << 63
            | u64::from(self.cluster & 0xFFF) << 36
            | u64::from(self.rule & 0xFFF) << 24
            | u64::from(self.verb & 0xF) << 20
            | u64::from(self.resource.0 & 0x3FF) << 10
            | u64::from(self.code & 0x3FF)
    }

    fn unpack(packed: u64) -> Self {
        let part = |shift: u32, mask: u64| u16::try_from(packed >> shift & mask).unwrap_or(0);
        Self {
            cluster: part(36, 0xFFF),
            rule: part(24, 0xFFF),
            verb: u8::try_from(part(20, 0xF)).unwrap_or(0),
            resource: Resource(part(10, 0x3FF)),
            code: part(0, 0x3FF),
        }
    }
}

#[derive(Debug, Default)]
struct Slot {
    key: AtomicU64,
    count: AtomicU64,
}

/// A table of counters that only grows, up to its bound.
#[derive(Debug)]
pub(super) struct Series {
    slots: Box<[Slot]>,
    used: AtomicUsize,
    /// Requests for which no series was free.
    lost: AtomicU64,
}

impl Series {
    pub(super) fn new() -> Self {
        let slots = (0..SERIES).map(|_| Slot::default()).collect();
        Self { slots, used: AtomicUsize::new(0), lost: AtomicU64::new(0) }
    }

    pub(super) fn count(&self, key: Key) {
        let slot = self.slot(key).or_else(|| self.slot(Key { resource: Resource::OTHER, ..key }));
        slot.map_or(&self.lost, |slot| &slot.count).fetch_add(1, Relaxed);
    }

    fn slot(&self, key: Key) -> Option<&Slot> {
        let wanted = key.pack();
        let start = spread(wanted);
        for step in 0..STEPS {
            let slot = self.slots.get((start + step) % SERIES)?;
            let found = slot.key.load(Acquire);
            if found == wanted {
                return Some(slot);
            }
            if found != 0 {
                continue;
            }
            if self.used.load(Relaxed) >= SERIES_MAX {
                return None;
            }
            match slot.key.compare_exchange(0, wanted, AcqRel, Acquire) {
                Ok(_) => {
                    self.used.fetch_add(1, Relaxed);
                    return Some(slot);
                }
                Err(other) if other == wanted => return Some(slot),
                Err(_) => {}
            }
        }
        None
    }

    /// Iterates over the series with their counts, in no order.
    pub(super) fn read(&self) -> impl Iterator<Item = (Key, u64)> {
        let used = self.slots.iter().map(|slot| (slot.key.load(Acquire), slot.count.load(Relaxed)));
        used.filter(|(key, _)| *key != 0).map(|(key, count)| (Key::unpack(key), count))
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

fn spread(key: u64) -> usize {
    let mixed = (key ^ key >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    usize::try_from(mixed >> 40).unwrap_or(0)
}

/// A resource, by its index in `Resources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resource(u16);

impl Resource {
    /// A request for no resource: `/version`, `/openapi/v3`.
    const NONE: Self = Self(0);
    /// Resources without a free index, and names that no server would have.
    pub(super) const OTHER: Self = Self(1);
}

/// The name of a resource.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ResourceName {
    pub(super) group: Box<str>,
    pub(super) resource: Box<str>,
    pub(super) subresource: Box<str>,
}

/// Names of resources, each added once.
#[derive(Debug)]
pub(super) struct Resources {
    slots: Box<[OnceLock<ResourceName>]>,
    used: AtomicUsize,
}

impl Resources {
    pub(super) fn new() -> Self {
        Self { slots: (0..RESOURCES).map(|_| OnceLock::new()).collect(), used: AtomicUsize::new(0) }
    }

    pub(super) fn of(&self, info: &RequestInfo<'_>) -> Resource {
        if !info.is_resource {
            return Resource::NONE;
        }
        let wanted = [info.api_group.as_ref(), info.resource.as_ref(), info.subresource.as_ref()];
        let start = wanted.iter().fold(0xCBF2_9CE4_8422_2325, |hash, text| mix(hash, text));
        let start = usize::try_from(start >> 32).unwrap_or(0);
        for step in 0..STEPS {
            // The first two places have fixed meanings.
            let place = 2 + (start + step) % (RESOURCES - 2);
            let Some(slot) = self.slots.get(place) else { break };
            if slot.get().is_none() && !self.take(slot, wanted) {
                break;
            }
            if slot.get().is_some_and(|name| name.is(wanted)) {
                return Resource(u16::try_from(place).unwrap_or(1));
            }
        }
        Resource::OTHER
    }

    /// Gives a free entry to a name; returns false at the bound, or if no server would have the name. Another
    /// thread may have been faster.
    fn take(&self, slot: &OnceLock<ResourceName>, wanted: [&str; 3]) -> bool {
        if self.used.load(Relaxed) >= RESOURCES_MAX || !wanted.iter().all(|text| is_plain(text)) {
            return false;
        }
        let [group, resource, subresource] = wanted.map(Box::from);
        if slot.set(ResourceName { group, resource, subresource }).is_ok() {
            self.used.fetch_add(1, Relaxed);
        }
        true
    }

    /// Returns the name of a resource; `None` for [`Resource::NONE`].
    pub(super) fn name(&self, resource: Resource) -> Option<[&str; 3]> {
        if resource == Resource::OTHER {
            return Some(["other", "other", ""]);
        }
        let name = self.slots.get(usize::from(resource.0))?.get()?;
        Some([&name.group, &name.resource, &name.subresource])
    }
}

impl ResourceName {
    fn is(&self, [group, resource, subresource]: [&str; 3]) -> bool {
        *self.resource == *resource && *self.group == *group && *self.subresource == *subresource
    }
}

fn mix(hash: u64, text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    step(text.bytes().fold(hash, step), 0xFF)
}

/// Returns true for a name that a server could serve; anything else is counted as `other`, so that callers cannot
/// create series.
fn is_plain(text: &str) -> bool {
    text.len() <= 253 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn info(resource: &str) -> RequestInfo<'_> {
        RequestInfo { is_resource: true, resource: Cow::Borrowed(resource), ..RequestInfo::default() }
    }

    #[test]
    fn keys_survive_packing() {
        let key = Key { cluster: 4_095, rule: 17, verb: 9, resource: Resource(1_023), code: 599 };
        assert_eq!(Key::unpack(key.pack()), key);
    }

    #[test]
    fn one_series_is_one_place_from_many_threads() {
        let series = Series::new();
        let key = |code| Key { cluster: 1, rule: 2, verb: 0, resource: Resource(3), code };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000_u16).for_each(|n| series.count(key(200 + n % 10))));
            }
        });
        let all: Vec<_> = series.read().collect();
        assert_eq!(all.len(), 10);
        assert!(all.iter().all(|(_, count)| *count == 4_000));
        assert_eq!(series.lost(), 0);
    }

    #[test]
    fn a_full_table_forgets_resources_first_and_then_counts_what_it_loses() {
        let series = Series::new();
        for cluster in 0..4_000 {
            series.count(Key { cluster, rule: 0, verb: 0, resource: Resource(7), code: 200 });
        }
        let known: u64 = series.read().map(|(_, count)| count).sum();
        assert_eq!(known + series.lost(), 4_000);
        assert!(series.read().count() <= SERIES_MAX);
    }

    #[test]
    fn resources_are_known_again_and_bounded() {
        let resources = Resources::new();
        let pods = resources.of(&info("pods"));
        assert_eq!(resources.of(&info("pods")), pods);
        assert_eq!(resources.name(pods), Some(["", "pods", ""]));
        assert_eq!(resources.of(&info("Pods\u{1b}[31m")), Resource::OTHER);
        let names: Vec<String> = (0..2_000).map(|n| format!("kind{n}")).collect();
        let others = names.iter().filter(|name| resources.of(&info(name)) == Resource::OTHER).count();
        assert!(others >= 2_000 - RESOURCES_MAX);
        assert_eq!(resources.of(&info("pods")), pods);
        assert_eq!(resources.of(&RequestInfo::default()), Resource::NONE);
        assert_eq!(resources.name(Resource::NONE), None);
    }
}
