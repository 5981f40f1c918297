//! `qd config effective`: every value and the layer it came from, in the form of a configuration file.

use super::{Config, Environment, Match, Origin, Rule};
use crate::model::cluster::Access;
use std::path::Path;
use std::time::Duration;

/// Column of the comments after short values.
const COMMENT_COLUMN: usize = 34;

/// Returns the configuration as lines of YAML, with the layer of each value in a comment. A configuration file with
/// these lines has the same meaning.
pub fn effective(config: &Config, environment: &Environment) -> Vec<String> {
    let path = |p: &Path| scalar(&environment.shorten(p));
    let maybe = |p: &Option<std::path::PathBuf>| p.as_deref().map(path);
    let mut out = Vec::new();
    let mut say = |key: &str, value: Option<String>, origin: &Origin| match value {
        Some(value) => out.push(line(&format!("{key}: {value}"), origin)),
        None => out.push(line(&format!("# {key}: not set"), origin)),
    };
    let files: Vec<String> = config.kubeconfig.iter().map(|p| path(p)).collect();
    say("kubeconfig", Some(format!("[{}]", files.join(", "))), &config.kubeconfig.origin);
    say("context", config.context.as_deref().map(scalar), &config.context.origin);
    say("hub", Some(list(&config.hubs)), &config.hubs.origin);
    say("providerFile", maybe(&config.provider_file), &config.provider_file.origin);
    say("allowExec", Some(list(&config.allow_exec)), &config.allow_exec.origin);
    say("cacheTTL", Some(span(*config.cache_ttl)), &config.cache_ttl.origin);
    say("connectAtStart", Some(config.connect_at_start.to_string()), &config.connect_at_start.origin);
    say("concurrency", Some(config.concurrency.to_string()), &config.concurrency.origin);
    say("timeout", Some(span(*config.timeout)), &config.timeout.origin);
    say("readOnly", Some(config.read_only.to_string()), &config.read_only.origin);
    out.push("changes:".to_owned());
    let limit = &config.changes.bulk_limit;
    out.push(line(&format!("  bulkLimit: {}", **limit), &limit.origin));
    out.push("ui:".to_owned());
    let ui = &config.ui;
    out.push(line(&format!("  theme: {}", scalar(&ui.theme)), &ui.theme.origin));
    out.push(match maybe(&ui.keymap) {
        Some(file) => line(&format!("  keymap: {file}"), &ui.keymap.origin),
        None => line("  # keymap: not set", &ui.keymap.origin),
    });
    out.push(line(&format!("  mouse: {}", *ui.mouse), &ui.mouse.origin));
    out.push(line(&format!("  color: {}", *ui.color), &ui.color.origin));
    if !config.groups.is_empty() {
        out.push("groups:".to_owned());
    }
    for (name, group) in &config.groups {
        let parts = matches(&group.matches, environment);
        out.push(line(&format!("  {}: {{{}}}", scalar(name), parts.join(", ")), &group.origin));
    }
    if !config.clusters.is_empty() {
        out.push("clusters:".to_owned());
    }
    for rule in &config.clusters {
        out.push(line(&format!("- {{{}}}", parts(rule, environment).join(", ")), &rule.origin));
    }
    out
}

fn line(text: &str, origin: &Origin) -> String {
    format!("{text:<COMMENT_COLUMN$} # {origin}")
}

fn matches(wanted: &Match, environment: &Environment) -> Vec<String> {
    let mut parts = Vec::new();
    if !wanted.names.is_empty() {
        parts.push(format!("names: {}", list(&wanted.names)));
    }
    if !wanted.labels.is_empty() {
        let labels: Vec<String> = wanted.labels.iter().map(|(k, v)| format!("{}: {}", scalar(k), scalar(v))).collect();
        parts.push(format!("labels: {{{}}}", labels.join(", ")));
    }
    if !wanted.folders.is_empty() {
        let folders: Vec<String> = wanted.folders.iter().map(|f| environment.shorten(f)).collect();
        parts.push(format!("folders: {}", list(&folders)));
    }
    parts
}

fn parts(rule: &Rule, environment: &Environment) -> Vec<String> {
    let mut parts = matches(&rule.matches, environment);
    let access = rule.access.map(|access| match access {
        Access::Guarded => "guarded".to_owned(),
        Access::Protected => "protected".to_owned(),
        Access::ReadOnly => "read-only".to_owned(),
    });
    let given = [
        ("access", access),
        ("namespace", rule.namespace.as_deref().map(scalar)),
        ("namespaces", rule.namespaces.as_deref().map(list)),
        ("alias", rule.alias.as_deref().map(scalar)),
        ("color", rule.color.as_deref().map(scalar)),
        ("timeout", rule.timeout.map(span)),
        ("groups", (!rule.groups.is_empty()).then(|| list(&rule.groups))),
    ];
    parts.extend(given.into_iter().filter_map(|(key, value)| Some(format!("{key}: {}", value?))));
    parts
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|t| scalar(t)).collect::<Vec<_>>().join(", "))
}

/// Returns the text plain if YAML reads it back as the same text, else quoted.
fn scalar(text: &str) -> String {
    let rest = text.strip_prefix("~/").unwrap_or(text);
    let is_plain = (rest.len() < text.len() || rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/'))
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// `5m`, `1m30s`, `45s`, `1500ms`.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 60, seconds % 60) {
        _ if span.subsec_millis() != 0 => format!("{}ms", span.as_millis()),
        (0, seconds) => format!("{seconds}s"),
        (minutes, 0) => format!("{minutes}m"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}
