//! The hazards, one function each.

use super::Found;
use super::matching::{Sort, are_apart, hides, is_exact, may, of_verb, same_but_verbs};
use crate::engine::proxy::config::read::pattern_of;
use crate::engine::proxy::config::{Action, Balance, Condition, Field, Mode, Operator, ProxyConfig, Rule};
use crate::model::proxy::FindingSeverity::{Error, Warning};

/// Verbs that read, and those that change something.
const READS: &[&str] = &["get", "list", "watch"];
const WRITES: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];

/// Requests that one cluster must serve alone, with the consequence if several do.
const SINGLETONS: &[(Sort, &str, &str)] = &[
    (sort("leases", "coordination.k8s.io", "", "update", "write"), "leases", "two leaders are elected"),
    (sort("events", "", "", "create", "write"), "events", "they are written beside objects of another cluster"),
    (
        sort("serviceaccounts", "", "token", "create", "write"),
        "serviceaccounts/token",
        "another cluster does not know the token",
    ),
    (sort("pods", "", "exec", "create", "connect"), "pods/exec", "a session may open in another cluster's pod"),
];

/// Cluster-scoped kinds.
const CLUSTER_SCOPED: &[(Sort, &str)] = &[
    (scoped("customresourcedefinitions", "apiextensions.k8s.io"), "CRDs"),
    (scoped("namespaces", ""), "namespaces"),
    (scoped("clusterroles", "rbac.authorization.k8s.io"), "RBAC"),
];

const fn sort(
    resource: &'static str,
    group: &'static str,
    subresource: &'static str,
    verb: &'static str,
    class: &'static str,
) -> Sort {
    Sort { resource, group, subresource, verb, class, is_cluster_scoped: false }
}

const fn scoped(resource: &'static str, group: &'static str) -> Sort {
    Sort { resource, group, subresource: "", verb: "create", class: "write", is_cluster_scoped: true }
}

pub(super) fn all(found: &mut Found<'_>) {
    let config = found.config;
    no_home(found);
    for (place, rule) in config.rules.iter().enumerate() {
        conditions(found, rule);
        order(found, rule, config.rules.get(..place).unwrap_or_default());
        if let Action::Route { targets, balance } = &rule.action {
            if targets.len() > 1 {
                several(found, rule, balance, targets);
            }
            split_verbs(found, rule, targets);
            partial(found, rule, targets);
            flags(found, rule, targets);
        }
    }
    for cluster in &config.clusters {
        if cluster.endpoints.iter().any(|endpoint| endpoint.insecure) {
            let text = format!("{} is not verified: whoever sits between reads and changes everything", cluster.name);
            found.place("insecure-tls", &cluster.place, &text);
        }
    }
    if config.callers.allowed_origins.iter().any(|origin| origin == "*") {
        let text =
            "allowedOrigins has *: any web page may call as the user whose browser shows a certificate; name origins";
        found.place("any-origin", &config.origin, text);
    }
    unused(found);
}

/// Finds requests that are refused because there is no home cluster.
fn no_home(found: &mut Found<'_>) {
    let config = found.config;
    if config.home.is_some() {
        return;
    }
    let decided = |sort: &Sort| config.rules.iter().any(|r| matches!(r.action, Action::Route { .. }) && may(r, sort));
    let text = "there is no home: what no rule matches is refused; discovery goes to the first cluster of the file";
    found.place("no-home", &config.origin, text);
    let homeless: Vec<&str> = CLUSTER_SCOPED.iter().filter(|(sort, _)| !decided(sort)).map(|(_, name)| *name).collect();
    if !homeless.is_empty() {
        let text = format!("{} have no home: every request for them is refused", homeless.join(", "));
        found.place("cluster-scoped-homeless", &config.origin, &text);
    }
    if !decided(&of_verb("create", "connect")) && !decided(&of_verb("get", "connect")) {
        let text = "no rule and no home takes the class connect: exec, attach and port-forward never work";
        found.place("connect-never", &config.origin, text);
    }
}

/// Finds doubtful conditions.
fn conditions(found: &mut Found<'_>, rule: &Rule) {
    for condition in &rule.conditions {
        let is_vacuous = match condition.operator {
            Operator::Contains | Operator::Prefix => condition
                .values
                .iter()
                .any(|v| pattern_of(condition.field, v).is_empty() && !matches!(condition.field, Field::Label { .. })),
            Operator::Regex => condition.values.iter().any(|v| matches!(pattern_of(condition.field, v), "" | ".*")),
            Operator::Equals | Operator::In => false,
        };
        if is_vacuous {
            let what = if condition.negated { "never holds" } else { "always holds" };
            found.rule(
                Warning,
                "contains-empty",
                rule,
                &format!("an empty text is in every text: the condition {what}"),
            );
        } else if condition.operator == Operator::Regex {
            unanchored(found, rule, condition);
        }
    }
}

