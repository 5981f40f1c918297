//! Requested objects and kinds that are missing. An object exists if any cluster has it; a cluster that failed says
//! nothing about it.

use super::wanted::Wanted;
use crate::model::cluster::ClusterName;
use crate::model::name::Name;
use crate::model::text::Text;
use std::collections::BTreeMap;

/// Maximum number of clusters that a line names.
const NAMED_MAX: usize = 5;

/// The knowledge of one cluster about one object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Sighting {
    /// The cluster does not serve the kind.
    #[default]
    Unserved,
    /// The object is not found; the server's own message.
    Missing(Text),
    /// The query failed.
    Unknown,
    Found,
}

impl Sighting {
    fn weight(&self) -> u8 {
        match self {
            Self::Unserved => 0,
            Self::Missing(_) => 1,
            Self::Unknown => 2,
            Self::Found => 3,
        }
    }

    /// Adds the result of another kind of the same typed word.
    pub(super) fn join(&mut self, other: Self) {
        if other.weight() > self.weight() {
            *self = other;
        }
    }
}

/// An object, over all clusters.
#[derive(Debug, Clone)]
struct Sought {
    typed: Text,
    name: Name,
    found: bool,
    said: Option<Text>,
    lacking: Vec<ClusterName>,
    unknown: Vec<ClusterName>,
}

impl Sought {
    /// Returns true if no cluster that answered has it, and at least one of them serves its kind.
    fn is_missing(&self) -> bool {
        !self.found && self.said.is_some()
    }

    fn word(&self) -> String {
        format!("{}/{}", self.typed, self.name)
    }

    /// The line of the message `said`, in kubectl's words, with the clusters that sent it.
    fn line(&self, said: &str) -> String {
        let line = format!("{}: Error from server (NotFound): {said}", listed(&self.lacking));
        match self.unknown.as_slice() {
            [] => line,
            unknown => format!("{line} (not known in {})", listed(unknown)),
        }
    }
}

/// All objects that are requested by name, with the knowledge of the clusters about them.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    sought: Vec<Sought>,
    /// Kinds, with the clusters that do not serve them.
    absent: BTreeMap<Text, Vec<ClusterName>>,
    answered: Vec<ClusterName>,
    ignores_missing: bool,
}

impl Ledger {
    /// Starts without answers. An object that no cluster has is an error, unless `ignores_missing`.
    pub(super) fn new(wanted: &Wanted, ignores_missing: bool) -> Self {
        let sought = wanted.named().map(|(typed, name)| Sought {
            typed: typed.clone(),
            name: name.clone(),
            found: false,
            said: None,
            lacking: Vec::new(),
            unknown: Vec::new(),
        });
        Self { sought: sought.collect(), ignores_missing, ..Self::default() }
    }

    /// Adds the answer of a cluster: its knowledge about each named object, in their order, and the kinds that it does
    /// not serve.
    pub(super) fn hear(&mut self, cluster: &ClusterName, sightings: Vec<Sighting>, absent: Vec<Text>) {
        self.answered.push(cluster.clone());
        for typed in absent {
            self.absent.entry(typed).or_default().push(cluster.clone());
        }
        for (sought, sighting) in self.sought.iter_mut().zip(sightings) {
            match sighting {
                Sighting::Found => sought.found = true,
                Sighting::Unknown => sought.unknown.push(cluster.clone()),
                Sighting::Unserved => sought.lacking.push(cluster.clone()),
                Sighting::Missing(what) => {
                    sought.lacking.push(cluster.clone());
                    sought.said.get_or_insert(what);
                }
            }
        }
    }

    /// Adds a cluster that could not be queried at all.
    pub(super) fn failed(&mut self, cluster: &ClusterName) {
        self.sought.iter_mut().for_each(|sought| sought.unknown.push(cluster.clone()));
    }

    pub(super) fn answered(&self) -> &[ClusterName] {
        &self.answered
    }

    /// Returns true if a requested object or kind is missing everywhere.
    pub(super) fn is_short(&self) -> bool {
        let unserved = self.absent.values().any(|clusters| self.is_everywhere(clusters));
        unserved || (!self.ignores_missing && self.sought.iter().any(Sought::is_missing))
    }

    fn is_everywhere(&self, clusters: &[ClusterName]) -> bool {
        !self.answered.is_empty() && clusters.len() == self.answered.len()
    }

