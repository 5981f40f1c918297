use super::*;
use crate::engine::proxy::config::{Action, Operator, Rule};
use crate::engine::proxy::request::{self, Class};
use proptest::prelude::*;
use std::sync::Arc;

fn condition(field: Field, operator: Operator, values: &[&str]) -> Condition {
    Condition { field, operator, values: values.iter().map(|v| (*v).to_owned()).collect(), negated: false }
}

fn not(mut condition: Condition) -> Condition {
    condition.negated = true;
    condition
}

fn equals(field: Field, value: &str) -> Condition {
    condition(field, Operator::Equals, &[value])
}

fn rule(name: &str, conditions: Vec<Condition>) -> Rule {
    Rule {
        name: Arc::from(name),
        priority: 0,
        conditions,
        action: Action::Deny { message: String::new() },
        allow_impersonation: false,
        stateless: false,
        failover: false,
        mirror: None,
        place: "rules.yaml:1".to_owned(),
    }
}

fn config(rules: Vec<Vec<Condition>>) -> ProxyConfig {
    let rules = rules.into_iter().enumerate().map(|(n, conditions)| rule(&n.to_string(), conditions)).collect();
    ProxyConfig { rules, ..ProxyConfig::default() }
}

/// Whether a rule of this one condition decides the request.
fn decides(condition: Condition, method: &str, url: &str) -> bool {
    let config = config(vec![vec![condition]]);
    let table = RuleTable::compile(&config).unwrap();
    let info = request::parse(method, url).unwrap();
    let caller = Caller::in_groups("jane", &["dev", "ops"]);
    let asked = Asked { info: &info, caller: &caller, body_labels: None, region: "eu" };
    let held = table.decide(&asked).is_some();
    assert_eq!(held, plain::holds(&config.rules[0].conditions[0], &asked), "the table and the plain reading differ");
    held
}

const PODS: &str = "/api/v1/namespaces/production/pods";
const SCALE: &str = "/apis/apps/v1/namespaces/production/deployments/api/scale";

#[test]
fn each_field_is_looked_at() {
    for (yes, holds) in [
        (equals(Field::Namespace, "production"), true),
        (equals(Field::Namespace, "prod"), false),
        (condition(Field::Namespace, Operator::Prefix, &["prod"]), true),
        (condition(Field::Namespace, Operator::Prefix, &["roduction"]), false),
        (condition(Field::Namespace, Operator::Contains, &["duct"]), true),
        (condition(Field::Namespace, Operator::Contains, &[""]), true),
        (condition(Field::Namespace, Operator::Regex, &["^prod(uction)?$"]), true),
        (condition(Field::Namespace, Operator::Regex, &["^rod"]), false),
        (condition(Field::Namespace, Operator::In, &["a", "production"]), true),
        (equals(Field::Group, "apps"), true),
        (equals(Field::Subresource, "scale"), true),
        (equals(Field::Verb, "get"), true),
        (equals(Field::Verb, "list"), false),
        (equals(Field::Class, "read"), true),
        (equals(Field::Class, "connect"), false),
        (equals(Field::Name, "api"), true),
        (equals(Field::User, "jane"), true),
        (equals(Field::CallerGroup, "ops"), true),
        (condition(Field::CallerGroup, Operator::Prefix, &["de"]), true),
        (equals(Field::CallerGroup, "admin"), false),
        (equals(Field::Region, "eu"), true),
    ] {
        assert_eq!(decides(yes.clone(), "GET", SCALE), holds, "{yes:?}");
        assert_eq!(decides(not(yes.clone()), "GET", SCALE), !holds, "not {yes:?}");
    }
}

#[test]
fn resources_are_named_with_group_and_subresource() {
    for (pattern, holds) in [
        ("deployments", true),
        ("deployments.apps", true),
        ("deployments.extensions", false),
        ("deployments/scale", true),
        ("deployments.apps/scale", true),
        ("deployments/status", false),
        ("deployments/*", true),
        ("*.apps", true),
        ("*.batch", false),
        ("*/scale", true),
        ("*", true),
        ("pods", false),
    ] {
        assert_eq!(decides(equals(Field::Resource, pattern), "GET", SCALE), holds, "{pattern}");
    }
    assert!(decides(condition(Field::Resource, Operator::Regex, &["^(pods|deployments)$"]), "GET", SCALE));
    assert!(decides(condition(Field::Resource, Operator::In, &["pods", "*.apps"]), "GET", SCALE));
}

#[test]
fn exec_is_no_read() {
    let exec = "/api/v1/namespaces/a/pods/b/exec?command=sh";
    assert!(!decides(equals(Field::Class, "read"), "GET", exec));
    assert!(decides(equals(Field::Class, "connect"), "GET", exec));
    assert_eq!(Class::ALL.map(Class::as_str), ["read", "write", "connect"]);
}

