//! Documents to a reading that may be used: read, linted, and no credential sent where it was not before.

use super::credential_pins::CredentialPins;
use super::last_good::Kept;
use super::{Source, files};
use crate::config::yaml::Flaw;
use crate::config::{Config, Environment};
use crate::engine::clock;
use crate::engine::k8s::access::AccessGate;
use crate::engine::k8s::endpoint::Endpoint;
use crate::engine::proxy::config::UpstreamCluster;
use crate::engine::proxy::config::lint::lint;
use crate::engine::proxy::config::read::{ConfigErrors, Context, Document, Listed, ParsedConfig, of_inventory, read};
use std::path::PathBuf;
use std::sync::Arc;

/// Loads configurations of one source.
#[derive(Debug, Clone)]
pub struct Loader {
    source: Source,
    environment: Arc<Environment>,
    /// Settings of the user, with the access level of each cluster.
    settings: Arc<Config>,
    /// Folder of pins and copies, private to the user.
    state: PathBuf,
}

impl Loader {
    /// Creates a loader; `state` is the folder of pins and copies.
    pub fn new(source: Source, environment: Arc<Environment>, settings: Arc<Config>, state: PathBuf) -> Self {
        Self { source, environment, settings, state }
    }

    /// The source.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The environment for paths.
    pub fn environment(&self) -> &Arc<Environment> {
        &self.environment
    }

    /// The folder of pins and copies.
    pub fn state(&self) -> &PathBuf {
        &self.state
    }

    /// The source as the user would write it.
    pub fn origin(&self) -> String {
        match &self.source {
            Source::Path(path) => self.environment.shorten(path),
            other @ (Source::ConfigMap { .. } | Source::Inventory) => other.to_string(),
        }
    }

    /// The last good copy of the source.
    pub fn kept(&self) -> Kept {
        Kept::new(&self.state, &self.source.to_string())
    }

    /// Reads the documents of a file or a folder as they are now; of a ConfigMap the last good copy, and none for the
    /// inventory.
    ///
    /// Fails if a file cannot be read, or there is no copy of the ConfigMap yet.
    pub fn documents(&self) -> Result<Vec<Document>, String> {
        match &self.source {
            Source::Path(path) => files::read(path, &self.environment),
            Source::ConfigMap { .. } => self
                .kept()
                .read()
                .map(|(documents, _)| documents)
                .ok_or_else(|| format!("{}: there is no copy of it here yet", self.source)),
            Source::Inventory => Ok(Vec::new()),
        }
    }

    /// Reads and lints documents without a look at pins: for display, not for use. `current` is the inventory's
    /// current cluster, which is home if the inventory is the source.
    ///
    /// Fails if the configuration is refused.
    pub fn read(
        &self,
        documents: &[Document],
        inventory: &[Listed],
        current: Option<&str>,
    ) -> Result<ParsedConfig, ConfigErrors> {
        let origin = self.origin();
        let home = current.filter(|_| self.source == Source::Inventory);
        let context = Context { inventory, home, environment: &self.environment, origin: &origin };
        let mut reading =
            if self.source == Source::Inventory { of_inventory(&context) } else { read(documents, &context)? };
        for cluster in &mut reading.config.clusters {
            self.gate(cluster);
        }
        reading.findings.extend(lint(&reading.config));
        Ok(reading)
    }

    /// Gives a cluster the access level that the settings have for its name here. A cluster of the inventory has the
    /// inventory's level already; the stricter one counts.
    fn gate(&self, cluster: &mut UpstreamCluster) {
        let (level, origin) = self.settings.access(|matches| matches.is_unlisted(&cluster.name, &cluster.labels));
        let gate = AccessGate::of(level, origin);
        for endpoint in &mut cluster.endpoints {
            let access = endpoint.access.clone().or(gate.clone());
            if access != endpoint.access {
                *endpoint = Arc::new(Endpoint { access, ..Endpoint::clone(endpoint) });
            }
        }
    }

    /// Reads documents like [`Loader::read`], and pins credentials to their destinations. An accepted configuration
    /// that came over the network is kept on disk.
    ///
    /// Fails if the configuration is refused, a pinned credential would go elsewhere, or the pins cannot be read or
    /// written.
    pub fn load(
        &self,
        documents: &[Document],
        inventory: &[Listed],
        current: Option<&str>,
    ) -> Result<ParsedConfig, ConfigErrors> {
        let reading = self.read(documents, inventory, current)?;
        let whole = |message: String| ConfigErrors { flaws: vec![Flaw { file: self.origin(), line: 0, message }] };
        let mut bindings = CredentialPins::open(&self.state).map_err(whole)?;
        let flaws = strangers(&bindings, &reading);
        if !flaws.is_empty() {
            return Err(ConfigErrors { flaws });
        }
        let mut is_new = false;
        for cluster in own(&reading) {
            is_new |= bindings.bind(cluster);
        }
        if is_new {
            bindings.save().map_err(whole)?;
        }
        if matches!(self.source, Source::ConfigMap { .. })
            && let Err(error) = self.kept().write(documents, clock::now())
        {
            // What is in force is right without it.
            tracing::warn!(%error, "the configuration was not kept for a start without the home cluster");
        }
        Ok(reading)
    }

    /// Returns the credentials that [`Loader::load`] would refuse to send to their destination in the reading. Pins
    /// nothing.
    ///
    /// Fails if the pins cannot be read.
    pub fn strangers(&self, reading: &ParsedConfig) -> Result<Vec<Flaw>, String> {
        Ok(strangers(&CredentialPins::open(&self.state)?, reading))
    }

    /// Pins a cluster's credential to its destinations in the reading.
    ///
    /// Fails if the reading has no such cluster, or the pins cannot be read or written.
    pub fn acknowledge(&self, reading: &ParsedConfig, cluster: &str) -> Result<(), String> {
        let Some(found) = reading.config.clusters.iter().find(|c| &*c.name == cluster) else {
            let known: Vec<&str> = reading.config.clusters.iter().map(|c| &*c.name).collect();
            return Err(format!("no cluster {cluster} in {}: known are {}", self.origin(), known.join(", ")));
        };
        let mut bindings = CredentialPins::open(&self.state)?;
        bindings.bind(found);
        bindings.save()
    }
}

/// Clusters whose endpoint and credential the documents name.
fn own(reading: &ParsedConfig) -> Vec<&UpstreamCluster> {
    reading.config.clusters.iter().filter(|cluster| !reading.inherited.contains(&cluster.name)).collect()
}

fn strangers(bindings: &CredentialPins, reading: &ParsedConfig) -> Vec<Flaw> {
    own(reading).into_iter().flat_map(|cluster| strange(bindings, cluster)).collect()
}

fn strange(bindings: &CredentialPins, cluster: &UpstreamCluster) -> Vec<Flaw> {
    let (file, line) = cluster.place.rsplit_once(':').unwrap_or((&cluster.place, "0"));
    let of = |place: super::credential_pins::Place| Flaw {
        file: file.to_owned(),
        line: line.parse().unwrap_or(0),
        message: format!(
            "the credential of cluster `{}` was used elsewhere and would now go to {}: if that is meant, \
             `qd route config --acknowledge {}`",
            cluster.name, place.address, cluster.name
        ),
    };
    bindings.strange(cluster).into_iter().map(of).collect()
}
