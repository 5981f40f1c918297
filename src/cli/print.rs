//! Data on stdout, everything else on stderr.

use crate::error::{ErrorKind, UserError};
use std::io::Write;

/// The output streams; a broken pipe ends the output, not the program.
pub struct Streams<'a> {
    /// Standard output: the data.
    pub out: &'a mut dyn Write,
    /// Standard error: failures, and the objects that were not found.
    pub err: &'a mut dyn Write,
    /// Also lists the objects that only some clusters lack.
    pub verbose: bool,
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("verbose", &self.verbose).finish_non_exhaustive()
    }
}

/// Writes the text and flushes. A closed pipe (`| head`) is a quiet end. Fails on any other I/O error.
pub fn write(to: &mut dyn Write, text: &str) -> Result<(), UserError> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(UserError::new(ErrorKind::Internal, format!("the output could not be written: {e}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
