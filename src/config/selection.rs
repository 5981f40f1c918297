//! Selection of clusters from the inventory: `--context`, `--clusters`, `--exclude`, `--group`.

use super::yaml::nearest;
use crate::error::{ErrorKind, UserError};
use crate::model::cluster::{ClusterEntry, ClusterName, Source};
use crate::model::glob;
use crate::model::text::Text;
use std::sync::Arc;

/// A selection of clusters. Empty lists select all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The cluster of exactly this context.
    pub context: Option<String>,
    /// Globs, any of which must match; each must match some cluster.
    pub clusters: Vec<String>,
    /// Globs, none of which may match.
    pub exclude: Vec<String>,
    /// Groups, any of which the cluster must be in.
    pub groups: Vec<String>,
}

impl Selection {
    /// Returns the selected entries in their order. Fails if there are no clusters, if a context, a glob or a group
    /// matches none (except in `exclude`), or if no cluster is left.
    pub fn choose(&self, entries: &[Arc<ClusterEntry>]) -> Result<Vec<Arc<ClusterEntry>>, UserError> {
        if entries.is_empty() {
            return Err(UserError::no_clusters(&[]));
        }
        self.check(entries)?;
        let chosen: Vec<_> = entries.iter().filter(|e| self.takes(e)).map(Arc::clone).collect();
        if chosen.is_empty() {
            let message = format!("none of the {} clusters is left after {self}", entries.len());
            return Err(UserError::new(ErrorKind::Usage, message).hint("list them all with `qd clusters`"));
        }
        Ok(chosen)
    }

    fn takes(&self, entry: &ClusterEntry) -> bool {
        let any = |globs: &[String]| globs.iter().any(|g| is_match(g, entry));
        self.context.as_deref().is_none_or(|c| entry.context.as_deref() == Some(c))
            && (self.clusters.is_empty() || any(&self.clusters))
            && !any(&self.exclude)
            && (self.groups.is_empty() || self.groups.iter().any(|g| in_group(g, entry)))
    }

    /// Checks that every context, glob and group exists, except for `exclude`. Fails with the nearest or the known
    /// names.
    fn check(&self, entries: &[Arc<ClusterEntry>]) -> Result<(), UserError> {
        let contexts = || entries.iter().filter_map(|e| e.context.as_deref());
        if let Some(context) = self.context.as_deref().filter(|c| !contexts().any(|k| k == *c)) {
            return Err(nothing("context", context, &contexts().collect::<Vec<_>>()));
        }
        if let Some(glob) = self.clusters.iter().find(|g| !entries.iter().any(|e| is_match(g, e))) {
            let names: Vec<&str> = entries.iter().map(|e| e.name.as_str()).collect();
            return Err(nothing("cluster", glob, &names));
        }
        if let Some(group) = self.groups.iter().find(|g| !entries.iter().any(|e| in_group(g, e))) {
            let mut groups: Vec<&str> = entries.iter().flat_map(|e| e.groups.iter().map(Text::as_str)).collect();
            groups.sort_unstable();
            groups.dedup();
            return Err(nothing("cluster in group", group, &groups));
        }
        Ok(())
    }

    /// Returns the names of the selected clusters. Fails as [`Selection::choose`] does.
    pub fn names(&self, entries: &[Arc<ClusterEntry>]) -> Result<Vec<ClusterName>, UserError> {
        Ok(self.choose(entries)?.iter().map(|e| e.name.clone()).collect())
    }
}

impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lists = [("--clusters", &self.clusters), ("--exclude", &self.exclude), ("--group", &self.groups)];
        let context = self.context.iter().map(|c| format!("--context {c}"));
        let lists = lists.iter().filter(|(_, l)| !l.is_empty()).map(|(flag, l)| format!("{flag} {}", l.join(",")));
        f.write_str(&context.chain(lists).collect::<Vec<_>>().join(" "))
    }
}

fn in_group(group: &str, entry: &ClusterEntry) -> bool {
    entry.groups.iter().any(|g| glob::matches(group, g))
}

