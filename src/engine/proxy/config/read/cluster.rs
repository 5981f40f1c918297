//! `clusters:`: where each is, who we are there, and how it is treated.

use super::credential::{self, texts};
use super::{At, CLUSTERS_MAX, Listed, Piece, Reader, address};
use crate::config::schema::{span, word};
use crate::config::tree::Node;
use crate::config::yaml::nearest;
use crate::engine::k8s::endpoint::{Endpoint, User};
use crate::engine::proxy::config::{Mode, ProxyConfig, UpstreamCluster, schema};
use crate::model::text::clean;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Endpoints of one cluster.
const ENDPOINTS_MAX: usize = 16;

/// Deadline of the proxy's own requests (probes, reviews) at an endpoint, in seconds.
const TIMEOUT_S: u32 = 30;

impl Reader<'_> {
    pub(super) fn clusters(&mut self, pieces: &[Piece], config: &mut ProxyConfig) {
        for piece in pieces {
            for node in piece.root.get("clusters").map(Node::items).unwrap_or_default() {
                if config.clusters.len() == CLUSTERS_MAX {
                    self.flaw(&piece.at(node), format!("more than {CLUSTERS_MAX} clusters"));
                    return;
                }
                if let Some(cluster) = self.cluster(piece, node, &config.clusters) {
                    config.clusters.push(cluster);
                }
            }
        }
        if config.clusters.is_empty() && self.flaws.is_empty() {
            let at = At { file: self.context.origin.to_owned(), line: 0 };
            self.flaw(&at, "no clusters: add `clusters:` with at least one");
        }
    }

    fn cluster(&mut self, piece: &Piece, node: &Node, before: &[UpstreamCluster]) -> Option<UpstreamCluster> {
        let at = piece.at(node.get("name")?);
        let name = node.get("name").and_then(Node::text)?;
        if !is_name(name) {
            self.flaw(&at, "`name`: expected at most 128 letters, digits, `-`, `_`, `.`");
            return None;
        }
        if let Some(other) = before.iter().find(|c| &*c.name == name) {
            self.flaw(&at, format!("cluster `{name}` is given twice: here and at {}", other.place));
            return None;
        }
        let mut cluster = match node.get("cluster") {
            Some(wanted) => self.of_inventory(piece, node, wanted, name)?,
            None => self.of_endpoints(piece, node, name)?,
        };
        cluster.place = at.to_string();
        self.origin(format!("clusters.{name}"), &at);
        self.traits(piece, node, &mut cluster);
        self.settings_of(piece, node, &mut cluster);
        Some(cluster)
    }

    /// Reads endpoint and identity from the inventory's cluster with that name, context or alias.
    fn of_inventory(&mut self, piece: &Piece, node: &Node, wanted: &Node, name: &str) -> Option<UpstreamCluster> {
        let at = piece.at(wanted);
        let vain = ["endpoint", "endpoints", "tlsServerName", "insecureSkipTLSVerify", "proxyURL"];
        for key in vain.iter().chain(credential::KEYS).filter(|key| node.get(key).is_some()) {
            self.flaw(&at, format!("`cluster` takes endpoint and credentials from the inventory: leave out `{key}`"));
        }
        let asked = wanted.text().unwrap_or_default();
        let inventory = self.context.inventory;
        let by_context = || inventory.iter().find(|l| l.context.as_deref() == Some(asked));
        let Some(listed) = inventory.iter().find(|l| l.name == asked).or_else(by_context) else {
            let known: Vec<&str> = inventory.iter().map(|l| l.name.as_str()).collect();
            let shown = clean(asked);
            let message = match nearest(asked, &known) {
                Some(near) => format!("no cluster `{shown}` in the inventory: did you mean `{near}`?"),
                None => format!("no cluster `{shown}` in the inventory: see `qd clusters --offline`"),
            };
            self.flaw(&at, message);
            return None;
        };
        let endpoint = match &listed.endpoint {
            Ok(endpoint) => endpoint,
            Err(why) => {
                self.flaw(&at, format!("cluster `{}` cannot be connected: {why}", listed.name));
                return None;
            }
        };
        // What stands in the user's own kubeconfig may be link-local: nobody else wrote it.
        if let Some(why) = address::flaw_of(&endpoint.server, true) {
            self.flaw(&at, format!("the server of cluster `{}` {why}", listed.name));
            return None;
        }
        let origin = At { file: format!("inventory {}", listed.name), line: 0 };
        for value in ["endpoints", "namespace", "region", "labels"] {
            self.origin(format!("clusters.{name}.{value}"), &origin);
        }
        self.inherited.insert(Arc::from(name));
        Some(inherited(listed, Arc::clone(endpoint), name))
    }

    fn of_endpoints(&mut self, piece: &Piece, node: &Node, name: &str) -> Option<UpstreamCluster> {
        let at = piece.at(node);
        let given: Vec<(String, At)> = ["endpoint", "endpoints"]
            .iter()
            .filter_map(|key| node.get(key))
            .flat_map(|node| {
                let own = piece.at(node);
                texts(Some(node)).into_iter().map(move |text| (text, own.clone())).collect::<Vec<_>>()
            })
            .collect();
        if given.is_empty() {
            self.flaw(&at, format!("cluster `{name}` names no `endpoint`, nor a `cluster` of the inventory"));
            return None;
        }
        if given.len() > ENDPOINTS_MAX {
            self.flaw(&at, format!("cluster `{name}` has more than {ENDPOINTS_MAX} endpoints"));
            return None;
        }
        let trust = self.trust(piece, node, name);
        let mut seen = BTreeSet::new();
        let mut endpoints = Vec::new();
        for (server, at) in given {
            let server = server.trim().trim_end_matches('/').to_owned();
            if let Some(why) = address::flaw_of(&server, self.allows_link_local) {
                self.flaw(&at, format!("the endpoint of cluster `{name}` {why}"));
            } else if seen.insert(server.to_lowercase()) {
                self.origin(format!("clusters.{name}.endpoints"), &at);
                endpoints.push(Arc::new(Endpoint { server, ..trust.clone() }));
            } else {
                self.flaw(&at, format!("an endpoint of cluster `{name}` is given twice"));
            }
        }
        let first = endpoints.first().map(Arc::clone)?;
        let mut cluster = UpstreamCluster::new(name, first);
        cluster.endpoints = endpoints;
        Some(cluster)
    }

    /// Reads the settings that all endpoints of a cluster share.
    fn trust(&mut self, piece: &Piece, node: &Node, name: &str) -> Endpoint {
        let identity = self.identity(piece, node, name);
        let mode = node.get("mode").and_then(Node::text).and_then(|t| word(t, schema::MODES));
        if identity.user == User::default() && mode != Some("passthrough") {
            let text = format!("cluster {name} has no credential: requests arrive there as system:anonymous");
            self.finding("no-credential", &piece.at(node), None, &text);
        }
        let insecure = node.get("insecureSkipTLSVerify").and_then(Node::flag).unwrap_or(false);
        if insecure && identity.ca.is_some() {
            self.flaw(&piece.at(node), format!("cluster `{name}` has a CA and `insecureSkipTLSVerify`: choose one"));
        }
        let proxy_url = node.get("proxyURL").and_then(Node::text).filter(|t| !t.is_empty());
        let is_known = |url: &str| {
            let known = ["http://", "https://", "socks5://", "socks5h://"];
            known.iter().any(|scheme| url.starts_with(scheme))
        };
        if let (Some(url), Some(given)) = (proxy_url, node.get("proxyURL")) {
            match url.parse::<http::Uri>().ok().filter(|_| is_known(url)) {
                None => self.flaw(&piece.at(given), "`proxyURL`: expected http://, https:// or socks5://"),
                Some(uri) => {
                    if let Some(why) = address::flaw_of_host(uri.host().unwrap_or_default(), self.allows_link_local) {
                        self.flaw(&piece.at(given), format!("the `proxyURL` of cluster `{name}` {why}"));
                    }
                }
            }
        }
        let server_name = node.get("tlsServerName").and_then(Node::text).filter(|t| !t.is_empty());
        for key in ["insecureSkipTLSVerify", "proxyURL", "tlsServerName"] {
            if let Some(given) = node.get(key) {
                self.origin(format!("clusters.{name}.{key}"), &piece.at(given));
            }
        }
        Endpoint {
            tls_server_name: server_name.map(str::to_owned),
            insecure,
            ca: identity.ca,
            proxy_url: proxy_url.map(str::to_owned),
            user: identity.user,
            timeout_s: TIMEOUT_S,
            guarded: !self.allows_link_local,
            ..Endpoint::plain("", name)
        }
    }

    /// Reads the attributes that rules select the cluster by.
    fn traits(&mut self, piece: &Piece, node: &Node, cluster: &mut UpstreamCluster) {
        let name = Arc::clone(&cluster.name);
        let mut given = |key: &str| {
            let found = node.get(key)?;
            self.origin(format!("clusters.{name}.{key}"), &piece.at(found));
            Some(found)
        };
        if let Some(namespace) = given("namespace").and_then(Node::text) {
            namespace.clone_into(&mut cluster.namespace);
        }
        if let Some(region) = given("region").and_then(Node::text) {
            region.clone_into(&mut cluster.region);
        }
        if let Some(labels) = given("labels") {
            cluster.labels = text_map(labels);
        }
        if let Some(weight) = given("weight").and_then(count) {
            cluster.weight = weight;
        }
        if let Some(capacity) = given("capacity").and_then(count) {
            cluster.capacity = capacity;
        }
        if let Some(cost) = given("cost").and_then(Node::number) {
            cluster.cost = cost;
        }
        if let Some(mode) = given("mode").and_then(Node::text) {
            cluster.mode = match word(mode, schema::MODES) {
                Some("impersonate") => Mode::Impersonate,
                Some("passthrough") => Mode::Passthrough,
                _ => Mode::Swap,
            };
        }
        let windows = given("maintenance").map(Node::items).unwrap_or_default();
        cluster.maintenance = windows.iter().filter_map(|w| self.window(piece, w)).collect();
        let namespace = &cluster.namespace;
        if !is_name(namespace) || namespace.len() > 63 {
            let at = piece.at(node.get("namespace").unwrap_or(node));
            self.flaw(&at, format!("cluster `{}`: `namespace` is no name of a namespace", cluster.name));
        }
    }

    /// Reads the settings for probes, retries and the breaker.
    fn settings_of(&mut self, piece: &Piece, node: &Node, cluster: &mut UpstreamCluster) {
        let name = Arc::clone(&cluster.name);
        for section in ["healthCheck", "retry", "circuitBreaker"] {
            for (key, value) in node.get(section).map(Node::entries).unwrap_or_default() {
                self.origin(format!("clusters.{name}.{section}.{}", key.text), &piece.at(value));
            }
        }
        let of = |section: &str, key: &str| node.get(section)?.get(key);
        let health = &mut cluster.health;
        set(&mut health.interval, of("healthCheck", "interval").and_then(span));
        set(&mut health.timeout, of("healthCheck", "timeout").and_then(span));
        set(&mut health.path, of("healthCheck", "path").and_then(Node::text).map(str::to_owned));
        set(&mut health.failures, of("healthCheck", "failures").and_then(count));
        let retry = &mut cluster.retry;
        set(&mut retry.max_retries, of("retry", "maxRetries").and_then(count));
        set(&mut retry.backoff_factor, of("retry", "backoffFactor").and_then(Node::number));
        set(&mut retry.max_delay, of("retry", "maxDelay").and_then(span));
        let breaker = &mut cluster.breaker;
        set(&mut breaker.failure_threshold, of("circuitBreaker", "failureThreshold").and_then(count));
        set(&mut breaker.recovery_timeout, of("circuitBreaker", "recoveryTimeout").and_then(span));
        set(&mut breaker.half_open_requests, of("circuitBreaker", "halfOpenRequests").and_then(count));
        if cluster.health.interval < Duration::from_secs(1) || cluster.health.timeout.is_zero() {
            let at = piece.at(node.get("healthCheck").unwrap_or(node));
            self.flaw(&at, "`healthCheck`: `interval` is at least 1s, and `timeout` more than nothing");
        }
        if !cluster.health.path.starts_with('/') || cluster.health.path.parse::<http::uri::PathAndQuery>().is_err() {
            let at = piece.at(of("healthCheck", "path").unwrap_or(node));
            self.flaw(&at, "`path` is no path: write `/readyz`");
        }
    }

    /// Adds every cluster of the inventory that can be reached over TLS.
    pub(super) fn whole_inventory(&mut self, config: &mut ProxyConfig) {
        for listed in self.context.inventory.iter().take(CLUSTERS_MAX) {
            let at = At { file: format!("inventory {}", listed.name), line: 0 };
            let checked = listed.endpoint.as_ref().map_err(Clone::clone).and_then(|endpoint| {
                address::flaw_of(&endpoint.server, true).map_or(Ok(endpoint), |why| Err(format!("its server {why}")))
            });
            match checked {
                Ok(endpoint) => {
                    let mut cluster = inherited(listed, Arc::clone(endpoint), &listed.name);
                    cluster.place = at.to_string();
                    self.inherited.insert(Arc::clone(&cluster.name));
                    self.origin(format!("clusters.{}", listed.name), &at);
                    config.clusters.push(cluster);
                }
                Err(why) => {
                    self.finding("left-out", &at, None, &format!("{} is not served: {why}", listed.name));
                }
            }
        }
    }
}

fn inherited(listed: &Listed, endpoint: Arc<Endpoint>, name: &str) -> UpstreamCluster {
    let mut cluster = UpstreamCluster::new(name, endpoint);
    if !listed.namespace.is_empty() {
        cluster.namespace.clone_from(&listed.namespace);
    }
    cluster.region.clone_from(&listed.region);
    cluster.labels.clone_from(&listed.labels);
    cluster
}

pub(super) fn set<T>(value: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *value = given;
    }
}

/// Returns a whole number that the schema has bounded.
pub(super) fn count(node: &Node) -> Option<u32> {
    u32::try_from(node.whole()?).ok()
}

pub(super) fn text_map(node: &Node) -> BTreeMap<String, String> {
    node.entries().iter().filter_map(|(key, value)| Some((key.text.clone(), value.text()?.to_owned()))).collect()
}

/// Returns true for a name that is safe in metrics, logs and keys of Secrets.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=128).contains(&name.len()) && name.chars().all(fits)
}
