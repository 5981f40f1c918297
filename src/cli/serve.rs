//! `qd serve`: the routing proxy without a console, until a signal ends it.

use super::context::{Settings, access};
use super::log::{self, LogFormat};
use super::print::write;
use super::route::source;
use super::{Cli, ServeArgs};
use crate::config::Environment;
use crate::engine::clock::Clock;
use crate::engine::k8s::credentials::plugin::Terminal;
use crate::engine::proxy::listen::sockets::Inherited;
use crate::engine::proxy::listen::{Drained, Ending, systemd};
use crate::engine::proxy::options::ServeOptions;
use crate::engine::proxy::server::{ProxyServer, ProxyServerConfig};
use crate::engine::proxy_link::local::KEEP;
use crate::engine::{address, admin};
use crate::error::{ErrorKind, UserError};
use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// The value of `--admin`: an address, or `None` for no admin listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminAt(Option<SocketAddr>);

impl Default for AdminAt {
    fn default() -> Self {
        Self(Some(admin::ADDRESS))
    }
}

impl FromStr for AdminAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let address = address::tcp(text).ok_or_else(|| format!("`{text}` is no HOST:PORT; write 127.0.0.1:6480"))?;
        Ok(Self(Some(address)))
    }
}

impl fmt::Display for AdminAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// Parses `--publish-mode`. Fails if it is not octal, if the owner could not read and write the file, or if others
/// could write or execute it.
pub(super) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).map_err(|_| format!("`{text}` is no mode; write 600, 640 or 644"))?;
    let fits = mode & 0o600 == 0o600 && mode & !0o644 == 0;
    if fits { Ok(mode) } else { Err(format!("`{text}`: write 600, 640, 604 or 644")) }
}

/// Makes `qd --serve` into `qd serve`: replaces the flag by the command.
pub(super) fn as_command(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut is_done = false;
    let one = |argument: OsString| {
        if !is_done && argument == "--serve" {
            is_done = true;
            return OsString::from("serve");
        }
        argument
    };
    arguments.into_iter().map(one).collect()
}

/// Protects the keys and tokens that will be in memory: no core dumps, and no access by other programs of the same
/// user.
fn sealed() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "a core file of this process would hold its keys and tokens");
    }
}

/// Serves until SIGTERM or SIGINT, then drains. Fails if the options or the configuration are invalid, if an address
/// cannot be listened on, or if a file cannot be written.
pub(super) async fn run(
    cli: &Cli,
    args: &ServeArgs,
    settings: &Settings,
    inherited: Inherited,
) -> Result<u8, UserError> {
    let environment = &settings.environment;
    let _log = log::to_stderr(args.log_format, cli.fleet.verbose)
        .map_err(|why| UserError::new(ErrorKind::Internal, format!("the log did not start: {why}")))?;
    sealed();
    let options = options(args, settings)?;
    let loader = source::loader(&args.source, settings)?;
    // Nobody is asked anything in a request's way.
    let access = access(settings, Terminal::Taken);
    let surroundings = access.surroundings.clone();
    let nudge = Arc::new(Notify::new());
    let ground = source::ground(access, &cli.fleet, Arc::clone(&nudge));
    let uid = rustix::process::getuid().as_raw();
    let own = (uid, environment.user.clone().unwrap_or_else(|| format!("uid:{uid}")));
    // From here on: who says stop during the start means it.
    let mut signals = Signals::open()?;
    let origin = loader.origin();
    let told = options.clone();
    let start = ProxyServerConfig { options, loader, ground, surroundings, inherited, own, clock: Clock::Wall.start() };
    let proxy = tokio::select! {
        started = ProxyServer::start(start) => started?,
        () = signals.end() => return Ok(0),
    };
    say(&proxy, &origin, &told, args.log_format, environment)?;
    let following = AbortOnDropHandle::new(tokio::spawn(signals.follow(proxy.ending(), nudge, args.attended)));
    let drained = proxy.run().await?;
    drop(following);
    ended(drained);
    Ok(0)
}

fn options(args: &ServeArgs, settings: &Settings) -> Result<ServeOptions, UserError> {
    let environment = &settings.environment;
    let path = |path: &Path| environment.resolve(&path.to_string_lossy(), &environment.working_folder);
    let state_dir = source::state_dir(&args.source, settings)?;
    let defaults = ServeOptions::under(state_dir);
    Ok(ServeOptions {
        listen: if args.listen.is_empty() { defaults.listen.clone() } else { args.listen.clone() },
        listen_is_chosen: !args.listen.is_empty(),
        per_cluster: args.listen_per_cluster,
        names: args.san.clone(),
        publish_dir: args.publish_dir.as_deref().map_or_else(|| defaults.publish_dir.clone(), path),
        publish_mode: args.publish_mode,
        ca_dir: args.ca_dir.as_deref().map(path),
        token_file: args.token_file.as_deref().map(path),
        new_token: args.new_token,
        client_ca: args.client_ca.as_deref().map(path),
        token_review: args.token_review,
        admin: args.admin.0,
        region: args.region.clone(),
        drain: Duration::from_secs(u64::from(args.drain)),
        ..defaults
    })
}

