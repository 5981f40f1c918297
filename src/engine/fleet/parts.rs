//! The parts of the core other than the clusters, in one list.

use super::documents::Documents;
use super::logs::LogStreams;
use super::member::Member;
use crate::engine::observation::Session;
use crate::engine::part::{Clusters, KindLookup, Part};
use crate::engine::proxy_link::core::Routing;
use crate::model::cluster::ClusterName;
use crate::model::kind::KindId;
use crate::model::text::Text;
use compact_str::format_compact;
use std::collections::BTreeMap;

/// Parts in the lists below.
const COUNT: usize = 3;

/// The capabilities that keep state in the core, a field each.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) documents: Documents,
    pub(super) logs: LogStreams,
    pub(super) proxy: Routing,
}

impl Parts {
    /// Returns all parts, to ask them.
    pub(super) fn all(&self) -> [&dyn Part; COUNT] {
        let Self { documents, logs, proxy } = self;
        [documents, logs, proxy]
    }

    /// Returns all parts, to wake or publish them.
    pub(super) fn all_mut(&mut self) -> [&mut dyn Part; COUNT] {
        let Self { documents, logs, proxy } = self;
        [documents, logs, proxy]
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

    fn kind(&self, name: &ClusterName, id: &KindId) -> KindLookup {
        let Some(member) = self.get(name) else { return KindLookup::NotKnownYet };
        match (member.kind(id), &member.catalog) {
            (Some(kind), _) => KindLookup::Served(Box::new(kind)),
            (None, Some(_)) => KindLookup::NotServed,
            (None, None) => KindLookup::NotKnownYet,
        }
    }
}
