//! Joins sources: the data of a hub or a mapping is added to the context of the same cluster. Two contexts never become
//! one.

use super::entries::Joined;
use super::found::{Address, Found, plain};
use crate::config::kubectl_mc::{Mapped, Mapping};
use crate::model::cluster::Source;
use crate::model::text::Text;
use std::collections::{BTreeMap, HashMap};

/// Joins the contexts of this machine with the hubs and the mapping. `hub` has one entry per cluster, each with all
/// objects of its hub.
pub fn join(contexts: Vec<Found>, hub: Vec<Vec<Found>>, mapping: Option<&Mapping>) -> Vec<Joined> {
    let mut joined: Vec<Joined> = contexts.into_iter().map(Joined::alone).collect();
    let count = joined.len();
    let named = mapping.map(|m| apply_mapping(&mut joined, m)).unwrap_or_default();
    let mut by_address: HashMap<Address, Vec<usize>> = HashMap::new();
    for (i, one) in joined.iter().enumerate().take(count) {
        for address in &one.first.addresses {
            by_address.entry(address.clone()).or_default().push(i);
        }
    }
    for says in hub {
        // The user's own word counts more than an address.
        let names = says.iter().flat_map(|f| hub_name(f).into_iter().chain(f.names.first().map(String::as_str)));
        let mut targets: Vec<usize> = names.filter_map(|name| named.get(name)).copied().collect();
        if targets.is_empty() {
            let addresses = says.iter().flat_map(|f| &f.addresses);
            targets = addresses.filter_map(|a| by_address.get(a)).flatten().copied().collect();
        }
        targets.sort_unstable();
        targets.dedup();
        for target in &targets {
            if let Some(one) = joined.get_mut(*target) {
                one.others.extend(says.iter().cloned());
            }
        }
        if targets.is_empty() {
            // Another hub may know it as well.
            for address in says.iter().flat_map(|f| &f.addresses) {
                by_address.entry(address.clone()).or_insert_with(|| vec![joined.len()]);
            }
            let mut says = says.into_iter();
            if let Some(first) = says.next() {
                joined.push(Joined { others: says.collect(), ..Joined::alone(first) });
            }
        }
    }
    joined.into_iter().map(credentials_first).collect()
}

fn hub_name(found: &Found) -> Option<&str> {
    match &found.source {
        Source::Hub { name, .. } => Some(name.as_str()),
        Source::Kubeconfig { .. } | Source::InCluster | Source::Mapping { .. } => None,
    }
}

/// Adds the mapping to the contexts it names; returns the index of the cluster that each mapped name went to.
fn apply_mapping(joined: &mut Vec<Joined>, mapping: &Mapping) -> BTreeMap<String, usize> {
    let mut named = BTreeMap::new();
    for mapped in &mapping.clusters {
        let context = joined.iter().position(|j| j.first.context.as_deref() == Some(mapped.context.as_str()));
        let mut says = of_mapping(mapped, mapping);
        let at = if let Some(at) = context {
            if let Some(one) = joined.get_mut(at) {
                one.mapped.get_or_insert_with(|| mapped.name.clone());
                if !mapped.namespace.is_empty() {
                    one.first.namespace = plain(&mapped.namespace);
                }
                one.others.push(says);
            }
            at
        } else {
            let why = format!("{}:{}: context {} is in no kubeconfig file", mapping.file, mapped.line, mapped.context);
            says.endpoint = Err(plain(&why));
            joined.push(Joined::alone(says));
            joined.len() - 1
        };
        named.entry(mapped.name.clone()).or_insert(at);
    }
    named
}

fn of_mapping(mapped: &Mapped, mapping: &Mapping) -> Found {
    let source = Source::Mapping { file: Text::from(mapping.file.as_str()), context: plain(&mapped.context) };
    let mut found = Found::new(source, vec![mapped.name.clone(), format!("{}@mapping", mapped.name)]);
    found.namespace = plain(&mapped.namespace);
    found.provider = plain(&mapped.provider);
    found.region = plain(&mapped.region);
    found
}

