//! Signals: those that end the console, the one after a suspension, and a new size.

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

pub(super) enum Signal {
    /// SIGTERM, SIGHUP, SIGINT.
    End,
    /// SIGCONT: the shell returned the terminal.
    Continue,
    /// SIGWINCH. The event stream reports it too, but only from its first read on.
    Resize,
}

pub(super) struct Signals {
    terminate: Stream,
    hangup: Stream,
    interrupt: Stream,
    resume: Stream,
    resize: Stream,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        let from = |kind| signal(kind);
        Ok(Self {
            terminate: from(SignalKind::terminate())?,
            hangup: from(SignalKind::hangup())?,
            interrupt: from(SignalKind::interrupt())?,
            resume: from(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            resize: from(SignalKind::window_change())?,
        })
    }

    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End,
            _ = self.hangup.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
            _ = self.resume.recv() => Signal::Continue,
            _ = self.resize.recv() => Signal::Resize,
        }
    }
}
