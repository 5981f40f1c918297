//! Services, endpoint slices, ingresses and network policies.

use super::selector::Selector;
use super::wire::{Maybe, Meta, Object, Pairs, Seq, Str, join, joined, or_none};
use super::{Projected, health};
use crate::model::cell::Cell;
use crate::model::health::Health;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ServiceSpec<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Str<'a>,
    #[serde(borrow, rename = "clusterIPs")]
    cluster_ips: Seq<Str<'a>>,
    #[serde(borrow, rename = "externalIPs")]
    external_ips: Seq<Str<'a>>,
    external_name: Str<'a>,
    #[serde(borrow)]
    ports: Seq<Exposed<'a>>,
    #[serde(borrow)]
    selector: Pairs<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Exposed<'a> {
    #[serde(borrow)]
    protocol: Str<'a>,
    port: i64,
    node_port: i64,
}

/// The status of objects behind a load balancer: services and ingresses.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Balanced<'a> {
    #[serde(borrow)]
    load_balancer: Maybe<LoadBalancer<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct LoadBalancer<'a> {
    #[serde(borrow)]
    ingress: Seq<Ingress<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Ingress<'a> {
    #[serde(borrow)]
    ip: Str<'a>,
    hostname: Str<'a>,
}

impl LoadBalancer<'_> {
    /// Its addresses, each once, sorted.
    fn addresses(&self) -> BTreeSet<&str> {
        self.ingress.iter().map(|i| i.ip.or(&i.hostname)).filter(|a| !a.is_empty()).collect()
    }
}

fn external(spec: &ServiceSpec<'_>, status: &Balanced<'_>) -> Cell {
    let own = spec.external_ips.iter().map(|ip| &**ip);
    match &*spec.kind {
        "ClusterIP" | "NodePort" => or_none(&joined(own, ",")),
        "LoadBalancer" => match joined(status.load_balancer.addresses().into_iter().chain(own), ",") {
            none if none.is_empty() => Cell::text("<pending>"),
            some => Cell::text(&some),
        },
        "ExternalName" => Cell::text(&spec.external_name),
        _ => Cell::Unknown,
    }
}