/// Returns true if the glob matches the cluster's name, its context, or its name on a hub.
pub fn is_match(glob: &str, entry: &ClusterEntry) -> bool {
    let on_hub = entry.sources.iter().filter_map(|source| match source {
        Source::Hub { name, .. } => Some(name.as_str()),
        Source::Kubeconfig { .. } | Source::InCluster | Source::Mapping { .. } => None,
    });
    let own = [Some(entry.name.as_str()), entry.context.as_deref()];
    own.into_iter().flatten().chain(on_hub).any(|name| glob::matches(glob, name))
}

/// Known names that an error lists.
const KNOWN_SHOWN_MAX: usize = 8;

fn nothing(what: &str, wanted: &str, known: &[&str]) -> UserError {
    let error = UserError::new(ErrorKind::Usage, format!("no {what} matches {wanted:?}"));
    if let Some(near) = nearest(wanted, known) {
        return error.hint(format!("did you mean {near}?"));
    }
    let shown: Vec<&str> = known.iter().take(KNOWN_SHOWN_MAX).copied().collect();
    match known.len() {
        0 => error.hint("none is configured"),
        n if n > KNOWN_SHOWN_MAX => error.hint(format!("known are {} and {} more", shown.join(", "), n - shown.len())),
        _ => error.hint(format!("known are {}", shown.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, context: &str, groups: &[&str]) -> Arc<ClusterEntry> {
        Arc::new(ClusterEntry {
            context: Some(Text::from(context)),
            groups: groups.iter().map(|g| Text::from(*g)).collect(),
            timeout_s: 30,
            ..ClusterEntry::new(ClusterName::new(name))
        })
    }

    fn fleet() -> Vec<Arc<ClusterEntry>> {
        vec![
            entry("eu", "arn:aws:eks:eu-west-1:1:cluster/eu", &["prod"]),
            entry("us", "arn:aws:eks:us-east-1:1:cluster/us", &["prod"]),
            entry("lab", "kubernetes-admin@lab", &["dev"]),
        ]
    }

    fn list(globs: &[&str]) -> Vec<String> {
        globs.iter().map(|g| (*g).to_owned()).collect()
    }

    fn chosen(selection: &Selection) -> Vec<String> {
        selection.names(&fleet()).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn globs_groups_and_exclusions_choose() {
        assert_eq!(chosen(&Selection::default()), ["eu", "us", "lab"]);
        assert_eq!(chosen(&Selection { clusters: list(&["e*", "lab"]), ..Selection::default() }), ["eu", "lab"]);
        assert_eq!(chosen(&Selection { clusters: list(&["arn:*"]), ..Selection::default() }), ["eu", "us"]);
        assert_eq!(chosen(&Selection { exclude: list(&["us", "nope"]), ..Selection::default() }), ["eu", "lab"]);
        assert_eq!(chosen(&Selection { groups: list(&["prod"]), ..Selection::default() }), ["eu", "us"]);
        let both = Selection { groups: list(&["prod"]), exclude: list(&["eu"]), ..Selection::default() };
        assert_eq!(chosen(&both), ["us"]);
        let context = Some("kubernetes-admin@lab".to_owned());
        assert_eq!(chosen(&Selection { context, ..Selection::default() }), ["lab"]);
    }

    #[test]
    fn what_matches_nothing_is_an_error_that_helps() {
        let refuse = |s: Selection| s.names(&fleet()).unwrap_err();
        let error = refuse(Selection { clusters: list(&["eu", "labb"]), ..Selection::default() });
        assert_eq!(error.to_string(), "error: no cluster matches \"labb\"\n  hint: did you mean lab?");
        assert_eq!(error.exit_code(), 2);
        let error = refuse(Selection { groups: list(&["staging"]), ..Selection::default() });
        assert_eq!(error.to_string(), "error: no cluster in group matches \"staging\"\n  hint: known are dev, prod");
        let error = refuse(Selection { clusters: list(&["eu"]), exclude: list(&["*"]), ..Selection::default() });
        assert_eq!(
            error.to_string(),
            "error: none of the 3 clusters is left after --clusters eu --exclude *\n  hint: list them all with `qd clusters`"
        );
        let error = Selection::default().names(&[]).unwrap_err();
        assert!(error.to_string().contains("--demo"), "{error}");
    }
}
