//! From documents to one checked configuration, or to all that is wrong with them. Pure: nothing is opened here.
//!
//! Several documents make one configuration: lists add up in the order of the documents, a setting stands in one of
//! them only, and what is named twice is refused. A cluster's credentials may stand beside it or in a Secret.

mod address;
mod cluster;
mod condition;
mod credential;
mod document;
mod rule;
mod settings;
mod window;

pub(super) use condition::pattern_of;

use super::{ProxyConfig, effective};
use crate::config::Environment;
use crate::config::tree::Node;
use crate::config::yaml::Flaw;
use crate::engine::k8s::endpoint::Endpoint;
use crate::model::proxy::{Finding, FindingSeverity};
use crate::model::text::{Text, clean};
use credential::Credentials;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bounds on the clusters, rules and errors of one configuration.
const CLUSTERS_MAX: usize = 1000;
const RULES_MAX: usize = 5000;
const FLAWS_MAX: usize = 50;

/// A document of a configuration: a file, a key of a ConfigMap, or a key of a Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// Name of the document for messages: the file as the user wrote it, or `configmap mca-system/mca-config:
    /// clusters.yaml`.
    pub name: String,
    /// Content of the document.
    pub text: String,
    /// Form of the content.
    pub form: DocumentForm,
}

/// Form of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentForm {
    /// YAML: a configuration, a ConfigMap or a Secret. Relative paths start at `folder`; a document without a folder
    /// came over the network and may name no file and no program of this machine.
    Yaml {
        /// Folder that relative paths start at; `None` if the document came over the network.
        folder: Option<PathBuf>,
    },
    /// A key of a Secret: `prod-token`. If it is a file at `path`, the file is read again when it changes.
    Credential {
        /// Name of the key.
        key: String,
        /// File of the key; `None` if it came over the network.
        path: Option<PathBuf>,
    },
}

impl Document {
    /// A YAML file of this machine.
    pub fn file(name: &str, text: &str, folder: &Path) -> Self {
        let form = DocumentForm::Yaml { folder: Some(folder.to_path_buf()) };
        Self { name: name.to_owned(), text: text.to_owned(), form }
    }

    /// A YAML document that came over the network.
    pub fn remote(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned(), form: DocumentForm::Yaml { folder: None } }
    }

    /// A decoded key of a Secret.
    pub fn credential(name: &str, key: &str, text: &str, path: Option<&Path>) -> Self {
        let form = DocumentForm::Credential { key: key.to_owned(), path: path.map(Path::to_path_buf) };
        Self { name: name.to_owned(), text: text.to_owned(), form }
    }
}

// It may hold secrets.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A cluster of the inventory, for `cluster:` to refer to.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Name in the inventory.
    pub name: String,
    /// Context of the kubeconfig; `None` if the cluster is from another source.
    pub context: Option<String>,
    /// Default namespace.
    pub namespace: String,
    /// Region; empty if unknown.
    pub region: String,
    /// Labels, for `targetLabels` of rules.
    pub labels: BTreeMap<String, String>,
    /// Address and credentials, or the reason why the cluster cannot be connected.
    pub endpoint: Result<Arc<Endpoint>, String>,
}

/// The surroundings that documents refer to.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Clusters of the inventory.
    pub inventory: &'a [Listed],
    /// Home cluster if the documents name none; ignored if they lack it.
    pub home: Option<&'a str>,
    /// Environment for paths: the home folder and variables.
    pub environment: &'a Environment,
    /// Source of the documents, as the user wrote it.
    pub origin: &'a str,
}

/// A configuration with its findings and the origins of its values.
#[derive(Debug, Clone)]
pub struct ParsedConfig {
    /// The configuration.
    pub config: ProxyConfig,
    /// Doubtful points that do not prevent its use.
    pub findings: Vec<Finding>,
    /// Places by value: `clusters.prod.weight` is at `routing.yaml:4`. A value without a place is a default.
    pub origins: BTreeMap<String, String>,
    /// Clusters whose endpoint and credentials come from the inventory, not from the documents.
    pub inherited: BTreeSet<Arc<str>>,
}

/// The errors of a configuration that is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigErrors {
    /// Errors with their places, at most 50.
    pub flaws: Vec<Flaw>,
}

