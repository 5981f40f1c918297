//! Inventory sources on this machine: kubeconfig files and a pod's service account.

use super::found::{Address, Found, plain};
use super::kubeconfig::{Kubeconfig, resolve};
use super::provider::Providers;
use crate::config::kubectl_mc::{Mapping, mapping};
use crate::config::{Config, Environment, yaml};
use crate::engine::k8s::endpoint::{Endpoint, Material, User};
use crate::model::cluster::Source;
use crate::model::text::Text;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Advice for the user if no kubeconfig has a context.
const NEXT: &str = "name another kubeconfig with --kubeconfig or KUBECONFIG, or try `qd --demo`";

/// Sources of kubeconfigs.
#[derive(Clone)]
pub enum Kubeconfigs {
    /// Files by precedence, the first one first. Missing files are left out.
    Files(Vec<PathBuf>),
    /// The text of a kubeconfig that is never on disk: that of the demo fleet. `label` stands for its path in messages.
    Memory {
        /// Name of the source in messages.
        label: String,
        /// The kubeconfig itself.
        text: String,
    },
}

// The text holds secrets.
impl std::fmt::Debug for Kubeconfigs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files(files) => f.debug_tuple("Files").field(files).finish(),
            Self::Memory { label, .. } => f.debug_tuple("Memory").field(label).finish(),
        }
    }
}

/// The result of one read of all local sources.
#[derive(Debug, Default)]
pub struct Local {
    /// The clusters, in the order of the kubeconfigs; the own cluster of a pod if there is no context.
    pub found: Vec<Found>,
    /// The index of the current context in `found`; `None` without one.
    pub current: Option<usize>,
    /// The mapping file of kubectl-mc; `None` if there is none, or if it cannot be read.
    pub mapping: Option<Mapping>,
    /// The provider file; empty if there is none, or if it cannot be read.
    pub providers: Providers,
    /// Problems with files, each with the next step where there is one.
    pub warnings: Vec<Text>,
    /// Hash of the kubeconfigs: changes when any of them does.
    pub content: u64,
}

/// Reads the local sources repeatedly, and keeps the files that can be read only once.
#[derive(Debug, Clone)]
pub struct Reader {
    kubeconfigs: Kubeconfigs,
    environment: Environment,
    mapping_file: Option<PathBuf>,
    provider_file: Option<PathBuf>,
    /// Texts of pipes (`KUBECONFIG=<(…)`): a second read would return nothing.
    pipes: BTreeMap<PathBuf, String>,
    /// The last valid state of each file: a broken edit of a file does not remove its clusters.
    good: BTreeMap<PathBuf, Arc<Kubeconfig>>,
}

impl Reader {
    /// Makes a reader of kubeconfigs alone; [`Reader::with_files_of`] adds the other files. Reads nothing yet.
    pub fn new(kubeconfigs: Kubeconfigs, environment: Environment) -> Self {
        Self {
            kubeconfigs,
            environment,
            mapping_file: None,
            provider_file: None,
            pipes: BTreeMap::new(),
            good: BTreeMap::new(),
        }
    }

    /// Adds the mapping file and the provider file of the configuration.
    #[must_use]
    pub fn with_files_of(self, config: &Config) -> Self {
        let provider_file = config.provider_file.value.clone();
        Self { mapping_file: config.mapping_file.clone(), provider_file, ..self }
    }

    /// The files to watch for changes.
    pub fn files(&self) -> Vec<PathBuf> {
        let others = self.mapping_file.iter().chain(&self.provider_file).cloned();
        self.kubeconfig_files().into_iter().chain(others).collect()
    }

    fn kubeconfig_files(&self) -> Vec<PathBuf> {
        match &self.kubeconfigs {
            Kubeconfigs::Files(files) => files.clone(),
            Kubeconfigs::Memory { .. } => Vec::new(),
        }
    }

    /// Reads all sources as they are now. A file that cannot be read is a warning; the others count.
    pub fn read(&mut self) -> Local {
        let mut hasher = DefaultHasher::new();
        let (parsed, mut warnings) = match self.kubeconfigs.clone() {
            Kubeconfigs::Memory { label, text } => {
                text.hash(&mut hasher);
                match Kubeconfig::parse(&text, Path::new(&label), &label) {
                    Ok(parsed) => (vec![Arc::new(parsed)], Vec::new()),
                    Err(flaw) => (Vec::new(), vec![plain(&flaw.to_string())]),
                }
            }
            Kubeconfigs::Files(files) => self.parse_files(&files, &mut hasher),
        };
        let mut resolved = resolve(&parsed);
        if resolved.found.is_empty()
            && let Some(own) = in_cluster(&self.environment)
        {
            resolved.found.push(own);
            resolved.current = Some(0);
        }
        if resolved.found.is_empty() {
            if warnings.is_empty() {
                warnings = self.nothing();
            }
            if let Some(last) = warnings.last_mut() {
                *last = plain(&format!("{last}; {NEXT}"));
            }
        }
        warnings.append(&mut resolved.warnings);
        Local {
            found: resolved.found,
            current: resolved.current,
            mapping: self.read_mapping(&mut warnings),
            providers: self.read_providers(&mut warnings),
            warnings,
            content: hasher.finish(),
        }
    }