/// Prints each action and its place; in a JSON log, as one event.
fn say(
    proxy: &ProxyServer,
    origin: &str,
    options: &ServeOptions,
    format: LogFormat,
    environment: &Environment,
) -> Result<(), UserError> {
    let (clusters, home) = proxy.clusters();
    let home = home.as_deref();
    for finding in proxy.findings() {
        tracing::warn!(place = %finding.place, code = %finding.code, "{}", finding.text);
    }
    for note in proxy.notes() {
        tracing::warn!("{note}");
    }
    if format == LogFormat::Json {
        tracing::info!(clusters = clusters.len(), home, rules = proxy.rules(), origin, "serving");
        return Ok(());
    }
    let at_home = home.map_or_else(|| "no cluster is home".to_owned(), |home| format!("home is {home}"));
    let mut text = format!("serving {} clusters, {} rules from {origin}; {at_home}\n", clusters.len(), proxy.rules());
    for one in proxy.listening() {
        let whose = one.cluster.as_deref().map_or(String::new(), |cluster| format!("  {cluster} only"));
        // Writing into a String does not fail.
        let _ = writeln!(text, "  {:<10} {}{whose}", "at", one.address);
    }
    let kubeconfig = environment.shorten(&options.publish_dir.join("kubeconfig"));
    let _ = writeln!(text, "  {:<10} export KUBECONFIG={kubeconfig}", "use it");
    if let Some(address) = proxy.admin() {
        let _ = writeln!(text, "  {:<10} http://{address}/metrics", "metrics");
    }
    let _ = writeln!(
        text,
        "  {:<10} ctrl-c drains for {}s; SIGHUP reads the configuration again",
        "end",
        options.drain.as_secs()
    );
    write(&mut std::io::stdout(), &text)
}

fn ended(drained: Drained) {
    let Drained { requests_ended, requests_cut, streams_ended, streams_cut } = drained;
    tracing::info!(requests_ended, requests_cut, streams_ended, streams_cut, "drained");
}

/// Signals that a server handles.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn open() -> Result<Self, UserError> {
        let open = |kind| {
            signal(kind)
                .map_err(|why| UserError::new(ErrorKind::Internal, format!("signals cannot be received: {why}")))
        };
        Ok(Self {
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
            hangup: open(SignalKind::hangup())?,
        })
    }

    /// Returns at the first signal that ends the server.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The first signal to end drains, the second cuts connections.
    async fn follow(mut self, ending: Ending, nudge: Arc<Notify>, attended: bool) {
        let mut left = pin!(left(attended));
        loop {
            tokio::select! {
                () = &mut left, if !ending.drain.is_cancelled() => end(&ending),
                _ = self.hangup.recv() => nudge.notify_one(),
                _ = self.terminate.recv() => end(&ending),
                _ = self.interrupt.recv() => end(&ending),
            }
        }
    }
}

/// Returns when the parent process is gone, unless it has said that the proxy stays. Never returns if `attended` is
/// false.
async fn left(attended: bool) {
    if !attended {
        return std::future::pending().await;
    }
    let (mut input, mut heard, mut stays) = (tokio::io::stdin(), [0; 1], false);
    while let Ok(1..) = input.read(&mut heard).await {
        stays = heard == KEEP;
    }
    if stays {
        std::future::pending::<()>().await;
    }
}

fn end(ending: &Ending) {
    if ending.drain.is_cancelled() {
        tracing::warn!("told to end again: what runs is cut");
        ending.cut.cancel();
    } else {
        tracing::info!("draining; once more ends at once");
        systemd::stopping();
        ending.drain.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_lets_nobody_else_write() {
        assert_eq!(mode("644"), Ok(0o644));
        for wrong in ["666", "755", "400", "x", ""] {
            assert!(mode(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_core_file_holds_keys_and_tokens() {
        use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
        let before = dumpable_behavior().expect("the kernel says so");
        sealed();
        let after = dumpable_behavior().expect("the kernel says so");
        set_dumpable_behavior(before).expect("for the other tests");
        assert_eq!(after, DumpableBehavior::NotDumpable);
    }

    #[test]
    fn the_flag_is_the_command() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(as_command(words("qd --serve --listen 6443")), words("qd serve --listen 6443"));
        assert_eq!(as_command(words("qd get pods")), words("qd get pods"));
    }
}
