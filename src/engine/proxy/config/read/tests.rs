use super::*;
use crate::engine::k8s::endpoint::{Material, Secret};
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

fn try_read(documents: &[Document]) -> Result<ParsedConfig, ConfigErrors> {
    let environment = Environment::under(Path::new("/home/ann"));
    let inventory = [Listed {
        name: "eu".to_owned(),
        context: Some("eu-admin".to_owned()),
        namespace: "team".to_owned(),
        region: "eu-west".to_owned(),
        labels: BTreeMap::new(),
        endpoint: Ok(Arc::new(Endpoint::plain("https://eu.example.com", "eu-admin"))),
    }];
    read(documents, &Context { inventory: &inventory, home: None, environment: &environment, origin: "proxy.yaml" })
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
    assert_eq!(prod.user.token, Some(Material::Inline(Secret("secret".to_owned()))));
    assert_eq!((config.clusters[0].weight, config.clusters[0].namespace.as_str()), (100, "production"));
    let staging = &config.clusters[1].endpoints[0];
    assert!(staging.ca.is_some() && staging.user.client_certificate.is_none(), "without a key it is the CA");
}

/// Each is refused whole; the names say what for.
const BAD: &[(&str, &str)] = &[
    ("nothing", ""),
    ("no clusters", "home: a\n"),
    ("no map", "- a\n"),
    ("broken yaml", "clusters: [\n"),
    ("unknown key", "clusters:\n- name: a\n  endpoint: https://a\nrulez: []\n"),
    ("unknown key of a cluster", "clusters:\n- name: a\n  endpont: https://a\n  token: hunter2\n"),
    ("key twice", "clusters:\n- name: a\n  endpoint: https://a\n  token: hunter2\n  token: hunter3\n"),
    ("no name", "clusters:\n- endpoint: https://a\n"),
    ("bad name", "clusters:\n- name: a b\n  endpoint: https://a\n"),
    ("no endpoint", "clusters:\n- name: a\n  token: hunter2\n"),
    (
        "cluster twice",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\n- {name: a, endpoint: 'https://b', token: x}\n",
    ),
    ("clear text", "clusters:\n- {name: a, endpoint: 'http://a', token: hunter2}\n"),
    ("metadata", "clusters:\n- {name: a, endpoint: 'https://169.254.169.254', token: hunter2}\n"),
    (
        "metadata proxy",
        "clusters:\n- {name: a, endpoint: 'https://a', token: hunter2, proxyURL: 'http://169.254.169.254'}\n",
    ),
    ("proxy is none", "clusters:\n- {name: a, endpoint: 'https://a', token: hunter2, proxyURL: 'ftp://a'}\n"),
    ("user in the url", "clusters:\n- {name: a, endpoint: 'https://u:hunter2@a'}\n"),
    ("endpoint twice", "clusters:\n- {name: a, endpoints: ['https://a', 'https://a/'], token: x}\n"),
    ("not in the inventory", "clusters:\n- {name: a, cluster: eo}\n"),
    ("inventory and token", "clusters:\n- {name: a, cluster: eu, token: hunter2}\n"),
    ("token and file", "clusters:\n- {name: a, endpoint: 'https://a', token: hunter2, tokenFile: t}\n"),
    ("certificate is none", "clusters:\n- {name: a, endpoint: 'https://a', token: x, certificateData: hunter2}\n"),
    ("key alone", "clusters:\n- {name: a, endpoint: 'https://a', keyFile: k}\n"),
    (
        "ca and insecure",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x, caFile: ca, insecureSkipTLSVerify: true}\n",
    ),
    ("token with a space", "clusters:\n- {name: a, endpoint: 'https://a', token: 'hunter 2'}\n"),
    ("number as text", "clusters:\n- {name: a, endpoint: 'https://a', token: 12345}\n"),
    ("weight", "clusters:\n- {name: a, endpoint: 'https://a', token: x, weight: -1}\n"),
    ("mode", "clusters:\n- {name: a, endpoint: 'https://a', token: x, mode: swop}\n"),
    ("span", "clusters:\n- {name: a, endpoint: 'https://a', token: x, healthCheck: {interval: soon}}\n"),
    (
        "window",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x, maintenance: [{days: [someday], from: '1:00', to: '25:00'}]}\n",
    ),
    ("home unknown", "home: b\nclusters:\n- {name: a, endpoint: 'https://a', token: x}\n"),
    ("rule without actions", "clusters:\n- &c {name: a, endpoint: 'https://a', token: x}\nrules:\n- name: r\n"),
    (
        "rule without target",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, actions: {}}\n",
    ),
    (
        "empty targets",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, actions: {targetClusters: []}}\n",
    ),
    (
        "unknown target",
        "clusters:\n- {name: alpha, endpoint: 'https://a', token: x}\nrules:\n- {name: r, actions: {targetCluster: alhpa}}\n",
    ),
    (
        "target twice",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, actions: {targetClusters: [a, a]}}\n",
    ),
    (
        "two kinds of action",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, actions: {targetCluster: a, deny: 'no'}}\n",
    ),
    (
        "rule twice",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, actions: {targetCluster: a}}\n- {name: r, actions: {targetCluster: a}}\n",
    ),
    (
        "type",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, conditions: [{type: namespce, value: a}], actions: {targetCluster: a}}\n",
    ),
    (
        "operator",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, conditions: [{type: namespace, operator: matches, value: a}], actions: {targetCluster: a}}\n",
    ),
    (
        "no value",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, conditions: [{type: namespace}], actions: {targetCluster: a}}\n",
    ),
    (
        "several values",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, conditions: [{type: namespace, value: [a, b]}], actions: {targetCluster: a}}\n",
    ),
    (
        "verb",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, conditions: [{type: verb, value: creat}], actions: {targetCluster: a}}\n",
    ),
    (
        "class",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, conditions: [{type: class, value: reads}], actions: {targetCluster: a}}\n",
    ),
    (
        "regex",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, conditions: [{type: namespace, operator: regex, value: 'a(b'}], actions: {targetCluster: a}}\n",
    ),
    (
        "regex too large",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, conditions: [{type: namespace, operator: regex, value: '((a{1,200}){1,200}){1,200}'}], actions: {targetCluster: a}}\n",
    ),
    (
        "label without key",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, conditions: [{type: label, value: '=a'}], actions: {targetCluster: a}}\n",
    ),
    (
        "a path is no origin",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\ncallers: {allowedOrigins: ['https://b/']}\n",
    ),
    (
        "a pattern is no origin",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\ncallers: {allowedOrigins: ['https://*.b']}\n",
    ),
    ("masters", "clusters:\n- {name: a, endpoint: 'https://a', token: x}\ncallers: {groups: ['system:masters']}\n"),
    ("uids", "clusters:\n- {name: a, endpoint: 'https://a', token: x}\ncallers: {uids: {ann: ann}}\n"),
    ("limit", "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nlimits: {perCaller: 0}\n"),
    (
        "windows without balance",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nrules:\n- {name: r, actions: {targetCluster: a, windows: [{cluster: a, from: '1:00', to: '2:00'}]}}\n",
    ),
];