    fn read_mapping(&self, warnings: &mut Vec<Text>) -> Option<Mapping> {
        mapping(self.mapping_file.as_deref()?, &self.environment).unwrap_or_else(|flaw| {
            warnings.push(plain(&format!("mapping {flaw}")));
            None
        })
    }

    fn read_providers(&self, warnings: &mut Vec<Text>) -> Providers {
        let Some(path) = self.provider_file.as_deref() else { return Providers::default() };
        let shown = self.environment.shorten(path);
        let parsed = yaml::read(path, &shown).and_then(|text| match text {
            Some(text) => Providers::parse(&text, path, &shown),
            None => Err(yaml::Flaw { file: shown.clone(), line: 0, message: "there is no such file".to_owned() }),
        });
        parsed.unwrap_or_else(|flaw| {
            warnings.push(plain(&format!("provider file {flaw}")));
            Providers::default()
        })
    }

    fn parse_files(&mut self, files: &[PathBuf], hasher: &mut DefaultHasher) -> (Vec<Arc<Kubeconfig>>, Vec<Text>) {
        let (mut parsed, mut warnings) = (Vec::new(), Vec::new());
        for path in files {
            let shown = self.environment.shorten(path);
            let kubeconfig = self.text(path, &shown).and_then(|text| {
                let Some(text) = text else { return Ok(None) };
                text.hash(hasher);
                Kubeconfig::parse(&text, path, &shown).map(Some)
            });
            match kubeconfig {
                Ok(Some(kubeconfig)) => {
                    let kubeconfig = Arc::new(kubeconfig);
                    self.good.insert(path.clone(), Arc::clone(&kubeconfig));
                    parsed.push(kubeconfig);
                }
                // The default file need not exist; of several that were named, each should.
                Ok(None) => {
                    self.good.remove(path);
                    if files.len() > 1 {
                        warnings.push(plain(&format!("{shown}: no such file")));
                    }
                }
                Err(flaw) => {
                    let good = self.good.get(path).map(Arc::clone);
                    let kept = if good.is_some() { "; its clusters are kept as they were" } else { "" };
                    warnings.push(plain(&format!("kubeconfig {flaw}{kept}")));
                    parsed.extend(good);
                }
            }
        }
        (parsed, warnings)
    }

    fn text(&mut self, path: &Path, shown: &str) -> Result<Option<String>, yaml::Flaw> {
        if let Some(text) = self.pipes.get(path) {
            return Ok(Some(text.clone()));
        }
        let is_pipe = std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir());
        let text = yaml::read(path, shown)?;
        if is_pipe && let Some(text) = &text {
            self.pipes.insert(path.to_path_buf(), text.clone());
        }
        Ok(text)
    }

    /// Warnings if no file has an error and none has a cluster: the files are missing, or empty.
    fn nothing(&self) -> Vec<Text> {
        let reason = |path: &PathBuf| {
            let why = if path.exists() { "no contexts in it" } else { "no such file" };
            plain(&format!("{}: {why}", self.environment.shorten(path)))
        };
        let reasons: Vec<Text> = self.kubeconfig_files().iter().map(reason).collect();
        if reasons.is_empty() { vec![Text::const_new("no kubeconfig is named")] } else { reasons }
    }
}

/// The own cluster of a pod, from its service account; `None` outside a pod.
fn in_cluster(environment: &Environment) -> Option<Found> {
    let host = environment.service_host.as_deref()?;
    let port = environment.service_port.as_deref()?;
    let folder = &environment.service_account;
    let token = folder.join("token");
    if !token.is_file() {
        return None;
    }
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let server = format!("https://{host}:{port}");
    let mut found = Found::new(Source::InCluster, vec!["in-cluster".to_owned()]);
    let namespace = yaml::read(&folder.join("namespace"), "namespace").ok().flatten().unwrap_or_default();
    found.namespace = plain(namespace.trim());
    found.server = plain(&server);
    let endpoint = Endpoint {
        ca: Some(Material::File(folder.join("ca.crt"))),
        user: User { token: Some(Material::File(token)), ..User::default() },
        ..Endpoint::plain(server, "in-cluster")
    };
    found.addresses.extend(Address::of(&endpoint));
    found.endpoint = Ok(endpoint);
    Some(found)
}