fn service_ports(ports: &[Exposed<'_>]) -> String {
    let mut text = String::new();
    for port in ports {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a text cannot fail.
        let _written = match port.node_port {
            0 => write!(text, "{comma}{}/{}", port.port, &*port.protocol),
            node_port => write!(text, "{comma}{}:{node_port}/{}", port.port, &*port.protocol),
        };
    }
    text
}

pub(super) fn service(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let service: Object<'_, ServiceSpec<'_>, Balanced<'_>> = serde_json::from_str(raw)?;
    let (spec, status) = (&service.spec, &service.status);
    let ip = spec.cluster_ips.first().unwrap_or(&spec.cluster_ip);
    let waits = *spec.kind == *"LoadBalancer" && status.load_balancer.addresses().is_empty();
    let health = match () {
        () if service.metadata.is_terminating() => Health::Progressing,
        () if waits => Health::Degraded(health::reason("LoadBalancerPending")),
        () => Health::Healthy,
    };
    let cells = Box::new([
        Cell::text(&spec.kind),
        or_none(ip),
        external(spec, status),
        or_none(&service_ports(&spec.ports)),
        service.metadata.age(),
        or_none(&spec.selector.text()),
    ]);
    Ok(Projected { cells, health, meta: service.metadata })
}

/// How many entries a cell of a long list shows.
const SHOWN_MAX: usize = 3;

/// The first entries, and how many more there are of `count`.
fn some_of(shown: &str, count: usize) -> Cell {
    match count.saturating_sub(SHOWN_MAX) {
        0 if shown.is_empty() => Cell::text("<unset>"),
        0 => Cell::text(shown),
        more => Cell::text(&format!("{shown} + {more} more...")),
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EndpointSlice<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    address_type: Str<'a>,
    #[serde(borrow)]
    ports: Seq<EndpointPort<'a>>,
    #[serde(borrow)]
    endpoints: Seq<Endpoint<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct EndpointPort<'a> {
    #[serde(borrow)]
    name: Option<Str<'a>>,
    port: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Endpoint<'a> {
    #[serde(borrow)]
    addresses: Seq<Str<'a>>,
}

pub(super) fn endpoint_slice(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let slice: EndpointSlice<'_> = serde_json::from_str(raw)?;
    let ports: Vec<String> = slice
        .ports
        .iter()
        .take(SHOWN_MAX)
        .map(|p| match (p.port, &p.name) {
            (Some(port), _) => port.to_string(),
            (None, Some(name)) => (**name).to_owned(),
            (None, None) => "*".to_owned(),
        })
        .collect();
    let addresses = || slice.endpoints.iter().flat_map(|e| e.addresses.iter()).map(|a| &**a);
    let cells = Box::new([
        Cell::text(&slice.address_type),
        some_of(&ports.join(","), slice.ports.len()),
        some_of(&joined(addresses().take(SHOWN_MAX), ","), addresses().count()),
        slice.metadata.age(),
    ]);
    Ok(Projected { cells, health: Health::Unknown, meta: slice.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct IngressSpec<'a> {
    #[serde(borrow)]
    ingress_class_name: Option<Str<'a>>,
    #[serde(borrow)]
    rules: Seq<IngressRule<'a>>,
    tls: Seq<serde::de::IgnoredAny>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct IngressRule<'a> {
    #[serde(borrow)]
    host: Str<'a>,
}

fn hosts(rules: &[IngressRule<'_>]) -> Cell {
    let mut shown: Vec<&str> = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= shown.len() == SHOWN_MAX;
        if !more && !rule.host.is_empty() {
            shown.push(&rule.host);
        }
    }
    match shown.join(",") {
        none if none.is_empty() => Cell::text("*"),
        some if more => Cell::text(&format!("{some} + {} more...", rules.len() - SHOWN_MAX)),
        some => Cell::text(&some),
    }
}

pub(super) fn ingress(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let ingress: Object<'_, IngressSpec<'_>, Balanced<'_>> = serde_json::from_str(raw)?;
    let spec = &ingress.spec;
    let cells = Box::new([
        spec.ingress_class_name.as_ref().map_or(Cell::None, |class| Cell::text(class)),
        hosts(&spec.rules),
        join(ingress.status.load_balancer.addresses().into_iter(), ","),
        Cell::text(if spec.tls.is_empty() { "80" } else { "80, 443" }),
        ingress.metadata.age(),
    ]);
    Ok(Projected { cells, health: Health::Unknown, meta: ingress.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PolicySpec<'a> {
    #[serde(borrow)]
    pod_selector: Maybe<Selector<'a>>,
}

pub(super) fn network_policy(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let policy: Object<'_, PolicySpec<'_>> = serde_json::from_str(raw)?;
    let cells = Box::new([policy.spec.pod_selector.cell(), policy.metadata.age()]);
    Ok(Projected { cells, health: Health::Unknown, meta: policy.metadata })
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "JSON literals are passed as they are written")]
mod tests {
    use crate::engine::k8s::projection::testing::{cells, made, project};
    use crate::model::health::Health;
    use serde_json::{Value, json};

    #[track_caller]
    fn service(spec: Value, status: Value, expected: [&str; 6]) -> Health {
        let row = project("", "Service", &made(json!({"spec": spec, "status": status})));
        assert_eq!(cells(&row), expected);
        row.health
    }

    #[test]
    fn services_say_how_they_are_reached() {
        let ports = json!([{"port": 80, "protocol": "TCP"}, {"port": 53, "nodePort": 30053, "protocol": "UDP"}]);
        let node_port = json!({"type": "NodePort", "clusterIPs": ["10.0.0.1", "fd00::1"], "ports": ports, "selector": {"b": "2", "a": "1"}});
        service(node_port, json!({}), ["NodePort", "10.0.0.1", "<none>", "80/TCP,53:30053/UDP", "2m", "a=1,b=2"]);
        let headless = json!({"type": "ClusterIP", "clusterIP": "None", "externalIPs": ["1.1.1.1", "2.2.2.2"]});
        service(headless, json!({}), ["ClusterIP", "None", "1.1.1.1,2.2.2.2", "<none>", "2m", "<none>"]);
        let name = json!({"type": "ExternalName", "externalName": "example.org"});
        service(name, json!({}), ["ExternalName", "<none>", "example.org", "<none>", "2m", "<none>"]);
    }

    #[test]
    fn a_load_balancer_without_an_address_is_degraded() {
        let spec = json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"});
        let waiting =
            service(spec.clone(), json!({}), ["LoadBalancer", "10.0.0.1", "<pending>", "<none>", "2m", "<none>"]);
        assert_eq!(waiting, Health::Degraded("LoadBalancerPending".into()));
        let status =
            json!({"loadBalancer": {"ingress": [{"hostname": "z.example"}, {"ip": "9.9.9.9"}, {"ip": "9.9.9.9"}]}});
        let up = service(spec, status, ["LoadBalancer", "10.0.0.1", "9.9.9.9,z.example", "<none>", "2m", "<none>"]);
        assert_eq!(up, Health::Healthy);
    }

    #[test]
    fn long_lists_say_how_many_more() {
        let slice = json!({"addressType": "IPv4", "ports": [{"port": 80}, {"name": "x"}, {}, {"port": 4}],
            "endpoints": [{"addresses": ["1", "2"]}, {"addresses": ["3", "4"]}, {"addresses": ["5"]}]});
        let shown = cells(&project("discovery.k8s.io", "EndpointSlice", &made(slice)));
        assert_eq!(shown, ["IPv4", "80,x,* + 1 more...", "1,2,3 + 2 more...", "2m"]);
        let empty =
            cells(&project("discovery.k8s.io", "EndpointSlice", &made(json!({"addressType": "IPv6", "ports": null}))));
        assert_eq!(empty, ["IPv6", "<unset>", "<unset>", "2m"]);
    }

    #[test]
    fn ingresses_and_policies() {
        let hosts = |hosts: &[&str]| {
            let rules: Vec<Value> = hosts.iter().map(|h| json!({"host": h})).collect();
            let object = made(json!({"spec": {"ingressClassName": "nginx", "rules": rules, "tls": [{}]}}));
            cells(&project("networking.k8s.io", "Ingress", &object))
        };
        assert_eq!(hosts(&["a", "b", "c", "d", "e"]), ["nginx", "a,b,c + 2 more...", "", "80, 443", "2m"]);
        assert_eq!(hosts(&["", "b"])[1], "b");
        assert_eq!(hosts(&[])[1], "*");
        let policy = |selector: Value| {
            cells(&project("networking.k8s.io", "NetworkPolicy", &made(json!({"spec": {"podSelector": selector}}))))
        };
        assert_eq!(policy(json!({})), ["<none>", "2m"]);
        let expressions = json!({"matchLabels": {"m": "1"}, "matchExpressions": [
            {"key": "z", "operator": "NotIn", "values": ["b", "a"]}, {"key": "a", "operator": "Exists"},
            {"key": "k", "operator": "DoesNotExist"}]});
        assert_eq!(policy(expressions), ["a,!k,m=1,z notin (a,b)", "2m"]);
    }
}
