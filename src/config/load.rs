//! The layers, lowest first: defaults, kubectl-mc's files, ours, the environment, flags.

use super::yaml::Flaw;
use super::{Config, Environment, Origin, file, kubectl_mc, yaml};
use crate::error::{ErrorKind, UserError};
use std::path::{Path, PathBuf};

/// Flags of the command line about the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--hub`; empty if not given.
    pub hubs: Vec<String>,
    /// `--clusterprofile-provider-file`.
    pub provider_file: Option<PathBuf>,
    /// `--concurrency`.
    pub concurrency: Option<u32>,
    /// `--timeout`.
    pub timeout: Option<std::time::Duration>,
    /// `--theme`.
    pub theme: Option<String>,
    /// `--read-only`.
    pub read_only: bool,
}

/// A configuration, and the warnings of its files.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration in force.
    pub config: Config,
    /// Mistakes in kubectl-mc's configuration file, one line each.
    pub warnings: Vec<String>,
}

/// Reads all layers. Fails if our own file cannot be read or is not valid, or if the file of `--config` or `QD_CONFIG`
/// does not exist; mistakes in the files of kubectl-mc are warnings.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Loaded, UserError> {
    let mut config = Config::default();
    config.kubeconfig.value = environment.kube_file("config").into_iter().collect();
    let mut warnings = Vec::new();
    apply_kubectl_mc(&mut config, environment, &mut warnings);
    apply_own(&mut config, flags, environment)?;
    apply_environment(&mut config, environment);
    apply_flags(&mut config, flags, &environment.working_folder);
    Ok(Loaded { config, warnings })
}

fn apply_kubectl_mc(config: &mut Config, environment: &Environment, warnings: &mut Vec<String>) {
    config.mapping_file = environment.kube_file("kubectl-mc-clusters.yaml");
    let path = environment.kube_file("kubectl-mc-config.yaml");
    if let Some(path) = path {
        let said = yaml::read(&path, &environment.shorten(&path)).and_then(|text| match text {
            Some(text) => kubectl_mc::apply(config, &text, &path, environment),
            None => Ok(Vec::new()),
        });
        match said {
            Ok(mut said) => warnings.append(&mut said),
            Err(flaw) => warnings.push(flaw.to_string()),
        }
    }
    // What is wrong in the mapping is said by the inventory, which reads it again whenever it changes.
    let mapping = config.mapping_file.as_deref().and_then(|path| kubectl_mc::mapping(path, environment).ok().flatten());
    if let Some(mapping) = mapping
        && let Some((hub, line)) = mapping.hub
    {
        config.hubs.set(Some(vec![hub]), Origin::File { file: mapping.file, line });
    }
}

fn apply_own(config: &mut Config, flags: &Flags, environment: &Environment) -> Result<(), UserError> {
    let here = &environment.working_folder;
    let asked = flags.config.as_ref().or(environment.config_file.as_ref()).map(|path| here.join(path));
    let usual = environment.config_folder.as_ref().map(|folder| folder.join("config.yaml"));
    let must_exist = asked.is_some();
    let Some(path) = asked.or(usual) else { return Ok(()) };
    let shown = environment.shorten(&path);
    let refuse = |flaw: &Flaw| {
        UserError::new(ErrorKind::Config, flaw.to_string())
            .hint("see every key with `qd config effective --config /dev/null`")
    };
    match yaml::read(&path, &shown).map_err(|flaw| refuse(&flaw))? {
        Some(text) => file::apply(config, &text, &path, environment).map_err(|flaw| refuse(&flaw)),
        None if must_exist => {
            let which = if flags.config.is_some() { "--config" } else { "QD_CONFIG" };
            Err(UserError::new(ErrorKind::Config, format!("{shown}: there is no such file"))
                .hint(format!("{which} names it: create it or leave {which} out")))
        }
        None => Ok(()),
    }
}

fn apply_environment(config: &mut Config, environment: &Environment) {
    let here = &environment.working_folder;
    // As kubectl: a file named twice is read once.
    let mut files: Vec<PathBuf> = Vec::new();
    let named = environment.kubeconfig.iter().flat_map(|list| std::env::split_paths(list));
    for file in named.filter(|p| !p.as_os_str().is_empty()).map(|p| here.join(p)) {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    config.kubeconfig.set((!files.is_empty()).then_some(files), Origin::Environment("KUBECONFIG"));
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

#[cfg(test)]
mod tests;
