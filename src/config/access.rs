//! Access level of a cluster, and the setting it comes from.

use super::{Config, Match, Origin};
use crate::model::cluster::Access;
use crate::model::glob;
use std::collections::BTreeMap;

impl Config {
    /// Returns the access level of the clusters for whose rules `is_meant` is true, and the origin of the setting:
    /// `readOnly` first, then the first matching rule with a level.
    pub fn access(&self, is_meant: impl Fn(&Match) -> bool) -> (Access, &Origin) {
        if *self.read_only {
            return (Access::ReadOnly, &self.read_only.origin);
        }
        let mut rules = self.clusters.iter().filter(|rule| is_meant(&rule.matches));
        let first = rules.find_map(|rule| Some((rule.access?, &rule.origin)));
        first.unwrap_or((Access::default(), &Origin::Default))
    }
}

impl Match {
    /// Returns true if the match includes a cluster that is in no inventory: it has a name and labels, and no file.
    pub fn is_unlisted(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        let by_name = self.names.is_empty() || self.names.iter().any(|pattern| glob::matches(pattern, name));
        let by_label = self.labels.iter().all(|(key, value)| labels.get(key).is_some_and(|v| glob::matches(value, v)));
        *self != Self::default() && self.folders.is_empty() && by_name && by_label
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Rule, Setting};

    fn rule(name: &str, access: Option<Access>, line: u64) -> Setting<Rule> {
        let matches = Match { names: vec![name.to_owned()], ..Match::default() };
        let origin = Origin::File { file: "c.yaml".to_owned(), line };
        Setting::new(Rule { matches, access, ..Rule::default() }, origin)
    }

    #[test]
    fn the_first_rule_with_a_level_counts_and_the_flag_beats_all() {
        let clusters = vec![
            rule("prod-*", None, 1),
            rule("prod-*", Some(Access::ReadOnly), 2),
            rule("*", Some(Access::Protected), 3),
        ];
        let mut config = Config { clusters, ..Config::default() };
        let of = |config: &Config, name: &str| {
            let (access, origin) = config.access(|m| m.is_unlisted(name, &BTreeMap::new()));
            (access, origin.to_string())
        };
        assert_eq!(of(&config, "prod-eu"), (Access::ReadOnly, "c.yaml:2".to_owned()));
        assert_eq!(of(&config, "lab"), (Access::Protected, "c.yaml:3".to_owned()));
        config.read_only = Setting::new(true, Origin::Flag("--read-only"));
        assert_eq!(of(&config, "lab"), (Access::ReadOnly, "flag --read-only".to_owned()));
        assert_eq!(of(&Config::default(), "lab"), (Access::Guarded, "default".to_owned()));
    }

    #[test]
    fn labels_match_and_folders_name_no_unlisted_cluster() {
        let labels = BTreeMap::from([("env".to_owned(), "prod-1".to_owned())]);
        let wanted = Match { labels: BTreeMap::from([("env".to_owned(), "prod-*".to_owned())]), ..Match::default() };
        assert!(wanted.is_unlisted("a", &labels));
        assert!(!wanted.is_unlisted("a", &BTreeMap::new()));
        assert!(!Match::default().is_unlisted("a", &labels));
        assert!(!Match { folders: vec!["/k".into()], ..wanted }.is_unlisted("a", &labels));
    }
}