    /// The messages, with clusters in this order; with `verbose`, also about objects that only some clusters lack.
    pub(super) fn lines(&mut self, order: &[ClusterName], verbose: bool) -> Vec<String> {
        let at = |name: &ClusterName| order.iter().position(|n| n == name).unwrap_or(usize::MAX);
        let mut lines = Vec::new();
        for (typed, clusters) in &self.absent {
            if self.is_everywhere(clusters) {
                lines.push(format!("error: the server doesn't have a resource type \"{typed}\""));
            } else if verbose {
                lines.push(format!("note: \"{typed}\" is not served by {}", listed(clusters)));
            }
        }
        for sought in &mut self.sought {
            sought.lacking.sort_by_key(at);
            sought.unknown.sort_by_key(at);
            match &sought.said {
                Some(said) if sought.is_missing() && !self.ignores_missing => {
                    lines.push(sought.line(said));
                }
                Some(said) if verbose => lines.push(format!("note: {said} in {}", listed(&sought.lacking))),
                Some(_) | None => {}
            }
        }
        lines
    }

    /// The objects that no cluster has or that are unknown, as TYPE/NAME, and the types that no cluster serves.
    pub(super) fn missing(&self) -> (Vec<String>, Vec<String>) {
        let missing = self.sought.iter().filter(|sought| sought.is_missing() && !self.ignores_missing);
        let (known, unknown): (Vec<_>, Vec<_>) = missing.partition(|sought| sought.unknown.is_empty());
        let words = |all: Vec<&Sought>| all.into_iter().map(Sought::word).collect();
        let mut nowhere: Vec<String> = words(known);
        for (typed, _) in self.absent.iter().filter(|(_, clusters)| self.is_everywhere(clusters)) {
            let named: Vec<&Sought> = self.sought.iter().filter(|sought| sought.typed == *typed).collect();
            nowhere.extend(if named.is_empty() { vec![typed.to_string()] } else { words(named) });
        }
        (nowhere, words(unknown))
    }
}

/// The clusters by name, or their number if there are too many to read.
fn listed(clusters: &[ClusterName]) -> String {
    if clusters.len() > NAMED_MAX {
        return format!("{} clusters", clusters.len());
    }
    clusters.iter().map(ClusterName::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ObjectArgs;

    fn ledger(what: &[&str], ignores_missing: bool) -> Ledger {
        let args = ObjectArgs {
            what: what.iter().map(ToString::to_string).collect(),
            namespace: None,
            all_namespaces: false,
            selector: None,
        };
        Ledger::new(&Wanted::parse(&args).unwrap(), ignores_missing)
    }

    fn missing(name: &str) -> Sighting {
        Sighting::Missing(Text::from(format!("pods \"{name}\" not found")))
    }

    /// K3: a script that reads the summary alone sees it, too.
    #[test]
    fn a_type_that_no_cluster_serves_is_in_the_summary() {
        let east = ClusterName::new("east");
        for (what, words) in [(&["nokind/x"][..], "nokind/x"), (&["nokind"], "nokind")] {
            let mut all = ledger(what, false);
            let sightings = what.iter().map(|_| Sighting::Unserved).collect();
            all.hear(&east, sightings, vec!["nokind".into()]);
            assert_eq!(all.missing(), (vec![words.to_owned()], Vec::new()));
        }
    }

    /// K3: found in one cluster is enough, and what is nowhere is named beside what is found.
    #[test]
    fn what_no_cluster_has_is_named() {
        let [east, west, down] = ["east", "west", "down"].map(ClusterName::new);
        let order = [east.clone(), west.clone(), down.clone()];
        let mut all = ledger(&["pod", "a", "b"], false);
        all.hear(&west, vec![Sighting::Found, missing("b")], Vec::new());
        all.hear(&east, vec![missing("a"), missing("b")], Vec::new());
        assert!(all.is_short());
        assert_eq!(all.missing(), (vec!["pod/b".to_owned()], Vec::new()));
        assert_eq!(all.lines(&order, false), ["east, west: Error from server (NotFound): pods \"b\" not found"]);
        assert_eq!(all.lines(&order, true)[0], "note: pods \"a\" not found in east");

        all.failed(&down);
        assert_eq!(all.missing(), (Vec::new(), vec!["pod/b".to_owned()]), "nobody asked down");
        let line = "east, west: Error from server (NotFound): pods \"b\" not found (not known in down)";
        assert_eq!(all.lines(&order, false), [line]);
    }

    #[test]
    fn with_ignore_not_found_nothing_is_missed() {
        let mut all = ledger(&["pod", "a"], true);
        all.hear(&ClusterName::new("east"), vec![missing("a")], Vec::new());
        assert!(!all.is_short());
        assert!(all.lines(&[], false).is_empty());
        assert_eq!(all.missing(), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_kind_that_nobody_serves_is_an_error_and_clusters_that_failed_say_nothing() {
        let east = ClusterName::new("east");
        let mut all = ledger(&["foo/a", "pod/b"], false);
        all.failed(&ClusterName::new("down"));
        assert!(!all.is_short());
        all.hear(&east, vec![Sighting::Unserved, Sighting::Found], vec![Text::new("foo")]);
        assert!(all.is_short());
        assert_eq!(all.lines(&[], false), ["error: the server doesn't have a resource type \"foo\""]);
    }
}
