//! Operations that users started, and their outcome.

use crate::error::{ErrorKind, UserError};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::protocol::{Operation, Progress, RequestId};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

/// Operations kept; the oldest finished one is dropped first, then the oldest.
pub(crate) const OPERATIONS_MAX: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Operations {
    kept: BTreeMap<RequestId, Arc<Operation>>,
    dirty: bool,
}

impl Operations {
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    pub(crate) fn begin(&mut self, id: RequestId, what: &str, cluster: Option<&ClusterName>) {
        if self.kept.len() >= OPERATIONS_MAX && !self.kept.contains_key(&id) {
            let ended = |operation: &Operation| matches!(operation.progress, Progress::Done | Progress::Failed(_));
            let oldest = self.kept.iter().find(|(_, operation)| ended(operation)).or_else(|| self.kept.iter().next());
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.kept.remove(&oldest);
            }
        }
        let progress = Progress::Running { done: 0, of: 1 };
        let operation = Operation { what: Text::new(what), cluster: cluster.cloned(), progress };
        self.kept.insert(id, Arc::new(operation));
        self.dirty = true;
    }

    pub(crate) fn end(&mut self, id: RequestId, outcome: Result<(), impl Display>) {
        let Some(operation) = self.kept.get_mut(&id) else { return };
        let progress = match outcome {
            Ok(()) => Progress::Done,
            Err(error) => {
                let message = format!("{}: {error}", operation.what);
                let error = UserError::new(ErrorKind::Cluster, message);
                Progress::Failed(match &operation.cluster {
                    Some(cluster) => error.in_cluster(cluster.clone()),
                    None => error,
                })
            }
        };
        *operation = Arc::new(Operation { progress, ..Operation::clone(operation) });
        self.dirty = true;
    }

    /// Returns the name of an operation.
    pub(crate) fn what(&self, id: RequestId) -> Option<Text> {
        self.kept.get(&id).map(|operation| operation.what.clone())
    }

    /// The operations, when they changed since they were last taken.
    pub(crate) fn take_changed(&mut self) -> Option<BTreeMap<RequestId, Arc<Operation>>> {
        std::mem::take(&mut self.dirty).then(|| self.kept.clone())
    }
}
