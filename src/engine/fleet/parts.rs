//! The parts of the core other than the clusters, in one list.

use super::documents::Documents;
use super::logs::LogStreams;
use super::member::Member;
use super::options::FleetOptions;
use crate::engine::change::part::Changes;
use crate::engine::observation::Session;
use crate::engine::part::{Clusters, KindLookup, Part};
use crate::engine::proxy_link::core::Routing;
use crate::model::cluster::{ClusterEntry, ClusterName};
use crate::model::kind::KindId;
use crate::model::text::Text;
use compact_str::format_compact;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Parts in the lists below.
const COUNT: usize = 4;

/// The capabilities that keep state in the core, a field each.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) documents: Documents,
    pub(super) logs: LogStreams,
    pub(super) proxy: Routing,
    pub(super) changes: Changes,
}

impl Parts {
    /// Returns the parts of a new fleet.
    pub(super) fn new(options: &FleetOptions) -> Self {
        Self {
            documents: Documents::default(),
            logs: LogStreams::default(),
            proxy: Routing::default(),
            changes: Changes::new(options.bulk_limit),
        }
    }

    /// Returns all parts, to ask them.
    pub(super) fn all(&self) -> [&dyn Part; COUNT] {
        let Self { documents, logs, proxy, changes } = self;
        [documents, logs, proxy, changes]
    }

    /// Returns all parts, to wake or publish them.
    pub(super) fn all_mut(&mut self) -> [&mut dyn Part; COUNT] {
        let Self { documents, logs, proxy, changes } = self;
        [documents, logs, proxy, changes]
    }
}

impl Clusters for BTreeMap<ClusterName, Member> {
    fn session(&self, name: &ClusterName) -> Result<Session, Text> {
        let member = self.get(name).ok_or(Text::const_new("the cluster is not in the inventory"))?;
        if member.is_serving() {
            return Ok(member.session());
        }
        let state = member.state();
        Err(format_compact!("{}: {}", state.word(), state.why()))
    }

    fn entries(&self) -> Vec<Arc<ClusterEntry>> {
        self.values().map(|member| Arc::clone(&member.entry)).collect()
    }

    fn kind(&self, name: &ClusterName, id: &KindId) -> KindLookup {
        let Some(member) = self.get(name) else { return KindLookup::NotKnownYet };
        match (member.kind(id), &member.catalog) {
            (Some(kind), _) => KindLookup::Served(Box::new(kind)),
            (None, Some(_)) => KindLookup::NotServed,
            (None, None) => KindLookup::NotKnownYet,
        }
    }
}
