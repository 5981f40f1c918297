//! Keeps child processes off the terminal.
//!
//! A child process shares the session of its parent, and every process of a session may open `/dev/tty`
//! and draw over the console, or prompt for a password invisibly. Only `setsid` ends that, and it
//! must be called between fork and exec, which safe Rust cannot do. So our own binary is started
//! first, with a hidden first argument: it leaves the session and then becomes the plugin.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The hidden first argument.
const ARGUMENT: &str = "__become";

/// Start of the report of a plugin that could not be started; the system's error number follows.
pub(crate) const NOT_STARTED: &str = "qd: not started: ";

/// Way to start a child process outside of our session.
#[derive(Debug, Clone)]
pub enum Launcher {
    /// Through this program, whose path it holds.
    Through(PathBuf),
    /// As a plain child, in its own process group: used if the path of this program is unknown.
    Plain,
}

impl Launcher {
    /// Returns the launcher through the running program, or the plain one if its path is unknown.
    pub fn own() -> Self {
        std::env::current_exe().map_or(Self::Plain, Self::Through)
    }

    /// Returns the command that becomes `program`. The program and its children are one process group, so that they can
    /// be ended together.
    pub(crate) fn command(&self, program: &str) -> Command {
        match self {
            Self::Through(own) => {
                let mut command = Command::new(own);
                command.arg(ARGUMENT).arg(program);
                command
            }
            Self::Plain => {
                let mut command = Command::new(program);
                command.process_group(0);
                command
            }
        }
    }
}

/// Does the work of the hidden argument; must be called first in `main`, with the arguments of the process. Returns the
/// exit code if that failed, does not return if it succeeded, and returns `None` for a user's arguments.
pub fn become_plugin(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if arguments.nth(1)? != ARGUMENT {
        return None;
    }
    let program = arguments.next()?;
    let error = match rustix::process::setsid() {
        Ok(_) => Command::new(program).args(arguments).exec(),
        Err(errno) => errno.into(),
    };
    let report = format!("{NOT_STARTED}{}\n", error.raw_os_error().unwrap_or(0));
    // Nobody is left to tell when even this fails; the exit code says it.
    drop(std::io::stderr().write_all(report.as_bytes()));
    Some(ExitCode::from(127))
}