/// Moves a source that can connect to the front, for a cluster without a context.
fn credentials_first(mut joined: Joined) -> Joined {
    if joined.first.endpoint.is_err()
        && joined.first.context.is_none()
        && let Some(other) = joined.others.iter_mut().find(|o| o.endpoint.is_ok())
    {
        std::mem::swap(&mut joined.first, other);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kubectl_mc::parse_mapping;
    use crate::engine::k8s::inventory::found::canonical;

    fn address(url: &str) -> Option<Address> {
        Some(Address { server: canonical(url)?, proxy_url: None, tls_server_name: None })
    }

    fn context(name: &str, url: &str) -> Found {
        let source = Source::Kubeconfig { file: Text::from("/k/c"), context: Text::from(name) };
        let mut found = Found::new(source, vec![name.to_owned()]);
        found.context = Some(Text::from(name));
        found.addresses.extend(address(url));
        found
    }

    fn profile(name: &str, url: &str) -> Vec<Found> {
        let (hub, kind, namespace) = (Text::from("hub"), Text::from("ClusterProfile"), Text::from("fleet"));
        let source = Source::Hub { hub, kind, namespace, name: Text::from(name) };
        let mut found = Found::new(source, vec![name.to_owned()]);
        found.addresses.extend(address(url));
        vec![found]
    }

    fn shape(joined: &[Joined]) -> Vec<(String, usize)> {
        joined.iter().map(|j| (j.first.names[0].clone(), j.others.len())).collect()
    }

    fn owned(shape: &[(&str, usize)]) -> Vec<(String, usize)> {
        shape.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
    }

    #[test]
    fn a_hub_entry_joins_every_context_of_its_address_and_no_other() {
        let contexts = || {
            vec![
                context("ann@eu", "https://eu:6443/"),
                context("bob@eu", "https://EU:6443"),
                context("gw-a", "https://gw/clusters/a"),
            ]
        };
        let joined =
            join(contexts(), vec![profile("eu", "https://eu:6443"), profile("b", "https://gw/clusters/b")], None);
        assert_eq!(shape(&joined), owned(&[("ann@eu", 1), ("bob@eu", 1), ("gw-a", 0), ("b", 0)]));
        let mut proxied = profile("eu", "https://eu:6443");
        proxied[0].addresses[0].proxy_url = Some("http://proxy:1".to_owned());
        let joined = join(contexts(), vec![proxied], None);
        assert_eq!(joined.len(), 4, "another proxy is another way");
        let joined = join(contexts(), vec![profile("ann@eu", "")], None);
        assert_eq!(joined.len(), 4, "an equal name joins nothing");
    }

    #[test]
    fn the_mapping_names_contexts_and_joins_by_the_users_word() {
        let text = "clusters:
- {name: prod-eu, context: ann@eu, namespace: pay, cloudProvider: aws, region: eu-west-1}
- {name: gone, context: nope}
";
        let mapping = parse_mapping(text, "~/map").unwrap();
        let joined = join(
            vec![context("ann@eu", "https://eu")],
            vec![profile("prod-eu", "https://cluster-proxy.svc:9092/prod-eu"), profile("gone", "https://gone")],
            Some(&mapping),
        );
        assert_eq!(shape(&joined), owned(&[("ann@eu", 2), ("gone", 1)]));
        assert_eq!(joined[0].mapped.as_deref(), Some("prod-eu"));
        assert_eq!(joined[0].first.namespace, "pay");
        let defect = joined[1].first.endpoint.clone().unwrap_err();
        assert_eq!(defect, "~/map:3: context nope is in no kubeconfig file");
    }

    proptest::proptest! {
        #[test]
        fn every_context_stays_and_stays_alone(
            contexts in proptest::collection::vec("[abc]", 0..6),
            hub in proptest::collection::vec("[abcd]", 0..6),
        ) {
            let all: Vec<Found> = contexts.iter().enumerate()
                .map(|(i, host)| context(&format!("c{i}"), &format!("https://{host}"))).collect();
            let says: Vec<Vec<Found>> = hub.iter().map(|host| profile("p", &format!("https://{host}"))).collect();
            let joined = join(all, says, None);
            for (i, host) in contexts.iter().enumerate() {
                assert_eq!(joined[i].first.context.as_deref(), Some(format!("c{i}").as_str()));
                assert_eq!(joined[i].others.len(), hub.iter().filter(|h| *h == host).count());
            }
            let alone: std::collections::BTreeSet<_> = hub.iter().filter(|h| !contexts.contains(h)).collect();
            assert_eq!(joined.len(), contexts.len() + alone.len());
        }
    }
}
