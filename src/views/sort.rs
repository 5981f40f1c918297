//! What a table is sorted by.

use crate::model::text::Text;
use serde::{Deserialize, Serialize};

/// A thing to sort by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortKey {
    /// The namespace.
    Namespace,
    /// The name.
    Name,
    /// The cluster.
    Cluster,
    /// The kind.
    Kind,
    /// A column by its heading.
    Column(Text),
    /// A label by its key.
    Label(Text),
}

/// Keys in order of weight, each with "descending". Without any: namespace, name, cluster.
/// Rows that are equal in all keys stay in that order too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sort(Vec<(SortKey, bool)>);

impl Sort {
    /// Sorts by one key.
    pub fn by(key: SortKey, descending: bool) -> Self {
        Self(vec![(key, descending)])
    }

    /// The same with a further key for rows equal in those before.
    #[must_use]
    pub fn then(mut self, key: SortKey, descending: bool) -> Self {
        self.0.push((key, descending));
        self
    }

    /// Returns true if rows keep the order they came in.
    pub fn is_identity(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if rows are sorted by one key.
    pub fn is_single(&self) -> bool {
        self.0.len() == 1
    }

    /// Returns the first key, and whether the largest comes first.
    pub fn primary(&self) -> Option<(&SortKey, bool)> {
        self.0.first().map(|(key, descending)| (key, *descending))
    }

    /// Returns all keys, the first decides first.
    pub fn keys(&self) -> &[(SortKey, bool)] {
        &self.0
    }

    /// Returns the order after a key is chosen: sorted by it, turned round when it was the first already.
    #[must_use]
    pub fn chosen(&self, key: SortKey) -> Self {
        match self.primary() {
            Some((current, descending)) if *current == key => Self::by(key, !descending),
            _ => Self::by(key, false),
        }
    }
}
