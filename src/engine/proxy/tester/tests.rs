//! Requests against the requirement's rules, and some of ours.

use super::super::caller::Means;
use super::super::config::read::{Context, Document, read};
use super::super::target::Availability;
use super::*;
use crate::config::Environment;
use crate::engine::k8s::access::AccessGate;
use crate::engine::k8s::endpoint::Endpoint;
use crate::model::proxy::Checked;
use crate::model::time::UnixSeconds;
use std::path::Path;
use std::sync::Arc;

const RULES: &str = "
home: prod
clusters:
- {name: prod, endpoint: 'https://p.example.com', token: a, namespace: production}
- {name: staging-1, endpoint: 'https://s1.example.com', token: b}
- {name: staging-2, endpoint: 'https://s2.example.com', token: c}
- {name: dev-1, endpoint: 'https://d1.example.com', token: d}
rules:
- name: no-secrets
  priority: 200
  conditions: [{type: resource, value: secrets}, {type: user, operator: not-equals, value: root}]
  actions: {deny: secrets stay where they are}
- name: production-workloads
  priority: 100
  conditions: [{type: namespace, operator: equals, value: production}]
  actions: {targetCluster: prod}
- name: staging-workloads
  priority: 90
  conditions: [{type: namespace, operator: contains, value: staging}]
  actions: {targetClusters: [staging-1, staging-2], loadBalancing: weighted}
- name: labelled
  priority: 80
  conditions: [{type: bodyLabel, key: tier, value: front}]
  actions: {targetCluster: dev-1}
- name: development-resources
  priority: 70
  allowImpersonation: true
  conditions: [{type: resource, value: pods}, {type: verb, operator: equals, value: GET}]
  actions: {targetCluster: dev-1}
";

fn config(text: &str) -> ProxyConfig {
    let environment = Environment::default();
    let context = Context { inventory: &[], home: None, environment: &environment, origin: "rules.yaml" };
    read(&[Document::file("rules.yaml", text, Path::new("/"))], &context).unwrap().config
}

