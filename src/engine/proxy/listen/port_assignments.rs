//! The port of each cluster there ever was, kept over restarts: what a client was told to be one cluster never becomes
//! another because a proxy was started anew with its clusters in another order.

use crate::config::yaml;
use crate::engine::files::private;
use crate::error::{ErrorKind, UserError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const VERSION: u32 = 1;

/// Ports by cluster. A port is assigned once, so there are no more entries than ports.
pub(super) type Given = BTreeMap<Arc<str>, u16>;

/// The file with the assignments.
#[derive(Debug)]
pub(super) struct Kept {
    file: PathBuf,
    /// First port; assignments made with another one are ignored.
    first: u16,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    first: u16,
    given: Given,
}

impl Kept {
    pub(super) fn new(state: &Path, first: u16) -> Self {
        Self { file: state.join("ports.json"), first }
    }

    /// Reads the assignments. Fails if the file cannot be read: with an empty start, ports would move to other
    /// clusters.
    pub(super) fn read(&self) -> Result<Given, UserError> {
        let wrong = |why: String| {
            UserError::new(ErrorKind::Config, format!("{} cannot be used", self.file.display()))
                .cause(why)
                .hint("it says which cluster had which port: remove it, and ports are given anew")
        };
        let shown = self.file.display().to_string();
        let Some(text) = yaml::read(&self.file, &shown).map_err(|flaw| wrong(flaw.to_string()))? else {
            return Ok(Given::new());
        };
        let stored: Stored = serde_json::from_str(&text).map_err(|why| wrong(why.to_string()))?;
        if stored.version != VERSION {
            return Err(wrong(format!("it is of version {}, not {VERSION}", stored.version)));
        }
        Ok(if stored.first == self.first { stored.given } else { Given::new() })
    }

    pub(super) fn write(&self, given: &Given) -> Result<(), UserError> {
        let stored = Stored { version: VERSION, first: self.first, given: given.clone() };
        let written = serde_json::to_vec(&stored).map_err(|why| why.to_string());
        written.and_then(|bytes| private::own(&self.file, &bytes).map_err(|why| why.to_string())).map_err(|why| {
            UserError::new(ErrorKind::Config, format!("{} cannot be written", self.file.display()))
                .cause(why)
                .hint("choose another folder with --state-dir")
        })
    }
}