#[test]
fn a_label_must_follow_from_the_selector() {
    let label = |operator, values: &[&str]| condition(Field::Label { body: false }, operator, values);
    for (selector, wanted, holds) in [
        ("env=prod", label(Operator::Equals, &["env=prod"]), true),
        ("env==prod,tier=web", label(Operator::Equals, &["env=prod"]), true),
        ("env+in+(prod)", label(Operator::Equals, &["env=prod"]), true),
        ("env+in+(prod,dev)", label(Operator::Equals, &["env=prod"]), false),
        ("env+in+(prod,dev)", label(Operator::In, &["env=dev", "env=prod", "env=test"]), true),
        ("env+in+(prod,dev),env!=dev", label(Operator::Equals, &["env=prod"]), true),
        ("env+in+(prod,dev),env+in+(dev,x)", label(Operator::Equals, &["env=dev"]), true),
        ("env+in+(prod-a,prod-b)", label(Operator::Prefix, &["env=prod-"]), true),
        ("env+in+(prod-a,dev)", label(Operator::Prefix, &["env=prod-"]), false),
        ("env=prod", label(Operator::Equals, &["env"]), true),
        ("env", label(Operator::Equals, &["env"]), true),
        ("env>3", label(Operator::Equals, &["env"]), true),
        ("!env", label(Operator::Equals, &["env"]), false),
        ("env!=dev", label(Operator::Equals, &["env=prod"]), false),
        ("env", label(Operator::Contains, &["env="]), false),
        ("env=prod,env=dev", label(Operator::Equals, &["env=prod"]), false),
        ("env=prod,!env", label(Operator::Equals, &["env=prod"]), false),
        ("env=5,env>3", label(Operator::Equals, &["env=5"]), true),
        ("env=3,env>3", label(Operator::Equals, &["env=3"]), false),
        // A text that contains it is not implied by it.
        ("xenv=prod", label(Operator::Equals, &["env=prod"]), false),
        ("env=prod-2", label(Operator::Equals, &["env=prod"]), false),
        ("env===prod", label(Operator::Equals, &["env=prod"]), false),
        ("", label(Operator::Equals, &["env=prod"]), false),
    ] {
        let url = format!("{PODS}?labelSelector={selector}");
        assert_eq!(decides(wanted.clone(), "GET", &url), holds, "{selector}: {wanted:?}");
        assert_eq!(decides(not(wanted.clone()), "GET", &url), !holds, "{selector}: not {wanted:?}");
    }
    // No selector is read where the server reads none.
    let wanted = label(Operator::Equals, &["env=prod"]);
    assert!(!decides(wanted.clone(), "GET", &format!("{PODS}/a?labelSelector=env=prod")));
    assert!(decides(wanted, "DELETE", &format!("{PODS}?labelSelector=env=prod")));
}

#[test]
fn what_is_no_resource_is_left_to_rules_about_callers() {
    for (yes, holds) in [
        (equals(Field::Verb, "get"), false),
        (not(equals(Field::Namespace, "a")), false),
        (equals(Field::Class, "read"), false),
        (equals(Field::User, "jane"), true),
        (not(equals(Field::CallerGroup, "admin")), true),
    ] {
        assert_eq!(decides(yes.clone(), "GET", "/version"), holds, "{yes:?}");
    }
    let table = RuleTable::compile(&config(vec![vec![]])).unwrap();
    let info = request::parse("GET", "/version").unwrap();
    let asked = Asked { info: &info, caller: &Caller::in_groups("x", &[]), body_labels: None, region: "" };
    assert_eq!(table.decide(&asked), Some(0));
}

#[test]
fn the_first_rule_whose_conditions_all_hold_decides() {
    let table = RuleTable::compile(&config(vec![
        vec![equals(Field::Namespace, "production"), equals(Field::Class, "write")],
        vec![condition(Field::Namespace, Operator::Prefix, &["prod"]), not(equals(Field::Namespace, "production"))],
        vec![equals(Field::Namespace, "production")],
        vec![],
    ]))
    .unwrap();
    let caller = Caller::in_groups("jane", &[]);
    for (method, url, expected) in
        [("POST", PODS, 0), ("GET", "/api/v1/namespaces/prod-2/pods", 1), ("GET", PODS, 2), ("GET", "/api/v1/nodes", 3)]
    {
        let info = request::parse(method, url).unwrap();
        let asked = Asked { info: &info, caller: &caller, body_labels: None, region: "" };
        assert_eq!(table.decide(&asked), Some(expected), "{method} {url}");
    }
}

#[test]
fn bodies_are_wanted_only_where_they_decide() {
    let label = equals(Field::Label { body: true }, "team=a");
    let table = RuleTable::compile(&config(vec![
        vec![equals(Field::Namespace, "first")],
        vec![label.clone(), equals(Field::Resource, "pods")],
        vec![equals(Field::User, "bob")],
        vec![],
        vec![label],
    ]))
    .unwrap();
    let wants = |method: &str, url: &str| table.wants_body(&request::parse(method, url).unwrap());
    assert!(wants("POST", PODS));
    assert!(wants("PATCH", "/api/v1/namespaces/production/pods/a"));
    assert!(!wants("POST", "/api/v1/namespaces/first/pods"));
    assert!(!wants("POST", "/api/v1/namespaces/x/services"), "the fourth rule decides without");
    assert!(!wants("GET", PODS));
    assert!(!wants("DELETE", PODS));
    let info = request::parse("POST", PODS).unwrap();
    let caller = Caller::in_groups("jane", &[]);
    let labels = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    let decide = |body_labels| table.decide(&Asked { info: &info, caller: &caller, body_labels, region: "" });
    assert_eq!((decide(None), decide(Some(&labels))), (Some(3), Some(1)));
}

