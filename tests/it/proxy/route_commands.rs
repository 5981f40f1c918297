//! `qd route`: the real binary on files and inventories.

use crate::fleet::{Home, Printed, start};
use quarterdeck::demo::Member;
use serde_json::{Value, json};

/// The requirement's own rules, over clusters of a reserved domain: nothing here is ever asked.
const ROUTING: &str = r"
home: prod-cluster
clusters:
- {name: prod-cluster, endpoint: 'https://prod.example.com', token: hunter-p, namespace: production}
- {name: staging-cluster-1, endpoint: 'https://staging-1.example.com', token: hunter-s}
- {name: staging-cluster-2, endpoint: 'https://staging-2.example.com', token: hunter-t}
- {name: dev-cluster-1, endpoint: 'https://dev-1.example.com', token: hunter-d}
- {name: dev-cluster-2, endpoint: 'https://dev-2.example.com', token: hunter-e}
- {name: dev-cluster-3, endpoint: 'https://dev-3.example.com', token: hunter-f}
rules:
- name: production-workloads
  priority: 100
  conditions:
  - {type: namespace, operator: equals, value: production}
  actions: {targetCluster: prod-cluster}
- name: staging-workloads
  priority: 90
  conditions:
  - {type: namespace, operator: contains, value: staging}
  actions: {targetClusters: [staging-cluster-1, staging-cluster-2], loadBalancing: round-robin}
- name: development-resources
  priority: 80
  conditions:
  - {type: resource, operator: equals, value: pods}
  - {type: verb, operator: equals, value: GET}
  actions: {targetClusters: [dev-cluster-1, dev-cluster-2, dev-cluster-3], loadBalancing: weighted}
";

const SOURCE: [&str; 2] = ["--proxy-config", "routing.yaml"];

fn home(text: &str) -> Home {
    let home = Home::empty();
    home.write("routing.yaml", text);
    home
}

fn route(home: &Home, command: &str, arguments: &[&str]) -> Printed {
    home.run(&[&["route", command], &SOURCE[..], arguments].concat())
}

#[test]
fn lint_says_one_line_and_one_reason_each() {
    let home = home(ROUTING);
    let printed = route(&home, "lint", &[]).clean();
    let lines: Vec<&str> = printed.lines().collect();
    for (at, said) in [
        ("~/routing.yaml:25: warning: rule development-resources: ", "here it means get, list, watch [http-verb]"),
        ("~/routing.yaml:16: warning: rule staging-workloads: ", "[balanced-writes]"),
        ("~/routing.yaml:21: warning: rule development-resources: ", "[split-verbs]"),
    ] {
        assert!(lines.iter().any(|line| line.starts_with(at) && line.ends_with(said)), "{at}…{said}:\n{printed}");
    }
    assert!(lines.last().unwrap().starts_with("6 clusters, 3 rules: 0 errors, "), "{printed}");
    assert_eq!(route(&home, "lint", &["--strict"]).code, Some(1));
    let json = route(&home, "lint", &["-o", "json"]).json();
    assert_eq!(json["items"].as_array().unwrap().len(), lines.len() - 1);
    assert_eq!(json["items"][0]["severity"], "warning");
}

#[test]
fn a_configuration_that_is_none_is_refused_with_every_reason() {
    let home =
        home(&ROUTING.replace("contains", "contians").replace("targetCluster: prod-cluster", "targetCluster: prod"));
    let printed = route(&home, "lint", &[]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(1), ""), "{printed:#?}");
    assert!(printed.stdout.contains("~/routing.yaml:19: error: "), "{printed:#?}");
    assert!(printed.stdout.ends_with("0 warnings\n"), "{printed:#?}");
    let shown = route(&home, "config", &[]);
    assert_eq!((shown.code, shown.stdout.as_str()), (Some(1), ""), "{shown:#?}");
    assert!(shown.stderr.contains("the configuration is refused") && shown.stderr.contains("routing.yaml:19"));
    let missing = home.run(&["route", "lint", "--proxy-config", "other.yaml"]);
    assert_eq!(missing.stdout, "~/other.yaml: error: there is no such file [invalid]\n1 error, 0 warnings\n");
    let wrong = home.run(&["route", "lint", "--proxy-config", "configmap:nowhere"]);
    assert_eq!(wrong.code, Some(2), "{wrong:#?}");
}

