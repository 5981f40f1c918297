//! The log: events of the clusters, for a later look. Contains no secret, and never blocks the program.

mod json;

use crate::config::Environment;
use crate::model::cluster::ClusterName;
use crate::protocol::{Severity, Snapshot};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Maximum number of queued lines; more are dropped, so that a full or hanging disk costs log lines only.
const LINES_MAX: usize = 8_192;

/// A log larger than this is renamed to `qd.log.1` at the next start, in place of the one before.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Keeps the log writer alive; its drop writes the queued lines.
#[derive(Debug)]
pub struct Log(#[expect(dead_code, reason = "dropping it is its purpose")] Option<WorkerGuard>);

/// Starts the log in the state folder; without a state folder there is no log. Fails if the folder or the file cannot
/// be created or opened, or if the process has a log already.
pub fn start(environment: &Environment, verbose: u8) -> Result<Log, String> {
    let Some(folder) = &environment.state_folder else { return Ok(Log(None)) };
    let file = open(folder).map_err(|why| format!("no log in {}: {why}", environment.shorten(folder)))?;
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).lossy(true).finish(file);
    let started = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(false)
        .with_env_filter(EnvFilter::new(level(verbose)))
        .try_init();
    started.map_err(|why| why.to_string())?;
    Ok(Log(Some(guard)))
}

/// How a server writes its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// A JSON object a line, for log collectors
    Json,
}

/// Starts the log of a server on standard error, where systemd and a kubelet read it. Fails if the process has a log
/// already.
pub fn to_stderr(format: LogFormat, verbose: u8) -> Result<Log, String> {
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).lossy(true).finish(std::io::stderr());
    let log = tracing_subscriber::fmt().with_writer(writer).with_ansi(false);
    let log = log.with_env_filter(EnvFilter::new(level(verbose)));
    let started = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.event_format(json::Json).try_init(),
    };
    started.map_err(|why| why.to_string())?;
    Ok(Log(Some(guard)))
}

/// Log levels by target. At `warn` kube_client writes whole answers that it cannot parse, which may contain a Secret.
fn level(verbose: u8) -> &'static str {
    match verbose {
        0 => "quarterdeck=info,kube_client=error,warn",
        1 => "quarterdeck=debug,kube_client=error,kube_runtime=info,warn",
        _ => "quarterdeck=trace,kube_client=error,kube_runtime=debug,info",
    }
}

fn open(folder: &Path) -> std::io::Result<fs::File> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join("qd.log");
    if fs::metadata(&path).is_ok_and(|found| found.len() > BYTES_MAX) {
        fs::rename(&path, folder.join("qd.log.1"))?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Logs each change of a cluster's state and each notice, until the engine ends.
pub async fn follow(mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    let mut states: BTreeMap<ClusterName, &'static str> = BTreeMap::new();
    let mut seen = 0;
    while snapshots.changed().await.is_ok() {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        for (name, cluster) in snapshot.clusters.iter() {
            let word = cluster.state.word();
            if states.insert(name.clone(), word) != Some(word) {
                tracing::info!(cluster = %name, state = word, why = cluster.state.why(), "state");
            }
        }
        states.retain(|name, _| snapshot.clusters.contains_key(name));
        for notice in snapshot.notices.iter().filter(|notice| notice.number > seen) {
            let cluster = notice.cluster.as_ref().map_or("", ClusterName::as_str);
            match notice.severity {
                Severity::Note => tracing::info!(cluster, "{}", notice.text),
                Severity::Warning => tracing::warn!(cluster, "{}", notice.text),
                Severity::Error => tracing::error!(cluster, "{}", notice.text),
            }
        }
        seen = snapshot.notices.last().map_or(seen, |notice| notice.number);
    }
}
