//! Health of clusters for `qd route test`: from the proxy that runs on this machine, if there is one.

use crate::engine::admin::{Client, Found};
use crate::engine::k8s::client::service::Server;
use crate::engine::proxy::admin_client::ProxyAdminClient;
use crate::engine::proxy::config::{ProxyConfig, UpstreamCluster};
use crate::engine::proxy::target::Availability;
use crate::engine::proxy::upstream::CAPACITY;
use crate::model::proxy::{BreakerState, EndpointFacts, EndpointHealth, Routes, TrafficState, UpstreamFacts};
use std::path::Path;

/// The availability of each cluster of a configuration, and its source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HealthSource {
    /// Availability by index in the configuration.
    standings: Vec<Availability>,
    /// A line that names the source.
    pub(super) said: String,
    /// A running proxy knows each of the clusters.
    pub(super) whole: bool,
}

impl HealthSource {
    pub(super) fn of(&self, cluster: usize) -> Availability {
        self.standings.get(cluster).copied().unwrap_or_default()
    }

    /// Requests the health from the proxy whose address is in the folder `state`.
    pub(super) async fn asked(config: &ProxyConfig, state: &Path) -> Self {
        let Some(found) = Found::in_folder(state) else { return Self::assumed(config, "no proxy runs here") };
        let (address, pid) = (found.address, found.pid);
        let told = match Client::new(address, found.token).map(ProxyAdminClient) {
            Ok(client) => client.routes().await,
            Err(why) => Err(why),
        };
        match told {
            Ok(routes) => Self::told(config, &routes, &format!("of the proxy that runs here ({address}, pid {pid})")),
            Err(why) => Self::assumed(config, &format!("the proxy here says nothing ({why})")),
        }
    }

    /// Assumes health without a request, for the reason `why`.
    pub(super) fn assumed(config: &ProxyConfig, why: &str) -> Self {
        let standings = config.clusters.iter().map(well).collect();
        Self { standings, said: format!("{why}: every cluster is taken to be well"), whole: false }
    }

    fn told(config: &ProxyConfig, routes: &Routes, whose: &str) -> Self {
        let of = |cluster: &UpstreamCluster| {
            let facts = routes.clusters.iter().find(|facts| *facts.name == *cluster.name)?;
            let mut known = cluster.endpoints.iter().filter_map(|endpoint| {
                let address = Server::parse(&endpoint.server, None).ok()?.address;
                facts.endpoints.iter().find(|facts| *facts.address == *address)
            });
            // A cluster of this name that is elsewhere is another.
            let first = known.next()?;
            Some(standing(cluster, facts, std::iter::once(first).chain(known)))
        };
        let told: Vec<Option<Availability>> = config.clusters.iter().map(of).collect();
        let missing: Vec<&str> =
            config.clusters.iter().zip(&told).filter(|(_, told)| told.is_none()).map(|(c, _)| &*c.name).collect();
        let said = match missing.as_slice() {
            [] => whose.to_owned(),
            missing => format!("{whose}; what it does not know is taken to be well: {}", missing.join(", ")),
        };
        let whole = missing.is_empty();
        let standings = config.clusters.iter().zip(told).map(|(c, told)| told.unwrap_or_else(|| well(c))).collect();
        Self { standings, said, whole }
    }
}

fn well(cluster: &UpstreamCluster) -> Availability {
    Availability { routable: true, takes_new: true, load: 0, free: cluster.capacity }
}

/// As the proxy itself judges it.
fn standing<'a>(
    cluster: &UpstreamCluster,
    facts: &UpstreamFacts,
    endpoints: impl Iterator<Item = &'a EndpointFacts>,
) -> Availability {
    let takes = |one: &EndpointFacts| {
        one.breaker != BreakerState::Open && matches!(one.health, EndpointHealth::Ready | EndpointHealth::Unknown)
    };
    let routable = facts.traffic != TrafficState::Blocked && endpoints.into_iter().any(takes);
    let load = u32::try_from(facts.in_flight).unwrap_or(u32::MAX);
    let capacity = match cluster.capacity {
        0 => CAPACITY.saturating_mul(u32::try_from(cluster.endpoints.len()).unwrap_or(1)),
        said => said,
    };
    Availability {
        routable,
        takes_new: routable && facts.traffic == TrafficState::Open,
        load,
        free: capacity.saturating_sub(load),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::k8s::endpoint::Endpoint;
    use crate::model::text::Text;
    use std::sync::Arc;

    fn config(capacity: u32) -> ProxyConfig {
        let cluster = |name: &str, server: &str| UpstreamCluster {
            capacity,
            ..UpstreamCluster::new(name, Arc::new(Endpoint::plain(server, name)))
        };
        ProxyConfig {
            clusters: vec![cluster("a", "https://a.example:6443"), cluster("b", "https://b.example")],
            ..ProxyConfig::default()
        }
    }

    fn facts(name: &str, address: &str, health: EndpointHealth) -> UpstreamFacts {
        let endpoint = EndpointFacts { address: Text::new(address), health, ..EndpointFacts::default() };
        UpstreamFacts { name: Text::new(name), endpoints: vec![endpoint], in_flight: 30, ..UpstreamFacts::default() }
    }

    fn known(capacity: u32, clusters: [UpstreamFacts; 2]) -> HealthSource {
        let routes = Routes { clusters: clusters.into(), ..Routes::default() };
        HealthSource::told(&config(capacity), &routes, "of the proxy")
    }

    #[test]
    fn a_cluster_is_as_the_proxy_says() {
        let down = EndpointHealth::Unreachable;
        let ready = facts("a", "a.example:6443", EndpointHealth::Ready);
        let known = known(100, [ready, facts("b", "b.example:443", down)]);
        assert_eq!(known.of(0), Availability { routable: true, takes_new: true, load: 30, free: 70 });
        assert!(!known.of(1).routable && !known.of(1).takes_new);
        assert_eq!((known.said.as_str(), known.whole), ("of the proxy", true));
    }

    #[test]
    fn a_switch_and_a_breaker_count_as_well() {
        let ready = |name, address| facts(name, address, EndpointHealth::Ready);
        let draining = UpstreamFacts { traffic: TrafficState::Draining, ..ready("a", "a.example:6443") };
        let mut open = ready("b", "b.example:443");
        open.endpoints[0].breaker = BreakerState::Open;
        let known = known(0, [draining, open]);
        assert_eq!(known.of(0), Availability { routable: true, takes_new: false, load: 30, free: 370 });
        assert!(!known.of(1).routable);
    }

    #[test]
    fn a_cluster_of_the_same_name_elsewhere_is_another() {
        let down = EndpointHealth::Unreachable;
        let known = known(100, [facts("a", "a.example:6443", down), facts("b", "other.example:443", down)]);
        assert!(!known.of(0).routable && known.of(1).routable);
        assert_eq!(
            (known.said.as_str(), known.whole),
            ("of the proxy; what it does not know is taken to be well: b", false)
        );
        let none = HealthSource::assumed(&config(7), "no proxy runs here");
        assert_eq!(none.of(1), Availability { routable: true, takes_new: true, load: 0, free: 7 });
        assert_eq!(none.said, "no proxy runs here: every cluster is taken to be well");
    }
}
