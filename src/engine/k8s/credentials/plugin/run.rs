//! A run of a plugin: its process, its deadline, its end.

use super::wire::{ClusterInfo, exec_info};
use crate::engine::k8s::endpoint::ExecPlugin;
use crate::engine::process::detach::{Launcher, NOT_STARTED};
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

/// Deadline of a plugin that does not prompt the user.
pub(crate) const QUIET_TIMEOUT: Duration = Duration::from_secs(30);
/// Deadline of a plugin that prompts the user.
const ASKING_TIMEOUT: Duration = Duration::from_secs(300);
/// Maximum number of bytes read of the standard output: a bundle of certificates is far smaller.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Maximum number of bytes kept of the standard error, the newest.
const COMPLAINT_BYTES_MAX: usize = 16 * 1024;

/// Reasons why a run brought no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    NotStarted(io::ErrorKind),
    /// The plugin did not end within this time; with its standard error.
    TooSlow(Duration, String),
    /// The plugin failed: its exit status (`exit status: 1`), and its standard error.
    Ended(String, String),
    /// The plugin printed more than the limit.
    TooMuch,
    Lost(io::ErrorKind),
}

impl Failure {
    /// Returns true if a prompt to the user would not help.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::NotStarted(_) | Self::TooMuch | Self::Lost(_) => true,
            Self::TooSlow(..) | Self::Ended(..) => false,
        }
    }
}

/// Runs the plugin without the terminal and returns its standard output. Fails if it cannot be started, exits with an
/// error, takes too long or prints too much.
pub(crate) async fn quietly(
    exec: &ExecPlugin,
    about: Option<&ClusterInfo>,
    launcher: &Launcher,
    limit: Duration,
) -> Result<Vec<u8>, Failure> {
    let mut command = Command::from(launcher.command(&exec.command));
    dress(&mut command, exec, about, false);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|e| Failure::NotStarted(e.kind()))?;
    let printed = watch(child, limit, true).await;
    match printed {
        Err(Failure::Ended(_, said)) if said.starts_with(NOT_STARTED) => {
            let number = said.trim_start_matches(NOT_STARTED).trim().parse().unwrap_or(0);
            Err(Failure::NotStarted(io::Error::from_raw_os_error(number).kind()))
        }
        other => other,
    }
}

/// Runs the plugin with the terminal, so that it can prompt the user, who sees its standard error directly. Returns its
/// standard output. Fails as [`quietly`], after a longer time.
pub(crate) async fn asking(exec: &ExecPlugin, about: Option<&ClusterInfo>) -> Result<Vec<u8>, Failure> {
    let mut command = Command::new(&exec.command);
    dress(&mut command, exec, about, true);
    command.stdin(Stdio::inherit()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let child = command.spawn().map_err(|e| Failure::NotStarted(e.kind()))?;
    watch(child, ASKING_TIMEOUT, false).await
}

fn dress(command: &mut Command, exec: &ExecPlugin, about: Option<&ClusterInfo>, interactive: bool) {
    command.args(&exec.args).kill_on_drop(true);
    command.env("KUBERNETES_EXEC_INFO", exec_info(exec, about, interactive));
    for (name, value) in &exec.env {
        command.env(name, &value.0);
    }
}

/// Reads the output until the process ends or its time is over. `group` is true if it leads a process group, which is
/// ended with it.
async fn watch(mut child: Child, limit: Duration, group: bool) -> Result<Vec<u8>, Failure> {
    let pid = child.id().filter(|_| group);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut complaints = Vec::new();
    let whole = async {
        let (printed, ()) = tokio::join!(read_answer(stdout), read_complaints(stderr, &mut complaints));
        let printed = printed?;
        let status = child.wait().await.map_err(|e| Failure::Lost(e.kind()))?;
        Ok((printed, status))
    };
    let outcome = tokio::time::timeout(limit, whole).await;
    let said = || String::from_utf8_lossy(&complaints).into_owned();
    match outcome {
        Ok(Ok((printed, status))) if status.success() => Ok(printed),
        Ok(Ok((_, status))) => Err(Failure::Ended(status.to_string(), said())),
        Ok(Err(failure)) => {
            end(&mut child, pid).await;
            Err(failure)
        }
        Err(_) => {
            end(&mut child, pid).await;
            Err(Failure::TooSlow(limit, said()))
        }
    }
}

/// Kills the plugin and its children, and waits for it, so that no zombie remains.
async fn end(child: &mut Child, pid: Option<u32>) {
    let leader = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(leader) = leader {
        // It may be gone already.
        rustix::process::kill_process_group(leader, rustix::process::Signal::KILL).ok();
    }
    drop(child.kill().await);
}

async fn read_answer(stream: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, Failure> {
    let mut printed = Vec::new();
    if let Some(stream) = stream {
        let read = stream.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut printed).await;
        read.map_err(|e| Failure::Lost(e.kind()))?;
    }
    if printed.len() as u64 > ANSWER_BYTES_MAX { Err(Failure::TooMuch) } else { Ok(printed) }
}

async fn read_complaints(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    let mut chunk = [0_u8; 4096];
    while let Ok(read) = stream.read(&mut chunk).await {
        if read == 0 {
            return;
        }
        kept.extend_from_slice(chunk.get(..read).unwrap_or_default());
        let surplus = kept.len().saturating_sub(COMPLAINT_BYTES_MAX);
        drop(kept.drain(..surplus));
    }
}
