//! Puts answers into the order of the clusters: early answers are held, up to a bound beyond which no further cluster
//! is queried.

use crate::model::cluster::ClusterName;
use std::collections::BTreeMap;
use tokio::sync::watch;

/// Maximum number of bytes of held answers. Beyond it no further cluster is queried until the next cluster in order has
/// answered, or its deadline has passed. Answers of running queries can exceed it.
pub(super) const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Answers that are held for their turn.
#[derive(Debug)]
pub(super) struct Turns<T> {
    order: Vec<ClusterName>,
    /// Index of the next cluster in order.
    next: usize,
    held: BTreeMap<usize, (T, usize)>,
    bytes: usize,
    max: usize,
    room: watch::Sender<bool>,
}

impl<T> Turns<T> {
    pub(super) fn new(order: Vec<ClusterName>, max: usize) -> Self {
        Self { order, next: 0, held: BTreeMap::new(), bytes: 0, max, room: watch::Sender::new(true) }
    }

    /// True while there is room for more answers.
    pub(super) fn room(&self) -> watch::Receiver<bool> {
        self.room.subscribe()
    }

    /// Adds an answer of so many bytes; returns all answers whose turn it is now.
    pub(super) fn put(&mut self, cluster: &ClusterName, answer: T, bytes: usize) -> Vec<T> {
        if let Some(at) = self.order.iter().position(|name| name == cluster) {
            self.bytes += bytes;
            self.held.insert(at, (answer, bytes));
        }
        let mut due = Vec::new();
        while let Some((answer, bytes)) = self.held.remove(&self.next) {
            self.next += 1;
            self.bytes -= bytes;
            due.push(answer);
        }
        self.room.send_replace(self.bytes < self.max);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L4: answers come out in the clusters' order, and those who are early are bounded.
    #[test]
    fn answers_come_in_order_and_early_ones_are_bounded() {
        let names: Vec<ClusterName> = ["a", "b", "c", "d"].map(ClusterName::new).into();
        let mut turns = Turns::new(names.clone(), 10);
        let room = turns.room();
        assert_eq!(turns.put(&names[2], "c", 6), Vec::<&str>::new());
        assert!(*room.borrow());
        assert_eq!(turns.put(&names[1], "b", 4), Vec::<&str>::new());
        assert!(!*room.borrow(), "ten bytes wait");
        assert_eq!(turns.put(&names[0], "a", 100), ["a", "b", "c"]);
        assert!(*room.borrow());
        assert_eq!(turns.put(&names[3], "d", 100), ["d"]);
    }
}
