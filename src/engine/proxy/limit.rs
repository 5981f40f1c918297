//! How much may be under way at once. Short requests are shed first: a watch that runs costs nothing, one that is cut
//! costs a new list. Nothing here ever ends a request.

use crate::engine::proxy::config::Limits;
use crate::engine::proxy::refusal::Refusal;
use arc_swap::ArcSwap;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Callers that have a count of their own. Further callers share one count.
const CALLERS_MAX: usize = 4096;

/// The requests under way, counted against the limits in force. Clones share their counts.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: ArcSwap<Bounds>,
    short: AtomicU32,
    long: AtomicU32,
    callers: RwLock<HashMap<Arc<str>, Arc<AtomicU32>>>,
    others: Arc<AtomicU32>,
}

#[derive(Debug)]
struct Bounds {
    per_caller: u32,
    short: u32,
    long: u32,
}

impl Bounds {
    fn of(limits: &Limits) -> Arc<Self> {
        let bound = |limit: u32| if limit == 0 { u32::MAX } else { limit };
        Arc::new(Self {
            per_caller: bound(limits.per_caller),
            short: bound(limits.in_flight),
            long: bound(limits.long_running),
        })
    }
}

/// An admitted request; dropping the permit frees its slot.
#[derive(Debug)]
#[must_use = "a permit that is dropped admits nothing"]
pub struct Permit {
    shared: Arc<Shared>,
    /// The caller's count, for a short request; `None` for a long-running one.
    caller: Option<Arc<AtomicU32>>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        match &self.caller {
            Some(caller) => {
                caller.fetch_sub(1, Ordering::AcqRel);
                self.shared.short.fetch_sub(1, Ordering::AcqRel);
            }
            None => {
                self.shared.long.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

impl Admission {
    /// Creates empty counts with these limits; 0 means no limit.
    pub fn new(limits: &Limits) -> Self {
        Self(Arc::new(Shared {
            limits: ArcSwap::new(Bounds::of(limits)),
            short: AtomicU32::new(0),
            long: AtomicU32::new(0),
            callers: RwLock::default(),
            others: Arc::default(),
        }))
    }

    /// Puts other limits in force. Requests under way beyond the new limits continue.
    pub fn apply(&self, limits: &Limits) {
        self.0.limits.store(Bounds::of(limits));
    }

    /// Admits one request of this caller.
    ///
    /// Long-running requests (watch, log, exec, …) count against their own limit, and short ones against the caller's
    /// limit and that of all callers, so that neither kind can starve the other.
    ///
    /// Fails with 429 and `Retry-After: 1` if one of these limits is reached.
    pub fn admit(&self, caller: &Arc<str>, long_running: bool) -> Result<Permit, Refusal> {
        let shared = &self.0;
        let bounds = shared.limits.load();
        if long_running {
            if !take(&shared.long, bounds.long) {
                return Err(refused("long_running", "too many long-running requests are under way; try again"));
            }
            return Ok(Permit { shared: Arc::clone(shared), caller: None });
        }
        if !take(&shared.short, bounds.short) {
            return Err(refused("in_flight", "too many requests are under way; try again"));
        }
        let own = shared.count_of(caller);
        if !take(&own, bounds.per_caller) {
            shared.short.fetch_sub(1, Ordering::AcqRel);
            return Err(refused("per_caller", "too many requests of this caller are under way; try again"));
        }
        Ok(Permit { shared: Arc::clone(shared), caller: Some(own) })
    }

    /// The number of short requests under way.
    pub fn in_flight(&self) -> u32 {
        self.0.short.load(Ordering::Acquire)
    }

    /// The number of long-running requests under way.
    pub fn long_running(&self) -> u32 {
        self.0.long.load(Ordering::Acquire)
    }
}

impl Shared {
    fn count_of(&self, caller: &Arc<str>) -> Arc<AtomicU32> {
        if let Some(count) = self.callers.read().get(caller) {
            return Arc::clone(count);
        }
        let mut callers = self.callers.write();
        if callers.len() >= CALLERS_MAX && !callers.contains_key(caller) {
            // Who holds none has nothing under way, and cannot take one while we hold the lock.
            callers.retain(|_, count| Arc::strong_count(count) > 1);
            if callers.len() >= CALLERS_MAX {
                return Arc::clone(&self.others);
            }
        }
        Arc::clone(callers.entry(Arc::clone(caller)).or_default())
    }
}

/// Counts one more, and returns true, if that stays within the limit.
fn take(count: &AtomicU32, limit: u32) -> bool {
    if count.fetch_add(1, Ordering::AcqRel) < limit {
        return true;
    }
    count.fetch_sub(1, Ordering::AcqRel);
    false
}

fn refused(label: &'static str, message: &'static str) -> Refusal {
    Refusal::new(429, "TooManyRequests", label, message).retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn limits(per_caller: u32, in_flight: u32, long_running: u32) -> Limits {
        Limits { per_caller, in_flight, long_running, connections: 0, request_timeout: Duration::from_secs(60) }
    }

    fn label(result: Result<Permit, Refusal>) -> Result<Permit, (u16, Option<u32>, &'static str)> {
        result.map_err(|refusal| (refusal.code, refusal.retry_after, refusal.label))
    }

    #[test]
    fn short_requests_are_shed_and_watches_go_on() {
        let admission = Admission::new(&limits(0, 2, 3));
        let (a, b) = (Arc::from("a"), Arc::from("b"));
        let held = [admission.admit(&a, false).unwrap(), admission.admit(&b, false).unwrap()];
        assert_eq!(label(admission.admit(&a, false)).unwrap_err(), (429, Some(1), "in_flight"));
        let watches: Vec<Permit> = (0..3).map(|_| admission.admit(&a, true).unwrap()).collect();
        assert_eq!(label(admission.admit(&a, true)).unwrap_err(), (429, Some(1), "long_running"));
        assert_eq!((admission.in_flight(), admission.long_running()), (2, 3));
        drop(held);
        let again = admission.admit(&a, false);
        assert!(again.is_ok());
        drop((again, watches));
        assert_eq!((admission.in_flight(), admission.long_running()), (0, 0));
    }

    #[test]
    fn one_caller_cannot_take_it_all() {
        let admission = Admission::new(&limits(2, 100, 0));
        let (a, b) = (Arc::from("a"), Arc::from("b"));
        let held = [admission.admit(&a, false).unwrap(), admission.admit(&a, false).unwrap()];
        assert_eq!(label(admission.admit(&a, false)).unwrap_err(), (429, Some(1), "per_caller"));
        assert!(admission.admit(&b, false).is_ok());
        assert!(admission.admit(&a, true).is_ok());
        assert_eq!(admission.in_flight(), 2);
        drop(held);
        assert_eq!(admission.in_flight(), 0);
    }

    #[test]
    fn limits_may_change_while_requests_run() {
        let admission = Admission::new(&limits(0, 0, 0));
        let a = Arc::from("a");
        let held: Vec<Permit> = (0..5).map(|_| admission.admit(&a, false).unwrap()).collect();
        admission.apply(&limits(0, 3, 0));
        assert!(admission.admit(&a, false).is_err());
        drop(held);
        assert!(admission.admit(&a, false).is_ok());
    }

    #[test]
    fn callers_are_counted_apart_up_to_a_bound() {
        let admission = Admission::new(&limits(1, 0, 0));
        let names: Vec<Arc<str>> = (0..=CALLERS_MAX).map(|n| Arc::from(n.to_string())).collect();
        for name in &names {
            drop(admission.admit(name, false).unwrap());
        }
        assert!(admission.0.callers.read().len() <= CALLERS_MAX);
        let held: Vec<Permit> = names.iter().map(|name| admission.admit(name, false).unwrap()).collect();
        assert_eq!(admission.0.callers.read().len(), CALLERS_MAX);
        // The last one holds the count that all further callers share.
        assert!(admission.admit(&Arc::from("one more"), false).is_err());
        drop(held);
        assert!(admission.admit(&Arc::from("one more"), false).is_ok());
    }

    #[test]
    fn counts_hold_under_threads() {
        let admission = Admission::new(&limits(3, 5, 2));
        std::thread::scope(|scope| {
            for thread in 0..4_u32 {
                let admission = admission.clone();
                scope.spawn(move || {
                    let caller: Arc<str> = Arc::from((thread % 2).to_string());
                    for round in 0..2000 {
                        let permit = admission.admit(&caller, round % 3 == 0);
                        drop(permit);
                    }
                });
            }
        });
        assert_eq!((admission.in_flight(), admission.long_running()), (0, 0));
    }
}
