use super::*;
use crate::config::Environment;
use crate::engine::proxy::config::read::{Context, Document, read};
use std::path::Path;

const CLUSTERS: &str = "\
clusters:
- {name: a, endpoint: 'https://a', token: x}
- {name: b, endpoint: 'https://b', token: x}
";

/// The codes found in a document, each with its rule.
fn codes(text: &str) -> Vec<String> {
    let environment = Environment::under(Path::new("/home/ann"));
    let context = Context { inventory: &[], home: None, environment: &environment, origin: "f.yaml" };
    let reading = read(&[Document::file("f.yaml", text, Path::new("/"))], &context)
        .unwrap_or_else(|refused| panic!("{refused}\n{text}"));
    let of = |finding: Finding| match finding.rule {
        Some(rule) => format!("{rule}: {}", finding.code),
        None => finding.code.to_string(),
    };
    let mut all: Vec<String> = lint(&reading.config).into_iter().map(of).collect();
    all.sort();
    all
}

fn rules(rules: &str) -> Vec<String> {
    codes(&format!("home: a\n{CLUSTERS}rules:\n{rules}"))
}

/// Rules over the clusters a (home) and b, and what is found in them.
const HAZARDS: &[(&str, &[&str])] = &[
    ("- {name: r, conditions: [{type: namespace, value: x}], actions: {targetCluster: b}}", &[]),
    (
        "- {name: r, conditions: [{type: namespace, value: x}], actions: {targetClusters: [a, b]}}",
        &["r: balanced-singletons", "r: balanced-writes"],
    ),
    (
        "- {name: r, conditions: [{type: namespace, value: x}, {type: class, value: read}], stateless: true, actions: {targetClusters: [a, b]}}",
        &[],
    ),
    (
        "- {name: r, conditions: [{type: namespace, value: x}], stateless: true, actions: {targetClusters: [a, b]}}",
        &["r: balanced-singletons", "r: balanced-writes", "r: stateless-writes"],
    ),
    (
        "- {name: r, conditions: [{type: verb, operator: in, values: [get, list, watch]}, {type: namespace, value: x}], actions: {targetCluster: b}}",
        &["r: connect-by-get", "r: split-verbs"],
    ),
    (
        "- {name: r, conditions: [{type: class, value: read}, {type: namespace, value: x}], actions: {targetCluster: b}}\n\
         - {name: s, conditions: [{type: class, value: write}, {type: namespace, value: x}], actions: {targetCluster: b}}",
        &[],
    ),
    (
        "- {name: r, conditions: [{type: class, value: read}, {type: namespace, value: x}], actions: {targetCluster: b}}\n\
         - {name: s, conditions: [{type: class, value: write}, {type: namespace, value: x}], actions: {deny: reads only}}",
        &[],
    ),
    ("- {name: r, conditions: [{type: resource, value: pods}], actions: {targetCluster: b}}", &["r: split-owners"]),
    (
        "- {name: r, conditions: [{type: namespace, operator: contains, value: ''}], actions: {targetCluster: b}}",
        &["r: contains-empty"],
    ),
    (
        "- {name: r, conditions: [{type: namespace, operator: regex, value: 'team-.*'}], actions: {targetCluster: b}}",
        &["r: regex-unanchored"],
    ),
    (
        "- {name: r, conditions: [{type: namespace, operator: regex, value: '^team-.*$'}], actions: {targetCluster: b}}",
        &[],
    ),
    (
        "- {name: r, conditions: [{type: namespace, operator: prefix, value: team-}], actions: {targetCluster: b}, priority: 2}\n\
         - {name: s, conditions: [{type: namespace, value: team-a}], actions: {targetCluster: a}, priority: 1}",
        &["s: unreachable"],
    ),
    (
        "- {name: r, conditions: [{type: namespace, operator: prefix, value: team-}], actions: {targetCluster: b}}\n\
         - {name: s, conditions: [{type: user, value: ann}], actions: {targetCluster: a}}",
        &["s: equal-priority"],
    ),
    (
        "- {name: r, conditions: [{type: namespace, value: x}], actions: {targetCluster: b}}\n\
         - {name: s, conditions: [{type: namespace, value: yy}], actions: {targetCluster: a}}",
        &[],
    ),
    ("- {name: r, conditions: [{type: bodyLabel, value: team=x}], actions: {targetCluster: b}}", &["r: label-create"]),
    ("- {name: r, conditions: [{type: label, value: team=x}], actions: {targetCluster: b}}", &["r: label-partial"]),
    (
        "- {name: r, conditions: [{type: namespace, value: x}], failover: true, actions: {targetCluster: b, mirror: b}}",
        &["r: failover-alone", "r: mirror-self"],
    ),
    (
        "- {name: r, conditions: [{type: namespace, value: x}, {type: class, value: read}], stateless: true, actions: {targetClusters: [a, b], loadBalancing: cheapest}}",
        &["r: no-cost"],
    ),
    (
        "- {name: r, conditions: [{type: namespace, value: x}, {type: class, value: read}], stateless: true, actions: {targetClusters: [a, b], loadBalancing: nearest-region}}",
        &["r: no-region"],
    ),
    (
        "- {name: r, actions: {targetClusters: [b, a]}}",
        &["r: balanced-singletons", "r: balanced-writes", "r: cluster-scoped-balanced"],
    ),
];

#[test]
fn each_hazard_is_found_and_nothing_else() {
    for (text, expected) in HAZARDS {
        let mut found = rules(text);
        // Some of these rules leave b out on purpose.
        found.retain(|code| code != "unused-cluster");
        assert_eq!(found, *expected, "{text}");
    }
}

#[test]
fn without_a_home_what_is_refused_is_said() {
    let only_namespace = "rules:\n- {name: r, conditions: [{type: namespace, value: x}, {type: class, value: read}], actions: {targetCluster: a}}\n";
    assert_eq!(
        codes(&format!("{CLUSTERS}{only_namespace}")),
        ["cluster-scoped-homeless", "connect-never", "no-home", "r: split-verbs", "unused-cluster"]
    );
}

/// P3: allowed, and likely to hurt.
#[test]
fn pages_of_any_origin_are_said() {
    let text = |origins: &str| {
        format!(
            "home: a\nclusters:\n- {{name: a, endpoint: 'https://a', token: x}}\ncallers: {{allowedOrigins: {origins}}}\n"
        )
    };
    assert_eq!(codes(&text("['https://b', '*']")), ["any-origin"]);
    assert!(codes(&text("['https://b.example:8443', 'http://[::1]:80', 'http://localhost']")).is_empty());
}

#[test]
fn a_certificate_that_is_not_verified_is_said() {
    let text = "home: a\nclusters:\n- {name: a, endpoint: 'https://a', token: x, insecureSkipTLSVerify: true}\n";
    assert_eq!(codes(text), ["insecure-tls"]);
}
