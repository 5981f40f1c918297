//! `qd journal`: who changed what, where, and what came of it.

use super::{print, state_folder};
use crate::cli::context::Settings;
use crate::cli::print::write;
use crate::cli::{ChangeOutput, Cli, JournalArgs};
use crate::engine::clock;
use crate::engine::journal::Store;
use crate::error::UserError;
use crate::facts::change;
use crate::model::change::OperationId;
use crate::model::change::journal::{JournalEntry, JournalEvent};
use crate::model::cluster::ClusterName;
use crate::model::glob;
use std::collections::BTreeSet;

pub(super) fn run(args: &JournalArgs, cli: &Cli, settings: &Settings) -> Result<u8, UserError> {
    let store = Store::at(state_folder(settings)?);
    let reading = store.read().map_err(|why| store.unread(&why))?;
    if reading.unreadable > 0 {
        let lines = change::counted(reading.unreadable, "line");
        write(&mut std::io::stderr(), &format!("warning: {lines} of the journal could not be read\n"))?;
    }
    let oldest = args.since.map(|seconds| clock::now().0.saturating_sub(i64::from(seconds)));
    let recent = reading.entries.into_iter().filter(|entry| oldest.is_none_or(|oldest| entry.at.0 >= oldest));
    let entries = of_clusters(recent.collect(), &cli.fleet.clusters);
    match args.output {
        ChangeOutput::Table if entries.is_empty() => write(&mut std::io::stderr(), "the journal is empty\n")?,
        ChangeOutput::Table => write(&mut std::io::stdout(), &change::journal(&entries))?,
        ChangeOutput::Json | ChangeOutput::Yaml => print::document(&change::journal_document(&entries), args.output)?,
    }
    Ok(0)
}

/// Entries about clusters that match a glob, and the beginnings and ends of their operations. The inventory is not
/// asked: a cluster that is no longer in it has its history.
fn of_clusters(entries: Vec<JournalEntry>, globs: &[String]) -> Vec<JournalEntry> {
    if globs.is_empty() {
        return entries;
    }
    let is_meant = |name: &ClusterName| globs.iter().any(|glob| glob::matches(glob, name.as_str()));
    let is_about = |entry: &JournalEntry| match &entry.event {
        JournalEvent::Began { clusters, .. } => clusters.iter().any(is_meant),
        JournalEvent::Target { target, .. } => is_meant(&target.cluster),
        JournalEvent::Resumed { .. } | JournalEvent::Ended { .. } => false,
    };
    let meant: BTreeSet<OperationId> =
        entries.iter().filter(|entry| is_about(entry)).map(|entry| entry.operation.clone()).collect();
    let is_shown = |entry: &JournalEntry| match &entry.event {
        JournalEvent::Resumed { .. } | JournalEvent::Ended { .. } => meant.contains(&entry.operation),
        JournalEvent::Began { .. } | JournalEvent::Target { .. } => is_about(entry),
    };
    entries.into_iter().filter(is_shown).collect()
}
