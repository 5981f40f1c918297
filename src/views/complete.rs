//! Completion of the command line: the rest of the word being typed, shown dim, taken with tab.

use super::changes::line::COMMANDS;
use super::command::commands;
use super::listing::Listing;
use super::session::SessionState;
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::protocol::Snapshot;

/// The names that words may become.
#[derive(Debug)]
pub struct Candidates<'a> {
    /// The newest picture of the engine.
    pub snapshot: &'a Snapshot,
    /// Lines typed before, and recent namespaces.
    pub session: &'a SessionState,
    /// The table of the tab.
    pub listing: Option<&'a Listing>,
    /// Names of themes.
    pub themes: Vec<&'a str>,
}

impl<'a> Candidates<'a> {
    /// Returns the rest of the line; empty when nothing completes it. A line typed before is offered whole.
    pub fn rest(&self, line: &str) -> String {
        if line.trim().is_empty() {
            return String::new();
        }
        if let Some(rest) = self.session.commands.iter().rev().find_map(|l| l.strip_prefix(line)) {
            return rest.to_owned();
        }
        let (before, word) = line.rsplit_once(' ').unwrap_or(("", line));
        // Of a list (`@a,b`, `-n a,b`) only its last name is completed.
        let name = word.rsplit([',', '@']).next().unwrap_or(word);
        let first = before.split_whitespace().next().unwrap_or_default();
        let after = before.split_whitespace().last().unwrap_or_default();
        let found = if word.starts_with('@') || matches!(first, "connect" | "disconnect" | "pause" | "ctx") {
            rest_of(name, self.clusters())
        } else if before.is_empty() {
            rest_of(name, self.kinds()).or_else(|| rest_of(name, commands().filter_map(|c| c.names.first().copied())))
        } else if first == "change" {
            rest_of_phrase(line, COMMANDS.iter().map(|(command, _)| *command))
        } else if first == "theme" {
            rest_of(name, self.themes.iter().copied())
        } else if first == "sort" {
            rest_of(name, self.columns())
        } else if after == "-n" || first == "ns" {
            rest_of(name, self.namespaces())
        } else {
            None
        };
        found.unwrap_or_default()
    }

    fn kinds(&self) -> impl Iterator<Item = &'a str> {
        self.snapshot.clusters.values().flat_map(|c| c.catalog.kinds.iter().map(|k| k.plural.as_str()))
    }

    fn clusters(&self) -> impl Iterator<Item = &'a str> {
        let names = self.snapshot.clusters.keys().map(ClusterName::as_str);
        let groups = self.snapshot.clusters.values().flat_map(|c| c.entry.groups.iter().map(Text::as_str));
        names.chain(groups)
    }

    fn columns(&self) -> impl Iterator<Item = &'a str> {
        self.listing.into_iter().flat_map(|l| l.columns().iter().map(|c| c.name.as_str()))
    }

    fn namespaces(&self) -> impl Iterator<Item = &'a str> {
        let recent = self.session.namespaces.iter().map(Text::as_str);
        let seen =
            self.listing.into_iter().flat_map(|l| l.rows().slots()).flat_map(|slot| Namespaces(&slot.shard.rows));
        recent.chain(seen)
    }
}

/// The distinct namespaces of rows sorted by them, found by leaps.
struct Namespaces<'a>(&'a [std::sync::Arc<crate::model::object::Row>]);

impl<'a> Iterator for Namespaces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let first = self.0.first()?;
        let end = self.0.partition_point(|row| row.namespace <= first.namespace);
        self.0 = self.0.get(end..).unwrap_or_default();
        Some(&first.namespace)
    }
}

/// The rest of the first phrase of several words that begins so.
fn rest_of_phrase<'a>(line: &str, mut phrases: impl Iterator<Item = &'a str>) -> Option<String> {
    phrases.find_map(|phrase| phrase.strip_prefix(line)).filter(|rest| !rest.is_empty()).map(str::to_owned)
}

/// The rest of the first name that begins so, in any case; none when the word is complete already.
fn rest_of<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    if word.is_empty() {
        return None;
    }
    let begins = |name: &&str| name.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    names.filter(|n| n.len() > word.len()).find(begins).and_then(|n| n.get(word.len()..)).map(str::to_lowercase)
}