#[test]
fn what_is_wrong_is_refused_with_file_line_and_reason() {
    let mut said = String::new();
    for (name, text) in BAD {
        said.extend(["# ", name, "\n", refusal(text).as_str(), "\n\n"]);
    }
    assert!(!said.contains("hunter"), "a value was quoted:\n{said}");
    insta::with_settings!({snapshot_path => "../../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("route_config_refusals", said);
    });
}

#[test]
fn what_came_over_the_network_names_nothing_of_this_machine() {
    for text in [
        "clusters:\n- {name: a, endpoint: 'https://a', tokenFile: /var/run/secrets/token}\n",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x, caFile: /etc/ca}\n",
        "clusters:\n- {name: a, endpoint: 'https://a', exec: {command: sh}}\n",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\naudit: {path: /etc/cron.d/x}\n",
        "clusters:\n- {name: a, endpoint: 'https://a', token: x}\nallowLinkLocal: true\n",
    ] {
        assert!(try_read(&[file(text)]).is_ok(), "{text}");
        let refused = try_read(&[Document::remote("configmap a/b: clusters.yaml", text)]).unwrap_err().to_string();
        assert!(refused.starts_with("configmap a/b: clusters.yaml:"), "{refused}");
        assert!(refused.contains("local file"), "{refused}");
    }
}

#[test]
fn a_setting_stands_in_one_document_only() {
    let one =
        Document::file("a.yaml", "home: a\nclusters:\n- {name: a, endpoint: 'https://a', token: x}\n", Path::new("/"));
    let two = Document::file(
        "b.yaml",
        "\nhome: b\nclusters:\n- {name: a, endpoint: 'https://b', token: x}\n",
        Path::new("/"),
    );
    let refused = try_read(&[one, two]).unwrap_err().to_string();
    assert_eq!(
        refused,
        "b.yaml:2: `home` is given twice: here and at a.yaml:1\n\
         b.yaml:4: cluster `a` is given twice: here and at a.yaml:3"
    );
}

