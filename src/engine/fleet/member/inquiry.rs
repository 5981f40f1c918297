//! Identity and served kinds of a cluster: read when it first answers, and again when they may have changed.

use super::Member;
use crate::engine::cluster::{ClusterError, Identity};
use crate::engine::part::StepContext;
use crate::model::kind::Catalog;
use crate::model::text::Text;
use std::time::Duration;

/// Time between two discoveries: a changed aggregated API sends no event.
const DISCOVERY: Duration = Duration::from_secs(600);
/// Times of the discoveries after a custom kind was added or removed: a server takes some seconds to serve a kind it
/// accepted.
pub(super) const DISCOVERY_STEPS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(6)];

/// State of a discovery or an identification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    Idle,
    Due(Duration),
    Running,
}

impl Member {
    pub(in crate::engine::fleet) fn on_identified(
        &mut self,
        outcome: Result<Identity, ClusterError>,
        cx: &mut StepContext,
    ) {
        let Ok(identity) = outcome else {
            self.identity = Lookup::Due(cx.around(DISCOVERY));
            return;
        };
        self.identity = Lookup::Idle;
        self.dirty |= self.facts.uid != identity.uid || self.facts.properties != identity.properties;
        self.facts.uid = identity.uid;
        self.facts.properties = identity.properties;
    }

    /// Folds in a discovery; returns true if the served kinds are different.
    pub(in crate::engine::fleet) fn on_discovered(
        &mut self,
        outcome: Result<Catalog, ClusterError>,
        cx: &mut StepContext,
    ) -> bool {
        match outcome {
            Ok(catalog) => {
                self.discovery_failures = 0;
                let step = DISCOVERY_STEPS.get(self.discovery_steps).copied();
                self.discovery_steps = self.discovery_steps.saturating_add(1);
                let due = match step {
                    Some(step) => cx.after(step),
                    None => cx.around(DISCOVERY),
                };
                self.discovery = Lookup::Due(due);
                self.catalog_error = None;
                for stream in self.streams().filter(|stream| stream.is_not_served()) {
                    stream.hurry(cx);
                }
                let changed = self.catalog.as_ref() != Some(&catalog);
                self.dirty |= changed;
                self.catalog = Some(catalog);
                changed
            }
            Err(error) => {
                self.discovery_failures = self.discovery_failures.saturating_add(1);
                self.costs.errors += 1;
                self.discovery = Lookup::Due(cx.retry(self.discovery_failures));
                let why = Text::new(error.to_string());
                let first = self.catalog.is_none() && self.catalog_error.as_ref() != Some(&why);
                self.catalog_error = Some(why);
                first
            }
        }
    }

    /// Plans discoveries after a custom kind was added, changed or removed.
    pub(in crate::engine::fleet) fn on_custom_kinds(&mut self, cx: &StepContext) {
        let soon = cx.after(DISCOVERY_STEPS.first().copied().unwrap_or_default());
        self.discovery_steps = 1;
        match self.discovery {
            Lookup::Due(due) if due <= soon => {}
            Lookup::Due(_) | Lookup::Idle => self.discovery = Lookup::Due(soon),
            // The steps after it look again.
            Lookup::Running => {}
        }
    }
}