impl std::fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, flaw) in self.flaws.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{flaw}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads documents as one configuration.
///
/// Fails if a document is malformed, a value is invalid or missing, or a name is given twice or unknown; the error
/// holds everything that is wrong.
pub fn read(documents: &[Document], context: &Context<'_>) -> Result<ParsedConfig, ConfigErrors> {
    let mut reader = Reader::new(context);
    let pieces = reader.unwrap(documents);
    reader.stop()?;
    let mut config = ProxyConfig { cache_discovery: true, origin: context.origin.to_owned(), ..ProxyConfig::default() };
    reader.settings(&pieces, &mut config);
    reader.clusters(&pieces, &mut config);
    // Rules name clusters: without all of these, every other rule would look wrong.
    reader.stop()?;
    reader.home(&pieces, &mut config);
    reader.rules(&pieces, &mut config);
    reader.leftovers(&config);
    reader.stop()?;
    config.hash = effective::hash(&config);
    Ok(reader.done(config))
}

/// Returns the configuration without documents: every cluster of the inventory that can be reached safely, the current
/// context as home, no rules.
pub fn of_inventory(context: &Context<'_>) -> ParsedConfig {
    let mut reader = Reader::new(context);
    let mut config = ProxyConfig { cache_discovery: true, origin: context.origin.to_owned(), ..ProxyConfig::default() };
    reader.whole_inventory(&mut config);
    config.home = context.home.and_then(|home| config.clusters.iter().position(|c| &*c.name == home));
    config.hash = effective::hash(&config);
    reader.done(config)
}

/// Returns true if a key of a Secret is a credential of a cluster: `prod-token`.
pub fn is_credential_key(key: &str) -> bool {
    credential::SUFFIXES.iter().any(|(suffix, _)| key.len() > suffix.len() && key.ends_with(suffix))
}

/// A configuration document, and the folder whose files it may name.
struct Piece {
    file: String,
    /// Folder of relative paths; `None` if the document came over the network.
    folder: Option<PathBuf>,
    root: Node,
}

impl Piece {
    fn at(&self, node: &Node) -> At {
        At { file: self.file.clone(), line: node.line }
    }
}

/// A position in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
struct At {
    file: String,
    line: u64,
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 { f.write_str(&self.file) } else { write!(f, "{}:{}", self.file, self.line) }
    }
}

/// State that accumulates while documents are read.
struct Reader<'a> {
    context: &'a Context<'a>,
    flaws: Vec<Flaw>,
    findings: Vec<Finding>,
    origins: BTreeMap<String, String>,
    credentials: Credentials,
    inherited: BTreeSet<Arc<str>>,
    allows_link_local: bool,
}

impl<'a> Reader<'a> {
    fn new(context: &'a Context<'a>) -> Self {
        Self {
            context,
            flaws: Vec::new(),
            findings: Vec::new(),
            origins: BTreeMap::new(),
            credentials: Credentials::default(),
            inherited: BTreeSet::new(),
            allows_link_local: false,
        }
    }

    fn done(self, config: ProxyConfig) -> ParsedConfig {
        ParsedConfig { config, findings: self.findings, origins: self.origins, inherited: self.inherited }
    }

    fn flaw(&mut self, at: &At, message: impl Into<String>) {
        self.flaws.push(Flaw { file: at.file.clone(), line: at.line, message: message.into() });
    }

    fn finding(&mut self, code: &str, at: &At, rule: Option<&str>, text: &str) {
        self.findings.push(Finding {
            severity: FindingSeverity::Warning,
            code: Text::new(code),
            place: Text::from(at.to_string()),
            rule: rule.map(Text::new),
            text: Text::from(clean(text)),
        });
    }

    fn origin(&mut self, value: impl Into<String>, at: &At) {
        self.origins.insert(value.into(), at.to_string());
    }

    /// Ends the reading if anything was wrong. Fails with everything that was.
    fn stop(&mut self) -> Result<(), ConfigErrors> {
        if self.flaws.is_empty() {
            return Ok(());
        }
        let mut flaws = std::mem::take(&mut self.flaws);
        flaws.dedup();
        flaws.truncate(FLAWS_MAX);
        Err(ConfigErrors { flaws })
    }

    /// Reports credentials that belong to no cluster.
    fn leftovers(&mut self, config: &ProxyConfig) {
        for (key, name) in self.credentials.unused() {
            let known: Vec<&str> = config.clusters.iter().map(|c| &*c.name).collect();
            let text = format!("{key} belongs to no cluster of this configuration ({})", known.join(", "));
            self.finding("unused-credential", &At { file: name, line: 0 }, None, &text);
        }
    }
}

#[cfg(test)]
mod tests;