#[test]
fn what_cannot_be_compiled_names_its_rule() {
    for (pattern, why) in [("a(", "is no regular expression"), ("(a{500}){500}", "too large")] {
        let error =
            RuleTable::compile(&config(vec![vec![condition(Field::Name, Operator::Regex, &[pattern])]])).unwrap_err();
        assert!(error.starts_with("rules.yaml:1: rule 0: ") && error.contains(why), "{error}");
    }
    assert_eq!(RuleTable::compile(&config(vec![])).unwrap().layers.len(), 0);
}

fn operators() -> impl Strategy<Value = Operator> {
    prop::sample::select(vec![Operator::Equals, Operator::In, Operator::Contains, Operator::Regex, Operator::Prefix])
}

fn conditions() -> impl Strategy<Value = Condition> {
    let words = |words: &'static [&'static str]| prop::sample::select(words);
    let text = words(&["", "a", "b", "ab", "ba", "a.*", "^b", "pods", "dev", "get", "list", "read"]);
    let resource =
        words(&["pods", "*", "*.apps", "deployments.apps", "pods/exec", "*/exec", "po", "^p", "deployments"]);
    let label = words(&["a", "a=", "a=b", "a=ab", "b=a", "b", "a=b.*", "ab=^b$"]);
    let plain = words_of(vec![
        Field::Namespace,
        Field::Group,
        Field::Subresource,
        Field::Verb,
        Field::Class,
        Field::Name,
        Field::User,
        Field::CallerGroup,
        Field::Region,
    ]);
    let labels = words_of(vec![Field::Label { body: false }, Field::Label { body: true }]);
    let some = |value: prop::sample::Select<&'static str>| prop::collection::vec(value, 1..4);
    let any = prop_oneof![
        4 => (plain, some(text)),
        1 => (Just(Field::Resource), some(resource)),
        2 => (labels, some(label)),
    ];
    (any, operators(), any_negation()).prop_map(|((field, values), operator, negated)| {
        let count = if operator == Operator::In { values.len() } else { 1 };
        let mut condition = Condition { negated, ..condition(field, operator, &values[..count]) };
        if operator == Operator::Regex && field == Field::Resource {
            // What is a pattern of resources is no expression: a configuration with it is not read.
            condition.values = values[..count].iter().map(|value| value.replace('*', ".*")).collect();
        }
        condition
    })
}

fn words_of(fields: Vec<Field>) -> prop::sample::Select<Field> {
    prop::sample::select(fields)
}

fn any_negation() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.3)
}

fn urls() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "/api/v1/namespaces/a/pods",
        "/api/v1/namespaces/ab/pods/b",
        "/api/v1/namespaces/b/pods/ab/exec",
        "/apis/apps/v1/namespaces/a/deployments",
        "/apis/apps/v1/deployments",
        "/api/v1/namespaces/ba",
        "/version",
    ]);
    let selector = prop::sample::select(vec![
        "",
        "a=b",
        "a",
        "a+in+(b,ab)",
        "b=a,a",
        "a!=b",
        "!a",
        "a=b,a=ab",
        "a+in+(b,ab),a!=b",
        "a===b",
        "b,!b",
    ]);
    (path, selector).prop_map(|(path, selector)| format!("{path}?labelSelector={selector}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_table_decides_as_the_conditions_read(
        rules in prop::collection::vec(prop::collection::vec(conditions(), 0..4), 0..80),
        asked in prop::collection::vec((urls(), prop::sample::select(vec!["GET", "POST", "DELETE", "PATCH"])), 1..12),
        labels in prop::collection::btree_map("a|b|ab", "|a|b|ab", 0..3),
        with_body: bool,
        groups in prop::collection::vec("a|b|ab|dev", 0..3),
    ) {
        let config = config(rules);
        let table = RuleTable::compile(&config).unwrap();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let caller = Caller::in_groups("ab", &groups);
        for (url, method) in asked {
            let info = request::parse(method, &url).unwrap();
            let asked = Asked { info: &info, caller: &caller, body_labels: with_body.then_some(&labels), region: "b" };
            let plainly = config.rules.iter().position(|r| r.conditions.iter().all(|c| plain::holds(c, &asked)));
            prop_assert_eq!(table.decide(&asked), plainly, "{} {}", method, url);
            // Without the body nothing may decide that the body would have decided otherwise, unless it was asked for.
            let without = Asked { body_labels: None, ..asked };
            if !table.wants_body(&info) {
                prop_assert_eq!(table.decide(&without), plainly, "{} {} wants no body", method, url);
            }
        }
    }
}
