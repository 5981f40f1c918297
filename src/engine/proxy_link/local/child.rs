//! A proxy of our own as a child process: started, awaited, kept or ended.

use crate::engine::admin::{Client, Found, Trouble};
use crate::engine::process::detach::Launcher;
use crate::engine::proxy::admin_client::ProxyAdminClient;
use crate::engine::proxy_link::ProxyError;
use crate::engine::proxy_link::local::told;
use crate::model::text::{Text, clean, without_escapes};
use compact_str::format_compact;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, PipeWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// File in the child's state folder for its output: a pipe would end with us, and the proxy with the pipe.
const SAID: &str = "console.log";
/// Bytes read from the end of that file: enough for the reason of a failed start.
const SAID_BYTES_MAX: u64 = 4 * 1_024;
/// Order on the child's standard input: run on when the input closes.
pub const KEEP: &[u8] = b"k";
/// Order on the child's standard input: end when the input closes. This is how a child begins.
pub const LEAVE: &[u8] = b"l";
/// Time between two checks whether it is ready, or gone.
const LOOK: Duration = Duration::from_millis(50);

/// Command that starts a proxy of our own.
#[derive(Debug, Clone)]
pub struct Starter {
    /// Takes it out of our session.
    pub launcher: Launcher,
    /// Path of the program.
    pub program: PathBuf,
    /// All its arguments; they name the same state folder as the launcher has.
    pub arguments: Vec<OsString>,
}

impl Starter {
    /// Starts the proxy; [`Child::ready`] waits until it serves. Fails if its output file, its pipe or its process
    /// cannot be created.
    pub(crate) fn start(&self, state_dir: &Path) -> Result<Child, ProxyError> {
        let failed = |why: io::Error| ProxyError::Failed(format_compact!("the proxy could not be started: {why}"));
        let said = state_dir.join(SAID);
        let log = open_log(state_dir, &said).map_err(failed)?;
        let mut command = self.launcher.command(&self.program.to_string_lossy());
        // Its end of this closes however we end, also when we are killed.
        let (theirs, ours) = io::pipe().map_err(failed)?;
        command.args(&self.arguments).stdin(theirs).stdout(Stdio::null()).stderr(log);
        let process = tokio::process::Command::from(command).spawn().map_err(failed)?;
        Ok(Child { process: Mutex::new(process), leash: Mutex::new(ours), said, kept: AtomicBool::new(false) })
    }
}

fn open_log(state_dir: &Path, said: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(said)
}

/// Process of a proxy. Dropping it ends the process, unless it is kept.
#[derive(Debug)]
pub(crate) struct Child {
    /// Locked for a look, never while waiting.
    process: Mutex<tokio::process::Child>,
    /// Our end of its standard input, for [`KEEP`] and [`LEAVE`].
    leash: Mutex<PipeWriter>,
    said: PathBuf,
    kept: AtomicBool,
}

impl Child {
    /// Waits until it serves and answers; the caller sets the deadline. Fails if it ends before, or refuses its own
    /// token.
    pub(crate) async fn ready(&self, state_dir: &Path) -> Result<(ProxyAdminClient, u32), ProxyError> {
        loop {
            if let Some(how) = self.ended() {
                return Err(ProxyError::Failed(how));
            }
            let pid = self.process.lock().id();
            if let Some(found) = Found::in_folder(state_dir).filter(|found| Some(found.pid) == pid) {
                let client = Client::new(found.address, found.token).map(ProxyAdminClient).map_err(told)?;
                match client.routes().await {
                    Ok(_) => return Ok((client, found.pid)),
                    Err(Trouble::Unreachable(_)) => {}
                    Err(refused @ Trouble::Refused(_)) => return Err(told(refused)),
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Returns how it ended, with its last output; `None` while it runs.
    pub(crate) fn ended(&self) -> Option<Text> {
        let status = self.process.lock().try_wait().ok()??;
        Some(match self.last_said() {
            Some(why) => format_compact!("the proxy ended: {why}"),
            None => format_compact!("the proxy ended: {status}"),
        })
    }

    fn last_said(&self) -> Option<Text> {
        let mut file = File::open(&self.said).ok()?;
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(SAID_BYTES_MAX))).ok()?;
        let mut bytes = Vec::new();
        file.take(SAID_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // A mistake and its hint are two lines.
        let last = lines.get(lines.len().saturating_sub(2)..).filter(|last| !last.is_empty())?;
        Some(Text::new(clean(&without_escapes(&last.join("; ")))))
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }

    /// Orders it to outlive us, or takes that back; returns what holds now.
    pub(crate) fn keep(&self, kept: bool) -> bool {
        // One byte always has room. Who is gone hears nothing, and neither stays.
        if self.leash.lock().write_all(if kept { KEEP } else { LEAVE }).is_ok() {
            self.kept.store(kept, Ordering::Relaxed);
        }
        self.is_kept()
    }

    /// Ends it and waits until it is gone; the caller sets the deadline. Fails if it cannot be signalled.
    pub(crate) async fn stop(&self) -> Result<(), ProxyError> {
        self.terminate()?;
        while self.ended().is_none() {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Ends it without waiting, unless it is kept.
    pub(crate) fn leave(&self) {
        if !self.is_kept() {
            // It is gone already, or it ends: nobody is left to tell.
            drop(self.terminate());
        }
    }

    fn terminate(&self) -> Result<(), ProxyError> {
        // `None` once it is known to have ended, so that no other process is meant.
        let pid = self.process.lock().id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let failed = |why| ProxyError::Failed(format_compact!("the proxy could not be told to end: {why}"));
        pid.map_or(Ok(()), |pid| kill_process(pid, Signal::TERM)).map_err(failed)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.leave();
    }
}