#[test]
fn the_configuration_in_force_is_shown_with_its_origins_and_no_secret() {
    let home = home(ROUTING);
    let printed = route(&home, "config", &[]).clean();
    for line in ["home: prod-cluster  # ~/routing.yaml:2", "  namespace: production  # ~/routing.yaml:4"] {
        assert!(printed.lines().any(|shown| shown == line), "no `{line}`:\n{printed}");
    }
    assert!(!printed.contains("hunter"), "{printed}");
    let json = route(&home, "config", &["-o", "json"]).json();
    assert_eq!(json["config"]["home"], "prod-cluster");
    assert_eq!(json["origins"]["home"], "~/routing.yaml:2");
    assert!(!json.to_string().contains("hunter"));
    // What is printed is a configuration again.
    let secret = printed.replace("\"[redacted]\"", "\"s\"");
    home.write("again.yaml", secret);
    let again = home.run(&["route", "config", "--proxy-config", "again.yaml", "-o", "json"]).json();
    assert_eq!(again["config"], json["config"]);
}

#[test]
fn the_schema_is_one() {
    let schema = Home::empty().run(&["route", "config", "--schema"]);
    let schema: Value = serde_json::from_str(&schema.clean()).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["rules"]["items"]["properties"]["conditions"].is_object());
}

#[test]
fn acknowledging_binds_a_credential_to_where_it_goes_now() {
    let home = home(ROUTING);
    let bindings = home.path(".local/state/quarterdeck/proxy/bindings.json");
    route(&home, "config", &[]).clean();
    assert!(!bindings.exists(), "showing binds nothing");
    let said = route(&home, "config", &["--acknowledge", "prod-cluster"]).clean();
    assert_eq!(said, "the credential of prod-cluster may go to https://prod.example.com\n");
    assert!(bindings.exists());
    home.write("routing.yaml", ROUTING.replace("https://prod.example.com", "https://evil.example.com"));
    let lint = route(&home, "lint", &[]);
    assert_eq!(lint.code, Some(1));
    assert!(lint.stdout.contains("evil.example.com") && lint.stdout.contains("[credential-moved]"), "{lint:#?}");
    let config = route(&home, "config", &[]);
    assert_eq!(config.code, Some(0));
    assert!(config.stderr.starts_with("warning: ") && config.stderr.contains("--acknowledge prod-cluster"));
    route(&home, "config", &["--acknowledge", "prod-cluster"]).clean();
    assert_eq!(route(&home, "lint", &[]).code, Some(0));
    let unknown = route(&home, "config", &["--acknowledge", "prod"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("no cluster prod"), "{unknown:#?}");
}

#[test]
fn without_a_source_the_inventory_is_served_and_the_current_context_is_home() {
    let home = Home::empty();
    let cluster = |name: &str| format!("- {{name: {name}, cluster: {{server: 'https://{name}.example.com'}}}}\n");
    let context = |name: &str| format!("- {{name: {name}, context: {{cluster: {name}, user: u}}}}\n");
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: b\nclusters:\n{}{}contexts:\n{}{}users:\n- {{name: u, user: {{token: hunter}}}}\n",
        cluster("a"),
        cluster("b"),
        context("a"),
        context("b"),
    );
    home.write(".kube/config", config);
    let json = home.run(&["route", "config", "-o", "json"]).json();
    assert_eq!((json["config"]["home"].as_str(), json["origin"].as_str()), (Some("b"), Some("the inventory")));
    assert_eq!(json["config"]["clusters"].as_array().unwrap().len(), 2);
    let other = home.run(&["route", "config", "-o", "json", "--context", "a", "--clusters", "a"]).json();
    assert_eq!(other["config"]["home"], "a");
    assert_eq!(other["config"]["clusters"].as_array().unwrap().len(), 1);
}

#[test]
fn a_request_is_tested() {
    let home = home(ROUTING);
    let printed = route(&home, "test", &["GET", "/api/v1/namespaces/production/pods"]).clean();
    for line in [
        "GET /api/v1/namespaces/production/pods",
        "  reads    list pods in production",
        "  rule     production-workloads  ~/routing.yaml:11",
        "  when     namespace equals production (production)",
        "  cluster  prod-cluster",
    ] {
        assert!(printed.lines().any(|shown| shown == line), "no `{line}`:\n{printed}");
    }
    let json = route(&home, "test", &["-o", "json", "GET", "/api/v1/namespaces/dev/pods/a"]).json();
    assert_eq!(json["rule"], "development-resources");
    assert_eq!(json["passed"].as_array().unwrap().len(), 2);
    assert_eq!(json["next"].as_array().unwrap().len(), 3);
    let unreadable = route(&home, "test", &["GET", "/api/v1/namespaces/a%2Fb/pods"]);
    assert_eq!(unreadable.code, Some(1), "{unreadable:#?}");
    assert!(unreadable.stdout.contains("refused with 400"), "{unreadable:#?}");
    assert_eq!(route(&home, "test", &["GET"]).code, Some(2));
    assert_eq!(route(&home, "test", &["--label", "x", "GET", "/api"]).code, Some(2));
}

