//! How a plugin is kept off the terminal.
//!
//! A child process shares the session of its parent, and whoever shares a session may open `/dev/tty`
//! and draw over the console, or ask for a password nobody can see. Only `setsid` ends that, and it
//! must be called between fork and exec, which safe Rust cannot do. So our own binary is started
//! first, with a hidden first argument: it leaves the session and then becomes the plugin.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The hidden first argument.
const ARGUMENT: &str = "__become";

/// Starts the report of a plugin that could not be started; a number follows: the system's error.
pub(crate) const NOT_STARTED: &str = "qd: not started: ";

/// How a plugin is started.
#[derive(Debug, Clone)]
pub enum Launcher {
    /// Through this program, which is ours.
    Through(PathBuf),
    /// As a plain child, in a process group of its own: where our own program cannot be found.
    Plain,
}

impl Launcher {
    /// Through the running program.
    pub fn own() -> Self {
        std::env::current_exe().map_or(Self::Plain, Self::Through)
    }

    /// The command that becomes `program`. It and all it starts are one process group, so that they
    /// can be ended together.
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

/// To be called first in `main` with the process's arguments: does the work of the hidden argument and
/// returns only when that failed, with the exit code; `None` when the arguments are a user's.
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
