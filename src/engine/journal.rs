//! The journal of changes: append-only, and on disk before the change it tells of.

pub mod lock;
pub mod redact;
pub mod store;

pub use lock::Lock;
pub use store::Store;

use crate::model::change::journal::JournalEntry;
use std::fmt::Debug;
use std::io;

/// The port: where entries go.
pub trait Journal: Send + Sync + Debug {
    /// Writes entries, in order; they are on disk when it returns. Fails where the disk takes no more, and then none of
    /// them counts.
    fn append(&self, entries: &[JournalEntry]) -> io::Result<()>;
}
