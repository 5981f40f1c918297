//! Our own configuration file: its schema, and how it is applied.

use super::yaml::{Duplicates, Flaw, parse, unknown};
use super::{Config, Environment, Group, Match, Origin, Rule, Setting};
use crate::model::cluster::Access;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    #[serde(rename = "apiVersion")]
    _api_version: Option<String>,
    #[serde(rename = "kind")]
    _kind: Option<String>,
    kubeconfig: Option<Spanned<List>>,
    context: Option<Spanned<String>>,
    hub: Option<Spanned<List>>,
    provider_file: Option<Spanned<String>>,
    allow_exec: Option<Spanned<List>>,
    #[serde(rename = "cacheTTL")]
    cache_ttl: Option<Spanned<Span>>,
    connect_at_start: Option<Spanned<u32>>,
    concurrency: Option<Spanned<u32>>,
    timeout: Option<Spanned<Span>>,
    read_only: Option<Spanned<bool>>,
    groups: Option<BTreeMap<String, Spanned<FileMatch>>>,
    clusters: Option<Vec<Spanned<FileRule>>>,
    changes: Option<FileChanges>,
    ui: Option<FileUi>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FileChanges {
    bulk_limit: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FileUi {
    theme: Option<Spanned<String>>,
    keymap: Option<Spanned<String>>,
    mouse: Option<Spanned<bool>>,
    color: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FileMatch {
    names: Option<List>,
    labels: Option<BTreeMap<String, String>>,
    folders: Option<List>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FileRule {
    names: Option<List>,
    labels: Option<BTreeMap<String, String>>,
    folders: Option<List>,
    access: Option<Access>,
    namespace: Option<String>,
    namespaces: Option<List>,
    alias: Option<String>,
    color: Option<Color>,
    timeout: Option<Span>,
    groups: Option<List>,
}

/// A text or a list of texts.
struct List(Vec<String>);

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = List;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<List, E> {
                Ok(List(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<List, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = all.next_element()? {
                    texts.push(text);
                }
                Ok(List(texts))
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

/// A length of time: `5m`, `1h30m`, `45s`.
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        span(&text).map(Span).ok_or_else(|| D::Error::custom("expected a length of time such as 30s or 5m"))
    }
}

/// Parses a length of time (`5m`, `1h30m`, or whole seconds); `None` if the text is not one, or is negative.
pub fn span(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok()
}

/// Names of colours.
const COLORS: &[&str] = &["black", "red", "green", "yellow", "blue", "magenta", "cyan", "gray", "white"];

struct Color(String);

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_hex = text.strip_prefix('#').is_some_and(|h| h.len() == 6 && h.chars().all(|c| c.is_ascii_hexdigit()));
        if is_hex || COLORS.contains(&text.as_str()) {
            return Ok(Self(text));
        }
        Err(D::Error::custom(unknown("color", &text, COLORS) + " (or #rrggbb)"))
    }
}

/// Applies the text of a file over the settings there are. Relative paths are relative to the file's folder. Fails if
/// the text is not YAML, has an unknown key or a value of a wrong type, sets `concurrency` or `timeout` to 0, or has a
/// group or a rule that matches nothing.
pub fn apply(config: &mut Config, text: &str, path: &Path, environment: &Environment) -> Result<(), Flaw> {
    let shown = environment.shorten(path);
    let is_empty = text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#'));
    if is_empty {
        return Ok(());
    }
    let file: Written = parse(text, &shown, Duplicates::Refused)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let layer = LayerOf { shown: &shown, folder, environment };
    layer.fleet(config, &file)?;
    layer.ui(config, &file);
    layer.changes(config, &file);
    layer.groups_and_rules(config, file)
}

struct LayerOf<'a> {
    shown: &'a str,
    folder: &'a Path,
    environment: &'a Environment,
}

impl LayerOf<'_> {
    fn origin(&self, line: u64) -> Origin {
        Origin::File { file: self.shown.to_owned(), line }
    }

    fn set<T, U>(&self, setting: &mut Setting<U>, given: Option<&Spanned<T>>, value: impl Fn(&T) -> U) {
        if let Some(given) = given {
            *setting = Setting::new(value(&given.value), self.origin(given.referenced.line()));
        }
    }

    fn path(&self, text: &str) -> std::path::PathBuf {
        self.environment.resolve(text, self.folder)
    }

    fn fleet(&self, config: &mut Config, file: &Written) -> Result<(), Flaw> {
        self.set(&mut config.kubeconfig, file.kubeconfig.as_ref(), |l| l.0.iter().map(|f| self.path(f)).collect());
        self.set(&mut config.context, file.context.as_ref(), |c| Some(c.clone()));
        self.set(&mut config.hubs, file.hub.as_ref(), |l| l.0.clone());
        self.set(&mut config.provider_file, file.provider_file.as_ref(), |f| Some(self.path(f)));
        self.set(&mut config.allow_exec, file.allow_exec.as_ref(), |l| l.0.clone());
        self.set(&mut config.cache_ttl, file.cache_ttl.as_ref(), |s| s.0);
        self.set(&mut config.connect_at_start, file.connect_at_start.as_ref(), |n| *n);
        self.set(&mut config.concurrency, file.concurrency.as_ref(), |n| *n);
        self.set(&mut config.timeout, file.timeout.as_ref(), |s| s.0);
        self.set(&mut config.read_only, file.read_only.as_ref(), |b| *b);
        let zero = [
            ("concurrency", file.concurrency.as_ref().filter(|n| n.value == 0).map(|n| n.referenced.line())),
            ("timeout", file.timeout.as_ref().filter(|s| s.value.0.is_zero()).map(|s| s.referenced.line())),
        ];
        match zero.into_iter().find_map(|(key, line)| Some((key, line?))) {
            Some((key, line)) => Err(self.flaw(line, format!("`{key}` must be more than nothing"))),
            None => Ok(()),
        }
    }

    fn flaw(&self, line: u64, message: String) -> Flaw {
        Flaw { file: self.shown.to_owned(), line, message }
    }

    fn ui(&self, config: &mut Config, file: &Written) {
        let Some(ui) = &file.ui else { return };
        self.set(&mut config.ui.theme, ui.theme.as_ref(), String::clone);
        self.set(&mut config.ui.keymap, ui.keymap.as_ref(), |f| Some(self.path(f)));
        self.set(&mut config.ui.mouse, ui.mouse.as_ref(), |b| *b);
        self.set(&mut config.ui.color, ui.color.as_ref(), |b| *b);
    }

    fn changes(&self, config: &mut Config, file: &Written) {
        let Some(changes) = &file.changes else { return };
        self.set(&mut config.changes.bulk_limit, changes.bulk_limit.as_ref(), |n| *n);
    }

    fn groups_and_rules(&self, config: &mut Config, file: Written) -> Result<(), Flaw> {
        for (name, group) in file.groups.into_iter().flatten() {
            let line = group.referenced.line();
            let group = group.value;
            let matches = self.matches(group.names, group.labels, group.folders);
            if matches == Match::default() {
                return Err(self.flaw(line, format!("group `{name}` needs `names`, `labels` or `folders`")));
            }
            config.groups.insert(name, Setting::new(Group { matches }, self.origin(line)));
        }
        let mut rules = Vec::new();
        for rule in file.clusters.into_iter().flatten() {
            let line = rule.referenced.line();
            let rule = rule.value;
            let matches = self.matches(rule.names, rule.labels, rule.folders);
            if matches == Match::default() {
                return Err(self.flaw(line, "a rule of `clusters` needs `names`, `labels` or `folders`".to_owned()));
            }
            let rule = Rule {
                matches,
                access: rule.access,
                namespace: rule.namespace,
                namespaces: rule.namespaces.map(|l| l.0),
                alias: rule.alias,
                color: rule.color.map(|c| c.0),
                timeout: rule.timeout.map(|s| s.0),
                groups: rule.groups.map(|l| l.0).unwrap_or_default(),
            };
            rules.push(Setting::new(rule, self.origin(line)));
        }
        // Ours come before those of lower layers: the first that says something counts.
        rules.append(&mut config.clusters);
        config.clusters = rules;
        Ok(())
    }

    fn matches(&self, names: Option<List>, labels: Option<BTreeMap<String, String>>, folders: Option<List>) -> Match {
        Match {
            names: names.map(|l| l.0).unwrap_or_default(),
            labels: labels.unwrap_or_default(),
            folders: folders.map(|l| l.0).unwrap_or_default().iter().map(|f| self.path(f)).collect(),
        }
    }
}
