use super::*;
use crate::engine::k8s::endpoint::Material;
use crate::engine::proxy::config::{Action, Balance, Field, Operator};
use std::time::Duration;

/// As the requirement writes it.
const RULES: &str = "\
rules:
- name: production-workloads
  priority: 100
  conditions:
  - type: namespace
    operator: equals
    value: production
  actions:
    targetCluster: prod-cluster

- name: staging-workloads
  priority: 90
  conditions:
  - type: namespace
    operator: contains
    value: staging
  actions:
    targetClusters: [staging-cluster-1, staging-cluster-2]
    loadBalancing: round-robin

- name: development-resources
  priority: 80
  conditions:
  - type: resource
    operator: equals
    value: pods
  - type: verb
    operator: equals
    value: GET
  actions:
    targetClusters: [dev-cluster-1, dev-cluster-2, dev-cluster-3]
    loadBalancing: weighted
";

fn clusters(names: &[&str]) -> String {
    let mut text = "clusters:\n".to_owned();
    for name in names {
        text.extend(["- name: ", name, "\n  endpoint: https://", name, ".example.com\n  token: t-", name, "\n"]);
    }
    text
}

fn requirement_clusters() -> String {
    clusters(&[
        "prod-cluster",
        "staging-cluster-1",
        "staging-cluster-2",
        "dev-cluster-1",
        "dev-cluster-2",
        "dev-cluster-3",
    ])
}

fn try_read(documents: &[Document]) -> Result<Reading, Refused> {
    let environment = Environment::under(Path::new("/home/ann"));
    let inventory = [Listed {
        name: "eu".to_owned(),
        context: Some("eu-admin".to_owned()),
        namespace: "team".to_owned(),
        region: "eu-west".to_owned(),
        labels: BTreeMap::new(),
        endpoint: Ok(Arc::new(endpoint("https://eu.example.com"))),
    }];
    read(documents, &Context { inventory: &inventory, home: None, environment: &environment, origin: "proxy.yaml" })
}

fn endpoint(server: &str) -> Endpoint {
    let mut endpoint = (*UpstreamClusterOf::endpoint()).clone();
    server.clone_into(&mut endpoint.server);
    endpoint
}

/// An endpoint as the inventory makes one.
struct UpstreamClusterOf;

impl UpstreamClusterOf {
    fn endpoint() -> Arc<Endpoint> {
        Arc::new(Endpoint {
            server: String::new(),
            tls_server_name: None,
            insecure: false,
            ca: None,
            proxy_url: None,
            disable_compression: false,
            user: crate::engine::k8s::endpoint::User::default(),
            timeout_s: 30,
            label: "eu-admin".to_owned(),
        })
    }
}

fn file(text: &str) -> Document {
    Document::file("proxy.yaml", text, Path::new("/etc/qd"))
}

fn refusal(text: &str) -> String {
    try_read(&[file(text)]).unwrap_err().to_string()
}

#[test]
fn the_requirements_own_example_is_read_as_it_stands() {
    let text = format!("{}{RULES}", requirement_clusters());
    let reading = try_read(&[file(&text)]).unwrap();
    let config = &reading.config;
    assert_eq!(config.clusters.len(), 6);
    let names: Vec<&str> = config.rules.iter().map(|r| &*r.name).collect();
    assert_eq!(names, ["production-workloads", "staging-workloads", "development-resources"]);
    let Action::Route { targets, balance } = &config.rules[2].action else { panic!("it routes") };
    assert_eq!((targets.as_slice(), balance), ([3, 4, 5].as_slice(), &Balance::Weighted));
    let verb = &config.rules[2].conditions[1];
    assert_eq!((verb.field, verb.operator), (Field::Verb, Operator::In));
    assert_eq!(verb.values, ["get", "list", "watch"]);
    let codes: Vec<&str> = reading.findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(codes, ["http-verb"]);
    assert_eq!(config.rules[0].place, "proxy.yaml:21");
    assert_eq!(config.clusters[0].endpoints[0].server, "https://prod-cluster.example.com");
    assert_eq!(config.clusters[0].health.interval, Duration::from_secs(30));
}

#[test]
fn two_files_make_one_configuration() {
    let one = Document::file("clusters.yaml", &requirement_clusters(), Path::new("/etc/qd"));
    let two = Document::file("routing.yaml", RULES, Path::new("/etc/qd"));
    let reading = try_read(&[one, two]).unwrap();
    assert_eq!(reading.config.rules.len(), 3);
    assert_eq!(reading.config.rules[1].place, "routing.yaml:11");
    assert_eq!(reading.origins.get("clusters.prod-cluster").map(String::as_str), Some("clusters.yaml:2"));
}

#[test]
fn a_configmap_and_a_secret_in_one_file_are_read() {
    let text = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: mca-config
  namespace: mca-system
data:
  clusters.yaml: |
    clusters:
    - name: prod-cluster
      endpoint: https://prod.k8s.example.com
      namespace: production
      weight: 100
    - name: staging-cluster
      endpoint: https://staging.k8s.example.com
      weight: 50

  routing.yaml: |
    rules:
    - name: production-routing
      conditions:
      - {type: namespace, value: production}
      actions: {targetCluster: prod-cluster}
---
apiVersion: v1
kind: Secret
metadata:
  name: mca-cluster-credentials
  namespace: mca-system
type: Opaque
data:
  prod-cluster-token: c2VjcmV0
  staging-cluster-cert: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkE=
";
    let reading = try_read(&[file(text)]).unwrap();
    let config = &reading.config;
    assert_eq!(config.rules[0].place, "proxy.yaml:19");
    assert_eq!(reading.origins.get("clusters.prod-cluster.weight").map(String::as_str), Some("proxy.yaml:12"));
    let prod = &config.clusters[0].endpoints[0];
    assert_eq!(prod.user.token, Some(Material::Inline(crate::engine::k8s::endpoint::Secret("secret".to_owned()))));
    assert_eq!((config.clusters[0].weight, config.clusters[0].namespace.as_str()), (100, "production"));
    let staging = &config.clusters[1].endpoints[0];
    assert!(staging.ca.is_some() && staging.user.client_certificate.is_none(), "without a key it is the CA");
}
