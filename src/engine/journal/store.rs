//! The journal on disk, and beside it the plans of operations that have not ended.

use super::Journal;
use super::lock::{Lock, Unlocked};
use crate::engine::files::private;
use crate::error::{ErrorKind, UserError};
use crate::model::change::journal::{JournalEntry, OperationRecord, operations};
use crate::model::change::{OperationId, Plan, file};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The journal's size at which a new one is begun; one old one is kept.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The longest line that is read.
const LINE_BYTES_MAX: usize = 256 * 1024;

/// The journal and the kept plans below a state folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// Content of a journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Entries, oldest first.
    pub entries: Vec<JournalEntry>,
    /// Lines that are not entries: torn ones, or of a later version.
    pub unreadable: usize,
}

/// Size and time of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark([Option<(u64, i64, i64)>; 2]);

impl Store {
    /// Opens the journal of a state folder, and makes the folder where there is none. Fails where it cannot be used.
    pub fn open(state_folder: &Path) -> Result<Self, UserError> {
        let store = Self { folder: state_folder.to_path_buf() };
        let made = private::folder(state_folder).and_then(|()| private::folder(&store.changes()));
        made.map_err(|why| {
            let error = UserError::new(ErrorKind::Config, "the journal cannot be used, so nothing is changed");
            error.cause(why.sentence()).hint("make the state folder writable: XDG_STATE_HOME names it")
        })?;
        Ok(store)
    }

    /// The journal of a state folder that is only read; nothing is made.
    pub fn at(state_folder: &Path) -> Self {
        Self { folder: state_folder.to_path_buf() }
    }

    fn changes(&self) -> PathBuf {
        self.folder.join("changes")
    }

    fn journal(&self) -> PathBuf {
        self.folder.join("journal.jsonl")
    }

    fn old_journal(&self) -> PathBuf {
        self.folder.join("journal.1.jsonl")
    }

    fn plan_path(&self, id: &OperationId) -> PathBuf {
        self.changes().join(format!("{id}.json"))
    }

    fn lock_path(&self, id: &OperationId) -> PathBuf {
        self.changes().join(format!("{id}.lock"))
    }

    /// Takes the lock of an operation. Fails where another process works on it, and names that one.
    pub fn lock(&self, id: &OperationId, holder: &str) -> Result<Lock, UserError> {
        Lock::take(&self.lock_path(id), holder).map_err(|why| match why {
            Unlocked::Held(by) => UserError::new(ErrorKind::Refused, format!("{id} is being carried out by {by}"))
                .hint("wait for it, or end that process and then use `qd plan resume`"),
            Unlocked::Failed(why) => UserError::new(ErrorKind::Config, format!("{id} cannot be locked"))
                .cause(why.to_string())
                .hint("look at the space and the rights of the state folder"),
        })
    }

    /// Returns how the process that carries an operation out names itself.
    pub fn holder(&self, id: &OperationId) -> Option<String> {
        Lock::holder(&self.lock_path(id))
    }

    /// Keeps a plan until its operation ends. Fails where the disk takes it not.
    pub fn keep(&self, plan: &Plan) -> io::Result<()> {
        private::own(&self.plan_path(&plan.id), file::text(plan).as_bytes())?;
        File::open(self.changes())?.sync_all()
    }

    /// Returns a kept plan; `None` where there is none. Fails where it cannot be read, or was changed.
    pub fn kept(&self, id: &OperationId) -> Result<Option<Plan>, UserError> {
        let path = self.plan_path(id);
        if path.exists() { read_plan(&path).map(Some) } else { Ok(None) }
    }

    /// Forgets a plan whose operation has ended.
    pub fn forget(&self, id: &OperationId) {
        // Left behind, it is only a file of ours more.
        let _left_behind = fs::remove_file(self.plan_path(id));
    }

