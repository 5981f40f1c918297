//! The two files of kubectl-mc: its configuration, and its mapping of clusters to contexts.
//! They belong to another tool, so a mistake in them is a warning and never stops the program.

use super::file::span;
use super::yaml::{Duplicates, Flaw, parse, read, unknown};
use super::{Config, Environment, Origin};
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::path::Path;

/// Keys of its configuration, by section, also those we do not use: they are not reported as unknown.
const KNOWN: &[(&str, &[&str])] = &[
    ("discovery", &["cacheTTL", "api"]),
    ("execution", &["maxConcurrency", "timeout", "continueOnError"]),
    ("output", &["colorize", "showClusterColumn"]),
];

#[derive(Deserialize, Default)]
struct File {
    discovery: Option<Discovery>,
    execution: Option<Execution>,
    output: Option<Output>,
}

#[derive(Deserialize)]
struct Discovery {
    #[serde(rename = "cacheTTL")]
    cache_ttl: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Execution {
    max_concurrency: Option<Spanned<u32>>,
    timeout: Option<Spanned<String>>,
}

#[derive(Deserialize)]
struct Output {
    colorize: Option<Spanned<bool>>,
}

/// Applies the text of its configuration file; returns warnings about unknown keys and bad lengths of time. Fails if
/// the text is not YAML or a value has a wrong type.
pub fn apply(config: &mut Config, text: &str, path: &Path, environment: &Environment) -> Result<Vec<String>, Flaw> {
    let shown = environment.shorten(path);
    let origin = |line: u64| Origin::File { file: shown.clone(), line };
    let file: Option<File> = parse(text, &shown, Duplicates::LastWins)?;
    let file = file.unwrap_or_default();
    let mut warnings = unknown_keys(text, &shown);
    let mut time = |given: Option<&Spanned<String>>| {
        let given = given?;
        let value = span(&given.value).filter(|s| !s.is_zero());
        if value.is_none() {
            warnings.push(format!("{shown}:{}: expected a length of time such as 30s", given.referenced.line()));
        }
        Some((value?, origin(given.referenced.line())))
    };
    if let Some((value, origin)) = time(file.discovery.as_ref().and_then(|d| d.cache_ttl.as_ref())) {
        config.cache_ttl.set(Some(value), origin);
    }
    if let Some(execution) = &file.execution {
        if let Some((value, origin)) = time(execution.timeout.as_ref()) {
            config.timeout.set(Some(value), origin);
        }
        if let Some(count) = execution.max_concurrency.as_ref().filter(|n| n.value > 0) {
            config.concurrency.set(Some(count.value), origin(count.referenced.line()));
        }
    }
    if let Some(colorize) = file.output.as_ref().and_then(|o| o.colorize.as_ref()) {
        config.ui.color.set(Some(colorize.value), origin(colorize.referenced.line()));
    }
    Ok(warnings)
}

fn unknown_keys(text: &str, shown: &str) -> Vec<String> {
    let Ok(serde_json::Value::Object(top)) = parse(text, shown, Duplicates::LastWins) else { return Vec::new() };
    let mut warnings = Vec::new();
    let sections: Vec<&str> = KNOWN.iter().map(|(section, _)| *section).chain(["apiVersion", "kind"]).collect();
    for (section, value) in &top {
        if !sections.contains(&section.as_str()) {
            warnings.push(format!("{shown}: {}", unknown("key", section, &sections)));
        }
        let known = KNOWN.iter().find(|(name, _)| name == section).map_or(&[][..], |(_, keys)| keys);
        for key in value.as_object().into_iter().flatten().map(|(key, _)| key).filter(|k| !known.contains(&k.as_str()))
        {
            if !known.is_empty() {
                warnings.push(format!("{shown}: {section}: {}", unknown("key", key, known)));
            }
        }
    }
    warnings
}

/// Contexts by which the clusters of a hub are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// The file, as the user would write it.
    pub file: String,
    /// Context of the hub, and its line.
    pub hub: Option<(String, u64)>,
    /// Entries of the file, in order.
    pub clusters: Vec<Mapped>,
}

/// Entry of the mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapped {
    /// Name of the cluster on the hub.
    pub name: String,
    /// Context to reach it by.
    pub context: String,
    /// Namespace to use in the cluster; empty if not given.
    pub namespace: String,
    /// Cloud provider; empty if not given.
    pub provider: String,
    /// Region; empty if not given.
    pub region: String,
    /// Line of the entry, from 1.
    pub line: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MappingFile {
    hub_context: Option<Spanned<String>>,
    clusters: Option<Vec<Spanned<MappedFile>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MappedFile {
    name: Option<String>,
    context: Option<String>,
    namespace: Option<String>,
    cloud_provider: Option<String>,
    region: Option<String>,
}

/// Reads the mapping; `None` if there is no such file. Fails if the file cannot be read, is larger than
/// [`super::yaml::FILE_BYTES_MAX`], or as [`parse_mapping`] does.
pub fn mapping(path: &Path, environment: &Environment) -> Result<Option<Mapping>, Flaw> {
    let shown = environment.shorten(path);
    let Some(text) = read(path, &shown)? else { return Ok(None) };
    parse_mapping(&text, &shown).map(Some)
}

/// Parses the text of a mapping; `shown` is the file's name in messages. Fails if the text is not YAML, a value has a
/// wrong type, or an entry lacks `name` or `context`.
pub fn parse_mapping(text: &str, shown: &str) -> Result<Mapping, Flaw> {
    let file: Option<MappingFile> = parse(text, shown, Duplicates::LastWins)?;
    let mut mapping = Mapping { file: shown.to_owned(), ..Mapping::default() };
    let Some(file) = file else { return Ok(mapping) };
    mapping.hub = file.hub_context.filter(|h| !h.value.is_empty()).map(|h| (h.value, h.referenced.line()));
    for mapped in file.clusters.into_iter().flatten() {
        let line = mapped.referenced.line();
        let (Some(name), Some(context)) = (mapped.value.name, mapped.value.context) else {
            let message = "a mapped cluster needs `name` and `context`".to_owned();
            return Err(Flaw { file: shown.to_owned(), line, message });
        };
        mapping.clusters.push(Mapped {
            name,
            context,
            namespace: mapped.value.namespace.unwrap_or_default(),
            provider: mapped.value.cloud_provider.unwrap_or_default(),
            region: mapped.value.region.unwrap_or_default(),
            line,
        });
    }
    Ok(mapping)
}
