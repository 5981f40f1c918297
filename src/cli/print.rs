//! Data on stdout, everything else on stderr.

use crate::error::{ErrorKind, UserError};
use std::io::Write;

/// Where the two streams go; a broken pipe ends the printing, not the program.
pub struct Streams<'a> {
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
    pub verbose: bool,
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("verbose", &self.verbose).finish_non_exhaustive()
    }
}

/// Writes; a reader that went away (`| head`) is a quiet end, not an error of ours.
pub fn write(to: &mut dyn Write, text: &str) -> Result<(), UserError> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(UserError::new(ErrorKind::Internal, format!("the output could not be written: {e}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
