//! An operation in the hands of this process: locked, journalled, and its plan kept until it ends.

use super::core::step::Earlier;
use crate::engine::journal::{Journal as _, Lock, Store};
use crate::error::{ErrorKind, UserError};
use crate::model::change::journal::{Actor, JournalEntry, JournalEvent, OperationRecord};
use crate::model::change::{OperationId, Plan};
use crate::model::cluster::ClusterName;
use crate::model::time::UnixSeconds;
use std::collections::BTreeMap;

/// A locked operation that has not begun, or is about to go on.
#[derive(Debug)]
pub struct Operation {
    /// Journal and kept plans.
    pub store: Store,
    /// Id of the operation and of its plan.
    pub id: OperationId,
    /// Record of the journal; `None` if the operation never began.
    pub record: Option<OperationRecord>,
    actor: Actor,
    _lock: Lock,
}

impl Operation {
    /// Takes the operation into our hands. Fails where another process has it, or the journal cannot be read.
    pub fn open(store: &Store, id: &OperationId, actor: Actor) -> Result<Self, UserError> {
        let lock = store.lock(id, &format!("process {}", actor.process))?;
        // Read with the lock held: nobody else adds to it now.
        let record = store.operations()?.into_iter().find(|record| record.id == *id);
        Ok(Self { store: store.clone(), id: id.clone(), record, actor, _lock: lock })
    }

    /// Returns what earlier runs did, by the place in the plan.
    pub fn earlier(&self) -> BTreeMap<usize, Earlier> {
        let known = self.record.iter().flat_map(|record| &record.known);
        known
            .filter_map(|(index, known)| {
                let earlier = Earlier { state: known.state, was_asked: known.was_asked };
                Some((usize::try_from(*index).ok()?, earlier))
            })
            .collect()
    }

    /// Checks that the plan was never run. Fails otherwise: a second time is a resume.
    pub fn is_new(&self) -> Result<(), UserError> {
        let Some(record) = &self.record else { return Ok(()) };
        let why = format!("the plan {} was run at {} already", self.id, record.began);
        let hint = if record.is_resumable() {
            format!("go on with it with `qd plan resume {}`", self.id)
        } else {
            "make a new plan".to_owned()
        };
        Err(UserError::new(ErrorKind::Refused, why).hint(hint))
    }

    /// Checks that the run of the plan can go on. Fails for a plan that never ran, that is another one than ran, or that
    /// has nothing left.
    pub fn is_resumable(&self, plan: &Plan) -> Result<(), UserError> {
        let refused = |why: String, hint: String| Err(UserError::new(ErrorKind::Refused, why).hint(hint));
        match &self.record {
            None => refused(format!("the plan {} never ran", self.id), "run it with `qd plan run`".to_owned()),
            Some(record) if record.digest != plan.digest => {
                refused(format!("another plan ran as {}", self.id), format!("use `qd plan resume {}`", self.id))
            }
            Some(record) if !record.is_resumable() => {
                // Left by a process that was killed between the last target and the end.
                self.store.forget(&self.id);
                refused(format!("nothing is left to do of {}", self.id), "see it with `qd journal`".to_owned())
            }
            Some(_) => Ok(()),
        }
    }

    /// Writes down that it begins, or goes on: before the first effect. Fails where that cannot be written, and then
    /// nothing may be changed.
    pub fn begin(&self, plan: &Plan, now: UnixSeconds) -> Result<(), UserError> {
        let event = if self.record.is_some() {
            JournalEvent::Resumed { by: self.actor.clone() }
        } else {
            let mut clusters: Vec<ClusterName> = plan.changed().map(|target| target.key.cluster.clone()).collect();
            clusters.dedup();
            JournalEvent::Began {
                by: self.actor.clone(),
                change: plan.change.clone(),
                clusters,
                targets: u32::try_from(plan.targets.len()).unwrap_or(u32::MAX),
                digest: plan.digest.clone(),
            }
        };
        let entry = JournalEntry { at: now, operation: self.id.clone(), event };
        self.store.keep(plan).and_then(|()| self.store.append(&[entry])).map_err(|why| {
            UserError::new(ErrorKind::Refused, "the journal cannot be written, so nothing is changed")
                .cause(why.to_string())
                .hint("make room on the disk of the state folder")
        })
    }

    /// Forgets the plan where nothing is left to do.
    pub fn end(self, is_left: bool) {
        if !is_left {
            self.store.forget(&self.id);
        }
    }
}
