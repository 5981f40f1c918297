//! Which clusters and namespaces a view looks at.

use crate::model::cluster::{Cluster, ClusterName};
use crate::model::text::Text;
use crate::protocol::Snapshot;
use serde::{Deserialize, Serialize};

/// Clusters by name, glob or group, and namespaces by name or glob.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    /// Empty: every cluster of the inventory, connected or not.
    pub clusters: Vec<Text>,
    /// Empty: all namespaces.
    pub namespaces: Vec<Text>,
}

impl Scope {
    /// A cluster, all namespaces.
    pub fn of(cluster: &ClusterName) -> Self {
        Self { clusters: vec![Text::new(cluster.as_str())], namespaces: Vec::new() }
    }

    /// The clusters of the scope, in order of their names.
    pub fn resolve(&self, snapshot: &Snapshot) -> Vec<ClusterName> {
        let chosen = snapshot.clusters.values().filter(|c| self.has_cluster(c));
        chosen.map(|c| c.entry.name.clone()).collect()
    }

    /// Says whether the cluster belongs to the scope.
    pub fn has_cluster(&self, cluster: &Cluster) -> bool {
        if self.clusters.is_empty() {
            return true;
        }
        let is_meant = |pattern: &Text| {
            matches(pattern, cluster.entry.name.as_str()) || cluster.entry.groups.iter().any(|g| g == pattern)
        };
        self.clusters.iter().any(is_meant)
    }

    /// Says whether objects of the namespace belong to it; the empty one is that of cluster-scoped objects.
    pub fn has_namespace(&self, namespace: &str) -> bool {
        namespace.is_empty() || self.namespaces.is_empty() || self.namespaces.iter().any(|n| matches(n, namespace))
    }

    /// `@all`, `@prod-*,lab`.
    pub fn clusters_title(&self) -> String {
        if self.clusters.is_empty() { "@all".to_owned() } else { format!("@{}", self.clusters.join(",")) }
    }

    /// Returns the words for `:connect` to connect the clusters of the scope: `*`, `prod-*,lab`.
    pub fn connectable(&self) -> String {
        if self.clusters.is_empty() { "*".to_owned() } else { self.clusters.join(",") }
    }

    /// `all namespaces`, `payments`, `payments,default`.
    pub fn namespaces_title(&self) -> String {
        if self.namespaces.is_empty() { "all namespaces".to_owned() } else { self.namespaces.join(",") }
    }
}

/// Matches a name with `*` and `?` as wildcards; small letters match capitals too.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where the last star is, and how much of the name it has taken: linear, whatever the pattern.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match (pattern.get(p), name.get(n)) {
            (Some('*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some(a), Some(b)) if *a == '?' || a.to_lowercase().eq(b.to_lowercase()) => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, n) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("prod-*", "prod-eu", true),
            ("prod-*", "xprod-eu", false),
            ("*eu*", "prod-eu-1", true),
            ("p?od", "Prod", true),
            ("*-*-1", "a-b-c-1", true),
            ("", "", true),
            ("*", "", true),
            ("a", "", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
