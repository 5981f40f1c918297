//! Filters the inventory by the flags of the command line.

use super::FleetArgs;
use super::context::selection;
use crate::config::Selection;
use crate::engine::cluster::{Inventory, Listing};
use crate::engine::k8s::inventory::FleetInventory;
use crate::model::text::Text;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use std::sync::Arc;

/// An inventory that yields the selected clusters only.
#[derive(Debug)]
pub(super) struct Selected {
    inventory: Arc<dyn Inventory>,
    selection: Selection,
    /// The first listing does not use the cache.
    refresh: bool,
}

impl Selected {
    /// Selects the clusters of `fleet`. `--context` chooses the current cluster in the inventory itself, and hides no
    /// other.
    pub(super) fn new(inventory: FleetInventory, fleet: &FleetArgs) -> Self {
        let selection = Selection { context: None, ..selection(fleet) };
        Self { inventory: Arc::new(inventory), selection, refresh: fleet.refresh }
    }
}

impl Inventory for Selected {
    fn entries(&self, refresh: bool) -> BoxStream<'static, Listing> {
        let selection = self.selection.clone();
        let chosen = move |listing: Listing| match selection.choose(&listing.entries) {
            Ok(entries) => Listing { entries, ..listing },
            // Nothing at all is the console's to explain; a choice that leaves nothing says so.
            Err(_) if listing.entries.is_empty() => listing,
            Err(why) => {
                let mut warnings = vec![Text::from(why.sentence())];
                warnings.extend(listing.warnings);
                Listing { entries: Vec::new(), warnings, ..listing }
            }
        };
        self.inventory.entries(refresh || self.refresh).map(chosen).boxed()
    }
}