    /// Reads the journal, oldest entry first. What cannot be read of it is counted. Fails where the file cannot be read
    /// at all.
    pub fn read(&self) -> io::Result<Reading> {
        let mut reading = Reading::default();
        for path in [self.old_journal(), self.journal()] {
            match File::open(&path) {
                Ok(file) => read_lines(BufReader::new(file), &mut reading)?,
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(why),
            }
        }
        Ok(reading)
    }

    /// Returns the size and the time of the journal: it has changed if they have.
    pub fn mark(&self) -> Mark {
        let of = |path: PathBuf| fs::metadata(path).ok().map(|found| (found.len(), found.mtime(), found.mtime_nsec()));
        Mark([of(self.old_journal()), of(self.journal())])
    }

    /// Returns the operations the journal tells of, in the order they began. Fails as [`Store::read`] does.
    pub fn operations(&self) -> Result<Vec<OperationRecord>, UserError> {
        let reading = self.read().map_err(|why| self.unread(&why))?;
        Ok(operations(reading.entries))
    }

    /// The error of a journal that cannot be read.
    pub fn unread(&self, why: &io::Error) -> UserError {
        UserError::new(ErrorKind::Config, format!("the journal {} cannot be read", self.journal().display()))
            .cause(why.to_string())
    }

    /// Writes entries after those that are there; no other process does so at the same time.
    fn write(&self, entries: &[JournalEntry]) -> io::Result<()> {
        let lock = self.folder.join("journal.lock");
        let guard = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock)?;
        flock(&guard, FlockOperation::LockExclusive)?;
        let path = self.journal();
        if fs::metadata(&path).is_ok_and(|found| found.len() > BYTES_MAX) {
            fs::rename(&path, self.old_journal())?;
        }
        let is_new = !path.exists();
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
        let before = file.metadata()?.len();
        let mut text = if is_torn(&mut file, before)? { "\n".to_owned() } else { String::new() };
        for entry in entries {
            text.push_str(&serde_json::to_string(entry)?);
            text.push('\n');
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        if written.is_err() {
            // What of it reached the disk counts for nothing; what stays is a torn line.
            let _torn = file.set_len(before);
        }
        written?;
        if is_new { File::open(&self.folder)?.sync_all() } else { Ok(()) }
    }
}

impl Journal for Store {
    fn append(&self, entries: &[JournalEntry]) -> io::Result<()> {
        if entries.is_empty() { Ok(()) } else { self.write(entries) }
    }
}

/// Says whether the file ends in the middle of a line: whoever wrote it was cut off.
fn is_torn(file: &mut File, length: u64) -> io::Result<bool> {
    if length == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Reads entries line by line. A line that is none is counted, and the next one is read.
fn read_lines(mut lines: impl io::BufRead, reading: &mut Reading) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        if lines.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(entry) => reading.entries.push(entry),
            Err(_) => reading.unreadable += 1,
        }
    }
}

/// Reads a plan from a file. Fails where there is none, and for what is not a plan or was changed.
pub fn read_plan(path: &Path) -> Result<Plan, UserError> {
    let shown = path.display();
    let failed =
        |why: String| UserError::new(ErrorKind::Refused, format!("the plan {shown} cannot be used")).cause(why);
    let size = fs::metadata(path).map_err(|why| failed(why.to_string()))?.len();
    if size > file::BYTES_MAX {
        return Err(failed(format!("it has {size} bytes, more than {}", file::BYTES_MAX)));
    }
    let text = fs::read_to_string(path).map_err(|why| failed(why.to_string()))?;
    file::read(&text).map_err(|why| {
        let hint = match &why {
            file::PlanError::Newer(_) => "use the version of qd that made it",
            file::PlanError::Changed | file::PlanError::NotAPlan(_) => "make a new plan with --plan-out",
        };
        failed(why.to_string()).hint(hint)
    })
}

