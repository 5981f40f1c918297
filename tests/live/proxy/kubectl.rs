//! kubectl through a proxy, or beside it: with a deadline, and gone with whoever started it.

use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::rig::{ControlPlane, Outcome, Printed, until};

use super::serving::Serving;

/// No command here takes longer, on a machine that has other things to do.
pub(crate) const SOON: Duration = Duration::from_secs(90);

/// kubectl as it is called for one cluster, or for a proxy. Discovery caches are its own.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl<'a> {
    plane: &'a ControlPlane,
    kubeconfig: PathBuf,
    home: PathBuf,
    namespace: String,
    environment: Vec<(&'static str, String)>,
}

impl<'a> Kubectl<'a> {
    /// Through the proxy.
    pub(crate) fn through(proxy: &Serving, plane: &'a ControlPlane, namespace: &str) -> Self {
        Self {
            plane,
            kubeconfig: proxy.kubeconfig(),
            home: proxy.folder().join("home"),
            namespace: namespace.to_owned(),
            environment: Vec::new(),
        }
    }

    /// Straight to the cluster, as `admin`.
    pub(crate) fn direct(plane: &'a ControlPlane, namespace: &str) -> Self {
        Self {
            plane,
            kubeconfig: plane.kubeconfig_path("admin"),
            home: plane.folder().join("home"),
            namespace: namespace.to_owned(),
            environment: Vec::new(),
        }
    }

    /// With a variable more in its environment.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// kubectl as a command: nothing of the user's own settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.plane.kubectl_command();
        command.env("HOME", &self.home).env("KUBECONFIG", &self.kubeconfig).args(["--namespace", &self.namespace]);
        command.envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())));
        command.args(arguments);
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Outcome<Running> {
        Running::start(self.command(arguments), &format!("kubectl {}", arguments.join(" ")))
    }

    /// Runs it to its end, whatever comes of it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome<Printed> {
        self.start(arguments)?.finish(SOON)
    }

    /// Runs it with this as its standard input.
    pub(crate) fn feed(&self, arguments: &[&str], input: &[u8]) -> Outcome<Printed> {
        let mut running = self.start(arguments)?;
        running.feed(input)?;
        running.finish(SOON)
    }

    /// Runs it, which must succeed, and returns what it printed on stdout.
    pub(crate) fn output(&self, arguments: &[&str]) -> Outcome<String> {
        match self.run(arguments)? {
            Printed { code: Some(0), stdout, .. } => Ok(stdout),
            printed => Err(format!("kubectl {}: {printed:#?}", arguments.join(" ")).into()),
        }
    }
}

/// A program that runs, and what it has printed so far. It and all it started are killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    what: String,
    child: Child,
    output: [Output; 2],
}

/// What a pipe gave so far, and who reads it.
#[derive(Debug)]
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Output {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut part = [0; 8192];
            while let Ok(read @ 1..) = pipe.read(&mut part) {
                into.lock().extend_from_slice(&part[..read]);
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock()).into_owned()
    }
}

impl Running {
    fn start(mut command: Command, what: &str) -> Outcome<Self> {
        // A group of its own: editors and diffs that kubectl starts end with it.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(|error| format!("{what}: {error}"))?;
        let (stdout, stderr) = (child.stdout.take().ok_or("no stdout")?, child.stderr.take().ok_or("no stderr")?);
        Ok(Self { what: what.to_owned(), child, output: [Output::of(stdout), Output::of(stderr)] })
    }

    /// Writes all of its input, and ends it.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Outcome {
        let mut pipe = self.child.stdin.take().ok_or("its input has ended")?;
        Ok(pipe.write_all(input)?)
    }

    pub(crate) fn stdout(&self) -> String {
        self.output[0].text()
    }

    /// Waits until stdout is as wanted.
    pub(crate) fn shows(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Outcome<String> {
        until(&format!("{what} of {}", self.what), SOON, || {
            let text = self.stdout();
            if wanted(&text) { Ok(text) } else { Err(format!("{text:?}, {:?}", self.output[1].text()).into()) }
        })
    }

    /// Its own end, by itself.
    pub(crate) fn finish(&mut self, limit: Duration) -> Outcome<Printed> {
        drop(self.child.stdin.take());
        let ended = until(&format!("the end of {}", self.what), limit, || match self.child.try_wait()? {
            Some(status) => Ok(status),
            None => Err("it still runs".into()),
        });
        let status = ended.map_err(|error| format!("{error}: {:?}, {:?}", self.stdout(), self.output[1].text()))?;
        let text = |output: &mut Output| {
            // It ended, so its pipes have: nobody else holds them once its group is gone.
            drop(output.reader.take().map(thread::JoinHandle::join));
            output.text()
        };
        let [stdout, stderr] = &mut self.output;
        Ok(Printed { stdout: text(stdout), stderr: text(stderr), code: status.code() })
    }

    /// As `ctrl-c` does.
    pub(crate) fn interrupt(&self) -> Outcome {
        Ok(rustix::process::kill_process(self.pid()?, Signal::INT)?)
    }

    fn pid(&self) -> Outcome<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?).ok_or("no process")?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What has ended already needs no end.
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.pid().map(|pid| kill_process_group(pid, Signal::KILL)));
            drop(self.child.wait());
        }
    }
}
