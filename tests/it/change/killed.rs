//! A process that is killed at any point of a change, and the one that goes on with it.

use super::rig::{Rig, all_pods, delete, lenient};
use crate::sim::world::BEGIN;
use crate::sim::write::WriteFault;
use parking_lot::Mutex;
use quarterdeck::engine::journal::{Journal, Store};
use quarterdeck::model::change::OperationState;
use quarterdeck::model::change::journal::JournalEntry;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Kills the process (drops all it does) at its so manyth append, before or after that is on disk.
#[derive(Debug)]
struct KilledAt {
    store: Store,
    left: Mutex<usize>,
    is_written: bool,
    kill: CancellationToken,
}

impl Journal for KilledAt {
    fn append(&self, entries: &[JournalEntry]) -> io::Result<()> {
        let mut left = self.left.lock();
        if *left == 0 {
            if self.is_written {
                self.store.append(entries)?;
            }
            self.kill.cancel();
            return Err(io::Error::other("killed"));
        }
        *left -= 1;
        self.store.append(entries)
    }
}

/// Runs until killed; says whether it was.
async fn killed(rig: &Rig, plan: &quarterdeck::model::change::Plan, left: usize, is_written: bool) -> bool {
    let operation = rig.open(plan).expect("nobody has it");
    operation.begin(plan, BEGIN).expect("the journal takes it");
    let kill = CancellationToken::new();
    let journal = KilledAt { store: rig.store.clone(), left: Mutex::new(left), is_written, kill: kill.clone() };
    tokio::select! {
        biased;
        () = kill.cancelled() => true,
        _ = rig.drive(plan, &operation, Arc::new(journal), CancellationToken::new()) => false,
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_entry_and_resumed_no_target_is_changed_twice() {
    for is_written in [false, true] {
        for left in 0.. {
            let rig = Rig::new(&["east", "west"]);
            for cluster in ["east", "west"] {
                rig.change(cluster, |sim| sim.latency = Duration::from_millis(20));
            }
            let plan = rig.plan(&all_pods(delete(), lenient())).await;
            // Some of what was asked leaves no answer, too.
            rig.change("east", |sim| sim.writes.faults.push_back(WriteFault::CutAfter));
            if !killed(&rig, &plan, left, is_written).await {
                assert!(left >= 4, "there are several points to be killed at: {left}");
                break;
            }
            if rig.record(&plan).is_resumable() {
                let outcome = rig.resume(&plan).await.expect("resumable");
                assert_eq!(outcome.state, OperationState::Done, "killed at {left}: {outcome:?}");
            }
            assert_eq!(rig.record(&plan).state(false), OperationState::Done, "killed at {left}");
            let changes = rig.changes();
            assert_eq!(changes.len(), 4, "killed at {left}");
            assert!(changes.values().all(|times| *times == 1), "killed at {left}: {changes:?}");
        }
    }
}

/// Killed while requests are on their way, at any moment.
#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_and_resumed_no_target_is_changed_twice() {
    for moment in (0..260).step_by(7) {
        let rig = Rig::new(&["east", "west"]);
        for cluster in ["east", "west"] {
            rig.change(cluster, |sim| sim.latency = Duration::from_millis(20));
        }
        let plan = rig.plan(&all_pods(delete(), lenient())).await;
        let operation = rig.open(&plan).expect("nobody has it");
        operation.begin(&plan, BEGIN).expect("the journal takes it");
        let run = rig.drive(&plan, &operation, Arc::new(rig.store.clone()), CancellationToken::new());
        let ended = tokio::time::timeout(Duration::from_millis(moment), run).await;
        drop(operation);
        if ended.is_err() && rig.record(&plan).is_resumable() {
            let outcome = rig.resume(&plan).await.expect("resumable");
            assert_eq!(outcome.state, OperationState::Done, "killed after {moment} ms: {outcome:?}");
        }
        let changes = rig.changes();
        assert!(changes.len() == 4 && changes.values().all(|times| *times == 1), "after {moment} ms: {changes:?}");
    }
}