#[test]
fn a_kubectl_command_is_tested() {
    let home = home(ROUTING);
    let kubectl = |words: &[&str]| route(&home, "test", &[&["kubectl"], words].concat());
    let printed = kubectl(&["get", "pods", "-n", "production", "-o", "json"]).clean();
    assert!(printed.starts_with("GET /api/v1/namespaces/production/pods?limit=500\n"), "{printed}");
    assert!(printed.contains("  cluster  prod-cluster\n"), "{printed}");
    // Nothing but the file knows the namespace.
    home.write("web.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: my-staging}\n");
    let json = route(&home, "test", &["-o", "json", "kubectl", "apply", "-f", "web.yaml"]).json();
    let rules: Vec<&Value> =
        std::iter::once(&json).chain(json["further"].as_array().unwrap()).map(|one| &one["rule"]).collect();
    assert_eq!(rules, ["staging-workloads"; 3]);
    assert!(json["warnings"][0].as_str().unwrap().contains("goes by whose turn it is"), "{json:#}");
    let unknown = kubectl(&["get", "widgets"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("no built-in kind"), "{unknown:#?}");
    let as_other = kubectl(&["get", "pods", "-n", "production", "--as", "ada"]);
    assert_eq!(as_other.code, Some(1));
    assert!(as_other.stdout.contains("allowImpersonation"), "{as_other:#?}");
}

#[test]
fn who_asks_counts() {
    let text = ROUTING.to_owned()
        + "- name: team\n  priority: 200\n  conditions: [{type: userGroup, value: ops}, {type: user, value: ada}]\n  actions: {deny: not ops}\n";
    let home = home(&text);
    let asked = |who: &[&str]| route(&home, "test", &[who, &["-o", "json", "GET", "/api/v1/nodes"]].concat()).json();
    assert_eq!(asked(&["--user", "ada", "--user-group", "ops"])["rule"], "team");
    assert_eq!(asked(&["--user", "eve", "--user-group", "ops"])["rule"], Value::Null);
    assert_eq!(asked(&["--user", "ada"])["rule"], Value::Null);
}

#[test]
fn a_config_map_of_the_home_cluster_is_read() {
    let fleet = start(vec![Member::new("home", 35, 1, 1)]);
    let of = |kind: &str, name: &str, section: &str, data: Value| {
        let metadata = json!({ "name": name, "namespace": "mca-system", "uid": format!("uid-{name}") });
        json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, section: data })
    };
    let clusters = "clusters:\n- {name: prod-cluster, endpoint: 'https://prod.example.com'}\n";
    let rules = "rules:\n- {name: all, actions: {targetCluster: prod-cluster}}\n";
    let map = of("ConfigMap", "mca-config", "data", json!({ "clusters.yaml": clusters, "routing.yaml": rules }));
    let secret = of("Secret", "mca-cluster-credentials", "data", json!({ "prod-cluster-token": "aHVudGVy" }));
    assert!(fleet.put("home", "", "configmaps", map) && fleet.put("home", "", "secrets", secret));
    let home = Home::of(&fleet);
    let source = "configmap:mca-system/mca-config,secret:mca-cluster-credentials";
    let printed = home.run(&["route", "config", "--proxy-config", source]).clean();
    assert!(printed.contains("- name: prod-cluster  # configmap mca-system/mca-config"), "{printed}");
    assert!(printed.contains("token: \"[redacted]\"") && !printed.contains("hunter"), "{printed}");
    let tested = home.run(&["route", "test", "--proxy-config", source, "kubectl", "get", "pods"]).clean();
    assert!(tested.contains("  cluster  prod-cluster\n"), "{tested}");
    let missing = home.run(&["route", "lint", "--proxy-config", "configmap:mca-system/other"]);
    assert_eq!(missing.code, Some(1), "{missing:#?}");
    assert!(missing.stdout.contains("mca-system/other") && missing.stdout.contains("[invalid]"), "{missing:#?}");
}
