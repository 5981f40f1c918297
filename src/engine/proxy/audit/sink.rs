//! Where lines end: a file that is rotated, or standard output.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) enum Sink {
    Output,
    File(Rotated),
}

/// `audit.log`, and `audit.log.1` (the newest) to `audit.log.N` beside it.
#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    file: File,
    size: u64,
    /// Size at which the file is rotated; 0 never rotates it.
    max_bytes: u64,
    /// Rotated files that are kept beside the current one.
    max_files: u32,
}

/// Opens the file for its owner only, and restricts the mode of an existing one; `-` is standard output. Fails if the
/// file cannot be opened or restricted.
pub(super) fn open(path: &Path, max_bytes: u64, max_files: u32) -> Result<Sink, String> {
    if path.as_os_str() == "-" {
        return Ok(Sink::Output);
    }
    let told = |why: io::Error| format!("cannot open the audit log {}: {why}", path.display());
    let file = append(path).map_err(told)?;
    let metadata = file.metadata().map_err(told)?;
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(told)?;
    }
    // What is no file, such as /dev/stderr, cannot be renamed.
    let max_bytes = if metadata.is_file() { max_bytes } else { 0 };
    Ok(Sink::File(Rotated { path: path.to_owned(), file, size: metadata.len(), max_bytes, max_files }))
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

impl Sink {
    /// Writes complete lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Output => {
                let mut output = io::stdout().lock();
                output.write_all(lines)?;
                output.flush()
            }
            Self::File(rotated) => rotated.write(lines),
        }
    }

    pub(super) fn close(self) {
        if let Self::File(rotated) = self {
            // Said or not, there is nobody left to write.
            drop(rotated.file.sync_data());
        }
    }
}

impl Rotated {
    fn write(&mut self, mut lines: &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            let now = self.fitting(lines);
            if now == 0 {
                self.rotate()?;
                continue;
            }
            let (piece, rest) = lines.split_at_checked(now).unwrap_or((lines, &[]));
            self.file.write_all(piece)?;
            self.size += piece.len() as u64;
            lines = rest;
        }
        Ok(())
    }

    /// Returns the number of bytes of complete lines that fit into the file; an empty file takes at least one line.
    fn fitting(&self, lines: &[u8]) -> usize {
        let room = usize::try_from(self.max_bytes.saturating_sub(self.size)).unwrap_or(usize::MAX);
        if self.max_bytes == 0 || lines.len() <= room {
            return lines.len();
        }
        let end_of = |line: Option<usize>| line.map(|end| end + 1);
        let last = end_of(lines.get(..room).and_then(|fits| fits.iter().rposition(|byte| *byte == b'\n')));
        let first = || end_of(lines.iter().position(|byte| *byte == b'\n')).unwrap_or(lines.len());
        last.unwrap_or_else(|| if self.size == 0 { first() } else { 0 })
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        for number in (1..self.max_files).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
                _ => {}
            }
        }
        if self.max_files == 0 {
            fs::remove_file(&self.path)?;
        } else {
            fs::rename(&self.path, self.numbered(1))?;
        }
        self.file = append(&self.path)?;
        self.size = 0;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entry = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(entry).collect();
        names.sort();
        names
    }

    #[test]
    fn lines_stay_whole_and_the_oldest_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let mut sink = open(&path, 10, 2).unwrap();
        sink.write(b"1234\n5678\nabcd\n").unwrap();
        assert_eq!(names(folder.path()), ["audit.log", "audit.log.1"]);
        sink.write(b"a line longer than a file\n").unwrap();
        sink.write(b"x\n").unwrap();
        assert_eq!(names(folder.path()), ["audit.log", "audit.log.1", "audit.log.2"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "x\n");
        assert_eq!(fs::read_to_string(folder.path().join("audit.log.2")).unwrap(), "abcd\n");
    }

    #[test]
    fn only_the_owner_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        open(&path, 0, 0).unwrap().write(b"new\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\nnew\n");
        assert!(open(&folder.path().join("none/audit.log"), 0, 0).unwrap_err().contains("none/audit.log"));
    }
}
