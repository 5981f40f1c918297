//! Tabs: several live views, each with its own scope, history and marks.

use super::history::History;
use super::listing::Listing;
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::protocol::{Snapshot, ViewId};

/// As many as there are digits to tell them apart.
pub const TABS_MAX: usize = 9;

/// One live view.
#[derive(Debug)]
pub struct Tab {
    pub view: ViewId,
    pub listing: Listing,
    pub history: History,
    /// What the engine was last asked to watch for this tab.
    pub subscribed: Option<Subscribed>,
}

/// An interest as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscribed {
    /// Empty for the fleet, which needs no watch.
    pub resource: Text,
    pub clusters: Vec<ClusterName>,
    pub selector: Text,
    pub namespaces: Vec<Text>,
}

impl Tab {
    pub fn new(view: ViewId, listing: Listing) -> Self {
        Self { view, listing, history: History::default(), subscribed: None }
    }

    /// What the tab strip calls it.
    pub fn title(&self, snapshot: &Snapshot) -> String {
        let place = &self.listing.place;
        let mut title = self.listing.title(snapshot).to_owned();
        if !place.scope.clusters.is_empty() {
            title.push(' ');
            title.push_str(&place.scope.clusters_title());
        }
        title
    }
}
