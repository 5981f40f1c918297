//! What systemd is told (`Type=notify`, `notify-reload`). Without systemd nothing is sent.

use sd_notify::NotifyState;

/// Notifies systemd that clients are served from now on.
pub fn ready(clusters: usize) {
    let status = format!("serving {clusters} clusters");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Notifies systemd that the configuration is being read again; [`ready`] follows.
pub fn reloading() {
    let now = NotifyState::monotonic_usec_now();
    tell(&[NotifyState::Reloading].into_iter().chain(now.ok()).collect::<Vec<_>>());
}

/// Notifies systemd that no new connections are accepted, and open ones end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(states) {
        tracing::warn!(%why, "systemd could not be told");
    }
}
