//! One configuration in force, with all that belongs to it. A request holds on to the one it began with.

use crate::engine::proxy::audit::Audit;
use crate::engine::proxy::caller::Callers;
use crate::engine::proxy::config::{ProxyConfig, Rule};
use crate::engine::proxy::edge::Hosts;
use crate::engine::proxy::metrics::Handles;
use crate::engine::proxy::request::RequestInfo;
use crate::engine::proxy::rules::{RuleTable, fallback};
use crate::engine::proxy::target::Availability;
use crate::engine::proxy::upstream::Upstream;
use std::sync::Arc;

/// The configuration in force with everything built from it. A reload replaces it as a whole.
#[derive(Debug)]
pub struct ActiveConfig {
    /// The configuration.
    pub config: ProxyConfig,
    /// Compiled rules.
    pub table: RuleTable,
    /// Clusters, in the order of `config.clusters`.
    pub members: Vec<Arc<Upstream>>,
    /// Counters of the clusters and rules.
    pub handles: Handles,
    /// Means of authentication.
    pub callers: Arc<Callers>,
    /// Host names by which clients may call.
    pub hosts: Hosts,
    /// Audit log; `None` keeps no log.
    pub audit: Option<Arc<Audit>>,
    /// Some rule reads namespaces, and there is more than one cluster: a list over all namespaces of one cluster is
    /// incomplete.
    splits_namespaces: bool,
}

impl ActiveConfig {
    /// Joins the parts of a configuration that is to be put in force.
    pub fn new(
        config: ProxyConfig,
        table: RuleTable,
        members: Vec<Arc<Upstream>>,
        handles: Handles,
        (callers, hosts, audit): (Arc<Callers>, Hosts, Option<Arc<Audit>>),
    ) -> Self {
        let splits_namespaces = fallback::splits_namespaces(&config);
        Self { config, table, members, handles, callers, hosts, audit, splits_namespaces }
    }

    pub(super) fn rule(&self, place: Option<usize>) -> Option<&Rule> {
        self.config.rules.get(place?)
    }

    /// The name of a cluster by its index.
    pub(super) fn name(&self, cluster: usize) -> &str {
        self.config.clusters.get(cluster).map_or("", |c| &*c.name)
    }

    pub(super) fn place_of(&self, name: &str) -> Option<usize> {
        self.config.clusters.iter().position(|c| &*c.name == name)
    }

    pub(super) fn standing(&self, cluster: usize) -> Availability {
        self.members.get(cluster).map(|m| m.standing()).unwrap_or_default()
    }

    /// Returns true if the answer looks complete but is not: namespaces are in several clusters, and only one answers.
    pub(super) fn is_partial(&self, info: &RequestInfo<'_>) -> bool {
        self.splits_namespaces && fallback::lists_all_namespaces(info)
    }

    pub(super) fn fallback(&self, info: &RequestInfo<'_>) -> Option<usize> {
        fallback::fallback(&self.config, info)
    }

    pub(super) fn lets_impersonate(&self, rule: Option<usize>, info: &RequestInfo<'_>) -> bool {
        fallback::lets_impersonate(&self.config, self.rule(rule), info)
    }
}
