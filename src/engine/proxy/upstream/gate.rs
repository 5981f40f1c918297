//! Nobody hands a request to a connection in the moment its task ends.
//!
//! hyper's task takes requests from a queue, and empties the queue when it ends. A sender that was stopped half way through
//! putting a request there is not waited for: the request, and all behind it, stay in a queue that lives as long as
//! somebody could send, and who waits for the answer could. Without a deadline that is for ever.

use parking_lot::{RwLock, RwLockReadGuard};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Open while the connection's task takes requests.
#[derive(Debug, Default)]
pub(super) struct Gate {
    shut: RwLock<bool>,
}

/// Keeps the task from ending; held only while a request is put into the queue.
pub(super) struct Open<'a> {
    _shut: RwLockReadGuard<'a, bool>,
}

impl Gate {
    /// Opens the gate; `None` if the task is gone.
    pub(super) fn enter(&self) -> Option<Open<'_>> {
        let shut = self.shut.read();
        if *shut { None } else { Some(Open { _shut: shut }) }
    }
}

/// A connection's task. However it ends, the gate is closed first.
pub(super) struct Gated<C> {
    /// The connection; `None` only during the drop.
    connection: Option<C>,
    gate: Arc<Gate>,
}

impl<C> Gated<C> {
    pub(super) fn new(connection: C) -> (Self, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        (Self { connection: Some(connection), gate: Arc::clone(&gate) }, gate)
    }
}

impl<C: Future + Unpin> Future for Gated<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        match &mut self.connection {
            Some(connection) => Pin::new(connection).poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<C> Drop for Gated<C> {
    fn drop(&mut self) {
        let mut shut = self.gate.shut.write();
        *shut = true;
        // Still under the lock: what was put there before is handed back now, and nothing comes after.
        drop(self.connection.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Tells that it was dropped.
    struct Told(Arc<AtomicBool>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_task_ends_only_when_nobody_is_putting_and_then_nobody_puts() {
        let gone = Arc::new(AtomicBool::new(false));
        let (task, gate) = Gated::new(Told(Arc::clone(&gone)));
        let putting = gate.enter().expect("it runs");
        let ending = std::thread::spawn(move || drop(task));
        for _ in 0..1000 {
            std::thread::yield_now();
        }
        assert!(!gone.load(Ordering::SeqCst));
        drop(putting);
        ending.join().expect("no panic");
        assert!(gone.load(Ordering::SeqCst) && gate.enter().is_none());
    }
}