#[test]
fn the_superset_is_read() {
    let text = "\
home: eu
region: eu-west
nearby: [eu-central, us-east]
clusters:
- name: eu
  cluster: eu-admin
  mode: impersonate
  maintenance:
  - {days: [sat, sun], from: '22:00', to: '04:00'}
- name: many
  endpoints: ['https://10.0.0.1:6443', 'https://10.0.0.2:6443']
  caFile: pki/ca.crt
  certificateFile: pki/me.crt
  keyFile: pki/me.key
  tlsServerName: kubernetes
  region: us-east
  cost: 2.5
  capacity: 300
  labels: {env: dev}
  healthCheck: {interval: 10s, timeout: 2, path: /livez, failures: 3}
  retry: {maxRetries: 2, backoffFactor: 1.5, maxDelay: 500ms}
  circuitBreaker: {failureThreshold: 3, recoveryTimeout: 1m, halfOpenRequests: 2}
- name: plugin
  endpoint: https://plugin.example.com
  exec: {command: bin/login, args: [--quiet], env: {TOKEN: hunter2}}
  labels: {env: dev}
rules:
- name: dev
  conditions:
  - {type: namespace, operator: not-in, values: [a, b]}
  - {type: label, key: team, value: x}
  - {type: bodyLabel, value: team=x}
  - {type: userGroup, operator: notPrefix, value: 'system:'}
  actions: {targetLabels: {env: dev}, loadBalancing: leastLoaded, mirror: eu}
  failover: true
- name: hours
  priority: 5
  actions:
    targetClusters: [many, plugin]
    loadBalancing: time-window
    windows: [{cluster: many, days: mon-fri, from: '8:00', to: '18:00'}]
- {name: none, priority: -1, actions: {deny: not here}}
callers: {tokenReview: {cache: 1m}, uids: {1000: ann}, groups: [devs], allowedOrigins: [https://console.example, '*']}
limits: {perCaller: 10, requestTimeout: 2m}
audit: {path: '-', blocking: true}
cache: {discovery: false}
";
    let config = try_read(&[file(text)]).unwrap().config;
    let names: Vec<&str> = config.rules.iter().map(|r| &*r.name).collect();
    assert_eq!(names, ["hours", "dev", "none"]);
    assert_eq!((config.home, config.clusters[0].region.as_str()), (Some(0), "eu-west"));
    let many = &config.clusters[1].endpoints[1];
    assert_eq!(many.ca, Some(Material::File(PathBuf::from("/etc/qd/pki/ca.crt"))));
    assert_eq!(many.user.client_certificate, Some(Material::File(PathBuf::from("/etc/qd/pki/me.crt"))));
    assert_eq!(config.clusters[1].retry.max_delay, Duration::from_millis(500));
    let exec = config.clusters[2].endpoints[0].user.exec.as_ref().unwrap();
    assert_eq!(exec.command, "/etc/qd/bin/login");
    assert_eq!(config.rules[1].conditions[1].values, ["team=x"]);
    assert_eq!(config.rules[1].mirror, Some(0));
    assert!(config.rules[1].conditions[3].negated);
    assert_eq!(config.callers.uids.get(&1000).map(String::as_str), Some("ann"));
    // What is in force reads back as the same.
    let shown = effective::yaml(&config, &BTreeMap::new());
    assert!(!shown.contains("hunter2"), "{shown}");
    let again = try_read(&[file(&shown)]).unwrap_or_else(|refused| panic!("{refused}\n{shown}")).config;
    let inventory = again.clusters[0].endpoints[0].server.clone();
    assert_eq!(inventory, "https://eu.example.com");
    assert_eq!(effective::document(&again), effective::document(&config));
}

#[test]
fn without_documents_the_inventory_is_served() {
    let environment = Environment::under(Path::new("/home/ann"));
    let listed = |name: &str, endpoint| Listed {
        name: name.to_owned(),
        context: None,
        namespace: String::new(),
        region: String::new(),
        labels: BTreeMap::new(),
        endpoint,
    };
    let inventory = [
        listed("plain", Ok(Arc::new(Endpoint::plain("http://127.0.0.1:8001", "eu-admin")))),
        listed("eu", Ok(Arc::new(Endpoint::plain("https://eu.example.com", "eu-admin")))),
        listed("broken", Err("the context names no cluster".to_owned())),
    ];
    let context =
        Context { inventory: &inventory, home: Some("eu"), environment: &environment, origin: "the inventory" };
    let reading = of_inventory(&context);
    assert_eq!(reading.config.clusters.len(), 1);
    assert_eq!(reading.config.home, Some(0));
    assert_eq!(reading.findings.len(), 2);
}

/// Lines to break documents with.
const PIECES: &[&str] = &[
    "clusters:",
    "rules:",
    "- name: a",
    "  endpoint: https://a",
    "  token: x",
    "  conditions:",
    "  - type: label",
    "    operator: regex",
    "    value: '('",
    "  actions: {targetCluster: a}",
    "home: a",
    "---",
    "kind: Secret",
    "data: {a-token: eA==}",
    "kind: ConfigMap",
    "data: {clusters.yaml: 'clusters: []'}",
    "  weight: 9999999999999999999",
    "? [a]",
    "&a [*a]",
    "<<: {a: b}",
    "\t",
    "callers: {uids: {1: a}}",
    "  maintenance: [{from: '1:1', to: ''}]",
];

proptest::proptest! {
    #[test]
    fn no_document_panics(
        places in proptest::collection::vec((0_usize..PIECES.len(), 0_usize..4), 0..25),
        cut in 0_usize..2000,
        noise in ".{0,8}",
    ) {
        let mut text = String::new();
        for (piece, indent) in places {
            text.extend([" ".repeat(indent).as_str(), PIECES[piece], "\n"]);
        }
        drop(try_read(&[file(&text)]));
        // A good one, cut and with something put in.
        let good = format!("{}{RULES}", requirement_clusters());
        let at = good.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(good.len());
        let (head, tail) = good.split_at(at);
        drop(try_read(&[file(&format!("{head}{noise}{tail}")), file(head), Document::remote("x", tail)]));
    }
}