fn unanchored(found: &mut Found<'_>, rule: &Rule, condition: &Condition) {
    let is_anchored = |pattern: &str| {
        let pattern = pattern.strip_prefix("(?i)").unwrap_or(pattern);
        (pattern.starts_with('^') || pattern.starts_with("\\A")) && (pattern.ends_with('$') || pattern.ends_with("\\z"))
    };
    if !condition.values.iter().all(|v| is_anchored(pattern_of(condition.field, v))) {
        let text = "the regex has no ^ and $: it matches in the middle of longer names too";
        found.rule(Warning, "regex-unanchored", rule, text);
    }
}

/// Finds rules that never decide, and rules whose order was not chosen.
fn order(found: &mut Found<'_>, rule: &Rule, earlier: &[Rule]) {
    if let Some(first) = earlier.iter().find(|first| hides(first, rule)) {
        let text = format!("never decides: {} ({}) matches all of it before", first.name, first.place);
        found.rule(Warning, "unreachable", rule, &text);
        return;
    }
    let is_tie =
        |other: &&Rule| other.priority == rule.priority && !same_action(other, rule) && !are_apart(other, rule);
    if let Some(other) = earlier.iter().find(is_tie) {
        let text = format!("has the priority of {}: which counts is decided by their order in the files", other.name);
        found.rule(Warning, "equal-priority", rule, &text);
    }
}

fn same_action(a: &Rule, b: &Rule) -> bool {
    match (&a.action, &b.action) {
        (Action::Route { targets: one, .. }, Action::Route { targets: other, .. }) => one == other,
        (Action::Deny { .. }, Action::Deny { .. }) => true,
        (Action::Route { .. }, Action::Deny { .. }) | (Action::Deny { .. }, Action::Route { .. }) => false,
    }
}

fn writes(rule: &Rule) -> bool {
    WRITES.iter().any(|verb| may(rule, &of_verb(verb, "write")))
}

/// Finds rules with several clusters whose objects differ.
fn several(found: &mut Found<'_>, rule: &Rule, balance: &Balance, targets: &[usize]) {
    let count = targets.len();
    if writes(rule) {
        let text =
            format!("writes go to one of {count} clusters: another user, or another rule, does not find the object");
        found.rule(Warning, "balanced-writes", rule, &text);
    }
    let hit: Vec<_> = SINGLETONS.iter().filter(|(sort, ..)| may(rule, sort)).collect();
    if !hit.is_empty() {
        let said: Vec<String> = hit.iter().map(|(_, name, why)| format!("{name} ({why})")).collect();
        let text = format!("balances over {count} clusters what must stay in one: {}", said.join(", "));
        found.rule(Warning, "balanced-singletons", rule, &text);
    }
    let scoped: Vec<&str> = CLUSTER_SCOPED.iter().filter(|(sort, _)| may(rule, sort)).map(|(_, name)| *name).collect();
    if !scoped.is_empty() {
        let text = format!("{} go to one of {count} clusters: the others do not get them", scoped.join(", "));
        found.rule(Warning, "cluster-scoped-balanced", rule, &text);
    }
    let config = found.config;
    let of = |target: &usize| config.clusters.get(*target);
    let (code, text) = match balance {
        Balance::NearestRegion if config.region.is_empty() => (
            "no-region",
            "nearest-region without `region`: the proxy does not know where it is, unless --region says so",
        ),
        Balance::Cheapest if targets.iter().filter_map(of).all(|c| c.cost == 0.0) => {
            ("no-cost", "cheapest, and no target has a `cost`: the first is always chosen")
        }
        Balance::MostFree if targets.iter().filter_map(of).all(|c| c.capacity == 0) => {
            ("no-capacity", "most-free, and no target has a `capacity`: nothing tells which is freer")
        }
        Balance::Weighted if targets.iter().filter_map(of).all(|c| c.weight == 0) => {
            ("no-weight", "weighted, and every target has weight 0: none takes new keys")
        }
        Balance::RoundRobin
        | Balance::Weighted
        | Balance::Random
        | Balance::LeastLoaded
        | Balance::NearestRegion
        | Balance::Cheapest
        | Balance::MostFree
        | Balance::TimeWindow(_) => return,
    };
    found.rule(Warning, code, rule, text);
}

/// Returns true if a verb that the rule leaves out goes to other targets: those of the first other rule that may match,
/// else home.
fn elsewhere(config: &ProxyConfig, rule: &Rule, verb: &'static str, class: &'static str, targets: &[usize]) -> bool {
    let takes =
        |other: &&Rule| other.name != rule.name && same_but_verbs(other, rule) && may(other, &of_verb(verb, class));
    match config.rules.iter().find(takes).map(|other| &other.action) {
        Some(Action::Route { targets: theirs, .. }) => theirs != targets,
        // Refused is not elsewhere.
        Some(Action::Deny { .. }) => false,
        None => config.home.is_none_or(|home| targets != [home]),
    }
}

