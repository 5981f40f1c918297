//! Plans that screens asked for, a bounded number of them.

use crate::engine::change::core::step::Earlier;
use crate::engine::observation::AttemptId;
use crate::model::text::Text;
use crate::protocol::{PLANS_MAX, PlanStatus, RequestId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A plan that a screen asked for.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) status: Arc<PlanStatus>,
    /// The attempt at it that is under way: the plan, or the check before its run.
    pub(super) attempt: Option<AttemptId>,
    /// Results of earlier runs, by the index of the target.
    pub(super) earlier: BTreeMap<usize, Earlier>,
    /// True if it is the rest of an operation.
    pub(super) is_resume: bool,
    /// Counts plans, so that the oldest is known.
    number: u64,
}

impl Shown {
    pub(super) fn making(attempt: AttemptId, is_resume: bool) -> Self {
        Self { attempt: Some(attempt), is_resume, ..Self::of(PlanStatus::Making) }
    }

    pub(super) fn refused(why: Text) -> Self {
        Self::of(PlanStatus::Refused(why))
    }

    fn of(status: PlanStatus) -> Self {
        Self { status: Arc::new(status), attempt: None, earlier: BTreeMap::new(), is_resume: false, number: 0 }
    }

    /// The clusters are read again, before a run.
    pub(super) fn begin(&mut self, attempt: AttemptId) {
        self.attempt = Some(attempt);
        self.status = Arc::new(PlanStatus::Making);
    }

    /// The attempt has ended.
    pub(super) fn end(&mut self, status: PlanStatus) {
        self.attempt = None;
        self.status = Arc::new(status);
    }
}

/// The plans, by the request that asked for them.
#[derive(Debug, Default)]
pub(super) struct Plans {
    kept: BTreeMap<RequestId, Shown>,
    last: u64,
}

impl Plans {
    /// Keeps a plan; returns those that went for it: an older one of this id, or the oldest that is not checked for its
    /// run.
    pub(super) fn insert(&mut self, id: RequestId, shown: Shown, starts: impl Fn(AttemptId) -> bool) -> Vec<Shown> {
        let mut gone: Vec<Shown> = self.kept.remove(&id).into_iter().collect();
        while self.kept.len() >= PLANS_MAX {
            let starts = |shown: &Shown| shown.attempt.is_some_and(&starts);
            let oldest = self.kept.iter().min_by_key(|(_, shown)| (starts(shown), shown.number)).map(|(id, _)| *id);
            gone.extend(oldest.and_then(|oldest| self.kept.remove(&oldest)));
        }
        self.last += 1;
        self.kept.insert(id, Shown { number: self.last, ..shown });
        gone
    }

    pub(super) fn remove(&mut self, id: RequestId) -> Option<Shown> {
        self.kept.remove(&id)
    }

    pub(super) fn get(&mut self, id: RequestId) -> Option<&mut Shown> {
        self.kept.get_mut(&id)
    }

    /// Returns the plan of an attempt that is under way.
    pub(super) fn of(&mut self, attempt: AttemptId) -> Option<&mut Shown> {
        self.kept.values_mut().find(|shown| shown.attempt == Some(attempt))
    }

    pub(super) fn published(&self) -> BTreeMap<RequestId, Arc<PlanStatus>> {
        self.kept.iter().map(|(id, shown)| (*id, Arc::clone(&shown.status))).collect()
    }
}
