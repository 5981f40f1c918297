//! What systemd is told (`Type=notify`, `notify-reload`). Without systemd nothing is sent.

use sd_notify::NotifyState;

/// Clients are served from now on.
pub fn ready(clusters: usize) {
    let status = format!("serving {clusters} clusters");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// The configuration is being read again; [`ready`] follows.
pub fn reloading() {
    let now = NotifyState::monotonic_usec_now();
    tell(&[NotifyState::Reloading].into_iter().chain(now.ok()).collect::<Vec<_>>());
}

/// No new connections; what runs ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(states) {
        tracing::warn!(%why, "systemd could not be told");
    }
}
