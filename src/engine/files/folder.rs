//! The files of a folder that is mounted or written by others.

use std::path::{Path, PathBuf};

/// Entries of a folder that are read; a folder with more is not meant for us.
pub(crate) const ENTRIES_MAX: usize = 1_024;

/// Returns the files of a folder by name, without hidden ones: those are the volume's own. Fails if the folder cannot
/// be read.
pub(crate) fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)?.take(ENTRIES_MAX) {
        let path = entry?.path();
        let is_hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !is_hidden && path.is_file() {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}