/// Writes a plan to a file that its owner alone can read. Fails where the file cannot be written.
pub fn write_plan(path: &Path, plan: &Plan) -> Result<(), UserError> {
    private::replace(path, file::text(plan).as_bytes(), 0o600).map_err(|why| {
        UserError::new(ErrorKind::Config, format!("the plan cannot be written to {}", path.display()))
            .cause(why.to_string())
            .hint("name another file with --plan-out")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::file::tests::plan;
    use crate::model::change::journal::{Actor, JournalEvent};
    use crate::model::change::{OperationState, TargetState};
    use crate::model::time::UnixSeconds;
    use std::os::unix::fs::PermissionsExt as _;

    fn entries() -> Vec<JournalEntry> {
        let plan = plan(&[("east", 3)]);
        let event = |event| JournalEntry { at: UnixSeconds(1), operation: plan.id.clone(), event };
        let mut all = vec![event(JournalEvent::Began {
            by: Actor { user: "ann".into(), process: 7 },
            change: plan.change.clone(),
            clusters: vec![plan.clusters[0].name.clone()],
            targets: 3,
            digest: plan.digest.clone(),
        })];
        for (index, target) in (0_u32..).zip(&plan.targets) {
            for state in [TargetState::Asked, TargetState::Done] {
                let (target, detail) = (target.key.clone(), "a “sentence” with more than bytes".into());
                all.push(event(JournalEvent::Target { index, target, state, detail }));
            }
        }
        all.push(event(JournalEvent::Ended { state: OperationState::Done }));
        all
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_appended_is_read_back_and_only_its_owner_can() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let all = entries();
        all.chunks(2).for_each(|some| store.append(some).unwrap());
        assert_eq!(store.read().unwrap(), Reading { entries: all, unreadable: 0 });
        assert_eq!(mode(&store.journal()), 0o600);
        assert_eq!(store.operations().unwrap()[0].state(false), OperationState::Done);
    }

    /// Torn at every byte, every line before is read, and what is appended after is whole.
    #[test]
    fn a_journal_torn_at_any_byte_loses_no_more_than_its_last_line() {
        let all = entries();
        let lines: Vec<String> = all.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n").collect();
        let text = lines.concat();
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        for at in 0..=text.len() {
            fs::write(store.journal(), &text.as_bytes()[..at]).unwrap();
            let mut end = 0;
            let ends = lines.iter().map(|line| {
                end += line.len();
                end
            });
            // A line is whole without its last byte, the line break.
            let whole = ends.filter(|end| *end <= at + 1).count();
            let before = store.read().unwrap();
            assert_eq!(before.entries, all[..whole], "at {at}");
            store.append(&all[..1]).unwrap();
            let after = store.read().unwrap();
            assert_eq!(after.entries.len(), whole + 1, "at {at}");
            assert_eq!(after.unreadable, before.unreadable, "at {at}");
        }
    }

    #[test]
    fn a_disk_that_is_full_is_said_and_leaves_the_journal_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        std::os::unix::fs::symlink("/dev/full", store.journal()).unwrap();
        let why = store.append(&entries()).unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_large_journal_gives_way_to_a_new_one_and_both_are_read() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let all = entries();
        store.append(&all[..1]).unwrap();
        let file = OpenOptions::new().append(true).open(store.journal()).unwrap();
        file.set_len(BYTES_MAX + 1).unwrap();
        store.append(&all[1..]).unwrap();
        assert!(store.old_journal().exists());
        assert!(fs::metadata(store.journal()).unwrap().len() < 10_000);
    }

    #[test]
    fn a_kept_plan_is_private_and_gone_when_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let plan = plan(&[("east", 2)]);
        assert_eq!(store.kept(&plan.id).unwrap(), None);
        store.keep(&plan).unwrap();
        assert_eq!(mode(&store.plan_path(&plan.id)), 0o600);
        assert_eq!(store.kept(&plan.id).unwrap(), Some(plan.clone()));
        store.forget(&plan.id);
        assert_eq!(store.kept(&plan.id).unwrap(), None);
    }
}
