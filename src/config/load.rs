//! The layers, lowest first: defaults, kubectl-mc's files, ours, the environment, flags.

use super::{Config, Environment, Origin};
use crate::error::UserError;
use std::path::{Path, PathBuf};

/// What the command line says about the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    pub config: Option<PathBuf>,
    pub hubs: Vec<String>,
    pub provider_file: Option<PathBuf>,
    pub concurrency: Option<u32>,
    pub timeout: Option<std::time::Duration>,
    pub theme: Option<String>,
    pub read_only: bool,
}

/// A configuration, and what its files say that we do not know.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<String>,
}

/// Reads all layers.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Loaded, UserError> {
    let mut config = Config::default();
    apply_environment(&mut config, environment);
    apply_flags(&mut config, flags, &environment.working_folder);
    Ok(Loaded { config, warnings: Vec::new() })
}

fn apply_environment(config: &mut Config, environment: &Environment) {
    let here = &environment.working_folder;
    match &environment.kubeconfig {
        Some(list) => {
            // As kubectl: a file named twice is read once.
            let mut files: Vec<PathBuf> = Vec::new();
            for file in std::env::split_paths(list).filter(|p| !p.as_os_str().is_empty()).map(|p| here.join(p)) {
                if !files.contains(&file) {
                    files.push(file);
                }
            }
            config.kubeconfig.set(Some(files), Origin::Environment("KUBECONFIG"));
        }
        None => config.kubeconfig.value = environment.kube_file("config").into_iter().collect(),
    }
    config.hubs.set(environment.hub.as_deref().map(list), Origin::Environment("QD_HUB"));
    config.ui.theme.set(environment.theme.clone(), Origin::Environment("QD_THEME"));
    config.read_only.set(environment.read_only.then_some(true), Origin::Environment("QD_READ_ONLY"));
    config.ui.color.set(environment.no_color.then_some(false), Origin::Environment("NO_COLOR"));
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

fn apply_flags(config: &mut Config, flags: &Flags, here: &Path) {
    let kubeconfig = flags.kubeconfig.as_ref().map(|file| vec![here.join(file)]);
    config.kubeconfig.set(kubeconfig, Origin::Flag("--kubeconfig"));
    config.context.set(flags.context.clone().map(Some), Origin::Flag("--context"));
    config.hubs.set((!flags.hubs.is_empty()).then(|| flags.hubs.clone()), Origin::Flag("--hub"));
    let provider_file = flags.provider_file.as_ref().map(|file| Some(here.join(file)));
    config.provider_file.set(provider_file, Origin::Flag("--clusterprofile-provider-file"));
    config.concurrency.set(flags.concurrency, Origin::Flag("--concurrency"));
    config.timeout.set(flags.timeout, Origin::Flag("--timeout"));
    config.ui.theme.set(flags.theme.clone(), Origin::Flag("--theme"));
    config.read_only.set(flags.read_only.then_some(true), Origin::Flag("--read-only"));
}
