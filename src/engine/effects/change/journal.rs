//! Reading the journal of changes for a screen that shows it.

use super::{blocking, sentence};
use crate::engine::effects::tasks::Reports;
use crate::engine::journal::{Store, store::Mark};
use crate::engine::observation::{ChangeObservation, JournalContents, Observation};
use crate::engine::ports::ChangeStore;
use crate::model::change::journal::{KnownTarget, OperationRecord};
use crate::model::change::{OperationId, TargetState};
use crate::model::text::Text;
use crate::protocol::OPERATIONS_MAX;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Deadline of a read: a journal has at most two files of 64 MB.
const READ: Duration = Duration::from_secs(30);

/// The journal as it was last read.
#[derive(Debug, Default)]
pub(super) struct Seen {
    mark: Option<Mark>,
    ids: Vec<OperationId>,
}

pub(super) async fn read(reports: Reports, store: Option<ChangeStore>, seen: Arc<Mutex<Seen>>, whole: bool) {
    let read = blocking(move || match store {
        Some(store) => contents(&Store::at(&store.state_folder), &seen, whole),
        None => Ok(JournalContents { records: Some(Vec::new()), ..JournalContents::default() }),
    });
    let outcome = timeout(READ, read).await.unwrap_or_else(|_| {
        let seconds = READ.as_secs();
        Err(Text::from(format!("the journal was not read within {seconds}s; look at the disk of the state folder")))
    });
    reports.send(Observation::Change(ChangeObservation::JournalRead { outcome })).await;
}

/// Reads the journal if it changed; the locks always, because they change without it.
fn contents(store: &Store, seen: &Mutex<Seen>, whole: bool) -> Result<JournalContents, Text> {
    // Taken before the read: what is written meanwhile makes another one.
    let mark = store.mark();
    let is_new = whole || seen.lock().mark.as_ref() != Some(&mark);
    let records = if is_new { Some(latest(store)?) } else { None };
    let mut seen = seen.lock();
    if let Some(records) = &records {
        *seen = Seen { mark: Some(mark), ids: records.iter().map(|record| record.id.clone()).collect() };
    }
    let held = seen.ids.iter().filter(|id| store.holder(id).is_some()).cloned().collect();
    Ok(JournalContents { records, held })
}

/// Returns the latest operations. Those that are not at their end have all targets of their plan, also the pending ones.
fn latest(store: &Store) -> Result<Vec<OperationRecord>, Text> {
    let mut records = store.operations().map_err(|why| sentence(&why))?;
    let excess = records.len().saturating_sub(OPERATIONS_MAX);
    records.drain(..excess);
    for record in records.iter_mut().filter(|record| record.is_resumable()) {
        // Without its plan, the operation is shown with the targets that the journal names.
        let Ok(Some(plan)) = store.kept(&record.id) else { continue };
        for (index, target) in (0..).zip(plan.targets) {
            record.known.entry(index).or_insert_with(|| KnownTarget {
                target: target.key,
                state: TargetState::Pending,
                detail: Text::default(),
                was_asked: false,
            });
        }
    }
    Ok(records)
}
