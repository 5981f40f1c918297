//! From joined sources to entries: names, groups, settings.

use super::alias::{Wishes, assign, tidy};
use super::found::{Found, plain};
use crate::config::{Config, Match, Rule};
use crate::engine::k8s::access::AccessGate;
use crate::engine::k8s::endpoint::Endpoint;
use crate::model::cluster::{Access, ClusterEntry, ClusterName, Source};
use crate::model::glob;
use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;

/// A cluster with all sources that describe it.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The source whose credentials are used.
    pub first: Found,
    /// The other sources, by precedence: they fill in what the first leaves empty.
    pub others: Vec<Found>,
    /// Name of the cluster in the mapping file; `None` if it is not there.
    pub mapped: Option<String>,
    /// The cluster is that of the current context.
    pub current: bool,
}

impl Joined {
    /// A cluster with a single source, which is neither mapped nor current.
    pub fn alone(first: Found) -> Self {
        Self { first, others: Vec::new(), mapped: None, current: false }
    }

    fn all(&self) -> impl Iterator<Item = &Found> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// Entries and endpoints of one state of the inventory.
#[derive(Debug, Default)]
pub struct Entries {
    /// The clusters, in the order of their sources.
    pub entries: Vec<Arc<ClusterEntry>>,
    /// Endpoints of the clusters that can be connected.
    pub endpoints: BTreeMap<ClusterName, Arc<Endpoint>>,
    /// The cluster of the current context; `None` without one.
    pub current: Option<ClusterName>,
}

/// Names the clusters and applies the settings that match each. `seed` salts the fingerprints of endpoints, so that
/// they reveal nothing of a secret.
pub fn build(joined: Vec<Joined>, config: &Config, seed: &RandomState) -> Entries {
    let effective: Vec<Rule> = joined.iter().map(|j| rule(j, config)).collect();
    let wishes: Vec<Wishes> = joined.iter().zip(&effective).map(|(j, rule)| wishes(j, rule)).collect();
    let names = assign(&wishes);
    let mut out = Entries::default();
    for ((joined, rule), name) in joined.into_iter().zip(effective).zip(names) {
        let name = ClusterName::new(&name);
        if joined.current {
            out.current = Some(name.clone());
        }
        let timeout_s = u32::try_from(rule.timeout.unwrap_or(*config.timeout).as_secs()).unwrap_or(u32::MAX).max(1);
        let (level, origin) = config.access(|matches| is_meant(matches, &joined));
        let access = AccessGate::of(level, origin);
        let mut entry = entry(&joined, &rule, config, (&name, timeout_s, level));
        if let Ok(endpoint) = joined.first.endpoint {
            let endpoint = Endpoint { timeout_s, access, ..endpoint };
            entry.endpoint = seed.hash_one(&endpoint);
            out.endpoints.insert(name, Arc::new(endpoint));
        }
        out.entries.push(Arc::new(entry));
    }
    out
}

fn wishes(joined: &Joined, rule: &Rule) -> Wishes {
    let mut names = joined.first.names.clone();
    // What the user wrote down counts more than what a tool made up.
    let given = rule.alias.as_ref().or(joined.mapped.as_ref());
    names.splice(0..0, given.cloned());
    let literal = given.cloned().or_else(|| joined.first.context.as_ref().map(ToString::to_string));
    Wishes { names, literal: literal.unwrap_or_default() }
}

fn entry(
    joined: &Joined,
    rule: &Rule,
    config: &Config,
    (name, timeout_s, access): (&ClusterName, u32, Access),
) -> ClusterEntry {
    // What the first source does not say, the next one may.
    let say = |field: fn(&Found) -> &Text| joined.all().map(field).find(|t| !t.is_empty()).cloned().unwrap_or_default();
    let mut labels = BTreeMap::new();
    for found in joined.all() {
        for (key, value) in &found.labels {
            labels.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    let endpoint = joined.first.endpoint.as_ref();
    ClusterEntry {
        name: name.clone(),
        context: joined.first.context.clone(),
        sources: joined.all().map(|f| f.source.clone()).collect(),
        server: say(|f| &f.server),
        groups: groups(joined, rule, config),
        color: rule.color.as_deref().map(plain),
        access,
        namespace: rule.namespace.as_deref().map_or_else(|| say(|f| &f.namespace), plain),
        namespaces: rule.namespaces.iter().flatten().filter(|n| !n.is_empty()).map(|n| plain(n)).collect(),
        labels,
        provider: say(|f| &f.provider),
        region: say(|f| &f.region),
        timeout_s,
        insecure: endpoint.is_ok_and(|e| e.insecure),
        withheld: endpoint.is_ok_and(Endpoint::withholds_credentials),
        current: joined.current,
        claim: joined.all().find_map(|f| f.claim.clone()),
        endpoint: 0,
        defect: endpoint.err().cloned(),
    }
}

/// Merges all matching rules: the first value of each setting wins, groups add up. The access level is not part of it:
/// [`Config::access`] returns it with its origin.
fn rule(joined: &Joined, config: &Config) -> Rule {
    let mut out = Rule::default();
    for rule in config.clusters.iter().filter(|r| is_meant(&r.matches, joined)) {
        out.timeout = out.timeout.or(rule.timeout);
        out.namespace = out.namespace.or_else(|| rule.namespace.clone());
        out.namespaces = out.namespaces.or_else(|| rule.namespaces.clone());
        out.alias = out.alias.or_else(|| rule.alias.clone());
        out.color = out.color.or_else(|| rule.color.clone());
        out.groups.extend(rule.groups.iter().cloned());
    }
    out
}

fn groups(joined: &Joined, rule: &Rule, config: &Config) -> Vec<Text> {
    let named = config.groups.iter().filter(|(_, g)| is_meant(&g.matches, joined)).map(|(name, _)| name);
    let all: BTreeSet<Text> = named.chain(&rule.groups).map(|g| Text::from(tidy(g))).collect();
    all.into_iter().collect()
}

/// Returns true if a cluster matches all given criteria; an empty match matches no cluster.
pub(super) fn is_meant(wanted: &Match, joined: &Joined) -> bool {
    if *wanted == Match::default() {
        return false;
    }
    let by_name = wanted.names.is_empty() || wanted.names.iter().any(|g| has_name(g, joined));
    let by_label = wanted.labels.iter().all(|(key, value)| {
        let mut values = joined.all().filter_map(|f| f.labels.get(key.as_str()));
        values.any(|v| glob::matches(value, v))
    });
    let by_folder = wanted.folders.is_empty() || wanted.folders.iter().any(|folder| is_below(folder, joined));
    by_name && by_label && by_folder
}

/// Returns true if the pattern matches the context, the short name, or the name of the hub's object.
fn has_name(pattern: &str, joined: &Joined) -> bool {
    joined.all().any(|found| {
        let short = found.names.first().map(String::as_str);
        let own = match &found.source {
            Source::Kubeconfig { context, .. } | Source::Mapping { context, .. } => context.as_str(),
            Source::Hub { name, .. } => name.as_str(),
            Source::InCluster => "in-cluster",
        };
        glob::matches(pattern, own) || short.is_some_and(|s| glob::matches(pattern, s))
    })
}

fn is_below(folder: &Path, joined: &Joined) -> bool {
    joined.all().any(|found| match &found.source {
        Source::Kubeconfig { file, .. } => Path::new(file.as_str()).starts_with(folder),
        Source::Hub { .. } | Source::Mapping { .. } | Source::InCluster => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Group, Setting};

    fn context(name: &str, file: &str) -> Joined {
        let source = Source::Kubeconfig { file: Text::from(file), context: Text::from(name) };
        let mut found = Found::new(source, super::super::alias::of_context(name, file));
        found.context = Some(Text::from(name));
        Joined::alone(found)
    }

    fn names(names: &[&str]) -> Match {
        Match { names: names.iter().map(|n| (*n).to_owned()).collect(), ..Match::default() }
    }

    #[test]
    fn the_first_matching_rule_that_says_something_counts() {
        let rules = [
            Rule { matches: names(&["prod-eu"]), namespace: Some("pay".into()), ..Rule::default() },
            Rule {
                matches: names(&["prod-*"]),
                access: Some(Access::Protected),
                namespace: Some("other".into()),
                groups: vec!["prod".into()],
                ..Rule::default()
            },
        ];
        let config = Config { clusters: rules.into_iter().map(Setting::default_of).collect(), ..Config::default() };
        let built = build(vec![context("prod-eu", "/k/c"), context("lab", "/k/c")], &config, &RandomState::new());
        let prod = &built.entries[0];
        assert_eq!((prod.access, prod.namespace.as_str()), (Access::Protected, "pay"));
        assert_eq!(prod.groups, ["prod"]);
        assert_eq!(built.entries[1].access, Access::Guarded);
    }

    #[test]
    fn groups_go_by_name_label_and_folder() {
        let mut hub = context("eu", "/k/prod/c");
        hub.first.labels.insert(Text::from("env"), Text::from("prod-1"));
        let group = |m: Match| Setting::default_of(Group { matches: m });
        let labels = BTreeMap::from([("env".to_owned(), "prod-*".to_owned())]);
        let config = Config {
            groups: BTreeMap::from([
                ("by-name".to_owned(), group(names(&["e?"]))),
                ("by-label".to_owned(), group(Match { labels, ..Match::default() })),
                ("by-folder".to_owned(), group(Match { folders: vec!["/k/prod".into()], ..Match::default() })),
                ("empty".to_owned(), group(Match::default())),
            ]),
            ..Config::default()
        };
        let built = build(vec![hub, context("x", "/k/production/c")], &config, &RandomState::new());
        assert_eq!(built.entries[0].groups, ["by-folder", "by-label", "by-name"]);
        assert!(built.entries[1].groups.is_empty());
    }

    #[test]
    fn read_only_beats_every_rule() {
        let config = Config { read_only: Setting::default_of(true), ..Config::default() };
        let mut found = context("a", "/k/c");
        found.first.endpoint = Ok(Endpoint::plain("https://a", "a"));
        let built = build(vec![found], &config, &RandomState::new());
        assert_eq!(built.entries[0].access, Access::ReadOnly);
        let endpoint = built.endpoints.values().next().expect("an endpoint");
        assert_eq!(endpoint.access, AccessGate::read_only("default"));
    }

    #[test]
    fn an_alias_for_many_is_told_apart() {
        let rule = Rule { matches: names(&["*"]), alias: Some("prod".into()), ..Rule::default() };
        let config = Config { clusters: vec![Setting::default_of(rule)], ..Config::default() };
        let built = build(vec![context("a", "/k/c"), context("b", "/k/c")], &config, &RandomState::new());
        let names: Vec<&str> = built.entries.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(built.endpoints.is_empty());
        assert!(built.entries[0].defect.is_some());
    }
}