/// Finds rules that send some verbs of an object to one cluster and other verbs to another.
fn split_verbs(found: &mut Found<'_>, rule: &Rule, targets: &[usize]) {
    let is_about_verbs = rule.conditions.iter().any(|c| matches!(c.field, Field::Verb | Field::Class));
    // Declared replicas are one world.
    if !is_about_verbs || rule.stateless {
        return;
    }
    let config = found.config;
    let all = READS.iter().map(|v| (*v, "read")).chain(WRITES.iter().map(|v| (*v, "write")));
    let split: Vec<&str> = all
        .filter(|(verb, class)| !may(rule, &of_verb(verb, class)) && elsewhere(config, rule, verb, class, targets))
        .map(|(verb, _)| verb)
        .collect();
    let takes_any = READS.iter().chain(WRITES).any(|verb| may(rule, &of_verb(verb, "")));
    if !split.is_empty() && takes_any {
        let text = format!("splits one object's verbs: {} of the same objects go elsewhere", split.join(", "));
        found.rule(Warning, "split-verbs", rule, &text);
    }
    let names_class = rule.conditions.iter().any(|c| c.field == Field::Class);
    let takes_get = may(rule, &sort("pods", "", "exec", "get", "connect"));
    let takes_writes = WRITES.iter().any(|verb| may(rule, &of_verb(verb, "write")));
    if !names_class && takes_get && !takes_writes {
        let text = "exec over WebSocket is a get too: add `type: class, value: read` if only reads are meant";
        found.rule(Warning, "connect-by-get", rule, text);
    }
}

/// Finds rules that match only a part of requests that belong together.
fn partial(found: &mut Found<'_>, rule: &Rule, targets: &[usize]) {
    let has = |wanted: fn(&Condition) -> bool| rule.conditions.iter().any(wanted);
    let names_namespace = has(|c| c.field == Field::Namespace && is_exact(c) && !c.negated);
    if has(|c| c.field == Field::Label { body: true }) && !names_namespace {
        let text = "creates by label go here, and the get by name that follows goes elsewhere: add a namespace and a rule for it";
        found.rule(Warning, "label-create", rule, text);
    } else if has(|c| c.field == Field::Label { body: false }) && !names_namespace {
        let text = "only lists and watches carry a label selector: a get by name goes elsewhere";
        found.rule(Warning, "label-partial", rule, text);
    }
    let is_about_kinds = has(|c| matches!(c.field, Field::Resource | Field::Group));
    let is_home = found.config.home.is_some_and(|home| targets == [home]);
    if is_about_kinds && !is_home && may(rule, &of_verb("create", "write")) {
        let text = "sends some kinds of a namespace elsewhere: the garbage collector there deletes what an owner in \
                    another cluster owns";
        found.rule(Warning, "split-owners", rule, text);
    }
}

/// Finds switches of a rule that have no effect, or conflict with its targets or verbs.
fn flags(found: &mut Found<'_>, rule: &Rule, targets: &[usize]) {
    let config = found.config;
    if rule.stateless && writes(rule) {
        let text = "stateless chooses for each request, and the rule takes writes: add `type: class, value: read`";
        found.rule(Error, "stateless-writes", rule, text);
    }
    if rule.stateless && targets.len() < 2 {
        found.rule(Warning, "stateless-alone", rule, "stateless counts with several targets only");
    }
    if rule.failover && targets.len() < 2 {
        found.rule(Warning, "failover-alone", rule, "failover needs another target to go to: name several");
    }
    if let Some(mirror) = rule.mirror
        && targets.contains(&mirror)
    {
        found.rule(Error, "mirror-self", rule, "mirrors to one of its own targets: that one answers everything twice");
    }
    let modes = targets.iter().filter_map(|target| config.clusters.get(*target)).map(|cluster| cluster.mode);
    if rule.allow_impersonation && modes.into_iter().any(|mode| mode != Mode::Swap) {
        let text = "allowImpersonation counts for targets of mode swap only";
        found.rule(Warning, "impersonation-mode", rule, text);
    }
}

/// Finds clusters that no request can reach.
fn unused(found: &mut Found<'_>) {
    let config = found.config;
    // Without rules every cluster has a port of its own, or is there to be used soon.
    if config.rules.is_empty() {
        return;
    }
    for (place, cluster) in config.clusters.iter().enumerate() {
        let named = |rule: &Rule| match &rule.action {
            Action::Route { targets, .. } => targets.contains(&place) || rule.mirror == Some(place),
            Action::Deny { .. } => false,
        };
        if config.home != Some(place) && !config.rules.iter().any(named) {
            let text = format!("no rule names {}, and it is not home", cluster.name);
            found.place("unused-cluster", &cluster.place, &text);
        }
    }
}
