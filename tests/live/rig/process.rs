//! A program that cannot outlive this process, however this process ends.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use super::programs::Programs;
use super::wait::until;
use super::{Error, Outcome};

/// How long a killed program may take to be gone; SIGKILL on a busy machine takes milliseconds.
const END: Duration = Duration::from_secs(10);

/// How long a signal may take to reach every thread.
const SIGNAL: Duration = Duration::from_secs(10);

/// A program under `supervise`, which kills it when the pipe to its standard input closes. The kernel closes that pipe
/// when we end, so there is nothing to clean up after a crash or a SIGKILL.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    supervisor: Child,
    /// `None` once the pipe is closed, which ends the program.
    orders: Option<ChildStdin>,
    log: PathBuf,
}

impl Process {
    /// Starts `program`, with its output appended to `folder/program.log`, at home in `folder`.
    pub(crate) fn start<A: AsRef<OsStr>>(
        programs: &Programs,
        program: &str,
        folder: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Outcome<Self> {
        let mut command = Command::new(programs.path("supervise"));
        command.arg(programs.path(program)).args(arguments);
        Self::spawn(command, program, folder, &folder.join(format!("{program}.log")))
    }

    /// Starts a program by its path, such as ours, with its output appended to `folder/NAME.log`, at home in `folder`.
    pub(crate) fn start_at<A: AsRef<OsStr>>(
        programs: &Programs,
        path: &Path,
        folder: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Outcome<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut command = Command::new(programs.path("supervise"));
        command.arg(path).args(arguments);
        Self::spawn(command, &name, folder, &folder.join(format!("{name}.log")))
    }

    /// Starts what removes `folder` after this process has ended, or after this value was dropped.
    pub(crate) fn start_removal(programs: &Programs, folder: &Path) -> Outcome<Self> {
        let mut command = Command::new(programs.path("supervise"));
        command.arg("-remove").arg(folder);
        // It must not be at home in what it removes, nor log there.
        let outside = folder.parent().unwrap_or(folder);
        Self::spawn(command, "supervise", outside, Path::new("/dev/null"))
    }

    fn spawn(mut command: Command, name: &str, home: &Path, log: &Path) -> Outcome<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let mut supervisor = command
            .env_clear()
            .env("HOME", home)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            // A group of its own: ctrl-c at the terminal reaches us, and what we started ends in order.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        let orders = supervisor.stdin.take();
        Ok(Self { name: name.to_owned(), supervisor, orders, log: log.to_owned() })
    }

    /// Freezes the program: its connections stay open and answer nothing, like a host behind a dead link. Returns when
    /// its last thread has stopped: the order goes by a pipe and a signal, and until then it may still answer.
    pub(crate) fn freeze(&mut self) -> Outcome {
        self.order("stop")?;
        self.wait_until_frozen(true)
    }

    /// Lets a frozen program go on.
    pub(crate) fn thaw(&mut self) -> Outcome {
        self.order("cont")?;
        self.wait_until_frozen(false)
    }

    /// Tells the program to read its configuration again.
    pub(crate) fn hang_up(&mut self) -> Outcome {
        self.order("hup")
    }

    /// Asks the program to end and waits until it has: its exit code.
    pub(crate) fn terminate(&mut self, limit: Duration) -> Outcome<Option<i32>> {
        self.order("term")?;
        until(&format!("the end of {}", self.name), limit, || match self.supervisor.try_wait() {
            Ok(Some(status)) => Ok(status.code()),
            Ok(None) => Err("it still runs".into()),
            Err(error) => Err(error.into()),
        })
    }

    /// All that the program has printed.
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The program itself, as the kernel names it: the supervisor's only child.
    pub(crate) fn pid(&self) -> Outcome<u32> {
        let supervisor = self.supervisor.id();
        let tasks = fs::read_dir(format!("/proc/{supervisor}/task"))?;
        // The thread that starts the child is not the first one.
        let mut children = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
        let found = children.find_map(|line| line.split_whitespace().next()?.parse().ok());
        found.ok_or_else(|| format!("{} has no process", self.name).into())
    }

    fn wait_until_frozen(&mut self, wanted: bool) -> Outcome {
        let what = format!("{} to {}", self.name, if wanted { "freeze" } else { "go on" });
        let pid = self.pid()?;
        until(&what, SIGNAL, || {
            let states = thread_states(pid)?;
            let done = if wanted { states.iter().all(|&s| s == 'T') } else { !states.contains(&'T') };
            if done { Ok(()) } else { Err(format!("its threads are {states:?}").into()) }
        })
    }

    fn order(&mut self, order: &str) -> Outcome {
        let orders = self.orders.as_mut().ok_or("the program was ended already")?;
        writeln!(orders, "{order}")?;
        Ok(orders.flush()?)
    }

    /// Kills the program and waits until it is gone.
    pub(crate) fn end(&mut self) -> Outcome {
        drop(self.orders.take());
        until(&format!("the end of {}", self.name), END, || match self.supervisor.try_wait() {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("it still runs".into()),
            Err(error) => Err(error.into()),
        })
    }

    /// An error if the program has ended by itself, with the end of its log.
    pub(crate) fn check(&mut self) -> Outcome {
        match self.supervisor.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.explain(&format!("ended with {status}"))),
        }
    }

    /// `what` happened, with the last lines of the log.
    pub(crate) fn explain(&self, what: &str) -> Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n");
        format!("{} {what}; the end of its log:\n{tail}", self.name).into()
    }
}

/// The state of each thread, as in `proc_pid_stat(5)`: `T` is stopped by a signal.
fn thread_states(pid: u32) -> Outcome<Vec<char>> {
    let mut states = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while we look.
        let Ok(stat) = fs::read_to_string(task?.path().join("stat")) else { continue };
        // The name before it stands in parentheses, and may hold some itself.
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        states.push(state.ok_or("a thread without a state")?);
    }
    Ok(states)
}

impl Drop for Process {
    fn drop(&mut self) {
        // A test that is over has nobody left to tell; the supervisor kills the program even if we cannot wait for it.
        let _ended = self.end();
    }
}