fn ask<T>(config: &ProxyConfig, work: impl FnOnce(&RoutingState<'_>, &Caller) -> T) -> T {
    let table = RuleTable::compile(config).unwrap();
    let targets = Targets::new(1);
    let standing = |_: usize| Availability { routable: true, takes_new: true, ..Availability::default() };
    let clusters = Clusters { config, standing: &standing, now: UnixSeconds(1_700_000_000) };
    work(&RoutingState { table: &table, targets: &targets, clusters }, &Caller::plain("ada", Means::Token))
}

fn line(text: &str) -> Explanation {
    ask(&config(RULES), |ground, caller| explain_line(ground, text, caller).unwrap())
}

#[test]
fn a_rule_that_holds_is_shown_with_what_it_saw() {
    let explained = line("GET /api/v1/namespaces/production/pods");
    assert_eq!(explained.read, "list pods in production");
    assert_eq!(explained.rule.as_deref(), Some("production-workloads"));
    assert!(explained.place.starts_with("rules.yaml:"), "{}", explained.place);
    assert_eq!(explained.cluster.as_deref(), Some("prod"));
    assert_eq!(explained.why, "namespace equals production");
    let checked = |condition: &str, value: &str| Checked { condition: condition.into(), value: value.into() };
    assert_eq!(explained.conditions, [checked("namespace equals production", "production")]);
    assert_eq!(explained.passed_count, 1);
    assert_eq!(explained.passed[0].rule, "no-secrets");
    assert_eq!(explained.passed[0].failed, checked("resource equals secrets", "pods"));
    let next: Vec<_> = explained.next.iter().map(|next| (next.rule.as_str(), next.cluster.as_deref())).collect();
    assert_eq!(next, [("development-resources", Some("dev-1")), ("home", Some("prod"))]);
    assert!(explained.warnings.is_empty() && explained.further.is_empty());
}

#[test]
fn several_clusters_come_in_the_order_they_would_be_tried() {
    let explained = line("GET /api/v1/namespaces/staging-a/services/web");
    let first = explained.cluster.clone().unwrap();
    assert!(first.starts_with("staging-"));
    assert!(explained.why.ends_with("staging-1, staging-2 by weighted, kept for this user, namespace and rule"));
    let other = &explained.next[0];
    assert_eq!(other.rule, "staging-workloads");
    assert!(other.cluster.as_ref().unwrap().starts_with("staging-") && other.cluster != Some(first));
    assert_eq!(explained.next[1].rule, "home");
}

#[test]
fn what_goes_nowhere_says_why() {
    let denied = line("GET /api/v1/namespaces/production/secrets/x");
    assert_eq!((denied.rule.as_deref(), denied.cluster.as_deref()), (Some("no-secrets"), None));
    assert!(denied.why.ends_with("and denies: secrets stay where they are"), "{}", denied.why);
    assert_eq!(denied.next[0].rule, "production-workloads");
    let unreadable = line("GET /api/v1/namespaces/a%2Fb/pods");
    assert_eq!((unreadable.cluster, unreadable.read.as_str()), (None, ""));
    assert!(unreadable.why.starts_with("refused with 400: "), "{}", unreadable.why);
    for text in ["nonsense", "a b c", "kubectl frobnicate", "kubectl get 'pods"] {
        assert!(ask(&config(RULES), |ground, caller| explain_line(ground, text, caller)).is_err(), "{text}");
    }
}

#[test]
fn a_read_only_cluster_refuses_what_is_no_read() {
    let mut config = config(RULES);
    let prod = &mut config.clusters[0].endpoints[0];
    *prod = Arc::new(Endpoint { access: AccessGate::read_only("config.yaml:3"), ..Endpoint::clone(prod) });
    let line = |text: &str| ask(&config, |ground, caller| explain_line(ground, text, caller).unwrap());
    for text in ["DELETE /api/v1/namespaces/production/pods/a", "POST /api/v1/namespaces"] {
        let explained = line(text);
        assert_eq!(explained.cluster, None, "{text}");
        assert!(explained.why.starts_with("refused with 403: cluster prod is read-only (config.yaml:3): "), "{text}");
    }
    let exec = line("GET /api/v1/namespaces/production/pods/p/exec?command=ls");
    assert!(exec.why.ends_with("the subresource exec is not requested"), "{}", exec.why);
    assert_eq!(line("GET /api/v1/namespaces/production/pods").cluster.as_deref(), Some("prod"));
}

#[test]
fn what_no_rule_names_goes_home_or_nowhere() {
    let home = line("GET /version");
    assert_eq!((home.cluster.as_deref(), home.rule, home.passed_count), (Some("prod"), None, 5));
    assert_eq!(home.read, "get /version, which is no resource");
    assert!(home.next.is_empty());
    let homeless = config(&RULES.replace("home: prod", ""));
    let asked = |text: &str| ask(&homeless, |ground, caller| explain_line(ground, text, caller).unwrap());
    let refused = asked("POST /api/v1/namespaces/other/services");
    assert_eq!(refused.cluster, None);
    assert!(refused.why.ends_with("there is no home cluster: 403"), "{}", refused.why);
    assert_eq!(asked("GET /api").cluster.as_deref(), Some("prod"), "the first of the file");
    assert_eq!(asked("POST /api").cluster, None);
    assert_eq!(asked("GET /api/v1/namespaces/production/services").next[0].cluster, None);
}

#[test]
fn a_list_that_only_looks_whole_is_said() {
    let all = line("GET /api/v1/services");
    assert_eq!(all.read, "list services in all namespaces");
    assert!(all.warnings[0].contains("only what prod has is listed"), "{:?}", all.warnings);
    assert!(line("GET /api/v1/nodes").warnings.is_empty());
    assert!(line("GET /api/v1/namespaces").warnings.is_empty());
    assert!(line("GET /apis/example.com/v1/widgets").warnings[0].contains("is listed"));
    let moved = line("GET /api/v1/namespaces/staging-a/services?resourceVersion=7&watch=true");
    assert!(moved.warnings[0].contains("410"), "{:?}", moved.warnings);
}

#[test]
fn labels_of_the_object_are_asked_for_and_used() {
    let blind = line("POST /api/v1/namespaces/other/services");
    assert!(blind.warnings[0].contains("--label"), "{:?}", blind.warnings);
    let labels = BTreeMap::from([("tier".to_owned(), "front".to_owned())]);
    let explained = ask(&config(RULES), |ground, caller| {
        let url = "/api/v1/namespaces/other/services";
        explain(ground, &Question { method: "POST", url, caller, body_labels: Some(&labels), impersonates: false })
    });
    assert_eq!(explained.rule.as_deref(), Some("labelled"));
    assert_eq!(explained.conditions[0].value, "tier=front");
}

#[test]
fn a_kubectl_command_is_all_its_requests() {
    let explained = line("kubectl exec -n dev a -- sh");
    assert_eq!(explained.cluster.as_deref(), Some("dev-1"));
    let further: Vec<_> = explained.further.iter().map(|one| (one.read.as_str(), one.cluster.as_deref())).collect();
    assert_eq!(
        further,
        [
            ("get pods/exec a in dev (class connect): WebSocket", Some("dev-1")),
            (
                "create pods/exec a in dev (class connect): SPDY, where WebSocket is refused, and before kubectl 1.31",
                Some("prod")
            ),
        ]
    );
    assert!(explained.warnings[0].ends_with("go to several clusters: dev-1, prod"), "{:?}", explained.warnings);
    let own = line("kubectl get services");
    assert_eq!(own.read, "list services in production", "home's namespace");
}

#[test]
fn impersonation_needs_a_rule() {
    let refused = line("kubectl get services --as ada");
    assert_eq!(refused.cluster, None);
    assert!(refused.why.contains("allowImpersonation"), "{}", refused.why);
    assert_eq!(line("kubectl get pods -n dev --as ada").cluster.as_deref(), Some("dev-1"));
    assert_eq!(line("kubectl api-resources --as ada").cluster.as_deref(), Some("prod"), "discovery comes before");
}

/// The compiled table and the conditions one by one agree: a rule that is passed has a condition that fails.
#[test]
fn every_rule_that_is_passed_has_its_reason() {
    for method in ["GET", "POST", "DELETE", "PATCH"] {
        for url in
            ["/api/v1/pods", "/api/v1/namespaces/staging/pods/a/exec", "/version", "/api/v1/namespaces/x/secrets"]
        {
            let explained = line(&format!("{method} {url}"));
            assert_eq!(u64::try_from(explained.passed.len()).unwrap(), explained.passed_count, "{method} {url}");
        }
    }
}
