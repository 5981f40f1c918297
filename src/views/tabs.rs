//! Tabs: several live views, each with its own scope, history and marks.

use super::history::{History, HistoryEntry};
use super::listing::Listing;
use super::session::{SavedTab, SavedView};
use super::view::View;
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::protocol::{Snapshot, ViewId};

/// As many as there are digits to tell them apart.
pub const TABS_MAX: usize = 9;

/// A live view.
#[derive(Debug)]
pub struct Tab {
    /// The number under which the engine knows the tab's watches.
    pub view: ViewId,
    /// The table of the tab; a full-screen view in its place leaves it as it is.
    pub listing: Listing,
    /// The full-screen view in the table's place.
    pub page: Option<Box<dyn View>>,
    /// The way to what is shown now.
    pub history: History,
    /// The watches the engine was last asked for.
    pub subscribed: Option<Subscribed>,
}

/// An interest as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscribed {
    /// Empty for the fleet, which needs no watch.
    pub resource: Text,
    /// The clusters asked.
    pub clusters: Vec<ClusterName>,
    /// The label selector, sent to the servers.
    pub selector: Text,
    /// The namespaces asked; empty for all.
    pub namespaces: Vec<Text>,
}

impl Tab {
    /// A tab that shows a table.
    pub fn new(view: ViewId, listing: Listing) -> Self {
        Self { view, listing, page: None, history: History::default(), subscribed: None }
    }

    /// The full-screen view as it is kept.
    pub fn saved_view(&self) -> Option<SavedView> {
        let page = self.page.as_ref()?;
        Some(SavedView { name: Text::new(page.spec().name), state: page.saved() })
    }

    /// The table or the view that is shown, for the history.
    pub fn entry(&self) -> HistoryEntry {
        match self.saved_view() {
            Some(view) => HistoryEntry::View(view),
            None => HistoryEntry::Table(Box::new(self.listing.place.clone())),
        }
    }

    /// The tab for the session.
    pub fn saved(&self) -> SavedTab {
        SavedTab::of(&self.listing.place, self.saved_view())
    }

    /// Returns the tab's title in the tab strip.
    pub fn title(&self, snapshot: &Snapshot) -> String {
        if let Some(page) = &self.page {
            return page.spec().name.to_owned();
        }
        let place = &self.listing.place;
        let mut title = self.listing.title(snapshot).to_owned();
        if !place.scope.clusters.is_empty() {
            title.push(' ');
            title.push_str(&place.scope.clusters_title());
        }
        title
    }
}
